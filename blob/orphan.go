package blob

import (
	"context"

	"pileus/store"
)

// Collect removes the files that no record names and that nobody is writing,
// and says how many there were.
func (d *Dir) Collect(ctx context.Context) (removed int, err error) {
	return d.collect(ctx, func(string) bool { return true })
}

// collectBatch is how many files are looked up in one snapshot.
const collectBatch = 256

func (d *Dir) collect(ctx context.Context, candidate func(id string) bool) (removed int, err error) {
	if d.db == nil {
		return 0, nil
	}
	batch := make([]string, 0, collectBatch)
	sweep := func() error {
		orphans, err := d.orphans(ctx, batch)
		batch = batch[:0]
		for _, id := range orphans {
			if err := d.medium.remove(id); err != nil {
				return mediumError(err)
			}
			removed++
		}
		return err
	}
	err = d.medium.list(func(id string) error {
		if !candidate(id) {
			return ctx.Err()
		}
		// Pending is asked before the store: a file that is pending no more
		// has been named by then, or has been removed.
		if d.pending.has(id) {
			return nil
		}
		if batch = append(batch, id); len(batch) < collectBatch {
			return nil
		}
		return sweep()
	})
	if err != nil {
		return removed, mediumError(err)
	}
	return removed, sweep()
}

// orphans are those of ids that no record names.
func (d *Dir) orphans(ctx context.Context, ids []string) (orphans []string, err error) {
	err = d.db.View(ctx, func(r store.Reader) error {
		orphans = orphans[:0]
		for _, id := range ids {
			if _, ok := r.Get(fileRow(id)); !ok {
				orphans = append(orphans, id)
			}
		}
		return nil
	})
	return orphans, err
}
