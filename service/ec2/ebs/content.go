package ebs

import (
	"errors"
	"fmt"
	"io"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/fault"
	"pileus/plane"
	"pileus/service/ec2/ebs/blocks"
	"pileus/store"
)

// makeContent has the data plane make a volume with its content, once: a
// volume that is ready may have been written to since.
func (s *Room) makeContent(c *cloud.Call, id string) error {
	defer s.making.take(id)()
	var v *Volume
	err := c.View(func(r store.Reader) (err error) {
		v, err = FindVolume(c, r, id)
		return err
	})
	if err != nil || v.Ready {
		return err
	}
	if v.Source != "" && v.Content == "" {
		if v, err = s.takeCopy(c, v); err != nil {
			return err
		}
	}
	switch {
	case v.Image != nil:
		err = s.plane.CreateRoot(c, id, *v.Image, v.bytes(), v.made()...)
	case v.Content != "":
		if err = s.plane.CreateVolume(c, id, v.bytes(), v.made()...); err == nil {
			err = s.plane.WriteVolume(c, id, func(w io.WriterAt) error { return blocks.Fill(c, v.Content, w) })
		}
	default:
		err = s.plane.CreateVolume(c, id, v.bytes(), v.made()...)
	}
	if err != nil {
		return fmt.Errorf("make volume %s: %w", id, err)
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		now, err := FindVolume(c, tx, id)
		if err != nil {
			return nil //nolint:nilerr // it was deleted meanwhile, which its controller sees to
		}
		d := now.clone()
		d.Ready = true
		d.forgetMoment(tx)
		switch {
		case d.State == api.VolumeStateCreating && len(d.Attachments) > 0:
			d.State = api.VolumeStateInUse
		case d.State == api.VolumeStateCreating:
			d.State = api.VolumeStateAvailable
		}
		volumes.Put(tx, d)
		return nil
	})
}

// open gives a volume its device, with its type's limits. A kernel that cannot
// limit does without.
func (s *Room) open(c *cloud.Call, v *Volume) error {
	if _, err := s.plane.OpenVolume(c, v.ID); err != nil {
		return err
	}
	return s.limit(c, v)
}

func (s *Room) limit(c *cloud.Call, v *Volume) error {
	k, err := findKind(v.Type)
	if err != nil {
		return err
	}
	limits := k.limits(v.shape)
	if b := allowanceOf(v.Type, v.Size); b != nil {
		limits = b.limits(limits, s.empty(c, v))
	}
	if s.paused(c, v) {
		limits = standstill
	}
	if err := s.plane.LimitVolume(c, v.ID, limits); err != nil && !errors.Is(err, plane.ErrUnsupported) {
		return err
	}
	return nil
}

// standstill are limits under which the I/O of a volume hangs: the kernel knows
// none that are less. A block of 4 KiB would take more than an hour.
var standstill = plane.VolumeLimits{IOPS: 1, BytesPerSecond: 1}

// paused tells whether an experiment has paused the volume's I/O.
func (s *Room) paused(c *cloud.Call, v *Volume) (yes bool) {
	err := c.View(func(r store.Reader) error {
		yes = fault.IsPaused(r, v.Account, v.Region, v.ID)
		return nil
	})
	return yes && err == nil
}

// empty tells whether a volume has spent what it may do beyond its baseline.
func (s *Room) empty(c *cloud.Call, v *Volume) (yes bool) {
	err := c.View(func(r store.Reader) error {
		x, ok := spending.Get(r, v.ID)
		yes = ok && x.Empty
		return nil
	})
	return yes && err == nil
}

// removeContent removes the content of a snapshot that is gone, as soon as no
// volume is made of it any more.
func (s *Room) removeContent(c *cloud.Call, key store.Key) error {
	id, _ := key[0].(string)
	busy := false
	err := c.View(func(r store.Reader) error {
		busy = false
		for range volumes.Index(r, "filling", id) {
			busy = true
		}
		for range snapshots.Index(r, "source", id) {
			busy = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	if busy {
		return c.Cloud.DB().Update(c, func(tx store.Tx) error {
			tx.After(c.Now.Add(time.Second), contentController, store.K(id))
			return nil
		})
	}
	return blocks.Remove(c, id)
}
