// Package store is the one place for state: an ordered key-value space with
// serializable transactions, and typed tables with indexes over it.
//
// Errors of the medium (a full disk, a lost connection, a conflict) do not
// pass through the code that uses a transaction: Get and Scan panic with a
// private value that View and Update recover and return as an error, or retry.
// A function given to View or Update therefore reads like plain code, must not
// recover panics itself, and may run more than once.
package store

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Store keeps the cloud's state.
type Store interface {
	// View runs fn on one consistent snapshot.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn in a serializable transaction and commits it, durably,
	// when fn returns nil. On conflict with another transaction fn is run
	// again, so it must have no effect but through tx.
	Update(ctx context.Context, fn func(Tx) error) error
	// Subscribe has f called after each commit that asked for wake-ups or
	// emitted to the outbox, so that a runner need not poll.
	Subscribe(f func(Signal))
	// Checkpoint writes a consistent copy of the whole store to an empty dir.
	Checkpoint(dir string) error
	// Clear removes everything, at once.
	Clear(ctx context.Context) error
	Close() error
}

// Signal tells what a commit left for the runner to do.
type Signal struct {
	// Earliest of the wake-ups asked for; zero when none. One at once counts
	// as 1970.
	Earliest time.Time
	Emitted  bool
	// Wakes and Queues name what was asked for and emitted, where the backend
	// tells: that spares the runner a look at the store.
	Wakes  []Wake
	Queues []Queue
}

// Reader reads one snapshot. Returned slices are valid until the enclosing
// View or Update returns and must not be changed.
type Reader interface {
	Get(key []byte) (value []byte, ok bool)
	// Scan yields the pairs with From <= key < To in order, or the reverse.
	Scan(r Range) iter.Seq2[[]byte, []byte]
}

// Range is a span of keys.
type Range struct {
	From, To []byte // To is exclusive; nil means to the end
	Reverse  bool
}

// Tx reads and writes. Its own writes are visible to its reads, and to a scan
// under way as far as they lie ahead of it.
type Tx interface {
	Reader
	// Put writes a pair. The value must not be changed before the Update has
	// returned.
	Put(key, value []byte)
	Delete(key []byte)
	// DeleteRange removes From <= key < To without reading it.
	DeleteRange(from, to []byte)
	// After asks that the controller look at key at or after a time (the zero
	// time: at once). It commits with the transaction and survives a crash.
	// Asking again for the same controller and key keeps the earlier time.
	After(at time.Time, controller string, key Key)
	// Emit appends payload to the outbox: it is delivered, at least once and
	// in order for one key, by the cloud.Delivery of the topic.
	Emit(topic string, key Key, payload []byte)
	// OnApply has f called in this process, once, as soon as transactions that
	// begin now see what this one wrote: earlier than OnCommit's, because that
	// waits for the disk, and where Update may yet fail. Whatever rests on it
	// becomes durable with it or after it. For beginning with the next piece of
	// work meanwhile, never for an answer to a client.
	OnApply(f func())
	// OnCommit has f called in this process after the commit is durable; for
	// waking waiters and telling caches, never for what must happen.
	OnCommit(f func())
}

var (
	// ErrConflict is returned when a transaction still conflicts after many
	// tries.
	ErrConflict = errors.New("store: transaction conflicts with others")
	// ErrFull means that the medium has no space left. Nothing was written.
	ErrFull = errors.New("store: no space left on device")
	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("store: closed")
)
