package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"pileus/rng"
	"pileus/store"
	"pileus/store/overlay"
)

// tx is one run of a transaction. PostgreSQL keeps track of what it reads.
type tx struct {
	ctx     context.Context
	db      *DB
	conn    *conn
	writes  overlay.Buffer
	signal  store.Signal
	shown   []func() // OnApply's
	done    []func() // OnCommit's
	refused error    // what the function returned
}

// run runs fn in a transaction and commits it. What fails before the commit is
// sent can be tried again; when the connection breaks during the commit nobody
// can tell, and the caller is told that.
func (t *tx) run(begin string, fn func() error) (again bool, err error) {
	if _, err = t.conn.exec(t.ctx, begin); err != nil {
		return lost(err) || t.conn.IsClosed(), medium(err)
	}
	defer t.conn.rollback(context.WithoutCancel(t.ctx)) // does nothing after a commit
	err = store.Guard(func() error {
		err := fn()
		if err != nil && !errors.Is(err, store.ErrAgain) {
			// An answer that rests on a snapshot which cannot be
			// serialized is no answer: the commit below tells.
			t.refused = err
		}
		return err
	})
	switch {
	case err != nil && t.refused == nil:
		return conflicts(err) || lost(err) || errors.Is(err, store.ErrAgain), err
	case err == nil:
		if err = t.flush(); err != nil {
			return conflicts(err) || lost(err), medium(err)
		}
	}
	if t.refused != nil {
		t.shown, t.done, t.signal = nil, nil, store.Signal{}
	}
	if err = t.conn.commit(t.ctx); err != nil {
		return conflicts(err), medium(err)
	}
	return false, t.refused
}

// errBroken marks an error of a connection that is gone.
var errBroken = errors.New("the connection broke")

// fail ends the run. An error of the connection lets it run again.
func (t *tx) fail(err error) {
	store.Fail(medium(t.broken(err)))
}

// broken marks err if the connection went with it, and nobody wanted that.
func (t *tx) broken(err error) error {
	if err != nil && t.conn.IsClosed() && t.ctx.Err() == nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return err
}

// Get implements store.Reader.
func (t *tx) Get(key []byte) ([]byte, bool) {
	if value, ok, known := t.writes.Get(key); known {
		return value, ok
	}
	var value []byte
	found := false
	err := t.conn.query(t.ctx, `select value from kv where key = $1`, [][]byte{noNull(key)}, func(columns [][]byte) {
		value, found = slices.Clone(columns[0]), true
	})
	if err != nil {
		t.fail(err)
	}
	return value, found
}

// noNull is b, which would be sent as a NULL where it is nil.
func noNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Scan implements store.Reader.
func (t *tx) Scan(r store.Range) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		if (overlay.Span{From: r.From, To: r.To}).Empty() {
			return
		}
		t.writes.Scan(r, &cursor{t: t, r: r, limit: firstPage}, yield)
	}
}

// cursor reads a range in pages, of which the first are small: most scans stop
// early, and what is read is what can conflict.
type cursor struct {
	t     *tx
	r     store.Range
	limit int
	begun bool // r.From, or r.To in reverse, has been yielded
	page  []pair
	end   bool
}

type pair struct{ key, value []byte }

const (
	firstPage = 4
	fullPage  = 1000
)

func (c *cursor) Next() (key, value []byte, ok bool) {
	if len(c.page) == 0 && !c.end {
		c.load()
	}
	if len(c.page) == 0 {
		return nil, nil, false
	}
	p := c.page[0]
	c.page = c.page[1:]
	return p.key, p.value, true
}

func (c *cursor) load() {
	order, beyond := "asc", ">="
	switch {
	case c.r.Reverse:
		order = "desc"
	case c.begun:
		beyond = ">"
	}
	query, args := `select key, value from kv where key `+beyond+` $1`, [][]byte{noNull(c.r.From)}
	if c.r.To != nil {
		query, args = query+` and key < $2`, append(args, c.r.To)
	}
	query += fmt.Sprintf(` order by key %s limit %d`, order, c.limit)
	c.page = nil
	err := c.t.conn.query(c.t.ctx, query, args, func(columns [][]byte) {
		c.page = append(c.page, pair{slices.Clone(columns[0]), slices.Clone(columns[1])})
	})
	if err != nil {
		c.t.fail(err)
	}
	if c.end = len(c.page) < c.limit; c.end {
		return
	}
	c.begun, c.limit = true, min(4*c.limit, fullPage)
	if last := c.page[len(c.page)-1].key; c.r.Reverse {
		c.r.To = last
	} else {
		c.r.From = last
	}
}

// Put implements store.Tx.
func (t *tx) Put(key, value []byte) {
	if len(value) <= smallValue {
		value = slices.Clone(value)
	}
	t.writes.Put(slices.Clone(key), noNull(value))
}

// smallValue is up to where a value is copied; a larger one is the store's
// until the Update returns.
const smallValue = 4 << 10

// Delete implements store.Tx.
func (t *tx) Delete(key []byte) { t.writes.Delete(slices.Clone(key)) }

// DeleteRange implements store.Tx.
func (t *tx) DeleteRange(from, to []byte) {
	t.writes.DeleteRange(overlay.Span{From: slices.Clone(from), To: slices.Clone(to)})
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
	store.AppendOutbox(t, topic, key, payload, fmt.Sprintf("%x", rng.Bytes(8)))
	t.signal.Emitted = true
	t.signal.Queues = append(t.signal.Queues, store.Queue{Topic: topic, Key: key})
}

// OnApply implements store.Tx: what others see here is durable.
func (t *tx) OnApply(f func()) { t.shown = append(t.shown, f) }

// OnCommit implements store.Tx.
func (t *tx) OnCommit(f func()) { t.done = append(t.done, f) }

// flush sends the buffered writes, and the signal to other processes, in one
// round trip.
func (t *tx) flush() error {
	var batch []statement
	queue := func(sql string, args ...[]byte) { batch = append(batch, statement{sql, args}) }
	for _, s := range t.writes.Spans() {
		if s.To == nil {
			queue(`delete from kv where key >= $1`, noNull(s.From))
		} else {
			queue(`delete from kv where key >= $1 and key < $2`, noNull(s.From), s.To)
		}
	}
	var deleted, keys, values [][]byte
	for _, op := range t.writes.Ops() {
		if op.Deleted {
			deleted = append(deleted, op.Key)
		} else {
			keys, values = append(keys, op.Key), append(values, op.Value)
		}
	}
	if len(deleted) > 0 {
		queue(`delete from kv where key = any($1::bytea[])`, array(deleted))
	}
	if len(keys) > 0 {
		queue(`insert into kv select * from unnest($1::bytea[], $2::bytea[])
			on conflict (key) do update set value = excluded.value`, array(keys), array(values))
	}
	if loud(t.signal) {
		queue(`select pg_notify($1, $2)`, []byte(channel), []byte(t.db.encodeSignal(t.signal)))
	}
	if len(batch) == 0 {
		return nil
	}
	return t.broken(t.conn.send(t.ctx, batch))
}
