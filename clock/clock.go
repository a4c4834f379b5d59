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
	// later times before f has returned.
	At(t time.Time, f func(now time.Time)) (stop func())
	// Sleep waits until the clock has moved by d or ctx is done.
	Sleep(ctx context.Context, d time.Duration) error
	// Wait waits for d of the machine's time or until ctx is done: for what a
	// client on the network experiences, such as a long poll.
	Wait(ctx context.Context, d time.Duration) error
}

// Control is what `pileus clock` steers.
type Control interface {
	Clock
	State() State
	// Advance moves the clock forward by d and returns once everything that
	// fell due has run.
	Advance(ctx context.Context, d time.Duration) error
	Set(ctx context.Context, t time.Time) error
	Freeze()
	Resume()
	Reset()
}

// State is where the clock stands.
type State struct {
	Now    time.Time
	Offset time.Duration
	Frozen bool
}
