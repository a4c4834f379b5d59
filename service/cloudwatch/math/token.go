package math

import (
	"strings"
	"unicode/utf8"
)

// tokenKind tells what a token is.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenNumber           // 5, 2.5, 1e3
	tokenText             // "..." or '...'
	tokenName             // m1, SUM, AND
	tokenSign             // operators and brackets
)

type token struct {
	kind tokenKind
	text string
}

// signs are the operators and brackets, the longer ones first.
var signs = []string{"==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]", ","}

// tokens splits an expression. The last token is a tokenEnd.
func tokens(s string) (list []token, err error) {
	for s = skipSpace(s); s != ""; s = skipSpace(s) {
		t, rest, err := nextToken(s)
		if err != nil {
			return nil, err
		}
		list, s = append(list, t), rest
	}
	return append(list, token{}), nil
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t\r\n") }

func nextToken(s string) (t token, rest string, err error) {
	switch ch := s[0]; {
	case isDigit(ch) || ch == '.':
		n := numberLength(s)
		return token{tokenNumber, s[:n]}, s[n:], nil
	case isLetter(ch):
		n := 1
		for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
			n++
		}
		return token{tokenName, s[:n]}, s[n:], nil
	case ch == '"' || ch == '\'':
		text, rest, ok := quoted(s)
		if !ok {
			return t, "", errSyntax
		}
		return token{tokenText, text}, rest, nil
	}
	for _, sign := range signs {
		if strings.HasPrefix(s, sign) {
			return token{tokenSign, sign}, s[len(sign):], nil
		}
	}
	return t, "", errSyntax
}

// quoted is the text between the quotes that s begins with. The other kind of
// quotes may stand in it, and so may backslashes, which SEARCH reads.
func quoted(s string) (text, rest string, ok bool) {
	end := strings.IndexByte(s[1:], s[0])
	if end < 0 || !utf8.ValidString(s[:end+1]) {
		return "", "", false
	}
	return s[1 : end+1], s[end+2:], true
}

// numberLength is how long the number at the beginning of s is.
func numberLength(s string) int {
	n := 0
	for n < len(s) && (isDigit(s[n]) || s[n] == '.') {
		n++
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		m := n + 1
		if m < len(s) && (s[m] == '+' || s[m] == '-') {
			m++
		}
		if m < len(s) && isDigit(s[m]) {
			for n = m; n < len(s) && isDigit(s[n]); {
				n++
			}
		}
	}
	return n
}

func isDigit(ch byte) bool { return ch >= '0' && ch <= '9' }

func isLetter(ch byte) bool {
	return ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch == '_'
}
