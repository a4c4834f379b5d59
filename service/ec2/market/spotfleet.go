package market

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// strategyNames are the allocation strategies of spot fleets, by what EC2
// fleets call them.
var strategyNames = map[string]string{
	"lowestPrice": lowestPrice, "diversified": diversified, "capacityOptimized": capacityOptimized,
	"capacityOptimizedPrioritized": capacityOptimizedPrioritized, "priceCapacityOptimized": priceCapacityOptimized, "prioritized": prioritized,
}

func requestSpotFleet(c *cloud.Call, tx store.Tx, in *api.RequestSpotFleetInput) (*api.RequestSpotFleetOutput, error) {
	if err := vpc.EnsureDefaults(c, tx); err != nil {
		return nil, err
	}
	config := &in.SpotFleetRequestConfig
	return resource.Once(c, tx, "RequestSpotFleet", config.ClientToken, in, func() (*api.RequestSpotFleetOutput, error) {
		f, err := newSpotFleet(c, tx, config)
		if err != nil {
			return nil, err
		}
		if err := resource.OnlyTags(config.TagSpecifications, f.kind()); err != nil {
			return nil, err
		}
		tags, err := resource.SpecifiedTags(config.TagSpecifications, f.kind())
		if err != nil {
			return nil, err
		}
		fleets.Put(tx, f)
		resource.Register(c, tx, f.kind(), f.ID, tags)
		note(c, tx, f, "fleetRequestChange", submitted, "", "")
		tx.After(time.Time{}, fleetController, f.key())
		return &api.RequestSpotFleetOutput{SpotFleetRequestId: &f.ID}, nil
	})
}

// newSpotFleet is the fleet that a configuration describes.
func newSpotFleet(c *cloud.Call, r store.Reader, in *api.SpotFleetRequestConfigData) (*fleet, error) {
	f := &fleet{
		Account: c.Account, Region: c.Region, ID: newFleetID(c, "sfr"), SpotFleet: true, Type: cloud.Or(in.Type, "maintain"), State: submitted, Created: c.Now,
		From: cloud.Or(in.ValidFrom, time.Time{}), Until: cloud.Or(in.ValidUntil, time.Time{}), EndsWithIt: cloud.Or(in.TerminateInstancesWithExpiration, false),
		Excess: excessOf(in.ExcessCapacityTerminationPolicy), Replace: cloud.Or(in.ReplaceUnhealthyInstances, false), Behavior: cloud.Or(in.InstanceInterruptionBehavior, "terminate"),
		Spot:     strategy{Name: strategyNames[cloud.Or(in.AllocationStrategy, "lowestPrice")], Pools: int(cloud.Or(in.InstancePoolsToUseCount, 1)), MostPrice: cloud.Or(in.SpotMaxTotalPrice, "")},
		OnDemand: strategy{Name: strategyNames[cloud.Or(in.OnDemandAllocationStrategy, "lowestPrice")], Pools: 1, MostPrice: cloud.Or(in.OnDemandMaxTotalPrice, "")},
		Target:   target{Total: float64(in.TargetCapacity), OnDemand: float64(cloud.Or(in.OnDemandTargetCapacity, 0)), Default: "spot", Unit: cloud.Or(in.TargetCapacityUnitType, "")},
	}
	if m := in.SpotMaintenanceStrategies; m != nil && m.CapacityRebalance != nil {
		f.Rebalance = cloud.Or(m.CapacityRebalance.ReplacementStrategy, "launch")
		f.Delay = time.Duration(cloud.Or(m.CapacityRebalance.TerminationDelay, 0)) * time.Second
	}
	role, ok := cloud.ParseARN(in.IamFleetRole)
	switch {
	case !ok || role.Service != "iam" || !strings.HasPrefix(role.Resource, "role/"):
		return nil, resource.Errorf("InvalidSpotFleetRequestConfig", "Parameter: SpotFleetRequestConfig.IamFleetRole is invalid.")
	case f.Type != "maintain" && f.Type != "request":
		return nil, resource.Errorf("InvalidSpotFleetRequestConfig", "Parameter: SpotFleetRequestConfig.Type is invalid.")
	case f.Target.Total < 0 || f.Target.OnDemand < 0 || f.Target.OnDemand > f.Target.Total:
		return nil, resource.Errorf("InvalidSpotFleetRequestConfig", "Parameter: SpotFleetRequestConfig.TargetCapacity is invalid.")
	case f.Spot.Name == "" || f.Spot.Name == prioritized:
		return nil, resource.Errorf("InvalidSpotFleetRequestConfig", "Parameter: SpotFleetRequestConfig.AllocationStrategy is invalid.")
	case f.OnDemand.Name != lowestPrice && f.OnDemand.Name != prioritized:
		return nil, resource.Errorf("InvalidSpotFleetRequestConfig", "Parameter: SpotFleetRequestConfig.OnDemandAllocationStrategy is invalid.")
	case !f.Until.IsZero() && !f.Until.After(c.Now):
		return nil, resource.Errorf("InvalidSpotFleetRequestConfig", "Parameter: SpotFleetRequestConfig.ValidUntil is invalid.")
	case checkPrice(cloud.Or(in.SpotPrice, "")) != nil:
		return nil, resource.Errorf("InvalidSpotFleetRequestConfig", "Parameter: SpotFleetRequestConfig.SpotPrice is invalid.")
	case in.LoadBalancersConfig != nil:
		return nil, resource.Unsupported("Spot fleets cannot register instances with load balancers here.")
	}
	if err := f.checkOptions(); err != nil {
		return nil, err
	}
	var err error
	if f.Pools, err = spotPools(c, r, in); err != nil {
		return nil, err
	}
	if err := f.measure(); err != nil {
		return nil, err
	}
	f.Config, err = json.Marshal(in)
	return f, err
}

// excessOf is a termination policy as EC2 fleets name it.
func excessOf(s *string) string {
	if strings.EqualFold(cloud.Or(s, "default"), "noTermination") {
		return "no-termination"
	}
	return "termination"
}

// spotPools are the pools of a spot fleet's launch specifications, or of its
// launch templates.
func spotPools(c *cloud.Call, r store.Reader, in *api.SpotFleetRequestConfigData) (pools []pool, err error) {
	if (len(in.LaunchSpecifications) > 0) == (len(in.LaunchTemplateConfigs) > 0) {
		return nil, resource.Errorf("InvalidSpotFleetRequestConfig", "Exactly one of LaunchSpecifications and LaunchTemplateConfigs must be specified.")
	}
	usual := cloud.Or(in.SpotPrice, "")
	var recipes []*recipe
	for n := range in.LaunchSpecifications {
		p, err := fromSpecification(c, &in.LaunchSpecifications[n], n)
		if err != nil {
			return nil, err
		}
		recipes = append(recipes, p)
	}
	for n, t := range in.LaunchTemplateConfigs {
		overrides := t.Overrides
		if len(overrides) == 0 {
			overrides = []api.LaunchTemplateOverrides{{}}
		}
		for _, o := range overrides {
			p, err := fromTemplate(c, r, t.LaunchTemplateSpecification, n)
			if err != nil {
				return nil, err
			}
			var wanted any
			if o.InstanceRequirements != nil {
				wanted = o.InstanceRequirements
			}
			if err := p.lay(c, o.InstanceType, o.SubnetId, o.AvailabilityZone, o.AvailabilityZoneId, o.SpotPrice, nil, o.WeightedCapacity, o.Priority, wanted); err != nil {
				return nil, err
			}
			recipes = append(recipes, p)
		}
	}
	for _, p := range recipes {
		if p.maxPrice == "" {
			p.maxPrice = usual
		}
		more, err := p.pools(c, r)
		if err != nil {
			return nil, err
		}
		pools = append(pools, more...)
	}
	if len(pools) > mostPools {
		return nil, resource.Errorf("InvalidSpotFleetRequestConfig", "The fleet has too many instance pools: %d.", len(pools))
	}
	return pools, nil
}

// fromSpecification is the recipe of a launch specification.
func fromSpecification(c *cloud.Call, spec *api.SpotFleetLaunchSpecification, config int) (*recipe, error) {
	bare := *spec
	bare.SecurityGroups, bare.SubnetId, bare.InstanceType = nil, nil, nil
	// Clients (Terraform is one) write what they do not set as "".
	if p := bare.IamInstanceProfile; p != nil && cloud.Or(p.Name, "") == "" && cloud.Or(p.Arn, "") == "" {
		bare.IamInstanceProfile = nil
	}
	in, err := convert[*api.RunInstancesInput](&bare)
	if err != nil {
		return nil, err
	}
	for _, g := range spec.SecurityGroups {
		in.SecurityGroupIds = append(in.SecurityGroupIds, cloud.Or(g.GroupId, ""))
	}
	var zone, zoneID *string
	if p := in.Placement; p != nil {
		zone, zoneID = p.AvailabilityZone, p.AvailabilityZoneId
		p.AvailabilityZone, p.AvailabilityZoneId = nil, nil
	}
	p := &recipe{base: in, launch: in, config: config}
	var wanted any
	if spec.InstanceRequirements != nil {
		wanted = spec.InstanceRequirements
	}
	return p, p.lay(c, spec.InstanceType, spec.SubnetId, zone, zoneID, spec.SpotPrice, nil, spec.WeightedCapacity, nil, wanted)
}

func modifySpotFleetRequest(c *cloud.Call, tx store.Tx, in *api.ModifySpotFleetRequestInput) (*api.ModifySpotFleetRequestOutput, error) {
	found, err := findFleet(c, tx, in.SpotFleetRequestId, true)
	if err != nil {
		return nil, err
	}
	if found.gone() || found.Type != "maintain" {
		return nil, resource.Errorf("InvalidSpotFleetRequestConfig", "Only active Spot fleet requests of type 'maintain' can be modified.")
	}
	f := new(*found)
	var config api.SpotFleetRequestConfigData
	if err := json.Unmarshal(f.Config, &config); err != nil {
		return nil, err
	}
	config.TargetCapacity = cloud.Or(in.TargetCapacity, config.TargetCapacity)
	config.Context = in.Context
	if in.OnDemandTargetCapacity != nil {
		config.OnDemandTargetCapacity = in.OnDemandTargetCapacity
	}
	if in.ExcessCapacityTerminationPolicy != nil {
		config.ExcessCapacityTerminationPolicy = in.ExcessCapacityTerminationPolicy
	}
	if len(in.LaunchTemplateConfigs) > 0 {
		config.LaunchSpecifications, config.LaunchTemplateConfigs = nil, in.LaunchTemplateConfigs
	}
	changed, err := newSpotFleet(c, tx, &config)
	if err != nil {
		return nil, err
	}
	old := f.Pools
	f.Config, f.Pools, f.Target, f.Excess, f.State = changed.Config, changed.Pools, changed.Target, changed.Excess, modifying
	renumber(tx, f, old)
	fleets.Put(tx, f)
	note(c, tx, f, "fleetRequestChange", "modify_in_progress", "", "")
	tx.After(time.Time{}, fleetController, f.key())
	return &api.ModifySpotFleetRequestOutput{Return: new(true)}, nil
}

func cancelSpotFleetRequests(c *cloud.Call, tx store.Tx, in *api.CancelSpotFleetRequestsInput) (*api.CancelSpotFleetRequestsOutput, error) {
	out := &api.CancelSpotFleetRequestsOutput{
		SuccessfulFleetRequests: []api.CancelSpotFleetRequestsSuccessItem{}, UnsuccessfulFleetRequests: []api.CancelSpotFleetRequestsErrorItem{},
	}
	for _, id := range in.SpotFleetRequestIds {
		f, err := findFleet(c, tx, id, true)
		if err != nil {
			out.UnsuccessfulFleetRequests = append(out.UnsuccessfulFleetRequests, api.CancelSpotFleetRequestsErrorItem{
				SpotFleetRequestId: &id, Error: &api.CancelSpotFleetRequestsError{Code: new("fleetRequestIdDoesNotExist"), Message: new(errNoSpotFleet(id).Message)},
			})
			continue
		}
		before := f.shownState()
		after := before
		if !f.gone() || in.TerminateInstances && f.State == deletedRunning {
			if err := end(c, tx, f, in.TerminateInstances); err != nil {
				return nil, err
			}
			after = map[bool]string{true: "cancelled_terminating", false: "cancelled_running"}[in.TerminateInstances]
		}
		out.SuccessfulFleetRequests = append(out.SuccessfulFleetRequests, api.CancelSpotFleetRequestsSuccessItem{SpotFleetRequestId: &id, CurrentSpotFleetRequestState: &after, PreviousSpotFleetRequestState: &before})
	}
	return out, nil
}

// shownState is the fleet's state as its API names it.
func (f *fleet) shownState() string {
	if f.SpotFleet && f.gone() {
		return strings.Replace(f.State, deleted, "cancelled", 1)
	}
	return f.State
}

func describeSpotFleetRequests(c *cloud.Call, r store.Reader, in *api.DescribeSpotFleetRequestsInput) (*api.DescribeSpotFleetRequestsOutput, error) {
	q := resource.Query{IDs: slices.Clone(in.SpotFleetRequestIds), Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: errNoSpotFleet}
	page, next, err := resource.List(c, r, q, fleetsOf(c, r, true), func(f *fleet) string { return f.ID }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSpotFleetRequestsOutput{NextToken: next, SpotFleetRequestConfigs: []api.SpotFleetRequestConfig{}}
	for _, f := range page {
		config := &api.SpotFleetRequestConfigData{}
		if err := json.Unmarshal(f.Config, config); err != nil {
			return nil, err
		}
		w := crewOf(c, r, f)
		config.FulfilledCapacity, config.OnDemandFulfilledCapacity = new(w.spot+w.onDemand), &w.onDemand
		out.SpotFleetRequestConfigs = append(out.SpotFleetRequestConfigs, api.SpotFleetRequestConfig{
			SpotFleetRequestId: &f.ID, SpotFleetRequestState: new(f.shownState()), CreateTime: &f.Created, ActivityStatus: optional(f.activity(w)),
			SpotFleetRequestConfig: config, Tags: resource.APITags(resource.Tags(c, r, f.ID)),
		})
	}
	return out, nil
}
