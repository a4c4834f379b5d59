package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"
)

const (
	// connections is the pool's limit where the DSN has no pool_max_conns.
	connections = 32
	// lifetime and idleTime are how old a connection may become and how long
	// it may be idle, where the DSN has no pool_max_conn_lifetime or
	// pool_max_conn_idle_time.
	lifetime = time.Hour
	idleTime = 30 * time.Minute
	// tending is the time between two looks at the idle connections.
	tending = time.Minute
	// doubtful is after how long an idle connection is asked whether it lives.
	doubtful = time.Second
	// connecting is how long it may take to connect where the DSN has no
	// connect_timeout.
	connecting = 2 * time.Minute
)

// pool keeps connections for those who need one for a while.
type pool struct {
	config   *pgconn.Config
	conns    *puddle.Pool[*conn]
	size     int
	lifetime time.Duration
	idleTime time.Duration
}

// newPool makes a pool that connects on demand. A DSN is what libpq takes, and
// pool_max_conns, pool_max_conn_lifetime and pool_max_conn_idle_time.
func newPool(dsn string) (*pool, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout <= 0 {
		config.ConnectTimeout = connecting
	}
	p := &pool{config: config, size: connections, lifetime: lifetime, idleTime: idleTime}
	for name, set := range map[string]func(string) error{
		"pool_max_conns":          p.setSize,
		"pool_max_conn_lifetime":  func(s string) (err error) { p.lifetime, err = time.ParseDuration(s); return err },
		"pool_max_conn_idle_time": func(s string) (err error) { p.idleTime, err = time.ParseDuration(s); return err },
	} {
		// What the driver does not know it would pass on to the server.
		value, ok := config.RuntimeParams[name]
		if !ok {
			continue
		}
		delete(config.RuntimeParams, name)
		if err := set(value); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	p.conns, err = puddle.NewPool(&puddle.Config[*conn]{
		Constructor: func(ctx context.Context) (*conn, error) { return connect(ctx, config) },
		Destructor:  (*conn).shut,
		MaxSize:     int32(p.size),
	})
	return p, err
}

func (p *pool) setSize(s string) error {
	n, err := strconv.ParseInt(s, 10, 32)
	if err == nil && n < 1 {
		err = fmt.Errorf("%d is too small", n)
	}
	p.size = int(n)
	return err
}

// acquire waits for a connection. One that was idle may be dead: then all that
// are may be, and the next is tried.
func (p *pool) acquire(ctx context.Context) (*puddle.Resource[*conn], error) {
	for {
		r, err := p.conns.Acquire(ctx)
		if err != nil || r.IdleDuration() <= doubtful || r.Value().Ping(ctx) == nil {
			return r, err
		}
		r.Destroy()
	}
}

// release gives a connection back, if it can be used again.
func (p *pool) release(r *puddle.Resource[*conn]) {
	c := r.Value()
	if c.IsClosed() || c.IsBusy() || c.TxStatus() != 'I' || c.age.Elapsed() > p.lifetime {
		r.Destroy()
		return
	}
	r.Release()
}

// tend closes connections that are old, or idle for long, until ctx ends.
func (p *pool) tend(ctx context.Context) {
	for pause(ctx, tending) {
		for _, r := range p.conns.AcquireAllIdle() {
			if r.Value().age.Elapsed() > p.lifetime || r.IdleDuration() > p.idleTime {
				r.Destroy()
			} else {
				r.ReleaseUnused()
			}
		}
	}
}

// pause waits for d; it is false if ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	waited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-waited.Done()
	return ctx.Err() == nil
}

// close closes the connections, and waits for those in use.
func (p *pool) close() { p.conns.Close() }
