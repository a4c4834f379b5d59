package planetest

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"pileus/clock"
	"pileus/plane"
)

// Hand is how a test gets at machines: what fails ends the test.
type Hand struct {
	T        testing.TB
	Machines plane.Machines
	Patience time.Duration // how long it waits for anything
}

// Until waits for a condition.
func (h Hand) Until(what string, f func() bool) {
	h.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), h.Patience)
	defer cancel()
	for !f() {
		if clock.New().Wait(ctx, time.Millisecond) != nil {
			h.T.Fatalf("waited in vain: %s", what)
		}
	}
}

// Status is how a machine is.
func (h Hand) Status(id string) plane.MachineStatus {
	h.T.Helper()
	s, err := h.Machines.MachineStatus(context.Background(), id)
	if err != nil {
		h.T.Fatal(err)
	}
	return s
}

// Ready waits until a machine has booted and its user data has run.
func (h Hand) Ready(id string) {
	h.T.Helper()
	h.Until("ready", func() bool {
		s := h.Status(id)
		if s.State == plane.Stopped {
			h.T.Fatalf("machine %s stopped: %s\n%s", id, s.Reason, h.Console(id))
		}
		return s.Ready
	})
}

// Console is what a machine has written.
func (h Hand) Console(id string) string {
	h.T.Helper()
	b, err := h.Machines.Console(context.Background(), id)
	if err != nil {
		h.T.Fatal(err)
	}
	return string(b)
}

// Run runs a shell command in a machine, as its root where user is "", and
// returns what it wrote.
func (h Hand) Run(id, user, script string) (out string, exit int) {
	h.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), h.Patience)
	defer cancel()
	var b bytes.Buffer
	exit, err := h.Machines.Run(ctx, id, plane.Command{Args: []string{"/bin/sh", "-c", script}, User: user, Stdout: &b, Stderr: &b})
	if err != nil {
		h.T.Fatalf("run %q: %v\n%s", script, err, b.Bytes())
	}
	return b.String(), exit
}

// Patient is how long to wait at most for what takes d at most: SLOWNESS, of the
// environment, times that on a machine that is as many times slower than usual.
func Patient(d time.Duration) time.Duration {
	if n, err := strconv.Atoi(os.Getenv("SLOWNESS")); err == nil && n > 1 {
		d *= time.Duration(n)
	}
	return d
}
