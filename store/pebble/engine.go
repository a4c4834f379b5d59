package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"pileus/store"
)

// engine is one opening of Pebble. An error of its log or manifest ends it:
// it is cut off from the disk, and the store is opened anew for the next
// transaction, in the same process, as after a crash.
type engine struct {
	*pebble.DB
	use   usage
	guard guard // guarded by DB.turn
	death atomic.Pointer[error]
}

// errDead is what the file system of a dead engine answers.
var errDead = errors.New("store: this engine is dead")

// open opens Pebble, cut off by e's death from everything but reading.
func (d *DB) openEngine() (*engine, error) {
	e := new(engine)
	e.use.start()
	o := d.options
	o.FS = engineFS{errorfs.Wrap(d.space.watch(logFS{o.FS}), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if e.death.Load() != nil && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errDead
		}
		return nil
	}))}
	p := o.engine(&engineLog{log: d.log, fatal: func(err error) { d.fatal(e, err) }}, d.space.reserve)
	var err error
	if err = guarded(func() error { e.DB, err = pebble.Open(d.dir, p); return err }); err != nil {
		return nil, fmt.Errorf("store: open %s: %w", d.dir, medium(err))
	}
	e.guard.renew(e)
	return e, nil
}

// engineFS is what an engine sees of the file system. The folder is locked
// already, by the DB for itself, because a dead engine may never let go.
type engineFS struct{ vfs.FS }

func (engineFS) Lock(string) (io.Closer, error) { return noLock{}, nil }

// Unwrap implements what vfs.Root looks for.
func (f engineFS) Unwrap() vfs.FS { return f.FS }

type noLock struct{}

func (noLock) Close() error { return nil }

// fatalError is the panic that unwinds a goroutine of ours from an engine that
// cannot go on.
type fatalError struct{ err error }

// guarded runs a call into the engine that may find it dead.
func guarded(f func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case fatalError:
			err = p.err
		case error:
			err = p
		default:
			panic(p)
		}
	}()
	return f()
}

// fatal is called by Pebble where it cannot go on and must not return. A
// goroutine that came from us is unwound to where it called; one of Pebble's
// own ends, and lets go of its locks on the way.
func (d *DB) fatal(e *engine, err error) {
	d.die(e, err)
	stack := make([]byte, 64<<10)
	stack = stack[:runtime.Stack(stack, false)]
	for _, ours := range []string{"store/pebble.guarded(", "store/pebble.(*tx)", "store/pebble.(*cursor)"} {
		if bytes.Contains(stack, []byte(ours)) {
			panic(fatalError{err})
		}
	}
	runtime.Goexit()
}

// die marks the engine dead.
func (d *DB) die(e *engine, err error) {
	if !e.death.CompareAndSwap(nil, &err) {
		return
	}
	d.log.Error("storage engine failed; the store will be opened anew", "error", err)
	d.durable.fail(medium(err))
}

// enter is the way in: it gives the living engine, which the caller leaves.
func (d *DB) enter() (*engine, error) {
	for {
		e := d.engine.Load()
		if d.closed.Load() {
			return nil, store.ErrClosed
		}
		if e.death.Load() != nil {
			if err := d.revive(e); err != nil {
				return nil, err
			}
			continue
		}
		if e.use.enter() {
			return e, nil
		}
		d.turn.Lock() // who replaces it has the turn
		replaced := d.engine.Load() != e
		d.turn.Unlock()
		if !replaced {
			runtime.Gosched() // it is being closed
		}
	}
}

// revive replaces a dead engine.
func (d *DB) revive(dead *engine) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	if d.closed.Load() {
		return store.ErrClosed
	}
	if d.engine.Load() != dead {
		return nil
	}
	if err := d.space.enough(); err != nil {
		return err
	}
	next, err := d.openEngine()
	if err != nil {
		return err
	}
	d.log.Warn("store opened anew after a failure")
	// Transactions under way belong to the dead engine and run again.
	last := &commit{seq: d.tail.Load().seq + 1}
	d.tail.Store(last)
	d.announced.Store(last)
	d.durable.restart(last)
	d.outbox = sequence{}
	d.engine.Store(next)
	go dead.bury()
	return nil
}

// bury gives back what a dead engine holds, once nobody uses it. It may hang
// in a lock that the engine took to its grave.
func (e *engine) bury() {
	e.use.close()
	_ = guarded(func() error {
		e.guard.drop()
		return e.DB.Close()
	})
}

// outcome tells, after an engine died during a commit, what has become of it:
// the store is opened anew, and the writes are there or not, as all are or
// none. nil means that the commit holds.
func (d *DB) outcome(t *tx, dead *engine, cause error) error {
	cause = medium(cause)
	if err := d.revive(dead); err != nil {
		return fmt.Errorf("%w; whether it was committed shows when the store is open again", cause)
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	e := d.engine.Load()
	if e.guard.renewed {
		return fmt.Errorf("%w; whether it was committed is not known", cause)
	}
	holds, err := t.holds(e.guard.snap)
	switch {
	case err != nil:
		return medium(err)
	case !holds:
		return cause
	}
	return nil
}

// holds tells whether a snapshot shows what the transaction wrote.
func (t *tx) holds(snap *pebble.Snapshot) (bool, error) {
	for _, row := range t.emitted {
		if _, ok, err := peek(snap, row); !ok || err != nil {
			return false, err
		}
	}
	for _, op := range t.writes.Ops() {
		value, ok, err := peek(snap, op.Key)
		if err != nil || ok == op.Deleted || !bytes.Equal(value, op.Value) {
			return false, err
		}
	}
	for _, s := range t.writes.Spans() {
		it, err := snap.NewIter(&pebble.IterOptions{LowerBound: s.From, UpperBound: s.To})
		if err != nil {
			return false, err
		}
		empty := true
		for ok := it.First(); ok && empty; ok = it.Next() {
			_, written, _ := t.writes.Get(it.Key())
			empty = written
		}
		if err := it.Close(); err != nil || !empty {
			return false, err
		}
	}
	return true, nil
}

func peek(snap *pebble.Snapshot, key []byte) (value []byte, ok bool, err error) {
	value, closer, err := snap.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return bytes.Clone(value), true, closer.Close()
}
