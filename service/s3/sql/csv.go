package sql

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Header is what the first record of a CSV object is.
type Header uint8

// NoHeader: a record as any other. SkipHeader: nothing. UseHeader: the names
// of the columns.
const (
	NoHeader Header = iota
	SkipHeader
	UseHeader
)

// CSVFormat is how records and fields are told apart. A byte of 0 is none.
type CSVFormat struct {
	Header          Header
	Comment         byte // begins lines that are no records
	Quote, Escape   byte
	Field, Record   string // delimiters
	QuotedDelimiter bool   // record delimiters may stand in quotes
}

// CSV reads records.
type CSV struct {
	format  CSVFormat
	src     source
	section Section
	sync    bool // the next record begins behind the next delimiter
	started bool
	header  []string // names of the columns
	names   []string // the same, with _N for the columns beyond
	row     Row
	fields  []Value
}

// NewCSV reads the records of a section of an object.
func NewCSV(r io.Reader, f CSVFormat, s Section) *CSV {
	return &CSV{format: f, src: source{r: r, at: s.From}, section: s, sync: s.Within}
}

// ReadHeader reads the header if there is one, and is the names of the
// columns; nil where they have none. It comes before Next.
func (c *CSV) ReadHeader() ([]string, error) {
	c.started = true
	if c.format.Header == NoHeader || c.sync {
		return nil, nil
	}
	line, err := c.line()
	if err != nil || c.format.Header == SkipHeader {
		if err == io.EOF {
			err = nil
		}
		return nil, err
	}
	if err := c.split(line); err != nil {
		return nil, err
	}
	for _, v := range c.fields {
		c.header = append(c.header, v.text)
	}
	c.names = slices.Clone(c.header)
	return c.header, nil
}

// SetHeader gives names to the columns of a section that the header is not in.
func (c *CSV) SetHeader(names []string) {
	c.header, c.names = names, slices.Clone(names)
}

// Next is the next record, which stands until the call after; io.EOF behind
// the last.
func (c *CSV) Next() (Value, error) {
	if !c.started {
		if _, err := c.ReadHeader(); err != nil {
			return Value{}, err
		}
	}
	line, err := c.line()
	if err != nil {
		return Value{}, err
	}
	if err := c.split(line); err != nil {
		return Value{}, err
	}
	for n := len(c.names); n < len(c.fields); n++ {
		c.names = append(c.names, "_"+itoa(n+1))
	}
	c.row = Row{Names: c.names[:len(c.fields)], Values: c.fields, Positional: true}
	return structure(&c.row), nil
}

// line is the next record as text: neither empty nor a comment.
func (c *CSV) line() (string, error) {
	if c.sync {
		c.sync = false
		if err := c.skipDelimiter(); err != nil {
			return "", err
		}
	}
	for {
		at := c.src.at
		line, err := c.cut()
		if err != nil {
			return "", err
		}
		if at > c.section.To {
			return "", io.EOF
		}
		if at == 0 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")) // byte order mark
		}
		if c.format.Record == "\n" {
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		if len(line) == 0 || c.format.Comment != 0 && line[0] == c.format.Comment {
			continue
		}
		if !utf8.Valid(line) {
			return "", errEncoding(at)
		}
		return string(line), nil
	}
}

// cut takes the next record off the source. The bytes stand until the source
// is read again.
func (c *CSV) cut() ([]byte, error) {
	for {
		if n := c.end(c.src.buf); n >= 0 {
			if n > maxRecord {
				return nil, errRecordTooLong
			}
			line := c.src.buf[:n]
			c.src.take(n + len(c.format.Record))
			return line, nil
		}
		if len(c.src.buf) > maxRecord+len(c.format.Record) {
			return nil, errRecordTooLong
		}
		if c.src.fill() {
			continue
		}
		if err := c.src.failure(); err != nil {
			return nil, err
		}
		line := c.src.buf
		if c.src.take(len(line)); len(line) == 0 {
			return nil, io.EOF
		}
		if len(line) > maxRecord {
			return nil, errRecordTooLong
		}
		return line, nil
	}
}

// skipDelimiter goes behind the first delimiter.
func (c *CSV) skipDelimiter() error {
	delimiter := []byte(c.format.Record)
	for {
		if n := bytes.Index(c.src.buf, delimiter); n >= 0 {
			c.src.take(n + len(delimiter))
			return nil
		}
		c.src.take(max(0, len(c.src.buf)-len(delimiter)+1))
		if !c.src.fill() {
			if err := c.src.failure(); err != nil {
				return err
			}
			return io.EOF
		}
	}
}

// end is where the first record of b ends, -1 if its end is not in b.
func (c *CSV) end(b []byte) int {
	f := &c.format
	if !f.QuotedDelimiter || f.Quote == 0 || bytes.IndexByte(b, f.Quote) < 0 {
		return bytes.Index(b, []byte(f.Record))
	}
	begins := true // of a field
	for i := 0; i < len(b); {
		switch {
		case begins && b[i] == f.Quote:
			if i = f.closing(b, i+1); i < 0 {
				return -1
			}
			i++
			begins = false
		case b[i] == f.Record[0] && bytes.HasPrefix(b[i:], []byte(f.Record)):
			return i
		case b[i] == f.Field[0] && bytes.HasPrefix(b[i:], []byte(f.Field)):
			i += len(f.Field)
			begins = true
		default:
			i++
			begins = false
		}
	}
	return -1
}

// closing is where the quote that opened before from closes, -1 if nowhere.
func (f *CSVFormat) closing(b []byte, from int) int {
	for i := from; i < len(b); i++ {
		switch {
		case f.escapes(b, i):
			i++
		case b[i] == f.Quote:
			return i
		}
	}
	return -1
}

// escapes tells whether b[i] makes the next byte stand for itself.
func (f *CSVFormat) escapes(b []byte, i int) bool {
	return f.Escape != 0 && b[i] == f.Escape && i+1 < len(b) && (b[i+1] == f.Quote || b[i+1] == f.Escape)
}

// split takes a record apart into c.fields.
func (c *CSV) split(line string) error {
	c.fields = c.fields[:0]
	quoted := c.format.Quote != 0 && strings.IndexByte(line, c.format.Quote) >= 0
	for {
		if quoted && line != "" && line[0] == c.format.Quote {
			rest, err := c.quotedField(line)
			if err != nil {
				return err
			}
			if rest == "" {
				return nil
			}
			after, ok := strings.CutPrefix(rest, c.format.Field)
			if !ok {
				return errCSVQuote
			}
			line = after
			continue
		}
		value, rest, more := strings.Cut(line, c.format.Field)
		c.fields = append(c.fields, field(value))
		if !more {
			return nil
		}
		line = rest
	}
}

// quotedField takes a field in quotes off the line.
func (c *CSV) quotedField(line string) (rest string, err error) {
	f := &c.format
	b := []byte(line)
	n := f.closing(b, 1)
	if n < 0 {
		if !f.QuotedDelimiter {
			return "", errCSVDelimiter
		}
		return "", errCSV
	}
	value := line[1:n]
	if f.Escape != 0 && strings.IndexByte(value, f.Escape) >= 0 {
		plain := make([]byte, 0, len(value))
		for i := 1; i < n; i++ {
			if f.escapes(b[:n], i) {
				i++
			}
			plain = append(plain, b[i])
		}
		value = string(plain)
	}
	c.fields = append(c.fields, field(value))
	return line[n+1:], nil
}
