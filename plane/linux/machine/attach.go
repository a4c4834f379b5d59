//go:build linux

package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
	"pileus/plane"
)

// AttachVolume makes an open volume appear in the machine. One that does not
// run gets it when it boots: its next desired state says so.
func (m *Machines) AttachVolume(ctx context.Context, id string, a plane.Attachment) error {
	u, err := m.unit(id, false)
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	r, p := u.snapshot()
	if p == nil {
		return nil
	}
	d, err := m.disk(a)
	if err != nil {
		return err
	}
	for _, other := range append([]handoff.Disk{r.Root}, r.Disks...) {
		switch {
		case other == d:
			return nil
		case other.Device == d.Device:
			return fmt.Errorf("%s of machine %s: %w", d.Device, id, plane.ErrBusy)
		}
	}
	if err := m.cgroups.Allow(id, nodeOf(d), true); err != nil {
		return err
	}
	if err := m.add(ctx, u, a.Volume, d); err != nil {
		return errors.Join(err, m.cgroups.Allow(id, nodeOf(d), false))
	}
	return u.change(func(r *record) {
		r.Disks = append(r.Disks, d)
		r.Machine.Volumes = append(r.Machine.Volumes, a)
	})
}

// add has the machine take a disk over.
func (m *Machines) add(ctx context.Context, u *unit, volume string, d handoff.Disk) error {
	var files []*os.File
	if m.Files != nil {
		socket, err := m.Files.ServeVolume(volume, d.Device)
		if err != nil {
			return err
		}
		defer socket.Close()
		files = append(files, socket)
	}
	_, err := u.ask(ctx, handoff.Request{Do: handoff.Add, Disk: d}, files...)
	return err
}

// DetachVolume takes a volume away from a machine; force unmounts it there,
// though files on it are open.
func (m *Machines) DetachVolume(ctx context.Context, id, device string, force bool) error {
	u, err := m.unit(id, false)
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	r, p := u.snapshot()
	if p == nil {
		return nil
	}
	i := slices.IndexFunc(r.Disks, func(d handoff.Disk) bool { return d.Device == device })
	if i < 0 {
		return nil
	}
	d := r.Disks[i]
	if !force && m.claimed(r.Machine, d) {
		return fmt.Errorf("%s is mounted in machine %s: %w", device, id, plane.ErrBusy)
	}
	if _, err := u.ask(ctx, handoff.Request{Do: handoff.Drop, Disk: d}); err != nil && !force {
		return err
	}
	if err := m.cgroups.Allow(id, nodeOf(d), false); err != nil {
		return err
	}
	return u.change(func(r *record) {
		r.Disks = slices.Delete(r.Disks, i, i+1)
		r.Machine.Volumes = slices.DeleteFunc(r.Machine.Volumes, func(a plane.Attachment) bool { return a.Device == device })
	})
}

// claimed tells whether a machine's disk is mounted.
func (m *Machines) claimed(of plane.Machine, d handoff.Disk) bool {
	if m.Files == nil {
		return claimed(d.Path)
	}
	for _, a := range of.Volumes {
		if a.Device == d.Device {
			return m.Files.VolumeMounted(a.Volume)
		}
	}
	return false
}

// claimed tells whether a block device is mounted, in whatever namespace: a
// mount claims it, and the kernel refuses a second claim.
func claimed(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return errors.Is(err, unix.EBUSY)
}

// Run runs a command inside of the machine.
func (m *Machines) Run(ctx context.Context, id string, c plane.Command) (exit int, err error) {
	u, err := m.unit(id, false)
	if err != nil {
		return 0, err
	}
	if u.running() == nil {
		return 0, fmt.Errorf("machine %s does not run: %w", id, plane.ErrNotFound)
	}
	if len(c.Args) == 0 {
		return 0, errors.New("no command")
	}
	s, err := openStreams(c)
	if err != nil {
		return 0, err
	}
	defer s.close()
	a, err := u.ask(ctx, handoff.Request{Do: handoff.Run, Args: c.Args, Env: c.Env, User: c.User}, s.theirs...)
	for _, f := range s.theirs {
		f.Close()
	}
	return a.Exit, errors.Join(err, s.drain())
}
