package pebble

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"pileus/store"
	"pileus/store/overlay"
)

// Clear implements store.Store: one range deletion, whatever there is.
func (d *DB) Clear(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e, err := d.enter()
	if err != nil {
		return err
	}
	defer e.use.leave()
	t := d.begin()
	defer d.end(t)
	t.engine = e
	t.writes.DeleteRange(overlay.Span{From: []byte{}})
	d.active.Add(2) // whoever is under way must see this in the history
	defer d.active.Add(-2)
	c, err := d.clear(t)
	if err != nil {
		return err
	}
	return c.wait(d, t)
}

func (d *DB) clear(t *tx) (applied, error) {
	b, err := t.engine.batch(t)
	if err != nil {
		return applied{}, medium(err)
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	if t.engine != d.engine.Load() {
		return applied{}, drop(b, medium(errDead))
	}
	if d.outbox.epoch != 0 { // numbers of entries are never used again
		if err := b.Set([]byte(epochRow), fmt.Appendf(nil, "%d", d.outbox.epoch), nil); err != nil {
			return applied{}, drop(b, err)
		}
	}
	return d.apply(t, b)
}

// Checkpoint implements store.Store. Files are linked rather than copied where
// dir is on the same file system.
func (d *DB) Checkpoint(dir string) error {
	e, err := d.enter()
	if err != nil {
		return err
	}
	defer e.use.leave()
	if d.options.ephemeral {
		return d.View(context.Background(), func(r store.Reader) error { return Copy(r, dir) })
	}
	if d.options.Durability == Memory {
		if err := e.Flush(); err != nil {
			return medium(err)
		}
	}
	if err := vacate(d.options.FS, dir); err != nil {
		return err
	}
	return medium(e.Checkpoint(dir, pebble.WithFlushedWAL()))
}

// vacate removes dir if it is empty: the engine makes it itself.
func vacate(f vfs.FS, dir string) error {
	names, err := f.List(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return medium(err)
	case len(names) > 0:
		return fmt.Errorf("store: checkpoint: %s is not empty", dir)
	}
	return medium(f.Remove(dir))
}

// copyBatch is how much Copy and Load write in one go, in bytes.
const copyBatch = 4 << 20

// Copy writes everything that r reads to a new store in dir: a checkpoint of
// any backend, in the form that Open reads.
func Copy(r store.Reader, dir string) (err error) {
	if err := vacate(vfs.Default, dir); err != nil {
		return err
	}
	to, err := open(dir, Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	b := to.engine.Load().NewBatch()
	for k, v := range r.Scan(store.Range{}) {
		if err := b.Set(k, v, nil); err != nil {
			return drop(b, medium(err))
		}
		if b.Len() < copyBatch {
			continue
		}
		if err := b.Commit(pebble.NoSync); err != nil {
			return medium(err)
		}
		b = to.engine.Load().NewBatch()
	}
	return medium(b.Commit(pebble.Sync))
}

// Load replaces everything in s by what the checkpoint in dir holds. It is not
// one transaction: s must not be in use.
func Load(ctx context.Context, dir string, s store.Store) (err error) {
	from, err := Open(dir, Options{Reserve: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := s.Clear(ctx); err != nil {
		return err
	}
	return from.View(ctx, func(r store.Reader) error {
		for start := []byte(nil); ; {
			next, err := loadSome(ctx, r, start, s)
			if err != nil || next == nil {
				return err
			}
			start = next
		}
	})
}

// loadSome copies rows from start on, and returns where to go on; nil at the end.
func loadSome(ctx context.Context, r store.Reader, start []byte, s store.Store) (next []byte, err error) {
	err = s.Update(ctx, func(tx store.Tx) error {
		next = nil
		n := 0
		for k, v := range r.Scan(store.Range{From: start}) {
			if n > copyBatch {
				next = k
				break
			}
			tx.Put(k, v)
			n += len(k) + len(v)
		}
		return nil
	})
	return next, err
}
