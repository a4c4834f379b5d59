package warm

import (
	"strconv"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutWarmPool.html
func putWarmPool(c *cloud.Call, tx store.Tx, in *api.PutWarmPoolInput) (*api.PutWarmPoolOutput, error) {
	g, err := group.Find(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	prepared := cloud.Or(in.MaxGroupPreparedCapacity, -1)
	switch {
	case g.Mixed != nil:
		return nil, group.Invalid("You can't add a warm pool to an Auto Scaling group that has a mixed instances policy.")
	case leaving(g):
		return nil, group.Invalid("The warm pool of the Auto Scaling group %s is being deleted.", g.Name)
	case prepared >= 0 && prepared < cloud.Or(in.MinSize, 0):
		return nil, group.Invalid("MaxGroupPreparedCapacity must be greater than or equal to MinSize.")
	}
	w := &api.WarmPoolConfiguration{MinSize: new(cloud.Or(in.MinSize, 0)), PoolState: new(cloud.Or(in.PoolState, api.WarmPoolStateStopped)), InstanceReusePolicy: in.InstanceReusePolicy}
	if prepared >= 0 { // -1 takes the limit away
		w.MaxGroupPreparedCapacity = &prepared
	}
	if spot, err := g.AsksForSpot(c, tx); err != nil {
		return nil, err
	} else if spot {
		return nil, group.Invalid("You can't add a warm pool to an Auto Scaling group that has a launch template or launch configuration that requests Spot Instances.")
	}
	d := g.Clone()
	d.WarmPool = w
	group.Put(tx, d)
	return &api.PutWarmPoolOutput{}, nil
}

// leaving tells whether a group's pool is being deleted.
func leaving(g *group.Group) bool {
	return g.WarmPool != nil && cloud.Or(g.WarmPool.Status, "") == api.WarmPoolStatusPendingDelete
}

func errNoPool(name string) *cloud.Error {
	return group.Invalid("No warm pool found for Auto Scaling group %s", name)
}

// deleteWarmPool ends a pool once its instances are gone, past their hooks;
// forced, it is gone at once and they follow.
func (r *room) deleteWarmPool(c *cloud.Call, tx store.Tx, in *api.DeleteWarmPoolInput) (*api.DeleteWarmPoolOutput, error) {
	g, err := group.Find(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if g.WarmPool == nil {
		return nil, errNoPool(g.Name)
	}
	force := cloud.Or(in.ForceDelete, false)
	if !force {
		for i := range group.Instances(tx, g) {
			if i.Warm && i.Activity != "" {
				return nil, api.ErrScalingActivityInProgressFault.New("Scaling activity %s is in progress and blocking this action", i.Activity)
			}
		}
	}
	d := g.Clone()
	if d.WarmPool = nil; !force {
		d.WarmPool = new(*g.WarmPool)
		d.WarmPool.Status = new(api.WarmPoolStatusPendingDelete)
	}
	group.Put(tx, d)
	for i := range group.Instances(tx, g) {
		if i.Warm && i.Leaving == nil {
			r.keeper.Terminate(c, tx, i, false, "At "+stamp(c.Now)+" an instance was taken out of the warm pool in response to a user request to delete the warm pool.")
		}
	}
	return &api.DeleteWarmPoolOutput{}, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func describeWarmPool(c *cloud.Call, r store.Reader, in *api.DescribeWarmPoolInput) (*api.DescribeWarmPoolOutput, error) {
	g, err := group.Find(c, r, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	limit := cloud.Or(in.MaxRecords, 50)
	if limit < 1 || limit > 50 {
		return nil, group.Invalid("The value of MaxRecords must be between 1 and 50")
	}
	page, next, ok := group.Members.Page(r, store.K(g.Account, g.Region, g.Name), cloud.Or(in.NextToken, ""), int(limit), func(i *group.Instance) bool { return i.Warm })
	if !ok {
		return nil, api.ErrInvalidNextToken.New("The token '%s' is invalid.", cloud.Or(in.NextToken, ""))
	}
	out := &api.DescribeWarmPoolOutput{WarmPoolConfiguration: g.WarmPool, Instances: []api.Instance{}}
	if next != "" {
		out.NextToken = &next
	}
	for _, i := range page {
		out.Instances = append(out.Instances, shown(i))
	}
	return out, nil
}

func shown(i *group.Instance) api.Instance {
	out := api.Instance{
		InstanceId: i.ID, InstanceType: &i.Type, AvailabilityZone: i.Zone, LifecycleState: i.State, HealthStatus: i.Health,
		LaunchTemplate: i.LaunchTemplate, ProtectedFromScaleIn: i.Protected,
	}
	if i.LaunchConfiguration != "" {
		out.LaunchConfigurationName = &i.LaunchConfiguration
	}
	if i.Weighted {
		out.WeightedCapacity = new(strconv.Itoa(int(i.Weight)))
	}
	return out
}
