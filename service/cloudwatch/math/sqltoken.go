package math

import "strings"

type sqlToken struct {
	kind   tokenKind
	text   string
	quoted bool // a name that stood in double quotes
}

// sqlTokens splits a query. The last token is a tokenEnd.
func sqlTokens(s string) (list []sqlToken, err error) {
	for s = skipSpace(s); s != ""; s = skipSpace(s) {
		var t sqlToken
		if t, s, err = nextSQL(s); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return append(list, sqlToken{}), nil
}

func nextSQL(s string) (t sqlToken, rest string, err error) {
	switch ch := s[0]; {
	case isDigit(ch) || isLetter(ch):
		n, kind := 1, tokenName
		for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
			n++
		}
		if isDigit(ch) {
			kind = tokenNumber
		}
		return sqlToken{kind: kind, text: s[:n]}, s[n:], nil
	case ch == '"' || ch == '\'':
		kind := tokenName
		if ch == '\'' {
			kind = tokenText
		}
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
				b.WriteByte(s[i])
			case s[i] == ch:
				return sqlToken{kind, b.String(), true}, s[i+1:], nil
			default:
				b.WriteByte(s[i])
			}
		}
		return t, "", errorf("Invalid syntax: %c is not closed", ch)
	}
	for _, sign := range []string{"!=", "=", "(", ")", ","} {
		if rest, ok := strings.CutPrefix(s, sign); ok {
			return sqlToken{kind: tokenSign, text: sign}, rest, nil
		}
	}
	return t, "", errorf("Invalid syntax near '%s'", s[:1])
}
