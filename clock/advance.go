package clock

import (
	"context"
	"fmt"
	"time"
)

// restless is how often in a row the sources may have more to do at one
// instant before Advance takes it that they never will be done.
const restless = 10_000

// advance steps through everything due until d from now; steer is held.
func (c *virtual) advance(ctx context.Context, d time.Duration) error {
	start := *c.pos.Load()
	now := c.Now()
	end := now.Add(d)
	c.heading.Store(&end)
	defer c.heading.Store(nil)
	c.hold(now) // so that what runs now is due within even the shortest advance
	err := c.steps(ctx, end)
	switch {
	case start.frozen:
		c.move(position{frozen: true, held: true, at: c.Now()})
	case err != nil:
		c.move(running(c.Now()))
	default: // what the machine's time has moved meanwhile counts as well
		c.move(position{offset: start.offset + d})
	}
	return err
}

func (c *virtual) steps(ctx context.Context, end time.Time) error {
	c.fire(true) // which also waits for what the alarm has fired
	for again := 0; ; again++ {
		at, ok, err := c.next(ctx)
		if err != nil {
			return err
		}
		if !ok || at.After(end) {
			c.hold(end)
			return nil
		}
		if now := c.Now(); at.After(now) {
			c.hold(at)
			again = 0
		} else if again > restless {
			return fmt.Errorf("clock: work that is due at %s does not come to an end", now.Format(time.RFC3339Nano))
		}
		if err := c.run(ctx, c.Now()); err != nil {
			return err
		}
	}
}

// hold stands the clock still at t, on the way of an Advance.
func (c *virtual) hold(t time.Time) {
	p := *c.pos.Load()
	p.held, p.at, p.steps = true, t, true
	c.move(p)
}

// next is the earliest time that a timer or a source waits for.
func (c *virtual) next(ctx context.Context) (at time.Time, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return at, false, err
	}
	c.mu.Lock()
	if len(c.timers) > 0 {
		at, ok = c.timers[0].at, true
	}
	sources := c.sources
	c.mu.Unlock()
	for _, s := range sources {
		t, waits, err := s.Next(ctx)
		if err != nil {
			return at, false, err
		}
		if waits && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok, nil
}

// run does what timers and sources have to do at now.
func (c *virtual) run(ctx context.Context, now time.Time) error {
	c.fire(true)
	c.mu.Lock()
	sources := c.sources
	c.mu.Unlock()
	for _, s := range sources {
		at, ok, err := s.Next(ctx)
		if err != nil {
			return err
		}
		if ok && !at.After(now) {
			if err := s.Run(ctx, now); err != nil {
				return err
			}
		}
	}
	return nil
}
