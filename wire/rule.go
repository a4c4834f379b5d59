package wire

import (
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf16"

	"github.com/dlclark/regexp2"

	"pileus/cloud"
)

// rule is what a value must satisfy. Enums and patterns are looked up in the
// service when a value is first checked, so that they cost nothing before.
type rule struct {
	min, max      *float64
	enum, pattern string

	values  atomic.Pointer[enumSet]
	matcher atomic.Pointer[matcher]
}

type enumSet struct {
	list []string
	set  map[string]struct{}
}

// matcher is a compiled pattern. Few use look-ahead, which Go's engine does not
// have; a backtracking one with a time limit serves those.
type matcher struct {
	source string
	re     *regexp.Regexp
	slow   *regexp2.Regexp
}

// slowLimit bounds what a backtracking match may cost; beyond, the value does
// not match.
const slowLimit = 50 * time.Millisecond

func (m *matcher) match(s string) bool {
	switch {
	case m.re != nil:
		return m.re.MatchString(s)
	case m.slow != nil:
		ok, err := m.slow.MatchString(s)
		return ok && err == nil
	}
	return true
}

func newRule(n *node) *rule {
	f := &n.facts
	if f.min == nil && f.max == nil && f.enum == "" && f.pattern == "" {
		return nil
	}
	return &rule{min: f.min, max: f.max, enum: f.enum, pattern: f.pattern}
}

func (r *rule) enumSet(svc *cloud.Service) *enumSet {
	if e := r.values.Load(); e != nil {
		return e
	}
	e := &enumSet{}
	if svc.Enum != nil {
		e.list = svc.Enum(r.enum)
	}
	if len(e.list) > 12 {
		e.set = make(map[string]struct{}, len(e.list))
		for _, v := range e.list {
			e.set[v] = struct{}{}
		}
	}
	r.values.Store(e)
	return e
}

func (e *enumSet) has(s string) bool {
	if len(e.list) == 0 {
		return true
	}
	if e.set != nil {
		_, ok := e.set[s]
		return ok
	}
	return slices.Contains(e.list, s)
}

func (r *rule) compiled(svc *cloud.Service) *matcher {
	if m := r.matcher.Load(); m != nil {
		return m
	}
	m := &matcher{}
	if svc.Pattern != nil {
		m.source = svc.Pattern(r.pattern)
	}
	if m.source != "" {
		m.compile()
	}
	r.matcher.Store(m)
	return m
}

func (m *matcher) compile() {
	var err error
	if m.re, err = regexp.Compile(`\A(?:` + goPattern(m.source) + `)\z`); err == nil {
		return
	}
	if m.slow, err = regexp2.Compile(`\A(?:`+m.source+`)\z`, regexp2.None); err == nil {
		m.slow.MatchTimeout = slowLimit
	}
}

// goPattern rewrites what Java's regular expressions, which the models use,
// spell otherwise than Go's: \uXXXX, surrogate pairs inside of classes, and the
// POSIX classes.
func goPattern(p string) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(p); i++ {
		if p[i] != '\\' || i+1 >= len(p) {
			class = p[i] == '[' || class && p[i] != ']'
			b.WriteByte(p[i])
			continue
		}
		if name, rest, ok := strings.Cut(p[i:], "}"); ok && posix[name] != "" {
			if class {
				b.WriteString(posix[name])
			} else {
				b.WriteString("[" + posix[name] + "]")
			}
			i = len(p) - len(rest) - 1
			continue
		}
		if p[i+1] == 'u' && i+6 <= len(p) {
			if r, n := javaRange(p[i:]); n > 0 {
				b.WriteString(r)
				i += n - 1
				continue
			}
			b.WriteString(`\x{` + p[i+2:i+6] + `}`)
			i += 5
			continue
		}
		b.WriteString(p[i : i+2])
		i++
	}
	return b.String()
}

var posix = map[string]string{
	`\p{Print`: "[:print:]", `\p{Graph`: "[:graph:]", `\p{Alnum`: "[:alnum:]", `\p{Alpha`: "[:alpha:]", `\p{ASCII`: "[:ascii:]",
	`\p{Punct`: "[:punct:]", `\p{Blank`: "[:blank:]", `\p{Space`: "[:space:]", `\p{Digit`: "[:digit:]", `\p{Lower`: "[:lower:]", `\p{Upper`: "[:upper:]",
}

// javaRange recognises the way in which Java-minded patterns write "any
// character beyond the basic plane", and returns Go's with its length.
func javaRange(p string) (string, int) {
	for _, form := range []string{`\uD800\uDC00-\uDBFF\uDFFF`, `\ud800\udc00-\udbff\udfff`} {
		if strings.HasPrefix(p, form) {
			return `\x{10000}-\x{10FFFF}`, len(form)
		}
	}
	return "", 0
}

// length counts as Java does: in UTF-16 units.
func length(s string) int {
	n := 0
	for _, c := range s {
		n += max(utf16.RuneLen(c), 1)
	}
	return n
}
