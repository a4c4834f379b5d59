package policy

import (
	"cmp"
	"encoding/base64"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// condition is one operator on one key.
type condition struct {
	operator
	name   string // the operator as written
	key    string // in lower case
	source string // the key as written
	wanted []string
	values []conditionValue
}

// conditionValue is one of the policy's values, parsed once. valid is false
// for a text that the operator cannot read: it equals nothing.
type conditionValue struct {
	valid   bool
	pattern pattern
	number  float64
	time    time.Time
	yes     bool
	bytes   string
	network netip.Prefix
}

func compileCondition(c rawCondition, vars bool) condition {
	op, _ := parseOperator(c.operator)
	d := condition{operator: op, name: c.operator, key: lowerASCII(c.key), source: c.key, wanted: c.values}
	for _, v := range c.values {
		d.values = append(d.values, compileValue(op, v, vars))
	}
	return d
}

func compileValue(op operator, text string, vars bool) (v conditionValue) {
	switch op.compare {
	case compareString:
		v.valid = true
		v.pattern = compilePattern(text, syntax{wild: op.like, vars: vars, fold: op.fold})
	case compareARN:
		v.valid = true
		if text != "*" && !(vars && strings.Contains(text, "${")) {
			text = completeARN(text)
		}
		v.pattern = compilePattern(text, syntax{wild: true, vars: vars})
	case compareNumber:
		v.number, v.valid = parseNumber(text)
	case compareDate:
		v.time, v.valid = parseDate(text)
	case compareBool, compareNull:
		v.yes = strings.EqualFold(text, "true")
		v.valid = v.yes || strings.EqualFold(text, "false")
	case compareBinary:
		b, err := base64.StdEncoding.DecodeString(text)
		v.bytes, v.valid = string(b), err == nil
	case compareIP:
		v.network, v.valid = parseNetwork(text)
	}
	return v
}

// match tells whether the condition holds for the request.
//
// A key that the request does not have fails a condition, except one that
// asks for inequality, ...IfExists, ForAllValues and Null
// (reference_policies_elements_condition_operators,
// reference_policies_condition-single-vs-multi-valued-context-keys).
func (c *condition) match(r *Request) bool {
	actual, present := r.lookup(c.key)
	present = present && len(actual) > 0
	if c.compare == compareNull {
		return c.matchNull(!present)
	}
	if c.quant != noQuantifier && len(actual) == 1 && actual[0] == "" {
		present = false // an empty string is a null data set to the set operators
	}
	if !present {
		if c.ifExists || c.quant == forAllValues {
			return true
		}
		return c.negated && c.quant == noQuantifier
	}
	switch c.quant {
	case forAllValues:
		for _, a := range actual {
			if c.any(a, r) == c.negated {
				return false
			}
		}
		return true
	case forAnyValue:
		for _, a := range actual {
			if c.any(a, r) != c.negated {
				return true
			}
		}
		return false
	}
	// Several values without a set operator: one that matches is enough, and
	// a negated operator wants none.
	for _, a := range actual {
		if c.any(a, r) {
			return !c.negated
		}
	}
	return c.negated
}

func (c *condition) matchNull(missing bool) bool {
	for i := range c.values {
		if v := &c.values[i]; v.valid && v.yes == missing {
			return true
		}
	}
	return false
}

// any tells whether one value of the request matches one of the policy's,
// before negation.
func (c *condition) any(actual string, r *Request) bool {
	switch c.compare {
	case compareString:
		for i := range c.values {
			if c.values[i].pattern.match(actual, r) {
				return true
			}
		}
	case compareARN:
		fence := arnFence(actual)
		for i := range c.values {
			if fence > 0 && c.values[i].pattern.matchARN(actual, r, fence) {
				return true
			}
		}
	case compareNumber:
		n, ok := parseNumber(actual)
		for i := range c.values {
			if v := &c.values[i]; ok && v.valid && c.relation.holds(cmp.Compare(n, v.number)) {
				return true
			}
		}
	case compareDate:
		t, ok := parseDate(actual)
		for i := range c.values {
			if v := &c.values[i]; ok && v.valid && c.relation.holds(t.Compare(v.time)) {
				return true
			}
		}
	case compareBool:
		for i := range c.values {
			if v := &c.values[i]; v.valid && (v.yes && strings.EqualFold(actual, "true") || !v.yes && strings.EqualFold(actual, "false")) {
				return true
			}
		}
	case compareBinary:
		for i := range c.values {
			if v := &c.values[i]; v.valid && sameBytes(actual, v.bytes) {
				return true
			}
		}
	case compareIP:
		a, err := netip.ParseAddr(actual)
		for i := range c.values {
			if v := &c.values[i]; err == nil && v.valid && v.network.Contains(a.Unmap().WithZone("")) {
				return true
			}
		}
	}
	return false
}

// sameBytes compares a request's value, itself base64 or plain bytes.
func sameBytes(actual, want string) bool {
	if actual == want {
		return true
	}
	b, err := base64.StdEncoding.DecodeString(actual)
	return err == nil && string(b) == want
}

// arnFence is the index of an ARN's fifth colon, up to which its components
// are compared one by one; 0 where s is no ARN.
func arnFence(s string) int {
	if !strings.HasPrefix(s, "arn:") {
		return 0
	}
	at := 0
	for range 5 {
		i := strings.IndexByte(s[at:], ':')
		if i < 0 {
			return 0
		}
		at += i + 1
	}
	return at - 1
}

// matchARN compares component by component; a lone star stands for any ARN.
func (p *pattern) matchARN(s string, r *Request, fence int) bool {
	return p.kind == anyPattern || p.matchFenced(s, r, fence)
}

func parseNumber(s string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// dateLayouts are the W3C's profiles of ISO 8601 and the shorter zones that
// AWS takes too. Fractions of a second are read by all that have seconds.
var dateLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02", "2006-01", "2006",
}

// parseDate reads a date or the seconds since 1970. A year alone is four
// digits; every other whole number is seconds.
func parseDate(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) != 4 {
		return time.Unix(n, 0), true
	}
	if strings.ContainsAny(s, "tz") {
		s = strings.ToUpper(s)
	}
	for _, layout := range dateLayouts {
		if len(s) < len("2006-01-02") && len(s) != len(layout) {
			continue
		}
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseNetwork reads a CIDR or a single address.
func parseNetwork(s string) (netip.Prefix, bool) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return p, false
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), true
}
