package organizations

import (
	"encoding/json"
	"slices"
	"strings"
)

// Operators of management policies (orgs_manage_policies_inheritance_mgmt):
// how what a policy says changes what came down the tree to it.
const (
	assign  = "@@assign"
	add     = "@@append"
	remove  = "@@remove"
	allowed = "@@operators_allowed_for_child_policies"
	all     = "@@all"
	none    = "@@none"
)

// effect is what policies have made of one element so far. It has either
// members or a value.
type effect struct {
	members map[string]*effect
	order   []string // members as they first came
	value   any      // a string, number or boolean, or a []any; nil: none
	allowed []string // operators that policies further down may use; nil: all
	sealing []string // what the policies of the present level say allowed will be
}

func (e *effect) may(operator string) bool {
	return e.allowed == nil || slices.Contains(e.allowed, operator) || slices.Contains(e.allowed, all)
}

// apply lets one policy's object work on the element.
func (e *effect) apply(object map[string]any) {
	for _, name := range sortedKeys(object) {
		v := object[name]
		switch name {
		case assign:
			if e.may(assign) {
				e.value = v
			}
		case add:
			if e.may(add) {
				e.value = union(listOf(e.value), listOf(v))
			}
		case remove:
			if e.may(remove) {
				e.remove(listOf(v))
			}
		case allowed:
			e.sealing = operatorNames(v)
		default:
			e.member(name).set(v)
		}
	}
}

// set lets the value of a member work: an object does as its operators say,
// and a plain value is an assignment.
func (e *effect) set(v any) {
	if object, ok := v.(map[string]any); ok {
		e.apply(object)
	} else if e.may(assign) {
		e.value = v
	}
}

// remove takes values out of a list, or members away; "@@all" takes all.
func (e *effect) remove(values []any) {
	if slices.Contains(values, any(all)) {
		e.value, e.members, e.order = nil, nil, nil
		return
	}
	if list, ok := e.value.([]any); ok {
		e.value = slices.DeleteFunc(slices.Clone(list), func(v any) bool { return slices.Contains(values, v) })
	}
	for _, v := range values {
		if name, ok := v.(string); ok {
			delete(e.members, strings.ToLower(name))
		}
	}
}

// member is the element's member, which inherits what is allowed. Names are
// compared without regard to case.
func (e *effect) member(name string) *effect {
	key := strings.ToLower(name)
	if e.members == nil {
		e.members = map[string]*effect{}
	}
	m := e.members[key]
	if m == nil {
		m = &effect{allowed: e.allowed}
		e.members[key] = m
		if !slices.Contains(e.order, key) {
			e.order = append(e.order, key)
		}
	}
	return m
}

// seal ends a level of the tree: what its policies allowed binds those below.
func (e *effect) seal(inherited []string, bound bool) {
	if e.sealing != nil {
		// A policy cannot allow again what one above it forbade.
		if e.allowed == nil {
			e.allowed = e.sealing
		} else {
			e.allowed = common(e.allowed, e.sealing)
		}
		inherited, bound = e.allowed, true
		e.sealing = nil
	} else if bound {
		e.allowed = inherited
	}
	for _, m := range e.members {
		m.seal(inherited, bound)
	}
}

// result is what has come of it, nil where nothing has.
func (e *effect) result() any {
	if e.value != nil {
		return e.value
	}
	out := map[string]any{}
	for _, name := range e.order {
		if m := e.members[name]; m != nil {
			if v := m.result(); v != nil {
				out[name] = v
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// merge is the effective policy of the documents on the way down the tree,
// level by level; ok is false where nothing is left.
func merge(levels [][]string) (content string, ok bool) {
	root := new(effect)
	for _, level := range levels {
		for _, text := range level {
			var object map[string]any
			if json.Unmarshal([]byte(text), &object) == nil {
				root.apply(object)
			}
		}
		root.seal(nil, false)
	}
	v := root.result()
	if v == nil {
		return "", false
	}
	b, err := json.Marshal(v)
	return string(b), err == nil
}

func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func union(a, b []any) []any {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// operatorNames reads a list of operators; "@@none" is the empty one.
func operatorNames(v any) []string {
	names := []string{}
	for _, x := range listOf(v) {
		if s, ok := x.(string); ok && s != none {
			names = append(names, s)
		}
	}
	return names
}

// common are the operators that both lists allow.
func common(a, b []string) []string {
	switch {
	case slices.Contains(a, all):
		return b
	case slices.Contains(b, all):
		return a
	}
	out := []string{}
	for _, s := range a {
		if slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}
