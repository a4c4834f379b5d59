package group_test

import (
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/node/nodetest"
)

// holding makes a capacity reservation for so many instances in a zone.
func (w *world) holding(zone, criteria string, n int32) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &ec2.CreateCapacityReservation, &ec2.CreateCapacityReservationInput{
		InstanceType: "t3.micro", InstancePlatform: "Linux/UNIX", AvailabilityZone: new(nodetest.Region + zone), InstanceCount: n, InstanceMatchCriteria: &criteria,
	}).CapacityReservation.CapacityReservationId
}

// used is how many instances of a reservation are in use.
func (w *world) used(id string) int32 {
	w.T.Helper()
	r := nodetest.Do(w.World, &ec2.DescribeCapacityReservations, &ec2.DescribeCapacityReservationsInput{CapacityReservationIds: []string{id}}).CapacityReservations[0]
	return *r.TotalInstanceCount - *r.AvailableInstanceCount
}

func reserving(preference string, ids ...string) func(*api.CreateAutoScalingGroupInput) {
	return func(in *api.CreateAutoScalingGroupInput) {
		in.CapacityReservationSpecification = &api.CapacityReservationSpecification{CapacityReservationPreference: &preference}
		if len(ids) > 0 {
			in.CapacityReservationSpecification.CapacityReservationTarget = &api.CapacityReservationTarget{CapacityReservationIds: ids}
		}
	}
}

func TestReservedCapacityIsUsed(t *testing.T) {
	for _, x := range []struct {
		name, preference string
		target           bool
		serve            int
		use              int32
	}{
		{"first of a target", "capacity-reservations-first", true, 3, 1},
		{"only of a target", "capacity-reservations-only", true, 1, 1},
		{"only of open ones", "capacity-reservations-only", false, 1, 1},
		{"first of open ones", "capacity-reservations-first", false, 3, 1},
		{"none", "none", false, 3, 0},
		{"default", "default", false, 3, 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t)
			criteria, ids := "open", []string(nil)
			if x.target {
				criteria = "targeted"
			}
			id := w.holding("b", criteria, 1)
			if x.target {
				ids = []string{id}
			}
			w.create(group("g", 0, 4, desired(3), reserving(x.preference, ids...)))
			w.serving("g", x.serve)
			if got := w.used(id); got != x.use {
				t.Errorf("%d of the reservation are used, want %d: %s", got, x.use, w.tell("g"))
			}
			spec := w.get("g").CapacityReservationSpecification
			if *spec.CapacityReservationPreference != x.preference || (spec.CapacityReservationTarget != nil) != x.target {
				t.Errorf("described: %+v", spec)
			}
			if x.serve == 1 { // more is launched once more is reserved
				nodetest.Do(w.World, &ec2.ModifyCapacityReservation, &ec2.ModifyCapacityReservationInput{CapacityReservationId: id, InstanceCount: new(int32(3))})
				w.Advance(15 * time.Minute)
				w.serving("g", 3)
			}
		})
	}
}

func TestReservationsThenBalanced(t *testing.T) {
	w := newWorld(t)
	w.holding("b", "open", 2)
	w.create(group("g", 0, 8, desired(4), func(in *api.CreateAutoScalingGroupInput) {
		in.AvailabilityZoneDistribution = &api.AvailabilityZoneDistribution{CapacityDistributionStrategy: new("reservations-then-balanced")}
	}))
	w.Advance(time.Hour) // nothing is evened out
	if z := w.byZone("g"); z["a"] != 1 || z["b"] != 3 {
		t.Errorf("by zone: %v: %s", z, w.tell("g"))
	}
	if got := *w.get("g").AvailabilityZoneDistribution.CapacityDistributionStrategy; got != "reservations-then-balanced" {
		t.Errorf("strategy %s", got)
	}
	refused(w, "ValidationError", "can only be specified with the preferences", &api.CreateAutoScalingGroup, group("h", 0, 1, reserving("none", "cr-1")))
	refused(w, "ValidationError", "cr-0123456789abcdef0", &api.CreateAutoScalingGroup, group("h", 0, 1, reserving("capacity-reservations-only", "cr-0123456789abcdef0")))
	refused(w, "ValidationError", "Resource groups are not available", &api.CreateAutoScalingGroup, group("h", 0, 1, func(in *api.CreateAutoScalingGroupInput) {
		in.CapacityReservationSpecification = &api.CapacityReservationSpecification{CapacityReservationPreference: new("capacity-reservations-first"), CapacityReservationTarget: &api.CapacityReservationTarget{CapacityReservationResourceGroupArns: []string{"arn:aws:resource-groups:us-east-1:000000000000:group/x"}}}
	}))
}
