package blob

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"pileus/rng"
)

// Content is cut into segments, each sealed by itself, so that a range can be
// read without the rest. A segment's nonce is its index: the key is the blob's
// own. Whether it is the last is bound into the seal, so that content cannot be
// cut short or extended unnoticed.
const (
	segment = 64 << 10
	tagSize = 16
	sealed  = segment + tagSize
	keySize = 32
)

var notLast, isLast = []byte{0}, []byte{1}

// sealSegment encrypts plain in place; it needs tagSize bytes of room behind.
func sealSegment(a cipher.AEAD, plain []byte, index int64, last bool) []byte {
	return a.Seal(plain[:0], nonce(a, index), plain, lastFlag(last))
}

// openSegment decrypts in place.
func openSegment(a cipher.AEAD, b []byte, index int64, last bool) ([]byte, error) {
	plain, err := a.Open(b[:0], nonce(a, index), b, lastFlag(last))
	if err != nil {
		return nil, fmt.Errorf("%w: segment %d: %w", ErrCorrupt, index, err)
	}
	return plain, nil
}

func lastFlag(last bool) []byte {
	if last {
		return isLast
	}
	return notLast
}

func nonce(a cipher.AEAD, index int64) []byte {
	n := make([]byte, a.NonceSize())
	binary.BigEndian.PutUint64(n[len(n)-8:], uint64(index))
	return n
}

// segments is how many segments content of a size has; what is empty has one.
func segments(size int64) int64 { return max(1, (size+segment-1)/segment) }

// sealedSize is what content of a size takes on the medium.
func sealedSize(size int64) int64 { return size + segments(size)*tagSize }

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("blob: a key of %d bytes, not %d", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// newKey makes a data key for the blob and wraps it, bound to the blob's id.
func newKey(wrapper cipher.AEAD, id string) (data cipher.AEAD, wrapped []byte, err error) {
	key := rng.Bytes(keySize)
	if data, err = newAEAD(key); err != nil {
		return nil, nil, err
	}
	wrapped = make([]byte, wrapper.NonceSize(), wrapper.NonceSize()+keySize+tagSize)
	copy(wrapped, rng.Bytes(len(wrapped)))
	return data, wrapper.Seal(wrapped, wrapped, key, []byte(id)), nil
}

func unwrapKey(wrapper cipher.AEAD, id string, wrapped []byte) (cipher.AEAD, error) {
	n := wrapper.NonceSize()
	if len(wrapped) != n+keySize+tagSize {
		return nil, fmt.Errorf("%w: a wrapped key of %d bytes", ErrCorrupt, len(wrapped))
	}
	key, err := wrapper.Open(nil, wrapped[:n], wrapped[n:], []byte(id))
	if err != nil {
		return nil, ErrKey
	}
	return newAEAD(key)
}
