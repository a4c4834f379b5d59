package group

import (
	"slices"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// How the warm pool and the keeper share their work. The room of warm pools
// says how many instances the pool is to have: it calls LaunchWarm for what it
// lacks, and Terminate for what it has too much, from Hooks.Next. The keeper
// takes each through its lifecycle (Warmed:Pending, hooks, then Warmed:Stopped,
// Warmed:Running or Warmed:Hibernated as the configuration's PoolState says),
// and takes what a group lacks out of the pool before it launches anything.

// Ready tells whether the instance waits in the warm pool, ready to be taken.
func (i *Instance) Ready() bool {
	switch i.State {
	case api.LifecycleStateWarmedStopped, api.LifecycleStateWarmedRunning, api.LifecycleStateWarmedHibernated:
		return i.Warm && i.Leaving == nil
	}
	return false
}

// LaunchWarm launches one instance into the warm pool of a group, where its
// zones have the fewest. cause is the activity's. What EC2 refuses is entered
// as an activity that has failed, and puts the next launch off.
func (k *Keeper) LaunchWarm(c *cloud.Call, g *Group, cause string) error {
	s, err := look(c, g.Key())
	if err != nil || s == nil || s.ID != g.ID || c.Now.Before(s.Retry) || s.Suspended("Launch") {
		return err
	}
	m, err := s.menu(c)
	if err != nil {
		_, err = k.cannot(c, s, err)
		return err
	}
	for n := range s.members { // zones are chosen by what is in the pool
		d := s.members[n].Clone()
		d.State, d.Warm, d.Leaving = api.LifecycleStateInService, false, nil
		if !s.members[n].Warm {
			d.Warm = true
		}
		s.members[n] = d
	}
	zone := s.zonesByNeed(c.Now)[0]
	o := order{dish: s.offers(m, zone, false, c.Now)[0], zone: zone, subnet: s.subnetIn(zone)}
	holds, err := s.holds(c)
	if err != nil {
		return err
	}
	err = errUnreserved()
	for _, o.reservation = range s.ways(holds, o) {
		if err = k.launchWarm(c, s, m, o, cause); err == nil || !isCode(err, errUnreserved().Code) {
			break
		}
	}
	if err == nil {
		return nil
	}
	_, err = k.cannot(c, s, err)
	return err
}

func (k *Keeper) launchWarm(c *cloud.Call, s *scene, m *menu, o order, cause string) error {
	id := c.Rand().UUID()
	return c.Update(func(tx store.Tx) error {
		g, ok := Groups.Get(tx, s.Key()...)
		if !ok || g.ID != s.ID || g.WarmPool == nil || g.Deleting {
			return nil
		}
		run, err := runOne(c, tx, g, m.request(g, o, id))
		if err != nil {
			return err
		}
		i := m.member(c, g, o, run)
		i.State, i.Activity, i.Warm = api.LifecycleStateWarmedPending, id, true
		Begin(c, tx, g, Activity{ID: id, Instance: i.ID, Description: "Launching a new EC2 instance into warm pool: " + i.ID, Cause: cause, Status: api.ScalingActivityStatusCodePreInService, Progress: 30, Details: details(i.Subnet, i.Zone)})
		k.become(c, tx, g, i, i.State)
		launched(tx, g, o)
		return nil
	})
}

// readiest is the instance that comes out of the warm pool next: the oldest.
func (s *scene) readiest() (best *Instance) {
	for _, i := range s.members {
		if i.Ready() && !s.seen[i.ID].gone() && (best == nil || i.Since.Before(best.Since)) {
			best = i
		}
	}
	return best
}

// take takes an instance out of the warm pool: it starts, asks the hooks and
// comes into service like a new one.
func (k *Keeper) take(c *cloud.Call, s *scene, i *Instance, b batch) error {
	err := k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		now := sceneOf(tx, g)
		a := Begin(c, tx, g, Activity{Instance: d.ID, Description: "Launching a new EC2 instance from warm pool: " + d.ID,
			Cause: now.launchCause(c.Now, b), Status: api.ScalingActivityStatusCodePreInService, Progress: 30, Details: details(d.Subnet, d.Zone)})
		d.Warm, d.Pooled, d.Plain, d.Activity, d.Launched = false, true, false, a.ID, c.Now
		k.become(c, tx, g, d, api.LifecycleStatePending)
		launched(tx, g, order{})
		return nil
	})
	if err != nil {
		return err
	}
	return c.View(func(r store.Reader) error {
		n := slices.Index(s.members, i)
		if now, ok := Members.Get(r, i.Account, i.Region, i.Group, i.ID); ok {
			s.members[n] = now
		} else {
			s.members = slices.Delete(s.members, n, n+1)
		}
		return nil
	})
}

// pool brings an instance that is prepared into the state in which it waits.
func (k *Keeper) pool(c *cloud.Call, s *scene, i *Instance, see sight) (bool, error) {
	state := api.WarmPoolStateStopped
	if s.WarmPool != nil {
		state = cloud.Or(s.WarmPool.PoolState, state)
	}
	to := api.LifecycleStateWarmedStopped
	switch state {
	case api.WarmPoolStateRunning:
		to = api.LifecycleStateWarmedRunning
	case api.WarmPoolStateHibernated:
		to = api.LifecycleStateWarmedHibernated
	}
	if state != api.WarmPoolStateRunning && see.State != ec2.InstanceStateNameStopped {
		s.wake(c.Now.Add(soon))
		if see.State != ec2.InstanceStateNameRunning {
			return false, nil
		}
		in := &ec2.StopInstancesInput{InstanceIds: []string{i.ID}}
		if state == api.WarmPoolStateHibernated {
			in.Hibernate = new(true)
		}
		_, err := ec2.StopInstances.Call(identity.AsAccount(c), in)
		return false, err
	}
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		End(c, tx, d.Activity, api.ScalingActivityStatusCodeSuccessful, "")
		d.Activity, d.Plain, d.Pooled = "", false, false
		k.become(c, tx, g, d, to)
		return nil
	})
}
