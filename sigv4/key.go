package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// signingKey is a key derived for one secret, day, region and service. It
// keeps keyed hashes ready, so that a signature costs no set-up.
type signingKey struct{ pool sync.Pool }

// scope is what a signing key is derived from.
type scope struct{ secret, date, region, service string }

// derive makes the signing key.
func (s scope) derive() *signingKey {
	key := mac([]byte("AWS4"+s.secret), s.date)
	key = mac(key, s.region)
	key = mac(key, s.service)
	key = mac(key, terminator)
	return &signingKey{pool: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

// sign is the signature of a string to sign, in lower-case hex, appended to dst.
func (k *signingKey) sign(dst, text []byte) []byte {
	h := k.pool.Get().(hash.Hash)
	h.Reset()
	h.Write(text)
	n := len(dst)
	dst = h.Sum(dst)
	k.pool.Put(h)
	return hexInPlace(dst, n)
}

// Keys caches derived signing keys: two generations of at most n each, so that
// it is bounded and keeps what is in use.
type Keys struct {
	mu       sync.Mutex
	n        int
	new, old map[scope]*signingKey
}

// NewKeys makes a cache of about n keys, at most 2n.
func NewKeys(n int) *Keys { return &Keys{n: n, new: make(map[scope]*signingKey)} }

// get is the key of a scope, derived where it is not known.
func (c *Keys) get(s scope) *signingKey {
	if c == nil {
		return s.derive()
	}
	c.mu.Lock()
	k := c.new[s]
	if k == nil {
		if k = c.old[s]; k == nil {
			k = s.derive()
		}
		if len(c.new) >= c.n {
			c.old, c.new = c.new, make(map[scope]*signingKey, c.n)
		}
		c.new[s] = k
	}
	c.mu.Unlock()
	return k
}

const hexDigits = "0123456789abcdef"

// hexInPlace rewrites the bytes of b from n on as hex, growing b.
func hexInPlace(b []byte, n int) []byte {
	size := len(b) - n
	for range size {
		b = append(b, 0)
	}
	for i := size - 1; i >= 0; i-- {
		c := b[n+i]
		b[n+2*i], b[n+2*i+1] = hexDigits[c>>4], hexDigits[c&15]
	}
	return b
}

// appendDigest appends the SHA-256 of data in hex.
func appendDigest(dst, data []byte) []byte {
	sum := sha256.Sum256(data)
	n := len(dst)
	return hexInPlace(append(dst, sum[:]...), n)
}
