package group

import (
	"errors"
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
	"pileus/zone/shift"
)

const (
	// tick is how often a group with instances is looked at though nothing has
	// told of a change, and restless how often it is while a zone of it is dark
	// or it is not what it should be.
	tick     = time.Hour
	restless = time.Minute
	// soon is how often it is while instances come or go.
	soon = 2 * time.Second
	// rounds is how often one run works on a group that goes on changing.
	rounds = 50
)

// reconcile brings a group to what is wanted of it, as far as it can be brought
// now. It knows nothing but the state, and each step is one transaction: where
// it is cut off, the next run goes on.
func (k *Keeper) reconcile(c *cloud.Call, key store.Key) error {
	for range rounds {
		s, err := look(c, key)
		if err != nil || s == nil {
			return err
		}
		done, failure := false, error(nil)
		for _, step := range []func(*cloud.Call, *scene) (bool, error){k.advance, k.judge, k.flee, k.replace, k.resize, k.rebalance} {
			changed, err := step(c, s)
			failure = errors.Join(failure, err) // what fails keeps nothing else from being done
			if changed {
				done = true
				break
			}
		}
		if !done {
			return errors.Join(failure, k.rest(c, s))
		}
	}
	return c.Update(func(tx store.Tx) error {
		tx.After(c.Now.Add(time.Second), Controller, key)
		return nil
	})
}

// rest ends a run that has nothing more to do: the group is deleted, or it is
// told when to be looked at next.
func (k *Keeper) rest(c *cloud.Call, s *scene) error {
	if s.Deleting && len(s.members) == 0 {
		return c.Update(func(tx store.Tx) error {
			g, ok := Groups.Get(tx, s.Key()...)
			if !ok || !g.Deleting || g.ID != s.ID {
				return nil
			}
			return k.remove(c, tx, g)
		})
	}
	if len(s.members) > 0 {
		s.wake(c.Now.Add(tick))
	}
	if s.restless() {
		s.wake(c.Now.Add(restless))
	}
	if s.inTransition() {
		s.wake(c.Now.Add(soon))
	}
	err := c.Update(func(tx store.Tx) error {
		g, ok := Groups.Get(tx, s.Key()...)
		if !ok || g.ID != s.ID {
			return nil
		}
		if d, changed := s.calm(g); changed {
			Groups.Put(tx, d)
		}
		if !s.next.IsZero() {
			Wake(tx, g, s.next)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range k.Hooks.Next {
		if err := f(c, s.Group); err != nil {
			return err
		}
	}
	return nil
}

// calm is a group that forgets why it was changed, once it is as it should be,
// and which its sources serve.
func (s *scene) calm(g *Group) (d *Group, changed bool) {
	d = g.Clone()
	if !s.inTransition() && s.have() == g.Desired && (g.Why != "" || g.Owed != 0) {
		d.Why, d.Owed, changed = "", 0, true
	}
	for n := range d.Balancers {
		b := &d.Balancers[n]
		if b.State == sourceAdding && s.everywhere(b.ID) {
			b.State, changed = sourceAdded, true
		}
		if b.State == sourceAdded && s.serves[b.ID] {
			b.State, changed = sourceInService, true
		}
	}
	before := len(d.Balancers)
	d.Balancers = slices.DeleteFunc(d.Balancers, func(b Source) bool { return b.State == sourceRemoving && !s.anywhere(b.ID) })
	return d, changed || len(d.Balancers) != before
}

// step changes one instance of a group, if it still is as it was seen.
func (k *Keeper) step(c *cloud.Call, i *Instance, f func(tx store.Tx, g *Group, d *Instance) error) error {
	return c.Update(func(tx store.Tx) error {
		now, ok := Members.Get(tx, i.Account, i.Region, i.Group, i.ID)
		g, found := Groups.Get(tx, i.Account, i.Region, i.Group)
		if !ok || !found || now.State != i.State || now.Activity != i.Activity {
			return nil
		}
		return f(tx, g, now.Clone())
	})
}

// resized notes that the group's size has changed: its cooldown begins. launch
// tells that an instance came into service, so launches work.
func resized(c *cloud.Call, tx store.Tx, g *Group, launch bool) {
	if now, ok := Groups.Get(tx, g.Key()...); ok {
		d := now.Clone()
		if d.Scaled = c.Now; launch {
			d.Failures, d.Retry = 0, time.Time{}
		}
		Groups.Put(tx, d)
	}
}

// remove forgets a group and all that belongs to it.
func (k *Keeper) remove(c *cloud.Call, tx store.Tx, g *Group) error {
	for _, f := range k.Hooks.Deleted {
		if err := f(c, tx, g); err != nil {
			return err
		}
	}
	for a := range Activities.Scan(tx, g.Account, g.Region, g.Name) {
		if a.GroupID == g.ID && !over(a.Status) {
			a.Status, a.End, a.Progress = api.ScalingActivityStatusCodeCancelled, c.Now, 100
			Activities.Put(tx, a)
		}
	}
	shift.Unregister(tx, g.Account, g.Region, g.ARN(c))
	Hooking.DeleteAll(tx, g.Account, g.Region, g.Name)
	tx.After(c.Now.Add(activitiesKept), forgetController, g.Key())
	Groups.Delete(tx, g.Key()...)
	return nil
}
