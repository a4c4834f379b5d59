package lb

import "strings"

// desyncClass says how far a request is from what RFC 7230 asks for, in the
// four steps of desync mitigation.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#classification-reasons
type desyncClass int

const (
	compliant desyncClass = iota
	acceptable
	ambiguous
	severe
)

func (c desyncClass) String() string {
	return [...]string{"Compliant", "Acceptable", "Ambiguous", "Severe"}[c]
}

// desyncVerdict is the worst that was found in a request.
type desyncVerdict struct {
	class  desyncClass
	reason string
}

func (v *desyncVerdict) note(c desyncClass, reason string) {
	if c > v.class {
		v.class, v.reason = c, reason
	}
}

// judgeTarget looks at the request's target.
func (v *desyncVerdict) judgeTarget(s string) {
	for i := range len(s) {
		switch b := s[i]; {
		case b == 0 || b == '\r':
			v.note(severe, "BadUri")
		case b == ' ':
			v.note(acceptable, "SpaceInUri")
		case b < ' ' || b == 0x7f:
			v.note(ambiguous, "AmbiguousUri")
		}
	}
}

// judgeField looks at a header.
func (v *desyncVerdict) judgeField(f field) {
	if f.value == "" {
		v.note(ambiguous, "EmptyHeader")
	}
	plain := true
	for i := range len(f.name) {
		if b := f.name[i]; !tokenByte(b) {
			plain = false
		}
	}
	for i := range len(f.value) {
		switch b := f.value[i]; {
		case b == 0 || b == '\r':
			v.note(severe, "BadHeader")
		case b >= 0x7f || b < ' ' && b != '\t':
			v.note(acceptable, "NonCompliantHeader")
		}
	}
	if plain && strings.IndexByte(f.name, '_') < 0 {
		return
	}
	if strings.ContainsAny(f.name, "\x00\r") {
		v.note(severe, "BadHeader")
	}
	if !plain {
		v.note(acceptable, "NonCompliantHeader")
	}
	switch strings.ToLower(strings.ReplaceAll(strings.Map(letters, f.name), "_", "-")) {
	case "content-length", "transfer-encoding":
		v.note(ambiguous, "SuspiciousHeader")
	}
}

// letters keeps what a careless reader of header names would compare.
func letters(r rune) rune {
	if r <= ' ' || r >= 0x7f {
		return -1
	}
	return r
}

// blocked tells whether a mode turns a request of this class away.
func (v *desyncVerdict) blocked(mode string) bool {
	switch mode {
	case "monitor":
		return false
	case "strictest":
		return v.class > compliant
	}
	return v.class == severe
}

// separate tells whether a mode carries the request, but over connections that
// are closed afterwards.
func (v *desyncVerdict) separate(mode string) bool {
	return v.class >= ambiguous && mode != "monitor"
}

// validName is what header names look like that drop_invalid_header_fields keeps.
func validName(s string) bool {
	for i := range len(s) {
		b := s[i]
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-') {
			return false
		}
	}
	return s != ""
}
