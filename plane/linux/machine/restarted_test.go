//go:build linux

package machine

import (
	"testing"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// TestHostRestarts has machines end with the host, and some of them before it: a
// crash that the next start of the host follows is no crash any more.
func TestHostRestarts(t *testing.T) {
	w := newWorld(t)
	changes := make(chan plane.MachineStatus, 10)
	w.machines.WatchMachines(func(s plane.MachineStatus) { changes <- s })
	m := w.boot("i-1", nil)
	reopen := func(boot string) {
		t.Helper()
		if err := w.machines.Close(); err != nil {
			t.Fatal(err)
		}
		o := w.options()
		o.Boot = boot
		machines, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		w.machines = machines
	}
	ended := func(when, why string) {
		t.Helper()
		if s := w.status("i-1"); s.State != plane.Stopped || s.Reason != why {
			t.Errorf("%s: the machine is %s: %s, want %s", when, s.State, s.Reason, why)
		}
	}
	kill := func() {
		t.Helper()
		if err := unix.Kill(w.status("i-1").PID, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	kill()
	w.next(changes)
	ended("watched", crashed)
	reopen("")
	ended("found later", crashed)
	reopen("the second start")
	ended("found after a restart", lost)
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
	// The power goes: nobody writes down how anything ended, and the number of
	// the process is that of another one.
	reopen("the third start")
	ended("found after the power was gone", lost)
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
}
