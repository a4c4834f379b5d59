package sim

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"pileus/plane"
)

// machines remembers which machines run. They are booted and ready at once.
type machines struct {
	mu    sync.Mutex
	list  map[string]*machine
	watch []func(plane.MachineStatus)
}

type machine struct {
	spec    plane.Machine
	state   plane.MachineState
	reason  string
	volumes map[string]plane.Attachment // by device
}

func (m *machine) status() plane.MachineStatus {
	up := m.state == plane.Running
	return plane.MachineStatus{ID: m.spec.ID, State: m.state, Reason: m.reason, Booted: up, Ready: up, Reachable: up}
}

// CanBoot implements plane.Machines.
func (s *machines) CanBoot(plane.Image) error { return nil }

// EnsureMachine implements plane.Machines.
func (s *machines) EnsureMachine(_ context.Context, m plane.Machine) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.list[m.ID]; old != nil && old.state != plane.Stopped {
		return nil
	}
	run := &machine{spec: m, state: plane.Running, volumes: map[string]plane.Attachment{}}
	for _, a := range append([]plane.Attachment{m.Root}, m.Volumes...) {
		run.volumes[a.Device] = a
	}
	s.list[m.ID] = run
	return nil
}

// StopMachine implements plane.Machines.
func (s *machines) StopMachine(_ context.Context, id string, _ time.Duration) error {
	s.end(id, "stopped")
	return nil
}

// ShutDown ends a machine as a program inside of it would, for tests.
func (s *machines) ShutDown(id string) {
	if st, ok := s.end(id, "shutdown"); ok {
		s.mu.Lock()
		watch := slices.Clone(s.watch)
		s.mu.Unlock()
		for _, f := range watch {
			f(st)
		}
	}
}

func (s *machines) end(id, reason string) (plane.MachineStatus, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.list[id]
	if m == nil || m.state == plane.Stopped {
		return plane.MachineStatus{}, false
	}
	m.state, m.reason = plane.Stopped, reason
	return m.status(), true
}

// RebootMachine implements plane.Machines.
func (s *machines) RebootMachine(ctx context.Context, m plane.Machine, grace time.Duration) error {
	if err := s.StopMachine(ctx, m.ID, grace); err != nil {
		return err
	}
	return s.EnsureMachine(ctx, m)
}

// FreezeMachine implements plane.Machines.
func (s *machines) FreezeMachine(_ context.Context, id string) error {
	return s.change(id, plane.Running, plane.Frozen)
}

// ThawMachine implements plane.Machines.
func (s *machines) ThawMachine(_ context.Context, id string) error {
	return s.change(id, plane.Frozen, plane.Running)
}

func (s *machines) change(id string, from, to plane.MachineState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.list[id]
	if m == nil {
		return plane.ErrNotFound
	}
	if m.state == from {
		m.state = to
	}
	return nil
}

// RemoveMachine implements plane.Machines.
func (s *machines) RemoveMachine(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.list, id)
	return nil
}

// Machines implements plane.Machines.
func (s *machines) Machines(context.Context) ([]plane.MachineStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []plane.MachineStatus
	for _, id := range slices.Sorted(maps.Keys(s.list)) {
		out = append(out, s.list[id].status())
	}
	return out, nil
}

// MachineStatus implements plane.Machines.
func (s *machines) MachineStatus(_ context.Context, id string) (plane.MachineStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.list[id]
	if m == nil {
		return plane.MachineStatus{}, plane.ErrNotFound
	}
	return m.status(), nil
}

// Screenshot implements plane.Machines: what does not run shows nothing.
func (s *machines) Screenshot(context.Context, string) ([]byte, error) {
	return nil, plane.ErrUnsupported
}

// WatchMachines implements plane.Machines.
func (s *machines) WatchMachines(f func(plane.MachineStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = append(s.watch, f)
}

// Console implements plane.Machines.
func (s *machines) Console(_ context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list[id] == nil {
		return nil, plane.ErrNotFound
	}
	return []byte("This machine is simulated: nothing runs in it, and user data is not executed.\n"), nil
}

// Run implements plane.Machines.
func (s *machines) Run(context.Context, string, plane.Command) (int, error) {
	return 0, unsupported("running a command in a machine")
}

// Sample implements plane.Machines: an idle machine.
func (s *machines) Sample(_ context.Context, id string) (plane.Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list[id] == nil {
		return plane.Usage{}, plane.ErrNotFound
	}
	return plane.Usage{}, nil
}

// AttachVolume implements plane.Machines.
func (s *machines) AttachVolume(_ context.Context, id string, a plane.Attachment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.list[id]
	if m == nil {
		return plane.ErrNotFound
	}
	m.volumes[a.Device] = a
	return nil
}

// DetachVolume implements plane.Machines.
func (s *machines) DetachVolume(_ context.Context, id, device string, _ bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.list[id]
	if m == nil {
		return plane.ErrNotFound
	}
	delete(m.volumes, device)
	return nil
}

func (s *machines) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.list)
}
