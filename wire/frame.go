package wire

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"time"
)

// frame is one message of application/vnd.amazon.eventstream.
//
//	total length 4, headers length 4, CRC of these 8 bytes 4
//	headers, payload
//	CRC of everything before 4
type frame struct {
	headers []frameHeader
	payload []byte
}

// frameHeader holds one of bool, int64, []byte, string, time.Time, [16]byte.
type frameHeader struct {
	name  string
	value any
}

// Limits of a message, as AWS documents them.
const (
	maxFrame        = 24 << 20
	maxFrameHeaders = 128 << 10
	frameOverhead   = 16
)

var errFrame = errors.New("malformed event stream message")

// Types of header values.
const (
	frameTrue byte = iota
	frameFalse
	frameByte
	frameShort
	frameInt
	frameLong
	frameBytes
	frameString
	frameTime
	frameUUID
)

func (f *frame) get(name string) string {
	for _, h := range f.headers {
		if s, ok := h.value.(string); ok && h.name == name {
			return s
		}
	}
	return ""
}

// readFrame reads one message; io.EOF says that the stream ended between two.
func readFrame(r io.Reader) (*frame, error) {
	var prelude [12]byte
	if n, err := io.ReadFull(r, prelude[:]); err != nil {
		if n == 0 && err == io.EOF {
			return nil, io.EOF
		}
		return nil, errFrame
	}
	total := binary.BigEndian.Uint32(prelude[:])
	headers := binary.BigEndian.Uint32(prelude[4:])
	if crc32.ChecksumIEEE(prelude[:8]) != binary.BigEndian.Uint32(prelude[8:]) ||
		total < frameOverhead || total > maxFrame || headers > maxFrameHeaders || headers > total-frameOverhead {
		return nil, errFrame
	}
	rest := make([]byte, total-12)
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, errFrame
	}
	body := rest[:len(rest)-4]
	sum := crc32.Update(crc32.ChecksumIEEE(prelude[:]), crc32.IEEETable, body)
	if sum != binary.BigEndian.Uint32(rest[len(rest)-4:]) {
		return nil, errFrame
	}
	list, err := parseFrameHeaders(body[:headers])
	if err != nil {
		return nil, err
	}
	return &frame{headers: list, payload: body[headers:]}, nil
}

func parseFrameHeaders(b []byte) (list []frameHeader, err error) {
	for len(b) > 0 {
		n := int(b[0])
		if n == 0 || len(b) < n+2 {
			return nil, errFrame
		}
		h := frameHeader{name: string(b[1 : 1+n])}
		kind := b[1+n]
		if h.value, b, err = frameValue(kind, b[2+n:]); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, nil
}

func frameValue(kind byte, b []byte) (any, []byte, error) {
	size := 0
	switch kind {
	case frameTrue, frameFalse:
		return kind == frameTrue, b, nil
	case frameByte:
		size = 1
	case frameShort:
		size = 2
	case frameInt:
		size = 4
	case frameLong, frameTime:
		size = 8
	case frameUUID:
		size = 16
	case frameBytes, frameString:
		if len(b) < 2 {
			return nil, nil, errFrame
		}
		size = int(binary.BigEndian.Uint16(b))
		b = b[2:]
	default:
		return nil, nil, errFrame
	}
	if len(b) < size {
		return nil, nil, errFrame
	}
	v, rest := b[:size], b[size:]
	switch kind {
	case frameByte:
		return int64(int8(v[0])), rest, nil
	case frameShort:
		return int64(int16(binary.BigEndian.Uint16(v))), rest, nil
	case frameInt:
		return int64(int32(binary.BigEndian.Uint32(v))), rest, nil
	case frameLong:
		return int64(binary.BigEndian.Uint64(v)), rest, nil
	case frameTime:
		return time.UnixMilli(int64(binary.BigEndian.Uint64(v))).UTC(), rest, nil
	case frameUUID:
		return [16]byte(v), rest, nil
	case frameString:
		return string(v), rest, nil
	}
	return append([]byte{}, v...), rest, nil
}

// append writes the message.
func (f *frame) append(b []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, 12)...)
	for _, h := range f.headers {
		b = appendFrameHeader(b, h)
	}
	headers := len(b) - start - 12
	b = append(b, f.payload...)
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start+4))
	binary.BigEndian.PutUint32(b[start+4:], uint32(headers))
	binary.BigEndian.PutUint32(b[start+8:], crc32.ChecksumIEEE(b[start:start+8]))
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:]))
}

func appendFrameHeader(b []byte, h frameHeader) []byte {
	name := h.name[:min(len(h.name), math.MaxUint8)]
	b = append(append(b, byte(len(name))), name...)
	switch v := h.value.(type) {
	case bool:
		if v {
			return append(b, frameTrue)
		}
		return append(b, frameFalse)
	case int32:
		return binary.BigEndian.AppendUint32(append(b, frameInt), uint32(v))
	case int64:
		return binary.BigEndian.AppendUint64(append(b, frameLong), uint64(v))
	case time.Time:
		return binary.BigEndian.AppendUint64(append(b, frameTime), uint64(v.UnixMilli()))
	case [16]byte:
		return append(append(b, frameUUID), v[:]...)
	case []byte:
		v = v[:min(len(v), math.MaxUint16)]
		return append(binary.BigEndian.AppendUint16(append(b, frameBytes), uint16(len(v))), v...)
	case string:
		v = v[:min(len(v), math.MaxUint16)]
		return append(binary.BigEndian.AppendUint16(append(b, frameString), uint16(len(v))), v...)
	}
	panic("wire: no event header carries such a value")
}
