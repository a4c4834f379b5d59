package clock

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// virtual is the one implementation of Control.
//
// Two locks order its work: steer is held by whoever moves the clock, firing
// by whoever runs timers' functions, so that functions run one at a time and
// in order whether the machine's time or Advance has made them due. mu guards
// the fields and is never held while foreign code runs.
type virtual struct {
	pos     atomic.Pointer[position]
	heading atomic.Pointer[time.Time] // of an Advance

	steer  sync.Mutex
	firing sync.Mutex

	mu      sync.Mutex
	timers  timers
	asked   uint64      // timers registered so far, which orders equal times
	alarm   *time.Timer // rings when the first timer may have become due
	sources []*Source
	changed []func(State)
}

// position is where the clock stands: at a fixed time or beside the machine's.
type position struct {
	offset time.Duration
	held   bool // now is at
	at     time.Time
	frozen bool // held by Freeze
	steps  bool // held by Advance, which fires what is due itself
}

func (p *position) now() time.Time {
	if p.held {
		return p.at
	}
	return Machine().Add(p.offset)
}

// New is a clock at the machine's time.
func New() Control { return From(State{}) }

// From is a clock that continues from a saved state: at its Now if it was
// frozen, otherwise at its Offset from the machine's time.
func From(s State) Control {
	c := &virtual{}
	if s.Frozen {
		c.pos.Store(&position{frozen: true, held: true, at: s.Now.Round(0).UTC()})
	} else {
		c.pos.Store(&position{offset: s.Offset})
	}
	return c
}

// Still is a clock that is frozen at t, for tests. Its Machine is the
// computer's time all the same.
func Still(t time.Time) Control { return From(State{Now: t, Frozen: true}) }

func (c *virtual) Now() time.Time     { return c.pos.Load().now() }
func (c *virtual) Machine() time.Time { return Machine() }

func (c *virtual) Heading() time.Time {
	if t := c.heading.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

func (c *virtual) State() State {
	p := c.pos.Load()
	now := p.now()
	return State{Now: now, Offset: now.Sub(Machine()), Frozen: p.frozen}
}

func (c *virtual) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	reached := make(chan struct{})
	stop := c.At(c.Now().Add(d), func(time.Time) { close(reached) })
	defer stop()
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *virtual) Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *virtual) Freeze() {
	c.steer.Lock()
	defer c.steer.Unlock()
	c.move(position{frozen: true, held: true, at: c.Now()})
	c.tell()
}

func (c *virtual) Resume() {
	c.steer.Lock()
	defer c.steer.Unlock()
	c.move(running(c.Now()))
	c.tell()
}

func (c *virtual) Reset() {
	c.steer.Lock()
	defer c.steer.Unlock()
	c.move(position{})
	c.tell()
}

var errBackwards = errors.New("clock: cannot advance by a negative duration")

func (c *virtual) Advance(ctx context.Context, d time.Duration) error {
	if d < 0 {
		return errBackwards
	}
	c.steer.Lock()
	defer c.steer.Unlock()
	defer c.tell()
	return c.advance(ctx, d)
}

func (c *virtual) Set(ctx context.Context, t time.Time) error {
	c.steer.Lock()
	defer c.steer.Unlock()
	defer c.tell()
	if d := t.Sub(c.Now()); d >= 0 {
		return c.advance(ctx, d)
	}
	if c.pos.Load().frozen {
		c.move(position{frozen: true, held: true, at: t.Round(0).UTC()})
	} else {
		c.move(running(t))
	}
	return nil
}

func (c *virtual) Register(s Source) (unregister func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sources = append(c.sources, &s)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		var kept []*Source // a new slice: Advance may be reading the old one
		for _, x := range c.sources {
			if x != &s {
				kept = append(kept, x)
			}
		}
		c.sources = kept
	}
}

func (c *virtual) Changed(f func(State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed = append(c.changed, f)
}

// tell passes the state on; steer is held, so watchers see changes in order.
func (c *virtual) tell() {
	c.mu.Lock()
	watchers := c.changed
	c.mu.Unlock()
	for _, f := range watchers {
		f(c.State())
	}
}

// move puts the clock somewhere else and has the alarm ring for it.
func (c *virtual) move(p position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pos.Store(&p)
	c.arm()
}

// running is the position of a clock that goes on from now.
func running(now time.Time) position { return position{offset: now.Sub(Machine())} }
