//go:build !race

package wire

import (
	"testing"

	"pileus/api/iam"
)

// A call that is valid must not pay for being checked.
func TestValidateDoesNotAllocate(t *testing.T) {
	in := &iam.TagUserInput{UserName: "alice", Tags: []iam.Tag{{Key: "team", Value: "red"}, {Key: "stage", Value: "live"}}}
	if n := testing.AllocsPerRun(100, func() {
		if err := Validate(&iam.TagUser.OpInfo, in); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
