package math

import (
	"slices"
	"strings"
)

// maxSearch is how long a search can be.
const maxSearch = 1024

// Search is what SEARCH looks for.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
type Search struct {
	// Namespace and Names are the schema: where a namespace is given, metrics
	// have to be in it, and where names are given, have exactly these dimensions.
	Namespace string
	Names     []string
	term      term // nil finds all
}

// ParseSearch reads the first argument of SEARCH.
func ParseSearch(s string) (*Search, error) {
	if len(s) > maxSearch {
		return nil, errorf("SEARCH query is longer than %d characters", maxSearch)
	}
	p := &searchParser{rest: strings.TrimSpace(s)}
	out := &Search{}
	if strings.HasPrefix(p.rest, "{") {
		if !p.schema(out) {
			return nil, errSearch
		}
	}
	p.skip()
	if p.rest != "" {
		var ok bool
		if out.term, ok = p.or(); !ok || p.rest != "" {
			return nil, errSearch
		}
	}
	if out.Namespace == "" && out.term == nil {
		return nil, errSearch
	}
	return out, nil
}

var errSearch = &Error{"Invalid SEARCH query"}

// Finds tells whether the search finds a metric.
func (s *Search) Finds(m *Metric) bool {
	if s.Namespace != "" && m.Namespace != s.Namespace {
		return false
	}
	if len(s.Names) > 0 && !hasExactly(m, s.Names) {
		return false
	}
	return s.term == nil || s.term.matches(m)
}

// hasExactly tells whether a metric's dimensions are those with the names.
func hasExactly(m *Metric, names []string) bool {
	return len(m.Dimensions) == len(names) && !slices.ContainsFunc(m.Dimensions, func(d Dimension) bool { return !slices.Contains(names, d.Name) })
}

// searchParser reads a search from its beginning.
type searchParser struct {
	rest  string
	depth int
}

func (p *searchParser) skip() { p.rest = skipSpace(p.rest) }

// sign goes on where s comes next.
func (p *searchParser) sign(s string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

// keyword goes on where a word of its own comes next.
func (p *searchParser) keyword(word string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, word)
	if ok = ok && (rest == "" || strings.ContainsRune(" \t\r\n()\"", rune(rest[0]))); ok {
		p.rest = rest
	}
	return ok
}

// schema reads {Namespace, Name, ...} and a comma after it.
func (p *searchParser) schema(s *Search) bool {
	p.sign("{")
	for {
		name, _, ok := p.string(",}")
		if !ok || name == "" {
			return false
		}
		if s.Namespace == "" {
			s.Namespace = name
		} else {
			s.Names = append(s.Names, name)
		}
		if p.sign(",") {
			continue
		}
		ok = p.sign("}")
		p.sign(",")
		return ok
	}
}

// string reads a text in double quotes, or what there is until white space, a
// quote or one of the characters of end.
func (p *searchParser) string(end string) (text string, quoted, ok bool) {
	p.skip()
	if !strings.HasPrefix(p.rest, `"`) {
		n := strings.IndexAny(p.rest, " \t\r\n\""+end)
		if n < 0 {
			n = len(p.rest)
		}
		text, p.rest = p.rest[:n], p.rest[n:]
		return text, false, text != ""
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch ch := p.rest[i]; {
		case ch == '\\' && i+1 < len(p.rest):
			i++
			b.WriteByte(p.rest[i])
		case ch == '"':
			p.rest = p.rest[i+1:]
			return b.String(), true, true
		default:
			b.WriteByte(ch)
		}
	}
	return "", true, false
}

func (p *searchParser) or() (term, bool) {
	list := anyOf{}
	for {
		t, ok := p.and()
		if !ok {
			return nil, false
		}
		list = append(list, t)
		if !p.keyword("OR") {
			return list, true
		}
	}
}

// and is what stands beside each other, with or without AND.
func (p *searchParser) and() (term, bool) {
	list := allOf{}
	for {
		t, ok := p.not()
		if !ok {
			return nil, false
		}
		list = append(list, t)
		if p.keyword("AND") {
			continue
		}
		before := p.rest
		if p.skip(); p.rest == "" || p.rest[0] == ')' || p.keyword("OR") {
			p.rest = before
			return list, true
		}
	}
}

func (p *searchParser) not() (term, bool) {
	if p.depth++; p.depth > maxDepth {
		return nil, false
	}
	defer func() { p.depth-- }()
	if p.keyword("NOT") {
		t, ok := p.not()
		return noneOf{t}, ok
	}
	if p.sign("(") {
		t, ok := p.or()
		return t, ok && p.sign(")")
	}
	return p.match("")
}

// match is a value, or a property and a value or several in brackets.
func (p *searchParser) match(property string) (term, bool) {
	text, exact, ok := p.string("()=")
	if !ok {
		return nil, false
	}
	if property != "" || !p.sign("=") {
		return newMatch(property, text, exact), true
	}
	if !p.sign("(") {
		return p.match(text)
	}
	list := anyOf{}
	for {
		t, ok := p.match(text)
		if !ok {
			return nil, false
		}
		list = append(list, t)
		if !p.keyword("OR") {
			return list, p.sign(")")
		}
	}
}
