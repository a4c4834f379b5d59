// Package blob keeps content: small values inline in the store, larger ones as
// files that are written and synced before the transaction that names them.
// Every blob is sealed with AES-256-GCM in segments under a key of its own, so
// content is encrypted at rest and checked on every read.
package blob

import (
	"context"
	"io"

	"pileus/store"
)

// Ref names stored content and is what a record keeps of it. It is small and
// is encoded with the record.
type Ref struct {
	ID     string `cbor:"1,keyasint,omitempty"` // file id; empty for inline content
	Size   int64  `cbor:"2,keyasint,omitempty"` // of the plain content, in bytes
	Inline bool   `cbor:"3,keyasint,omitempty"` // kept in the store, under ID
	Key    []byte `cbor:"4,keyasint,omitempty"` // the data key, wrapped by the caller's or the store's master key
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

// Store keeps content beside a store.Store.
//
// Writing has two steps. Write streams the content to its place and makes it
// durable; nothing refers to it yet. Then a transaction calls Commit with the
// pending blob and stores the Ref in a record. A pending blob that is never
// committed is discarded by Discard, or collected as an orphan after a crash.
type Store interface {
	// Write reads r to its end. Errors of r are returned as they are. Memory
	// used does not depend on the size.
	Write(ctx context.Context, r io.Reader, o Options) (*Pending, error)
	// Open reads content from offset, length bytes (-1: to the end). The
	// reader may implement io.WriterTo. Corrupt content fails the read with
	// ErrCorrupt.
	Open(ctx context.Context, rd store.Reader, ref Ref, customerKey []byte, offset, length int64) (io.ReadCloser, error)
}
