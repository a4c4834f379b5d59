package sql

import (
	"strings"
)

// Writer writes results. Append adds one to b; after an error b is as it was.
type Writer interface {
	Append(b []byte, r *Row) ([]byte, error)
}

// JSONWriter writes objects. Members that are MISSING are left out.
type JSONWriter struct{ Record string }

// Append adds a result.
func (w *JSONWriter) Append(b []byte, r *Row) ([]byte, error) {
	out := append(appendRow(b, r), w.Record...)
	if len(out)-len(b) > maxRecord+len(w.Record) {
		return b, errRecordTooLong
	}
	return out, nil
}

func appendRow(b []byte, r *Row) []byte {
	b = append(b, '{')
	n := 0
	for i, v := range r.Values {
		if v.Kind == Missing {
			continue
		}
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(appendQuoted(b, r.Names[i]), ':')
		b = appendValue(b, v)
	}
	return append(b, '}')
}

func appendValue(b []byte, v Value) []byte {
	switch v.Kind {
	case Missing, Null:
		return append(b, "null"...)
	case Struct:
		return appendRow(b, v.row())
	case List:
		b = append(b, '[')
		for i, x := range v.items() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, x)
		}
		return append(b, ']')
	case String, Text, Time:
		s, _ := v.asText()
		return appendQuoted(b, s)
	}
	s, _ := v.asText()
	return append(b, s...)
}

// appendQuoted writes a string of JSON, with no more escapes than needed.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		if n := strings.IndexByte("\"\\\b\f\n\r\t", c); n >= 0 {
			b = append(b, '\\', `"\bfnrt`[n])
			continue
		}
		const hex = "0123456789abcdef"
		b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	return append(append(b, s[from:]...), '"')
}

// CSVWriter writes lines.
type CSVWriter struct {
	Always        bool // quote every field, not only those that need it
	Quote, Escape byte
	Field, Record string
}

// Append adds a result. What is null or missing is an empty field.
func (w *CSVWriter) Append(b []byte, r *Row) ([]byte, error) {
	out := b
	for i, v := range r.Values {
		if i > 0 {
			out = append(out, w.Field...)
		}
		s, ok := v.asText()
		if !ok && !v.unknown() {
			s = string(appendValue(nil, v))
		}
		if !w.Always && !w.needs(s) {
			out = append(out, s...)
			continue
		}
		out = append(out, w.Quote)
		for j := 0; j < len(s); j++ {
			if s[j] == w.Quote || s[j] == w.Escape {
				out = append(out, w.Escape)
			}
			out = append(out, s[j])
		}
		out = append(out, w.Quote)
	}
	if out = append(out, w.Record...); len(out)-len(b) > maxRecord+len(w.Record) {
		return b, errRecordTooLong
	}
	return out, nil
}

// needs tells whether a field must be quoted to be read again as it was.
func (w *CSVWriter) needs(s string) bool {
	return strings.IndexByte(s, w.Quote) >= 0 || strings.Contains(s, w.Field) || strings.Contains(s, w.Record) || strings.ContainsAny(s, "\r\n")
}
