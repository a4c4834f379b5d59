package wire

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// token reads a string. What it returns is good until the next token.
func (d *jsonReader) token() ([]byte, error) {
	if d.peek() != '"' {
		if d.i < len(d.b) {
			return nil, errType
		}
		return nil, errJSON
	}
	d.i++
	start := d.i
	for i, c := range d.b[start:] {
		switch {
		case c == '"':
			d.i = start + i + 1
			return d.b[start : start+i], nil
		case c == '\\':
			d.buf = append(d.buf[:0], d.b[start:start+i]...)
			d.i = start + i
			return d.escaped()
		case c < ' ':
			return nil, errJSON
		}
	}
	return nil, errJSON
}

// escaped reads the rest of a string from its first backslash on.
func (d *jsonReader) escaped() ([]byte, error) {
	for d.i < len(d.b) {
		c := d.b[d.i]
		switch {
		case c == '"':
			d.i++
			return d.buf, nil
		case c < ' ':
			return nil, errJSON
		case c != '\\':
			d.buf = append(d.buf, c)
			d.i++
			continue
		}
		if d.i+1 >= len(d.b) {
			return nil, errJSON
		}
		e := d.b[d.i+1]
		d.i += 2
		switch e {
		case '"', '\\', '/':
			d.buf = append(d.buf, e)
		case 'b':
			d.buf = append(d.buf, '\b')
		case 'f':
			d.buf = append(d.buf, '\f')
		case 'n':
			d.buf = append(d.buf, '\n')
		case 'r':
			d.buf = append(d.buf, '\r')
		case 't':
			d.buf = append(d.buf, '\t')
		case 'u':
			r, err := d.unicode()
			if err != nil {
				return nil, err
			}
			d.buf = utf8.AppendRune(d.buf, r)
		default:
			return nil, errJSON
		}
	}
	return nil, errJSON
}

func (d *jsonReader) unicode() (rune, error) {
	r, ok := d.hex4()
	if !ok {
		return 0, errJSON
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if d.i+6 <= len(d.b) && d.b[d.i] == '\\' && d.b[d.i+1] == 'u' {
		d.i += 2
		low, ok := d.hex4()
		if !ok {
			return 0, errJSON
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
		d.i -= 6
	}
	return utf8.RuneError, nil
}

func (d *jsonReader) hex4() (rune, bool) {
	if d.i+4 > len(d.b) {
		return 0, false
	}
	n, err := strconv.ParseUint(text(d.b[d.i:d.i+4]), 16, 16)
	if err != nil {
		return 0, false
	}
	d.i += 4
	return rune(n), true
}

// number reads a number's characters and checks JSON's grammar of them.
func (d *jsonReader) number() ([]byte, error) {
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		if d.i < len(d.b) {
			return nil, errType
		}
		return nil, errJSON
	}
	start := d.i
	if d.b[d.i] == '-' {
		d.i++
	}
	digits := func() bool {
		from := d.i
		for d.i < len(d.b) && d.b[d.i] >= '0' && d.b[d.i] <= '9' {
			d.i++
		}
		return d.i > from
	}
	whole := d.i
	if !digits() || d.b[whole] == '0' && d.i-whole > 1 {
		return nil, errJSON
	}
	if d.i < len(d.b) && d.b[d.i] == '.' {
		d.i++
		if !digits() {
			return nil, errJSON
		}
	}
	if d.i < len(d.b) && (d.b[d.i] == 'e' || d.b[d.i] == 'E') {
		d.i++
		if d.i < len(d.b) && (d.b[d.i] == '+' || d.b[d.i] == '-') {
			d.i++
		}
		if !digits() {
			return nil, errJSON
		}
	}
	return d.b[start:d.i], nil
}

// skip reads over a value that no member takes.
func (d *jsonReader) skip() error {
	switch c := d.peek(); c {
	case '{', '[':
		end := byte('}')
		if c == '[' {
			end = ']'
		}
		if err := d.open(c); err != nil {
			return err
		}
		for first := true; ; first = false {
			more, err := d.more(first, end)
			if err != nil || !more {
				return err
			}
			if c == '{' {
				if _, err := d.token(); err != nil {
					return err
				}
				if err := d.colon(); err != nil {
					return err
				}
			}
			if err := d.skip(); err != nil {
				return err
			}
		}
	case '"':
		_, err := d.token()
		return err
	case 't', 'f', 'n':
		if d.literal("true") || d.literal("false") || d.literal("null") {
			return nil
		}
		return errJSON
	}
	_, err := d.number()
	return err
}
