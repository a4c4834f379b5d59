package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pileus/store"
)

// channel carries the signals of all processes that share the database.
const channel = "pileus"

// reconnect is how long to wait before trying to listen again.
const reconnect = time.Second

func (d *DB) encodeSignal(s store.Signal) string {
	var at int64
	if !s.Earliest.IsZero() {
		at = max(1, s.Earliest.UnixNano())
	}
	return fmt.Sprintf("%s %d %t", d.node, at, s.Emitted)
}

// parseSignal is the inverse; ok is false for what this process has sent.
func (d *DB) parseSignal(payload string) (s store.Signal, ok bool) {
	var node string
	var at int64
	if _, err := fmt.Sscanf(payload, "%s %d %t", &node, &at, &s.Emitted); err != nil || node == d.node {
		return s, false
	}
	if at > 0 {
		s.Earliest = time.Unix(0, at)
	}
	return s, true
}

// hear passes on the signals of other processes until ctx ends. ready gets the
// outcome of the first attempt.
func (d *DB) hear(ctx context.Context, ready chan<- error) {
	first := true
	for ctx.Err() == nil {
		err := d.hearOn(ctx, func() {
			if first {
				ready <- nil
				first = false
				return
			}
			// Whatever was said while nobody listened: look at everything.
			d.tell(store.Signal{Earliest: time.Unix(0, 0), Emitted: true})
		})
		if first {
			ready <- err
			return
		}
		pause(ctx, reconnect)
	}
}

// hearOn listens on a connection of its own until that breaks or ctx ends.
func (d *DB) hearOn(ctx context.Context, begun func()) error {
	config := d.pool.config.Copy()
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) {
		if s, ok := d.parseSignal(n.Payload); ok {
			d.tell(s)
		}
	}
	c, err := connect(ctx, config)
	if err != nil {
		return err
	}
	defer c.shut()
	if _, err := c.exec(ctx, "listen "+channel); err != nil {
		return err
	}
	begun()
	for {
		if err := c.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

// loud tells whether anybody has to hear of it.
func loud(s store.Signal) bool { return s.Emitted || !s.Earliest.IsZero() }
