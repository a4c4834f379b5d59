package sql

import (
	"strings"

	"pileus/cloud"
)

type tokenKind uint8

const (
	endToken     tokenKind = iota
	nameToken              // a name that is no reserved word
	quotedToken            // "name", whose letters' case matters
	keywordToken           // a reserved word, in lower case
	stringToken
	numberToken
	ionToken // `a literal of Ion`
	operatorToken
)

// token is a word of an expression. Text is what it stands for: without
// quotes, reserved words in lower case.
type token struct {
	kind tokenKind
	text string
	pos  int // byte offset
}

// String is how S3's messages name the token.
func (t token) String() string {
	kind := [...]string{"EOF", "IDENTIFIER", "QUOTED_IDENTIFIER", "KEYWORD", "LITERAL", "LITERAL", "ION_LITERAL", "OPERATOR"}[t.kind]
	return kind + ":" + t.text
}

type lexer struct {
	src string
	at  int
}

// operators, longer ones before their beginnings.
var operators = [...]string{"<>", "<=", ">=", "!=", "||", "<", ">", "=", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", ".", ";", "@"}

// lex splits an expression into tokens; the last is an endToken.
func lex(src string) ([]token, *cloud.Error) {
	l := &lexer{src: src}
	var tokens []token
	for {
		l.space()
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		if tokens = append(tokens, t); t.kind == endToken {
			return tokens, nil
		}
	}
}

// space skips white space and comments.
func (l *lexer) space() {
	for l.at < len(l.src) {
		rest := l.src[l.at:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.at++
		case strings.HasPrefix(rest, "--"):
			if n := strings.IndexByte(rest, '\n'); n >= 0 {
				l.at += n
			} else {
				l.at = len(l.src)
			}
		default:
			return
		}
	}
}

func (l *lexer) next() (token, *cloud.Error) {
	start := l.at
	if start == len(l.src) {
		return token{pos: start}, nil
	}
	switch c := l.src[start]; {
	case isLetter(c):
		for l.at < len(l.src) && (isLetter(l.src[l.at]) || isDigit(l.src[l.at])) {
			l.at++
		}
		word := l.src[start:l.at]
		if small := strings.ToLower(word); keywords[small] {
			return token{keywordToken, small, start}, nil
		}
		return token{nameToken, word, start}, nil
	case isDigit(c), c == '.' && start+1 < len(l.src) && isDigit(l.src[start+1]):
		return l.number()
	case c == '\'':
		return l.quoted('\'', stringToken)
	case c == '"':
		return l.quoted('"', quotedToken)
	case c == '`':
		return l.quoted('`', ionToken)
	}
	for _, op := range operators {
		if strings.HasPrefix(l.src[start:], op) {
			l.at += len(op)
			return token{operatorToken, op, start}, nil
		}
	}
	return token{}, invalid("LexerInvalidChar", "Invalid character%s.", l.place(start))
}

// quoted reads up to the closing quote, which stands for itself when doubled.
func (l *lexer) quoted(quote byte, kind tokenKind) (token, *cloud.Error) {
	start := l.at
	for i := start + 1; i < len(l.src); i++ {
		if l.src[i] != quote {
			continue
		}
		if i+1 < len(l.src) && l.src[i+1] == quote {
			i++
			continue
		}
		l.at = i + 1
		q := string(quote)
		return token{kind, strings.ReplaceAll(l.src[start+1:i], q+q, q), start}, nil
	}
	return token{}, invalid("LexerInvalidLiteral", "Invalid literal%s.", l.place(start))
}

func (l *lexer) number() (token, *cloud.Error) {
	start := l.at
	digits := func() {
		for l.at < len(l.src) && isDigit(l.src[l.at]) {
			l.at++
		}
	}
	digits()
	if l.at < len(l.src) && l.src[l.at] == '.' {
		l.at++
		digits()
	}
	if l.at < len(l.src) && l.src[l.at]|0x20 == 'e' {
		l.at++
		if l.at < len(l.src) && (l.src[l.at] == '+' || l.src[l.at] == '-') {
			l.at++
		}
		before := l.at
		if digits(); l.at == before {
			return token{}, invalid("LexerInvalidLiteral", "Invalid literal%s.", l.place(start))
		}
	}
	if l.at < len(l.src) && isLetter(l.src[l.at]) {
		return token{}, invalid("LexerInvalidLiteral", "Invalid literal%s.", l.place(start))
	}
	return token{numberToken, l.src[start:l.at], start}, nil
}

func (l *lexer) place(pos int) string { return place(l.src, pos) }

// place is where in the expression something stands, for messages.
func place(src string, pos int) string {
	before := src[:pos]
	line := 1 + strings.Count(before, "\n")
	column := pos - strings.LastIndexByte(before, '\n')
	return " at line " + itoa(line) + ", column " + itoa(column)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
