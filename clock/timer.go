package clock

import (
	"container/heap"
	"time"
)

// longest is the longest time for which the alarm trusts the machine's timer:
// a computer that slept or whose time was set is noticed after this.
const longest = time.Minute

type timer struct {
	at    time.Time
	seq   uint64
	f     func(now time.Time)
	index int // in the heap; -1 once fired or stopped
}

func (c *virtual) At(t time.Time, f func(now time.Time)) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	x := &timer{at: t.Round(0), seq: c.asked, f: f}
	heap.Push(&c.timers, x)
	if x.index == 0 {
		c.arm()
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if x.index >= 0 {
			heap.Remove(&c.timers, x.index)
		}
	}
}

// arm has the alarm ring when the first timer is due; mu is held. While the
// clock is frozen only what is due already needs it: the clock goes on through
// move, which arms again.
func (c *virtual) arm() {
	p := c.pos.Load()
	if len(c.timers) == 0 || p.steps {
		return
	}
	wait := c.timers[0].at.Sub(p.now())
	if wait > 0 && p.held {
		return
	}
	wait = min(max(wait, 0), longest)
	if c.alarm == nil {
		c.alarm = time.AfterFunc(wait, func() { c.fire(false) })
		return
	}
	c.alarm.Reset(wait)
}

// fire runs the timers that are due, in order, and arms the alarm for the next.
// It does nothing for the alarm once Advance has taken over (steps).
func (c *virtual) fire(steps bool) {
	c.firing.Lock()
	defer c.firing.Unlock()
	for c.pos.Load().steps == steps {
		f, now := c.popDue()
		if f == nil {
			return
		}
		f(now)
	}
}

func (c *virtual) popDue() (f func(time.Time), now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now = c.Now()
	if len(c.timers) == 0 || c.timers[0].at.After(now) {
		c.arm()
		return nil, now
	}
	return heap.Pop(&c.timers).(*timer).f, now
}

// timers is a heap by time and then by the order of registration.
type timers []*timer

func (h timers) Len() int { return len(h) }

func (h timers) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}

func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timers) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timers) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
