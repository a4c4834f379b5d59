package elbv2

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
)

// attribute is a setting with a name.
type attribute struct {
	key, initial string
	check        func(key, value string) error
	// of tells for which kinds of resources it exists; nil: for all.
	of func(kind string) bool
}

// attributes are the settings of one sort of resource.
type attributes struct {
	what string // "Load balancer", as messages call the resource
	list []attribute
}

func (a attributes) find(key string) (attribute, bool) {
	i := slices.IndexFunc(a.list, func(x attribute) bool { return x.key == key })
	if i < 0 {
		return attribute{}, false
	}
	return a.list[i], true
}

// pair is a setting as the API has it, whatever the resource.
type pair struct{ key, value *string }

// set checks settings and lays them over those that there are.
func (a attributes) set(have map[string]string, pairs []pair, kind, named string) (map[string]string, error) {
	merged := map[string]string{}
	for k, v := range have {
		merged[k] = v
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		key, value := cloud.Or(p.key, ""), cloud.Or(p.value, "")
		x, ok := a.find(key)
		switch {
		case !ok:
			return nil, invalid("%s attribute key '%s' is not recognized", a.what, key)
		case x.of != nil && !x.of(kind):
			return nil, api.ErrInvalidConfigurationRequest.New("%s attribute key '%s' is not supported on %s", a.what, key, named)
		case seen[key]:
			return nil, invalid("%s attribute key '%s' is specified more than once", a.what, key)
		}
		if x.check != nil {
			if err := x.check(key, value); err != nil {
				return nil, err
			}
		}
		seen[key], merged[key] = true, value
	}
	return merged, nil
}

// show yields all settings of a kind of resource in the order of their names.
func (a attributes) show(have map[string]string, kind string, initial func(key, value string) string) (list []pair) {
	for _, x := range a.list {
		if x.of != nil && !x.of(kind) {
			continue
		}
		v, ok := have[x.key]
		if !ok {
			v = x.initial
			if initial != nil {
				v = initial(x.key, v)
			}
		}
		list = append(list, pair{new(x.key), new(v)})
	}
	slices.SortFunc(list, func(x, y pair) int { return cmp.Compare(*x.key, *y.key) })
	return list
}

// The forms of values.

func oneOf(values ...string) func(key, value string) error {
	return func(key, value string) error {
		if !slices.Contains(values, value) {
			return invalid("The value '%s' is not valid for attribute key '%s'. Valid values are: [%s]", value, key, strings.Join(values, ", "))
		}
		return nil
	}
}

var boolean = oneOf("true", "false")

func number(least, most int) func(key, value string) error {
	return func(key, value string) error {
		if n, err := strconv.Atoi(value); err != nil || n < least || n > most {
			return invalid("'%s' must be between '%d' and '%d' inclusive", key, least, most)
		}
		return nil
	}
}

// numberOr is number, or one of some words.
func numberOr(least, most int, words ...string) func(key, value string) error {
	return func(key, value string) error {
		if slices.Contains(words, value) {
			return nil
		}
		return number(least, most)(key, value)
	}
}

func atMost(length int) func(key, value string) error {
	return func(key, value string) error {
		if len(value) > length {
			return invalid("The value of attribute key '%s' cannot be longer than '%d' characters", key, length)
		}
		return nil
	}
}

func kinds(list ...string) func(string) bool {
	return func(kind string) bool { return slices.Contains(list, kind) }
}
