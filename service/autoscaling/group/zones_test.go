package group_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/store"
	"pileus/zone"
)

// byZone counts the instances in service.
func (w *world) byZone(name string) map[string]int {
	w.T.Helper()
	count := map[string]int{}
	for _, i := range w.get(name).Instances {
		if i.LifecycleState == api.LifecycleStateInService {
			count[strings.TrimPrefix(i.AvailabilityZone, nodetest.Region)]++
		}
	}
	return count
}

// darken cuts a zone off, or brings it back.
func (w *world) darken(letter string, down bool) {
	w.T.Helper()
	w.Update(func(tx store.Tx) {
		if down {
			zone.Faults.Put(tx, &zone.Fault{Zone: nodetest.Region + letter, Down: true, Since: w.Now()})
		} else {
			zone.Faults.Delete(tx, nodetest.Region+letter, "")
		}
		tx.After(time.Time{}, zone.Controller, zone.K())
	})
}

func TestDistribution(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 4, 8, func(in *api.CreateAutoScalingGroupInput) {
		in.AvailabilityZoneDistribution = &api.AvailabilityZoneDistribution{CapacityDistributionStrategy: new("balanced-only")}
		in.CapacityReservationSpecification = &api.CapacityReservationSpecification{CapacityReservationPreference: new("none")}
	}))
	w.create(group("plain", 0, 1))
	for name, want := range map[string]string{"g": "balanced-only none", "plain": "balanced-best-effort default"} {
		g := w.get(name)
		if got := *g.AvailabilityZoneDistribution.CapacityDistributionStrategy + " " + *g.CapacityReservationSpecification.CapacityReservationPreference; got != want {
			t.Errorf("%s has %s, want %s", name, got, want)
		}
	}
	for _, m := range w.machines() {
		if p := *m.CapacityReservationSpecification.CapacityReservationPreference; p != "none" {
			t.Errorf("%s uses reservations: %s", *m.InstanceId, p)
		}
	}
	w.darken("a", true)
	nodetest.Do(w.World, &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: "g", DesiredCapacity: new(int32(8)), PlacementGroup: new("")})
	w.settle()
	if z := w.byZone("g"); z["b"] > 3 {
		t.Errorf("a group that is balanced only has %v", z)
	}
	w.darken("a", false)
	w.Advance(10 * time.Minute)
	if z := w.byZone("g"); z["a"] != 4 || z["b"] != 4 {
		t.Errorf("once the zone is back: %v: %s", z, w.tell("g"))
	}
}

func TestADarkZoneIsLeftAndReturnedTo(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 4, 4))
	if z := w.byZone("g"); z["a"] != 2 || z["b"] != 2 {
		t.Fatalf("instances by zone: %v", z)
	}
	w.darken("a", true)
	for _, i := range w.get("g").Instances {
		if i.AvailabilityZone == "us-east-1a" {
			_, err := nodetest.Try(w.World, &api.SetInstanceHealth, &api.SetInstanceHealthInput{InstanceId: i.InstanceId, HealthStatus: "Unhealthy"})
			// The group acts on the first at once, and may have let the second go as well.
			left := !slices.ContainsFunc(w.get("g").Instances, func(x api.Instance) bool { return x.InstanceId == i.InstanceId })
			if err != nil && !left {
				t.Fatal(err)
			}
		}
	}
	w.Advance(10 * time.Second)
	if z := w.byZone("g"); z["b"] != 4 {
		t.Errorf("ten seconds after the zone was lost: %v: %s", z, w.tell("g"))
	}
	w.darken("a", false)
	for range 120 {
		w.Advance(10 * time.Second)
		z := w.byZone("g")
		if n := z["a"] + z["b"]; n < 4 || n > 5 {
			t.Fatalf("%d instances are in service while zones are evened out: %s", n, w.tell("g"))
		}
	}
	if z := w.byZone("g"); z["a"] != 2 || z["b"] != 2 {
		t.Errorf("after the zone is back: %v: %s", z, w.tell("g"))
	}
	c := w.activities("g")
	if !strings.Contains(c[1].Cause, "availability zones us-east-1a us-east-1b had 1 3 instances respectively. An instance was launched to aid in balancing the group's zones.") || !strings.Contains(c[0].Cause, "shrinking the capacity from 5 to 4.") ||
		!strings.Contains(c[0].Cause, "instances were launched to balance instances in zones us-east-1a with other zones") {
		t.Errorf("causes: %s", w.tell("g"))
	}
}

func TestAZoneThatTheGroupLeaves(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 2, 2))
	nodetest.Do(w.World, &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: "g", AvailabilityZones: []string{"us-east-1b"}})
	w.Advance(10 * time.Minute)
	if z := w.byZone("g"); z["b"] != 2 || z["a"] != 0 {
		t.Errorf("instances by zone: %v", z)
	}
}

func TestSubnets(t *testing.T) {
	w := newWorld(t)
	all := nodetest.Do(w.World, &ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets
	w.create(group("g", 2, 2, func(in *api.CreateAutoScalingGroupInput) {
		in.AvailabilityZones, in.VPCZoneIdentifier = nil, new(*all[0].SubnetId+", "+*all[1].SubnetId)
	}))
	in := map[string]int{}
	for _, m := range w.machines() {
		in[*m.SubnetId]++
	}
	if in[*all[0].SubnetId] != 1 || in[*all[1].SubnetId] != 1 {
		t.Errorf("instances by subnet: %v", in)
	}
	if g := w.get("g"); len(g.AvailabilityZones) != 2 || *g.VPCZoneIdentifier != *all[0].SubnetId+","+*all[1].SubnetId {
		t.Errorf("zones %v, subnets %s", g.AvailabilityZones, *g.VPCZoneIdentifier)
	}
	refused(w, "ValidationError", "subnet-0123456789abcdef0", &api.CreateAutoScalingGroup, group("h", 0, 1, func(in *api.CreateAutoScalingGroupInput) {
		in.AvailabilityZones, in.VPCZoneIdentifier = nil, new("subnet-0123456789abcdef0")
	}))
}

// TestLaunchesThatFail are told, put off and tried again.
func TestLaunchesThatFail(t *testing.T) {
	w := newWorld(t)
	bad := configuration("bad")
	bad.SecurityGroups = []string{"sg-0123456789abcdef0"}
	nodetest.Do(w.World, &api.CreateLaunchConfiguration, bad)
	w.create(group("g", 1, 1, func(in *api.CreateAutoScalingGroupInput) { in.LaunchConfigurationName = new("bad") }))
	a := w.activities("g")[0]
	if a.StatusCode != "Failed" || !strings.HasSuffix(*a.StatusMessage, "Launching EC2 instance failed.") || !strings.HasPrefix(*a.Description, "Launching a new EC2 instance.  Status Reason: ") {
		t.Errorf("activity: %s %s %s", a.StatusCode, *a.Description, *a.StatusMessage)
	}
	w.Advance(time.Hour)
	if n := len(w.activities("g")); n < 5 || n > 20 {
		t.Errorf("%d launches were tried in an hour", n)
	}
	nodetest.Do(w.World, &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: "g", LaunchConfigurationName: new("lc")})
	w.settle()
	w.serving("g", 1)
}
