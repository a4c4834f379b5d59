package reserve_test

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// run launches an instance in zone a, and waits until it runs.
func (w *world) run(edits ...func(*api.RunInstancesInput)) string {
	w.T.Helper()
	in := runInput(edits...)
	out := nodetest.Do(w.World, &api.RunInstances, in)
	w.Drain()
	return *out.Instances[0].InstanceId
}

func runInput(edits ...func(*api.RunInstancesInput)) *api.RunInstancesInput {
	in := &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("m5.large"), MinCount: 1, MaxCount: 1, Placement: &api.Placement{AvailabilityZone: new("us-east-1a")}}
	for _, edit := range edits {
		edit(in)
	}
	return in
}

func (w *world) instance(id string) api.Instance {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{id}}).Reservations[0].Instances[0]
}

func (w *world) stop(id string) {
	w.T.Helper()
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{id}})
	w.Drain()
}

func (w *world) start(id string) {
	w.T.Helper()
	nodetest.Do(w.World, &api.StartInstances, &api.StartInstancesInput{InstanceIds: []string{id}})
	w.Drain()
}

// reservation reserves capacity for m5.large in zone a.
func (w *world) reservation(n int32, edits ...func(*api.CreateCapacityReservationInput)) string {
	w.T.Helper()
	in := &api.CreateCapacityReservationInput{InstanceType: "m5.large", InstancePlatform: "Linux/UNIX", AvailabilityZone: new("us-east-1a"), InstanceCount: n}
	for _, edit := range edits {
		edit(in)
	}
	return *nodetest.Do(w.World, &api.CreateCapacityReservation, in).CapacityReservation.CapacityReservationId
}

// free fails the test unless a reservation has a state and so many free places.
func (w *world) free(id, state string, n int32) {
	w.T.Helper()
	x := nodetest.Do(w.World, &api.DescribeCapacityReservations, &api.DescribeCapacityReservationsInput{CapacityReservationIds: []string{id}}).CapacityReservations[0]
	if *x.State != state || *x.AvailableInstanceCount != n {
		w.T.Errorf("the reservation is %s with %d free; want %s, %d", *x.State, *x.AvailableInstanceCount, state, n)
	}
}

func in(target string) func(*api.RunInstancesInput) {
	return func(in *api.RunInstancesInput) {
		in.CapacityReservationSpecification = &api.CapacityReservationSpecification{CapacityReservationTarget: &api.CapacityReservationTarget{CapacityReservationId: &target}}
	}
}

func TestCapacityIsMatchedAndCounted(t *testing.T) {
	w := newWorld(t)
	early := w.run()
	open := w.reservation(3)
	w.free(open, "active", 2) // the instance that ran already is in it
	if got := w.instance(early).CapacityReservationId; got == nil || *got != open {
		t.Errorf("the early instance is in %v", got)
	}
	w.run(func(in *api.RunInstancesInput) { in.InstanceType = new("m5.xlarge") })
	w.run(func(in *api.RunInstancesInput) { in.Placement.AvailabilityZone = new("us-east-1b") })
	w.run(func(in *api.RunInstancesInput) {
		in.CapacityReservationSpecification = &api.CapacityReservationSpecification{CapacityReservationPreference: new("none")}
	})
	w.free(open, "active", 2)
	second := w.run()
	w.free(open, "active", 1)
	w.stop(second)
	w.free(open, "active", 2)
	w.start(second)
	w.free(open, "active", 1)

	targeted := w.reservation(1, func(in *api.CreateCapacityReservationInput) { in.InstanceMatchCriteria = new("targeted") })
	w.run(in(targeted))
	w.free(targeted, "active", 0)
	for name, input := range map[string]*api.RunInstancesInput{
		"full":       runInput(in(targeted)),
		"other type": runInput(in(open), func(in *api.RunInstancesInput) { in.InstanceType = new("m5.xlarge") }),
	} {
		if _, err := nodetest.Try(w.World, &api.RunInstances, input); code(err) != "ReservationCapacityExceeded" {
			t.Errorf("%s: %v", name, err)
		}
	}
	usage := nodetest.Do(w.World, &api.GetCapacityReservationUsage, &api.GetCapacityReservationUsageInput{CapacityReservationId: open})
	if len(usage.InstanceUsages) != 1 || *usage.InstanceUsages[0].UsedInstanceCount != 2 {
		t.Errorf("usage: %+v", usage)
	}
	_, err := nodetest.Try(w.World, &api.ModifyCapacityReservation, &api.ModifyCapacityReservationInput{CapacityReservationId: open, InstanceCount: new(int32(1))})
	if code(err) != "InvalidParameterValue" {
		t.Errorf("fewer than are in use: %v", err)
	}
	nodetest.Do(w.World, &api.CancelCapacityReservation, &api.CancelCapacityReservationInput{CapacityReservationId: open})
	w.free(open, "cancelled", 0)
	if w.instance(early).CapacityReservationId != nil || *w.instance(early).State.Name != "running" {
		t.Error("the early instance does not go on without it")
	}
}

func TestCapacityExpires(t *testing.T) {
	w := newWorld(t)
	end := w.Now().Add(2 * time.Hour)
	id := w.reservation(1, func(in *api.CreateCapacityReservationInput) { in.EndDate, in.EndDateType = &end, new("limited") })
	i := w.run()
	w.Advance(119 * time.Minute)
	w.free(id, "active", 0)
	w.Advance(2 * time.Minute)
	w.free(id, "expired", 0)
	if got := w.instance(i); got.CapacityReservationId != nil || *got.State.Name != "running" {
		t.Errorf("the instance: %+v", got)
	}
	w.Advance(2 * time.Hour)
	if _, err := nodetest.Try(w.World, &api.DescribeCapacityReservations, &api.DescribeCapacityReservationsInput{CapacityReservationIds: []string{id}}); code(err) != "InvalidCapacityReservationId.NotFound" {
		t.Errorf("long after: %v", err)
	}
}

func TestCapacityReservationFleet(t *testing.T) {
	w := newWorld(t)
	spec := func(kind string, weight float64, priority int32) api.ReservationFleetInstanceSpecification {
		return api.ReservationFleetInstanceSpecification{InstanceType: &kind, InstancePlatform: new("Linux/UNIX"), AvailabilityZone: new("us-east-1a"), Weight: &weight, Priority: &priority}
	}
	out := nodetest.Do(w.World, &api.CreateCapacityReservationFleet, &api.CreateCapacityReservationFleetInput{
		TotalTargetCapacity: 10, InstanceTypeSpecifications: []api.ReservationFleetInstanceSpecification{spec("m5.xlarge", 1, 2), spec("m5.large", 3, 1)},
	})
	if *out.State != "active" || *out.TotalFulfilledCapacity != 12 || len(out.FleetCapacityReservations) != 1 || *out.FleetCapacityReservations[0].TotalInstanceCount != 4 {
		t.Fatalf("the fleet: %+v", out)
	}
	id := *out.CapacityReservationFleetId
	fulfilled := func() float64 {
		t.Helper()
		f := nodetest.Do(w.World, &api.DescribeCapacityReservationFleets, &api.DescribeCapacityReservationFleetsInput{CapacityReservationFleetIds: []string{id}}).CapacityReservationFleets[0]
		return *f.TotalFulfilledCapacity
	}
	w.run()
	for _, test := range []struct {
		target int32
		want   float64
	}{{13, 15}, {6, 6}, {1, 3}} { // the instance that runs keeps its place
		nodetest.Do(w.World, &api.ModifyCapacityReservationFleet, &api.ModifyCapacityReservationFleetInput{CapacityReservationFleetId: id, TotalTargetCapacity: &test.target})
		if got := fulfilled(); got != test.want {
			t.Errorf("a target of %d is fulfilled with %v", test.target, got)
		}
	}
	done := nodetest.Do(w.World, &api.CancelCapacityReservationFleets, &api.CancelCapacityReservationFleetsInput{CapacityReservationFleetIds: []string{id, "crf-0"}})
	if len(done.SuccessfulFleetCancellations) != 1 || len(done.FailedFleetCancellations) != 1 || fulfilled() != 0 {
		t.Errorf("cancelled: %+v", done)
	}
}

func TestDedicatedHosts(t *testing.T) {
	w := newWorld(t)
	out := nodetest.Do(w.World, &api.AllocateHosts, &api.AllocateHostsInput{AvailabilityZone: new("us-east-1a"), InstanceFamily: new("m5")})
	id := out.HostIds[0]
	host := func() api.Host {
		t.Helper()
		return nodetest.Do(w.World, &api.DescribeHosts, &api.DescribeHostsInput{HostIds: []string{id}}).Hosts[0]
	}
	if h := host(); *h.HostProperties.TotalVCpus != 96 || *h.AvailableCapacity.AvailableVCpus != 96 || *h.State != "available" {
		t.Fatalf("a new host: %+v", h)
	}
	onHost := func(in *api.RunInstancesInput) { in.Placement.Tenancy = new("host") }
	big := func(in *api.RunInstancesInput) { in.InstanceType = new("m5.12xlarge") }
	i := w.run(onHost)
	if got := w.instance(i).Placement; got.HostId == nil || *got.HostId != id {
		t.Errorf("the instance is on %v", got.HostId)
	}
	w.run(onHost, big)
	if h := host(); *h.AvailableCapacity.AvailableVCpus != 96-2-48 || len(h.Instances) != 2 {
		t.Errorf("with two instances: %+v", h)
	}
	for name, test := range map[string]struct {
		in   *api.RunInstancesInput
		want string
	}{
		"no room":      {runInput(onHost, big), "InsufficientHostCapacity"},
		"other family": {runInput(onHost, func(in *api.RunInstancesInput) { in.InstanceType = new("c5.large") }), "InsufficientHostCapacity"},
		"other zone": {runInput(onHost, func(in *api.RunInstancesInput) {
			in.Placement.AvailabilityZone, in.Placement.HostId = new("us-east-1b"), &id
		}), "InvalidParameterValue"},
		"no such host": {runInput(func(in *api.RunInstancesInput) { in.Placement.HostId = new("h-0123456789abcdef0") }), "InvalidHostId.NotFound"},
	} {
		if _, err := nodetest.Try(w.World, &api.RunInstances, test.in); code(err) != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	if r := nodetest.Do(w.World, &api.ReleaseHosts, &api.ReleaseHostsInput{HostIds: []string{id}}); len(r.Unsuccessful) != 1 || *r.Unsuccessful[0].Error.Code != "Client.InvalidHost.Occupied" {
		t.Errorf("releasing an occupied host: %+v", r)
	}
	nodetest.Do(w.World, &api.ModifyHosts, &api.ModifyHostsInput{HostIds: []string{id}, AutoPlacement: new("off")})
	if _, err := nodetest.Try(w.World, &api.RunInstances, runInput(onHost)); code(err) != "InsufficientHostCapacity" {
		t.Errorf("without auto-placement: %v", err)
	}
	w.run(onHost, func(in *api.RunInstancesInput) { in.Placement.HostId = &id })
	var ids []string
	for _, i := range w.instances() {
		ids = append(ids, *i.InstanceId)
	}
	nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: ids})
	w.Drain()
	if r := nodetest.Do(w.World, &api.ReleaseHosts, &api.ReleaseHostsInput{HostIds: []string{id}}); len(r.Successful) != 1 || *host().State != "released" {
		t.Errorf("releasing it: %+v", r)
	}
}

// TestHostOfAType allocates hosts of a type and of a family: each shows what it
// was made for.
func TestHostOfAType(t *testing.T) {
	w := newWorld(t)
	for _, in := range []*api.AllocateHostsInput{{InstanceType: new("m5.large")}, {InstanceFamily: new("m5")}} {
		in.AvailabilityZone = new("us-east-1a")
		ids := nodetest.Do(w.World, &api.AllocateHosts, in).HostIds
		p := nodetest.Do(w.World, &api.DescribeHosts, &api.DescribeHostsInput{HostIds: ids}).Hosts[0].HostProperties
		if (p.InstanceType == nil) != (in.InstanceType == nil) || (p.InstanceFamily == nil) != (in.InstanceFamily == nil) {
			t.Errorf("%+v is shown as %+v", in, p)
		}
	}
}
