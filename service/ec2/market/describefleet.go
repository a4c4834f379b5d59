package market

import (
	"cmp"
	"encoding/json"
	"iter"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// fleetsOf yields the fleets of one kind.
func fleetsOf(c *cloud.Call, r store.Reader, spot bool) iter.Seq[*fleet] {
	return func(yield func(*fleet) bool) {
		for f := range fleets.Scan(r, c.Account, c.Region) {
			if f.SpotFleet == spot && !yield(f) {
				return
			}
		}
	}
}

func describeFleets(c *cloud.Call, r store.Reader, in *api.DescribeFleetsInput) (*api.DescribeFleetsOutput, error) {
	q := resource.Query{IDs: in.FleetIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: errNoFleet}
	list := func(yield func(*fleet) bool) {
		for f := range fleetsOf(c, r, false) {
			if (len(in.FleetIds) > 0 || f.Type != "instant") && !yield(f) { // instant ones are shown to those who know them
				return
			}
		}
	}
	page, next, err := resource.List(c, r, q, list, func(f *fleet) string { return f.ID }, resource.Fields[fleet]{
		"activity-status":                    resource.One(func(f *fleet) string { return f.activity(crewOf(c, r, f)) }),
		"excess-capacity-termination-policy": resource.One(func(f *fleet) string { return f.Excess }),
		"fleet-state":                        resource.One(func(f *fleet) string { return f.State }),
		"replace-unhealthy-instances":        resource.Flag(func(f *fleet) bool { return f.Replace }),
		"type":                               resource.One(func(f *fleet) string { return f.Type }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeFleetsOutput{NextToken: next, Fleets: []api.FleetData{}}
	for _, f := range page {
		shown, err := f.api(c, r)
		if err != nil {
			return nil, err
		}
		out.Fleets = append(out.Fleets, shown)
	}
	return out, nil
}

// api is an EC2 fleet as AWS shows it.
func (f *fleet) api(c *cloud.Call, r store.Reader) (out api.FleetData, err error) {
	if out, err = convert[api.FleetData](json.RawMessage(f.Config)); err != nil {
		return out, err
	}
	w := crewOf(c, r, f)
	out.FleetId, out.FleetState, out.CreateTime, out.ActivityStatus = &f.ID, &f.State, &f.Created, optional(f.activity(w))
	out.ClientToken, out.ExcessCapacityTerminationPolicy, out.Type = optional(f.Token), &f.Excess, &f.Type
	out.FulfilledCapacity, out.FulfilledOnDemandCapacity = new(w.spot+w.onDemand), &w.onDemand
	out.TargetCapacitySpecification = &api.TargetCapacitySpecification{
		TotalTargetCapacity: new(int32(f.Target.Total)), OnDemandTargetCapacity: new(int32(f.Target.OnDemand)), SpotTargetCapacity: new(int32(f.Target.spot())),
		DefaultTargetCapacityType: &f.Target.Default, TargetCapacityUnitType: optional(f.Target.Unit),
	}
	out.ReplaceUnhealthyInstances, out.TerminateInstancesWithExpiration = &f.Replace, &f.EndsWithIt
	out.Tags = resource.APITags(resource.Tags(c, r, f.ID))
	f.showStrategies(&out)
	if f.Type == "instant" {
		out.Instances = f.groups(r)
		for _, e := range f.Errors {
			out.Errors = append(out.Errors, f.failed(e))
		}
	}
	return out, nil
}

// showStrategies adds how the fleet chooses where its request left that open.
// The lowest price is shown in the spelling that AWS answers with.
func (f *fleet) showStrategies(out *api.FleetData) {
	if out.SpotOptions == nil {
		out.SpotOptions = &api.SpotOptions{}
	}
	if out.OnDemandOptions == nil {
		out.OnDemandOptions = &api.OnDemandOptions{}
	}
	spot, onDemand := out.SpotOptions, out.OnDemandOptions
	spot.AllocationStrategy, onDemand.AllocationStrategy = &f.Spot.Name, &f.OnDemand.Name
	spot.InstanceInterruptionBehavior = new(cmp.Or(f.Behavior, "terminate"))
	if f.Spot.Name == lowestPrice {
		spot.AllocationStrategy, spot.InstancePoolsToUseCount = new(api.AllocationStrategyLowestPrice), new(int32(f.Spot.Pools))
	}
	if f.OnDemand.Name == lowestPrice {
		onDemand.AllocationStrategy = new(api.AllocationStrategyLowestPrice)
	}
}

// groups are the instances of a fleet by the pool and market that they are of.
func (f *fleet) groups(r store.Reader) (list []api.DescribeFleetsInstances) {
	type group struct {
		pool int
		spot bool
	}
	at := map[group]int{}
	for m := range members.Scan(r, f.Account, f.Region, f.ID) {
		if m.Leaving {
			continue
		}
		g := group{m.Pool, m.Spot}
		n, ok := at[g]
		if !ok {
			n = len(list)
			at[g] = n
			list = append(list, api.DescribeFleetsInstances{InstanceType: &m.Type, Lifecycle: lifecycle(m.Spot), LaunchTemplateAndOverrides: f.launched(m.Pool)})
		}
		list[n].InstanceIds = append(list[n].InstanceIds, m.Instance)
	}
	return list
}

func lifecycle(spot bool) *string {
	if spot {
		return new("spot")
	}
	return new("on-demand")
}

// launched is what a pool was launched with; nil where that is not known.
func (f *fleet) launched(pool int) *api.LaunchTemplateAndOverridesResponse {
	if pool < 0 || pool >= len(f.Pools) {
		return nil
	}
	p := &f.Pools[pool]
	in, o := api.RunInstancesInput{}, api.FleetLaunchTemplateOverrides{}
	if json.Unmarshal(p.Launch, &in) != nil || json.Unmarshal(p.Override, &o) != nil || in.LaunchTemplate == nil {
		return nil
	}
	o.InstanceType, o.InstanceRequirements = &p.Type, nil
	byID := o.AvailabilityZoneId != nil
	o.AvailabilityZone, o.AvailabilityZoneId = nil, nil
	switch {
	case p.Subnet != "":
	case byID:
		o.AvailabilityZoneId = resource.ZoneID(p.Zone)
	default:
		o.AvailabilityZone = &p.Zone
	}
	o.SubnetId = optional(p.Subnet)
	t := in.LaunchTemplate
	return &api.LaunchTemplateAndOverridesResponse{
		LaunchTemplateSpecification: &api.FleetLaunchTemplateSpecification{LaunchTemplateId: t.LaunchTemplateId, LaunchTemplateName: t.LaunchTemplateName, Version: t.Version},
		Overrides:                   &o,
	}
}

func (f *fleet) failed(e failure) api.DescribeFleetError {
	return api.DescribeFleetError{LaunchTemplateAndOverrides: f.launched(e.Pool), Lifecycle: lifecycle(e.Spot), ErrorCode: &e.Code, ErrorMessage: &e.Message}
}

// crewPage is a page of a fleet's members.
func crewPage(c *cloud.Call, r store.Reader, f *fleet, filters []api.Filter, most *int32, token *string) ([]api.ActiveInstance, *string, error) {
	w := crewOf(c, r, f)
	all := func(yield func(*member) bool) {
		for _, m := range w.list {
			if !yield(m) {
				return
			}
		}
	}
	page, next, err := resource.List(c, r, resource.Query{Filters: filters, Max: most, Token: token, Least: 1}, all, func(m *member) string { return m.Instance }, resource.Fields[member]{
		"instance-type": resource.One(func(m *member) string { return m.Type }),
	})
	if err != nil {
		return nil, nil, err
	}
	out := []api.ActiveInstance{}
	for _, m := range page {
		i := w.on[m.Instance]
		out = append(out, api.ActiveInstance{InstanceId: &m.Instance, InstanceType: &m.Type, SpotInstanceRequestId: optional(i.SpotRequest), InstanceHealth: new(health(i))})
	}
	return out, next, nil
}

func health(i *instance.Instance) string {
	if i.State == instance.Running || i.State == instance.Pending {
		return "healthy"
	}
	return "unhealthy"
}

func describeFleetInstances(c *cloud.Call, r store.Reader, in *api.DescribeFleetInstancesInput) (*api.DescribeFleetInstancesOutput, error) {
	f, err := findFleet(c, r, in.FleetId, false)
	if err != nil {
		return nil, err
	}
	list, next, err := crewPage(c, r, f, in.Filters, in.MaxResults, in.NextToken)
	return &api.DescribeFleetInstancesOutput{FleetId: &f.ID, ActiveInstances: list, NextToken: next}, err
}

func describeSpotFleetInstances(c *cloud.Call, r store.Reader, in *api.DescribeSpotFleetInstancesInput) (*api.DescribeSpotFleetInstancesOutput, error) {
	f, err := findFleet(c, r, in.SpotFleetRequestId, true)
	if err != nil {
		return nil, err
	}
	list, next, err := crewPage(c, r, f, nil, in.MaxResults, in.NextToken)
	return &api.DescribeSpotFleetInstancesOutput{SpotFleetRequestId: &f.ID, ActiveInstances: list, NextToken: next}, err
}

// created is a group of an instant fleet as CreateFleet answers it.
func (f *fleet) created(c *cloud.Call, r store.Reader, g api.DescribeFleetsInstances) api.CreateFleetInstance {
	out := api.CreateFleetInstance{
		InstanceIds: g.InstanceIds, InstanceType: g.InstanceType, LaunchTemplateAndOverrides: g.LaunchTemplateAndOverrides, Lifecycle: g.Lifecycle, Platform: g.Platform,
	}
	if len(g.InstanceIds) == 0 {
		return out
	}
	if i, err := instance.Find(c, r, g.InstanceIds[0]); err == nil {
		out.AvailabilityZone, out.AvailabilityZoneId = &i.Zone, resource.ZoneID(i.Zone)
	}
	for _, n := range vpc.InterfacesOf(c, r, g.InstanceIds[0]) {
		if n.Attachment.Index == 0 {
			out.SubnetId = &n.Subnet
		}
	}
	return out
}
