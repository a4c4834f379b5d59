package group

import (
	"fmt"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

func setDesiredCapacity(c *cloud.Call, tx store.Tx, in *api.SetDesiredCapacityInput) (*cloud.Empty, error) {
	g, err := findLive(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	switch {
	case in.DesiredCapacity > g.Max:
		return nil, Invalid("New SetDesiredCapacity value %d is above max value %d for the AutoScalingGroup.", in.DesiredCapacity, g.Max)
	case in.DesiredCapacity < g.Min:
		return nil, Invalid("New SetDesiredCapacity value %d is below min value %d for the AutoScalingGroup.", in.DesiredCapacity, g.Min)
	}
	if until := g.Cooling(c.Now); cloud.Or(in.HonorCooldown, false) && !until.IsZero() {
		return nil, api.ErrScalingActivityInProgressFault.New("Scaling activity %s is in progress and blocks this action", g.lastActivity(tx))
	}
	SetDesired(tx, g, in.DesiredCapacity, ByUser(c.Now))
	return &cloud.Empty{}, nil
}

// lastActivity is the id of the group's latest activity.
func (g *Group) lastActivity(r store.Reader) string {
	for a := range Activities.ScanReverse(r, g.Account, g.Region, g.Name) {
		return a.ID
	}
	return ""
}

func setInstanceHealth(c *cloud.Call, tx store.Tx, in *api.SetInstanceHealthInput) (*cloud.Empty, error) {
	i, ok := FindInstance(c, tx, in.InstanceId)
	if !ok {
		return nil, errNoInstance(in.InstanceId)
	}
	if in.HealthStatus != healthy && in.HealthStatus != unhealthy {
		return nil, Invalid("1 validation error detected: Value '%s' at 'healthStatus' failed to satisfy constraint: Member must satisfy enum value set: [Healthy, Unhealthy]", in.HealthStatus)
	}
	g, err := Find(c, tx, i.Group)
	if err != nil {
		return nil, err
	}
	graced := i.InService.IsZero() || c.Now.Before(g.graceEnds(i))
	if in.HealthStatus == unhealthy && graced && g.Grace > 0 && cloud.Or(in.ShouldRespectGracePeriod, true) {
		return &cloud.Empty{}, nil
	}
	d := i.Clone()
	if d.Health, d.Why = in.HealthStatus, ""; d.Health == unhealthy {
		d.Why = whyUser
	}
	Members.Put(tx, d)
	Wake(tx, g, time.Time{})
	return &cloud.Empty{}, nil
}

func setInstanceProtection(c *cloud.Call, tx store.Tx, in *api.SetInstanceProtectionInput) (*api.SetInstanceProtectionOutput, error) {
	g, list, err := membersOf(c, tx, in.AutoScalingGroupName, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	for _, i := range list {
		if i.State != api.LifecycleStateInService && i.State != api.LifecycleStateStandby && i.State != api.LifecycleStatePending && !i.Ready() {
			return nil, Invalid("The instance %s is not in InService or EnteringStandby or Standby.", i.ID)
		}
		d := i.Clone()
		d.Protected = in.ProtectedFromScaleIn
		Members.Put(tx, d)
	}
	Wake(tx, g, time.Time{})
	return &api.SetInstanceProtectionOutput{}, nil
}

// membersOf are instances of one group, which must all be in it.
func membersOf(c *cloud.Call, r store.Reader, name string, ids []string) (*Group, []*Instance, error) {
	g, err := findLive(c, r, name)
	if err != nil {
		return nil, nil, err
	}
	var list []*Instance
	for _, id := range ids {
		i, ok := Members.Get(r, g.Account, g.Region, g.Name, id)
		if !ok {
			return nil, nil, errNotMember(id, name)
		}
		list = append(list, i)
	}
	return g, list, nil
}

// out takes instances out of a group in one of the ways that keep them alive.
func (k *Keeper) out(c *cloud.Call, tx store.Tx, name string, ids []string, decrement bool, to Exit) ([]api.Activity, error) {
	g, list, err := membersOf(c, tx, name, ids)
	if err != nil {
		return nil, err
	}
	lost := int32(0)
	for _, i := range list {
		if to == ToStandby && !i.Serving() || i.Leaving != nil || i.Warm || !i.Active() && i.State != api.LifecycleStateStandby && !i.Retained() {
			return nil, Invalid("The instance %s is not in InService.", i.ID)
		}
		if decrement && i.Retained() {
			return nil, errRetained(i.ID)
		}
		if i.Active() {
			lost += i.Weight
		}
	}
	if decrement && g.Desired-lost < g.Min {
		return nil, Invalid("Currently, desiredSize equals minSize (%d). Taking instances out without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.", g.Min)
	}
	out := []api.Activity{}
	verb, did := "Detaching EC2 instance: ", "detached"
	if to == ToStandby {
		verb, did = "Moving EC2 instance to Standby: ", "moved to standby"
	}
	for _, i := range list {
		cause := fmt.Sprintf("At %s instance %s was %s in response to a user request", stamp(c.Now), i.ID, did)
		if decrement && i.Active() {
			cause += fmt.Sprintf(", shrinking the capacity from %d to %d", g.Desired, g.Desired-i.Weight)
			d := g.Clone()
			d.Desired -= i.Weight
			Groups.Put(tx, d)
			g = d
		}
		a := k.leave(c, tx, g, i, Leaving{To: to, Shrinks: decrement}, verb+i.ID, cause+".")
		out = append(out, a.API(c))
	}
	return out, nil
}

func (k *Keeper) detachInstances(c *cloud.Call, tx store.Tx, in *api.DetachInstancesInput) (*api.DetachInstancesOutput, error) {
	list, err := k.out(c, tx, in.AutoScalingGroupName, in.InstanceIds, in.ShouldDecrementDesiredCapacity, ToDetach)
	return &api.DetachInstancesOutput{Activities: list}, err
}

func (k *Keeper) enterStandby(c *cloud.Call, tx store.Tx, in *api.EnterStandbyInput) (*api.EnterStandbyOutput, error) {
	list, err := k.out(c, tx, in.AutoScalingGroupName, in.InstanceIds, in.ShouldDecrementDesiredCapacity, ToStandby)
	return &api.EnterStandbyOutput{Activities: list}, err
}

func (k *Keeper) exitStandby(c *cloud.Call, tx store.Tx, in *api.ExitStandbyInput) (*api.ExitStandbyOutput, error) {
	g, list, err := membersOf(c, tx, in.AutoScalingGroupName, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	more := int32(0)
	for _, i := range list {
		if i.State != api.LifecycleStateStandby {
			return nil, Invalid("The instance %s is not in Standby.", i.ID)
		}
		more += i.Weight
	}
	if g.Desired+more > g.Max {
		return nil, Invalid("AutoScalingGroup '%s' has min-size=%d, max-size=%d, and desired-size=%d. To place into service %d more instance(s), please update the AutoScalingGroup sizes appropriately.", g.Name, g.Min, g.Max, g.Desired, len(list))
	}
	out := &api.ExitStandbyOutput{Activities: []api.Activity{}}
	for _, i := range list {
		cause := fmt.Sprintf("At %s instance %s was moved out of standby in response to a user request, increasing the capacity from %d to %d.", stamp(c.Now), i.ID, g.Desired, g.Desired+i.Weight)
		g = k.bring(c, tx, g, i.Clone(), "Moving EC2 instance out of Standby: "+i.ID, cause, out)
	}
	return out, nil
}

// bring has an instance come into service without its hooks, and the group want
// it.
func (k *Keeper) bring(c *cloud.Call, tx store.Tx, g *Group, i *Instance, description, cause string, out *api.ExitStandbyOutput) *Group {
	d := g.Clone()
	d.Desired += i.Weight
	Put(tx, d)
	a := Begin(c, tx, d, Activity{Instance: i.ID, Description: description, Cause: cause, Status: api.ScalingActivityStatusCodePreInService, Progress: 30, Details: details(i.Subnet, i.Zone)})
	i.Activity, i.Plain, i.Health, i.Why = a.ID, true, healthy, ""
	k.become(c, tx, d, i, api.LifecycleStatePending)
	out.Activities = append(out.Activities, a.API(c))
	return d
}

// attachInstances makes running instances members of a group, which grows by
// them.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/attach-instance-asg.html
func (k *Keeper) attachInstances(c *cloud.Call, tx store.Tx, in *api.AttachInstancesInput) (*cloud.Empty, error) {
	g, err := findLive(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if len(in.InstanceIds) == 0 {
		return nil, Invalid("At least one instance ID must be provided.")
	}
	if n := g.Desired + int32(len(in.InstanceIds)); n > g.Max {
		return nil, Invalid("AutoScalingGroup '%s' has min-size=%d, max-size=%d, and desired-size=%d. Attaching %d more instance(s) would exceed the maximum size.", g.Name, g.Min, g.Max, g.Desired, len(in.InstanceIds))
	}
	for _, id := range in.InstanceIds {
		i, err := attachable(c, tx, g, id)
		if err != nil {
			return nil, err
		}
		cause := fmt.Sprintf("At %s instance %s was attached in response to a user request, increasing the capacity from %d to %d.", stamp(c.Now), id, g.Desired, g.Desired+1)
		g = k.bring(c, tx, g, i, "Attaching an existing EC2 instance: "+id, cause, &api.ExitStandbyOutput{})
		if err := mark(identity.AsAccount(c), g, id); err != nil {
			return nil, err
		}
	}
	return &cloud.Empty{}, nil
}

// attachable is a new member for an instance that may become one.
func attachable(c *cloud.Call, tx store.Tx, g *Group, id string) (*Instance, error) {
	if o, ok := FindInstance(c, tx, id); ok {
		return nil, Invalid("Instance %s is already part of AutoScalingGroup:%s", id, o.Group)
	}
	out, err := ec2.DescribeInstances.Call(identity.AsAccount(c), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if refused, err := settled(err); refused {
		return nil, Invalid("Invalid Instance ID: %s. The instance ID does not exist", id)
	} else if err != nil {
		return nil, err
	}
	e := out.Reservations[0].Instances[0]
	zone := *e.Placement.AvailabilityZone
	switch {
	case *e.State.Name != ec2.InstanceStateNameRunning:
		return nil, Invalid("Instance %s is not in correct state. Instance(s) must be in 'running' state.", id)
	case !(&scene{Group: g}).in(zone):
		return nil, Invalid("The availability zone of instance %s, %s, is not one of the AutoScalingGroup's.", id, zone)
	}
	return &Instance{
		Account: g.Account, Region: g.Region, Group: g.Name, ID: id, Zone: zone, Subnet: cloud.Or(e.SubnetId, ""), Type: cloud.Or(e.InstanceType, ""),
		Health: healthy, Weight: 1, Protected: g.Protect, Launched: cloud.Or(e.LaunchTime, c.Now), Spot: cloud.Or(e.InstanceLifecycle, "") == "spot",
	}, nil
}
