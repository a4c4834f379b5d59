// Package pebble keeps a store.Store on the local disk, on top of the
// log-structured engine of the same name.
//
// Transactions are optimistic. One reads a snapshot and buffers its writes; on
// commit it is checked, under a lock, against what others have committed since
// its snapshot, and run again if any of that is something it had read. The
// commit is applied under the lock and synced outside of it, so all that wait
// for the disk share one sync.
package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"pileus/store"
)

// patience is how often a transaction runs optimistically. Each conflict means
// that another one got through; after this many it takes its turn alone.
const patience = 4

// DB is an open store.
type DB struct {
	options Options
	dir     string
	log     *slog.Logger
	engine  atomic.Pointer[engine]
	lock    *pebble.Lock // of dir; engines come and go
	space   *space
	closed  atomic.Bool

	turn      sync.Mutex             // held to commit
	tail      atomic.Pointer[commit] // the last commit that snapshots see
	announced atomic.Pointer[commit] // the last that they may see
	durable   durability
	active    atomic.Int64 // transactions under way
	outbox    sequence     // guarded by turn

	subscribers struct {
		sync.Mutex
		list atomic.Pointer[[]func(store.Signal)]
	}
	txs sync.Pool
}

var _ store.Store = (*DB)(nil)

// Open opens the store in dir, which is created if it does not exist.
func Open(dir string, o Options) (store.Store, error) {
	d, err := open(dir, o)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func open(dir string, o Options) (*DB, error) {
	switch o.Durability {
	case "":
		o.Durability = Sync
	case Sync, Async, Memory:
	default:
		return nil, fmt.Errorf("store: durability %q is none of sync, async and memory", o.Durability)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CacheSize == 0 {
		o.CacheSize = defaultCache
	}
	d := &DB{options: o, dir: dir, log: o.Logger}
	d.txs.New = func() any { return &tx{db: d} }
	first := new(commit)
	d.tail.Store(first)
	d.announced.Store(first)
	d.durable.start(first)
	if err := d.start(); err != nil {
		return nil, err
	}
	if o.Durability == Async {
		go d.follow()
	}
	return d, nil
}

// OpenMemory opens an empty store that lives and dies with the process. It
// overwrites what a transaction has read when that ends, so that a slice that
// is kept too long shows.
func OpenMemory() (store.Store, error) {
	return Open("state", Options{FS: vfs.NewMem(), Durability: Memory, CacheSize: 32 << 20, Reserve: -1, ephemeral: true})
}

func (d *DB) start() error {
	if err := d.options.FS.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("store: %w", medium(err))
	}
	var err error
	if d.space, err = openSpace(d.options.FS, d.dir, d.options.Reserve, d.log); err != nil {
		return fmt.Errorf("store: %w", medium(err))
	}
	if d.lock, err = pebble.LockDirectory(d.dir, d.options.FS); err != nil {
		return fmt.Errorf("store: %s is in use: %w", d.dir, err)
	}
	if err := layFormat(d.options.FS, d.dir); err != nil {
		return errors.Join(fmt.Errorf("store: %w", medium(err)), d.lock.Close())
	}
	e, err := d.openEngine()
	if err != nil {
		return errors.Join(err, d.lock.Close())
	}
	d.engine.Store(e)
	return nil
}

// medium makes an error of the disk one of the store's.
func medium(err error) error {
	switch {
	case err == nil:
		return nil
	case isFull(err):
		return fmt.Errorf("%w (%w)", store.ErrFull, err)
	case errors.Is(err, pebble.ErrClosed):
		return store.ErrClosed
	}
	return fmt.Errorf("store: %w", err)
}

// Exclusive tells that no other process writes to this store.
func (d *DB) Exclusive() bool { return true }

// View implements store.Store.
func (d *DB) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for try := 1; ; try++ {
		if err := d.look(fn); try > patience || !errors.Is(err, store.ErrAgain) {
			return err
		}
	}
}

// look runs fn once, on a snapshot.
func (d *DB) look(fn func(store.Reader) error) error {
	e, err := d.enter()
	if err != nil {
		return err
	}
	defer e.use.leave()
	t := d.begin()
	defer d.end(t)
	durable := d.durable.last.Load()
	t.snap = e.NewSnapshot()
	announced := d.announced.Load()
	t.tracked = durable != announced
	err = store.Guard(func() error { return fn(t) })
	t.release()
	return d.settle(t, durable, announced, err)
}

// settle makes sure that an answer which rests on what others have committed
// is not given before their commits are durable: a crash must not take back
// what somebody has seen.
func (d *DB) settle(t *tx, durable, announced *commit, err error) error {
	if durable == announced || t.reads.empty() {
		return err
	}
	var last *commit
	for c := durable; c != announced; {
		if c = c.next.Load(); t.reads.touchedBy(c) {
			last = c
		}
	}
	if last == nil {
		return err
	}
	if failed := d.durable.wait(last); failed != nil {
		return failed
	}
	return err
}

// errStale means that the transaction's reads no longer hold.
var errStale = errors.New("store: stale")

// Update implements store.Store.
func (d *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := d.attempt(fn, try > patience)
		if !errors.Is(err, errStale) && (try > patience || !errors.Is(err, store.ErrAgain)) {
			return err
		}
		runtime.Gosched()
	}
}

// attempt runs fn once and commits. Where alone is set it holds the turn for
// the whole time, so that nothing can come between.
func (d *DB) attempt(fn func(store.Tx) error, alone bool) error {
	e, err := d.enter()
	if err != nil {
		return err
	}
	defer e.use.leave()
	t := d.begin()
	t.engine = e
	defer d.end(t)
	d.active.Add(1)
	defer d.active.Add(-1)
	c, err := d.run(t, fn, alone)
	if err != nil {
		return err
	}
	if c.died == nil && c.refused == nil {
		t.show()
	}
	if err := c.wait(d, t); err != nil {
		return err
	}
	t.show() // an engine that failed has kept it all the same
	for _, f := range t.done {
		f()
	}
	if t.signal.Emitted || !t.signal.Earliest.IsZero() {
		d.signal(t.signal)
	}
	return nil
}

// run runs fn on a snapshot and applies its writes. What it returns is to be
// waited for without the turn.
func (d *DB) run(t *tx, fn func(store.Tx) error, alone bool) (applied, error) {
	if alone {
		d.turn.Lock()
		defer d.turn.Unlock()
	}
	durable := d.durable.last.Load()
	t.tracked = true
	t.start = d.tail.Load()
	t.snap = t.engine.NewSnapshot()
	announced := d.announced.Load()
	err := store.Guard(func() error { return fn(t) })
	t.release()
	if err != nil || t.writes.Empty() && len(t.emits) == 0 {
		return applied{refused: err, settle: func() error { return d.settle(t, durable, announced, err) }}, nil
	}
	return d.commit(t, alone)
}

func (d *DB) begin() *tx { return d.txs.Get().(*tx) }

func (d *DB) end(t *tx) {
	t.release()
	t.reset(d.options.ephemeral)
	d.txs.Put(t)
}

// Subscribe implements store.Store.
func (d *DB) Subscribe(f func(store.Signal)) {
	d.subscribers.Lock()
	defer d.subscribers.Unlock()
	var list []func(store.Signal)
	if old := d.subscribers.list.Load(); old != nil {
		list = append(list, *old...)
	}
	list = append(list, f)
	d.subscribers.list.Store(&list)
}

func (d *DB) signal(s store.Signal) {
	if list := d.subscribers.list.Load(); list != nil {
		for _, f := range *list {
			f(s)
		}
	}
}

// Close implements store.Store: it waits for transactions under way and leaves
// an empty log, so that the next start has nothing to replay.
func (d *DB) Close() error {
	if d.closed.Swap(true) {
		return store.ErrClosed
	}
	d.durable.stop()
	d.turn.Lock() // no engine comes any more
	e := d.engine.Load()
	d.turn.Unlock()
	e.use.close()
	if dead := e.death.Load(); dead != nil {
		return errors.Join(medium(*dead), d.lock.Close())
	}
	e.guard.drop()
	err := guarded(func() error {
		var err error
		if !d.options.ephemeral {
			err = e.Flush()
		}
		return errors.Join(err, e.DB.Close())
	})
	return medium(errors.Join(err, d.lock.Close()))
}
