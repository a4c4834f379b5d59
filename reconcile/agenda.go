package reconcile

import (
	"container/heap"
	"time"

	"pileus/store"
)

// kind tells the two sorts of work apart.
type kind uint8

const (
	wake  kind = iota // a controller's key
	entry             // a queue of the outbox
	kinds
)

// task is a controller's key, or a queue, that has work or may have.
type task struct {
	kind  kind
	id    string
	wake  store.Wake
	queue store.Queue
	// last is the entry of the queue that was delivered last; what follows is
	// found from there without passing all that was delivered before.
	last store.Entry

	at      time.Time // when it is due
	seq     uint64    // orders tasks that are due at the same time
	index   int       // among the waiting; -1 when not
	running bool
	again   bool // something was asked for while it ran
	cleared bool // the store was emptied while it ran
}

// agenda is what the store has to do, in memory, so that finding the next work
// costs nothing. It is a hint: whoever runs a task looks at the store first.
// Only the earliest wake-ups are in it; those at the horizon or later are read
// when the ones before are done.
type agenda struct {
	tasks   map[string]*task
	waiting [kinds]waiting
	seq     uint64
	horizon *time.Time // nil: all wake-ups are here
}

// idle is how many tasks without work are kept for what they remember.
const idle = 4096

func newAgenda() agenda { return agenda{tasks: map[string]*task{}} }

// addWake notes an appointment.
func (a *agenda) addWake(w store.Wake) {
	if a.horizon != nil && !w.At.Before(*a.horizon) {
		return
	}
	id := "w" + identity(w.Controller, w.Key)
	t := a.tasks[id]
	if t == nil {
		t = &task{kind: wake, id: id, wake: w, index: -1}
		a.tasks[id] = t
	}
	a.ask(t, w.At)
}

// addQueue notes that a queue has an entry which is due at a time.
func (a *agenda) addQueue(q store.Queue, at time.Time) {
	id := "e" + identity(q.Topic, q.Key)
	t := a.tasks[id]
	if t == nil {
		t = &task{kind: entry, id: id, queue: q, index: -1}
		a.tasks[id] = t
	}
	a.ask(t, at)
}

// ask makes a task due at a time, or earlier if it was before.
func (a *agenda) ask(t *task, at time.Time) {
	switch {
	case t.running:
		t.again = true
	case t.index < 0:
		a.seq++
		t.at, t.seq = at, a.seq
		heap.Push(&a.waiting[t.kind], t)
	case at.Before(t.at):
		t.at = at
		heap.Fix(&a.waiting[t.kind], t.index)
	}
}

// due takes up to room tasks of a kind that are due, and marks them running.
func (a *agenda) due(k kind, now time.Time, room int) (ready []*task) {
	h := &a.waiting[k]
	for len(*h) > 0 && !(*h)[0].at.After(now) && len(ready) < room {
		t := heap.Pop(h).(*task)
		t.running = true
		ready = append(ready, t)
	}
	return ready
}

// done ends the run of a task, which is due again at a time, if at all.
func (a *agenda) done(t *task, at time.Time, more bool) {
	t.running = false
	if t.cleared {
		t.cleared, t.last = false, store.Entry{}
	}
	if t.again {
		t.again, more, at = false, true, time.Time{}
	}
	beyond := t.kind == wake && a.horizon != nil && !at.Before(*a.horizon)
	switch {
	case more && !beyond:
		a.ask(t, at)
	case t.kind == wake || !t.last.Numbered():
		delete(a.tasks, t.id)
	case len(a.tasks) > len(a.waiting[wake])+len(a.waiting[entry])+idle:
		a.sweep()
	}
}

// sweep forgets tasks without work.
func (a *agenda) sweep() {
	for id, t := range a.tasks {
		if t.index < 0 && !t.running {
			delete(a.tasks, id)
		}
	}
}

// forget empties the agenda but for what is running, which comes back by done.
func (a *agenda) forget() {
	for id, t := range a.tasks {
		if t.cleared = t.running; !t.running {
			delete(a.tasks, id)
		}
	}
	a.waiting, a.horizon = [kinds]waiting{}, nil
}

// next is when the first task is due.
func (a *agenda) next() (at time.Time, ok bool) {
	for _, h := range a.waiting {
		if len(h) > 0 && (!ok || h[0].at.Before(at)) {
			at, ok = h[0].at, true
		}
	}
	return at, ok
}

// waiting is a heap by time and then by the order in which work was asked for.
type waiting []*task

func (h waiting) Len() int { return len(h) }

func (h waiting) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}

func (h waiting) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waiting) Push(x any) {
	t := x.(*task)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *waiting) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
