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

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

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
	// connections is the pool's limit where the DSN has no pool_max_conns.
	connections = 32
)

// schema makes the table. Byte strings compare as bytes whatever the
// database's collation. Much of it is queues, so it is vacuumed often.
const schema = `
create table if not exists kv (
	key   bytea primary key,
	value bytea not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000)`

// DB is an open store.
type DB struct {
	pool   *pgxpool.Pool
	node   string // sets this process's signals apart
	closed atomic.Bool

	mu          sync.Mutex
	subscribers []func(store.Signal)

	stop   context.CancelFunc
	listen sync.WaitGroup
}

var _ store.Store = (*DB)(nil)

// Open connects to the database that dsn names, as a URL or as keywords and
// values, and makes the table if it is not there.
func Open(ctx context.Context, dsn string) (store.Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = connections
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	d := &DB{pool: pool, node: fmt.Sprintf("%x", rng.Bytes(6))}
	if err := d.create(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("store: %w", err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	ready := make(chan error, 1)
	d.listen.Go(func() { d.hear(background, ready) })
	if err := <-ready; err != nil {
		stop()
		pool.Close()
		return nil, fmt.Errorf("store: %w", err)
	}
	return d, nil
}

// create makes the table; two processes may come to it at once.
func (d *DB) create(ctx context.Context) error {
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, lockSchema); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, schema)
		return err
	})
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
	o := pgx.TxOptions{IsoLevel: pgx.Serializable, AccessMode: pgx.ReadOnly}
	return d.retry(ctx, func(conn *pgxpool.Conn) (bool, error) {
		t := &tx{ctx: ctx, db: d}
		return d.run(ctx, conn, o, t, func() error { return fn(t) })
	})
}

// Update implements store.Store.
func (d *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	var t *tx
	err := d.retry(ctx, func(conn *pgxpool.Conn) (bool, error) {
		t = &tx{ctx: ctx, db: d}
		return d.run(ctx, conn, pgx.TxOptions{IsoLevel: pgx.Serializable}, t, func() error { return fn(t) })
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
func (d *DB) retry(ctx context.Context, attempt func(*pgxpool.Conn) (again bool, err error)) (err error) {
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
func (d *DB) take(ctx context.Context, turn bool, attempt func(*pgxpool.Conn) (bool, error)) (again bool, err error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		if d.closed.Load() {
			return false, store.ErrClosed
		}
		return false, medium(err)
	}
	defer conn.Release()
	if turn {
		if _, err := conn.Exec(ctx, `select pg_advisory_lock($1)`, int64(lockTurn)); err != nil {
			return lost(err), err
		}
		defer func() {
			// A connection that broke has lost the lock by itself.
			_, _ = conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock($1)`, int64(lockTurn))
		}()
	}
	return attempt(conn)
}

// run runs fn in a transaction and commits it. What fails before the commit is
// sent can be tried again; when the connection breaks during the commit nobody
// can tell, and the caller is told that.
func (d *DB) run(ctx context.Context, conn *pgxpool.Conn, o pgx.TxOptions, t *tx, fn func() error) (again bool, err error) {
	t.tx, err = conn.BeginTx(ctx, o)
	if err != nil {
		return lost(err) || conn.Conn().IsClosed(), medium(err)
	}
	defer func() { _ = t.tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after a commit
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
	if err = t.tx.Commit(ctx); err != nil {
		return conflicts(err), medium(err)
	}
	return false, t.refused
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
	_, err := d.pool.Exec(ctx, `truncate kv`)
	return medium(err)
}

// Close implements store.Store.
func (d *DB) Close() error {
	if d.closed.Swap(true) {
		return store.ErrClosed
	}
	d.stop()
	d.listen.Wait()
	d.pool.Close()
	return nil
}
