package blocks

import (
	"context"
	"errors"
	"sync"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// ErrStale means that blocks which a content was going to share went away
// meanwhile: take it again.
var ErrStale = errors.New("ebs: blocks to share are gone")

// Taking is a content while it is taken.
type Taking struct {
	c      *cloud.Call
	id     string
	domain string
	base   []entry // of the content to compare with
	packs  packed  // written for this one
}

// Begin begins to take a content with an id, owned by a domain. parent is the
// content of an earlier moment of the same volume, "" for none. What is left of
// an attempt that was interrupted is removed.
func Begin(c *cloud.Call, id, domain, parent string) (*Taking, error) {
	if err := Remove(c, id); err != nil {
		return nil, err
	}
	t := &Taking{c: c, id: id, domain: domain}
	if parent == "" {
		return t, nil
	}
	return t, c.View(func(r store.Reader) error {
		t.base = manifest(r, parent)
		return nil
	})
}

// Close discards what was written and not committed.
func (t *Taking) Close() { t.packs.discard() }

// workers is how many goroutines read, compare and store.
const workers = 2

// Read stores what has changed since the parent, or since the last Read: a
// first Read while a volume is in use leaves little to do for a second one
// while it stands still. progress, which may be nil, is called with how many
// of all blocks have been looked at.
func (t *Taking) Read(v plane.VolumeContent, progress func(done, all int64)) error {
	extents, err := v.Data()
	if err != nil {
		return err
	}
	s := newScan(v, extents, t.base)
	ctx, cancel := context.WithCancel(t.c)
	defer cancel()
	results := make([]writer, workers)
	var wg sync.WaitGroup
	for i := range results {
		wg.Add(1)
		w := &results[i]
		w.taking, w.scan, w.progress = t, s, progress
		t.c.Cloud.Go("ebs: take blocks", func(context.Context) {
			defer wg.Done()
			if w.err = w.run(ctx); w.err != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	var list []entry
	for i := range results {
		if err := results[i].err; err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		list = append(list, results[i].entries...)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t.base = sortEntries(list)
	return nil
}
