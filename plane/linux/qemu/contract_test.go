//go:build linux

package qemu

import (
	"testing"

	"pileus/plane"
	"pileus/plane/planetest"
)

type contract struct{ w *world }

func (c contract) Machines() plane.Machines { return c.w.engine }

// Machine is one whose root is a file system without a kernel, as those of OCI
// images are.
func (c contract) Machine(id string) plane.Machine {
	m := c.w.machine(id, nil)
	m.Image.Kind = plane.Whole
	return m
}

func TestContract(t *testing.T) {
	needKernel(t)
	planetest.Machines(t, func(t *testing.T) planetest.MachineWorld { return contract{newWorld(t)} })
}
