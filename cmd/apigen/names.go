package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// scope gives every generated identifier of one package a name of its own.
// Operations come first, then errors, then types, then enum constants.
type scope struct {
	taken map[string]bool
	types map[string]string // shape -> Go type
	ops   map[string]string // operation -> Go variable
	errs  map[string]string // exception shape -> Go variable
}

func newScope(m *model) *scope {
	s := &scope{taken: map[string]bool{"Service": true}, types: map[string]string{}, ops: map[string]string{}, errs: map[string]string{}}
	for _, n := range sorted(m.Operations) {
		s.ops[n] = s.take(exported(n))
	}
	for _, n := range sorted(m.Shapes) {
		if m.Shapes[n].Exception {
			short := "Err" + strings.TrimSuffix(exported(n), "Exception")
			if s.taken[short] {
				short = "Err" + exported(n)
			}
			s.errs[n] = s.take(short)
		}
	}
	s.nameInputs(m)
	for _, n := range sorted(m.Shapes) {
		if _, ok := s.types[n]; ok || m.Shapes[n].Type != "structure" {
			continue
		}
		name := exported(n)
		if s.taken[name] {
			name += "Shape"
		}
		s.types[n] = s.take(name)
	}
	return s
}

// nameInputs gives the input and output of an operation their canonical names
// where the shape is used for nothing else.
func (s *scope) nameInputs(m *model) {
	used := m.uses()
	canonical := func(r *ref, name string) {
		if r == nil || used[r.Shape] != 1 {
			return
		}
		if _, exists := m.Shapes[name]; (!exists || name == r.Shape) && !s.taken[name] {
			s.types[r.Shape] = s.take(name)
		}
	}
	for _, n := range sorted(m.Operations) {
		canonical(m.Operations[n].Input, exported(n)+"Input")
		canonical(m.Operations[n].Output, exported(n)+"Output")
	}
}

// uses counts how often each shape is referred to.
func (m *model) uses() map[string]int {
	used := map[string]int{}
	for _, o := range m.Operations {
		for _, r := range []*ref{o.Input, o.Output} {
			if r != nil {
				used[r.Shape]++
			}
		}
	}
	for _, s := range m.Shapes {
		for _, r := range s.Members.refs {
			used[r.Shape]++
		}
		for _, r := range []*ref{s.Member, s.Key, s.Value} {
			if r != nil {
				used[r.Shape]++
			}
		}
	}
	return used
}

func (s *scope) take(name string) string {
	free := name
	for i := 2; s.taken[free]; i++ {
		free = fmt.Sprintf("%s%d", name, i)
	}
	s.taken[free] = true
	return free
}

// exported makes a model's name a Go name.
func exported(name string) string {
	r := []rune(name)
	r[0] = unicode.ToUpper(r[0])
	for i, c := range r {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' {
			r[i] = '_'
		}
	}
	if !unicode.IsLetter(r[0]) {
		return "X" + string(r)
	}
	return string(r)
}

// enumWord makes an enum's value part of a constant's name: GLACIER_IR is
// GlacierIr, s3:ObjectCreated:* is S3ObjectCreatedStar.
func enumWord(value string) string {
	value = strings.ReplaceAll(value, "*", "-Star")
	words := strings.FieldsFunc(value, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	var b strings.Builder
	for _, w := range words {
		if len(w) > 1 && strings.ToUpper(w) == w {
			w = strings.ToLower(w)
		}
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
