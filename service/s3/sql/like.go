package sql

import "unicode/utf8"

// likeRune is one element of a pattern: a character, any one, or any number.
type likeRune struct {
	c   rune
	any bool // _
	run bool // %
}

// compileLike reads a pattern of LIKE. escape is 0 for none.
func compileLike(pattern string, escape rune) ([]likeRune, error) {
	var out []likeRune
	escaped := false
	for _, c := range pattern {
		switch {
		case escaped:
			if c != '%' && c != '_' && c != escape {
				return nil, errEscape
			}
			out = append(out, likeRune{c: c})
			escaped = false
		case escape != 0 && c == escape:
			escaped = true
		case c == '_':
			out = append(out, likeRune{any: true})
		case c == '%':
			if n := len(out); n == 0 || !out[n-1].run {
				out = append(out, likeRune{run: true})
			}
		default:
			out = append(out, likeRune{c: c})
		}
	}
	if escaped {
		return nil, errEscape
	}
	return out, nil
}

// matchLike tells whether the whole of s fits the pattern. It goes back only
// to the last %, so it takes no more than len(s)*len(pattern) steps.
func matchLike(pattern []likeRune, s string) bool {
	p, at := 0, 0
	back, backAt := -1, 0
	for at < len(s) {
		c, n := utf8.DecodeRuneInString(s[at:])
		switch {
		case p < len(pattern) && pattern[p].run:
			back, backAt = p, at
			p++
		case p < len(pattern) && (pattern[p].any || pattern[p].c == c):
			p++
			at += n
		case back >= 0:
			_, n := utf8.DecodeRuneInString(s[backAt:])
			backAt += n
			p, at = back+1, backAt
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p].run {
		p++
	}
	return p == len(pattern)
}
