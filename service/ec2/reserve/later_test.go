package reserve_test

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

const day = 24 * time.Hour

// future reserves capacity from a later date on.
func future(w *world, edits ...func(*api.CreateCapacityReservationInput)) *api.CreateCapacityReservationInput {
	start := w.Now().Add(10 * day)
	in := &api.CreateCapacityReservationInput{
		InstanceType: "m5.large", InstancePlatform: "Linux/UNIX", AvailabilityZone: new("us-east-1a"), InstanceCount: 2, StartDate: &start,
		CommitmentDuration: new(int64(14 * day / time.Second)), DeliveryPreference: new("incremental"), InstanceMatchCriteria: new("targeted"),
	}
	for _, edit := range edits {
		edit(in)
	}
	return in
}

func TestCapacityForLater(t *testing.T) {
	w := newWorld(t)
	start := w.Now().Add(10 * day)
	x := nodetest.Do(w.World, &api.CreateCapacityReservation, future(w)).CapacityReservation
	if *x.State != "assessing" || !x.StartDate.Equal(start) || *x.CommitmentInfo.CommittedInstanceCount != 2 || !x.CommitmentInfo.CommitmentEndDate.Equal(start.Add(14*day)) || *x.DeliveryPreference != "incremental" {
		t.Errorf("asked for: %+v", x)
	}
	id := *x.CapacityReservationId
	w.Advance(time.Hour)
	w.free(id, "scheduled", 0)
	cancel := func() string {
		_, err := nodetest.Try(w.World, &api.CancelCapacityReservation, &api.CancelCapacityReservationInput{CapacityReservationId: id})
		return code(err)
	}
	if got := cancel(); got != "OperationNotPermitted" {
		t.Errorf("cancelled when it is scheduled: %s", got)
	}
	if _, err := nodetest.Try(w.World, &api.RunInstances, runInput(in(id))); code(err) != "ReservationCapacityExceeded" {
		t.Errorf("launched too early: %v", err)
	}
	w.Advance(10 * day)
	w.free(id, "active", 2)
	w.run(in(id))
	w.free(id, "active", 1)
	if _, err := nodetest.Try(w.World, &api.ModifyCapacityReservation, &api.ModifyCapacityReservationInput{CapacityReservationId: id, InstanceCount: new(int32(1))}); code(err) != "OperationNotPermitted" {
		t.Errorf("reduced: %v", err)
	}
	nodetest.Do(w.World, &api.ModifyCapacityReservation, &api.ModifyCapacityReservationInput{CapacityReservationId: id, InstanceCount: new(int32(3))})
	if got := cancel(); got != "OperationNotPermitted" {
		t.Errorf("cancelled within the commitment: %s", got)
	}
	w.Advance(14 * day)
	if got := cancel(); got != "" {
		t.Errorf("cancelled after the commitment: %s", got)
	}

	early := *nodetest.Do(w.World, &api.CreateCapacityReservation, future(w)).CapacityReservation.CapacityReservationId
	nodetest.Do(w.World, &api.CancelCapacityReservation, &api.CancelCapacityReservationInput{CapacityReservationId: early})
	w.free(early, "cancelled", 0)
}

func TestCapacityForLaterRefused(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		edit func(*api.CreateCapacityReservationInput)
		code string
	}{
		"no commitment": {func(in *api.CreateCapacityReservationInput) { in.CommitmentDuration = nil }, "MissingParameter"},
		"no preference": {func(in *api.CreateCapacityReservationInput) { in.DeliveryPreference = nil }, "MissingParameter"},
		"fixed":         {func(in *api.CreateCapacityReservationInput) { in.DeliveryPreference = new("fixed") }, "InvalidParameterValue"},
		"no start":      {func(in *api.CreateCapacityReservationInput) { in.StartDate = nil }, "InvalidParameterCombination"},
		"too early":     {func(in *api.CreateCapacityReservationInput) { in.StartDate = new(w.Now().Add(4 * day)) }, "InvalidParameterValue"},
		"too late":      {func(in *api.CreateCapacityReservationInput) { in.StartDate = new(w.Now().Add(121 * day)) }, "InvalidParameterValue"},
		"short":         {func(in *api.CreateCapacityReservationInput) { in.CommitmentDuration = new(int64(3600)) }, "InvalidParameterValue"},
		"open":          {func(in *api.CreateCapacityReservationInput) { in.InstanceMatchCriteria = nil }, "InvalidParameterCombination"},
		"within its commitment": {func(in *api.CreateCapacityReservationInput) {
			in.EndDate, in.EndDateType = new(w.Now().Add(20*day)), new("limited")
		}, "InvalidParameterValue"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := nodetest.Try(w.World, &api.CreateCapacityReservation, future(w, tt.edit)); code(err) != tt.code {
				t.Errorf("%v, not %s", err, tt.code)
			}
		})
	}
}

func TestCapacityMoves(t *testing.T) {
	w := newWorld(t)
	targeted := func(in *api.CreateCapacityReservationInput) { in.InstanceMatchCriteria = new("targeted") }
	source := w.reservation(5, targeted)
	w.run(in(source))
	split := func(n int32) (string, error) {
		out, err := nodetest.Try(w.World, &api.CreateCapacityReservationBySplitting, &api.CreateCapacityReservationBySplittingInput{SourceCapacityReservationId: source, InstanceCount: n})
		if err != nil {
			return "", err
		}
		return *out.DestinationCapacityReservation.CapacityReservationId, nil
	}
	if _, err := split(5); code(err) != "InvalidParameterValue" {
		t.Errorf("more than is free: %v", err)
	}
	part, err := split(3)
	if err != nil {
		t.Fatal(err)
	}
	w.free(source, "active", 1)
	w.free(part, "active", 3)
	w.run(in(part))
	move := func(from, to string, n int32) string {
		_, err := nodetest.Try(w.World, &api.MoveCapacityReservationInstances, &api.MoveCapacityReservationInstancesInput{SourceCapacityReservationId: from, DestinationCapacityReservationId: to, InstanceCount: n})
		return code(err)
	}
	other := w.reservation(2, targeted, func(in *api.CreateCapacityReservationInput) { in.InstanceType = "m5.xlarge" })
	for _, tt := range []struct {
		from, to string
		n        int32
		code     string
	}{
		{part, source, 3, "InvalidParameterValue"}, {part, part, 1, "InvalidParameterValue"}, {other, part, 1, "InvalidParameterValue"},
		{part, "cr-0123456789abcdef0", 1, "InvalidCapacityReservationId.NotFound"}, {part, source, 2, ""},
	} {
		if got := move(tt.from, tt.to, tt.n); got != tt.code {
			t.Errorf("%d from %s to %s: %s, not %s", tt.n, tt.from, tt.to, got, tt.code)
		}
	}
	w.free(source, "active", 3)
	w.free(part, "active", 0)
	all := w.reservation(2, targeted)
	if got := move(all, source, 2); got != "" {
		t.Errorf("all of it: %s", got)
	}
	w.free(all, "cancelled", 0)
	w.free(source, "active", 5)
	tops := nodetest.Do(w.World, &api.DescribeCapacityReservationTopology, &api.DescribeCapacityReservationTopologyInput{Filters: []api.Filter{{Name: new("instance-type"), Values: []string{"m5.large"}}}}).CapacityReservations
	if len(tops) != 2 || tops[0].NetworkNodes[0] != tops[1].NetworkNodes[0] || *tops[0].AvailabilityZoneId != "use1-az1" {
		t.Errorf("topology: %+v", tops)
	}
}

func TestEligibilityOfCapacity(t *testing.T) {
	w := newWorld(t)
	i := w.run()
	id := w.reservation(1, func(in *api.CreateCapacityReservationInput) { in.InstanceMatchCriteria = new("targeted") })
	w.free(id, "active", 1)
	set := func(to string) string {
		_, err := nodetest.Try(w.World, &api.ModifyCapacityReservation, &api.ModifyCapacityReservationInput{CapacityReservationId: id, InstanceMatchCriteria: &to})
		return code(err)
	}
	if got := set("open"); got != "" {
		t.Error(got)
	}
	w.free(id, "active", 0)
	if got := w.instance(i).CapacityReservationId; got == nil || *got != id {
		t.Errorf("the instance is in %v", got)
	}
	if got := set("targeted"); got != "InvalidState" {
		t.Errorf("while it is used: %s", got)
	}
}

// TestFiltersOfModifications takes the filters on what modifications lead to.
func TestFiltersOfModifications(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"availability-zone", "availability-zone-id", "instance-count", "instance-type"} {
		name = "modification-result.target-configuration." + name
		nodetest.Do(w.World, &api.DescribeReservedInstancesModifications, &api.DescribeReservedInstancesModificationsInput{Filters: []api.Filter{{Name: &name, Values: []string{"x"}}}})
	}
	if found := nodetest.Do(w.World, &api.DescribeReservedInstances, &api.DescribeReservedInstancesInput{Filters: []api.Filter{{Name: new("availability-zone-id"), Values: []string{"*"}}}}).ReservedInstances; len(found) != 0 {
		t.Errorf("found %+v", found)
	}
}

// TestNothingFailed has calls on several things list the failures that did not
// happen.
func TestNothingFailed(t *testing.T) {
	w := newWorld(t)
	ids := nodetest.Do(w.World, &api.AllocateHosts, &api.AllocateHostsInput{AvailabilityZone: new("us-east-1a"), InstanceType: new("m5.large"), Quantity: new(int32(1))}).HostIds
	changed := nodetest.Do(w.World, &api.ModifyHosts, &api.ModifyHostsInput{HostIds: ids, AutoPlacement: new("on")})
	released := nodetest.Do(w.World, &api.ReleaseHosts, &api.ReleaseHostsInput{HostIds: ids})
	again := nodetest.Do(w.World, &api.ReleaseHosts, &api.ReleaseHostsInput{HostIds: ids})
	for name, failed := range map[string][]api.UnsuccessfulItem{"changed": changed.Unsuccessful, "released": released.Unsuccessful} {
		if failed == nil || len(failed) > 0 {
			t.Errorf("%s: %v failed", name, failed)
		}
	}
	if again.Successful == nil || len(again.Successful) > 0 || len(again.Unsuccessful) != 1 {
		t.Errorf("released twice: %+v", again)
	}
	fleet := nodetest.Do(w.World, &api.CreateCapacityReservationFleet, &api.CreateCapacityReservationFleetInput{
		TotalTargetCapacity: 1, InstanceTypeSpecifications: []api.ReservationFleetInstanceSpecification{{InstanceType: new("m5.large"), InstancePlatform: new("Linux/UNIX"), AvailabilityZone: new("us-east-1a")}},
	}).CapacityReservationFleetId
	if out := nodetest.Do(w.World, &api.CancelCapacityReservationFleets, &api.CancelCapacityReservationFleetsInput{CapacityReservationFleetIds: []string{*fleet}}); out.FailedFleetCancellations == nil || len(out.SuccessfulFleetCancellations) != 1 || *out.SuccessfulFleetCancellations[0].CurrentFleetState != "cancelling" {
		t.Errorf("cancelled: %+v", out)
	}
}
