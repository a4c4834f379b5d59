package sqs

import (
	"fmt"
	"time"

	"pileus/store"
)

// group is a message group of a FIFO queue that has messages. In the queue it
// takes turns with the other groups, and its turn comes when its next message
// can be received: not while one of them is in flight.
type group struct {
	Queue int64
	Name  string
	Count int   // of its messages
	Head  int64 // no message has a smaller sequence
	// Flying are the messages that were received and not deleted since.
	Flying []flight
	Turn   time.Time
	Order  int64
	Node   int64
}

// flight is a message in flight.
type flight struct {
	Seq   int64
	Until time.Time
}

var groups = &store.Table[group]{
	Name: "sqs.group",
	Key:  func(g *group) store.Key { return store.K(g.Queue, g.Name) },
}

// turn is a group's place in its queue.
type turn struct {
	queue int64
	slot
}

var turns = &store.Table[turn]{
	Name: "sqs.turn",
	Key:  func(t *turn) store.Key { return t.key(t.queue) },
}

// AppendRecord writes the group's name; the rest is in the key.
func (t *turn) AppendRecord(b []byte) []byte { return append(b, t.group...) }

// ParseRecord is the inverse of AppendRecord.
func (t *turn) ParseRecord(b []byte) error {
	t.group = string(b)
	return nil
}

func (g *group) slot() slot { return slot{g.Turn, g.Order, g.Node, g.Name} }

// sequence is a sequence number as clients see it: twenty digits.
func sequence(n int64) string { return fmt.Sprintf("188%017d", n) }

// enqueue appends a message to its group. Its sequence number is the queue's
// next.
func (b *batch) enqueue(q *queue, m *message) {
	n := b.counter(q)
	n.Seq++
	m.Seq = n.Seq
	sequences.Insert(b.tx, m)
	g, ok := groups.Get(b.tx, q.ID, m.Group)
	if !ok {
		g = &group{Queue: q.ID, Name: m.Group, Head: m.Seq}
	}
	g.Count++
	if ok {
		groups.Insert(b.tx, g)
		return
	}
	b.queueUp(q, g, m.Visible)
}

// queueUp writes a group that has no turn and gives it one.
func (b *batch) queueUp(q *queue, g *group, at time.Time) {
	g.Turn, g.Order, g.Node = at, b.svc.order(at), b.svc.node
	groups.Insert(b.tx, g)
	turns.Insert(b.tx, &turn{q.ID, g.slot()})
	b.noticed(q, g.slot())
}

// takeGroups receives up to n messages of a FIFO queue: as many as there are
// of the group whose turn it is, then of the next.
func (b *batch) takeGroups(now time.Time, n int, hide time.Duration) (got []*message) {
	for len(got) < n {
		s, ok := b.next(now)
		if !ok {
			break
		}
		g, ok := groups.Get(b.tx, b.q.ID, s.group)
		if !ok || !g.Turn.Equal(s.at) || g.Order != s.order || g.Node != s.node {
			continue
		}
		got = append(got, b.takeOf(g, now, n-len(got), hide)...)
	}
	b.taken += len(got)
	return got
}

// takeOf receives the first messages of a group.
func (b *batch) takeOf(g *group, now time.Time, n int, hide time.Duration) (got []*message) {
	b.leave(g)
	var next time.Time // when the first message that stays can be received
	first := true
	for m := range sequences.ScanFrom(b.tx, store.K(g.Queue, g.Name), store.K(g.Queue, g.Name, g.Head)) {
		if !m.Visible.After(now) && b.unfit(m, now) {
			g.Count--
			continue
		}
		if first {
			g.Head, next, first = m.Seq, m.Visible, false
		}
		if len(got) == n || m.Visible.After(now) {
			break
		}
		m.receive(now, hide)
		sequences.Insert(b.tx, m)
		g.Flying = append(g.Flying, flight{m.Seq, m.Visible})
		got = append(got, m)
	}
	b.settle(g, now, next)
	return got
}

// leave takes a group out of its turn; settle puts it back.
func (b *batch) leave(g *group) { turns.Delete(b.tx, g.Queue, g.Turn, g.Order, g.Node) }

// settle gives a group its next turn: when none of its messages is in flight
// any more and its first message, at next, can be received.
func (b *batch) settle(g *group, now, next time.Time) {
	flying := g.Flying[:0]
	at := next
	for _, f := range g.Flying {
		if f.Until.After(now) {
			flying = append(flying, f)
			at = later(at, f.Until)
		}
	}
	g.Flying = flying
	if g.Count == 0 {
		groups.Delete(b.tx, g.Queue, g.Name)
		return
	}
	b.queueUp(b.q, g, later(at, now))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// first is when the first message of a group can be received.
func (b *batch) first(g *group) (at time.Time) {
	for m := range sequences.ScanFrom(b.tx, store.K(g.Queue, g.Name), store.K(g.Queue, g.Name, g.Head)) {
		g.Head = m.Seq
		return m.Visible
	}
	return at
}

// inHand finds the message of a receipt handle of a FIFO queue, with its group.
// ok is false for one that was deleted.
func (b *batch) inHand(h handle) (m *message, g *group, ok bool) {
	if m, ok = sequences.Get(b.tx, b.q.ID, h.group, h.seq); ok {
		g, ok = groups.Get(b.tx, b.q.ID, h.group)
	}
	return m, g, ok
}

// deleteSequenced deletes the message of a receipt handle of a FIFO queue. A
// handle is good only for its visibility timeout.
func (b *batch) deleteSequenced(h handle, text string, now time.Time) error {
	m, g, ok := b.inHand(h)
	if !ok {
		return nil
	}
	if !m.Receipt.Equal(h.receipt) || !m.Visible.After(now) {
		return errHandleExpired(text)
	}
	b.landed++
	b.erase(m)
	b.leave(g)
	g.Count--
	g.land(m.Seq)
	b.settle(g, now, b.first(g))
	return nil
}

// concealSequenced changes how long a message of a FIFO queue stays hidden.
func (b *batch) concealSequenced(h handle, text string, now time.Time, hide time.Duration) error {
	m, g, ok := b.inHand(h)
	if !ok || !m.Receipt.Equal(h.receipt) || !m.Visible.After(now) {
		return errNotInFlight(text)
	}
	if err := m.checkTotal(now, hide); err != nil {
		return err
	}
	m.Visible = now.Add(hide)
	sequences.Insert(b.tx, m)
	b.leave(g)
	g.land(m.Seq)
	if hide > 0 {
		g.Flying = append(g.Flying, flight{m.Seq, m.Visible})
	} else {
		b.landed++
		b.counter(b.q).changed = true
	}
	b.settle(g, now, b.first(g))
	return nil
}

// land takes a message out of those in flight.
func (g *group) land(seq int64) {
	for i, f := range g.Flying {
		if f.Seq == seq {
			g.Flying = append(g.Flying[:i], g.Flying[i+1:]...)
			return
		}
	}
}
