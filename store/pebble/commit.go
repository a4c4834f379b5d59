package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"pileus/store"
)

// applied is a commit that others see already and that may not be durable yet.
type applied struct {
	settle  func() error // of a transaction that wrote nothing
	refused error        // the error of its function
	batch   *pebble.Batch
	link    *commit // nil when it need not be synced
	died    error   // of an engine that failed while it applied
}

// wait returns once the commit is durable.
func (a applied) wait(d *DB, t *tx) error {
	if a.settle != nil {
		return a.settle()
	}
	if a.died != nil {
		return d.outcome(t, t.engine, a.died)
	}
	if a.link != nil {
		if err := a.batch.SyncWait(); err != nil {
			d.die(t.engine, err)
			return d.outcome(t, t.engine, err)
		}
		d.durable.advance(a.link)
	}
	return medium(a.batch.Close())
}

// commit applies t's writes if its reads still hold, and errStale otherwise.
func (d *DB) commit(t *tx, locked bool) (applied, error) {
	b, err := t.engine.batch(t)
	if err != nil {
		return applied{}, medium(err)
	}
	if err := d.space.admit(b.Len(), t.grows()); err != nil {
		return applied{}, drop(b, err)
	}
	if !locked {
		// Most of the checking is done before the turn, and only what was
		// committed meanwhile remains to be checked with it.
		var stale bool
		if t.start, stale = t.reads.stale(t.start); stale {
			return applied{}, drop(b, errStale)
		}
		d.turn.Lock()
		defer d.turn.Unlock()
		if _, stale = t.reads.stale(t.start); stale {
			return applied{}, drop(b, errStale)
		}
	}
	if t.engine.death.Load() != nil || t.engine != d.engine.Load() {
		return applied{}, drop(b, errStale)
	}
	if err := d.appendOutbox(t, b); err != nil {
		return applied{}, drop(b, medium(err))
	}
	return d.apply(t, b)
}

// drop gives back a batch that is not applied.
func drop(b *pebble.Batch, err error) error {
	if cerr := b.Close(); cerr != nil {
		return errors.Join(err, cerr)
	}
	return err
}

// apply makes the batch visible and links the commit into the history: for
// those that sync before it is applied, so that no reader can see a commit
// that is neither durable nor known; else afterwards and only if somebody else
// is under way. Who starts after that check has the writes in its snapshot.
func (d *DB) apply(t *tx, b *pebble.Batch) (applied, error) {
	e := t.engine
	if e.guard.commits++; e.guard.commits >= guardCommits {
		e.guard.renew(e)
		e.guard.renewed = true
	}
	tail := d.tail.Load()
	c := &commit{seq: tail.seq + 1}
	link := func() {
		keys := make([][]byte, 0, len(t.writes.Ops())+len(t.emitted))
		for _, op := range t.writes.Ops() {
			keys = append(keys, op.Key)
		}
		if len(t.emitted) > 0 {
			keys = append(keys, t.emitted...)
			slices.SortFunc(keys, bytes.Compare)
		}
		c.addKeys(keys...)
		for _, s := range t.writes.Spans() {
			s.From, s.To = append([]byte(nil), s.From...), append([]byte(nil), s.To...)
			c.spans = append(c.spans, s)
		}
		tail.next.Store(c)
	}
	if d.options.Durability == Sync {
		link()
		d.announced.Store(c)
		if err := guarded(func() error { return e.ApplyNoSyncWait(b, pebble.Sync) }); err != nil {
			d.die(e, err)
			return applied{died: err}, nil
		}
		d.tail.Store(c)
		return applied{batch: b, link: c}, nil
	}
	if err := guarded(func() error { return e.Apply(b, pebble.NoSync) }); err != nil {
		d.die(e, err)
		return applied{died: err}, nil
	}
	if d.active.Load() > 1 {
		link()
		d.tail.Store(c)
		d.announced.Store(c)
		d.durable.advance(c)
	}
	d.durable.poke()
	return applied{batch: b}, nil
}

// guard is a snapshot that is older than every transaction's. Closing the
// oldest snapshot has the engine look for compactions, which costs more than
// reading a record does; closing any other costs nothing.
type guard struct {
	snap    *pebble.Snapshot
	commits int // since the snapshot was taken
	renewed bool
}

// guardCommits bounds how many old versions of a record the guard keeps.
const guardCommits = 4096

func (g *guard) renew(e *engine) {
	next := e.NewSnapshot()
	g.drop()
	g.snap, g.commits = next, 0
}

func (g *guard) drop() {
	if g.snap != nil {
		_ = g.snap.Close() // it has no error to report
		g.snap = nil
	}
}

// farEnd is beyond every key that a table can have.
var farEnd = []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")

// batch is the transaction's writes in the engine's form.
func (e *engine) batch(t *tx) (*pebble.Batch, error) {
	b := e.NewBatch()
	for _, s := range t.writes.Spans() {
		to := s.To
		if to == nil {
			to = farEnd
		}
		if err := b.DeleteRange(s.From, to, nil); err != nil {
			return nil, err
		}
	}
	for _, op := range t.writes.Ops() {
		var err error
		if op.Deleted {
			err = b.Delete(op.Key, nil)
		} else {
			err = b.Set(op.Key, op.Value, nil)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// grows tells whether the transaction adds data; one that only deletes is let
// through on a disk that is nearly full.
func (t *tx) grows() bool {
	if len(t.emits) > 0 {
		return true
	}
	for _, op := range t.writes.Ops() {
		if !op.Deleted {
			return true
		}
	}
	return false
}

// sequence numbers outbox entries in the order of commits. It starts a new
// epoch with the first entry after an open, which takes one row, and counts in
// memory from there.
type sequence struct {
	epoch, n uint64
}

const epochRow = "~outbox.epoch"

// appendOutbox gives the transaction's entries their places; the caller has
// the turn.
func (d *DB) appendOutbox(t *tx, b *pebble.Batch) (err error) {
	if len(t.emits) == 0 {
		return nil
	}
	if d.outbox.epoch == 0 {
		if d.outbox.epoch, err = t.engine.nextEpoch(); err != nil {
			return err
		}
		if err := b.Set([]byte(epochRow), fmt.Appendf(nil, "%d", d.outbox.epoch), nil); err != nil {
			return err
		}
	}
	for _, e := range t.emits {
		d.outbox.n++
		row := store.OutboxRow(e.topic, e.key, fmt.Sprintf("%08x%012x", d.outbox.epoch, d.outbox.n))
		if err := b.Set(row, store.OutboxValue(store.Entry{Payload: e.payload}), nil); err != nil {
			return err
		}
		t.emitted = append(t.emitted, row)
	}
	return nil
}

func (e *engine) nextEpoch() (uint64, error) {
	value, closer, err := e.Get([]byte(epochRow))
	if errors.Is(err, pebble.ErrNotFound) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	var epoch uint64
	if _, err := fmt.Sscanf(string(value), "%d", &epoch); err != nil {
		return 0, fmt.Errorf("outbox epoch: %w", err)
	}
	return epoch + 1, nil
}

// durability knows how far commits are safe.
type durability struct {
	last atomic.Pointer[commit]

	mu     sync.Mutex
	moved  *sync.Cond
	failed error

	dirty   chan struct{} // something to sync, for those who do not wait for it
	stopped chan struct{}
}

func (u *durability) start(c *commit) {
	u.last.Store(c)
	u.moved = sync.NewCond(&u.mu)
	u.dirty = make(chan struct{}, 1)
	u.stopped = make(chan struct{})
}

// advance tells that c and all before it are durable.
func (u *durability) advance(c *commit) {
	u.mu.Lock()
	if u.last.Load().seq < c.seq {
		u.last.Store(c)
		u.moved.Broadcast()
	}
	u.mu.Unlock()
}

func (u *durability) fail(err error) {
	u.mu.Lock()
	u.failed = err
	u.moved.Broadcast()
	u.mu.Unlock()
}

// restart begins anew with c.
func (u *durability) restart(c *commit) {
	u.mu.Lock()
	u.last.Store(c)
	u.failed = nil
	u.moved.Broadcast()
	u.mu.Unlock()
}

// wait returns once c is durable.
func (u *durability) wait(c *commit) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for u.last.Load().seq < c.seq {
		if u.failed != nil {
			return u.failed
		}
		u.moved.Wait()
	}
	return nil
}

func (u *durability) poke() {
	select {
	case u.dirty <- struct{}{}:
	default:
	}
}

func (u *durability) stop() { close(u.stopped) }

// follow syncs the log over and over while there is something to sync.
func (d *DB) follow() {
	for {
		select {
		case <-d.durable.stopped:
			return
		case <-d.durable.dirty:
		}
		e, err := d.enter()
		if errors.Is(err, store.ErrClosed) {
			return
		}
		if err != nil {
			continue // the next commit meets the same, and says so
		}
		if err := guarded(func() error { return e.LogData(nil, pebble.Sync) }); err != nil {
			d.die(e, err)
		}
		e.use.leave()
	}
}
