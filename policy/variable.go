package policy

import (
	"strconv"
	"strings"
	"time"
)

// variable is a policy variable, ${key} or ${key, 'default'}.
type variable struct {
	source string // what stands between the braces
	key    string // in lower case
	def    string
	hasDef bool
}

// parseVariable reads what stands between ${ and }. special is the character
// that ${*}, ${?} and ${$} stand for.
func parseVariable(inner string) (v *variable, special string) {
	switch inner {
	case "*", "?", "$":
		return nil, inner
	}
	v = &variable{source: inner}
	name, def, found := strings.Cut(inner, ",")
	v.key = lowerASCII(strings.TrimSpace(name))
	if found {
		def = strings.TrimSpace(def)
		if len(def) >= 2 && def[0] == '\'' && def[len(def)-1] == '\'' {
			v.def, v.hasDef = def[1:len(def)-1], true
		}
	}
	return v, ""
}

// value is what the variable stands for in a request. A key that is missing,
// or has several values, is effectively null (reference_policies_variables).
func (v *variable) value(r *Request) (string, bool) {
	if values, ok := r.lookup(v.key); ok && len(values) == 1 {
		return values[0], true
	}
	return v.def, v.hasDef
}

// lookup finds a condition key. The time of day needs no entry in Keys.
func (r *Request) lookup(key string) ([]string, bool) {
	if values, ok := r.Keys[key]; ok {
		return values, true
	}
	if r.Now.IsZero() {
		return nil, false
	}
	switch key {
	case "aws:currenttime":
		return []string{r.Now.UTC().Format(time.RFC3339)}, true
	case "aws:epochtime":
		return []string{strconv.FormatInt(r.Now.Unix(), 10)}, true
	}
	return nil, false
}
