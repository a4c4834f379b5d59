package sqs

import (
	"context"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/store"
)

// polls are the receivers that wait for a queue's messages. One timer of the
// cloud's clock for each queue rings when the next hidden message can be
// received.
type polls struct {
	version uint64 // counts what could end a wait
	list    []*waiter
	// quiet is until when no hidden message becomes visible, as far as was
	// seen; zero when nobody has looked.
	quiet  time.Time
	stop   func() // of the alarm
	alarm  time.Time
	closed bool // the cloud ends
}

// waiter is one receiver that waits.
type waiter struct {
	line  *line
	rung  context.Context // ends when there may be something to receive
	wake  context.CancelFunc
	woken bool
	left  time.Duration // of the machine's time
}

// maxLate bounds how many slots a line is told of while nobody receives.
const maxLate = 1024

// announce tells the lines of this process of slots that were committed.
func (s *service) announce(clk clock.Clock, seen []sighting) {
	now := clk.Now()
	for i := 0; i < len(seen); {
		n := i + 1
		for n < len(seen) && seen[n].name == seen[i].name {
			n++
		}
		if l, ok := s.known(seen[i].name); ok {
			l.heard(clk, now, seen[i:n])
		}
		i = n
	}
}

// heard takes in slots that came into being.
func (l *line) heard(clk clock.Clock, now time.Time, seen []sighting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	visible := 0
	for i := range seen {
		s := seen[i].slot
		if s.at.After(now) {
			if p := &l.polls; !p.quiet.IsZero() && s.at.Before(p.quiet) {
				p.quiet = s.at
				l.arm(clk)
			}
			continue
		}
		visible++
		if !s.before(l.edge) && (s.group == "" || l.edge == slot{}) {
			continue // whoever looks next will find it
		}
		if len(l.late) == maxLate {
			if !s.before(l.edge) {
				continue
			}
			l.late, l.missed = nil, true
		}
		l.late = append(l.late, s)
	}
	if visible > 0 {
		l.wake(visible)
	}
}

// wake ends the wait of up to n receivers; mu is held.
func (l *line) wake(n int) {
	p := &l.polls
	p.version++
	n = min(n, len(p.list))
	for _, w := range p.list[:n] {
		w.woken = true
		w.wake()
	}
	rest := copy(p.list, p.list[n:])
	clear(p.list[rest:])
	p.list = p.list[:rest]
}

// arm has the alarm ring when the next hidden message becomes visible; mu is
// held.
func (l *line) arm(clk clock.Clock) {
	p := &l.polls
	if len(p.list) == 0 || p.quiet.IsZero() || !p.quiet.Before(endOfTime) || p.stop != nil && p.alarm.Equal(p.quiet) {
		return
	}
	if p.stop != nil {
		p.stop()
	}
	p.alarm = p.quiet
	p.stop = clk.At(p.quiet, func(time.Time) {
		l.mu.Lock()
		defer l.mu.Unlock()
		p.stop, p.quiet = nil, time.Time{}
		l.wake(len(p.list))
	})
}

// version is what a receiver notes before it looks, so that it does not wait
// for what came in between.
func (l *line) version() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.polls.version
}

// enlist puts a receiver on the list of those who wait, for the machine's time
// d. Nil without error: look again, because something has come since version.
func (l *line) enlist(c *cloud.Call, version uint64, d time.Duration) (*waiter, error) {
	if err := l.look(c); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.polls
	if !p.closed && p.version != version {
		return nil, nil
	}
	w := &waiter{line: l, left: d}
	w.rung, w.wake = context.WithCancel(context.Background())
	if p.closed {
		w.wake()
		return w, nil
	}
	p.list = append(p.list, w)
	l.arm(c.Cloud.Clock())
	return w, nil
}

// wait returns when there may be something to receive, or the waiter's time has
// passed, or the client has gone, or the cloud ends. It tells whether another
// look is worth while.
func (w *waiter) wait(c *cloud.Call) (more bool) {
	stop := context.AfterFunc(c.Context, w.wake)
	over := c.Cloud.Clock().Wait(w.rung, w.left) == nil
	stop()
	w.wake()
	l := w.line
	l.mu.Lock()
	defer l.mu.Unlock()
	if !w.woken {
		l.leave(w)
		return false
	}
	if over || c.Err() != nil { // what it was woken for is for the next
		l.wake(1)
		return false
	}
	return !l.polls.closed
}

// leave takes a waiter off the list; mu is held.
func (l *line) leave(w *waiter) {
	p := &l.polls
	for i, x := range p.list {
		if x == w {
			copy(p.list[i:], p.list[i+1:])
			p.list[len(p.list)-1] = nil
			p.list = p.list[:len(p.list)-1]
			break
		}
	}
	if len(p.list) == 0 && p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// look finds out until when nothing becomes visible, unless that is known.
func (l *line) look(c *cloud.Call) error {
	now := c.Cloud.Clock().Now()
	l.mu.Lock()
	p := &l.polls
	known := !p.quiet.IsZero() && p.quiet.After(now)
	if !known {
		p.quiet = endOfTime // lowered by what comes into being while we look
	}
	l.mu.Unlock()
	if known {
		return nil
	}
	next := endOfTime
	err := c.Cloud.DB().View(c, func(r store.Reader) error {
		next = endOfTime
		q, ok := l.name.find(r)
		if !ok {
			return nil
		}
		for s := range hidden(r, q, now) {
			next = s.at
			break
		}
		return nil
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		p.quiet = time.Time{}
		l.wake(len(p.list)) // others rely on this look
		return err
	}
	if next.Before(p.quiet) {
		p.quiet = next
	}
	if !p.quiet.After(c.Cloud.Clock().Now()) { // it has come meanwhile
		p.version++
	}
	return nil
}

// close ends all waits, for ever.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.polls.closed = true
	l.wake(len(l.polls.list))
}
