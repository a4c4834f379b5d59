package reconcile

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"pileus/cloud"
	"pileus/store"
)

const (
	firstRetry  = time.Second
	longestWait = time.Hour
	// orphaned is how long work waits that no module of this binary does.
	orphaned = 24 * time.Hour
	// acknowledged is how many deliveries of one key may go before the store
	// hears of them: what a crash repeats at most.
	acknowledged = 16
	// turn is how many deliveries of one key may go before others have a turn.
	turn = 1024
)

// reconcile runs a task's controller if its wake-up is due, and tells when it
// is to be run again.
func (r *Runner) reconcile(ctx context.Context, t *task) (at time.Time, more bool) {
	w, due, err := r.appointment(ctx, t.wake)
	if err != nil {
		r.troubled(ctx, err)
		return at, true
	}
	if !due {
		return w.At, !w.At.IsZero()
	}
	c, ok := r.controllers[w.Controller]
	if !ok {
		r.log.Error("no module has this controller", "controller", w.Controller, "key", fmt.Sprint(w.Key...))
		return r.settle(ctx, w, orphaned)
	}
	err = r.protect(ctx, c.principal, w.Key, func(call *cloud.Call) error { return c.Reconcile(call, w.Key) })
	if ctx.Err() != nil {
		return at, true // stopped: the wake-up stays and is served after the next start
	}
	if err == nil {
		r.forget(t.id)
		return r.settle(ctx, w, 0)
	}
	wait := r.backoff(firstRetry, r.failed(t.id))
	r.log.Warn("a controller failed and will be run again", "controller", w.Controller, "key", fmt.Sprint(w.Key...), "in", wait, "err", err)
	return r.settle(ctx, w, wait)
}

// appointment is the wake-up of w's controller and key as it stands. One that
// is not due has its time, or none where there is no appointment at all.
func (r *Runner) appointment(ctx context.Context, w store.Wake) (now store.Wake, due bool, err error) {
	err = r.db.View(ctx, func(rd store.Reader) error {
		now, due = store.Appointment(rd, w.Controller, w.Key)
		return nil
	})
	return now, due && !now.At.After(r.clk.Now()), err
}

// settle takes a served wake-up off the store or, with a wait, puts it off. It
// tells when the next one is.
func (r *Runner) settle(ctx context.Context, w store.Wake, wait time.Duration) (at time.Time, more bool) {
	err := r.db.Update(ctx, func(tx store.Tx) error {
		store.DoneWake(tx, w)
		if wait > 0 {
			putOff(tx, w, r.clk.Now().Add(wait))
		}
		next, ok := store.Appointment(tx, w.Controller, w.Key)
		at, more = next.At, ok
		return nil
	})
	if err != nil {
		r.troubled(ctx, err)
		return time.Time{}, true
	}
	return at, more
}

// putOff asks for a retry. What was asked for while the controller ran is
// served by the retry if it is earlier, so that a controller that asks for
// itself and then fails does not run in circles; what is later follows it.
func putOff(tx store.Tx, w store.Wake, retry time.Time) {
	asked, ok := store.Appointment(tx, w.Controller, w.Key)
	if ok {
		store.DoneWake(tx, asked)
	}
	tx.After(retry, w.Controller, w.Key)
	if ok && asked.At.After(retry) {
		tx.After(asked.At, w.Controller, w.Key)
	}
}

// deliver hands over the entries of a queue that are due, and tells when the
// next one is.
func (r *Runner) deliver(ctx context.Context, t *task) (at time.Time, more bool) {
	e, ok, err := r.head(ctx, t)
	if err != nil {
		r.troubled(ctx, err)
		return at, true
	}
	d, known := r.deliveries[t.queue.Topic]
	if ok && !known {
		r.log.Error("no module delivers this topic", "topic", t.queue.Topic)
		return r.putBack(ctx, e, orphaned), true
	}
	var handed []store.Entry
	for n := 0; ok && n < turn && !e.NotBefore.After(r.clk.Now()) && ctx.Err() == nil; n++ {
		err := r.protect(ctx, d.principal, e.Key, func(c *cloud.Call) error { return d.Deliver(c, e.Payload) })
		if err != nil {
			r.acknowledge(ctx, t, handed)
			return r.undelivered(ctx, d, e, err), true
		}
		t.last = store.Entry{Topic: e.Topic, Key: e.Key, Seq: e.Seq}
		if handed = append(handed, e); len(handed) == acknowledged {
			r.acknowledge(ctx, t, handed)
			handed = handed[:0]
		}
		if e, ok, err = r.follower(ctx, t.last); err != nil {
			ok, more = false, true // to look again
		}
	}
	r.acknowledge(ctx, t, handed)
	return e.NotBefore, ok || more
}

// head is the first entry of a queue. It looks behind the last one that was
// delivered first, and from the beginning only where nothing is there.
func (r *Runner) head(ctx context.Context, t *task) (e store.Entry, ok bool, err error) {
	if t.last.Numbered() {
		if e, ok, err = r.follower(ctx, t.last); ok || err != nil {
			return e, ok, err
		}
	}
	return r.follower(ctx, store.Entry{Topic: t.queue.Topic, Key: t.queue.Key})
}

// follower is the entry after e.
func (r *Runner) follower(ctx context.Context, e store.Entry) (next store.Entry, ok bool, err error) {
	err = r.db.View(ctx, func(rd store.Reader) error {
		next, ok = store.FollowOutbox(rd, e)
		return nil
	})
	return next, ok, err
}

// acknowledge removes delivered entries, even when the runner is stopping. If
// that fails they are delivered again, so the queue is read from its beginning.
func (r *Runner) acknowledge(ctx context.Context, t *task, handed []store.Entry) {
	if len(handed) == 0 {
		return
	}
	ok := r.write(context.WithoutCancel(ctx), func(tx store.Tx) {
		for _, e := range handed {
			store.AckOutbox(tx, e)
		}
	})
	if !ok {
		t.last = store.Entry{}
	}
}

// undelivered has a failed entry tried again later, or gives it up. It tells
// when the queue goes on.
func (r *Runner) undelivered(ctx context.Context, d delivery, e store.Entry, err error) (at time.Time) {
	if ctx.Err() != nil {
		return at
	}
	if d.Attempts > 0 && e.Attempts+1 >= d.Attempts {
		r.log.Error("a delivery was given up", "topic", e.Topic, "attempts", e.Attempts+1, "err", err)
		r.write(ctx, func(tx store.Tx) { store.AckOutbox(tx, e) })
		return at
	}
	base := d.Backoff
	if base <= 0 {
		base = firstRetry
	}
	wait := r.backoff(base, e.Attempts+1)
	r.log.Warn("a delivery failed and will be tried again", "topic", e.Topic, "attempts", e.Attempts+1, "in", wait, "err", err)
	return r.putBack(ctx, e, wait)
}

// putBack has an entry wait, and tells until when.
func (r *Runner) putBack(ctx context.Context, e store.Entry, wait time.Duration) (at time.Time) {
	at = r.clk.Now().Add(wait)
	r.write(ctx, func(tx store.Tx) { store.RetryOutbox(tx, e, at) })
	return at
}

func (r *Runner) write(ctx context.Context, f func(store.Tx)) (ok bool) {
	err := r.db.Update(ctx, func(tx store.Tx) error {
		f(tx)
		return nil
	})
	if err != nil {
		r.troubled(ctx, err)
	}
	return err == nil
}

// troubled slows the runner down when the store does not take what was done:
// the work will be found undone and repeated, though not at full speed.
func (r *Runner) troubled(ctx context.Context, err error) {
	if ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
		return
	}
	r.log.Error("work that was done could not be recorded and will be repeated", "err", err)
	r.clk.Wait(ctx, time.Second)
}

// protect runs work with a call of its own and turns a panic into an error.
func (r *Runner) protect(ctx context.Context, p cloud.Principal, k store.Key, work func(*cloud.Call) error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("panic: %v\n%s", x, debug.Stack())
		}
	}()
	account, region := place(k)
	p.Account = account
	c := *r.newCall(&p, account, region)
	c.Context = ctx
	return work(&c)
}

// place is where work happens: keys begin with an account and a region, where
// what they name lives in one.
func place(k store.Key) (account, region string) {
	if len(k) > 0 {
		if s, ok := k[0].(string); ok && isAccount(s) {
			account = s
		}
	}
	if account != "" && len(k) > 1 {
		region, _ = k[1].(string)
	}
	return account, region
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for _, b := range []byte(s) {
		if b < '0' || b > '9' {
			return false
		}
	}
	return true
}

// backoff doubles with each failure in a row; half of it is left to chance, so
// that what failed together is not tried together.
func (r *Runner) backoff(base time.Duration, failures int) time.Duration {
	d := base << min(failures-1, 20)
	if d > longestWait || d <= 0 {
		d = max(longestWait, base)
	}
	return d/2 + time.Duration(r.rand.Float()*float64(d/2))
}

// failed counts a failure and tells how many there were in a row.
func (r *Runner) failed(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures[id]++
	return r.failures[id]
}

func (r *Runner) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.failures, id)
}
