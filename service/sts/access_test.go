package sts_test

import (
	"testing"

	api "pileus/api/sts"
	"pileus/service/sts"
)

// TestAccessIsDeclared holds that every bound operation says what it takes,
// and that none is missing.
func TestAccessIsDeclared(t *testing.T) {
	m := sts.Module()
	bound, declared := map[string]bool{}, map[string]bool{}
	for _, b := range m.Operations {
		bound[b.Op.Name] = true
	}
	for _, a := range m.Access {
		declared[a.Op.Name] = true
	}
	for _, o := range api.Service.Ops {
		if !bound[o.Name] || bound[o.Name] != declared[o.Name] {
			t.Errorf("%s: bound %v; access declared %v", o.Name, bound[o.Name], declared[o.Name])
		}
	}
}
