//go:build linux

package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pileus/guest/handoff"
	"pileus/plane"
	"pileus/plane/linux/process"
)

// Why a machine ended.
const (
	shutDown = "shutdown" // from inside
	stopped  = "stopped"  // by StopMachine
	crashed  = "crashed"
	lost     = "lost" // with the host, or the namespaces that it was in
)

// EnsureMachine boots the machine unless it runs; one that runs gets the limits
// that are wanted now, the room that its volumes have grown by, and the
// interfaces that have come or gone.
func (e *Engine) EnsureMachine(ctx context.Context, want plane.Machine) error {
	u, err := e.unit(want.ID, true)
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	if g := u.running(); g != nil {
		return errors.Join(e.cgroups.Create(u.id, limits(want)), e.grow(ctx, u, g), e.recard(ctx, u, g))
	}
	return e.launch(ctx, u, want)
}

// StopMachine presses the guest's power button, and ends what is left of it
// after grace.
func (e *Engine) StopMachine(ctx context.Context, id string, grace time.Duration) error {
	u, err := e.unit(id, false)
	if errors.Is(err, plane.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	return e.stop(ctx, u, grace)
}

// RebootMachine shuts the guest down and starts it again.
func (e *Engine) RebootMachine(ctx context.Context, want plane.Machine, grace time.Duration) error {
	u, err := e.unit(want.ID, true)
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	if err := e.stop(ctx, u, grace); err != nil {
		return err
	}
	return e.launch(ctx, u, want)
}

// pressAgain is how long a guest has to heed its power button before it is
// pressed again: while it boots nobody looks at it.
const pressAgain = 3 * time.Second

// stop ends a machine; u.op is held.
func (e *Engine) stop(ctx context.Context, u *unit, grace time.Duration) error {
	u.mu.Lock()
	g := u.guest
	u.stopping = g != nil
	u.mu.Unlock()
	if g == nil {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for bounded.Err() == nil && !g.gone() {
		// A guest that is frozen sees no button.
		if g.monitor.do(bounded, "cont", nil, nil) != nil || g.monitor.do(bounded, "system_powerdown", nil, nil) != nil {
			break
		}
		again, cancel := context.WithTimeout(bounded, pressAgain)
		select {
		case <-g.process.Gone:
		case <-again.Done():
		}
		cancel()
	}
	return g.end(ctx)
}

func (g *guest) gone() bool {
	select {
	case <-g.process.Gone:
		return true
	default:
		return false
	}
}

// end kills what is left of a machine and waits until it is gone.
func (g *guest) end(ctx context.Context) error {
	if g.gone() {
		return nil
	}
	if err := g.process.Kill(); err != nil {
		return err
	}
	select {
	case <-g.process.Gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RemoveMachine ends the machine and forgets everything of it.
func (e *Engine) RemoveMachine(ctx context.Context, id string) error {
	u, err := e.unit(id, false)
	if errors.Is(err, plane.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	if err := e.stop(ctx, u, 0); err != nil {
		return err
	}
	if err := e.cgroups.Remove(id); err != nil {
		return err
	}
	if err := os.RemoveAll(u.dir); err != nil {
		return err
	}
	e.mu.Lock()
	delete(e.units, id)
	e.mu.Unlock()
	return nil
}

// FreezeMachine stops the guest in its tracks.
func (e *Engine) FreezeMachine(ctx context.Context, id string) error { return e.order(ctx, id, "stop") }

// ThawMachine lets a frozen guest go on.
func (e *Engine) ThawMachine(ctx context.Context, id string) error { return e.order(ctx, id, "cont") }

func (e *Engine) order(ctx context.Context, id, command string) error {
	u, err := e.unit(id, false)
	if err != nil {
		return err
	}
	u.op.Lock()
	defer u.op.Unlock()
	g := u.running()
	if g == nil {
		return fmt.Errorf("machine %s does not run: %w", id, plane.ErrNotFound)
	}
	return g.monitor.do(ctx, command, nil, nil)
}

// run is what QEMU says of a guest: "running", "paused", "shutdown".
func (g *guest) run(ctx context.Context) (string, error) {
	var s struct{ Status string }
	err := g.monitor.do(ctx, "query-status", nil, &s)
	return s.Status, err
}

func (g *guest) frozen(ctx context.Context) bool {
	s, err := g.run(ctx)
	return err == nil && s == "paused"
}

// manage takes up the conversation with a machine's QEMU, makes p its process
// and waits for its end.
func (e *Engine) manage(ctx context.Context, u *unit, p *process.Process) error {
	conn, err := u.connect(ctx, monitorFile)
	if err != nil {
		return err
	}
	g := &guest{process: p}
	if g.monitor, err = converse(ctx, conn, func(v event) { e.happened(u, g, v) }); err != nil {
		return err
	}
	if r, _ := u.snapshot(); r.Agent {
		port, err := u.connect(ctx, agentFile)
		if err != nil {
			g.letGo()
			return err
		}
		g.agent = newAgent(port, func() { e.greeted(u, g) }, func(s handoff.State) { e.told(u, s) })
	}
	status, err := g.run(ctx)
	if err != nil {
		g.letGo()
		return err
	}
	if status == shutDown { // while nobody listened
		e.ended(u, g)
	}
	e.listen(u, g)
	u.mu.Lock()
	u.guest, u.stopping = g, false
	u.mu.Unlock()
	e.work.Go(func() {
		if _, ok := p.Wait(); ok {
			e.settle(u, g)
		}
	})
	return nil
}

// listen opens the wires of a guest's cards, unless its first process is ours,
// which has no need of DHCP. A guest without goes on with the address that it
// has.
func (e *Engine) listen(u *unit, g *guest) {
	r, _ := u.snapshot()
	if r.Agent {
		return
	}
	l := leaseOf(r.Machine.Hostname, r.Machine.Guest.Nameservers, r.Machine.Guest.Search)
	for _, c := range r.Cards {
		if err := e.open(u, g, c, l); err != nil {
			e.Log.Warn("a machine gets no answer from DHCP", "id", u.id, "error", err)
		}
	}
}

func (e *Engine) open(u *unit, g *guest, c card, l lease) error {
	n, err := newLine(e.Network(u.id), c, l)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.lines = append(g.lines, n)
	g.mu.Unlock()
	e.work.Go(func() {
		n.serve(func(err error) { e.Log.Warn("answer DHCP", "id", u.id, "error", err) })
	})
	return nil
}

// happened hears of an event in a guest.
func (e *Engine) happened(u *unit, g *guest, v event) {
	switch {
	case v.Event == "SHUTDOWN":
		e.ended(u, g)
	case v.Event == "RESET" && v.Data.Guest:
		e.work.Go(func() {
			if err := u.change(func(r *record) { r.Booted, r.Ready = false, false }); err != nil {
				e.Log.Warn("a machine rebooted", "id", u.id, "error", err)
			}
			e.tell(u)
		})
	case v.Event == "DEVICE_DELETED":
		g.dropped(v.Data.Device)
	}
}

// ended notes that a guest has shut down, and has its QEMU end, which waits for
// that: so that it is known even if nobody listened at that moment.
func (e *Engine) ended(u *unit, g *guest) {
	e.work.Go(func() {
		if err := u.change(func(r *record) { r.Ended = shutDown }); err != nil {
			e.Log.Warn("a machine ended", "id", u.id, "error", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := g.monitor.do(ctx, "quit", nil, nil); err != nil && !g.gone() {
			if err := g.process.Kill(); err != nil {
				e.Log.Warn("a machine ended", "id", u.id, "error", err)
			}
		}
	})
}

// settle records the end of a machine.
func (e *Engine) settle(u *unit, g *guest) {
	u.mu.Lock()
	ours, reason := u.stopping, u.record.Ended
	u.guest, u.stopping = nil, false
	u.mu.Unlock()
	switch {
	case ours:
		reason = stopped
	case reason == "":
		reason = crashed
	}
	g.letGo()
	r, _ := u.snapshot()
	err := errors.Join(
		u.change(func(r *record) { r.Ended, r.PID, r.Booted, r.Ready = reason, 0, false, false }),
		unplug(e.Network(u.id), r.Cards), e.cgroups.Remove(u.id))
	if err != nil {
		e.Log.Warn("a machine ended", "id", u.id, "error", err)
	}
	g.process.Release()
	close(g.process.Gone)
	if ours {
		return
	}
	e.Log.Info("a machine ended by itself", "id", u.id, "reason", reason)
	e.tell(u)
}

// adopt finds the machines of an earlier process, and ends what a crash has
// left without a record.
func (e *Engine) adopt() error {
	entries, err := os.ReadDir(e.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range entries {
		if !d.IsDir() || !identifier.MatchString(d.Name()) {
			continue
		}
		if err := e.find(d.Name()); err != nil {
			return fmt.Errorf("machine %s: %w", d.Name(), err)
		}
	}
	orphans, err := e.cgroups.List()
	if err != nil {
		return err
	}
	for _, id := range orphans {
		if u := e.units[id]; u != nil && u.running() != nil {
			continue
		}
		if err := e.bury(id); err != nil {
			return err
		}
	}
	return nil
}

// find takes one machine up again.
func (e *Engine) find(id string) error {
	u := &unit{id: id, dir: filepath.Join(e.Dir, id)}
	r, err := readRecord(u.dir)
	if err != nil {
		return err
	}
	if r.Machine.ID == "" {
		return os.RemoveAll(u.dir) // it was never more than a folder
	}
	u.record = r
	e.units[id] = u
	restarted := r.Boot != "" && r.Boot != e.Boot
	why := crashed
	if restarted || r.PID != 0 && e.Fresh {
		why = lost
	}
	if r.Ended == "" || restarted && r.Ended == crashed {
		r.Ended = why
	}
	var p *process.Process
	if r.PID != 0 && !restarted {
		if p, err = process.Hold(r.PID, r.Birth, false); err != nil {
			return err
		}
	}
	if p != nil && e.Fresh {
		if err := p.Kill(); err != nil {
			return err
		}
		p.Wait()
		p.Release()
		p = nil
	}
	if p != nil {
		ctx, cancel := context.WithTimeout(context.Background(), birthLimit)
		defer cancel()
		err := errors.Join(e.allow(id, r.Disks), e.manage(ctx, u, p))
		if g := u.running(); err == nil && g != nil {
			err = e.goOn(u, g)
		}
		if err == nil {
			return nil
		}
		// A guest that nobody can steer is no machine any more.
		e.Log.Error("a machine does not answer, and is ended", "id", id, "error", err)
		if err := p.Kill(); err != nil {
			return err
		}
		p.Wait()
		p.Release()
	}
	return u.change(func(to *record) { to.Ended, to.PID, to.Booted, to.Ready = r.Ended, 0, false, false })
}

// bury ends processes that a crash has left without a record, and their groups.
func (e *Engine) bury(id string) error {
	left, err := e.cgroups.Processes(id)
	if err != nil {
		return err
	}
	for _, pid := range left {
		p, err := process.Hold(pid, 0, false)
		if err != nil || p == nil {
			continue
		}
		if err := p.Kill(); err != nil {
			return err
		}
		p.Wait()
		p.Release()
	}
	return e.cgroups.Remove(id)
}
