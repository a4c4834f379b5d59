package sqs

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// AppendRecord writes the message's fields in turn: numbers of eight bytes or
// of as many as they need, texts after their length. It takes the place of
// CBOR because a message is written and read more often than anything else.
func (m *message) AppendRecord(b []byte) []byte {
	b = appendText(b, m.Group) // first, for groupOf
	b = binary.AppendVarint(b, m.Queue)
	for _, t := range []time.Time{m.Visible, m.Sent, m.First, m.Taken, m.Receipt} {
		b = binary.BigEndian.AppendUint64(b, uint64(nanos(t)))
	}
	b = binary.AppendVarint(b, m.Order)
	b = binary.AppendVarint(b, m.Node)
	b = binary.AppendVarint(b, m.Seq)
	b = binary.AppendUvarint(b, uint64(m.Receives))
	b = binary.AppendUvarint(b, uint64(m.Tries))
	for _, s := range []string{m.ID, m.Sender, m.Dedup, m.Source, m.Trace, m.Body} {
		b = appendText(b, s)
	}
	if m.Spilled {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	return appendAttributes(b, m.Attributes)
}

// ParseRecord is the inverse of AppendRecord.
func (m *message) ParseRecord(b []byte) error {
	p := parser{b: b}
	m.Group, m.Queue = p.text(), p.int()
	for _, t := range []*time.Time{&m.Visible, &m.Sent, &m.First, &m.Taken, &m.Receipt} {
		*t = p.time()
	}
	m.Order, m.Node, m.Seq = p.int(), p.int(), p.int()
	m.Receives, m.Tries = int(p.uint()), int(p.uint())
	for _, s := range []*string{&m.ID, &m.Sender, &m.Dedup, &m.Source, &m.Trace, &m.Body} {
		*s = p.text()
	}
	m.Spilled = p.byte() == 1
	m.Attributes = p.attributes()
	return p.end()
}

// AppendRecord writes a spilled content in the same way.
func (x *payload) AppendRecord(b []byte) []byte {
	b = binary.AppendVarint(b, x.Queue)
	b = binary.AppendVarint(b, x.Order)
	b = binary.AppendVarint(b, x.Node)
	return appendAttributes(appendText(b, x.Body), x.Attributes)
}

// ParseRecord is the inverse of AppendRecord.
func (x *payload) ParseRecord(b []byte) error {
	p := parser{b: b}
	x.Queue, x.Order, x.Node = p.int(), p.int(), p.int()
	x.Body, x.Attributes = p.text(), p.attributes()
	return p.end()
}

func appendAttributes(b []byte, list []attribute) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = appendText(b, list[i].Name)
		b = appendText(b, list[i].Type)
		b = appendText(b, list[i].Value)
	}
	return b
}

// groupOf is the group in a message's record, without reading the rest.
func groupOf(record []byte) string {
	p := parser{b: record}
	return p.text()
}

var errRecord = errors.New("sqs: malformed message record")

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// nanos is t in nanoseconds since 1970; the zero time is the lowest number.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return math.MinInt64
	}
	return t.UnixNano()
}

func instant(n int64) time.Time {
	if n == math.MinInt64 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// parser reads what AppendRecord wrote; after an error it reads zeros.
type parser struct {
	b   []byte
	bad bool
}

// end is the error of a record that was too short or too long.
func (p *parser) end() error {
	if p.bad || len(p.b) > 0 {
		return errRecord
	}
	return nil
}

func (p *parser) attributes() (list []attribute) {
	n := p.uint()
	if n > uint64(len(p.b)) {
		p.fail()
		return nil
	}
	for range n {
		list = append(list, attribute{p.text(), p.text(), p.text()})
	}
	return list
}

func (p *parser) fail() { p.b, p.bad = nil, true }

func (p *parser) int() int64 {
	v, n := binary.Varint(p.b)
	if n <= 0 {
		p.fail()
		return 0
	}
	p.b = p.b[n:]
	return v
}

func (p *parser) uint() uint64 {
	v, n := binary.Uvarint(p.b)
	if n <= 0 {
		p.fail()
		return 0
	}
	p.b = p.b[n:]
	return v
}

func (p *parser) time() time.Time {
	if len(p.b) < 8 {
		p.fail()
		return time.Time{}
	}
	v := int64(binary.BigEndian.Uint64(p.b))
	p.b = p.b[8:]
	return instant(v)
}

func (p *parser) byte() byte {
	if len(p.b) < 1 {
		p.fail()
		return 0
	}
	v := p.b[0]
	p.b = p.b[1:]
	return v
}

func (p *parser) text() string {
	n := p.uint()
	if n > uint64(len(p.b)) {
		p.fail()
		return ""
	}
	s := string(p.b[:n])
	p.b = p.b[n:]
	return s
}
