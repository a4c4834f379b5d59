package sts_test

import (
	"slices"
	"testing"

	api "pileus/api/sts"
	"pileus/service/sts"
)

// TestAccessIsDeclared holds that every bound operation says what it takes,
// and names the operations that are not built.
func TestAccessIsDeclared(t *testing.T) {
	m := sts.Module()
	bound, declared := map[string]bool{}, map[string]bool{}
	for _, b := range m.Operations {
		bound[b.Op.Name] = true
	}
	for _, a := range m.Access {
		declared[a.Op.Name] = true
	}
	missing := []string{"GetDelegatedAccessToken"}
	for _, o := range api.Service.Ops {
		if bound[o.Name] == slices.Contains(missing, o.Name) || bound[o.Name] != declared[o.Name] {
			t.Errorf("%s: bound %v, access declared %v", o.Name, bound[o.Name], declared[o.Name])
		}
	}
}
