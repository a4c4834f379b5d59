package group_test

import (
	"slices"
	"strings"
	"testing"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/api/elbv2"
	"pileus/node/nodetest"
	"pileus/store"
	"pileus/zone/shift"
)

// impairment has a group be shifted, with a behaviour for unhealthy instances.
func impairment(behavior string) func(*api.CreateAutoScalingGroupInput) {
	return func(in *api.CreateAutoScalingGroupInput) {
		in.AvailabilityZoneImpairmentPolicy = &api.AvailabilityZoneImpairmentPolicy{ZonalShiftEnabled: new(true), ImpairedZoneHealthCheckBehavior: &behavior}
	}
}

// shift moves a group away from a zone; "" ends that.
func (w *world) shift(name, zone string) {
	w.T.Helper()
	arn := *w.get(name).AutoScalingGroupARN
	w.Update(func(tx store.Tx) {
		r, ok := shift.Resources.Get(tx, nodetest.Account, nodetest.Region, arn)
		if !ok {
			w.T.Fatalf("%s cannot be shifted", name)
		}
		shift.Move(tx, r, zone)
	})
	w.settle()
}

// zones are those of a group's instances in service.
func (w *world) zones(name string) string {
	w.T.Helper()
	var list []string
	for _, i := range w.get(name).Instances {
		if i.LifecycleState == api.LifecycleStateInService {
			list = append(list, strings.TrimPrefix(i.AvailabilityZone, nodetest.Region))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "")
}

// TestShiftedAway: nothing new comes up in the zone, and what is there stays.
// When the shift is over, the zones are evened out.
func TestShiftedAway(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 0, 8, desired(2), impairment("ReplaceUnhealthy")))
	expect := func(when, want string) {
		t.Helper()
		if got := w.zones("g"); got != want {
			t.Errorf("%s the instances are in %s, want %s: %s", when, got, want, w.tell("g"))
		}
	}
	expect("at first", "ab")
	w.shift("g", "us-east-1a")
	expect("shifted", "ab")
	w.set("g", 4)
	w.settle()
	expect("grown", "abbb")
	w.ail("g", "us-east-1a")
	w.settle()
	expect("with the unhealthy one replaced", "bbbb")
	w.shift("g", "")
	w.settle()
	expect("evened out afterwards", "aabb")
}

// ail marks a group's instance in a zone unhealthy.
func (w *world) ail(name, zone string) {
	w.T.Helper()
	for _, i := range w.get(name).Instances {
		if i.AvailabilityZone == zone {
			nodetest.Do(w.World, &api.SetInstanceHealth, &api.SetInstanceHealthInput{InstanceId: i.InstanceId, HealthStatus: "Unhealthy"})
			return
		}
	}
	w.T.Fatalf("%s has no instance in %s", name, zone)
}

// TestUnhealthyInTheShiftedZone: where the group has it so, instances there are
// left alone until the shift is over; elsewhere they are replaced.
func TestUnhealthyInTheShiftedZone(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 0, 8, desired(2), impairment("IgnoreUnhealthy")))
	ids := w.serving("g", 2)
	w.shift("g", "us-east-1a")
	w.ail("g", "us-east-1a")
	w.ail("g", "us-east-1b")
	w.settle()
	left := w.serving("g", 2)
	kept := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(left, id) })
	if len(kept) != 1 || w.zones("g") != "ab" {
		t.Errorf("of %v are left %v: %s", ids, left, w.tell("g"))
	}
	w.shift("g", "")
	w.settle()
	if got := w.serving("g", 2); slices.Contains(got, kept[0]) {
		t.Errorf("%s was not replaced afterwards: %s", kept[0], w.tell("g"))
	}
}

// TestImpairmentPolicy: kept, shown, taken back, and refused where load
// balancers do not send across zones.
func TestImpairmentPolicy(t *testing.T) {
	w := newWorld(t)
	managed := func(name string) (zones []string) {
		arn := *w.get(name).AutoScalingGroupARN
		w.View(func(r store.Reader) {
			if x, ok := shift.Resources.Get(r, nodetest.Account, nodetest.Region, arn); ok {
				zones = x.Zones
			}
		})
		return zones
	}
	w.create(group("g", 0, 1, impairment("IgnoreUnhealthy")))
	if p := w.get("g").AvailabilityZoneImpairmentPolicy; p == nil || !*p.ZonalShiftEnabled || *p.ImpairedZoneHealthCheckBehavior != "IgnoreUnhealthy" || len(managed("g")) != 2 {
		t.Errorf("it is %+v, managed in %v", p, managed("g"))
	}
	nodetest.Do(w.World, &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: "g", AvailabilityZones: []string{"us-east-1c"}})
	if got := managed("g"); len(got) != 1 || got[0] != "us-east-1c" {
		t.Errorf("in other zones: %v", got)
	}
	nodetest.Do(w.World, &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{
		AutoScalingGroupName: "g", AvailabilityZoneImpairmentPolicy: &api.AvailabilityZoneImpairmentPolicy{ZonalShiftEnabled: new(false)},
	})
	if p := w.get("g").AvailabilityZoneImpairmentPolicy; *p.ZonalShiftEnabled || *p.ImpairedZoneHealthCheckBehavior != "IgnoreUnhealthy" || managed("g") != nil {
		t.Errorf("disabled it is %+v, managed in %v", p, managed("g"))
	}
	refused(w, "ValidationError", "ImpairedZoneHealthCheckBehavior", &api.CreateAutoScalingGroup, group("h", 0, 1, func(in *api.CreateAutoScalingGroupInput) {
		in.AvailabilityZoneImpairmentPolicy = &api.AvailabilityZoneImpairmentPolicy{ZonalShiftEnabled: new(true)}
	}))

	vpc := *nodetest.Do(w.World, &ec2.DescribeVpcs, &ec2.DescribeVpcsInput{}).Vpcs[0].VpcId
	tg := *nodetest.Do(w.World, &elbv2.CreateTargetGroup, &elbv2.CreateTargetGroupInput{Name: "t", Protocol: new("HTTP"), Port: new(int32(80)), VpcId: &vpc}).TargetGroups[0].TargetGroupArn
	cross := func(value string) {
		nodetest.Do(w.World, &elbv2.ModifyTargetGroupAttributes, &elbv2.ModifyTargetGroupAttributesInput{
			TargetGroupArn: tg, Attributes: []elbv2.TargetGroupAttribute{{Key: new("load_balancing.cross_zone.enabled"), Value: &value}},
		})
	}
	behind := func(in *api.CreateAutoScalingGroupInput) { in.TargetGroupARNs = []string{tg} }
	cross("false")
	refused(w, "ValidationError", "cross-zone disabled load balancers", &api.CreateAutoScalingGroup, group("h", 0, 1, impairment("ReplaceUnhealthy"), behind))
	w.create(group("h", 0, 1, impairment("ReplaceUnhealthy"), behind, func(in *api.CreateAutoScalingGroupInput) { in.SkipZonalShiftValidation = new(true) }))
	w.create(group("i", 0, 1, impairment("ReplaceUnhealthy")))
	in := &api.AttachTrafficSourcesInput{AutoScalingGroupName: "i", TrafficSources: []api.TrafficSourceIdentifier{{Identifier: tg}}}
	refused(w, "ValidationError", "cross-zone disabled load balancers", &api.AttachTrafficSources, in)
	cross("use_load_balancer_configuration")
	nodetest.Do(w.World, &api.AttachTrafficSources, in)
	nodetest.Do(w.World, &api.DeleteAutoScalingGroup, &api.DeleteAutoScalingGroupInput{AutoScalingGroupName: "i", ForceDelete: new(true)})
	w.settle()
	w.View(func(r store.Reader) {
		if n := shift.Resources.Count(r, nodetest.Account); n != 1 {
			t.Errorf("%d groups are managed, want one", n)
		}
	})
}
