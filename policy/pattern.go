package policy

import (
	"strings"
	"unicode/utf8"
)

// Patterns are prepared once: most are exact names, a prefix with a trailing
// star, or "*"; only the rest walk their pieces.

type patternKind uint8

const (
	exactPattern patternKind = iota
	prefixPattern
	anyPattern
	piecePattern
)

type pieceKind uint8

const (
	literalPiece  pieceKind = iota
	oneCharPiece            // ?
	starPiece               // *
	variablePiece           // ${key} or ${key, 'default'}
)

type piece struct {
	kind pieceKind
	text string // literalPiece
	vari *variable
}

type pattern struct {
	kind   patternKind
	source string // as the policy has it
	text   string // exact text, or the prefix
	pieces []piece
	fold   bool // compare without case; text and pieces are then in lower case
	vars   bool // has variables
}

// syntax says how a text is to be read as a pattern.
type syntax struct {
	wild bool // * and ? are wildcards
	vars bool // ${...} are variables (Version 2012-10-17)
	fold bool // ASCII case does not count
}

func compilePattern(source string, x syntax) pattern {
	p := pattern{source: source, fold: x.fold}
	p.pieces = splitPieces(source, x)
	stars := 0
	for _, e := range p.pieces {
		switch e.kind {
		case variablePiece:
			p.vars = true
			p.kind = piecePattern
			return p
		case oneCharPiece:
			stars += 2
		case starPiece:
			stars++
		}
	}
	last := len(p.pieces) - 1
	switch {
	case stars == 0:
		p.kind, p.text = exactPattern, joinLiterals(p.pieces)
	case stars == 1 && p.pieces[last].kind == starPiece && last == 0:
		p.kind = anyPattern
	case stars == 1 && p.pieces[last].kind == starPiece:
		p.kind, p.text = prefixPattern, joinLiterals(p.pieces[:last])
	default:
		p.kind = piecePattern
	}
	return p
}

func joinLiterals(pieces []piece) string {
	s := ""
	for _, e := range pieces {
		s += e.text
	}
	return s
}

// splitPieces cuts a pattern at its wildcards and variables. Neighbouring
// stars become one and neighbouring literals are joined.
func splitPieces(source string, x syntax) []piece {
	var pieces []piece
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			pieces = append(pieces, piece{kind: literalPiece, text: foldIf(lit.String(), x.fold)})
			lit.Reset()
		}
	}
	for i := 0; i < len(source); {
		if x.vars && strings.HasPrefix(source[i:], "${") {
			if end := strings.IndexByte(source[i:], '}'); end > 0 {
				v, special := parseVariable(source[i+2 : i+end])
				i += end + 1
				if special != "" {
					lit.WriteString(special)
					continue
				}
				flush()
				pieces = append(pieces, piece{kind: variablePiece, vari: v})
				continue
			}
		}
		switch c := source[i]; {
		case x.wild && c == '*':
			flush()
			if n := len(pieces); n == 0 || pieces[n-1].kind != starPiece {
				pieces = append(pieces, piece{kind: starPiece})
			}
		case x.wild && c == '?':
			flush()
			pieces = append(pieces, piece{kind: oneCharPiece})
		default:
			lit.WriteByte(c)
		}
		i++
	}
	flush()
	return pieces
}

func foldIf(s string, fold bool) string {
	if fold {
		return lowerASCII(s)
	}
	return s
}

// match tells whether the pattern covers s. Variables take their values from
// r; one that has no value matches nothing.
func (p *pattern) match(s string, r *Request) bool { return p.matchFenced(s, r, -1) }

// matchFenced is match where wildcards must not stand for a colon at or
// before the index fence: the components of an ARN.
func (p *pattern) matchFenced(s string, r *Request, fence int) bool {
	switch p.kind {
	case anyPattern:
		if fence < 0 {
			return true
		}
	case exactPattern:
		return p.equal(s, p.text)
	case prefixPattern:
		if fence < 0 {
			return len(s) >= len(p.text) && p.equal(s[:len(p.text)], p.text)
		}
	}
	if !p.vars {
		return globPieces(p.pieces, s, p.fold, fence)
	}
	var room [12]piece
	pieces := room[:0]
	for _, e := range p.pieces {
		if e.kind == variablePiece {
			value, ok := e.vari.value(r)
			if !ok {
				return false
			}
			if p.fold {
				value = strings.ToLower(value)
			}
			e = piece{kind: literalPiece, text: value}
		}
		pieces = append(pieces, e)
	}
	return globPieces(pieces, s, p.fold, fence)
}

func (p *pattern) equal(s, text string) bool {
	if p.fold {
		return equalFold(s, text)
	}
	return s == text
}

// globPieces matches with one level of backtracking: a later star makes the
// earlier ones' choice final, so time is bounded by len(s) times the length of
// the longest run of pieces between two stars.
func globPieces(pieces []piece, s string, fold bool, fence int) bool {
	i, j := 0, 0
	star, mark := -1, 0
	for {
		if i < len(pieces) {
			e := &pieces[i]
			switch e.kind {
			case starPiece:
				star, mark = i, j
				i++
				if i == len(pieces) && !colonBefore(s, j, fence) {
					return true
				}
				continue
			case literalPiece:
				n := len(e.text)
				if len(s)-j >= n && (s[j:j+n] == e.text || fold && equalFold(s[j:j+n], e.text)) {
					i, j = i+1, j+n
					continue
				}
			case oneCharPiece:
				if j < len(s) && !(j <= fence && s[j] == ':') {
					_, n := utf8.DecodeRuneInString(s[j:])
					i, j = i+1, j+n
					continue
				}
			}
		} else if j == len(s) {
			return true
		}
		// The last star takes one byte more, if it may.
		if star < 0 || mark >= len(s) || mark <= fence && s[mark] == ':' {
			return false
		}
		mark++
		i, j = star+1, mark
	}
}

// colonBefore tells whether s has a colon at or after from that a wildcard
// must not cover.
func colonBefore(s string, from, fence int) bool {
	return from <= fence && strings.IndexByte(s[from:fence+1], ':') >= 0
}

// equalFold compares ASCII without case; lower is in lower case already.
// Action names and condition keys are ASCII.
func equalFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func lowerASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
