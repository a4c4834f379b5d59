//go:build linux

package machine

import (
	"testing"

	"pileus/plane"
	"pileus/plane/planetest"
)

type contract struct{ w *world }

func (c contract) Machines() plane.Machines        { return c.w.machines }
func (c contract) Machine(id string) plane.Machine { return c.w.machine(id, nil) }

func TestContract(t *testing.T) {
	planetest.Machines(t, func(t *testing.T) planetest.MachineWorld { return contract{newWorld(t)} })
}
