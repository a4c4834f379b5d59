package group

import (
	"fmt"
	"slices"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// mostTerminated is how many instances one request can terminate.
const mostTerminated = 100

// terminateInstance ends one instance, or several of one group.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
func (k *Keeper) terminateInstance(c *cloud.Call, tx store.Tx, in *api.TerminateInstanceInAutoScalingGroupInput) (*api.TerminateInstanceInAutoScalingGroupOutput, error) {
	g, list, err := condemned(c, tx, in)
	if err != nil {
		return nil, err
	}
	lost := int32(0)
	for _, i := range list {
		switch {
		case i.Leaving != nil && i.Leaving.To == ToTerminate:
			return nil, api.ErrScalingActivityInProgressFault.New("Scaling activity %s is in progress and blocks this action", i.Activity)
		case in.ShouldDecrementDesiredCapacity && i.Retained():
			return nil, errRetained(i.ID)
		case i.Active():
			lost += i.Weight
		}
	}
	if in.ShouldDecrementDesiredCapacity && lost > 0 && g.Desired-lost < g.Min {
		return nil, Invalid("Currently, desiredSize equals minSize (%d). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.", g.Min)
	}
	out := &api.TerminateInstanceInAutoScalingGroupOutput{}
	for _, i := range list {
		cause := fmt.Sprintf("At %s instance %s was taken out of service in response to a user request", stamp(c.Now), i.ID)
		if in.ShouldDecrementDesiredCapacity && i.Active() {
			have := capacity(tx, g)
			cause += fmt.Sprintf(", shrinking the capacity from %d to %d", have, have-i.Weight)
		}
		a := k.Terminate(c, tx, i, in.ShouldDecrementDesiredCapacity, cause+".").API(c)
		if in.InstanceId != nil {
			out.Activity = &a
		} else {
			out.Activities = append(out.Activities, a)
		}
	}
	return out, nil
}

// condemned are the instances that a request names, with their group.
func condemned(c *cloud.Call, tx store.Tx, in *api.TerminateInstanceInAutoScalingGroupInput) (*Group, []*Instance, error) {
	switch n := len(in.InstanceIds); {
	case in.InstanceId != nil && n > 0:
		return nil, nil, Invalid("You cannot specify both InstanceId and InstanceIds in the same request.")
	case in.InstanceId == nil && n == 0:
		return nil, nil, Invalid("Either InstanceId or InstanceIds must be specified.")
	case n > mostTerminated:
		return nil, nil, Invalid("You can specify up to %d instances.", mostTerminated)
	case n > 0 && in.AutoScalingGroupName == nil:
		return nil, nil, Invalid("AutoScalingGroupName must be specified with InstanceIds.")
	case n > 0:
		g, list, err := membersOf(c, tx, *in.AutoScalingGroupName, slices.Compact(slices.Sorted(slices.Values(in.InstanceIds))))
		for _, i := range list {
			if i.Warm && !i.Retained() {
				return nil, nil, errNotMember(i.ID, g.Name)
			}
		}
		return g, list, err
	}
	i, ok := FindInstance(c, tx, *in.InstanceId)
	if !ok || in.AutoScalingGroupName != nil && i.Group != *in.AutoScalingGroupName {
		return nil, nil, errNoInstance(*in.InstanceId)
	}
	g, err := Find(c, tx, i.Group)
	return g, []*Instance{i}, err
}
