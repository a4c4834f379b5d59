package reconcile

import (
	"context"
	"time"

	"pileus/store"
)

// ahead is how many wake-ups the agenda holds, at least while there are more.
const ahead = 4096

// endOfTime is after every wake-up.
var endOfTime = time.Unix(1<<62, 0)

// inbox is what commits have told since the agenda was last looked at. It has
// a lock of its own that is never held for long: the store calls while it
// commits.
type inbox struct {
	wakes  []store.Wake
	queues []store.Queue
	rescan bool // there is something, and the store did not say what
	closed bool // the runner is stopped, and will look for itself
}

// heard is told of every commit that left something to do.
func (r *Runner) heard(s store.Signal) {
	r.inboxMu.Lock()
	if r.inbox.closed {
		r.inboxMu.Unlock()
		return
	}
	r.inbox.wakes = append(r.inbox.wakes, s.Wakes...)
	r.inbox.queues = append(r.inbox.queues, s.Queues...)
	if s.Emitted && len(s.Queues) == 0 || !s.Earliest.IsZero() && len(s.Wakes) == 0 {
		r.inbox.rescan = true
	}
	r.inboxMu.Unlock()
	r.poke()
}

// refresh brings the agenda up to date; mu is held. What was heard before the
// store is read is in what is read.
func (r *Runner) refresh(ctx context.Context) error {
	r.inboxMu.Lock()
	in := r.inbox
	r.inbox = inbox{}
	r.inboxMu.Unlock()
	beyond := r.agenda.horizon != nil && len(r.agenda.waiting[wake]) == 0
	if in.rescan || beyond {
		if err := r.scan(ctx, in.rescan); err != nil {
			r.inboxMu.Lock()
			r.inbox.rescan = true
			r.inboxMu.Unlock()
			return err
		}
	}
	for _, w := range in.wakes {
		r.agenda.addWake(w)
	}
	for _, q := range in.queues {
		r.agenda.addQueue(q, time.Time{})
	}
	return nil
}

// scan reads the agenda from the store: the earliest wake-ups, and the queues
// too if asked.
func (r *Runner) scan(ctx context.Context, queues bool) error {
	var wakes []store.Wake
	var heads []store.Entry
	err := r.db.View(ctx, func(rd store.Reader) error {
		wakes, heads = store.Wakes(rd, endOfTime, ahead), nil
		if queues {
			heads = store.Outbox(rd, endOfTime, 1<<30)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.agenda.horizon = nil
	for _, w := range wakes {
		r.agenda.addWake(w)
	}
	if len(wakes) == ahead {
		r.agenda.horizon = &wakes[ahead-1].At
	}
	for _, e := range heads {
		r.agenda.addQueue(store.Queue{Topic: e.Topic, Key: e.Key}, e.NotBefore)
	}
	return nil
}

// dispatch starts workers for what is due and sets the alarm for what is due
// later. busy tells that work is running.
func (r *Runner) dispatch(ctx context.Context) (busy bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.started {
		return false, ErrStopped
	}
	if err := r.refresh(ctx); err != nil {
		return false, err
	}
	now := r.clk.Now()
	for k := range kinds {
		for _, t := range r.agenda.due(k, now, workers-r.running[k]) {
			r.start(t)
		}
	}
	r.setAlarm(now)
	return r.running[wake]+r.running[entry] > 0, nil
}

// start runs a task on a goroutine of its own. mu is held.
func (r *Runner) start(t *task) {
	r.running[t.kind]++
	ctx := r.ctx
	r.done.Go(func() {
		work := r.reconcile
		if t.kind == entry {
			work = r.deliver
		}
		at, more := work(ctx, t)
		r.mu.Lock()
		r.running[t.kind]--
		r.agenda.done(t, at, more)
		close(r.finished)
		r.finished = make(chan struct{})
		r.mu.Unlock()
		r.poke()
	})
}

// setAlarm has the clock poke the runner when the next task is due, unless one
// is due already: then it waits for a worker. mu is held.
func (r *Runner) setAlarm(now time.Time) {
	at, ok := r.agenda.next()
	ok = ok && at.After(now)
	if r.alarm != nil && ok && at.Equal(r.alarmAt) {
		return
	}
	if r.alarm != nil {
		r.alarm()
		r.alarm = nil
	}
	if ok {
		r.alarmAt = at
		r.alarm = r.clk.At(at, func(time.Time) { r.rang(at) })
	}
}

func (r *Runner) rang(at time.Time) {
	r.mu.Lock()
	if r.alarmAt.Equal(at) {
		r.alarm = nil
	}
	r.mu.Unlock()
	r.poke()
}

// identity names a key of a controller or topic in memory.
func identity(name string, k store.Key) string {
	return string(k.Append(store.K(name).Append(nil)))
}
