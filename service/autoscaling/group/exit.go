package group

import (
	"errors"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// goOn goes on with an instance that leaves: out of traffic, past its hooks,
// and to its end.
func (k *Keeper) goOn(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	see := s.seen[i.ID]
	switch i.State {
	case api.LifecycleStateTerminating, api.LifecycleStateDetaching, api.LifecycleStateEnteringStandby, api.LifecycleStateWarmedTerminating:
		return k.withdraw(c, s, i, see)
	case api.LifecycleStateTerminatingWait, api.LifecycleStateWarmedTerminatingWait:
		return k.wait(c, s, i, see)
	case api.LifecycleStateTerminatingProceed, api.LifecycleStateWarmedTerminatingProceed:
		return k.finish(c, s, i, see)
	}
	return false, nil
}

// midTerminating is the status of an activity that waits for termination hooks:
// AWS has it, but not its API's model.
const midTerminating = "MidTerminatingLifecycleAction"

// withdraw takes an instance out of its sources, and waits until the requests
// that it has are done.
func (k *Keeper) withdraw(c *cloud.Call, s *scene, i *Instance, see sight) (bool, error) {
	if !i.Leaving.Drained {
		drained, err := k.deregister(c, i)
		if err != nil {
			return false, err
		}
		if !drained && !see.gone() {
			s.wake(c.Now.Add(time.Second))
			return k.draining(c, i)
		}
		return true, k.step(c, i, func(tx store.Tx, _ *Group, d *Instance) error {
			d.Leaving.Drained, d.Registered = true, nil
			Members.Put(tx, d)
			return nil
		})
	}
	switch i.Leaving.To {
	case ToDetach:
		return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
			End(c, tx, d.Activity, api.ScalingActivityStatusCodeSuccessful, "")
			k.become(c, tx, g, d, api.LifecycleStateDetached)
			return untag(c, tx, d)
		})
	case ToStandby:
		return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
			End(c, tx, d.Activity, api.ScalingActivityStatusCodeSuccessful, "")
			d.Leaving, d.Activity = nil, ""
			k.become(c, tx, g, d, api.LifecycleStateStandby)
			return nil
		})
	}
	waits := s.waits(c, i, terminating)
	if i.Leaving.Failed || see.State == "" {
		waits = nil
	}
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		d.Hooks = waits
		if len(waits) == 0 {
			k.become(c, tx, g, d, warmed(d, api.LifecycleStateTerminatingProceed))
			return nil
		}
		changeActivity(c, tx, d.Activity, func(a *Activity) {
			a.Status, a.Progress = midTerminating, 60
		})
		k.become(c, tx, g, d, warmed(d, api.LifecycleStateTerminatingWait))
		return announce(c, tx, g, d, terminating)
	})
}

// draining notes in the activity what is waited for.
func (k *Keeper) draining(c *cloud.Call, i *Instance) (bool, error) {
	const status = api.ScalingActivityStatusCodeWaitingForELBConnectionDraining
	return false, c.Update(func(tx store.Tx) error {
		changeActivity(c, tx, i.Activity, func(a *Activity) { a.Status, a.Progress = status, 30 })
		return nil
	})
}

// finish ends an instance, and forgets it once EC2 has; or it goes back to the
// warm pool.
func (k *Keeper) finish(c *cloud.Call, s *scene, i *Instance, see sight) (bool, error) {
	if !i.Leaving.Ended {
		return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
			if k.Hooks.Reuse != nil && d.Leaving.Shrinks && !d.Warm && !see.gone() && !g.Deleting && k.Hooks.Reuse(c, tx, g, d) {
				End(c, tx, d.Activity, api.ScalingActivityStatusCodeSuccessful, "")
				d.Leaving, d.Activity, d.Warm, d.Plain, d.Health = nil, "", true, true, healthy
				k.become(c, tx, g, d, api.LifecycleStateWarmedPending)
				return nil
			}
			d.Leaving.Ended = true
			Members.Put(tx, d)
			if see.gone() {
				return nil
			}
			return endInstance(c, tx, d.ID)
		})
	}
	if see.State != "" && see.State != ec2.InstanceStateNameTerminated {
		s.wake(c.Now.Add(soon))
		return false, nil
	}
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		End(c, tx, d.Activity, api.ScalingActivityStatusCodeSuccessful, "")
		k.become(c, tx, g, d, warmed(d, api.LifecycleStateTerminated))
		if d.Leaving.Shrinks {
			resized(c, tx, g, false)
		}
		return nil
	})
}

// endInstance terminates an instance, also one that is protected against its
// users: Auto Scaling's own ending does not heed that.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingDisableAPITermination.html
func endInstance(c *cloud.Call, tx store.Tx, id string) error {
	as := identity.AsAccount(c)
	as.Tx = tx
	_, err := ec2.TerminateInstances.Call(as, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	if isCode(err, "OperationNotPermitted") {
		off := &ec2.ModifyInstanceAttributeInput{InstanceId: id, DisableApiTermination: &ec2.AttributeBooleanValue{Value: new(false)}}
		if _, err = ec2.ModifyInstanceAttribute.Call(as, off); err == nil {
			_, err = ec2.TerminateInstances.Call(as, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
		}
	}
	if isCode(err, "InvalidInstanceID.NotFound") {
		return nil
	}
	return err
}

// groupTag is the tag by which an instance tells of its group.
const groupTag = "aws:autoscaling:groupName"

// untag takes the group's name off an instance that is detached.
func untag(c *cloud.Call, tx store.Tx, i *Instance) error {
	as := identity.AsAccount(c)
	as.Tx = tx
	_, err := ec2.DeleteTags.Call(as, &ec2.DeleteTagsInput{Resources: []string{i.ID}, Tags: []ec2.Tag{{Key: new(groupTag)}}})
	var e *cloud.Error
	if errors.As(err, &e) && !e.Server {
		return nil // the instance is gone
	}
	return err
}
