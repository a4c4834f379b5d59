package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

// Sector is the unit of encryption in bytes. It is that of block devices, so
// that whatever a device is asked to write is whole sectors.
const Sector = 512

// xts is AES-256 in XTS mode (IEEE 1619) over sectors, whose number is the
// tweak: what dm-crypt calls aes-xts-plain64. golang.org/x/crypto has the mode,
// too, and says the same in the tests; it takes five times as long, because it
// goes from block to block, where the processor can work on several at once.
type xts struct{ data, tweak cipher.Block }

func newXTS(key *[dataKeySize]byte) (*xts, error) {
	data, err := aes.NewCipher(key[:dataKeySize/2])
	if err != nil {
		return nil, err
	}
	tweak, err := aes.NewCipher(key[dataKeySize/2:])
	return &xts{data, tweak}, err
}

// mask is what a sector's blocks are combined with before and after.
func (x *xts) mask(m *[Sector]byte, number uint64) {
	binary.LittleEndian.PutUint64(m[0:], number)
	binary.LittleEndian.PutUint64(m[8:], 0)
	x.tweak.Encrypt(m[:aes.BlockSize], m[:aes.BlockSize])
	lo, hi := binary.LittleEndian.Uint64(m[0:]), binary.LittleEndian.Uint64(m[8:])
	for i := aes.BlockSize; i < Sector; i += aes.BlockSize { // times x in GF(2^128)
		carry := uint64(int64(hi) >> 63)
		hi = hi<<1 | lo>>63
		lo = lo<<1 ^ 0x87&carry
		binary.LittleEndian.PutUint64(m[i:], lo)
		binary.LittleEndian.PutUint64(m[i+8:], hi)
	}
}

// encrypt encrypts whole sectors from src to dst, which may be the same; first
// is the number of the first.
func (x *xts) encrypt(dst, src []byte, first uint64) {
	var m [Sector]byte
	for ; len(src) >= Sector; first++ {
		d := dst[:Sector]
		x.mask(&m, first)
		subtle.XORBytes(d, src[:Sector], m[:])
		for i := 0; i < Sector; i += aes.BlockSize {
			x.data.Encrypt(d[i:i+aes.BlockSize], d[i:i+aes.BlockSize])
		}
		subtle.XORBytes(d, d, m[:])
		dst, src = dst[Sector:], src[Sector:]
	}
}

// decrypt decrypts whole sectors in place. Those that hold only zeros were
// never written, and stay so: that encryption makes such a sector has a chance
// of one in 2^4096.
func (x *xts) decrypt(b []byte, first uint64) {
	var m [Sector]byte
	for ; len(b) >= Sector; first++ {
		d := b[:Sector]
		b = b[Sector:]
		if zero(d) {
			continue
		}
		x.mask(&m, first)
		subtle.XORBytes(d, d, m[:])
		for i := 0; i < Sector; i += aes.BlockSize {
			x.data.Decrypt(d[i:i+aes.BlockSize], d[i:i+aes.BlockSize])
		}
		subtle.XORBytes(d, d, m[:])
	}
}

// zero tells whether a sector holds nothing but zeros.
func zero(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
	}
	return true
}
