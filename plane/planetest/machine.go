package planetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pileus/plane"
)

// MachineWorld is a plane under test with what its machines need.
type MachineWorld interface {
	Machines() plane.Machines
	// Machine prepares volumes and interfaces of a machine of the built-in
	// image, and describes it.
	Machine(id string) plane.Machine
}

// grace is how long a machine is given to shut down.
const grace = 20 * time.Second

// Machines holds a plane to the contract of plane.Machines: what callers may
// rely on wherever they run.
func Machines(t *testing.T, open func(t *testing.T) MachineWorld) {
	w := open(t)
	p := w.Machines()
	ctx := context.Background()
	one := w.Machine("i-one")
	state := func(want plane.MachineState) plane.MachineStatus {
		t.Helper()
		s, err := p.MachineStatus(ctx, "i-one")
		if err != nil {
			t.Fatal(err)
		}
		if s.ID != "i-one" || s.State != want {
			t.Fatalf("status %+v, want %s", s, want)
		}
		return s
	}
	do := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	notFound := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, plane.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", what, err)
		}
	}

	_, err := p.MachineStatus(ctx, "i-one")
	notFound("the status of what is not there", err)
	_, err = p.Console(ctx, "i-one")
	notFound("the console of what is not there", err)
	notFound("freeze what is not there", p.FreezeMachine(ctx, "i-one"))
	do("stop what is not there", p.StopMachine(ctx, "i-one", grace))
	do("remove what is not there", p.RemoveMachine(ctx, "i-one"))

	do("ensure", p.EnsureMachine(ctx, one))
	first := state(plane.Running)
	do("ensure what runs", p.EnsureMachine(ctx, one))
	if again := state(plane.Running); again.PID != first.PID {
		t.Error("what ran was booted again")
	}
	do("freeze", p.FreezeMachine(ctx, "i-one"))
	if s := state(plane.Frozen); s.Reachable {
		t.Error("a frozen machine is reachable")
	}
	do("thaw", p.ThawMachine(ctx, "i-one"))
	state(plane.Running)
	do("reboot", p.RebootMachine(ctx, one, grace))
	state(plane.Running)
	list, err := p.Machines(ctx)
	do("list", err)
	if !slices.ContainsFunc(list, func(s plane.MachineStatus) bool { return s.ID == "i-one" && s.State == plane.Running }) {
		t.Errorf("the list has no machine that runs: %+v", list)
	}

	do("stop", p.StopMachine(ctx, "i-one", grace))
	if s := state(plane.Stopped); s.Reason != "stopped" || s.Reachable || s.Ready {
		t.Errorf("stopped: %+v", s)
	}
	do("stop what is stopped", p.StopMachine(ctx, "i-one", grace))
	do("start", p.EnsureMachine(ctx, one))
	state(plane.Running)
	do("remove what runs", p.RemoveMachine(ctx, "i-one"))
	_, err = p.MachineStatus(ctx, "i-one")
	notFound("the status of what was removed", err)
}
