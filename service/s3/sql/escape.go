package sql

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// escape reads what a backslash begins and appends what it stands for.
func (j *JSON) escape(to []byte) ([]byte, error) {
	j.src.take(1)
	c, err := j.peek()
	if err != nil {
		return to, err
	}
	j.src.take(1)
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return append(to, "\"\\/\b\f\n\r\t"[i]), nil
	}
	if c != 'u' {
		return to, errJSON
	}
	r, err := j.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return utf8.AppendRune(to, r), err
	}
	// The other half must follow; alone, neither is a character.
	if c, err = j.peek(); err != nil || c != '\\' {
		return utf8.AppendRune(to, utf8.RuneError), err
	}
	j.src.take(1)
	if c, err = j.peek(); err != nil {
		return to, err
	}
	if c != 'u' {
		return to, errJSON
	}
	j.src.take(1)
	low, err := j.hex()
	return utf8.AppendRune(to, utf16.DecodeRune(r, low)), err
}

// hex reads four hexadecimal digits.
func (j *JSON) hex() (rune, error) {
	var r rune
	for range 4 {
		c, err := j.peek()
		if err != nil {
			return 0, err
		}
		n := strings.IndexByte("0123456789abcdef", c|0x20)
		if n < 0 || c < '0' {
			return 0, errJSON
		}
		r = r<<4 | rune(n)
		j.src.take(1)
	}
	return r, nil
}
