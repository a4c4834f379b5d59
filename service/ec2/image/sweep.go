package image

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/store"
)

// sweepController looks once, at start, at the root file systems that the data
// plane has.
const sweepController = "ec2.image.sweep"

// contentPrefix begins the ids of root file systems that were imported.
const contentPrefix = "img-"

func (s *Room) start(ctx context.Context, c cloud.Cloud) error {
	return c.DB().Update(ctx, func(tx store.Tx) error {
		tx.After(time.Time{}, sweepController, store.K())
		return nil
	})
}

// sweep removes root file systems that nothing refers to: an import writes the
// record of its image last, and one that was killed before leaves none; and
// those of images that were deregistered stay until nothing is made of them
// any more.
func (s *Room) sweep(c *cloud.Call, _ store.Key) error {
	have, err := s.plane.Images(c)
	if errors.Is(err, plane.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	busy := s.arriving.all() // before the records: what arrives meanwhile has one
	needed := map[string]bool{}
	err = c.View(func(r store.Reader) error {
		needed = ebs.Images(r)
		for i := range images.Scan(r) {
			needed[i.Boots.ID] = true
		}
		return nil
	})
	if err != nil {
		return err // what is not known then is not unknown
	}
	for _, id := range have {
		if !strings.HasPrefix(id, contentPrefix) || needed[id] || busy[id] {
			continue
		}
		if rerr := s.plane.RemoveImage(c, id); rerr != nil {
			err = errors.Join(err, rerr)
		}
	}
	return err
}

// arrivals are root file systems that are being imported.
type arrivals struct {
	mu  sync.Mutex
	ids map[string]bool
}

// add enters one; the caller calls the result when its record is written, or
// will not be.
func (a *arrivals) add(id string) (done func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ids == nil {
		a.ids = map[string]bool{}
	}
	a.ids[id] = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.ids, id)
	}
}

func (a *arrivals) all() map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := map[string]bool{}
	for id := range a.ids {
		all[id] = true
	}
	return all
}
