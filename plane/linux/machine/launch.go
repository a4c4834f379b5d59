//go:build linux

package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/guest/handoff"
	"pileus/plane"
	"pileus/plane/linux/cgroup"
	"pileus/plane/linux/process"
)

// birthLimit bounds how long a machine may take to put its root together.
const birthLimit = 30 * time.Second

// launch starts a machine and returns once its root, devices and agent are
// there. u.op is held and the machine does not run.
func (m *Machines) launch(ctx context.Context, u *unit, want plane.Machine) error {
	spec, err := m.spec(u, want)
	if err != nil {
		return err
	}
	if err := m.cgroups.Create(u.id, cgroup.LimitsOf(want)); err != nil {
		return fmt.Errorf("control groups: %w", err)
	}
	for _, d := range append([]handoff.Disk{spec.Root}, spec.Disks...) {
		if err := m.cgroups.Allow(u.id, nodeOf(d), true); err != nil {
			return fmt.Errorf("allow %s: %w", d.Path, err)
		}
	}
	if err := os.WriteFile(u.file(stateFile), nil, 0o600); err != nil {
		return err
	}
	err = u.change(func(r *record) {
		*r = record{Machine: want, Root: spec.Root, Disks: spec.Disks, Started: clock.Machine()}
	})
	if err != nil {
		return err
	}
	if err := m.bear(ctx, u, spec); err != nil {
		err = errors.Join(err, u.change(func(r *record) { r.Ended = crashed }), m.cgroups.Remove(u.id))
		return fmt.Errorf("boot machine %s: %w", u.id, err)
	}
	return nil
}

// CanBoot implements plane.Machines.
func (m *Machines) CanBoot(image plane.Image) error {
	switch image.Kind {
	case plane.BuiltIn, plane.HostOverlay, plane.Whole:
	default:
		return fmt.Errorf("image %s is of the unknown kind %q", image.ID, image.Kind)
	}
	switch {
	case m.dynamic && image.Kind == plane.BuiltIn:
		return fmt.Errorf("%w: %s", plane.ErrUnsupported, process.NeedsStatic)
	case m.Files != nil && image.Kind == plane.HostOverlay:
		return fmt.Errorf("%w: %s", plane.ErrUnsupported, needsOverlay)
	case image.Platform != "":
		return needsOther(image.Platform)
	}
	return nil
}

func needsOther(what string) error {
	return fmt.Errorf("%w: %s machines need an engine other than containers", plane.ErrUnsupported, what)
}

// spec is what the first process is told.
func (m *Machines) spec(u *unit, want plane.Machine) (handoff.Spec, error) {
	s := handoff.Spec{
		ID: want.ID, Hostname: want.Hostname, Kind: string(want.Image.Kind), Stage: u.file("stage"), Program: m.Program,
		Private: m.Private, VCPUs: want.VCPUs, MemoryMiB: want.MemoryMiB,
		Authority: want.Guest.Authority, User: want.Guest.User, Environment: want.Guest.Environment,
		Nameservers: want.Guest.Nameservers, Search: want.Guest.Search, Rootless: m.Files != nil,
	}
	err := m.CanBoot(want.Image)
	if err == nil && want.Engine != "" && want.Engine != "container" {
		err = needsOther(want.Engine)
	}
	if err != nil {
		return s, err
	}
	if s.Root, err = m.disk(want.Root); err != nil {
		return s, err
	}
	if m.Files != nil {
		if s.Root.Path, err = m.Files.MountVolume(want.Root.Volume, want.Root.Device); err != nil {
			return s, err
		}
	}
	for _, a := range want.Volumes {
		d, err := m.disk(a)
		if err != nil {
			return s, err
		}
		s.Disks = append(s.Disks, d)
	}
	return s, nil
}

// disk is the block device of an attached volume.
func (m *Machines) disk(a plane.Attachment) (handoff.Disk, error) {
	path, err := m.Device(a.Volume)
	if err != nil {
		return handoff.Disk{}, fmt.Errorf("volume %s: %w", a.Volume, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return handoff.Disk{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if m.Files != nil {
		return handoff.Disk{Path: path, Device: a.Device, ReadOnly: a.ReadOnly}, nil
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return handoff.Disk{}, fmt.Errorf("volume %s: %s is no block device", a.Volume, path)
	}
	return handoff.Disk{
		Path: path, Device: a.Device, ReadOnly: a.ReadOnly,
		Major: unix.Major(uint64(st.Rdev)), Minor: unix.Minor(uint64(st.Rdev)),
	}, nil
}

// nodeOf is a disk as control groups know it.
func nodeOf(d handoff.Disk) cgroup.Device {
	return cgroup.Device{Major: d.Major, Minor: d.Minor, ReadOnly: d.ReadOnly}
}

// bear starts the first process and hands it its spec.
func (m *Machines) bear(ctx context.Context, u *unit, spec handoff.Spec) error {
	sockets, err := m.sockets(u)
	if err != nil {
		return err
	}
	files, birth, err := u.inheritance()
	files = append(files, sockets...)
	var pid int
	if err == nil {
		defer birth.Close()
		pid, err = m.start(u.id, files)
	}
	for _, f := range files {
		f.Close()
	}
	if err != nil {
		return err
	}
	// Until it has its spec the process only waits, and ends if we do: from
	// here to the record nothing can be lost.
	born, err := process.BirthOf(pid)
	if err != nil {
		return err
	}
	p, err := process.Hold(pid, born, true)
	if err != nil {
		return errors.Join(err, unix.Kill(pid, unix.SIGKILL))
	}
	err = u.change(func(r *record) { r.PID, r.Boot, r.Birth = pid, m.Boot, born })
	if err == nil {
		err = deliver(ctx, birth, spec)
	}
	if err != nil {
		err = errors.Join(err, p.Kill())
		p.Wait()
		p.Release()
		return err
	}
	m.watch(u, p)
	return nil
}

// sockets are those by which the machine asks for its disks where they are no
// block devices: they come after the other files that it inherits.
func (m *Machines) sockets(u *unit) (files []*os.File, err error) {
	if m.Files == nil {
		return nil, nil
	}
	r, _ := u.snapshot()
	for _, a := range r.Machine.Volumes {
		socket, err := m.Files.ServeVolume(a.Volume, a.Device)
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			return nil, err
		}
		files = append(files, socket)
	}
	return files, nil
}

// inheritance opens the files that the first process gets, in their order, and
// our end of the socket by which it gets its spec.
func (u *unit) inheritance() (files []*os.File, birth *os.File, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	files = append(files, null)
	fail := func(err error) ([]*os.File, *os.File, error) {
		for _, f := range files {
			f.Close()
		}
		return nil, nil, err
	}
	console, err := os.OpenFile(u.file(consoleFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fail(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	// A second console file, because what is closed as 1 must stay open as 2.
	files = append(files, console, console, os.NewFile(uintptr(pair[1]), "birth"))
	if err := unix.SetNonblock(pair[0], true); err != nil {
		return fail(err)
	}
	birth = os.NewFile(uintptr(pair[0]), "birth")
	control, err := u.listen()
	if err != nil {
		birth.Close()
		return fail(err)
	}
	files = append(files, control)
	state, err := os.OpenFile(u.file(stateFile), os.O_RDWR, 0o600)
	if err != nil {
		birth.Close()
		return fail(err)
	}
	return append(files, state), birth, nil
}

// namespaces are those that a machine has of its own, beside its network.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP

// start starts the first process: in the machine's namespaces and control
// groups, without what confine takes away, and in a session of its own.
func (m *Machines) start(id string, files []*os.File) (pid int, err error) {
	network, err := os.Open(m.Network(id))
	if err != nil {
		return 0, fmt.Errorf("network namespace: %w", err)
	}
	defer network.Close()
	group, err := m.cgroups.Folder(id)
	if err != nil {
		return 0, err
	}
	attr := &syscall.ProcAttr{
		Dir: "/", Files: make([]uintptr, len(files)),
		// A small heap: the program is mostly asleep in a machine.
		Env: []string{"GOGC=25", "GOMAXPROCS=2", "GODEBUG=madvdontneed=1"},
		Sys: &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true},
	}
	if group != nil {
		defer group.Close()
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(group.Fd())
	}
	for i, f := range files {
		attr.Files[i] = f.Fd()
	}
	err = process.OnThread(func() error {
		if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace: %w", err)
		}
		if err := m.cgroups.Enter(id); err != nil {
			return fmt.Errorf("enter the control groups: %w", err)
		}
		if err := confine(); err != nil {
			return err
		}
		pid, err = syscall.ForkExec(m.Program, []string{handoff.Name}, attr)
		return err
	})
	return pid, err
}

// deliver hands over the spec and waits for the birth.
func deliver(ctx context.Context, birth *os.File, spec handoff.Spec) error {
	ctx, cancel := context.WithTimeout(ctx, birthLimit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { birth.SetDeadline(clock.Machine()) })
	defer stop()
	if err := json.NewEncoder(birth).Encode(spec); err != nil {
		return errors.Join(err, ctx.Err())
	}
	var b handoff.Birth
	if err := json.NewDecoder(birth).Decode(&b); err != nil {
		return errors.Join(fmt.Errorf("it ended before it was set up: %w", err), ctx.Err())
	}
	if b.Error != "" {
		return errors.New(b.Error)
	}
	return nil
}
