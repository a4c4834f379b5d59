package resource

import (
	"regexp"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
)

// Fields tell, for each filter that a Describe operation takes, the values
// that a record has for it. The filters on tags need no mention.
type Fields[T any] map[string]func(*T) []string

// One is a field with a single value.
func One[T any](f func(*T) string) func(*T) []string {
	return func(v *T) []string { return []string{f(v)} }
}

// Flag is a field that is true or false.
func Flag[T any](f func(*T) bool) func(*T) []string {
	return func(v *T) []string {
		if f(v) {
			return []string{"true"}
		}
		return []string{"false"}
	}
}

// field finds a filter's values by its name, in records of any type; nil where
// the operation has no such filter.
func (f Fields[T]) field(name string) func(v any) []string {
	values := f[name]
	if values == nil {
		return nil
	}
	return func(v any) []string { return values(v.(*T)) }
}

// filter is one filter, its patterns compiled.
type filter struct {
	values func(v any, tags identity.Tags) []string
	match  []func(string) bool
}

// compile checks filters. A record passes if for each filter one of its values
// matches one of the filter's; * and ? are wildcards and \ escapes them.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
func compile(list []api.Filter, field func(name string) func(v any) []string) ([]filter, error) {
	if len(list) > maxFilters {
		return nil, Errorf("FilterLimitExceeded", "The maximum number of filters is %d", maxFilters)
	}
	out := make([]filter, 0, len(list))
	for _, f := range list {
		name := cloud.Or(f.Name, "")
		values := tagField(name)
		if of := field(name); of != nil {
			values = func(v any, _ identity.Tags) []string { return of(v) }
		}
		if values == nil {
			return nil, Errorf("InvalidParameterValue", "The filter '%s' is invalid", name)
		}
		if len(f.Values) > maxFilterValues {
			return nil, Errorf("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d", maxFilterValues)
		}
		c := filter{values: values}
		for _, v := range f.Values {
			c.match = append(c.match, pattern(v))
		}
		out = append(out, c)
	}
	return out, nil
}

const (
	maxFilters      = 50
	maxFilterValues = 200
)

// tagField is the value of the filters that every Describe operation takes.
func tagField(name string) func(any, identity.Tags) []string {
	if key, ok := strings.CutPrefix(name, "tag:"); ok {
		return func(_ any, tags identity.Tags) []string {
			for _, t := range tags {
				if t.Key == key {
					return []string{t.Value}
				}
			}
			return nil
		}
	}
	if name != "tag-key" && name != "tag-value" {
		return nil
	}
	return func(_ any, tags identity.Tags) (list []string) {
		for _, t := range tags {
			if name == "tag-key" {
				list = append(list, t.Key)
			} else {
				list = append(list, t.Value)
			}
		}
		return list
	}
}

func (f *filter) passes(v any, tags identity.Tags) bool {
	for _, have := range f.values(v, tags) {
		for _, match := range f.match {
			if match(have) {
				return true
			}
		}
	}
	return false
}

// Pattern makes a matcher of a text with the wildcards * and ?, as filters have.
func Pattern(p string) func(string) bool { return pattern(p) }

// pattern makes a matcher of a filter value.
func pattern(p string) func(string) bool {
	if !strings.ContainsAny(p, `*?\`) {
		return func(s string) bool { return s == p }
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	escaped := false
	for _, r := range p {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '*':
			b.WriteString(`.*`)
		case r == '?':
			b.WriteString(`.`)
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	if escaped {
		b.WriteString(`\\`)
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String()).MatchString
}
