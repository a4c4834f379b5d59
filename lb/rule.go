package lb

import (
	"net/netip"
	"regexp"
	"strings"
)

// matcher is a rule whose conditions were prepared, so that matching allocates
// nothing.
type matcher struct {
	id         string
	priority   int
	conditions []condition
	rewrites   []rewrite
	plan       plan
}

// condition is met if one of its values matches.
type condition struct {
	field    string
	header   string // in lower case
	patterns []pattern
	regexes  []*regexp.Regexp
	queries  []queryPattern
	sources  []netip.Prefix
}

type queryPattern struct {
	key   pattern
	any   bool // the key may be any
	value pattern
}

// pattern has "*" for any characters, "?" for exactly one, and "\" before one
// of them that is meant literally.
type pattern struct {
	text string // in lower case if fold
	fold bool
}

func newPattern(s string, fold bool) pattern {
	if fold {
		s = strings.ToLower(s)
	}
	return pattern{s, fold}
}

// match goes through both strings once, and back to the last star at most.
func (p pattern) match(s string) bool {
	star, from := -1, 0
	i, j := 0, 0
	for j < len(s) {
		if i < len(p.text) {
			c, width, wild := p.at(i)
			if wild && c == '*' {
				star, from = i, j
				i++
				continue
			}
			if wild || c == p.lower(s[j]) {
				i += width
				j++
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		i, j = star+1, from
	}
	for i < len(p.text) && p.text[i] == '*' {
		i++
	}
	return i == len(p.text)
}

// at is the pattern's character at i, how long it is written, and whether it
// stands for others.
func (p pattern) at(i int) (c byte, width int, wild bool) {
	c = p.text[i]
	if c == '\\' && i+1 < len(p.text) && strings.IndexByte(`*?\`, p.text[i+1]) >= 0 {
		return p.text[i+1], 2, false
	}
	return c, 1, c == '*' || c == '?'
}

func (p pattern) lower(b byte) byte {
	if p.fold {
		return toLower(b)
	}
	return b
}

// newCondition prepares a condition: hosts, header values and query strings
// are compared without regard to case; paths and methods are not.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
func newCondition(c *Condition) (condition, error) {
	out := condition{field: c.Field, header: strings.ToLower(c.Header), sources: c.Sources}
	fold := c.Field != "path-pattern" && c.Field != "http-request-method"
	for _, v := range c.Values {
		out.patterns = append(out.patterns, newPattern(v, fold))
	}
	for _, q := range c.Queries {
		out.queries = append(out.queries, queryPattern{newPattern(q.Key, true), q.Key == "", newPattern(q.Value, true)})
	}
	for _, text := range c.Regex {
		re, err := regexp.Compile(text)
		if err != nil {
			return out, err
		}
		out.regexes = append(out.regexes, re)
	}
	return out, nil
}

// met tells whether a request from an address meets all conditions.
func (m *matcher) met(r *request, from netip.Addr) bool {
	for i := range m.conditions {
		if !m.conditions[i].met(r, from) {
			return false
		}
	}
	return true
}

func (c *condition) met(r *request, from netip.Addr) bool {
	switch c.field {
	case "host-header":
		return c.any(r.hostname())
	case "path-pattern":
		return c.any(r.path)
	case "http-request-method":
		for i := range c.patterns {
			if c.patterns[i].text == r.method { // methods know no wildcards
				return true
			}
		}
	case "http-header":
		for i := range r.fields {
			if fold(r.fields[i].name, c.header) && c.any(r.fields[i].value) {
				return true
			}
		}
	case "query-string":
		return c.query(r.query)
	case "source-ip":
		for _, p := range c.sources {
			if p.Contains(from) {
				return true
			}
		}
	}
	return false
}

func (c *condition) any(s string) bool {
	for i := range c.patterns {
		if c.patterns[i].match(s) {
			return true
		}
	}
	for _, re := range c.regexes {
		if re.MatchString(s) {
			return true
		}
	}
	return false
}

// query looks at each parameter, as it is written.
func (c *condition) query(query string) bool {
	for query != "" {
		var one string
		one, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(one, "=")
		for i := range c.queries {
			q := &c.queries[i]
			if (q.any || q.key.match(key)) && q.value.match(value) {
				return true
			}
		}
	}
	return false
}
