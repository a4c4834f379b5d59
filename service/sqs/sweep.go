package sqs

import (
	"time"

	"pileus/cloud"
	"pileus/store"
)

// Controllers, by their names in the store.
const (
	sweepController  = "sqs.sweep"  // key: account, region, name of a queue
	dropController   = "sqs.drop"   // key: id of a deleted queue
	forgetController = "sqs.forget" // key: account, region, name of a deleted queue
	moveController   = "sqs.move"   // key: a move task's
)

// sweepAfter is how long after a message came the sweep is worth while.
func sweepAfter(q *queue) time.Duration {
	if q.FIFO {
		return min(q.retention(), 2*dedupTime)
	}
	return q.retention()
}

// sweepChunk is how many messages one transaction removes.
const sweepChunk = 500

// sweep removes messages that nobody received in the time for which the queue
// keeps them. Whoever receives does not get those anyway; the sweep is for
// what they occupy. It comes again when the oldest message that is left will
// have to go, and ends with the last one.
func (s *service) sweep(c *cloud.Call, key store.Key) error {
	n, ok := nameOf(key)
	if !ok {
		return nil
	}
	var p pass
	for !p.done {
		next := p
		err := s.run(n, &work{c: c, do: func(b *batch) error {
			next = b.sweep(c.Now, p)
			return nil
		}})
		if err == errNoQueue {
			return nil
		}
		if err != nil {
			return err
		}
		p = next
	}
	return nil
}

// pass is how far a sweep has come.
type pass struct {
	group string    // of a FIFO queue, from which it goes on
	next  time.Time // when there will be more to do; zero: never, as it looks
	done  bool
}

// at notes that there is something to do at a time.
func (p *pass) at(t time.Time) {
	if p.next.IsZero() || t.Before(p.next) {
		p.next = t
	}
}

func nameOf(key store.Key) (n queueName, ok bool) {
	if len(key) != 3 {
		return n, false
	}
	var a, r, q bool
	n.Account, a = key[0].(string)
	n.Region, r = key[1].(string)
	n.Name, q = key[2].(string)
	return n, a && r && q
}

// sweep removes what is over, as much as is good for one transaction. The last
// asks for the next sweep.
func (b *batch) sweep(now time.Time, p pass) pass {
	if b.q.FIFO {
		b.sweepGroups(now, &p)
	} else {
		b.sweepStandard(now, &p)
	}
	if !p.done {
		return p
	}
	if b.q.FIFO {
		b.sweepTwins(now, &p)
	}
	mine := b.counter(b.q)
	mine.Sweep, mine.changed = p.next, true
	for n := range counters.Scan(b.tx, b.q.ID) {
		if n.Shard != mine.Shard {
			n.Sweep, n.changed = p.next, true
			b.counts = append(b.counts, n)
		}
	}
	if !p.next.IsZero() {
		b.tx.After(p.next, sweepController, b.q.name().key())
	}
	return p
}

// sweepStandard goes through the messages in the order in which they became
// visible, which is never before they were sent: behind the first that is kept
// there can only be such that were received since or came from elsewhere. Those
// go when their turn comes.
func (b *batch) sweepStandard(now time.Time, p *pass) {
	n := 0
	for m := range messages.Scan(b.tx, b.q.ID) {
		if at := m.expires(b.q); at.After(now) {
			p.at(at)
			break
		}
		if n++; n > sweepChunk {
			return
		}
		b.erase(m)
	}
	p.done = true
}

// sweepGroups removes the first messages of groups.
func (b *batch) sweepGroups(now time.Time, p *pass) {
	n := 0
	for g := range groups.ScanFrom(b.tx, store.K(b.q.ID), store.K(b.q.ID, p.group)) {
		if n++; n > sweepChunk {
			p.group = g.Name
			return
		}
		gone, first := 0, time.Time{}
		for m := range sequences.ScanFrom(b.tx, store.K(g.Queue, g.Name), store.K(g.Queue, g.Name, g.Head)) {
			at := m.expires(b.q)
			if at.After(now) || n > sweepChunk {
				g.Head, first = m.Seq, m.Visible
				p.at(later(at, now))
				break
			}
			b.erase(m)
			g.Count--
			g.land(m.Seq)
			gone++
			n++
		}
		if gone > 0 {
			b.leave(g)
			b.settle(g, now, first)
		}
	}
	p.done = true
}

// sweepTwins forgets what was sent too long ago to be deduplicated.
func (b *batch) sweepTwins(now time.Time, p *pass) {
	old := bucket(now) - 1
	sweepBuckets(b.tx, twins, b.q.ID, old)
	sweepBuckets(b.tx, attempts, b.q.ID, old)
	for t := range twins.Scan(b.tx, b.q.ID) {
		p.at(t.At.Add(2 * dedupTime))
		break
	}
}

func sweepBuckets[T any](tx store.Tx, t *store.Table[T], queue, before int64) {
	prefix := append([]byte(t.Name), '/')
	tx.DeleteRange(
		store.K(queue).Append(append([]byte(nil), prefix...)),
		store.K(queue, before).Append(append([]byte(nil), prefix...)))
}

// drop removes what a deleted queue has left.
func (s *service) drop(c *cloud.Call, key store.Key) error {
	if len(key) != 1 {
		return nil
	}
	id, ok := key[0].(int64)
	if !ok {
		return nil
	}
	return c.Update(func(tx store.Tx) error {
		empty(tx, id)
		twins.DeleteAll(tx, id)
		attempts.DeleteAll(tx, id)
		counters.DeleteAll(tx, id)
		return nil
	})
}

// forgetName frees the name of a deleted queue.
func (s *service) forgetName(c *cloud.Call, key store.Key) error {
	n, ok := nameOf(key)
	if !ok {
		return nil
	}
	return c.Update(func(tx store.Tx) error {
		g, ok := goners.Get(tx, key...)
		if !ok {
			return nil
		}
		if free := g.At.Add(quarantine); c.Now.Before(free) {
			tx.After(free, forgetController, n.key())
			return nil
		}
		goners.Delete(tx, key...)
		return nil
	})
}
