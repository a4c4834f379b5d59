package pebble

import (
	"errors"
	"io"
	"iter"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"pileus/store"
	"pileus/store/overlay"
)

// tx is a transaction, or the reader of a View: a snapshot, what was seen of
// it, and the writes laid over it. Its memory is used again.
type tx struct {
	db      *DB
	engine  *engine // of an Update
	snap    *pebble.Snapshot
	start   *commit // the last commit that the snapshot is sure to hold
	arena   arena
	lent    []io.Closer // of large values
	tracked bool        // reads are noted
	reads   reads
	writes  overlay.Buffer
	emits   []emit
	emitted [][]byte // the rows of emits
	signal  store.Signal
	shown   []func() // OnApply's
	done    []func() // OnCommit's
}

// emit is an outbox entry that gets its place as the transaction commits.
type emit struct {
	topic   string
	key     store.Key
	payload []byte
}

func (t *tx) reset(poison bool) {
	t.engine, t.snap, t.start = nil, nil, nil
	t.arena.reset(poison)
	t.reads.reset()
	t.writes.Reset()
	clear(t.emits)
	clear(t.shown)
	clear(t.done)
	t.emitted = nil
	t.emits, t.shown, t.done = t.emits[:0], t.shown[:0], t.done[:0]
	t.signal = store.Signal{}
}

// release gives the snapshot back.
func (t *tx) release() {
	for i, c := range t.lent {
		t.lent[i] = nil
		_ = c.Close() // of a read that succeeded
	}
	t.lent = t.lent[:0]
	if t.snap != nil {
		_ = t.snap.Close() // it has no error to report
		t.snap = nil
	}
}

// Get implements store.Reader.
func (t *tx) Get(key []byte) ([]byte, bool) {
	if value, ok, known := t.writes.Get(key); known {
		return value, ok
	}
	if t.tracked {
		t.reads.point(t.arena.copy(key))
	}
	value, closer, err := t.snap.Get(key)
	if err != nil {
		if errors.Is(err, pebble.ErrNotFound) {
			return nil, false
		}
		store.Fail(medium(err))
	}
	if len(value) > largeValue {
		t.lent = append(t.lent, closer)
		return value, true
	}
	value = t.arena.copy(value)
	if err := closer.Close(); err != nil {
		store.Fail(medium(err))
	}
	return value, true
}

// Scan implements store.Reader.
func (t *tx) Scan(r store.Range) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		span := overlay.Span{From: r.From, To: r.To}
		if span.Empty() {
			return
		}
		bounds := pebble.IterOptions{LowerBound: r.From, UpperBound: r.To}
		if len(r.From) == 0 {
			bounds.LowerBound = nil
		}
		it, err := t.snap.NewIter(&bounds)
		if err != nil {
			store.Fail(medium(err))
		}
		base := cursor{t: t, it: it, reverse: r.Reverse}
		defer base.close()
		if t.tracked { // what is not reached is not read: see below
			span.From, span.To = t.arena.copy(span.From), t.own(span.To)
		}
		each := func(k, v []byte) bool {
			if yield(k, v) {
				return true
			}
			if r.Reverse {
				span.From = k
			} else {
				span.To = append(k[:len(k):len(k)], 0)
			}
			return false
		}
		if t.writes.Empty() && !t.tracked {
			for k, v, ok := base.Next(); ok && yield(k, v); k, v, ok = base.Next() {
			}
			return
		}
		t.writes.Scan(r, &base, each)
		if t.tracked {
			t.reads.span(span)
		}
	}
}

// own copies b, keeping nil.
func (t *tx) own(b []byte) []byte {
	if b == nil {
		return nil
	}
	return t.arena.copy(b)
}

// cursor walks the snapshot.
type cursor struct {
	t       *tx
	it      *pebble.Iterator
	reverse bool
	begun   bool
}

func (c *cursor) Next() (key, value []byte, ok bool) {
	switch {
	case c.begun && c.reverse:
		ok = c.it.Prev()
	case c.begun:
		ok = c.it.Next()
	case c.reverse:
		ok = c.it.Last()
	default:
		ok = c.it.First()
	}
	c.begun = true
	if !ok {
		if err := c.it.Error(); err != nil {
			store.Fail(medium(err))
		}
		return nil, nil, false
	}
	v, err := c.it.ValueAndErr()
	if err != nil {
		store.Fail(medium(err))
	}
	return c.t.arena.copy(c.it.Key()), c.t.arena.copy(v), true
}

func (c *cursor) close() {
	_ = c.it.Close() // its error was reported by Next
}

// Put implements store.Tx.
func (t *tx) Put(key, value []byte) {
	if len(value) <= largeValue {
		value = t.arena.copy(value)
	}
	t.writes.Put(t.arena.copy(key), value)
}

// Delete implements store.Tx.
func (t *tx) Delete(key []byte) { t.writes.Delete(t.arena.copy(key)) }

// DeleteRange implements store.Tx.
func (t *tx) DeleteRange(from, to []byte) {
	if s := (overlay.Span{From: from, To: to}); !s.Empty() {
		t.writes.DeleteRange(overlay.Span{From: t.arena.copy(from), To: t.own(to)})
	}
}

// After implements store.Tx.
func (t *tx) After(at time.Time, controller string, key store.Key) {
	w := store.Wake{At: at, Controller: controller, Key: key}
	if !store.AddWake(t, w) {
		return
	}
	t.signal.Wakes = append(t.signal.Wakes, w)
	if at.IsZero() {
		at = time.Unix(0, 0) // the zero Earliest means that there is none
	}
	if t.signal.Earliest.IsZero() || at.Before(t.signal.Earliest) {
		t.signal.Earliest = at
	}
}

// Emit implements store.Tx.
func (t *tx) Emit(topic string, key store.Key, payload []byte) {
	t.emits = append(t.emits, emit{topic, key, append([]byte(nil), payload...)})
	t.signal.Emitted = true
	t.signal.Queues = append(t.signal.Queues, store.Queue{Topic: topic, Key: key})
}

// OnApply implements store.Tx.
func (t *tx) OnApply(f func()) { t.shown = append(t.shown, f) }

// show calls what waits for the writes to be seen, once.
func (t *tx) show() {
	for _, f := range t.shown {
		f()
	}
	clear(t.shown)
	t.shown = t.shown[:0]
}

// OnCommit implements store.Tx.
func (t *tx) OnCommit(f func()) { t.done = append(t.done, f) }
