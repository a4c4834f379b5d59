package sqs

import (
	"context"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// counter counts the messages of a queue as part of the transactions that put
// them there and remove them, so that nobody has to look at a million rows.
// Processes that share the store count into rows of their own, mostly, because
// two transactions that write one row conflict; those of a FIFO queue share
// one, because it also holds the queue's sequence.
type counter struct {
	Queue    int64
	Shard    int64
	Messages int64
	Seq      int64     // the last that was given out
	Sweep    time.Time // when the sweep is to come that was last asked for
	Writer   int64     // the process that last wrote it
	Writes   int64

	changed bool
}

var counters = &store.Table[counter]{
	Name: "sqs.count",
	Key:  func(n *counter) store.Key { return store.K(n.Queue, n.Shard) },
}

// shards is how many rows a queue's count is spread over.
const shards = 8

// counter is the row of the queue that this process counts in.
func (b *batch) counter(q *queue) *counter {
	for _, n := range b.counts {
		if n.Queue == q.ID {
			return n
		}
	}
	shard := b.svc.node % shards
	if q.FIFO {
		shard = 0
	}
	n, ok := counters.Get(b.tx, q.ID, shard)
	if !ok {
		n = &counter{Queue: q.ID, Shard: shard}
	}
	b.counts = append(b.counts, n)
	return n
}

// add counts messages that came or went. Who puts the first one sees to it
// that what nobody receives is swept up one day.
func (n *counter) add(tx store.Tx, q *queue, change int64, m *message) {
	n.changed = true
	n.Messages += change
	if m != nil && n.Sweep.IsZero() {
		n.Sweep = m.Sent.Add(sweepAfter(q))
		tx.After(n.Sweep, sweepController, q.name().key())
	}
}

func (n *counter) write(tx store.Tx, writer int64) {
	if n.changed {
		n.Writer = writer
		n.Writes++
		counters.Insert(tx, n)
	}
}

// total is how many messages a queue has, whatever their state.
func total(r store.Reader, q *queue) (n int64) {
	for c := range counters.Scan(r, q.ID) {
		n += c.Messages
	}
	return max(n, 0)
}

// tally is what a queue's approximate numbers say.
type tally struct{ visible, flying, delayed int64 }

// fewMessages is up to which number messages are counted one by one.
const fewMessages = 1000

// count works out a queue's approximate numbers. Only those that are hidden
// are looked at, which are never many beside those that are visible; of a
// queue with few messages all are, which also leaves out those whose time is
// over and that were not swept up yet.
func count(c *cloud.Call, q *queue) (t tally, err error) {
	var all int64
	err = c.View(func(r store.Reader) error {
		if all = total(r, q); all <= fewMessages {
			t = countAll(r, q, c.Now)
		}
		return nil
	})
	if err != nil || all <= fewMessages {
		return t, err
	}
	var h tally
	from := slot{at: c.Now.Add(1)}
	for more := true; more && err == nil; {
		err = c.View(func(r store.Reader) error {
			h, from, more = countHidden(r, q, c.Now, from, h)
			return nil
		})
	}
	h.visible = max(all-h.flying-h.delayed, 0)
	return h, err
}

// add counts a message.
func (t *tally) add(m *message, q *queue, now time.Time) {
	switch {
	case !now.Before(m.expires(q)):
	case !m.Visible.After(now):
		t.visible++
	case m.Tries > 0:
		t.flying++
	default:
		t.delayed++
	}
}

func countAll(r store.Reader, q *queue, now time.Time) (t tally) {
	table := messages
	if q.FIFO {
		table = sequences
	}
	for m := range table.Scan(r, q.ID) {
		t.add(m, q, now)
	}
	return t
}

// countHidden counts some of the messages that are hidden, from a slot on. Of
// a group of a FIFO queue that has none in flight, all are delayed.
func countHidden(r store.Reader, q *queue, now time.Time, from slot, t tally) (_ tally, next slot, more bool) {
	n := 0
	for s := range between(r, q, from, slot{at: endOfTime}) {
		if n++; n > fewMessages {
			return t, s, true
		}
		if !q.FIFO {
			if m, ok := messages.Get(r, q.ID, s.at, s.order, s.node); ok {
				t.add(m, q, now)
			}
			continue
		}
		g, ok := groups.Get(r, q.ID, s.group)
		switch {
		case !ok:
		case len(g.Flying) == 0:
			t.delayed += int64(g.Count)
		default:
			for _, f := range g.Flying {
				if f.Until.After(now) {
					t.flying++
				}
			}
		}
	}
	return t, next, false
}

// flying is an upper bound of the messages in flight, for the limit: the
// number once counted and what was received since. Timeouts that end lower
// the true number unnoticed, so it is counted again where the bound is reached.
type flying struct{ count int }

func (f *flying) room(limit int) int { return limit - f.count }

// check counts again if want messages more would break the limit.
func (f *flying) check(ctx context.Context, db store.Store, n queueName, now time.Time, want, limit int) error {
	if f.count+want <= limit {
		return nil
	}
	var h tally
	from := slot{at: now.Add(1)}
	for more := true; more; {
		err := db.View(ctx, func(r store.Reader) error {
			q, ok := n.find(r)
			if !ok {
				more = false
				return nil
			}
			h, from, more = countHidden(r, q, now, from, h)
			return nil
		})
		if err != nil {
			return err
		}
	}
	f.count = int(h.flying)
	return nil
}
