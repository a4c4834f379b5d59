package cloudwatch

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	api "pileus/api/cloudwatch"
)

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html
const (
	maxChildren = 100
	maxElements = 500
)

// rule is an AlarmRule: it tells whether it is true, given the states of
// alarms by the references that it has to them.
type rule interface {
	holds(state func(ref string) string) bool
	refs(add func(ref string))
}

type (
	constant bool
	inState  struct{ ref, state string }
	negation struct{ of rule }
	junction struct {
		all   bool // AND, not OR
		parts []rule
	}
	// atLeast is true where some of a list of alarms are, or are not, in a state.
	atLeast struct {
		n       float64
		percent bool
		state   string
		not     bool
		list    []string
	}
)

func (k constant) holds(func(string) string) bool { return bool(k) }
func (k constant) refs(func(string))              {}

func (s inState) holds(state func(string) string) bool { return state(s.ref) == s.state }
func (s inState) refs(add func(string))                { add(s.ref) }

func (n negation) holds(state func(string) string) bool { return !n.of.holds(state) }
func (n negation) refs(add func(string))                { n.of.refs(add) }

func (j junction) holds(state func(string) string) bool {
	for _, p := range j.parts {
		if p.holds(state) != j.all {
			return !j.all
		}
	}
	return j.all
}

func (j junction) refs(add func(string)) {
	for _, p := range j.parts {
		p.refs(add)
	}
}

func (l atLeast) holds(state func(string) string) bool {
	n := 0
	for _, ref := range l.list {
		if (state(ref) == l.state) != l.not {
			n++
		}
	}
	need := l.n
	if l.percent {
		need = math.Ceil(l.n / 100 * float64(len(l.list)))
	}
	return float64(n) >= need
}

func (l atLeast) refs(add func(string)) {
	for _, ref := range l.list {
		add(ref)
	}
}

// ruleReader reads an AlarmRule: OR binds less than AND, and AND less than NOT.
type ruleReader struct {
	text     string
	at       int
	elements int
}

// parseRule reads a rule. Its error says what is wrong.
func parseRule(text string) (rule, error) {
	r := &ruleReader{text: text}
	x, err := r.any()
	if err != nil {
		return nil, err
	}
	if r.skip(); r.at < len(r.text) {
		return nil, r.wrong("an operator or the end")
	}
	if r.elements > maxElements {
		return nil, fmt.Errorf("the rule has more than %d elements", maxElements)
	}
	return x, nil
}

func (r *ruleReader) wrong(want string) error {
	return fmt.Errorf("expected %s at position %d", want, r.at)
}

func (r *ruleReader) skip() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

// word takes a keyword, if it comes next.
func (r *ruleReader) word(w string) bool {
	r.skip()
	rest := r.text[r.at:]
	if len(rest) < len(w) || !strings.EqualFold(rest[:len(w)], w) {
		return false
	}
	if len(rest) > len(w) && isName(rest[len(w)]) {
		return false
	}
	r.at += len(w)
	return true
}

func isName(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// sign takes a sign, if it comes next.
func (r *ruleReader) sign(b byte) bool {
	if r.skip(); r.at < len(r.text) && r.text[r.at] == b {
		r.at++
		return true
	}
	return false
}

func (r *ruleReader) any() (rule, error) { return r.joined("OR", false, r.all) }

func (r *ruleReader) all() (rule, error) { return r.joined("AND", true, r.one) }

func (r *ruleReader) joined(by string, all bool, part func() (rule, error)) (rule, error) {
	first, err := part()
	if err != nil {
		return nil, err
	}
	j := junction{all: all, parts: []rule{first}}
	for r.word(by) {
		x, err := part()
		if err != nil {
			return nil, err
		}
		r.elements++
		j.parts = append(j.parts, x)
	}
	if len(j.parts) == 1 {
		return first, nil
	}
	return j, nil
}

func (r *ruleReader) one() (rule, error) {
	if r.elements++; r.elements > maxElements {
		return nil, fmt.Errorf("the rule has more than %d elements", maxElements)
	}
	switch {
	case r.word("NOT"):
		x, err := r.one()
		return negation{x}, err
	case r.word("TRUE"):
		return constant(true), nil
	case r.word("FALSE"):
		return constant(false), nil
	case r.word("AT_LEAST"):
		return r.atLeast()
	case r.sign('('):
		x, err := r.any()
		if err == nil && !r.sign(')') {
			err = r.wrong("a closing parenthesis")
		}
		return x, err
	}
	state, ok := r.state()
	if !ok {
		return nil, r.wrong("ALARM, OK, INSUFFICIENT_DATA, AT_LEAST, NOT, TRUE, FALSE or a parenthesis")
	}
	if !r.sign('(') {
		return nil, r.wrong("an opening parenthesis")
	}
	ref, err := r.alarm()
	if err == nil && !r.sign(')') {
		err = r.wrong("a closing parenthesis")
	}
	return inState{ref, state}, err
}

func (r *ruleReader) state() (string, bool) {
	for _, s := range []string{api.StateValueAlarm, api.StateValueOk, api.StateValueInsufficientData} {
		if r.word(s) {
			return s, true
		}
	}
	return "", false
}

// alarm reads a name or an ARN, which may stand in quotes.
func (r *ruleReader) alarm() (string, error) {
	r.skip()
	if r.sign('"') {
		var b strings.Builder
		for r.at < len(r.text) && r.text[r.at] != '"' {
			if r.text[r.at] == '\\' && r.at+1 < len(r.text) {
				r.at++
			}
			b.WriteByte(r.text[r.at])
			r.at++
		}
		if !r.sign('"') || b.Len() == 0 {
			return "", r.wrong("the end of a name")
		}
		return b.String(), nil
	}
	n := strings.IndexAny(r.text[r.at:], "(),\" \t\r\n")
	if n < 0 {
		n = len(r.text) - r.at
	}
	if n == 0 {
		return "", r.wrong("the name of an alarm")
	}
	name := r.text[r.at : r.at+n]
	r.at += n
	return name, nil
}

// atLeast reads (N or N%, [NOT] state, (alarm, ...)).
func (r *ruleReader) atLeast() (rule, error) {
	if !r.sign('(') {
		return nil, r.wrong("an opening parenthesis")
	}
	var l atLeast
	var err error
	if l.n, l.percent, err = r.threshold(); err != nil {
		return nil, err
	}
	l.not = r.word("NOT")
	var ok bool
	if l.state, ok = r.state(); !ok {
		return nil, r.wrong("a state")
	}
	if !r.sign(',') || !r.sign('(') {
		return nil, r.wrong("a list of alarms")
	}
	for {
		ref, err := r.alarm()
		if err != nil {
			return nil, err
		}
		l.list = append(l.list, ref)
		r.elements++
		if !r.sign(',') {
			break
		}
	}
	for range 2 { // of the list, and of AT_LEAST
		if !r.sign(')') {
			return nil, r.wrong("a closing parenthesis")
		}
	}
	if most := float64(len(l.list)); l.n < 1 || !l.percent && l.n > most || l.percent && l.n > 100 {
		return nil, fmt.Errorf("AT_LEAST of %d alarms cannot need %v", len(l.list), l.n)
	}
	return l, nil
}

func (r *ruleReader) threshold() (n float64, percent bool, err error) {
	r.skip()
	end := r.at
	for end < len(r.text) && r.text[end] >= '0' && r.text[end] <= '9' {
		end++
	}
	whole, err := strconv.Atoi(r.text[r.at:end])
	if err != nil {
		return 0, false, r.wrong("a number")
	}
	r.at = end
	percent = r.sign('%')
	if !r.sign(',') {
		return 0, false, r.wrong("a comma")
	}
	return float64(whole), percent, nil
}
