// Package clock is the only place that reads the wall clock. A Clock is real
// time plus an offset; it can be frozen and advanced, and fires what falls due
// on the way, in order.
package clock

import (
	"context"
	"time"
)

// Clock tells the cloud's time.
type Clock interface {
	Now() time.Time
	// Machine is the computer's own time, which request signatures and
	// temporary credentials are checked against, because clients sign with it.
	Machine() time.Time
	// At calls f once the clock has reached t, on a goroutine of the clock's
	// or from within Advance; stop cancels it. Advance does not go on to
	// later times before f has returned. Functions run one at a time, so f
	// is short, and neither sleeps nor steers the clock.
	At(t time.Time, f func(now time.Time)) (stop func())
	// Sleep waits until the clock has moved by d or ctx is done.
	Sleep(ctx context.Context, d time.Duration) error
	// Wait waits for d of the machine's time or until ctx is done: for what a
	// client on the network experiences, such as a long poll.
	Wait(ctx context.Context, d time.Duration) error
	// Heading is where the Advance that is under way ends; the zero time when
	// none is. Work that recurs by the minute looks at it, so as not to have a
	// month of minutes stepped through.
	Heading() time.Time
}

// Control is what `pileus clock` steers.
type Control interface {
	Clock
	State() State
	// Advance moves the clock forward by d and returns once everything that
	// fell due has run. It stops at each time at which a timer or a Source
	// has something to do, in order, including what that work itself asks for
	// within the span. If ctx ends or a source fails, the clock stays at the
	// time that it had reached.
	Advance(ctx context.Context, d time.Duration) error
	// Set moves the clock to t: forward as Advance does, or back, which fires
	// nothing.
	Set(ctx context.Context, t time.Time) error
	Freeze()
	Resume()
	// Reset returns to the machine's time, running.
	Reset()
	// Register has Advance take part in a source's work; unregister ends it.
	Register(s Source) (unregister func())
	// Changed has f called with the new state after each of the steering
	// methods above, so that the state can outlive the process.
	Changed(f func(State))
}

// Source is work that falls due by the clock but is kept elsewhere, such as
// the wake-ups in the store.
type Source struct {
	// Next is the earliest time at which there is something to do.
	Next func(ctx context.Context) (at time.Time, ok bool, err error)
	// Run does everything that is due at now and returns when it is done.
	Run func(ctx context.Context, now time.Time) error
}

// State is where the clock stands.
type State struct {
	Now    time.Time
	Offset time.Duration
	Frozen bool
}
