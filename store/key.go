package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// Key is a tuple whose encoding sorts as its elements do: strings, []byte,
// integers, time.Time (to the nanosecond) and bool.
type Key []any

// K makes a key.
func K(parts ...any) Key { return parts }

// Type bytes order elements of different types; within a type the encoding
// that follows is order-preserving and self-delimiting.
const (
	tagBytes  = 0x01
	tagString = 0x02
	tagInt    = 0x03
	tagTime   = 0x04
	tagFalse  = 0x05
	tagTrue   = 0x06
)

// Append appends the key's encoding to b.
func (k Key) Append(b []byte) []byte {
	for _, p := range k {
		b = appendPart(b, p)
	}
	return b
}

func appendPart(b []byte, p any) []byte {
	switch p := p.(type) {
	case string:
		return appendEscaped(append(b, tagString), p)
	case []byte:
		return appendEscaped(append(b, tagBytes), p)
	case int:
		return appendInt(b, int64(p))
	case int32:
		return appendInt(b, int64(p))
	case int64:
		return appendInt(b, p)
	case time.Time:
		return binary.BigEndian.AppendUint64(append(b, tagTime), uint64(nanos(p))^(1<<63))
	case bool:
		if p {
			return append(b, tagTrue)
		}
		return append(b, tagFalse)
	default:
		panic(fmt.Sprintf("store: key element of type %T", p))
	}
}

func appendInt(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, tagInt), uint64(n)^(1<<63))
}

// appendEscaped writes s with 0x00 as 0x00 0xff, and ends it with 0x00, so
// that a shorter string sorts before its extensions.
func appendEscaped[S string | []byte](b []byte, s S) []byte {
	start := len(b)
	b = append(b, s...)
	if bytes.IndexByte(b[start:], 0) < 0 { // nearly always
		return append(b, 0)
	}
	b = b[:start]
	for i := range len(s) {
		if b = append(b, s[i]); s[i] == 0 {
			b = append(b, 0xff)
		}
	}
	return append(b, 0)
}

// firstTime and lastTime are what 64 bits of nanoseconds around 1970 can say.
var firstTime, lastTime = time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)

// nanos is t in nanoseconds since 1970, held within firstTime and lastTime.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(firstTime):
		return math.MinInt64
	case t.After(lastTime):
		return math.MaxInt64
	}
	return t.UnixNano()
}

var errKey = errors.New("store: malformed key")

// ParseKey is the inverse of Append.
func ParseKey(b []byte) (Key, error) {
	var k Key
	for len(b) > 0 {
		tag := b[0]
		b = b[1:]
		switch tag {
		case tagString, tagBytes:
			s, rest, err := cutEscaped(b)
			if err != nil {
				return nil, err
			}
			b = rest
			if tag == tagString {
				k = append(k, string(s))
			} else {
				k = append(k, s)
			}
		case tagInt, tagTime:
			if len(b) < 8 {
				return nil, errKey
			}
			n := int64(binary.BigEndian.Uint64(b) ^ (1 << 63))
			b = b[8:]
			if tag == tagInt {
				k = append(k, n)
			} else {
				k = append(k, time.Unix(0, n).UTC())
			}
		case tagFalse, tagTrue:
			k = append(k, tag == tagTrue)
		default:
			return nil, errKey
		}
	}
	return k, nil
}

func cutEscaped(b []byte) (s, rest []byte, err error) {
	if i := bytes.IndexByte(b, 0); i >= 0 && (i+1 == len(b) || b[i+1] != 0xff) {
		return bytes.Clone(b[:i:i]), b[i+1:], nil
	}
	s = []byte{}
	for i := 0; i < len(b); i++ {
		if b[i] != 0 {
			s = append(s, b[i])
			continue
		}
		if i+1 < len(b) && b[i+1] == 0xff {
			s = append(s, 0)
			i++
			continue
		}
		return s, b[i+1:], nil
	}
	return nil, nil, errKey
}

// Next is the smallest key after every key that starts with prefix; nil means
// the end of the space.
func Next(prefix []byte) []byte {
	n := append([]byte(nil), prefix...)
	for i := len(n) - 1; i >= 0; i-- {
		if n[i] != 0xff {
			n[i]++
			return n[:i+1]
		}
	}
	return nil
}
