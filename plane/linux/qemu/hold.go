//go:build linux

package qemu

import (
	"context"
	"errors"
	"slices"
	"time"

	"pileus/guest/handoff"
)

// syncLimit is how long a first process of ours may take to write out what its
// guest has in memory.
const syncLimit = 10 * time.Second

// Hold has the guests that use a volume stand still, so that what is on it is
// one moment of it, until release is called. A guest may be held for several of
// its volumes at once. One whose first process is ours writes out before what it
// has in memory; what another has there, a snapshot lacks, as on AWS.
func (e *Engine) Hold(ctx context.Context, volume string) (release func(), err error) {
	var held []*unit
	release = func() {
		for _, u := range held {
			e.letUp(u)
		}
	}
	for _, u := range e.users(volume) {
		if err := e.holdOne(ctx, u); err != nil {
			release()
			return nil, err
		}
		held = append(held, u)
	}
	return release, nil
}

// users are the machines that run with a volume.
func (e *Engine) users(volume string) (list []*unit) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, u := range e.unitsLocked() {
		r, g := u.snapshot()
		if g != nil && slices.ContainsFunc(r.Disks, func(d disk) bool { return d.Volume == volume }) {
			list = append(list, u)
		}
	}
	return list
}

func (e *Engine) holdOne(ctx context.Context, u *unit) error {
	u.holding.Lock()
	defer u.holding.Unlock()
	if u.holds == 0 {
		u.op.Lock() // nobody has it go on meanwhile
		if err := e.pause(ctx, u); err != nil {
			u.op.Unlock()
			return err
		}
	}
	u.holds++
	return nil
}

// pause stops a guest that runs. What is to go on again is written down first:
// this process may end before.
func (e *Engine) pause(ctx context.Context, u *unit) error {
	g := u.running()
	if g == nil || g.frozen(ctx) {
		return nil
	}
	if g.agent != nil {
		bounded, cancel := context.WithTimeout(ctx, syncLimit)
		defer cancel()
		if _, err := g.agent.run(bounded, handoff.Request{Do: handoff.Run, Args: []string{"sync"}}, nil, nil, nil); err != nil {
			e.Log.Warn("a machine does not write out what it has in memory", "id", u.id, "error", err)
		}
	}
	if err := u.change(func(r *record) { r.Held = true }); err != nil {
		return err
	}
	if err := g.monitor.do(ctx, "stop", nil, nil); err != nil && !g.gone() {
		return errors.Join(err, e.goOn(u, g))
	}
	return nil
}

// letUp ends one hold of a guest.
func (e *Engine) letUp(u *unit) {
	u.holding.Lock()
	defer u.holding.Unlock()
	if u.holds--; u.holds > 0 {
		return
	}
	defer u.op.Unlock()
	if g := u.running(); g != nil {
		if err := e.goOn(u, g); err != nil && !g.gone() {
			e.Log.Error("a machine stands still", "id", u.id, "error", err)
		}
	}
}

// goOn has a guest go on that was held.
func (e *Engine) goOn(u *unit, g *guest) error {
	if r, _ := u.snapshot(); !r.Held {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), birthLimit)
	defer cancel()
	if err := g.monitor.do(ctx, "cont", nil, nil); err != nil {
		return err
	}
	return u.change(func(r *record) { r.Held = false })
}
