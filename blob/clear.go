package blob

import (
	"context"
	"sync"

	"pileus/store"
)

// Clear empties db, which is the store whose transactions name the content, and
// removes the content that no row of it names then. Transactions may go on
// meanwhile: what they commit once db is empty stays.
func (d *Dir) Clear(ctx context.Context, db store.Store) error {
	d.pending.watch()
	defer d.pending.unwatch()
	if err := db.Clear(ctx); err != nil {
		return err
	}
	if err := d.medium.clear(func() ([]string, error) { return d.survivors(ctx, db) }); err != nil {
		return mediumError(err)
	}
	d.hot.clear()
	if disk, ok := d.medium.(*disk); ok {
		d.work.Go(func() { _ = disk.sweep() }) // what remains is swept at the next start
	}
	return nil
}

// survivors are the files that stay: those which are being written or wait to
// be named, and those of the transactions that came after db was cleared.
func (d *Dir) survivors(ctx context.Context, db store.Store) (ids []string, err error) {
	pending, committed := d.pending.all()
	err = db.View(ctx, func(r store.Reader) error {
		ids = append(ids[:0], pending...)
		for _, id := range committed {
			if _, ok := r.Get(fileRow(id)); ok {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, err
}

// pendingSet are the files that are being written, or are written and not yet
// committed.
type pendingSet struct {
	mu        sync.Mutex
	ids       map[string]bool
	watchers  int
	committed []string // while somebody watches
}

func (s *pendingSet) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = make(map[string]bool)
	}
	s.ids[id] = true
}

func (s *pendingSet) drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, id)
}

// commit takes out a file that a transaction has named.
func (s *pendingSet) commit(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids[id] && s.watchers > 0 {
		s.committed = append(s.committed, id)
	}
	delete(s.ids, id)
}

func (s *pendingSet) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[id]
}

// watch begins to note what is committed.
func (s *pendingSet) watch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers++
}

func (s *pendingSet) unwatch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchers--; s.watchers == 0 {
		s.committed = nil
	}
}

// all are the files that are pending, and those committed since watch.
func (s *pendingSet) all() (pending, committed []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.ids {
		pending = append(pending, id)
	}
	return pending, append(committed, s.committed...)
}
