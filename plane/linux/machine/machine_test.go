//go:build linux

package machine

import (
	"strings"
	"testing"

	"pileus/plane"
)

// TestBoot boots a machine and looks at it from within.
func TestBoot(t *testing.T) {
	w := newWorld(t)
	w.boot("i-1", map[string]string{"user-data": "#!/bin/bash\necho user data ran as $0\n"})
	s := w.status("i-1")
	if s.State != plane.Running || !s.Booted || !s.Reachable || s.PID == 0 {
		t.Errorf("status: %+v", s)
	}
	if c := w.console("i-1"); !strings.Contains(c, "user data ran as /var/lib/cloud/instance/scripts/part-001") {
		t.Errorf("the console has no output of the user data:\n%s", c)
	}
	if out, exit := w.run("i-1", "echo $AWS_REGION; exit 3"); out != "us-east-1\n" || exit != 3 {
		t.Errorf("run: %q, %d", out, exit)
	}
	u, err := w.machines.Sample(t.Context(), "i-1")
	t.Logf("usage %+v %v", u, err)
}
