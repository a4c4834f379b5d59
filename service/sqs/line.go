package sqs

import (
	"context"
	"errors"
	"sync"

	"pileus/cloud"
	"pileus/store"
)

// line is what this process keeps in memory of one queue. Work on a queue's
// messages waits here while a transaction is under way and then goes into the
// next one together, which one of those who wait leads: so that the senders
// and receivers of a process never conflict with each other, share the cost of
// commits, and a FIFO queue has an order. Nothing rests on it: what is written
// is right whoever else writes at the same time.
type line struct {
	svc  *service
	name queueName

	mu      sync.Mutex
	waiting []*work
	busy    bool // a transaction is being led
	undone  int  // works that were cut and are not durable yet
	polls   polls
	edge    slot   // the window holds what lies before it
	late    []slot // came into being before edge; for the next leader
	missed  bool   // some of those are not known: look at everything again
	lost    bool   // what was applied did not become durable: so with all that is remembered
	used    bool   // somebody has received

	others []counter // of other processes, as listen last saw them

	// Of the leader alone.
	window window
	flying flying
}

// work is one request's part of a transaction.
type work struct {
	c    *cloud.Call
	size int // of what is written, in bytes, about
	want int // messages that it would like to receive
	// do may run more than once. It checks before it writes: its error leaves
	// the rest of the transaction standing.
	do   func(b *batch) error
	err  error
	turn chan bool // true: lead the next transaction; false: done
}

// What one transaction takes at most.
const (
	batchWorks = 256
	batchBytes = 4 << 20
)

// run has w done in a transaction and returns its error once it is durable.
func (l *line) run(w *work) error {
	if w.c.Tx != nil {
		return l.join(w)
	}
	w.turn = make(chan bool, 1)
	l.mu.Lock()
	l.waiting = append(l.waiting, w)
	l.next()
	l.mu.Unlock()
	if <-w.turn {
		l.lead()
	}
	return w.err
}

// next has the first who waits lead the next transaction, if it is time for
// that; mu is held. While others wait for the disk it is when as many have
// gathered as those are: so the disk never waits for the processor nor the
// processor for the disk, and still the work comes in few transactions.
func (l *line) next() {
	if l.busy || len(l.waiting) == 0 || len(l.waiting) < l.undone {
		return
	}
	l.busy = true
	l.waiting[0].turn <- true
}

// lead commits the works that wait, the leader's own first. It passes on as
// soon as others can see what was written, so that the next transaction runs
// while this one waits for the disk; and also when a work panics, or nobody
// would ever get through again.
func (l *line) lead() {
	l.mu.Lock()
	works := l.cut()
	l.mu.Unlock()
	for _, w := range works {
		w.err = errBroken
	}
	pass := sync.OnceFunc(l.pass)
	defer func() {
		pass()
		l.mu.Lock()
		l.undone -= len(works)
		l.next()
		l.mu.Unlock()
		for _, w := range works[1:] {
			w.turn <- false
		}
	}()
	l.commit(works, pass)
}

// errBroken is what those get whose transaction another's panic has ended.
var errBroken = errors.New("sqs: a transaction was broken off")

// pass ends the turn of a leader.
func (l *line) pass() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	l.next()
}

// cut takes the works of the next transaction; mu is held.
func (l *line) cut() []*work {
	n, size := 0, 0
	for n < len(l.waiting) && n < batchWorks && (n == 0 || size+l.waiting[n].size <= batchBytes) {
		size += l.waiting[n].size
		n++
	}
	works := append([]*work(nil), l.waiting[:n]...)
	l.undone += n
	rest := copy(l.waiting, l.waiting[n:])
	clear(l.waiting[rest:])
	l.waiting = l.waiting[:rest]
	return works
}

// commit does works in one transaction and returns when it is durable; once it
// shows, it calls pass, and no longer leads. It must not end with its leader's
// request, because it is others' too.
func (l *line) commit(works []*work, pass func()) {
	c := works[0].c
	ctx := context.WithoutCancel(c.Context)
	db := c.Cloud.DB()
	err := l.prepare(ctx, db, works)
	if err == nil {
		err = db.Update(ctx, func(tx store.Tx) error {
			b := &batch{svc: l.svc, line: l, tx: tx, window: &l.window, room: l.flying.room(l.svc.flightLimit)}
			b.perform(l.name, works)
			tx.OnApply(func() {
				l.window.drop(b.looked)
				l.flying.count = max(0, l.flying.count+b.taken-b.landed)
				l.svc.announce(c.Cloud.Clock(), b.seen)
				pass()
			})
			return nil
		})
	}
	if err != nil {
		for _, w := range works {
			w.err = err
		}
		l.mu.Lock()
		l.lost = true
		l.mu.Unlock()
	}
}

// prepare looks up what receivers can have.
func (l *line) prepare(ctx context.Context, db store.Store, works []*work) error {
	l.mu.Lock()
	lost := l.lost
	l.lost = false
	l.mu.Unlock()
	if lost {
		l.window, l.flying.count = window{}, l.svc.flightLimit // which has it counted
	}
	want := 0
	for _, w := range works {
		want += w.want
	}
	if want == 0 {
		return nil
	}
	now := works[0].c.Cloud.Clock().Now()
	for _, w := range works {
		if w.c.Now.After(now) {
			now = w.c.Now
		}
	}
	l.mu.Lock()
	late, missed := l.late, l.missed
	l.late, l.missed, l.used = nil, false, true
	l.edge = slot{at: now.Add(1)} // what comes into being while we look
	l.mu.Unlock()
	if missed {
		l.window = window{}
	}
	l.window.add(late)
	defer func() {
		l.mu.Lock()
		l.edge = l.window.from
		l.mu.Unlock()
	}()
	if err := l.flying.check(ctx, db, l.name, now, want, l.svc.flightLimit); err != nil {
		return err
	}
	if l.window.holds(now, want) {
		return nil
	}
	return db.View(ctx, func(r store.Reader) error {
		l.window.fill(r, l.name, now, want)
		return nil
	})
}

// join does w within the transaction of the call that it came with, for
// services that send or receive as a part of their own change.
func (l *line) join(w *work) error {
	c := w.c
	b := &batch{svc: l.svc, line: l, tx: c.Tx, window: &window{}, room: l.svc.flightLimit}
	if w.want > 0 {
		b.window.fill(c.Tx, l.name, c.Now, w.want)
	}
	b.perform(l.name, []*work{w})
	seen := b.seen
	c.Tx.OnCommit(func() { l.svc.announce(c.Cloud.Clock(), seen) })
	return w.err
}

// batch is one run of a transaction.
type batch struct {
	svc    *service
	line   *line
	tx     store.Tx
	q      *queue
	window *window
	looked int // slots of the window that are used up
	room   int // how many more messages may be in flight
	taken  int // messages that went into flight
	landed int // messages that left it
	counts []*counter
	seen   []sighting
}

// sighting is a slot that came into being.
type sighting struct {
	name queueName
	slot slot
}

// perform runs the works on the queue.
func (b *batch) perform(n queueName, works []*work) {
	q, ok := n.find(b.tx)
	if !ok {
		for _, w := range works {
			w.err = errNoQueue
		}
		return
	}
	b.q = q
	for _, w := range works {
		w.err = w.do(b)
	}
	for _, n := range b.counts {
		n.write(b.tx, b.svc.node)
	}
}

// noticed remembers a slot for those who wait for messages of q.
func (b *batch) noticed(q *queue, s slot) {
	b.seen = append(b.seen, sighting{q.name(), s})
}
