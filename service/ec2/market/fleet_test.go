package market_test

import (
	"math/rand/v2"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/service/ec2/market"
	"pileus/store"
)

// override is a type with a weight.
func override(kind string, weight float64) api.FleetLaunchTemplateOverridesRequest {
	return api.FleetLaunchTemplateOverridesRequest{InstanceType: &kind, WeightedCapacity: &weight}
}

// fleetInput asks for a fleet of a launch template.
func (w *world) fleetInput(kind string, total, onDemand int32, overrides ...api.FleetLaunchTemplateOverridesRequest) *api.CreateFleetInput {
	return &api.CreateFleetInput{
		Type: &kind,
		LaunchTemplateConfigs: []api.FleetLaunchTemplateConfigRequest{{
			LaunchTemplateSpecification: &api.FleetLaunchTemplateSpecificationRequest{LaunchTemplateName: new("base"), Version: new("$Latest")}, Overrides: overrides,
		}},
		TargetCapacitySpecification: api.TargetCapacitySpecificationRequest{TotalTargetCapacity: total, OnDemandTargetCapacity: &onDemand, DefaultTargetCapacityType: new("spot")},
	}
}

func (w *world) fleet(id string) api.FleetData {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeFleets, &api.DescribeFleetsInput{FleetIds: []string{id}}).Fleets[0]
}

// count tells how many instances are spot, and of which types.
func (w *world) count() (spot, onDemand int, kinds map[string]int) {
	kinds = map[string]int{}
	for _, i := range w.instances() {
		kinds[*i.InstanceType]++
		if i.InstanceLifecycle != nil {
			spot++
		} else {
			onDemand++
		}
	}
	return spot, onDemand, kinds
}

func TestMaintainedFleet(t *testing.T) {
	w := newWorld(t)
	w.launchTemplate("base")
	id := *nodetest.Do(w.World, &api.CreateFleet, w.fleetInput("maintain", 5, 2)).FleetId
	w.Drain()
	if f := w.fleet(id); *f.FleetState != "active" || *f.ActivityStatus != "fulfilled" || *f.FulfilledCapacity != 5 || *f.FulfilledOnDemandCapacity != 2 {
		t.Errorf("the fleet is %s, %s with %v", *f.FleetState, *f.ActivityStatus, *f.FulfilledCapacity)
	}
	if spot, onDemand, _ := w.count(); spot != 3 || onDemand != 2 {
		t.Fatalf("%d spot, %d on demand", spot, onDemand)
	}
	if got := tag(w.instances()[0], "aws:ec2:fleet-id"); got != id {
		t.Errorf("it is tagged with the fleet %q", got)
	}

	// What is lost comes back.
	nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{*w.instances()[0].InstanceId, *w.instances()[4].InstanceId}})
	w.Drain()
	if n := len(w.instances()); n != 5 {
		t.Errorf("%d instances after two were terminated", n)
	}

	// More, less, and none.
	modify := func(total int32) {
		t.Helper()
		nodetest.Do(w.World, &api.ModifyFleet, &api.ModifyFleetInput{FleetId: id, TargetCapacitySpecification: &api.TargetCapacitySpecificationRequest{TotalTargetCapacity: total, OnDemandTargetCapacity: new(int32(1)), DefaultTargetCapacityType: new("spot")}})
		w.Drain()
		if spot, onDemand, _ := w.count(); spot != int(total)-1 || onDemand != 1 {
			t.Errorf("%d spot and %d on demand of %d", spot, onDemand, total)
		}
	}
	modify(8)
	modify(3)
	out := nodetest.Do(w.World, &api.DeleteFleets, &api.DeleteFleetsInput{FleetIds: []string{id, "fleet-none"}, TerminateInstances: true})
	if len(out.SuccessfulFleetDeletions) != 1 || *out.SuccessfulFleetDeletions[0].CurrentFleetState != "deleted_terminating" || len(out.UnsuccessfulFleetDeletions) != 1 {
		t.Errorf("deletion: %+v", out)
	}
	w.Drain()
	if f := w.fleet(id); *f.FleetState != "deleted" || len(w.instances()) != 0 {
		t.Errorf("after its deletion it is %s with %d instances", *f.FleetState, len(w.instances()))
	}
	h := nodetest.Do(w.World, &api.DescribeFleetHistory, &api.DescribeFleetHistoryInput{FleetId: id, EventType: new("instance-change")})
	launched, ended := 0, 0
	for _, e := range h.HistoryRecords {
		switch *e.EventInformation.EventSubType {
		case "launched":
			launched++
		case "terminated":
			ended++
		}
	}
	if launched != 11 || ended != 11 { // 5, 2 again for those lost, 4 more; 2 lost, 1, 5 and 3 too many
		t.Errorf("the history has %d launches and %d terminations", launched, ended)
	}
}

// tag is the value of an instance's tag.
func tag(i api.Instance, key string) string {
	for _, t := range i.Tags {
		if *t.Key == key {
			return *t.Value
		}
	}
	return ""
}

func TestInstantFleet(t *testing.T) {
	w := newWorld(t)
	w.launchTemplate("base")
	in := w.fleetInput("instant", 4, 1, override("t3.small", 2), override("t3.medium", 4))
	in.ClientToken = new("once")
	in.TagSpecifications = []api.TagSpecification{{ResourceType: new("instance"), Tags: []api.Tag{{Key: new("a"), Value: new("b")}}}}
	out := nodetest.Do(w.World, &api.CreateFleet, in)
	n := 0
	for _, g := range out.Instances {
		n += len(g.InstanceIds)
		if g.LaunchTemplateAndOverrides == nil || g.LaunchTemplateAndOverrides.Overrides.InstanceType == nil {
			t.Errorf("a group without its override: %+v", g)
		}
	}
	// On demand one unit is wanted, and the cheapest for each unit is two big;
	// of the three spot units likewise.
	if spot, onDemand, _ := w.count(); n != spot+onDemand || spot < 1 || onDemand != 1 {
		t.Errorf("%d instances answered, %d spot and %d on demand run", n, spot, onDemand)
	}
	if got := tag(w.instances()[0], "a"); got != "b" {
		t.Errorf("the tag is %q", got)
	}
	again := nodetest.Do(w.World, &api.CreateFleet, in)
	if *again.FleetId != *out.FleetId || len(again.Instances) != len(out.Instances) {
		t.Error("the same token launched again")
	}
	t.Run("less than its minimum", func(t *testing.T) {
		before := len(w.instances())
		in := w.fleetInput("instant", 2, 2, override("t3.micro", 1))
		in.OnDemandOptions = &api.OnDemandOptionsRequest{MinTargetCapacity: new(int32(2)), MaxTotalPrice: new("0.011"), SingleInstanceType: new(true)}
		nodetest.Do(w.World, &api.CreateFleet, in)
		w.Drain()
		if got := len(w.instances()); got != before {
			t.Errorf("%d instances more", got-before)
		}
	})
	t.Run("a launch that fails", func(t *testing.T) {
		in := w.fleetInput("instant", 1, 1, api.FleetLaunchTemplateOverridesRequest{InstanceType: new("m6g.large")}) // of another architecture
		out := nodetest.Do(w.World, &api.CreateFleet, in)
		if len(out.Instances) != 0 || len(out.Errors) == 0 || *out.Errors[0].ErrorCode != "InvalidParameterValue" {
			t.Errorf("%+v", out)
		}
	})
}

func TestAllocation(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*api.CreateFleetInput)
		ok   func(kinds map[string]int, zones map[string]int) bool
	}{
		"diversified spreads over all pools": {
			func(in *api.CreateFleetInput) {
				in.SpotOptions = &api.SpotOptionsRequest{AllocationStrategy: new("diversified")}
			},
			func(kinds, zones map[string]int) bool {
				return kinds["t3.small"] == 6 && kinds["t3.medium"] == 6 && len(zones) == 6
			},
		},
		"lowest-price takes one pool": {
			func(in *api.CreateFleetInput) {},
			func(kinds, zones map[string]int) bool { return len(kinds) == 1 && len(zones) == 1 },
		},
		"lowestPrice is the same by its other name": {
			func(in *api.CreateFleetInput) {
				in.SpotOptions = &api.SpotOptionsRequest{AllocationStrategy: new("lowestPrice"), MinTargetCapacity: new(int32(0))}
				in.OnDemandOptions = &api.OnDemandOptionsRequest{AllocationStrategy: new("lowestPrice"), MinTargetCapacity: new(int32(0))}
			},
			func(kinds, zones map[string]int) bool { return len(kinds) == 1 && len(zones) == 1 },
		},
		"lowest-price over two pools": {
			func(in *api.CreateFleetInput) {
				in.SpotOptions = &api.SpotOptionsRequest{AllocationStrategy: new("lowest-price"), InstancePoolsToUseCount: new(int32(2))}
			},
			func(kinds, zones map[string]int) bool { return len(kinds)*len(zones) >= 2 },
		},
		"capacity-optimized takes the best pool": {
			func(in *api.CreateFleetInput) {
				in.SpotOptions = &api.SpotOptionsRequest{AllocationStrategy: new("capacity-optimized")}
			},
			func(kinds, zones map[string]int) bool { return len(kinds) == 1 && len(zones) == 1 },
		},
		"prioritized on demand": {
			func(in *api.CreateFleetInput) {
				in.TargetCapacitySpecification.OnDemandTargetCapacity = new(int32(12))
				in.OnDemandOptions = &api.OnDemandOptionsRequest{AllocationStrategy: new("prioritized")}
				in.LaunchTemplateConfigs[0].Overrides[0].Priority, in.LaunchTemplateConfigs[0].Overrides[1].Priority = new(2.0), new(1.0)
			},
			func(kinds, _ map[string]int) bool { return kinds["t3.medium"] == 12 },
		},
		"counted in vCPUs": {
			func(in *api.CreateFleetInput) {
				in.TargetCapacitySpecification.TotalTargetCapacity, in.TargetCapacitySpecification.TargetCapacityUnitType = 24, new("vcpu")
			},
			func(map[string]int, map[string]int) bool { return true }, // twelve of two each
		},
		"types by their attributes": {
			func(in *api.CreateFleetInput) {
				in.LaunchTemplateConfigs[0].Overrides = []api.FleetLaunchTemplateOverridesRequest{{AvailabilityZone: new("us-east-1a"), InstanceRequirements: &api.InstanceRequirementsRequest{
					VCpuCount: api.VCpuCountRangeRequest{Min: 2, Max: new(int32(2))}, MemoryMiB: api.MemoryMiBRequest{Min: 4096, Max: new(int32(8192))}, CpuManufacturers: []string{"intel"},
				}}}
			},
			func(kinds, zones map[string]int) bool { return len(kinds) == 1 && zones["us-east-1a"] == 12 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.launchTemplate("base")
			in := w.fleetInput("request", 12, 0, override("t3.small", 1), override("t3.medium", 1))
			test.edit(in)
			nodetest.Do(w.World, &api.CreateFleet, in)
			w.Drain()
			shown := nodetest.Do(w.World, &api.DescribeFleets, &api.DescribeFleetsInput{}).Fleets[0].TargetCapacitySpecification
			if asked := in.TargetCapacitySpecification.TargetCapacityUnitType; (shown.TargetCapacityUnitType == nil) != (asked == nil) {
				t.Errorf("asked to count in %v, it is shown as %v", asked, shown.TargetCapacityUnitType)
			}
			zones := map[string]int{}
			for _, i := range w.instances() {
				zones[*i.Placement.AvailabilityZone]++
			}
			spot, onDemand, kinds := w.count()
			if spot+onDemand != 12 || !test.ok(kinds, zones) {
				t.Errorf("%d spot and %d on demand: %v in %v", spot, onDemand, kinds, zones)
			}
		})
	}
}

// TestFleetsFitTheImage asks by attributes for types that the image cannot run on.
func TestFleetsFitTheImage(t *testing.T) {
	w := newWorld(t)
	w.launchTemplate("base")
	_, err := nodetest.Try(w.World, &api.CreateFleet, w.fleetInput("request", 1, 0, api.FleetLaunchTemplateOverridesRequest{InstanceRequirements: &api.InstanceRequirementsRequest{
		VCpuCount: api.VCpuCountRangeRequest{Min: 2}, MemoryMiB: api.MemoryMiBRequest{Min: 4096}, CpuManufacturers: []string{"amazon-web-services"},
	}}))
	if code(err) != "InvalidFleetConfiguration" {
		t.Errorf("types of arm64 for an image of x86_64: %v", err)
	}
}

func TestSpotFleet(t *testing.T) {
	w := newWorld(t)
	until := w.Now().Add(3 * time.Hour)
	in := &api.RequestSpotFleetInput{SpotFleetRequestConfig: api.SpotFleetRequestConfigData{
		IamFleetRole: "arn:aws:iam::000000000000:role/fleet", TargetCapacity: 3, AllocationStrategy: new("lowestPrice"), ValidUntil: &until, TerminateInstancesWithExpiration: new(true), ExcessCapacityTerminationPolicy: new("Default"),
		LaunchSpecifications: []api.SpotFleetLaunchSpecification{{ImageId: new(image()), InstanceType: new("t3.micro"), Placement: &api.SpotPlacement{AvailabilityZone: new("us-east-1a, us-east-1c")},
			IamInstanceProfile: &api.IamInstanceProfileSpecification{Name: new("")}, UserData: new(""), SpotPrice: new(""), KeyName: new("")}},
	}}
	id := *nodetest.Do(w.World, &api.RequestSpotFleet, in).SpotFleetRequestId
	w.Drain()
	list := nodetest.Do(w.World, &api.DescribeSpotFleetInstances, &api.DescribeSpotFleetInstancesInput{SpotFleetRequestId: id}).ActiveInstances
	if len(list) != 3 || list[0].SpotInstanceRequestId == nil || *list[0].InstanceHealth != "healthy" {
		t.Fatalf("instances: %+v", list)
	}
	w.interrupt(*list[0].InstanceId)
	w.Advance(3 * time.Minute)
	if n := len(w.instances()); n != 3 {
		t.Errorf("%d instances after an interruption", n)
	}
	nodetest.Do(w.World, &api.ModifySpotFleetRequest, &api.ModifySpotFleetRequestInput{SpotFleetRequestId: id, TargetCapacity: new(int32(1))})
	w.Drain()
	if n := len(w.instances()); n != 1 {
		t.Errorf("%d instances of a target of 1", n)
	}
	w.Advance(3 * time.Hour)
	w.Drain()
	shown := nodetest.Do(w.World, &api.DescribeSpotFleetRequests, &api.DescribeSpotFleetRequestsInput{SpotFleetRequestIds: []string{id}}).SpotFleetRequestConfigs[0]
	if *shown.SpotFleetRequestState != "cancelled" || len(w.instances()) != 0 {
		t.Errorf("after its time it is %s with %d instances", *shown.SpotFleetRequestState, len(w.instances()))
	}
	if h := nodetest.Do(w.World, &api.DescribeSpotFleetRequestHistory, &api.DescribeSpotFleetRequestHistoryInput{SpotFleetRequestId: id, EventType: new("fleetRequestChange")}); len(h.HistoryRecords) < 5 {
		t.Errorf("its history: %+v", h.HistoryRecords)
	}
}

func (w *world) interruptNow(id string) {
	w.T.Helper()
	w.Update(func(tx store.Tx) {
		c := w.Call()
		c.Tx = tx
		if err := market.Interrupt(c, tx, id); err != nil {
			w.T.Error(err)
		}
	})
}

// TestFleetsConverge changes a fleet's target, interrupts and terminates its
// instances at random: whenever all is settled, the fleet has what it wants,
// and never more than that and one instance of each market, because weights
// need not divide the target.
func TestFleetsConverge(t *testing.T) {
	for seed := range uint64(4) {
		w := newWorld(t)
		w.launchTemplate("base")
		chance := rand.New(rand.NewPCG(seed, 1))
		weights := map[string]float64{"t3.micro": 1, "t3.small": 2, "t3.medium": 3}
		in := w.fleetInput("maintain", 6, 2, override("t3.micro", 1), override("t3.small", 2), override("t3.medium", 3))
		in.SpotOptions = &api.SpotOptionsRequest{AllocationStrategy: new([]string{"diversified", "lowest-price", "price-capacity-optimized", "capacity-optimized"}[seed])}
		id := *nodetest.Do(w.World, &api.CreateFleet, in).FleetId
		total, onDemand := int32(6), int32(2)
		for step := range 25 {
			running := w.instances()
			switch n := chance.IntN(4); {
			case n == 0:
				total = int32(chance.IntN(12))
				onDemand = min(total, int32(chance.IntN(4)))
				nodetest.Do(w.World, &api.ModifyFleet, &api.ModifyFleetInput{FleetId: id, TargetCapacitySpecification: &api.TargetCapacitySpecificationRequest{TotalTargetCapacity: total, OnDemandTargetCapacity: &onDemand, DefaultTargetCapacityType: new("spot")}})
			case len(running) == 0:
			case n == 1:
				nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{*running[chance.IntN(len(running))].InstanceId}})
			default:
				if i := running[chance.IntN(len(running))]; i.InstanceLifecycle != nil && *i.State.Name == "running" {
					w.interruptNow(*i.InstanceId)
				}
			}
			if chance.IntN(3) > 0 {
				w.Advance(time.Duration(chance.IntN(180)) * time.Second)
			}
			w.Drain()
			spot, fixed := 0.0, 0.0
			for _, i := range w.instances() {
				if i.InstanceLifecycle != nil {
					spot += weights[*i.InstanceType]
				} else {
					fixed += weights[*i.InstanceType]
				}
			}
			wantSpot := float64(total - onDemand)
			if spot < wantSpot || fixed < float64(onDemand) || spot >= wantSpot+3 || fixed >= float64(onDemand)+3 {
				t.Fatalf("seed %d, step %d: %v spot of %v, %v on demand of %d", seed, step, spot, wantSpot, fixed, onDemand)
			}
		}
	}
}
