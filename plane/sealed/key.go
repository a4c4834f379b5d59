package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"pileus/rng"
)

// dataKeySize is the size of a file's key: 256 bits for the content, as many
// for the tweaks.
const dataKeySize = 64

// scheme names how content is encrypted, as dm-crypt does.
const scheme = "aes-xts-plain64"

// ErrKey means that a key cannot be opened: it was sealed under another master
// key, for another file, or is damaged.
var ErrKey = errors.New("the key of the encrypted content cannot be opened")

// Key encrypts one file. It may be used by several goroutines at once.
type Key struct {
	raw [dataKeySize]byte
	xts *xts
}

// NewKey makes a key that nothing else has.
func NewKey() (*Key, error) { return ParseKey(rng.Bytes(dataKeySize)) }

// ParseKey is the inverse of Key.Bytes.
func ParseKey(b []byte) (*Key, error) {
	if len(b) != dataKeySize {
		return nil, fmt.Errorf("%w: it has %d bytes, not %d", ErrKey, len(b), dataKeySize)
	}
	k := new(Key)
	copy(k.raw[:], b)
	var err error
	k.xts, err = newXTS(&k.raw)
	return k, err
}

// Bytes is the key in the clear, for a process that works for this one. It is
// never written to a file.
func (k *Key) Bytes() []byte { return k.raw[:] }

// Encrypt encrypts whole sectors in place; at is where in the file they lie, a
// multiple of Sector.
func (k *Key) Encrypt(b []byte, at int64) { k.xts.encrypt(b, b, uint64(at)/Sector) }

// Decrypt is the inverse of Encrypt. Sectors that hold only zeros were never
// written, and stay as they are.
func (k *Key) Decrypt(b []byte, at int64) { k.xts.decrypt(b, uint64(at)/Sector) }

// envelope is a key as it is kept.
type envelope struct {
	Cipher string `json:"cipher"`
	Sector int    `json:"sector"`
	Key    []byte `json:"key"` // nonce and ciphertext of AES-256-GCM
}

// Seal is the key as it may be kept beside the file: encrypted under master (32
// bytes) and bound to id, which is the file's.
func (k *Key) Seal(master []byte, id string) ([]byte, error) {
	box, err := wrapper(master)
	if err != nil {
		return nil, err
	}
	nonce := rng.Bytes(box.NonceSize())
	return json.Marshal(envelope{scheme, Sector, box.Seal(nonce, nonce, k.raw[:], []byte(id))})
}

// OpenKey is the inverse of Seal.
func OpenKey(master []byte, id string, kept []byte) (*Key, error) {
	box, err := wrapper(master)
	if err != nil {
		return nil, err
	}
	var e envelope
	if err := json.Unmarshal(kept, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if e.Cipher != scheme || e.Sector != Sector || len(e.Key) < box.NonceSize() {
		return nil, fmt.Errorf("%w: it is for %q in sectors of %d bytes", ErrKey, e.Cipher, e.Sector)
	}
	n := box.NonceSize()
	raw, err := box.Open(nil, e.Key[:n], e.Key[n:], []byte(id))
	if err != nil {
		return nil, ErrKey
	}
	return ParseKey(raw)
}

// wrapper seals keys. Its own key follows from the master key, which has other
// uses.
func wrapper(master []byte) (cipher.AEAD, error) {
	if len(master) == 0 {
		return nil, fmt.Errorf("%w: there is no master key", ErrKey)
	}
	key, err := hkdf.Key(sha256.New, master, nil, "pileus volumes", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
