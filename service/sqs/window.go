package sqs

import (
	"bytes"
	"slices"
	"time"

	"pileus/store"
)

// window is what a receiver takes from: slots that were found to be due, over
// the rows in the store. Every slot of the queue that is due lies in it, or
// behind from. Looking for more goes on at from and not at the beginning,
// where a log-structured store would read, again and again, the traces of all
// that was received before.
//
// It is a hint and no more: a slot counts only if its row is still there in
// the transaction that takes it.
type window struct {
	queue int64 // id
	slots []slot
	from  slot // where the next look begins
	seen  time.Time
	fair  bool // a standard queue: its groups take turns
}

// ahead is how many slots are looked up at a time, where so many are due.
const ahead = 512

// holds tells whether there is enough in the window. Should it be of a queue
// that is no more, the transaction finds none of its rows.
func (w *window) holds(now time.Time, want int) bool {
	return len(w.slots) >= want && !now.Before(w.seen)
}

// fill looks for due slots until there are want, if there are.
func (w *window) fill(r store.Reader, n queueName, now time.Time, want int) {
	q, ok := n.find(r)
	if !ok {
		return
	}
	if w.queue != q.ID || now.Before(w.seen) { // another queue, or the clock went back
		*w = window{queue: q.ID, fair: !q.FIFO}
	}
	w.seen = now
	if len(w.slots) >= want {
		return
	}
	defer w.arrange()
	limit := max(ahead, want)
	found := 0
	for s := range due(r, q, w.from, now) {
		w.slots = append(w.slots, s)
		w.from = s
		w.from.node++
		if found++; found == limit {
			return
		}
	}
	// All that is due now is here. What becomes due at a later time lies
	// behind now; what is put before it, this process hears of (line.late).
	if end := (slot{at: now}); w.from.before(end) {
		w.from = end
	}
}

// add takes up slots that came into being before from, where they would be
// missed, and those of groups behind it, so that they need not wait for all
// that other groups have sent before.
func (w *window) add(late []slot) {
	had := len(w.slots)
	for _, s := range late {
		if s.before(w.from) || w.fair && s.group != "" {
			w.slots = append(w.slots, s)
		}
	}
	if len(w.slots) == had {
		return
	}
	slices.SortStableFunc(w.slots, func(a, b slot) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return 0
	})
	w.arrange()
}

// arrange has the groups of a standard queue take turns: first comes what is
// in no group and the first message of each, then the second ones, and so on.
// So a group with many messages delays itself and not the others.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
func (w *window) arrange() {
	if !w.fair || !slices.ContainsFunc(w.slots, func(s slot) bool { return s.group != "" }) {
		return
	}
	sent := map[string]int{}
	ranks := make([]ranked, len(w.slots))
	for i, s := range w.slots {
		ranks[i] = ranked{s, sent[s.group]}
		if s.group != "" {
			sent[s.group]++
		}
	}
	slices.SortStableFunc(ranks, func(a, b ranked) int { return a.rank - b.rank })
	for i := range ranks {
		w.slots[i] = ranks[i].slot
	}
}

// ranked is a slot with its place within its group.
type ranked struct {
	slot
	rank int
}

// drop forgets the first n slots.
func (w *window) drop(n int) {
	rest := copy(w.slots, w.slots[n:])
	clear(w.slots[rest:])
	w.slots = w.slots[:rest]
}

// next is the slot that comes next and is due; each run of a transaction begins
// with the first.
func (b *batch) next(now time.Time) (s slot, ok bool) {
	if b.looked >= len(b.window.slots) {
		return s, false
	}
	if s = b.window.slots[b.looked]; s.at.After(now) {
		return s, false
	}
	b.looked++
	return s, true
}

// due yields the slots of a queue at or after from that have come by now.
func due(r store.Reader, q *queue, from slot, now time.Time) func(yield func(slot) bool) {
	return between(r, q, from, slot{at: now.Add(1)})
}

// hidden yields the slots of a queue whose time is after now.
func hidden(r store.Reader, q *queue, now time.Time) func(yield func(slot) bool) {
	return between(r, q, slot{at: now.Add(1)}, slot{at: endOfTime})
}

// endOfTime is after every slot.
var endOfTime = time.Unix(1<<62, 0)

func between(r store.Reader, q *queue, from, to slot) func(yield func(slot) bool) {
	name := messages.Name
	if q.FIFO {
		name = turns.Name
	}
	prefix := append([]byte(name), '/')
	span := store.Range{
		From: from.edge(q.ID).Append(bytes.Clone(prefix)),
		To:   to.edge(q.ID).Append(bytes.Clone(prefix)),
	}
	return func(yield func(slot) bool) {
		for k, v := range r.Scan(span) {
			s, ok := parseSlot(k[len(prefix):], v, q.FIFO)
			if ok && !yield(s) {
				return
			}
		}
	}
}

// edge is the key from which slots at or after s follow.
func (s slot) edge(queue int64) store.Key {
	if s.order == 0 && s.node == 0 {
		return store.K(queue, s.at)
	}
	return s.key(queue)
}

// parseSlot reads a row.
func parseSlot(key, value []byte, fifo bool) (s slot, ok bool) {
	k, err := store.ParseKey(key)
	if err != nil || len(k) != 4 {
		return s, false
	}
	var okTime, okOrder, okNode bool
	s.at, okTime = k[1].(time.Time)
	s.order, okOrder = k[2].(int64)
	s.node, okNode = k[3].(int64)
	if len(value) > 1 { // after the version
		if value = value[1:]; fifo {
			s.group = string(value)
		} else {
			s.group = groupOf(value)
		}
	}
	return s, okTime && okOrder && okNode
}
