// Package fault strikes where somebody asked for it: rules say which calls
// fail, slow down or lose their connection. Rules are kept in the store, and
// in memory for the request's path, which pays one load when there are none.
package fault

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/rng"
	"pileus/store"
)

// Faults are the rules in force.
type Faults struct {
	db   store.Store
	clk  clock.Clock
	rand rng.Source

	mu     sync.Mutex // held while rules change
	active atomic.Pointer[[]*armed]
}

// armed is a rule with what it has done in this process.
type armed struct {
	Rule
	struck atomic.Int64
}

// New reads the rules that were added before. Rand decides the rates.
func New(ctx context.Context, db store.Store, clk clock.Clock, rand rng.Source) (*Faults, error) {
	f := &Faults{db: db, clk: clk, rand: rand}
	return f, f.Reset(ctx)
}

// Reset reads the rules anew, after the store has been cleared or replaced.
func (f *Faults) Reset(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*armed
	err := f.db.View(ctx, func(r store.Reader) error {
		all = nil
		for x := range rules.Scan(r) {
			all = append(all, &armed{Rule: *x})
		}
		return nil
	})
	if err == nil {
		f.active.Store(&all)
	}
	return err
}

// Active tells whether there are any rules, so that the request's path need
// not gather what Check asks for.
func (f *Faults) Active() bool { return len(*f.active.Load()) > 0 }

// Check is what happens to an API call that is about to be handled.
func (f *Faults) Check(c *cloud.Call, op *cloud.OpInfo, resources []string) Action {
	active := *f.active.Load()
	if len(active) == 0 {
		return Action{}
	}
	struck, a := f.strike(c, &call{c, op, resources}, active, c.Now)
	if struck != nil && struck.Error != "" {
		a.Err = struck.failure(op.Service)
	}
	return a
}

// At is what happens at any other point. What an error is there, the point's
// owner decides: the rule that struck is returned, nil if none did.
func (f *Faults) At(ctx context.Context, p Point) (struck *Rule, a Action) {
	hit, a := f.strike(ctx, p, *f.active.Load(), f.clk.Now())
	if hit == nil {
		return nil, a
	}
	return &hit.Rule, a
}

// strike tries the rules in the order in which they were added. Latencies add
// up; the first rule that fails or cuts the call is the last that is tried.
func (f *Faults) strike(ctx context.Context, p Point, active []*armed, now time.Time) (last *armed, a Action) {
	for _, r := range active {
		if r.Kind != p.Kind() || !p.Aimed(&r.Rule) || r.Until != nil && !now.Before(*r.Until) {
			continue
		}
		if r.Rate < 1 && f.rand.Float() >= r.Rate {
			continue
		}
		n := r.struck.Add(1)
		if r.Count > 0 && n > int64(r.Count) {
			continue // used up
		}
		if n == int64(r.Count) {
			f.retire(ctx)
		}
		last = r
		a.Latency += time.Duration(r.Latency)
		if r.Reset || r.Error != "" {
			a.Reset = r.Reset
			break
		}
	}
	return last, a
}

// retire removes rules that are used up from the store, so that a restart does
// not bring them back. If the store refuses, the next change of rules does it:
// in memory they have no effect any more.
func (f *Faults) retire(ctx context.Context) {
	_, _ = f.change(ctx, func(*armed) bool { return true }, nil)
}

// List is the rules in force, in order. Those that are used up or past their
// time are not among them.
func (f *Faults) List() []Rule {
	now := f.clk.Now()
	list := []Rule{}
	for _, a := range *f.active.Load() {
		if !a.spent(now) {
			list = append(list, a.shown())
		}
	}
	return list
}

func (a *armed) shown() Rule {
	r := a.Rule
	r.Struck = int(a.struck.Load())
	if r.Count > 0 {
		r.Struck = min(r.Struck, r.Count)
	}
	return r
}

func (a *armed) spent(now time.Time) bool {
	return a.Count > 0 && a.struck.Load() >= int64(a.Count) || a.Until != nil && !now.Before(*a.Until)
}

// Add puts rules after those in force, and returns them with their ids. Errors
// tell the user what is wrong with a rule.
func (f *Faults) Add(ctx context.Context, add ...Rule) ([]Rule, error) {
	return f.change(ctx, func(*armed) bool { return true }, add)
}

// Remove removes the rules that drop chooses, and tells how many they were.
func (f *Faults) Remove(ctx context.Context, drop func(Rule) bool) (n int, err error) {
	_, err = f.change(ctx, func(a *armed) bool {
		if drop(a.Rule) {
			n++
			return false
		}
		return true
	}, nil)
	return n, err
}

// Replace puts rules in the place of those that drop chooses.
func (f *Faults) Replace(ctx context.Context, drop func(Rule) bool, add ...Rule) ([]Rule, error) {
	return f.change(ctx, func(a *armed) bool { return !drop(a.Rule) }, add)
}

// Clear removes all rules.
func (f *Faults) Clear(ctx context.Context) error {
	_, err := f.Remove(ctx, func(Rule) bool { return true })
	return err
}

// change keeps some rules, as long as they are not spent, and adds others: in
// the store first, then for the calls to come.
func (f *Faults) change(ctx context.Context, keep func(*armed) bool, add []Rule) ([]Rule, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clk.Now()
	var kept, dropped []*armed
	seq := int64(0)
	for _, a := range *f.active.Load() {
		seq = max(seq, a.Seq)
		if keep(a) && !a.spent(now) {
			kept = append(kept, a)
		} else {
			dropped = append(dropped, a)
		}
	}
	added := slices.Clone(add)
	for i := range added {
		r := &added[i]
		if err := r.check(); err != nil {
			return nil, &Invalid{err}
		}
		r.settle()
		seq++
		r.Seq, r.Struck = seq, 0
		r.ID = "fault-" + f.rand.String(8, rng.LowerAlNum)
		kept = append(kept, &armed{Rule: *r})
	}
	err := f.db.Update(ctx, func(tx store.Tx) error {
		for _, a := range dropped {
			rules.Delete(tx, a.Seq)
		}
		for i := range added {
			rules.Put(tx, &added[i])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f.active.Store(&kept)
	return added, nil
}

// Invalid is the error of a rule that cannot be.
type Invalid struct{ Reason error }

func (e *Invalid) Error() string { return "invalid fault: " + e.Reason.Error() }
func (e *Invalid) Unwrap() error { return e.Reason }
