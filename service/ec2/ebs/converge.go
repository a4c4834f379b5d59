package ebs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// busyAgain is when a volume that could not be detached is tried again: it is
// mounted until somebody unmounts it.
const busyAgain = 2 * time.Second

// at is the call in the account and region of a key.
func at(c *cloud.Call, key store.Key) (*cloud.Call, string) {
	account, _ := key[0].(string)
	region, _ := key[1].(string)
	id, _ := key[2].(string)
	return c.In(account, region), id
}

// convergeVolume brings a volume to the state that its record asks for.
func (s *Room) convergeVolume(c *cloud.Call, key store.Key) error {
	c, id := at(c, key)
	v, instances, err := s.look(c, id)
	if err != nil || v == nil {
		return err
	}
	for _, a := range v.Attachments {
		if a.State == api.VolumeAttachmentStateDetaching {
			if done, err := s.detach(c, v, a, instances[a.Instance]); err != nil || !done {
				return err
			}
		}
	}
	if v, instances, err = s.look(c, id); err != nil || v == nil {
		return err
	}
	if v.State == api.VolumeStateDeleting {
		return s.destroy(c, v)
	}
	if v.Bin != nil {
		return s.keepInBin(c, v)
	}
	if v.State == api.VolumeStateError {
		return nil
	}
	if !v.Ready {
		if err := s.makeContent(c, id); err != nil {
			return s.fail(c, id, err)
		}
	}
	if err := s.modify(c, v); err != nil {
		return err
	}
	for _, a := range v.Attachments {
		switch {
		case a.State == api.VolumeAttachmentStateAttaching:
			err = s.attach(c, v, a, instances[a.Instance])
		case a.State == api.VolumeAttachmentStateAttached && instances[a.Instance].runs():
			err = s.limit(c, v) // in the group that its machine has by now
		}
		if err != nil && !errors.Is(err, plane.ErrNotFound) {
			return err
		}
	}
	return nil
}

// look reads a volume, nil where there is none, and what is known of the
// instances that have it.
func (s *Room) look(c *cloud.Call, id string) (v *Volume, instances map[string]Instance, err error) {
	err = c.View(func(r store.Reader) error {
		v, _ = volumes.Get(r, c.Account, c.Region, id)
		instances = map[string]Instance{}
		if v == nil {
			return nil
		}
		for _, a := range v.Attachments {
			i, err := s.instance(c, r, a.Instance)
			if err != nil {
				i = Instance{ID: a.Instance, State: "terminated"} // forgotten long ago
			}
			instances[a.Instance] = i
		}
		return nil
	})
	return v, instances, err
}

// fail gives up on a volume that cannot be made. What may pass by itself is
// tried again.
func (s *Room) fail(c *cloud.Call, id string, cause error) error {
	final := func(e error) bool { return errors.Is(cause, e) }
	if !slices.ContainsFunc([]error{store.ErrFull, plane.ErrFull, plane.ErrNotFound, plane.ErrUnsupported}, final) {
		return cause
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		if v, err := FindVolume(c, tx, id); err == nil && v.State == api.VolumeStateCreating {
			d := v.clone()
			d.State = api.VolumeStateError
			volumes.Put(tx, d)
			d.release(tx)
		}
		return nil
	})
}

// attach brings a volume into a running machine. One that boots takes it along
// by itself; one that is stopped will.
func (s *Room) attach(c *cloud.Call, v *Volume, a Attachment, i Instance) error {
	switch {
	case i.State == "shutting-down":
		return nil // Terminate decides what becomes of it
	case i.gone():
		return s.settle(c, v.ID, func(d *Volume) { d.drop(a.Instance) })
	case i.runs():
		if err := s.open(c, v); err != nil {
			return fmt.Errorf("attach %s: %w", v.ID, err)
		}
		if err := s.plane.AttachVolume(c, i.ID, plane.Attachment{Volume: v.ID, Device: a.Device}); err != nil && !errors.Is(err, plane.ErrNotFound) {
			return fmt.Errorf("attach %s to %s: %w", v.ID, i.ID, err)
		}
	case i.State == "pending":
		return nil // Boot marks it
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		if d, err := FindVolume(c, tx, v.ID); err == nil {
			markAttached(tx, d, a.Instance)
		}
		return nil
	})
}

// detach takes a volume out of a machine and closes it; false while it is in
// use there.
func (s *Room) detach(c *cloud.Call, v *Volume, a Attachment, i Instance) (done bool, err error) {
	if i.runs() {
		err = s.plane.DetachVolume(c, i.ID, a.Device, a.Force)
		if errors.Is(err, plane.ErrNotFound) {
			err = nil
		}
	}
	if err == nil && len(v.Attachments) == 1 {
		err = s.close(c, v.ID)
	}
	if errors.Is(err, plane.ErrBusy) {
		return false, c.Cloud.DB().Update(c, func(tx store.Tx) error {
			tx.After(c.Now.Add(busyAgain), volumeController, v.key())
			return nil
		})
	}
	if err != nil {
		return false, fmt.Errorf("detach %s from %s: %w", v.ID, a.Instance, err)
	}
	return true, s.settle(c, v.ID, func(d *Volume) { d.drop(a.Instance) })
}

// close closes a volume; one that is not there is closed.
func (s *Room) close(c *cloud.Call, id string) error {
	if err := s.plane.CloseVolume(c, id); !errors.Is(err, plane.ErrNotFound) {
		return err
	}
	return nil
}

// drop removes an attachment.
func (v *Volume) drop(instance string) {
	v.Attachments = slices.DeleteFunc(v.Attachments, func(a Attachment) bool { return a.Instance == instance })
	if len(v.Attachments) == 0 && v.State == api.VolumeStateInUse {
		v.State = api.VolumeStateAvailable
	}
}

// settle writes what has come true of a volume.
func (s *Room) settle(c *cloud.Call, id string, f func(*Volume)) error {
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		v, ok := volumes.Get(tx, c.Account, c.Region, id)
		if !ok {
			return nil
		}
		d := v.clone()
		f(d)
		volumes.Put(tx, d)
		return nil
	})
}

// modify makes a volume as large and as fast as it should be.
func (s *Room) modify(c *cloud.Call, v *Volume) error {
	n := len(v.Modifications) - 1
	if n < 0 || v.Modifications[n].State != api.VolumeModificationStateModifying {
		return nil
	}
	err := s.plane.GrowVolume(c, v.ID, v.bytes())
	if err == nil {
		err = s.limit(c, v)
	}
	if err != nil {
		return fmt.Errorf("modify %s: %w", v.ID, err)
	}
	return s.settle(c, v.ID, func(d *Volume) { d.Modifications[n].State = api.VolumeModificationStateOptimizing })
}

// destroy removes a volume's content, and then its record. A snapshot or a copy
// that is still to be taken comes first, and wakes the controller.
func (s *Room) destroy(c *cloud.Call, v *Volume) error {
	waits := false
	err := c.View(func(r store.Reader) error {
		waits = false
		for range snapshots.Index(r, "taking", v.Account, v.Region, v.ID) {
			waits = true
		}
		for range volumes.Index(r, "copying", v.Account, v.Region, v.ID) {
			waits = true
		}
		return nil
	})
	if err != nil || waits {
		return err
	}
	if err := s.plane.RemoveVolume(c, v.ID); err != nil {
		if !errors.Is(err, plane.ErrBusy) {
			return fmt.Errorf("remove %s: %w", v.ID, err)
		}
		return c.Cloud.DB().Update(c, func(tx store.Tx) error {
			tx.After(c.Now.Add(busyAgain), volumeController, v.key())
			return nil
		})
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		v.remove(c, tx)
		v.release(tx)
		v.clone().forgetMoment(tx)
		return nil
	})
}

// adopt compares, at start, what the data plane has with what is known: what
// nobody knows any more is removed.
func (s *Room) adopt(c *cloud.Call, _ store.Key) error {
	have, err := s.plane.Volumes(c)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	err = c.View(func(r store.Reader) error {
		clear(known)
		for v := range volumes.Scan(r) {
			known[v.ID] = true
		}
		return nil
	})
	if err != nil {
		return err // what is not known then is not unknown
	}
	for _, v := range have {
		if known[v.ID] || !strings.HasPrefix(v.ID, "vol-") { // instance store belongs to instances
			continue
		}
		if rerr := s.plane.RemoveVolume(c, v.ID); rerr != nil && err == nil && !errors.Is(rerr, plane.ErrBusy) {
			err = rerr
		}
	}
	return err
}
