// Package postgres keeps a store.Store in a PostgreSQL database: one table of
// keys and values, serializable transactions, writes buffered and sent with
// the commit. Several processes can share one database.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"pileus/rng"
	"pileus/store"
	"pileus/store/pebble"
)

const (
	// tries is how often a transaction that conflicts is run before the
	// caller is told; after patience of them only one at a time is run of
	// those that have come so far.
	tries    = 40
	patience = 4
)

// schema makes the table. Byte strings compare as bytes whatever the
// database's collation. Much of it is queues, so it is vacuumed often. Two
// processes may come to it at once, hence the lock: the statements are sent
// together and are one transaction.
var schema = fmt.Sprintf(`
select pg_advisory_xact_lock(%d);
create table if not exists kv (
	key   bytea primary key,
	value bytea not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000)`, lockSchema)

// DB is an open store.
type DB struct {
	pool   *pool
	node   string // sets this process's signals apart
	closed atomic.Bool

	mu          sync.Mutex
	subscribers []func(store.Signal)

	stop       context.CancelFunc
	background sync.WaitGroup
}

var _ store.Store = (*DB)(nil)

// Open connects to the database that dsn names, as a URL or as keywords and
// values, and makes the table if it is not there.
func Open(ctx context.Context, dsn string) (store.Store, error) {
	pool, err := newPool(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	d := &DB{pool: pool, node: fmt.Sprintf("%x", rng.Bytes(6))}
	if err := d.exec(ctx, schema); err != nil {
		pool.close()
		return nil, fmt.Errorf("store: %w", err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	ready := make(chan error, 1)
	d.background.Go(func() { d.hear(background, ready) })
	d.background.Go(func() { pool.tend(background) })
	if err := <-ready; err != nil {
		stop()
		d.background.Wait()
		pool.close()
		return nil, fmt.Errorf("store: %w", err)
	}
	return d, nil
}

// exec runs what needs no transaction of ours.
func (d *DB) exec(ctx context.Context, sql string) error {
	r, err := d.pool.acquire(ctx)
	if err != nil {
		return err
	}
	defer d.pool.release(r)
	_, err = r.Value().exec(ctx, sql)
	return err
}

// Advisory locks, in a number space of our own.
const (
	lockSchema = 0x70696c6575730001
	lockTurn   = 0x70696c6575730002
)

// medium makes an error of the database one of the store's.
func medium(err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &pg) && (pg.Code == "53100" || pg.Code == "53200"): // disk_full, out_of_memory
		return fmt.Errorf("%w (%w)", store.ErrFull, err)
	}
	return fmt.Errorf("store: %w", err)
}

// conflicts tells whether the transaction may succeed if it is run again:
// serialization_failure, deadlock_detected, and a unique_violation that two
// concurrent inserts of one key can get in the place of the first.
func conflicts(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01" || pg.Code == "23505")
}

// lost tells whether the connection broke, or the server is restarting.
func lost(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P0")
	}
	return pgconn.SafeToRetry(err) || errors.Is(err, errBroken)
}

// View implements store.Store.
func (d *DB) View(ctx context.Context, fn func(store.Reader) error) error {
	return d.retry(ctx, func(c *conn) (bool, error) {
		t := &tx{ctx: ctx, db: d, conn: c}
		return t.run(beginRead, func() error { return fn(t) })
	})
}

// Update implements store.Store.
func (d *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	var t *tx
	err := d.retry(ctx, func(c *conn) (bool, error) {
		t = &tx{ctx: ctx, db: d, conn: c}
		return t.run(beginWrite, func() error { return fn(t) })
	})
	if err != nil {
		return err
	}
	for _, f := range append(t.shown, t.done...) {
		f()
	}
	if loud(t.signal) {
		d.tell(t.signal)
	}
	return nil
}

// retry calls attempt until it succeeds or fails for good.
func (d *DB) retry(ctx context.Context, attempt func(*conn) (again bool, err error)) (err error) {
	for try := 1; try <= tries; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if d.closed.Load() {
			return store.ErrClosed
		}
		var again bool
		if again, err = d.take(ctx, try > patience, attempt); !again {
			return err
		}
	}
	if errors.Is(err, store.ErrAgain) || lost(err) {
		return medium(err)
	}
	return fmt.Errorf("%w (%w)", store.ErrConflict, err)
}

// take runs attempt on a connection, alone among those that wait for a turn
// where turn is set.
func (d *DB) take(ctx context.Context, turn bool, attempt func(*conn) (bool, error)) (again bool, err error) {
	r, err := d.pool.acquire(ctx)
	if err != nil {
		if d.closed.Load() {
			return false, store.ErrClosed
		}
		return false, medium(err)
	}
	defer d.pool.release(r)
	c := r.Value()
	if turn {
		if _, err := c.exec(ctx, fmt.Sprintf(`select pg_advisory_lock(%d)`, lockTurn)); err != nil {
			return lost(err), err
		}
		defer func() {
			// A connection that broke has lost the lock by itself.
			_, _ = c.exec(context.WithoutCancel(ctx), fmt.Sprintf(`select pg_advisory_unlock(%d)`, lockTurn))
		}()
	}
	return attempt(c)
}

// Subscribe implements store.Store. Commits of other processes are heard too.
func (d *DB) Subscribe(f func(store.Signal)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.subscribers = append(d.subscribers, f)
}

func (d *DB) tell(s store.Signal) {
	d.mu.Lock()
	list := d.subscribers
	d.mu.Unlock()
	for _, f := range list {
		f(s)
	}
}

// Checkpoint implements store.Store: it writes the copy in the form of the
// embedded store, which can be opened by it or loaded into any other.
func (d *DB) Checkpoint(dir string) error {
	return d.View(context.Background(), func(r store.Reader) error { return pebble.Copy(r, dir) })
}

// Clear implements store.Store. It waits for transactions under way.
func (d *DB) Clear(ctx context.Context) error {
	if d.closed.Load() {
		return store.ErrClosed
	}
	return medium(d.exec(ctx, `truncate kv`))
}

// Close implements store.Store.
func (d *DB) Close() error {
	if d.closed.Swap(true) {
		return store.ErrClosed
	}
	d.stop()
	d.background.Wait()
	d.pool.close()
	return nil
}
