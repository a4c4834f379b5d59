package math

import (
	"slices"
	"strings"
)

// term is a part of a search.
type term interface{ matches(m *Metric) bool }

type (
	anyOf  []term
	allOf  []term
	noneOf struct{ term }
)

func (t anyOf) matches(m *Metric) bool {
	return slices.ContainsFunc(t, func(s term) bool { return s.matches(m) })
}

func (t allOf) matches(m *Metric) bool {
	return !slices.ContainsFunc(t, func(s term) bool { return !s.matches(m) })
}

func (t noneOf) matches(m *Metric) bool { return !t.term.matches(m) }

// match compares one text with what a metric is called: exactly, or by tokens.
type match struct {
	property string // "MetricName", "Namespace" or a dimension; "" for all
	text     string
	exact    bool
	tokens   []string // of text
	strict   bool     // the tokens' case counts
}

func newMatch(property, text string, exact bool) *match {
	m := &match{property: property, text: text, exact: exact}
	if exact {
		return m
	}
	m.tokens = splitWords(text)
	m.strict = len(m.tokens) > 1 && !strings.ContainsFunc(text, func(r rune) bool { return !isAlphanumeric(r) })
	if !m.strict {
		lower(m.tokens)
	}
	return m
}

func (t *match) matches(m *Metric) bool {
	switch t.property {
	case "MetricName":
		return t.is(m.Name)
	case "Namespace":
		return t.is(m.Namespace)
	case ":aws.AccountId":
		return t.text == "LOCAL" || t.text == m.Account
	case "":
		return t.is(m.Name) || t.is(m.Namespace) || slices.ContainsFunc(m.Dimensions, func(d Dimension) bool { return t.is(d.Name) || t.is(d.Value) })
	}
	return slices.ContainsFunc(m.Dimensions, func(d Dimension) bool { return d.Name == t.property && t.is(d.Value) })
}

// is tells whether the text is, or is part of, a name. One token matches in
// any case; several in a row match where the characters between them tell them
// apart, or else in their own case: Count1 is in CustomCount1, count1 is not.
// All of a name without its other characters is a token, too.
func (t *match) is(name string) bool {
	if t.exact {
		return name == t.text
	}
	words := splitWords(name)
	if strings.EqualFold(strings.Join(t.tokens, ""), strings.Join(words, "")) && len(words) > 0 {
		return !t.strict || strings.Join(t.tokens, "") == strings.Join(words, "") || len(t.tokens) == 1
	}
	if !t.strict {
		lower(words)
	}
	n := len(t.tokens)
	for i := 0; n > 0 && i+n <= len(words); i++ {
		if slices.Equal(words[i:i+n], t.tokens) {
			return true
		}
	}
	return false
}

func lower(words []string) {
	for i, w := range words {
		words[i] = strings.ToLower(w)
	}
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// splitWords splits a name into its tokens: at characters that are neither
// letters nor digits, where digits begin and end, and where capitals begin a
// word: SDBFailure is SDB and Failure.
func splitWords(s string) (words []string) {
	for _, run := range strings.FieldsFunc(s, func(r rune) bool { return !isAlphanumeric(r) }) {
		start := 0
		for i := 1; i < len(run); i++ {
			if wordBegins(run, i) {
				words, start = append(words, run[start:i]), i
			}
		}
		words = append(words, run[start:])
	}
	return words
}

func wordBegins(s string, i int) bool {
	a, b := s[i-1], s[i]
	if isDigit(a) != isDigit(b) {
		return true
	}
	return isUpper(b) && (!isUpper(a) || i+1 < len(s) && !isUpper(s[i+1]) && !isDigit(s[i+1]))
}

func isUpper(ch byte) bool { return ch >= 'A' && ch <= 'Z' }
