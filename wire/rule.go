package wire

import (
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf16"

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

// matcher is a compiled pattern; re is nil where Go's engine cannot express
// the pattern, which then holds for every value.
type matcher struct {
	source string
	re     *regexp.Regexp
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
		m.re, _ = regexp.Compile(`\A(?:` + goPattern(m.source) + `)\z`)
	}
	r.matcher.Store(m)
	return m
}

// goPattern rewrites what Java's regular expressions, which the models use,
// spell otherwise than Go's: \uXXXX, and surrogate pairs inside of classes.
func goPattern(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] != '\\' || i+1 >= len(p) {
			b.WriteByte(p[i])
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
