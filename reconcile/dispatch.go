package reconcile

import (
	"context"
	"time"

	"pileus/store"
)

// plan is what the store has for the runner to do.
type plan struct {
	wakes   []store.Wake // by time, later ones included
	entries []store.Entry
	retry   time.Time // of the first entry that can be delivered
	waiting bool      // there is one
}

// later is when the next work falls due after now.
func (p *plan) later(now time.Time) (at *time.Time) {
	if p.waiting && p.retry.After(now) {
		at = &p.retry
	}
	for i := range p.wakes {
		if w := &p.wakes[i]; w.At.After(now) && (at == nil || w.At.Before(*at)) {
			return &w.At
		}
	}
	return at
}

// endOfTime is after every wake-up.
var endOfTime = time.Unix(1<<62, 0)

// dispatch starts workers for what is due and free of others' work, and sets
// the alarm for what is due later. busy tells that work is running.
func (r *Runner) dispatch(ctx context.Context) (busy bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.started {
		return false, ErrStopped
	}
	now := r.clk.Now()
	p, err := r.plan(ctx, now)
	if err != nil {
		return false, err
	}
	for _, w := range p.wakes {
		if w.At.After(now) {
			break
		}
		r.start(wake, "w"+identity(w.Controller, w.Key), func(ctx context.Context) { r.reconcile(ctx, w) })
	}
	for _, e := range p.entries {
		r.start(entry, "e"+identity(e.Topic, e.Key), func(ctx context.Context) { r.deliver(ctx, e) })
	}
	r.setAlarm(p.later(now))
	return len(r.running) > 0, nil
}

// plan reads enough to keep all workers busy: work that is running is still
// in the store. mu is held.
func (r *Runner) plan(ctx context.Context, now time.Time) (p plan, err error) {
	err = r.db.View(ctx, func(rd store.Reader) error {
		p = plan{
			wakes:   store.Wakes(rd, endOfTime, workers+r.count[wake]+1),
			entries: store.Outbox(rd, now, workers+r.count[entry]),
		}
		if len(p.entries) == 0 {
			p.retry, p.waiting = store.NextOutbox(rd)
		}
		return nil
	})
	return p, err
}

// start runs work on a goroutine of its own, unless the same work is running
// or all workers of the kind are busy. mu is held.
func (r *Runner) start(k kind, id string, work func(context.Context)) {
	if _, runs := r.running[id]; runs || r.count[k] >= workers {
		return
	}
	r.running[id] = k
	r.count[k]++
	ctx := r.ctx
	r.done.Go(func() {
		work(ctx)
		r.mu.Lock()
		delete(r.running, id)
		r.count[k]--
		close(r.finished)
		r.finished = make(chan struct{})
		r.mu.Unlock()
		r.poke()
	})
}

// setAlarm has the clock poke the runner at a time, or not; mu is held.
func (r *Runner) setAlarm(at *time.Time) {
	old := r.alarmAt.Load()
	if old != nil && at != nil && at.Equal(*old) {
		return
	}
	if old != nil {
		r.alarm()
	}
	r.alarmAt.Store(at)
	if at != nil {
		r.alarm = r.clk.At(*at, func(time.Time) {
			r.alarmAt.CompareAndSwap(at, nil)
			r.poke()
		})
	}
}

// identity names a key of a controller or topic in memory.
func identity(name string, k store.Key) string {
	return string(k.Append(store.K(name).Append(nil)))
}
