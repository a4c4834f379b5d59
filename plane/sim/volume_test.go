package sim

import (
	"testing"

	"pileus/plane"
	"pileus/plane/planetest"
)

func TestVolumes(t *testing.T) {
	planetest.Volumes(t, func(t *testing.T) plane.Volumes {
		p := New(t.TempDir())
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
		return p
	})
}
