package store

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// Cursor is a token of where a list goes on, for a client to hand back. It
// carries a checksum, so that what was made up or cut short is told from it.
func Cursor(at []byte) string {
	sealed := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(at))
	return base64.RawURLEncoding.EncodeToString(append(sealed, at...))
}

// ReadCursor is what a Cursor was made of; ok tells whether it is one.
func ReadCursor(token string) (at []byte, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 4 || binary.BigEndian.Uint32(b) != crc32.ChecksumIEEE(b[4:]) {
		return nil, false
	}
	return b[4:], true
}
