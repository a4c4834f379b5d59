package sqs

import (
	"context"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/store"
)

// polls are the receivers that wait for a queue's messages. A goroutine of its
// own none of them has but its request's; one timer of the cloud's clock for
// each queue rings when the next hidden message can be received.
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
	wake  context.CancelFunc
	woken bool
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

// wait returns when there may be something to receive, or the machine's time d
// has passed, or the client has gone, or the cloud ends. more tells that
// another look is worth while.
func (l *line) wait(c *cloud.Call, version uint64, d time.Duration) (more bool, err error) {
	if err := l.look(c); err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(c.Context)
	defer cancel()
	w := &waiter{wake: cancel}
	clk := c.Cloud.Clock()
	l.mu.Lock()
	p := &l.polls
	switch {
	case p.closed:
		l.mu.Unlock()
		return false, nil
	case p.version != version:
		l.mu.Unlock()
		return true, nil
	}
	p.list = append(p.list, w)
	l.arm(clk)
	l.mu.Unlock()

	over := clk.Wait(ctx, d) == nil
	l.mu.Lock()
	defer l.mu.Unlock()
	if !w.woken {
		l.leave(w)
		return false, nil
	}
	if over || c.Err() != nil { // what it was woken for is for the next
		l.wake(1)
		return false, nil
	}
	return !p.closed, nil
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
