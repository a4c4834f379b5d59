package group

import (
	"errors"
	"fmt"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// advance takes each instance one step further on its way, where it can go on.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
func (k *Keeper) advance(c *cloud.Call, s *scene) (changed bool, err error) {
	for _, i := range s.members {
		did, failure := false, error(nil)
		switch {
		case i.Leaving != nil:
			did, failure = k.goOn(c, s, i)
		case i.State == api.LifecycleStateStandby || i.Ready() || i.Retained():
			did, failure = k.lose(c, s, i)
		case i.Serving():
			did, failure = k.serve(c, s, i)
		default:
			did, failure = k.come(c, s, i)
		}
		if failure != nil {
			err = errors.Join(err, fmt.Errorf("%s of group %s, %s: %w", i.ID, s.Name, i.State, failure))
		}
		changed = changed || did && failure == nil
	}
	return changed, err
}

// come goes on with an instance that is on its way into service, or into the
// warm pool.
func (k *Keeper) come(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	see := s.seen[i.ID]
	if renewed(i.State) {
		return k.renew(c, s, i, see)
	}
	switch i.State {
	case api.LifecycleStatePending, api.LifecycleStateWarmedPending:
		return k.arrive(c, s, i, see)
	case api.LifecycleStatePendingWait, api.LifecycleStateWarmedPendingWait:
		return k.wait(c, s, i, see)
	}
	if see.gone() {
		return k.stillborn(c, i, "Instance was terminated before it came into service.")
	}
	if i.Warm {
		return k.pool(c, s, i, see)
	}
	return k.enter(c, s, i)
}

// arrive goes on with an instance that EC2 starts: once it runs its hooks are
// asked, if there are any.
func (k *Keeper) arrive(c *cloud.Call, s *scene, i *Instance, see sight) (bool, error) {
	switch {
	case see.gone():
		return k.stillborn(c, i, "Instance failed to launch.")
	case i.Pooled && see.State == ec2.InstanceStateNameStopped:
		return false, startInstance(c, i.ID)
	case see.down() && !i.Warm && !i.Pooled:
		return k.stillborn(c, i, "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: Client.UserInitiatedShutdown: User initiated shutdown")
	case see.State == ec2.InstanceStateNamePending && s.dark[i.Zone] && !s.allDark():
		return k.abort(c, i, api.ScalingActivityStatusCodeFailed, "Instance failed to launch: its Availability Zone is impaired.", false)
	case see.State == ec2.InstanceStateNamePending || see.down() && !i.Warm:
		s.wake(c.Now.Add(soon))
		return false, nil
	}
	waits := s.waits(c, i, launching)
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		d.Hooks = waits
		if len(waits) == 0 {
			k.become(c, tx, g, d, warmed(d, api.LifecycleStatePendingProceed))
			return nil
		}
		changeActivity(c, tx, d.Activity, func(a *Activity) {
			a.Status, a.Progress = api.ScalingActivityStatusCodeMidLifecycleAction, 40
		})
		k.become(c, tx, g, d, warmed(d, api.LifecycleStatePendingWait))
		return announce(c, tx, g, d, launching)
	})
}

// warmed is a state of an instance, as it is called for those of the pool.
func warmed(i *Instance, state string) string {
	if i.Warm {
		return "Warmed:" + state
	}
	return state
}

// wait goes on with an instance whose hooks are asked, once they have answered
// or their time is over.
func (k *Keeper) wait(c *cloud.Call, s *scene, i *Instance, see sight) (bool, error) {
	if see.gone() && i.Leaving == nil {
		return k.stillborn(c, i, "Instance was terminated before it came into service.")
	}
	result, by := s.answer(c, i)
	switch {
	case result == "":
		return false, nil
	case result == abandon && i.Leaving == nil:
		return k.abandoned(c, i, by)
	case result == abandon && s.keeps(i, see):
		return true, k.retain(c, i, by)
	}
	to := warmed(i, api.LifecycleStatePendingProceed)
	if i.Leaving != nil {
		to = warmed(i, api.LifecycleStateTerminatingProceed)
	}
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		d.Hooks = nil
		k.become(c, tx, g, d, to)
		return nil
	})
}

// enter brings an instance into traffic and into service.
func (k *Keeper) enter(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	places, err := k.register(c, s, i)
	if err != nil {
		return false, err
	}
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		End(c, tx, d.Activity, api.ScalingActivityStatusCodeSuccessful, "")
		d.Registered, d.InService, d.Activity, d.Plain, d.Pooled, d.Renewal = places, c.Now, "", false, false, nil
		k.become(c, tx, g, d, api.LifecycleStateInService)
		resized(c, tx, g, true)
		return nil
	})
}

// serve sees to it that an instance in service has its place in all sources.
func (k *Keeper) serve(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	if len(s.unregistered(i)) == 0 && len(s.detached(i)) == 0 {
		return false, nil
	}
	places, err := k.register(c, s, i)
	if err != nil {
		return false, err
	}
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		d.Registered = places
		Members.Put(tx, d)
		return nil
	})
}

// stillborn gives up an instance before it is in service: it is terminated,
// and its activity has failed.
func (k *Keeper) stillborn(c *cloud.Call, i *Instance, message string) (bool, error) {
	return k.abort(c, i, api.ScalingActivityStatusCodeFailed, message, true)
}

// abandoned gives up an instance whose hooks say so: its activity is cancelled.
func (k *Keeper) abandoned(c *cloud.Call, i *Instance, by string) (bool, error) {
	return k.abort(c, i, api.ScalingActivityStatusCodeCancelled, by, true)
}

// abort is stillborn, with the status of the activity; later puts the next
// launch off.
func (k *Keeper) abort(c *cloud.Call, i *Instance, status, message string, later bool) (bool, error) {
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		changeActivity(c, tx, d.Activity, func(a *Activity) { a.Description += ".  Status Reason: " + message })
		End(c, tx, d.Activity, status, message)
		d.Activity = ""
		cause := fmt.Sprintf("At %s an instance was taken out of service in response to a launch failure.", stamp(c.Now))
		k.leave(c, tx, g, d, Leaving{To: ToTerminate, Failed: true}, "Terminating EC2 instance: "+d.ID, cause)
		if later {
			failed(c, tx, g)
		}
		return nil
	})
}

// lose takes an instance that is out of service out of its group once EC2 has
// lost it.
func (k *Keeper) lose(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	if !s.seen[i.ID].gone() {
		return false, nil
	}
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		cause := fmt.Sprintf("At %s an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped.", stamp(c.Now))
		k.leave(c, tx, g, d, Leaving{To: ToTerminate, Failed: true}, "Terminating EC2 instance: "+d.ID, cause)
		return nil
	})
}

// startInstance starts an instance that is stopped.
func startInstance(c *cloud.Call, id string) error {
	_, err := ec2.StartInstances.Call(identity.AsAccount(c), &ec2.StartInstancesInput{InstanceIds: []string{id}})
	return err
}
