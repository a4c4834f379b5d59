package identity_test

import (
	"path/filepath"
	"testing"

	"pileus/internal/packed/packedtest"
)

func TestManagedPoliciesArePacked(t *testing.T) {
	sources, err := filepath.Glob("managed/*.json") // in the order of their names
	if err != nil {
		t.Fatal(err)
	}
	packedtest.Current(t, "managed.json.gz", sources...)
}
