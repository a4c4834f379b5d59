// Package rng is where randomness comes from: identifiers from a source that a
// test can seed, secrets from the operating system.
package rng

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"sync"
)

// Source makes identifiers. It is safe for concurrent use.
type Source interface {
	Uint64() uint64
	// String is n characters drawn from alphabet.
	String(n int, alphabet string) string
	// UUID is a version 4 UUID in its usual form.
	UUID() string
	// Float is in [0, 1): for rates and jitter.
	Float() float64
}

// Alphabets of AWS's identifiers.
const (
	Hex        = "0123456789abcdef"
	Base32     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // access keys and unique ids
	Base62     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	LowerAlNum = "abcdefghijklmnopqrstuvwxyz0123456789"
	Digits     = "0123456789"
)

type source struct {
	mu sync.Mutex
	r  *rand.Rand
}

// Seeded is a source that repeats itself for the same seed.
func Seeded(seed uint64) Source { return &source{r: rand.New(rand.NewPCG(seed, 0x70696c657573))} }

// New is a source seeded by the operating system.
func New() Source {
	var b [32]byte
	crand.Read(b[:])
	return &source{r: rand.New(rand.NewChaCha8(b))}
}

func (s *source) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Uint64()
}

func (s *source) Float() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Float64()
}

func (s *source) String(n int, alphabet string) string {
	b := make([]byte, n)
	s.mu.Lock()
	for i := range b {
		b[i] = alphabet[s.r.IntN(len(alphabet))]
	}
	s.mu.Unlock()
	return string(b)
}

func (s *source) UUID() string {
	s.mu.Lock()
	hi, lo := s.r.Uint64(), s.r.Uint64()
	s.mu.Unlock()
	var u [16]byte
	binary.BigEndian.PutUint64(u[:], hi)
	binary.BigEndian.PutUint64(u[8:], lo)
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	const hex = Hex
	b := make([]byte, 0, 36)
	for i, x := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, hex[x>>4], hex[x&15])
	}
	return string(b)
}

// Secret is n characters of alphabet from the operating system's generator:
// secret keys, session tokens, passwords. It is never seeded.
func Secret(n int, alphabet string) string {
	limit := 256 - 256%len(alphabet)
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		crand.Read(buf[:])
		for _, x := range buf {
			if int(x) < limit && len(out) < n {
				out = append(out, alphabet[int(x)%len(alphabet)])
			}
		}
	}
	return string(out)
}

// Bytes is n bytes from the operating system's generator.
func Bytes(n int) []byte {
	b := make([]byte, n)
	crand.Read(b)
	return b
}
