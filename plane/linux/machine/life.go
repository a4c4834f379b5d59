//go:build linux

package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"pileus/guest/handoff"
	"pileus/plane"
	"pileus/plane/linux/cgroup"
	"pileus/plane/linux/process"
)

// EnsureMachine boots the machine unless it runs; one that runs gets the limits
// that are wanted now.
func (m *Machines) EnsureMachine(ctx context.Context, want plane.Machine) error {
	u, err := m.unit(want.ID, true)
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	if u.running() != nil {
		return m.cgroups.Create(u.id, cgroup.LimitsOf(want))
	}
	return m.launch(ctx, u, want)
}

// StopMachine asks the machine to shut down and ends what is left of it after
// grace.
func (m *Machines) StopMachine(ctx context.Context, id string, grace time.Duration) error {
	u, err := m.unit(id, false)
	if errors.Is(err, plane.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	return m.stop(ctx, u, grace)
}

// RebootMachine restarts the machine in place.
func (m *Machines) RebootMachine(ctx context.Context, want plane.Machine, grace time.Duration) error {
	u, err := m.unit(want.ID, true)
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	if err := m.stop(ctx, u, grace); err != nil {
		return err
	}
	return m.launch(ctx, u, want)
}

// stop ends a machine; u.op is held.
func (m *Machines) stop(ctx context.Context, u *unit, grace time.Duration) error {
	u.mu.Lock()
	p := u.proc
	u.stopping = p != nil
	u.mu.Unlock()
	if p == nil {
		return nil
	}
	if grace > 0 {
		if err := m.cgroups.Freeze(u.id, false); err != nil {
			m.Log.Warn("thaw machine", "id", u.id, "error", err)
		}
		bounded, cancel := context.WithTimeout(ctx, grace)
		if _, err := u.ask(bounded, handoff.Request{Do: handoff.Stop}); err == nil {
			select {
			case <-p.Gone:
			case <-bounded.Done():
			}
		}
		cancel()
	}
	return m.end(ctx, u, p)
}

// end kills what is left of a machine and waits until all of it is gone.
func (m *Machines) end(ctx context.Context, u *unit, p *process.Process) error {
	select {
	case <-p.Gone:
		return nil
	default:
	}
	if err := p.Kill(); err != nil {
		return err
	}
	// What is frozen does not die.
	thaw := m.cgroups.Freeze(u.id, false)
	select {
	case <-p.Gone:
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), thaw)
	}
}

// RemoveMachine ends the machine and forgets everything of it.
func (m *Machines) RemoveMachine(ctx context.Context, id string) error {
	u, err := m.unit(id, false)
	if errors.Is(err, plane.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	if err := m.stop(ctx, u, 0); err != nil {
		return err
	}
	if err := m.cgroups.Remove(id); err != nil {
		return err
	}
	if err := os.RemoveAll(u.dir); err != nil {
		return err
	}
	m.mu.Lock()
	delete(m.units, id)
	m.mu.Unlock()
	return nil
}

// FreezeMachine stops the machine in its tracks.
func (m *Machines) FreezeMachine(ctx context.Context, id string) error {
	return m.freeze(ctx, id, true)
}

// ThawMachine lets a frozen machine go on.
func (m *Machines) ThawMachine(ctx context.Context, id string) error { return m.freeze(ctx, id, false) }

func (m *Machines) freeze(_ context.Context, id string, yes bool) error {
	u, err := m.unit(id, false)
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	if u.running() == nil {
		return fmt.Errorf("machine %s does not run: %w", id, plane.ErrNotFound)
	}
	return m.cgroups.Freeze(id, yes)
}

// watch makes p the machine's process and waits for its end.
func (m *Machines) watch(u *unit, p *process.Process) {
	u.mu.Lock()
	u.proc, u.stopping = p, false
	u.mu.Unlock()
	m.work.Go(func() {
		signal, ok := p.Wait()
		if !ok {
			return
		}
		m.settle(u, p, signal)
	})
}

// settle records the end of a machine, and restarts it if that is what it
// ended for. The machine counts as running until its disks are free, its
// control groups are gone and its record is written: whoever starts or removes
// it next finds nothing of it at work.
func (m *Machines) settle(u *unit, p *process.Process, signal syscall.Signal) {
	reason := u.reason(signal)
	r, _ := u.snapshot()
	m.letGo(r)
	err := m.cgroups.Remove(u.id)
	ours := false
	err = errors.Join(err, u.change(func(r *record) {
		if ours = u.stopping; ours {
			reason = "stopped"
		}
		r.Ended, r.PID = reason, 0
		u.proc, u.stopping = nil, false
	}))
	if err != nil {
		m.Log.Warn("a machine ended", "id", u.id, "error", err)
	}
	p.Release()
	close(p.Gone)
	if ours {
		return
	}
	m.Log.Info("a machine ended by itself", "id", u.id, "reason", reason)
	if reason == handoff.Reboot {
		m.restart(u)
	}
	m.tell(u)
}

// unmountLimit is how long the kernel may take to unmount what a machine that
// has ended had mounted: it writes out what is not yet on the disks.
const unmountLimit = 30 * time.Second

// letGo waits until the disks of a machine that has ended are free, which its
// process being gone does not mean yet.
func (m *Machines) letGo(r record) {
	ctx, cancel := context.WithTimeout(context.Background(), unmountLimit)
	defer cancel()
	for _, d := range append([]handoff.Disk{r.Root}, r.Disks...) {
		for m.claimed(r.Machine, d) {
			if m.clock.Wait(ctx, time.Millisecond) != nil {
				m.Log.Warn("a disk is still mounted though its machine has ended", "disk", d.Path)
				return
			}
		}
	}
}

// reason is why a machine ended by itself: what it said, or what the kernel
// says of reboot(2) in its PID namespace.
func (u *unit) reason(signal syscall.Signal) string {
	if s, err := u.state(); err == nil && s.Reason != "" {
		return s.Reason
	}
	switch signal {
	case syscall.SIGINT:
		return handoff.Shutdown
	case syscall.SIGHUP:
		return handoff.Reboot
	}
	return crashed
}

// restart boots a machine that ended in order to be booted again.
func (m *Machines) restart(u *unit) {
	u.op.Lock()
	defer u.op.Unlock()
	r, p := u.snapshot()
	if p != nil || r.Ended != handoff.Reboot {
		return // somebody else has decided meanwhile
	}
	if err := m.launch(context.Background(), u, r.Machine); err != nil {
		m.Log.Error("a machine did not come back from its reboot", "id", u.id, "error", err)
	}
}

// adopt finds the machines of an earlier process.
func (m *Machines) adopt() error {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !identifier.MatchString(e.Name()) {
			continue
		}
		if err := m.find(e.Name()); err != nil {
			return fmt.Errorf("machine %s: %w", e.Name(), err)
		}
	}
	orphans, err := m.cgroups.List()
	if err != nil {
		return err
	}
	for _, id := range orphans {
		if u := m.units[id]; u != nil && u.running() != nil {
			continue
		}
		if err := m.bury(id); err != nil {
			return err
		}
	}
	for _, u := range m.units {
		if r, p := u.snapshot(); p == nil && r.Ended == handoff.Reboot {
			m.work.Go(func() { m.restart(u); m.tell(u) })
		}
	}
	return nil
}

// Why machines ended that said nothing of it: by themselves, or with the
// host, or with the namespaces that they were in, which is the same to them.
const crashed, lost = "crashed", "lost"

// find takes one machine up again.
func (m *Machines) find(id string) error {
	u := &unit{id: id, dir: filepath.Join(m.Dir, id)}
	r, err := readRecord(u.dir)
	if err != nil {
		return err
	}
	if r.Machine.ID == "" {
		return os.RemoveAll(u.dir) // it was never more than a folder
	}
	u.record = r
	m.units[id] = u
	restarted := r.Boot != "" && r.Boot != m.Boot
	if restarted && r.Ended == crashed {
		return u.change(func(r *record) { r.Ended = lost }) // a new start helps, whatever it was
	}
	var p *process.Process
	if r.PID != 0 && r.Ended == "" && !restarted {
		if p, err = process.Hold(r.PID, r.Birth, false); err != nil {
			return err
		}
	}
	if p != nil && m.Fresh {
		if err := p.Kill(); err != nil {
			return err
		}
		p.Wait()
		p.Release()
		p = nil
	}
	if p == nil {
		if r.Ended != "" {
			return nil
		}
		reason := u.reason(0)
		if (m.Fresh || restarted) && reason == crashed {
			reason = lost
		}
		return u.change(func(r *record) { r.Ended, r.PID = reason, 0 })
	}
	for _, d := range append([]handoff.Disk{r.Root}, r.Disks...) {
		if err := m.cgroups.Allow(id, nodeOf(d), true); err != nil {
			return err
		}
	}
	m.watch(u, p)
	return nil
}

// bury ends processes that a crash has left without a record, and their groups.
func (m *Machines) bury(id string) error {
	left, err := m.cgroups.Processes(id)
	if err != nil {
		return err
	}
	for _, pid := range left {
		if p, err := process.Hold(pid, 0, false); err == nil && p != nil {
			err = errors.Join(p.Kill(), m.cgroups.Freeze(id, false))
			p.Wait()
			p.Release()
			if err != nil {
				return err
			}
		}
	}
	return m.cgroups.Remove(id)
}
