//go:build linux

package qemu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"pileus/clock"
	"pileus/plane"
	"pileus/plane/linux/cgroup"
	"pileus/plane/linux/process"
)

// Options say where machines live.
type Options struct {
	// Cloud is the short id of the cloud; control groups are named for it.
	Cloud string
	// Dir keeps a folder for each machine: its record, console and socket.
	Dir string
	// Program is the executable that becomes the first process and the tools of
	// guests whose image has no kernel; it calls guest.Main first. The default is
	// this program.
	Program string
	// Kernel is the Linux kernel of those guests. The default is the newest in
	// /boot.
	Kernel string
	// Device is the host's block device of an open volume.
	Device func(volume string) (string, error)
	// Network is the path of a machine's network namespace. The default is
	// /run/netns/pileus-<cloud>-<machine>.
	Network func(machine string) string
	// Rootless is for root of a user namespace, where there may be no control groups
	// and Device gives the volumes' files. Fresh tells that machines of an earlier
	// process are in namespaces that cannot be reached: they end.
	Rootless, Fresh bool
	// Boot is which start of the host this is: machines of another are lost. The
	// default is process.HostBoot.
	Boot string
	Log  *slog.Logger
}

// Engine implements plane.Machines with QEMU.
type Engine struct {
	Options
	// cgroups are made when a machine first needs them: most clouds never do.
	cgroups cgroup.Groups
	clock   clock.Clock
	host    host
	// firmwares are where UEFI's may be.
	firmwares []efiFirmware
	making    sync.Mutex // of the initial file system

	mu       sync.Mutex
	units    map[string]*unit
	watchers []func(plane.MachineStatus)
	closed   bool
	work     sync.WaitGroup // those that watch machines
}

var _ plane.Machines = (*Engine)(nil)

// Open finds the machines that exist; those that run are managed again.
func Open(o Options) (*Engine, error) {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.Boot = cmp.Or(o.Boot, process.HostBoot())
	if o.Network == nil {
		o.Network = func(id string) string { return "/run/netns/pileus-" + o.Cloud + "-" + id }
	}
	if o.Program == "" {
		program, err := os.Executable()
		if err != nil {
			return nil, err
		}
		o.Program = program
	}
	// A name of its own: what the other engine does not know it removes.
	groups := cgroup.OpenDelegated(cgroup.Guests(o.Cloud))
	if !o.Rootless {
		var err error
		if groups, err = cgroup.Open(cgroup.Guests(o.Cloud)); err != nil {
			return nil, err
		}
	}
	e := &Engine{Options: o, cgroups: groups, clock: clock.New(), firmwares: efiFirmwares, units: map[string]*unit{}}
	if err := e.adopt(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Close lets go of the machines, which run on.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	units := e.unitsLocked()
	e.mu.Unlock()
	for _, u := range units {
		if g := u.running(); g != nil {
			g.process.Release()
			g.letGo()
		}
	}
	e.work.Wait()
	return nil
}

// Clear ends and forgets all machines.
func (e *Engine) Clear() error {
	e.mu.Lock()
	units := e.unitsLocked()
	e.mu.Unlock()
	var wg sync.WaitGroup
	errs := make([]error, len(units))
	for i, u := range units {
		wg.Go(func() { errs[i] = e.RemoveMachine(context.Background(), u.id) })
	}
	wg.Wait()
	e.cgroups.Close()
	return errors.Join(errs...)
}

// Has tells whether the engine keeps a machine of that id, running or not.
func (e *Engine) Has(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.units[id] != nil
}

func (e *Engine) unitsLocked() []*unit {
	var all []*unit
	for _, u := range e.units {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *unit) int { return cmp.Compare(a.id, b.id) })
	return all
}

// identifier is what a machine may be called, since the id becomes the name of
// folders and a part of QEMU's arguments.
var identifier = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$`)

// unit finds a machine, or makes it known if it is not.
func (e *Engine) unit(id string, create bool) (*unit, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	u := e.units[id]
	switch {
	case e.closed:
		return nil, errors.New("the data plane is closed")
	case u != nil:
		return u, nil
	case !create:
		return nil, fmt.Errorf("machine %s: %w", id, plane.ErrNotFound)
	case !identifier.MatchString(id):
		return nil, fmt.Errorf("%q cannot be the id of a machine", id)
	}
	u = &unit{id: id, dir: filepath.Join(e.Dir, id)}
	if err := os.MkdirAll(u.dir, 0o700); err != nil {
		return nil, err
	}
	e.units[id] = u
	return u, nil
}

// Machines lists what exists, running or not.
func (e *Engine) Machines(ctx context.Context) ([]plane.MachineStatus, error) {
	e.mu.Lock()
	units := e.unitsLocked()
	e.mu.Unlock()
	list := make([]plane.MachineStatus, len(units))
	var wg sync.WaitGroup
	for i, u := range units {
		wg.Go(func() { list[i] = e.status(ctx, u) })
	}
	wg.Wait()
	return list, nil
}

// MachineStatus tells how one machine is. Where the first process is ours it
// says itself that it has booted; another is reachable, and has booted, once it
// answers at its first address, which it has by DHCP.
func (e *Engine) MachineStatus(ctx context.Context, id string) (plane.MachineStatus, error) {
	u, err := e.unit(id, false)
	if err != nil {
		return plane.MachineStatus{}, err
	}
	return e.status(ctx, u), nil
}

func (e *Engine) status(ctx context.Context, u *unit) plane.MachineStatus {
	r, g := u.snapshot()
	s := plane.MachineStatus{ID: u.id, State: plane.Stopped, Reason: r.Ended, Started: r.Started}
	if g == nil {
		return s
	}
	s.State, s.Reason, s.PID = plane.Running, "", g.process.PID
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if g.frozen(bounded) {
		if r.Held {
			s.Booted, s.Ready, s.Reachable = r.Booted, r.Ready, r.Booted
			return s
		}
		s.State, s.Booted, s.Ready = plane.Frozen, r.Booted, r.Ready
		return s
	}
	s.Reachable = g.answers(bounded)
	if g.agent == nil && s.Reachable && !r.Booted {
		r.Booted, r.Ready = true, true
		if err := u.change(func(r *record) { r.Booted, r.Ready = true, true }); err != nil {
			e.Log.Warn("machine", "id", u.id, "error", err)
		}
	}
	s.Booted, s.Ready = r.Booted, r.Ready
	return s
}

// WatchMachines has f called when a machine changes its state by itself.
func (e *Engine) WatchMachines(f func(plane.MachineStatus)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watchers = append(e.watchers, f)
}

func (e *Engine) tell(u *unit) {
	s := e.status(context.Background(), u)
	e.mu.Lock()
	watchers := slices.Clone(e.watchers)
	e.mu.Unlock()
	for _, f := range watchers {
		f(s)
	}
}
