//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pileus/plane"
	"pileus/plane/linux/machine"
	"pileus/plane/linux/qemu"
)

// Engines that machines run on, as they are chosen for a cloud.
const (
	// Container: process trees on the host's kernel.
	Container = "container"
	// Qemu: guests of QEMU, with a kernel of their own.
	Qemu = "qemu"
	// Auto: guests of QEMU where the processor runs them and they can boot, and
	// process trees else.
	Auto = "auto"
)

// engines has each machine run on the engine that is right for it. What only a
// guest of QEMU can boot, Windows and disks with a boot loader, is one whatever
// engine was chosen.
type engines struct {
	containers *machine.Machines
	guests     *qemu.Engine
	choice     string
}

var _ plane.Machines = (*engines)(nil)

// CanBoot implements plane.Machines.
func (e *engines) CanBoot(image plane.Image) error {
	disk := image.Start.Disk || image.Kind == plane.Whole && image.Firmware == plane.UEFI
	if image.Platform != "" || disk || e.choice == Qemu {
		return e.guests.CanBoot(image)
	}
	return e.containers.CanBoot(image)
}

// choose is the engine for a machine that does not run.
func (e *engines) choose(m plane.Machine) (plane.Machines, error) {
	switch {
	case m.Engine == Qemu || m.Image.Platform != "":
		return e.guests, nil
	case m.Engine == Container:
		return e.containers, nil
	case m.Image.Kind == plane.Whole:
		if disk, err := e.guests.IsDisk(m); disk || err != nil {
			return e.guests, err
		}
	}
	if e.choice == Qemu || e.choice == Auto && e.guests.Fast() && e.guests.Boots(m) {
		return e.guests, nil
	}
	return e.containers, nil
}

// of is the engine that has a machine.
func (e *engines) of(id string) plane.Machines {
	if e.guests.Has(id) {
		return e.guests
	}
	return e.containers
}

// take is the engine for a machine that is to run: the one that it runs on, or
// else the one that is chosen now, and no other knows of it any more.
func (e *engines) take(ctx context.Context, m plane.Machine) (plane.Machines, error) {
	has := e.of(m.ID)
	s, err := has.MachineStatus(ctx, m.ID)
	if err == nil && s.State != plane.Stopped {
		return has, nil
	}
	if err != nil && !errors.Is(err, plane.ErrNotFound) {
		return nil, err
	}
	chosen, err := e.choose(m)
	if err != nil || chosen == has {
		return chosen, err
	}
	return chosen, has.RemoveMachine(ctx, m.ID)
}

// EnsureMachine implements plane.Machines.
func (e *engines) EnsureMachine(ctx context.Context, m plane.Machine) error {
	on, err := e.take(ctx, m)
	if err != nil {
		return err
	}
	return on.EnsureMachine(ctx, m)
}

// RebootMachine implements plane.Machines.
func (e *engines) RebootMachine(ctx context.Context, m plane.Machine, grace time.Duration) error {
	on, err := e.take(ctx, m)
	if err != nil {
		return err
	}
	return on.RebootMachine(ctx, m, grace)
}

// StopMachine implements plane.Machines.
func (e *engines) StopMachine(ctx context.Context, id string, grace time.Duration) error {
	return e.of(id).StopMachine(ctx, id, grace)
}

// FreezeMachine implements plane.Machines.
func (e *engines) FreezeMachine(ctx context.Context, id string) error {
	return e.of(id).FreezeMachine(ctx, id)
}

// ThawMachine implements plane.Machines.
func (e *engines) ThawMachine(ctx context.Context, id string) error {
	return e.of(id).ThawMachine(ctx, id)
}

// RemoveMachine implements plane.Machines.
func (e *engines) RemoveMachine(ctx context.Context, id string) error {
	return e.of(id).RemoveMachine(ctx, id)
}

// Machines implements plane.Machines.
func (e *engines) Machines(ctx context.Context) ([]plane.MachineStatus, error) {
	list, err := e.containers.Machines(ctx)
	guests, gerr := e.guests.Machines(ctx)
	return append(list, guests...), errors.Join(err, gerr)
}

// MachineStatus implements plane.Machines.
func (e *engines) MachineStatus(ctx context.Context, id string) (plane.MachineStatus, error) {
	return e.of(id).MachineStatus(ctx, id)
}

// WatchMachines implements plane.Machines.
func (e *engines) WatchMachines(f func(plane.MachineStatus)) {
	e.containers.WatchMachines(f)
	e.guests.WatchMachines(f)
}

// Console implements plane.Machines.
func (e *engines) Console(ctx context.Context, id string) ([]byte, error) {
	return e.of(id).Console(ctx, id)
}

// Screenshot implements plane.Machines.
func (e *engines) Screenshot(ctx context.Context, id string) ([]byte, error) {
	return e.of(id).Screenshot(ctx, id)
}

// Run implements plane.Machines.
func (e *engines) Run(ctx context.Context, id string, c plane.Command) (exit int, err error) {
	return e.of(id).Run(ctx, id, c)
}

// Sample implements plane.Machines.
func (e *engines) Sample(ctx context.Context, id string) (plane.Usage, error) {
	return e.of(id).Sample(ctx, id)
}

// AttachVolume implements plane.Machines.
func (e *engines) AttachVolume(ctx context.Context, id string, a plane.Attachment) error {
	return e.of(id).AttachVolume(ctx, id, a)
}

// DetachVolume implements plane.Machines.
func (e *engines) DetachVolume(ctx context.Context, id, device string, force bool) error {
	return e.of(id).DetachVolume(ctx, id, device, force)
}

// Describe tells what runs machines here.
func (e *engines) Describe() []plane.Capability {
	return append(append(e.containers.Describe(), e.guests.Describe()...), e.chosen())
}

// chosen tells what machines run on that nothing else is said of.
func (e *engines) chosen() plane.Capability {
	switch {
	case e.choice == Qemu:
		return plane.Capability{Name: "engine of machines: qemu", Works: e.guests.Missing() == nil, Reason: "the qemu engine is missing"}
	case e.choice == Auto && e.guests.Fast():
		return plane.Capability{Name: "engine of machines: qemu, chosen because KVM works", Works: true}
	}
	return plane.Capability{Name: "engine of machines: container", Works: true}
}

// Clear ends and forgets all machines.
func (e *engines) Clear() error { return errors.Join(e.containers.Clear(), e.guests.Clear()) }

// Close lets go of the machines, which run on.
func (e *engines) Close() error { return errors.Join(e.containers.Close(), e.guests.Close()) }

// checkEngine refuses a choice that is none.
func checkEngine(choice string) (string, error) {
	switch choice {
	case "":
		return Container, nil
	case Container, Qemu, Auto:
		return choice, nil
	}
	return "", fmt.Errorf("the engine of machines is %s, %s or %s, not %q", Auto, Container, Qemu, choice)
}
