package planetest_test

import (
	"testing"

	"pileus/plane"
	"pileus/plane/planetest"
	"pileus/plane/sim"
)

type simulated struct{ p *sim.Plane }

func (s simulated) Machines() plane.Machines { return s.p }

func (s simulated) Machine(id string) plane.Machine {
	return plane.Machine{ID: id, Image: plane.Image{Kind: plane.BuiltIn}, Root: plane.Attachment{Device: "/dev/xvda"}}
}

func TestSimulatedMachines(t *testing.T) {
	planetest.Machines(t, func(t *testing.T) planetest.MachineWorld {
		p := sim.New(t.TempDir())
		t.Cleanup(func() { p.Close() })
		return simulated{p}
	})
}
