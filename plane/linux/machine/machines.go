//go:build linux

package machine

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

// Options say where machines live and what they are made of.
type Options struct {
	// Cloud is the short id of the cloud; control groups are named for it.
	Cloud string
	// Dir keeps a folder for each machine: its record, console and socket.
	Dir string
	// Program is the executable that becomes the first process and the tools;
	// it calls guest.Main first. The default is this program.
	Program string
	// Device is the host's block device of an open volume.
	Device func(volume string) (string, error)
	// Network is the path of a machine's network namespace. The default is
	// /run/netns/pileus-<cloud>-<machine>.
	Network func(machine string) string
	// Private are folders of the host that machines with the host's userland
	// must not see, such as the cloud's own data.
	Private []string
	// Files are the volumes for root of a user namespace, where Device gives the
	// volumes' files, and there are no control groups; nil where there are block
	// devices. Fresh tells that machines of an earlier process are in namespaces
	// that cannot be reached: they end.
	Files Files
	Fresh bool
	// Boot is which start of the host this is: machines of another are lost. The
	// default is process.HostBoot.
	Boot string
	Log  *slog.Logger
}

// Files are volumes without block devices.
type Files interface {
	// MountVolume mounts a root volume and returns the folder; device is what it
	// is called in the machine.
	MountVolume(volume, device string) (folder string, err error)
	// ServeVolume returns the socket on which the machine asks for a volume:
	// see handoff.AskDisk.
	ServeVolume(volume, device string) (*os.File, error)
	// VolumeMounted tells whether its file system is mounted.
	VolumeMounted(volume string) bool
}

// Machines implements plane.Machines.
type Machines struct {
	Options
	cgroups cgroup.Groups
	dynamic bool // Program needs libraries, which the built-in image has not
	clock   clock.Clock

	mu       sync.Mutex
	units    map[string]*unit
	watchers []func(plane.MachineStatus)
	closed   bool
	work     sync.WaitGroup // those that watch and restart machines
}

var _ plane.Machines = (*Machines)(nil)

// Open finds the machines that exist: those that run are managed again, those
// that asked for a restart meanwhile get it, and control groups that belong to
// no machine are removed.
func Open(o Options) (*Machines, error) {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.Boot = cmp.Or(o.Boot, process.HostBoot())
	if o.Program == "" {
		program, err := os.Executable()
		if err != nil {
			return nil, err
		}
		o.Program = program
	}
	if o.Network == nil {
		o.Network = func(id string) string { return "/run/netns/pileus-" + o.Cloud + "-" + id }
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	groups := cgroup.OpenDelegated(cgroup.Containers(o.Cloud))
	if o.Files == nil {
		var err error
		if groups, err = cgroup.Open(cgroup.Containers(o.Cloud)); err != nil {
			return nil, err
		}
	}
	m := &Machines{Options: o, dynamic: process.Dynamic(o.Program), cgroups: groups, clock: clock.New(), units: map[string]*unit{}}
	if err := m.adopt(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Close lets go of the machines, which run on.
func (m *Machines) Close() error {
	m.mu.Lock()
	m.closed = true
	units := m.unitsLocked()
	m.mu.Unlock()
	for _, u := range units {
		if p := u.running(); p != nil {
			p.Release()
		}
	}
	m.work.Wait()
	return nil
}

// Clear ends and forgets all machines.
func (m *Machines) Clear() error {
	m.mu.Lock()
	units := m.unitsLocked()
	m.mu.Unlock()
	var wg sync.WaitGroup
	errs := make([]error, len(units))
	for i, u := range units {
		wg.Go(func() { errs[i] = m.RemoveMachine(context.Background(), u.id) })
	}
	wg.Wait()
	m.cgroups.Close()
	return errors.Join(errs...)
}

// Describe tells what the control groups of this host allow.
func (m *Machines) Describe() []plane.Capability {
	own := plane.Capability{Name: "machines of the built-in image", Works: !m.dynamic}
	if m.dynamic {
		own.Reason = process.NeedsStatic
	}
	list := []plane.Capability{{Name: "machines", Works: true}, own}
	if m.Files != nil {
		list = append(list, plane.Capability{Name: "machines of the host's userland", Reason: needsOverlay})
	}
	return append(list, m.cgroups.Describe()...)
}

const needsOverlay = "without root no overlay can lie on a root volume: use the built-in image or an imported one, or start pileus with sudo"

func (m *Machines) unitsLocked() []*unit {
	var all []*unit
	for _, u := range m.units {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *unit) int { return cmp.Compare(a.id, b.id) })
	return all
}

// identifier is what a machine may be called, since the id becomes the name of
// folders.
var identifier = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$`)

// unit finds a machine, or makes it known if it is not.
func (m *Machines) unit(id string, create bool) (*unit, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.units[id]
	switch {
	case m.closed:
		return nil, errors.New("the data plane is closed")
	case u != nil:
		return u, nil
	case !create:
		return nil, fmt.Errorf("machine %s: %w", id, plane.ErrNotFound)
	case !identifier.MatchString(id):
		return nil, fmt.Errorf("%q cannot be the id of a machine", id)
	}
	u = &unit{id: id, dir: filepath.Join(m.Dir, id)}
	if err := os.MkdirAll(filepath.Join(u.dir, "stage"), 0o700); err != nil {
		return nil, err
	}
	m.units[id] = u
	return u, nil
}

// Machines lists what exists, running or not.
func (m *Machines) Machines(ctx context.Context) ([]plane.MachineStatus, error) {
	m.mu.Lock()
	units := m.unitsLocked()
	m.mu.Unlock()
	list := make([]plane.MachineStatus, len(units))
	errs := make([]error, len(units))
	var wg sync.WaitGroup
	for i, u := range units {
		wg.Go(func() { list[i], errs[i] = m.status(ctx, u) })
	}
	wg.Wait()
	return list, errors.Join(errs...)
}

// MachineStatus tells how one machine is.
func (m *Machines) MachineStatus(ctx context.Context, id string) (plane.MachineStatus, error) {
	u, err := m.unit(id, false)
	if err != nil {
		return plane.MachineStatus{}, err
	}
	return m.status(ctx, u)
}

func (m *Machines) status(ctx context.Context, u *unit) (plane.MachineStatus, error) {
	r, p := u.snapshot()
	s := plane.MachineStatus{ID: u.id, State: plane.Stopped, Reason: r.Ended, Started: r.Started}
	state, err := u.state()
	if err != nil {
		return s, err
	}
	if p == nil {
		return s, nil
	}
	s.State, s.Reason, s.PID, s.Booted, s.Ready = plane.Running, "", p.PID, state.Booted, state.Ready
	if frozen, err := m.cgroups.Frozen(u.id); err == nil && frozen {
		s.State = plane.Frozen
		return s, nil
	}
	s.Reachable = u.answers(ctx)
	return s, nil
}

// WatchMachines has f called when a machine changes its state by itself.
func (m *Machines) WatchMachines(f func(plane.MachineStatus)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watchers = append(m.watchers, f)
}

func (m *Machines) tell(u *unit) {
	s, err := m.status(context.Background(), u)
	if err != nil {
		m.Log.Warn("machine", "id", u.id, "error", err)
	}
	m.mu.Lock()
	watchers := slices.Clone(m.watchers)
	m.mu.Unlock()
	for _, f := range watchers {
		f(s)
	}
}

// Sample reads what the machine has used since it started.
func (m *Machines) Sample(_ context.Context, id string) (plane.Usage, error) {
	u, err := m.unit(id, false)
	if err != nil {
		return plane.Usage{}, err
	}
	p := u.running()
	if p == nil {
		return plane.Usage{}, fmt.Errorf("machine %s does not run: %w", id, plane.ErrNotFound)
	}
	used, err := m.cgroups.Usage(id)
	if err != nil && m.Files != nil { // nobody counts
		return processUsage(p.PID)
	}
	return used, err
}
