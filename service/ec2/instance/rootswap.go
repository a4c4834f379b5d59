package instance

import (
	"errors"
	"fmt"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/store"
)

// replaceRoot performs the task that replaces the root volume of a running
// instance. It takes it up where it was left.
func (s *Room) replaceRoot(c *cloud.Call, i *Instance) error {
	t, err := s.prepareRoot(c, i)
	if err != nil || t == nil {
		return err
	}
	if !t.Swapped {
		if err := s.volumes.Fill(c, t.New); err != nil {
			return s.failRoot(c, i, err)
		}
		if err := s.halt(c, i, rebootGrace); err != nil {
			return err
		}
		if err := s.volumes.Halt(c, i.ID); err != nil {
			return err
		}
		if err := s.swapRoot(c, i, t); err != nil {
			return s.failRoot(c, i, err)
		}
	}
	now, err := s.current(c, i.key())
	if err != nil || now == nil || now.State != Running {
		return err // it was stopped, which its next look sees to
	}
	if err := s.boot(c, now); err != nil {
		return err
	}
	return s.settle(c, i, func(tx store.Tx, d *Instance) error {
		d.finishRoot(c, tx, api.ReplaceRootVolumeTaskStateSucceeded)
		d.Rebooted = d.Reboots
		instances.Put(tx, d)
		return nil
	})
}

// prepareRoot has the task begin: the new volume is entered.
func (s *Room) prepareRoot(c *cloud.Call, i *Instance) (t *rootTask, err error) {
	err = s.settle(c, i, func(tx store.Tx, d *Instance) error {
		known, ok := rootTasks.Get(tx, d.Account, d.Region, d.Replacing)
		if !ok {
			return fmt.Errorf("instance %s: no task %s", d.ID, d.Replacing)
		}
		begun := *known
		t = &begun
		if t.State != api.ReplaceRootVolumeTaskStatePending {
			return nil
		}
		t.State = api.ReplaceRootVolumeTaskStateInProgress
		if t.Given {
			rootTasks.Put(tx, t)
			return nil
		}
		c := c.In(d.Account, d.Region)
		old, err := ebs.FindVolume(c, tx, t.Old)
		if err != nil {
			return err
		}
		v, err := s.volumes.CreateReplacement(c, tx, old, t.Origin)
		if err != nil {
			return err
		}
		t.New = v.ID
		rootTasks.Put(tx, t)
		return nil
	})
	if err != nil {
		return nil, s.failRoot(c, i, err)
	}
	return t, nil
}

// swapRoot writes that the instance has the new volume.
func (s *Room) swapRoot(c *cloud.Call, i *Instance, t *rootTask) error {
	return s.settle(c, i, func(tx store.Tx, d *Instance) error {
		c := c.In(d.Account, d.Region)
		if err := ebs.Replace(c, tx, d.ID, t.Old, t.New, t.Delete); err != nil {
			return err
		}
		done := *t
		done.Swapped = true
		rootTasks.Put(tx, &done)
		if t.Boots != nil {
			d.Image, d.Boots, d.User = t.Image, *t.Boots, t.User
			instances.Put(tx, d)
		}
		return nil
	})
}

// failRoot gives up on a replacement that cannot be; what may pass by itself
// is tried again. The instance goes on with the root that it has.
func (s *Room) failRoot(c *cloud.Call, i *Instance, cause error) error {
	var refused *cloud.Error
	final := func(e error) bool { return errors.Is(cause, e) }
	if !errors.As(cause, &refused) && !slices.ContainsFunc([]error{store.ErrFull, plane.ErrFull, plane.ErrNotFound, plane.ErrUnsupported}, final) {
		return cause
	}
	err := s.settle(c, i, func(tx store.Tx, d *Instance) error {
		d.finishRoot(c, tx, api.ReplaceRootVolumeTaskStateFailed)
		instances.Put(tx, d)
		return nil
	})
	if err != nil {
		return err
	}
	return s.keepRunning(c, i)
}

// finishRoot ends the task that the instance is at, if any: with another state,
// or as one that an end of the instance came before.
func (i *Instance) finishRoot(c *cloud.Call, tx store.Tx, state string) {
	known, ok := rootTasks.Get(tx, i.Account, i.Region, i.Replacing)
	i.Replacing = ""
	if !ok {
		return
	}
	t := *known
	if t.State, t.Completed = state, c.Now; t.Swapped {
		t.State = api.ReplaceRootVolumeTaskStateSucceeded
	} else if t.New != "" && !t.Given {
		ebs.Discard(c.In(i.Account, i.Region), tx, t.New)
	}
	rootTasks.Put(tx, &t)
}
