package group

import (
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// Active tells whether the instance counts towards the group's capacity: it is
// in service, or will be.
func (i *Instance) Active() bool {
	if i.Warm || i.Leaving != nil {
		return false
	}
	switch i.State {
	case api.LifecycleStatePending, api.LifecycleStatePendingWait, api.LifecycleStatePendingProceed, api.LifecycleStateInService:
		return true
	}
	return renewed(i.State)
}

// Terminate takes an instance out of its group and ends it; cause is the
// activity's, in whole sentences. With decrement the group wants as much less,
// without it launches another. An instance that leaves already is left alone.
func (k *Keeper) Terminate(c *cloud.Call, tx store.Tx, i *Instance, decrement bool, cause string) *Activity {
	now, ok := Members.Get(tx, i.Account, i.Region, i.Group, i.ID)
	g, found := Groups.Get(tx, i.Account, i.Region, i.Group)
	if !ok || !found || now.Leaving != nil && now.Leaving.To == ToTerminate {
		return nil
	}
	if decrement && now.Active() {
		d := g.Clone()
		d.Desired = max(d.Desired-now.Weight, 0)
		Groups.Put(tx, d)
		g = d
	}
	return k.leave(c, tx, g, now, Leaving{To: ToTerminate, Shrinks: decrement}, "Terminating EC2 instance: "+i.ID, cause)
}

// leave begins an instance's way out of service.
func (k *Keeper) leave(c *cloud.Call, tx store.Tx, g *Group, i *Instance, how Leaving, description, cause string) *Activity {
	d := i.Clone()
	if d.Activity != "" {
		End(c, tx, d.Activity, api.ScalingActivityStatusCodeCancelled, "")
	}
	begun := Activity{Instance: d.ID, Description: description, Cause: cause, Details: details(d.Subnet, d.Zone)}
	if how.To == ToDetach || how.To == ToStandby {
		begun.Progress = 50
	}
	a := Begin(c, tx, g, begun)
	d.Leaving, d.Hooks, d.Activity, d.Replacing, d.Renewal = &how, nil, a.ID, nil, nil
	state := api.LifecycleStateTerminating
	switch how.To {
	case ToDetach:
		state = api.LifecycleStateDetaching
	case ToStandby:
		state = api.LifecycleStateEnteringStandby
	}
	if d.Warm {
		state = api.LifecycleStateWarmedTerminating
	}
	k.become(c, tx, g, d, state)
	Wake(tx, g, time.Time{})
	return a
}

// become changes the lifecycle state of a clone, and writes it.
func (k *Keeper) become(c *cloud.Call, tx store.Tx, g *Group, i *Instance, state string) {
	from := i.State
	i.State, i.Since = state, c.Now
	switch state {
	case api.LifecycleStateTerminated, api.LifecycleStateDetached, api.LifecycleStateWarmedTerminated:
		Members.Delete(tx, i.Account, i.Region, i.Group, i.ID)
	default:
		Members.Put(tx, i)
	}
	for _, f := range k.Hooks.Changed {
		f(c, tx, g, i, from)
	}
}
