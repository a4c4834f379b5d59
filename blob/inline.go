package blob

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"strconv"
	"sync"
)

// Small content is sealed under a key of the run that wrote it, in the place of
// one of its own: making and unwrapping a key costs more than sealing a few
// kilobytes. The run's key is derived from the master key and the run's name,
// the nonce is the blob's number within the run, and both are the blob's id:
// no nonce comes twice, and content under another id does not open. What a
// customer's key seals has a key of its own.
type runKeys struct {
	master []byte
	mu     sync.RWMutex
	byRun  map[string]cipher.AEAD
}

// runLength is how many characters of an id name the run.
const runLength = 12

// of is the key and the nonce's number of a blob.
func (k *runKeys) of(id string) (cipher.AEAD, int64, error) {
	if len(id) <= runLength {
		return nil, 0, fmt.Errorf("%w: its id is too short", ErrCorrupt)
	}
	run := id[:runLength]
	number, err := strconv.ParseInt(id[runLength:], 16, 64)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: its id is malformed", ErrCorrupt)
	}
	k.mu.RLock()
	a := k.byRun[run]
	k.mu.RUnlock()
	if a == nil {
		if a, err = k.derive(run); err != nil {
			return nil, 0, err
		}
	}
	return a, number, nil
}

func (k *runKeys) derive(run string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.master, nil, "pileus inline content of run "+run, keySize)
	if err != nil {
		return nil, err
	}
	a, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byRun[run] = a
	return a, nil
}

// sealInline seals plain, which fits into the store, and sets p's Ref.
func (d *Dir) sealInline(p *Pending, plain, customerKey []byte) (err error) {
	data, number := cipher.AEAD(nil), int64(0)
	if customerKey == nil {
		data, number, err = d.runs.of(p.Ref.ID)
	} else if data, err = newAEAD(customerKey); err == nil {
		data, p.Ref.Key, err = newKey(data, p.Ref.ID)
	}
	if err != nil {
		return err
	}
	p.Ref.Inline, p.Ref.Size = true, int64(len(plain))
	p.buf = d.small(len(plain) + tagSize)
	p.sealed = sealSegment(data, append((*p.buf)[:0], plain...), number, true)
	return nil
}

// decryptInline decrypts the row of inline content into dst.
func (d *Dir) decryptInline(dst, row []byte, ref Ref, customerKey []byte) ([]byte, error) {
	var data cipher.AEAD
	var number int64
	var err error
	switch {
	case len(ref.Key) > 0:
		data, err = d.unwrap(ref, customerKey)
	case customerKey != nil:
		err = ErrKey
	default:
		data, number, err = d.runs.of(ref.ID)
	}
	if err != nil {
		return nil, err
	}
	plain, err := data.Open(dst, nonce(data, number), row, isLast)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return plain, nil
}

// small is a buffer with room for n bytes, which are those of inline content.
func (d *Dir) small(n int) *[]byte {
	if b, ok := d.smalls.Get().(*[]byte); ok && cap(*b) >= n {
		return b
	}
	b := make([]byte, 0, (n+4095)&^4095)
	return &b
}

// inlineReader reads content that is in memory.
type inlineReader struct {
	bytes.Reader
	dir *Dir
	buf *[]byte // of dir's; nil once closed
}

func (r *inlineReader) Close() error {
	if r.buf != nil {
		r.Reset(nil)
		r.dir.smalls.Put(r.buf)
		r.buf = nil
	}
	return nil
}
