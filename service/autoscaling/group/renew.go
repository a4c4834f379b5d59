package group

import (
	"fmt"
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// Renewal is the replacement of an instance's root volume: it leaves traffic,
// its termination hooks are asked, the volume is replaced, and it comes into
// service again like a new one.
type Renewal struct {
	Image   string // that the new volume is made of
	Task    string // EC2's; "" before it has begun
	Drained bool   // it is out of its balancers
}

// renewing are the states of an instance whose root volume is replaced.
var renewing = []string{
	api.LifecycleStateReplacingRootVolume, api.LifecycleStateReplacingRootVolumeWait, api.LifecycleStateReplacingRootVolumeProceed, api.LifecycleStateRootVolumeReplaced,
}

// Renew has an instance's root volume replaced by one of an image, where it is.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-root-volume.html
func (k *Keeper) Renew(c *cloud.Call, tx store.Tx, i *Instance, image string) {
	now, ok := Members.Get(tx, i.Account, i.Region, i.Group, i.ID)
	g, found := Groups.Get(tx, i.Account, i.Region, i.Group)
	if !ok || !found || !now.Serving() || now.Leaving != nil || now.Renewal != nil {
		return
	}
	d := now.Clone()
	cause := sentences(fmt.Sprintf("At %s the root volume of an instance was replaced in response to an instance refresh.", stamp(c.Now)),
		fmt.Sprintf("At %s instance %s was selected for root volume replacement.", stamp(c.Now), d.ID))
	a := Begin(c, tx, g, Activity{Instance: d.ID, Description: "Replacing root volume of EC2 instance: " + d.ID, Cause: cause,
		Status: api.ScalingActivityStatusCodeWaitingForInPlaceUpdateToStart, Details: details(d.Subnet, d.Zone)})
	d.Renewal, d.Activity, d.Hooks, d.Replacing = &Renewal{Image: image}, a.ID, nil, nil
	k.become(c, tx, g, d, api.LifecycleStateReplacingRootVolume)
	Wake(tx, g, time.Time{})
}

// renew goes on with an instance whose root volume is replaced.
func (k *Keeper) renew(c *cloud.Call, s *scene, i *Instance, see sight) (bool, error) {
	if see.gone() {
		return k.stillborn(c, i, "Instance was terminated while its root volume was replaced.")
	}
	switch i.State {
	case api.LifecycleStateReplacingRootVolume:
		return k.relieve(c, s, i)
	case api.LifecycleStateReplacingRootVolumeWait:
		result, _ := s.answer(c, i)
		if result == "" {
			return false, nil
		}
		return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
			d.Hooks = nil
			k.become(c, tx, g, d, api.LifecycleStateReplacingRootVolumeProceed)
			return nil
		})
	case api.LifecycleStateReplacingRootVolumeProceed:
		return k.exchange(c, s, i)
	}
	return k.readmit(c, s, i)
}

// relieve takes an instance out of traffic, and asks its termination hooks.
func (k *Keeper) relieve(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	if !i.Renewal.Drained {
		drained, err := k.deregister(c, i)
		if err != nil {
			return false, err
		}
		if !drained {
			s.wake(c.Now.Add(time.Second))
			return k.draining(c, i)
		}
	}
	waits := s.waits(c, i, terminating)
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		d.Renewal.Drained, d.Registered, d.Hooks = true, nil, waits
		if len(waits) == 0 {
			k.become(c, tx, g, d, api.LifecycleStateReplacingRootVolumeProceed)
			return nil
		}
		k.become(c, tx, g, d, api.LifecycleStateReplacingRootVolumeWait)
		return announce(c, tx, g, d, terminating)
	})
}

// exchange has EC2 replace the volume, and waits for it. Where that fails, the
// instance is replaced.
func (k *Keeper) exchange(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	if i.Renewal.Task == "" {
		err := k.step(c, i, func(tx store.Tx, _ *Group, d *Instance) error {
			as := identity.AsAccount(c)
			as.Tx = tx
			out, err := ec2.CreateReplaceRootVolumeTask.Call(as, &ec2.CreateReplaceRootVolumeTaskInput{InstanceId: d.ID, ImageId: &d.Renewal.Image, DeleteReplacedRootVolume: new(true)})
			if err != nil {
				return err
			}
			changeActivity(c, tx, d.Activity, func(a *Activity) {
				a.Status, a.Progress = api.ScalingActivityStatusCodeInPlaceUpdateInProgress, 50
			})
			d.Renewal.Task = *out.ReplaceRootVolumeTask.ReplaceRootVolumeTaskId
			Members.Put(tx, d)
			return nil
		})
		if refused, unsettled := settled(err); unsettled != nil || !refused {
			return err == nil, unsettled
		}
		return k.abort(c, i, api.ScalingActivityStatusCodeFailed, "The root volume could not be replaced: "+err.Error(), false)
	}
	out, err := ec2.DescribeReplaceRootVolumeTasks.Call(identity.AsAccount(c), &ec2.DescribeReplaceRootVolumeTasksInput{ReplaceRootVolumeTaskIds: []string{i.Renewal.Task}})
	if err != nil {
		return false, err
	}
	state := ec2.ReplaceRootVolumeTaskStateFailed
	for _, t := range out.ReplaceRootVolumeTasks {
		state = cloud.Or(t.TaskState, state)
	}
	switch {
	case state == ec2.ReplaceRootVolumeTaskStateSucceeded:
		return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
			d.Image = d.Renewal.Image
			k.become(c, tx, g, d, api.LifecycleStateRootVolumeReplaced)
			return nil
		})
	case state == ec2.ReplaceRootVolumeTaskStatePending || state == ec2.ReplaceRootVolumeTaskStateInProgress:
		s.wake(c.Now.Add(soon))
		return false, nil
	}
	return k.abort(c, i, api.ScalingActivityStatusCodeFailed, "The root volume could not be replaced.", false)
}

// readmit has an instance with a new root volume come into service again.
func (k *Keeper) readmit(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	waits := s.waits(c, i, launching)
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		changeActivity(c, tx, d.Activity, func(a *Activity) {
			a.Status, a.Progress = api.ScalingActivityStatusCodeWaitingForInPlaceUpdateToFinalize, 80
		})
		d.Hooks = waits
		if len(waits) == 0 {
			k.become(c, tx, g, d, api.LifecycleStatePendingProceed)
			return nil
		}
		k.become(c, tx, g, d, api.LifecycleStatePendingWait)
		return announce(c, tx, g, d, launching)
	})
}

// renewed tells whether a state is one of the replacement of a root volume.
func renewed(state string) bool { return slices.Contains(renewing, state) }
