// Package blob keeps content: small values inline in the store, larger ones as
// files that are written and synced before the transaction that names them.
// Every blob is sealed with AES-256-GCM, a file in segments under a key of its
// own, so content is encrypted at rest and checked on every read.
package blob

import (
	"context"
	"errors"
	"io"

	"pileus/store"
)

// Ref names stored content and is what a record keeps of it. It is small and
// is encoded with the record.
type Ref struct {
	ID     string `cbor:"1,keyasint,omitempty"` // of the file or row; "" for no content at all
	Size   int64  `cbor:"2,keyasint,omitempty"` // of the plain content, in bytes
	Inline bool   `cbor:"3,keyasint,omitempty"` // kept in the store, under ID
	Key    []byte `cbor:"4,keyasint,omitempty"` // the data key, wrapped by the caller's or the store's master key; none for inline content under the latter
}

// Options of a write.
type Options struct {
	// CustomerKey (32 bytes) seals the content under a key that is not kept
	// (SSE-C); reading needs it again. Nil: the store's master key wraps the
	// data key.
	CustomerKey []byte
	// SizeHint is the expected size, -1 when unknown.
	SizeHint int64
}

var (
	// ErrCorrupt means that content is not what was written, or is gone.
	ErrCorrupt = errors.New("blob: content is corrupt")
	// ErrKey means that the customer key is not the one of the write.
	ErrKey = errors.New("blob: wrong key")
)

// Store keeps content beside a store.Store.
//
// Writing has two steps. Write streams the content to its place and makes it
// durable; nothing refers to it yet. Then a transaction calls Commit of the
// pending blob and stores the Ref in a record:
//
//	p, err := blobs.Write(ctx, body, blob.Options{SizeHint: length})
//	if err != nil { ... }
//	defer p.Discard()
//	err = db.Update(ctx, func(tx store.Tx) error {
//		record.Body = p.Commit(tx)
//		...
//	})
//
// Each Ref belongs to one record; when that goes or gets other content, its
// transaction calls Delete.
type Store interface {
	// Write reads r to its end. Errors of r are returned as they are; a full
	// disk is store.ErrFull. After an error nothing is left behind. Memory
	// used does not depend on the size.
	Write(ctx context.Context, r io.Reader, o Options) (*Pending, error)
	// Open reads content from offset, length bytes (-1: to the end; no more
	// than there is). It is called within the View that found ref, and the
	// reader may be used after it. The reader implements io.WriterTo. Corrupt
	// content fails the read with ErrCorrupt.
	Open(ctx context.Context, rd store.Reader, ref Ref, customerKey []byte, offset, length int64) (io.ReadCloser, error)
	// Concat makes one blob of several, in order, without copying: what
	// completes a multipart upload. The parts belong to the new blob from
	// then on. They have been committed, and were sealed under one customer
	// key or none.
	Concat(tx store.Tx, parts ...Ref) Ref
	// Delete removes content as the transaction commits. Readers that are
	// open go on.
	Delete(tx store.Tx, ref Ref)
}
