package group

import (
	"cmp"
	"slices"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// attach adds sources to a group; its instances are registered by the
// controller. Those that it has already stay as they are. skip leaves out the
// check of what a zonal shift would do.
func attach(c *cloud.Call, tx store.Tx, name string, list []Source, skip *bool) error {
	g, err := findLive(c, tx, name)
	if err != nil {
		return err
	}
	if err := checkSources(c, list); err != nil {
		return err
	}
	d := g.Clone()
	for _, b := range list {
		if d.source(b.ID) != nil {
			continue
		}
		b.State = sourceAdding
		d.Balancers = append(slices.DeleteFunc(d.Balancers, func(o Source) bool { return o.ID == b.ID }), b)
	}
	if err := checkCrossing(c, d, skip); err != nil {
		return err
	}
	Put(tx, d)
	return nil
}

// detach takes sources off a group, and its instances out of them.
func detach(c *cloud.Call, tx store.Tx, name string, ids []string, unknown func(id string) *cloud.Error) error {
	g, err := findLive(c, tx, name)
	if err != nil {
		return err
	}
	d := g.Clone()
	for _, id := range ids {
		b := d.source(id)
		if b == nil {
			return unknown(id)
		}
		b.State = sourceRemoving
	}
	Put(tx, d)
	return nil
}

func attachLoadBalancers(c *cloud.Call, tx store.Tx, in *api.AttachLoadBalancersInput) (*api.AttachLoadBalancersOutput, error) {
	var list []Source
	for _, n := range in.LoadBalancerNames {
		list = append(list, Source{Type: classic, ID: n})
	}
	return &api.AttachLoadBalancersOutput{}, attach(c, tx, in.AutoScalingGroupName, list, new(true))
}

func attachTargetGroups(c *cloud.Call, tx store.Tx, in *api.AttachLoadBalancerTargetGroupsInput) (*api.AttachLoadBalancerTargetGroupsOutput, error) {
	var list []Source
	for _, n := range in.TargetGroupARNs {
		list = append(list, Source{Type: targetGroup, ID: n})
	}
	return &api.AttachLoadBalancerTargetGroupsOutput{}, attach(c, tx, in.AutoScalingGroupName, list, new(true))
}

func attachTrafficSources(c *cloud.Call, tx store.Tx, in *api.AttachTrafficSourcesInput) (*api.AttachTrafficSourcesOutput, error) {
	var list []Source
	for _, t := range in.TrafficSources {
		list = append(list, Source{Type: sourceType(t), ID: t.Identifier})
	}
	return &api.AttachTrafficSourcesOutput{}, attach(c, tx, in.AutoScalingGroupName, list, in.SkipZonalShiftValidation)
}

func detachLoadBalancers(c *cloud.Call, tx store.Tx, in *api.DetachLoadBalancersInput) (*api.DetachLoadBalancersOutput, error) {
	return &api.DetachLoadBalancersOutput{}, detach(c, tx, in.AutoScalingGroupName, in.LoadBalancerNames, func(id string) *cloud.Error {
		return Invalid("Trying to remove Load Balancers that are not part of the group: %s", id)
	})
}

func detachTargetGroups(c *cloud.Call, tx store.Tx, in *api.DetachLoadBalancerTargetGroupsInput) (*api.DetachLoadBalancerTargetGroupsOutput, error) {
	return &api.DetachLoadBalancerTargetGroupsOutput{}, detach(c, tx, in.AutoScalingGroupName, in.TargetGroupARNs, func(id string) *cloud.Error {
		return Invalid("Trying to remove Target Groups that are not part of the group: %s", id)
	})
}

func detachTrafficSources(c *cloud.Call, tx store.Tx, in *api.DetachTrafficSourcesInput) (*api.DetachTrafficSourcesOutput, error) {
	var ids []string
	for _, t := range in.TrafficSources {
		ids = append(ids, t.Identifier)
	}
	return &api.DetachTrafficSourcesOutput{}, detach(c, tx, in.AutoScalingGroupName, ids, func(id string) *cloud.Error {
		return Invalid("Trying to remove traffic sources that are not part of the group: %s", id)
	})
}

func describeLoadBalancers(c *cloud.Call, r store.Reader, in *api.DescribeLoadBalancersInput) (*api.DescribeLoadBalancersOutput, error) {
	list, err := sourcesOf(c, r, in.AutoScalingGroupName, classic)
	if err != nil {
		return nil, err
	}
	var all []api.LoadBalancerState
	for _, b := range list {
		all = append(all, api.LoadBalancerState{LoadBalancerName: &b.ID, State: &b.State})
	}
	part, next, err := page(all, cmp.Or(in.MaxRecords, new(int32(largestPage))), in.NextToken, func(s api.LoadBalancerState) string { return *s.LoadBalancerName })
	return &api.DescribeLoadBalancersOutput{LoadBalancers: part, NextToken: next}, err
}

func describeTargetGroups(c *cloud.Call, r store.Reader, in *api.DescribeLoadBalancerTargetGroupsInput) (*api.DescribeLoadBalancerTargetGroupsOutput, error) {
	list, err := sourcesOf(c, r, in.AutoScalingGroupName, targetGroup)
	if err != nil {
		return nil, err
	}
	var all []api.LoadBalancerTargetGroupState
	for _, b := range list {
		all = append(all, api.LoadBalancerTargetGroupState{LoadBalancerTargetGroupARN: &b.ID, State: &b.State})
	}
	part, next, err := page(all, cmp.Or(in.MaxRecords, new(int32(largestPage))), in.NextToken, func(s api.LoadBalancerTargetGroupState) string { return *s.LoadBalancerTargetGroupARN })
	return &api.DescribeLoadBalancerTargetGroupsOutput{LoadBalancerTargetGroups: part, NextToken: next}, err
}

func describeTrafficSources(c *cloud.Call, r store.Reader, in *api.DescribeTrafficSourcesInput) (*api.DescribeTrafficSourcesOutput, error) {
	list, err := sourcesOf(c, r, in.AutoScalingGroupName, cloud.Or(in.TrafficSourceType, ""))
	if err != nil {
		return nil, err
	}
	var all []api.TrafficSourceState
	for _, b := range list {
		all = append(all, api.TrafficSourceState{TrafficSource: &b.ID, Identifier: &b.ID, Type: &b.Type, State: &b.State})
	}
	if _, err := pageSize(in.MaxRecords, usualPage); err != nil {
		return nil, err
	}
	part, next, err := page(all, in.MaxRecords, in.NextToken, func(s api.TrafficSourceState) string { return *s.Identifier })
	return &api.DescribeTrafficSourcesOutput{TrafficSources: part, NextToken: next}, err
}

// sourcesOf are a group's sources of a type; of all types where it is "".
func sourcesOf(c *cloud.Call, r store.Reader, name, kind string) (list []Source, err error) {
	g, err := Find(c, r, name)
	if err != nil {
		return nil, err
	}
	for _, b := range g.Balancers {
		if kind == "" || b.Type == kind {
			list = append(list, b)
		}
	}
	slices.SortFunc(list, func(a, b Source) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}
