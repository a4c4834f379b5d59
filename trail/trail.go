// Package trail records every call. The latest events are in memory, for
// looking on live; all go to the store in batches, off the request's path, so
// that a kill loses at most the last second of them. The traces of refused
// requests are kept with them, for `pileus why`.
package trail

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"pileus/clock"
	"pileus/store"
)

// Limits bound what the trail holds.
type Limits struct {
	Live      int           // events in memory
	LiveBytes int           // and about how large they may be together
	Kept      int           // events in the store
	KeptFor   time.Duration // of the machine's time: a jump of the clock erases nothing
	Denials   int           // refused requests whose traces are kept
}

// Defaults keep as long as CloudTrail's event history does.
var Defaults = Limits{Live: 10_000, LiveBytes: 8 << 20, Kept: 250_000, KeptFor: 90 * 24 * time.Hour, Denials: 10_000}

// every is how often pending events are written.
const every = time.Second

// Trail is the record of calls.
type Trail struct {
	clk clock.Clock
	log *slog.Logger

	mu   sync.Mutex
	ring ring
	subs []*Subscription
	soon func() // ends the wait of Run; nil while it does not wait

	journal journal
}

// New makes a trail with the Defaults. Run writes it to db.
func New(db store.Store, clk clock.Clock, log *slog.Logger) *Trail {
	return NewLimited(db, clk, log, Defaults)
}

// NewLimited makes a trail with limits of its own.
func NewLimited(db store.Store, clk clock.Clock, log *slog.Logger, l Limits) *Trail {
	return &Trail{
		clk: clk, log: log,
		ring:    newRing(l.Live, l.LiveBytes),
		journal: journal{db: db, clk: clk, limits: l},
	}
}

// Record adds a call to the trail, which keeps e.
func (t *Trail) Record(e *Event) {
	t.mu.Lock()
	t.ring.push(e)
	for _, s := range t.subs {
		s.offer(e)
	}
	var soon func()
	if t.soon != nil && t.ring.next-t.journal.written > uint64(len(t.ring.buf)/2) {
		soon, t.soon = t.soon, nil
	}
	t.mu.Unlock()
	if soon != nil {
		soon()
	}
}

// Run writes pending events each second, earlier when many are pending, and
// once more when ctx has ended.
func (t *Trail) Run(ctx context.Context) {
	for ended := false; !ended; {
		wait, soon := context.WithCancel(ctx)
		t.mu.Lock()
		t.soon = soon
		t.mu.Unlock()
		t.clk.Wait(wait, every) // however it ends, it is time
		soon()
		ended = ctx.Err() != nil
		if err := t.Flush(context.WithoutCancel(ctx)); err != nil {
			t.log.Error("the trail could not be written and will be tried again", "err", err)
		}
	}
}

// Flush writes what is pending now.
func (t *Trail) Flush(ctx context.Context) error {
	t.journal.mu.Lock()
	defer t.journal.mu.Unlock()
	t.mu.Lock()
	pending, missed := t.ring.since(t.journal.written, nil)
	upTo := t.ring.next
	t.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	if err := t.journal.write(ctx, pending); err != nil {
		return err
	}
	t.mu.Lock()
	t.journal.written = upTo
	t.mu.Unlock()
	if missed > 0 {
		t.log.Warn("the trail dropped events that came faster than they could be written", "events", missed)
	}
	return nil
}

// Reset forgets everything in memory, after the store has been cleared.
func (t *Trail) Reset() {
	t.journal.mu.Lock()
	defer t.journal.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring.clear()
	t.journal.written = t.ring.next
	t.journal.forget()
}

// Last is up to n of the latest events that pass the filter, oldest first:
// from memory, and where that does not reach back far enough, from the store.
func (t *Trail) Last(ctx context.Context, n int, f Filter) ([]*Event, error) {
	t.mu.Lock()
	live, _ := t.ring.since(0, nil)
	t.mu.Unlock()
	return t.journal.last(ctx, n, f, live)
}

// Find is the call with the request id, nil where there is none.
func (t *Trail) Find(ctx context.Context, requestID string) (*Event, error) {
	t.mu.Lock()
	for i := t.ring.n - 1; i >= 0; i-- {
		if e := t.ring.at(i); e.RequestID == requestID {
			t.mu.Unlock()
			return e, nil
		}
	}
	t.mu.Unlock()
	return t.journal.find(ctx, requestID)
}

// Subscription receives events as they are recorded.
type Subscription struct {
	C      chan *Event
	filter Filter
	mu     sync.Mutex
	missed int
}

// Subscribe begins to send the events that pass f; stop ends it. A subscriber
// that does not keep up misses events, and learns how many.
func (t *Trail) Subscribe(f Filter) (s *Subscription, stop func()) {
	s = &Subscription{C: make(chan *Event, 256), filter: f}
	t.mu.Lock()
	t.subs = append(t.subs, s)
	t.mu.Unlock()
	return s, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for i, x := range t.subs {
			if x == s {
				t.subs = append(t.subs[:i], t.subs[i+1:]...)
				return
			}
		}
	}
}

func (s *Subscription) offer(e *Event) {
	if !s.filter.Match(e) {
		return
	}
	select {
	case s.C <- e:
	default:
		s.mu.Lock()
		s.missed++
		s.mu.Unlock()
	}
}

// Missed is how many events were left out since it was last asked.
func (s *Subscription) Missed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.missed
	s.missed = 0
	return n
}
