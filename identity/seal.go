package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"

	"pileus/rng"
	"pileus/store"
)

// sealKey is this cloud's own key, which never leaves it.
type sealKey struct{ Key []byte }

var sealKeys = &store.Table[sealKey]{
	Name: "identity.sealkey",
	Key:  func(*sealKey) store.Key { return store.K("key") },
	Memo: 4,
}

// EnsureSealKey makes the key of Seal unless there is one. The node calls it
// when a cloud begins.
func EnsureSealKey(tx store.Tx) {
	if !sealKeys.Has(tx, "key") {
		sealKeys.Put(tx, &sealKey{rng.Bytes(32)})
	}
}

// Seal encrypts and authenticates text that clients carry about and bring
// back, for one purpose. ok is false where the cloud has no key yet.
func Seal(r store.Reader, purpose string, text []byte) (sealed string, ok bool) {
	box, ok := sealer(r)
	if !ok {
		return "", false
	}
	nonce := rng.Bytes(box.NonceSize())
	return base64.RawURLEncoding.EncodeToString(box.Seal(nonce, nonce, text, []byte(purpose))), true
}

// Unseal is the inverse of Seal; ok is false for what this cloud has not
// sealed for that purpose.
func Unseal(r store.Reader, purpose, sealed string) (text []byte, ok bool) {
	box, ok := sealer(r)
	if !ok {
		return nil, false
	}
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(b) < box.NonceSize() {
		return nil, false
	}
	text, err = box.Open(nil, b[:box.NonceSize()], b[box.NonceSize():], []byte(purpose))
	return text, err == nil
}

func sealer(r store.Reader) (cipher.AEAD, bool) {
	k, ok := sealKeys.Get(r, "key")
	if !ok {
		return nil, false
	}
	block, err := aes.NewCipher(k.Key)
	if err != nil {
		return nil, false
	}
	box, err := cipher.NewGCM(block)
	return box, err == nil
}
