package store

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
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

// PageOf is the page of a list that begins at a token, the first one at "", with
// the token of the next; ok tells whether the token is of this list. A token
// names the entry that the next page begins with and the last one shown: while
// one of them is there the list goes on where it was, whatever else was deleted
// or came meanwhile. name names an entry for good.
func PageOf[T any](list []T, token string, limit int, name func(T) string) (page []T, next string, ok bool) {
	if token != "" {
		at, ok := ReadCursor(token)
		first, last, both := bytes.Cut(at, []byte{0})
		if !ok || !both {
			return nil, "", false
		}
		begin := slices.IndexFunc(list, func(v T) bool { return name(v) == string(first) })
		if begin < 0 {
			begin = 1 + slices.IndexFunc(list, func(v T) bool { return name(v) == string(last) })
			if begin == 0 {
				return nil, "", false
			}
		}
		list = list[begin:]
	}
	limit = max(limit, 1)
	if len(list) <= limit {
		return list, "", true
	}
	return list[:limit], Cursor([]byte(name(list[limit]) + "\x00" + name(list[limit-1]))), true
}
