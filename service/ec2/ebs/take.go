package ebs

import (
	"errors"
	"fmt"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/ebs/blocks"
	"pileus/store"
)

// errGone means that a snapshot was deleted while it was taken.
var errGone = errors.New("ebs: the snapshot was deleted")

// convergeSnapshot does what a snapshot waits for.
func (s *Room) convergeSnapshot(c *cloud.Call, key store.Key) error {
	c, id := at(c, key)
	var n *Snapshot
	err := c.View(func(r store.Reader) error {
		n, _ = snapshots.Get(r, c.Account, c.Region, id)
		return nil
	})
	switch {
	case err != nil || n == nil:
		return err
	case n.Bin != nil:
		return s.emptyBin(c, n)
	case n.State != api.SnapshotStatePending:
		return nil
	case n.Direct != nil:
		return n.expire(c)
	case n.Task != "" || n.After != "":
		return nil
	case n.Source != nil:
		return s.copyContent(c, n)
	}
	return s.takeGroup(c, n)
}

// copyContent copies what a copied snapshot consists of.
func (s *Room) copyContent(c *cloud.Call, n *Snapshot) error {
	if n.Image == nil {
		err := blocks.Copy(c, n.Source.Content, n.Content, n.domain())
		if err != nil {
			return fmt.Errorf("copy %s: %w", n.ID, err)
		}
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		now, ok := snapshots.Get(tx, n.Account, n.Region, n.ID)
		if !ok {
			tx.After(time.Time{}, contentController, store.K(n.Content))
			return nil
		}
		copied(tx, now, c.Now)
		return nil
	})
}

// job is one snapshot while it is taken.
type job struct {
	*Snapshot
	taking  *blocks.Taking
	content plane.VolumeContent
}

// takeGroup takes a snapshot, with those that are to be of the same moment.
func (s *Room) takeGroup(c *cloud.Call, n *Snapshot) error {
	var jobs []*job
	defer func() {
		for _, j := range jobs {
			if j.taking != nil {
				j.taking.Close()
			}
		}
	}()
	err := c.View(func(r store.Reader) error {
		jobs = jobs[:0]
		ids := n.Group
		if len(ids) == 0 {
			ids = []string{n.ID}
		}
		for _, id := range ids {
			if m, ok := snapshots.Get(r, c.Account, c.Region, id); ok && m.State == api.SnapshotStatePending {
				jobs = append(jobs, &job{Snapshot: m})
			}
		}
		return nil
	})
	for _, j := range jobs {
		if err == nil {
			err = s.begin(c, j)
		}
	}
	if err == nil {
		err = s.read(c, jobs)
	}
	if err != nil {
		return s.failSnapshots(c, jobs, err)
	}
	for _, j := range jobs {
		if err := s.commit(c, j); err != nil {
			return s.failSnapshots(c, []*job{j}, err)
		}
	}
	return nil
}

// begin compares with the volume's latest snapshot. Where there is none, the
// volume is read once while it is in use, so that it need not stand still
// until all of it is stored.
func (s *Room) begin(c *cloud.Call, j *job) error {
	parent := ""
	err := c.View(func(r store.Reader) error {
		parent = ""
		if v, ok := volumes.Get(r, c.Account, c.Region, j.Volume); ok && blocks.Exists(r, v.Latest) {
			parent = v.Latest
		}
		return nil
	})
	if err != nil {
		return err
	}
	if j.taking, err = blocks.Begin(c, j.Content, j.domain(), parent); err != nil {
		return err
	}
	if parent != "" {
		return nil
	}
	return s.plane.ReadVolume(c, j.Volume, func(v plane.VolumeContent) error { return j.taking.Read(v, s.progress(c, j)) })
}

// read freezes the volumes, one within the other, and reads them.
func (s *Room) read(c *cloud.Call, jobs []*job) error {
	var freeze func(i int) error
	freeze = func(i int) error {
		if i < len(jobs) {
			return s.plane.FreezeVolume(c, jobs[i].Volume, func(v plane.VolumeContent) error {
				jobs[i].content = v
				return freeze(i + 1)
			})
		}
		for _, j := range jobs {
			if err := j.taking.Read(j.content, s.progress(c, j)); err != nil {
				return fmt.Errorf("read volume %s: %w", j.Volume, err)
			}
		}
		return nil
	}
	return freeze(0)
}

// progressFrom is how many blocks a volume has at least whose snapshot shows
// its progress: smaller ones are done before anybody looks.
const progressFrom = 8192

// progress writes how far a large snapshot is, now and then.
func (s *Room) progress(c *cloud.Call, j *job) func(done, all int64) {
	return func(done, all int64) {
		tenth := all / 10
		if all < progressFrom || done%tenth >= 16 || done < tenth {
			return
		}
		err := c.Cloud.DB().Update(c, func(tx store.Tx) error {
			if n, ok := snapshots.Get(tx, j.Account, j.Region, j.ID); ok && n.State == api.SnapshotStatePending {
				d := n.clone()
				d.Progress = max(d.Progress, int(100*done/all))
				snapshots.Put(tx, d)
			}
			return nil
		})
		_ = err // it is shown, and rests on nothing; what is wrong shows at the end
	}
}

// commit makes a snapshot complete.
func (s *Room) commit(c *cloud.Call, j *job) error {
	err := j.taking.Commit(func(tx store.Tx, changed int64) error {
		n, ok := snapshots.Get(tx, j.Account, j.Region, j.ID)
		if !ok {
			return errGone
		}
		d := n.clone()
		d.State, d.Progress, d.Completed, d.Changed = api.SnapshotStateCompleted, 100, c.Now, changed
		snapshots.Put(tx, d)
		if v, ok := volumes.Get(tx, j.Account, j.Region, j.Volume); ok {
			w := v.clone()
			w.Latest = d.Content
			put(tx, w) // it may be waiting to go
		}
		return nil
	})
	if errors.Is(err, errGone) {
		return blocks.Remove(c, j.Content)
	}
	return err
}

// failSnapshots gives up on snapshots that cannot be taken. What may pass by
// itself is tried again.
func (s *Room) failSnapshots(c *cloud.Call, jobs []*job, cause error) error {
	message := ""
	switch {
	case errors.Is(cause, store.ErrFull), errors.Is(cause, plane.ErrFull):
		message = "There is no space left for the snapshot."
	case errors.Is(cause, plane.ErrNotFound):
		message = "The volume has no content."
	default:
		return cause
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		for _, j := range jobs {
			n, ok := snapshots.Get(tx, j.Account, j.Region, j.ID)
			if !ok || n.State != api.SnapshotStatePending {
				continue
			}
			d := n.clone()
			d.State, d.Message = api.SnapshotStateError, message
			snapshots.Put(tx, d)
			tx.After(time.Time{}, volumeController, store.K(n.Account, n.Region, n.Volume))
		}
		return nil
	})
}
