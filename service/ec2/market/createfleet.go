package market

import (
	"encoding/json"
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// createFleet makes a fleet. One of type instant launches at once, as whoever
// asks, and answers what it got; the others are kept by their controller.
func (s *Room) createFleet(c *cloud.Call, in *api.CreateFleetInput) (*api.CreateFleetOutput, error) {
	var f *fleet
	repeated := false
	err := c.Update(func(tx store.Tx) error {
		if err := vpc.EnsureDefaults(c, tx); err != nil {
			return err
		}
		repeated = true
		id, err := resource.Once(c, tx, "CreateFleet", in.ClientToken, in, func() (string, error) {
			repeated = false
			return makeFleet(c, tx, in)
		})
		if err != nil {
			return err
		}
		f, err = findFleet(c, tx, id, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &api.CreateFleetOutput{FleetId: &f.ID}
	if f.Type != "instant" {
		return out, nil
	}
	if !repeated {
		if err := s.launchInstant(c, f); err != nil {
			return nil, err
		}
	}
	return out, c.View(func(r store.Reader) error {
		now, err := findFleet(c, r, f.ID, false)
		if err != nil {
			return err
		}
		for _, g := range now.groups(r) {
			out.Instances = append(out.Instances, now.created(c, r, g))
		}
		for _, e := range now.Errors {
			out.Errors = append(out.Errors, api.CreateFleetError(now.failed(e)))
		}
		return nil
	})
}

// launchInstant launches what an instant fleet was asked for, or nothing where
// that is less than its minimum.
func (s *Room) launchInstant(c *cloud.Call, f *fleet) error {
	failures := s.buy(c, f, &crew{})
	if err := remember(c, f, failures); err != nil {
		return err
	}
	return c.Update(func(tx store.Tx) error {
		w := crewOf(c, tx, f)
		if !f.Target.Minimum || w.spot >= f.Target.MinSpot && w.onDemand >= f.Target.MinOD {
			return nil
		}
		for _, m := range w.list {
			if err := f.dismiss(c, tx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// makeFleet writes a new EC2 fleet.
func makeFleet(c *cloud.Call, tx store.Tx, in *api.CreateFleetInput) (string, error) {
	f := &fleet{
		Account: c.Account, Region: c.Region, ID: newFleetID(c, "fleet"), Type: cloud.Or(in.Type, "maintain"), State: submitted, Created: c.Now,
		From: cloud.Or(in.ValidFrom, time.Time{}), Until: cloud.Or(in.ValidUntil, time.Time{}), EndsWithIt: cloud.Or(in.TerminateInstancesWithExpiration, false),
		Excess: cloud.Or(in.ExcessCapacityTerminationPolicy, "termination"), Replace: cloud.Or(in.ReplaceUnhealthyInstances, false), Token: cloud.Or(in.ClientToken, ""),
		Spot: strategy{Name: lowestPrice, Pools: 1}, OnDemand: strategy{Name: lowestPrice, Pools: 1},
	}
	if !slices.Contains([]string{"instant", "request", "maintain"}, f.Type) {
		return "", resource.Invalid(f.Type, "Type")
	}
	var err error
	if f.Target, err = targetOf(in.TargetCapacitySpecification); err != nil {
		return "", err
	}
	if err = f.setOptions(in); err != nil {
		return "", err
	}
	if f.Pools, err = configured(c, tx, f.Type, in.LaunchTemplateConfigs); err != nil {
		return "", err
	}
	if err = f.measure(); err != nil {
		return "", err
	}
	if f.Type == "instant" {
		f.State = active
		if err := tagLaunches(f.Pools, in.TagSpecifications); err != nil {
			return "", err
		}
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, "fleet")
	if err != nil {
		return "", err
	}
	if f.Config, err = json.Marshal(in); err != nil {
		return "", err
	}
	fleets.Put(tx, f)
	resource.Register(c, tx, "fleet", f.ID, tags)
	note(c, tx, f, "fleetRequestChange", submitted, "", "")
	if f.Type != "instant" {
		tx.After(time.Time{}, fleetController, f.key())
	}
	return f.ID, nil
}

// tagLaunches has the instances of an instant fleet get its tags.
func tagLaunches(pools []pool, specs []api.TagSpecification) error {
	var own []api.TagSpecification
	for _, s := range specs {
		if cloud.Or(s.ResourceType, "") != "fleet" {
			own = append(own, s)
		}
	}
	for n := range pools {
		if len(own) == 0 {
			return nil
		}
		in := &api.RunInstancesInput{}
		if err := json.Unmarshal(pools[n].Launch, in); err != nil {
			return err
		}
		in.TagSpecifications = own
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		pools[n].Launch = body
	}
	return nil
}

// targetOf reads a target capacity. What is in neither part belongs to the
// default one.
func targetOf(s api.TargetCapacitySpecificationRequest) (t target, err error) {
	t = target{Total: float64(s.TotalTargetCapacity), Default: cloud.Or(s.DefaultTargetCapacityType, "on-demand"), Unit: cloud.Or(s.TargetCapacityUnitType, "")}
	spot := float64(cloud.Or(s.SpotTargetCapacity, 0))
	t.OnDemand = float64(cloud.Or(s.OnDemandTargetCapacity, 0))
	rest := t.Total - spot - t.OnDemand
	switch {
	case t.Default != "spot" && t.Default != "on-demand":
		return t, resource.Invalid(t.Default, "DefaultTargetCapacityType")
	case t.Total < 0 || spot < 0 || t.OnDemand < 0:
		return t, resource.Errorf("InvalidParameterValue", "The target capacity must not be negative.")
	case rest < 0:
		return t, resource.Errorf("InvalidTargetCapacitySpecification", "TotalTargetCapacity must not be less than the sum of OnDemandTargetCapacity and SpotTargetCapacity.")
	}
	if t.Default == "on-demand" {
		t.OnDemand += rest
	}
	return t, nil
}

// measure weighs the pools by what the target is counted in, where that is not
// units: a type's vCPUs or its memory.
func (f *fleet) measure() error {
	if f.Target.Unit == "" || f.Target.Unit == "units" {
		return nil
	}
	for n := range f.Pools {
		p := &f.Pools[n]
		t, _ := instance.FindType(p.Type)
		switch f.Target.Unit {
		case "vcpu":
			p.Weight = float64(t.VCPUs)
		case "memory-mib":
			p.Weight = float64(t.MemoryMiB)
		default:
			return resource.Invalid(f.Target.Unit, "TargetCapacityUnitType")
		}
	}
	return nil
}

// strategyName is an allocation strategy by the name that this package has for
// it: clients write lowest-price in either spelling.
func strategyName(s *string) string {
	if name := cloud.Or(s, lowestPrice); name != api.AllocationStrategyLowestPrice {
		return name
	}
	return lowestPrice
}

// setOptions reads SpotOptions and OnDemandOptions.
func (f *fleet) setOptions(in *api.CreateFleetInput) error {
	if o := in.SpotOptions; o != nil {
		f.Spot = strategy{
			Name: strategyName(o.AllocationStrategy), Pools: int(cloud.Or(o.InstancePoolsToUseCount, 1)),
			OneType: cloud.Or(o.SingleInstanceType, false), OneZone: cloud.Or(o.SingleAvailabilityZone, false), MostPrice: cloud.Or(o.MaxTotalPrice, ""),
		}
		f.Behavior = cloud.Or(o.InstanceInterruptionBehavior, "terminate")
		if m := o.MinTargetCapacity; cloud.Or(m, 0) > 0 {
			f.Target.Minimum, f.Target.MinSpot = true, float64(*m)
		}
		if m := o.MaintenanceStrategies; m != nil && m.CapacityRebalance != nil {
			f.Rebalance = cloud.Or(m.CapacityRebalance.ReplacementStrategy, "launch")
			f.Delay = time.Duration(cloud.Or(m.CapacityRebalance.TerminationDelay, 0)) * time.Second
		}
		if !slices.Contains([]string{lowestPrice, diversified, capacityOptimized, capacityOptimizedPrioritized, priceCapacityOptimized}, f.Spot.Name) {
			return resource.Invalid(f.Spot.Name, "SpotOptions.AllocationStrategy")
		}
	}
	if o := in.OnDemandOptions; o != nil {
		f.OnDemand = strategy{
			Name: strategyName(o.AllocationStrategy), Pools: 1,
			OneType: cloud.Or(o.SingleInstanceType, false), OneZone: cloud.Or(o.SingleAvailabilityZone, false), MostPrice: cloud.Or(o.MaxTotalPrice, ""),
		}
		if m := o.MinTargetCapacity; cloud.Or(m, 0) > 0 {
			f.Target.Minimum, f.Target.MinOD = true, float64(*m)
		}
		if !slices.Contains([]string{lowestPrice, prioritized}, f.OnDemand.Name) {
			return resource.Invalid(f.OnDemand.Name, "OnDemandOptions.AllocationStrategy")
		}
	}
	return f.checkOptions()
}

func (f *fleet) checkOptions() error {
	switch {
	case checkPrice(f.Spot.MostPrice) != nil:
		return resource.Invalid(f.Spot.MostPrice, "MaxTotalPrice")
	case checkPrice(f.OnDemand.MostPrice) != nil:
		return resource.Invalid(f.OnDemand.MostPrice, "MaxTotalPrice")
	case f.Target.Minimum && f.Type != "instant":
		return resource.Combination("MinTargetCapacity is only supported for fleets of type 'instant'.")
	case f.Rebalance != "" && f.Type != "maintain":
		return resource.Combination("CapacityRebalance is only supported for fleets of type 'maintain'.")
	case f.Rebalance == "launch-before-terminate" && (f.Delay < 2*time.Minute || f.Delay > 2*time.Hour):
		return resource.Errorf("InvalidParameterValue", "The termination delay must be between 120 and 7200 seconds.")
	case f.Excess != "termination" && f.Excess != "no-termination":
		return resource.Invalid(f.Excess, "ExcessCapacityTerminationPolicy")
	}
	return nil
}

// configured are the pools of an EC2 fleet's launch configurations.
func configured(c *cloud.Call, r store.Reader, kind string, configs []api.FleetLaunchTemplateConfigRequest) (pools []pool, err error) {
	if len(configs) == 0 {
		return nil, resource.Missing("LaunchTemplateConfigs")
	}
	for n := range configs {
		spec, err := convert[*api.FleetLaunchTemplateSpecification](configs[n].LaunchTemplateSpecification)
		if err != nil {
			return nil, err
		}
		overrides := configs[n].Overrides
		if len(overrides) == 0 {
			overrides = []api.FleetLaunchTemplateOverridesRequest{{}}
		}
		for _, o := range overrides {
			p, err := fromTemplate(c, r, spec, n)
			if err != nil {
				return nil, err
			}
			var wanted any
			if o.InstanceRequirements != nil {
				wanted = o.InstanceRequirements
			}
			if err := p.lay(c, o.InstanceType, o.SubnetId, o.AvailabilityZone, o.AvailabilityZoneId, o.MaxPrice, o.ImageId, o.WeightedCapacity, o.Priority, wanted); err != nil {
				return nil, err
			}
			p.placement = o.Placement
			if err := p.instantly(kind, &o); err != nil {
				return nil, err
			}
			if p.override, err = json.Marshal(&o); err != nil {
				return nil, err
			}
			more, err := p.pools(c, r)
			if err != nil {
				return nil, err
			}
			pools = append(pools, more...)
		}
	}
	if len(pools) > mostPools {
		return nil, resource.Errorf("InvalidFleetConfiguration", "The fleet has too many instance pools: %d.", len(pools))
	}
	return pools, nil
}

func modifyFleet(c *cloud.Call, tx store.Tx, in *api.ModifyFleetInput) (*api.ModifyFleetOutput, error) {
	found, err := findFleet(c, tx, in.FleetId, false)
	if err != nil {
		return nil, err
	}
	if found.gone() || found.Type != "maintain" {
		return nil, resource.Unsupported("Only active fleets of type 'maintain' can be modified.")
	}
	f := new(*found)
	f.Excess = cloud.Or(in.ExcessCapacityTerminationPolicy, f.Excess)
	if t := in.TargetCapacitySpecification; t != nil {
		unit := f.Target.Unit
		if f.Target, err = targetOf(*t); err != nil {
			return nil, err
		}
		if t.TargetCapacityUnitType == nil {
			f.Target.Unit = unit
		}
	}
	var config api.CreateFleetInput
	if err := json.Unmarshal(f.Config, &config); err != nil {
		return nil, err
	}
	if len(in.LaunchTemplateConfigs) > 0 {
		config.LaunchTemplateConfigs = in.LaunchTemplateConfigs
		if err := f.replacePools(c, tx, in.LaunchTemplateConfigs); err != nil {
			return nil, err
		}
	}
	if f.Config, err = json.Marshal(&config); err != nil {
		return nil, err
	}
	if err := f.measure(); err != nil {
		return nil, err
	}
	f.State = modifying
	fleets.Put(tx, f)
	note(c, tx, f, "fleetRequestChange", "modify_in_progress", "", "")
	tx.After(time.Time{}, fleetController, f.key())
	return &api.ModifyFleetOutput{Return: new(true)}, f.checkOptions()
}

// replacePools gives a fleet other pools. Members keep the numbers of their
// pools; those of pools that are no more count as the most expensive.
func (f *fleet) replacePools(c *cloud.Call, tx store.Tx, configs []api.FleetLaunchTemplateConfigRequest) error {
	old := f.Pools
	pools, err := configured(c, tx, f.Type, configs)
	if err != nil {
		return err
	}
	f.Pools = pools
	renumber(tx, f, old)
	return nil
}

// renumber finds the members' pools among the fleet's new ones.
func renumber(tx store.Tx, f *fleet, old []pool) {
	for m := range members.Scan(tx, f.Account, f.Region, f.ID) {
		d := new(*m)
		d.Pool = len(f.Pools)
		if m.Pool < len(old) {
			was := old[m.Pool]
			if n := slices.IndexFunc(f.Pools, func(p pool) bool { return p.Type == was.Type && p.Zone == was.Zone && p.Subnet == was.Subnet }); n >= 0 {
				d.Pool = n
			}
		}
		members.Put(tx, d)
	}
}

func deleteFleets(c *cloud.Call, tx store.Tx, in *api.DeleteFleetsInput) (*api.DeleteFleetsOutput, error) {
	out := &api.DeleteFleetsOutput{SuccessfulFleetDeletions: []api.DeleteFleetSuccessItem{}, UnsuccessfulFleetDeletions: []api.DeleteFleetErrorItem{}}
	for _, id := range in.FleetIds {
		f, err := findFleet(c, tx, id, false)
		if err != nil {
			out.UnsuccessfulFleetDeletions = append(out.UnsuccessfulFleetDeletions, api.DeleteFleetErrorItem{
				FleetId: &id, Error: &api.DeleteFleetError{Code: new("fleetIdDoesNotExist"), Message: new(errNoFleet(id).Message)},
			})
			continue
		}
		if f.Type == "instant" && !in.TerminateInstances {
			return nil, resource.Unsupported("Fleets of type 'instant' cannot be deleted without terminating their instances.")
		}
		before, after := f.State, f.State
		if !f.gone() || in.TerminateInstances && f.State == deletedRunning {
			if err := end(c, tx, f, in.TerminateInstances); err != nil {
				return nil, err
			}
			after = map[bool]string{true: deletedTerminating, false: deletedRunning}[in.TerminateInstances]
		}
		out.SuccessfulFleetDeletions = append(out.SuccessfulFleetDeletions, api.DeleteFleetSuccessItem{FleetId: &id, CurrentFleetState: &after, PreviousFleetState: &before})
	}
	return out, nil
}
