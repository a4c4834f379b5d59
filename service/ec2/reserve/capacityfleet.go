package reserve

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const capacityFleetKind = "capacity-reservation-fleet"

// capacityFleet is a fleet of capacity reservations. What state it is in,
// follows from its reservations.
type capacityFleet struct {
	Account, Region, ID string
	Target              int32
	Specs               []fleetSpec
	End                 time.Time
	Created             time.Time
	Cancelled           bool
}

// fleetSpec is one type that a fleet may reserve.
type fleetSpec struct {
	Type, Platform, Zone string
	Weight               float64
	Priority             int32
	EBSOptimized         bool
}

var capacityFleets = &store.Table[capacityFleet]{
	Name: "ec2.capacity.fleet",
	Key:  func(f *capacityFleet) store.Key { return store.K(f.Account, f.Region, f.ID) },
}

func errNoCapacityFleet(id string) *cloud.Error {
	return resource.Errorf("InvalidCapacityReservationFleetId.NotFound", "The Capacity Reservation Fleet '%s' does not exist", id)
}

func findCapacityFleet(c *cloud.Call, r store.Reader, id string) (*capacityFleet, error) {
	if f, ok := capacityFleets.Get(r, c.Account, c.Region, id); ok {
		return f, nil
	}
	return nil, errNoCapacityFleet(id)
}

func createCapacityReservationFleet(c *cloud.Call, tx store.Tx, in *api.CreateCapacityReservationFleetInput) (*api.CreateCapacityReservationFleetOutput, error) {
	return resource.Once(c, tx, "CreateCapacityReservationFleet", in.ClientToken, in, func() (*api.CreateCapacityReservationFleetOutput, error) {
		tags, err := resource.SpecifiedTags(in.TagSpecifications, capacityFleetKind)
		if err != nil {
			return nil, err
		}
		f := &capacityFleet{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "crf"), Target: in.TotalTargetCapacity, Created: c.Now, End: cloud.Or(in.EndDate, time.Time{}),
		}
		switch {
		case f.Target < 1:
			return nil, resource.Errorf("InvalidParameterValue", "The total target capacity must be greater than zero.")
		case !f.End.IsZero() && !f.End.After(c.Now):
			return nil, resource.Errorf("InvalidParameterValue", "The end date must be in the future.")
		case cloud.Or(in.AllocationStrategy, "prioritized") != "prioritized":
			return nil, resource.Invalid(*in.AllocationStrategy, "AllocationStrategy")
		case cloud.Or(in.InstanceMatchCriteria, "open") != "open":
			return nil, resource.Invalid(*in.InstanceMatchCriteria, "InstanceMatchCriteria")
		case len(in.InstanceTypeSpecifications) == 0:
			return nil, resource.Missing("InstanceTypeSpecifications")
		}
		if err := f.readSpecs(c, in.InstanceTypeSpecifications); err != nil {
			return nil, err
		}
		capacityFleets.Put(tx, f)
		resource.Register(c, tx, capacityFleetKind, f.ID, tags)
		if err := f.fill(c, tx); err != nil {
			return nil, err
		}
		shown := f.api(c, tx)
		return &api.CreateCapacityReservationFleetOutput{
			CapacityReservationFleetId: &f.ID, State: shown.State, TotalTargetCapacity: &f.Target, TotalFulfilledCapacity: shown.TotalFulfilledCapacity,
			InstanceMatchCriteria: shown.InstanceMatchCriteria, AllocationStrategy: shown.AllocationStrategy, CreateTime: &f.Created, EndDate: moment(f.End),
			Tenancy: shown.Tenancy, FleetCapacityReservations: shown.InstanceTypeSpecifications, Tags: shown.Tags,
		}, nil
	})
}

func (f *capacityFleet) readSpecs(c *cloud.Call, list []api.ReservationFleetInstanceSpecification) error {
	for _, s := range list {
		zone, err := zoneOf(c, s.AvailabilityZone, s.AvailabilityZoneId)
		if err != nil {
			return err
		}
		spec := fleetSpec{
			Type: cloud.Or(s.InstanceType, ""), Platform: cloud.Or(s.InstancePlatform, "Linux/UNIX"), Zone: zone,
			Weight: cloud.Or(s.Weight, 1), Priority: cloud.Or(s.Priority, math.MaxInt32), EBSOptimized: cloud.Or(s.EbsOptimized, false),
		}
		if _, ok := instance.FindType(spec.Type); !ok || spec.Weight <= 0 {
			return resource.Errorf("InvalidParameterValue", "Invalid instance type specification: %s", spec.Type)
		}
		f.Specs = append(f.Specs, spec)
	}
	slices.SortStableFunc(f.Specs, func(a, b fleetSpec) int { return cmp.Compare(a.Priority, b.Priority) })
	return nil
}

// reservations are those that the fleet has.
func (f *capacityFleet) reservations(r store.Reader) (list []*capacity) {
	for x := range capacities.Scan(r, f.Account, f.Region) {
		if x.Fleet == f.ID && x.State == "active" {
			list = append(list, x)
		}
	}
	return list
}

func (f *capacityFleet) fulfilled(r store.Reader) (units float64) {
	for _, x := range f.reservations(r) {
		units += float64(x.Total) * x.Weight
	}
	return units
}

// fill reserves what the fleet lacks, of the type with the highest priority:
// there is always capacity here. Its last instance may exceed the target.
func (f *capacityFleet) fill(c *cloud.Call, tx store.Tx) error {
	missing := float64(f.Target) - f.fulfilled(tx)
	s := f.Specs[0]
	n := int32(math.Ceil(missing/s.Weight - 1e-9))
	if n <= 0 {
		return nil
	}
	x := &capacity{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "cr"), Type: s.Type, Platform: s.Platform, Zone: s.Zone, Tenancy: "default", Total: n,
		EBSOptimized: s.EBSOptimized, State: "active", Created: c.Now, End: f.End, Fleet: f.ID, Weight: s.Weight, Priority: s.Priority,
	}
	resource.Register(c, tx, capacityKind, x.ID, nil)
	return x.open(c, tx)
}

func (f *capacityFleet) state(c *cloud.Call, r store.Reader) string {
	switch has := f.fulfilled(r); {
	case f.Cancelled:
		return "cancelled"
	case !f.End.IsZero() && !c.Now.Before(f.End):
		return "expired"
	case has < float64(f.Target):
		return "partially_fulfilled"
	}
	return "active"
}

func (f *capacityFleet) api(c *cloud.Call, r store.Reader) *api.CapacityReservationFleet {
	out := &api.CapacityReservationFleet{
		CapacityReservationFleetId: &f.ID, CapacityReservationFleetArn: new(c.ARN("ec2", capacityFleetKind+"/"+f.ID)), State: new(f.state(c, r)),
		TotalTargetCapacity: &f.Target, TotalFulfilledCapacity: new(f.fulfilled(r)), Tenancy: new("default"), EndDate: moment(f.End), CreateTime: &f.Created,
		InstanceMatchCriteria: new("open"), AllocationStrategy: new("prioritized"), InstanceTypeSpecifications: []api.FleetCapacityReservation{},
		Tags: resource.APITags(resource.Tags(c, r, f.ID)),
	}
	for _, x := range f.reservations(r) {
		s := api.FleetCapacityReservation{
			CapacityReservationId: &x.ID, AvailabilityZone: &x.Zone, InstanceType: &x.Type, InstancePlatform: &x.Platform, TotalInstanceCount: &x.Total,
			FulfilledCapacity: new(float64(x.Total) * x.Weight), EbsOptimized: &x.EBSOptimized, CreateDate: &x.Created, Weight: &x.Weight,
		}
		if x.Priority != math.MaxInt32 {
			s.Priority = &x.Priority
		}
		out.InstanceTypeSpecifications = append(out.InstanceTypeSpecifications, s)
	}
	return out
}

func modifyCapacityReservationFleet(c *cloud.Call, tx store.Tx, in *api.ModifyCapacityReservationFleetInput) (*api.ModifyCapacityReservationFleetOutput, error) {
	found, err := findCapacityFleet(c, tx, in.CapacityReservationFleetId)
	if err != nil {
		return nil, err
	}
	f := new(*found)
	f.Target = cloud.Or(in.TotalTargetCapacity, f.Target)
	switch remove := cloud.Or(in.RemoveEndDate, false); {
	case f.Cancelled:
		return nil, resource.Errorf("InvalidState", "The Capacity Reservation Fleet '%s' is cancelled.", f.ID)
	case f.Target < 1:
		return nil, resource.Errorf("InvalidParameterValue", "The total target capacity must be greater than zero.")
	case in.EndDate != nil && (remove || in.TotalTargetCapacity != nil):
		return nil, resource.Combination("The end date cannot be changed together with these parameters.")
	case in.EndDate != nil && !in.EndDate.After(c.Now):
		return nil, resource.Errorf("InvalidParameterValue", "The end date must be in the future.")
	case in.EndDate != nil:
		f.End = *in.EndDate
	case remove:
		f.End = time.Time{}
	}
	capacityFleets.Put(tx, f)
	if err := f.shrink(c, tx); err != nil {
		return nil, err
	}
	return &api.ModifyCapacityReservationFleetOutput{Return: new(true)}, f.fill(c, tx)
}

// shrink takes away what is above the target, as far as it is not in use, and
// gives all reservations the fleet's end.
func (f *capacityFleet) shrink(c *cloud.Call, tx store.Tx) error {
	over := f.fulfilled(tx) - float64(f.Target)
	list := f.reservations(tx)
	slices.Reverse(list)
	for _, x := range list {
		n := min(int32(max(over, 0)/x.Weight+1e-9), x.Total-x.used(tx))
		over -= float64(n) * x.Weight
		if n == x.Total {
			if err := x.close(c, tx, "cancelled"); err != nil {
				return err
			}
			continue
		}
		d := new(*x)
		d.Total, d.End = x.Total-n, f.End
		capacities.Put(tx, d)
		if !d.End.IsZero() {
			tx.After(d.End, capacityController, d.key())
		}
	}
	return nil
}

func cancelCapacityReservationFleets(c *cloud.Call, tx store.Tx, in *api.CancelCapacityReservationFleetsInput) (*api.CancelCapacityReservationFleetsOutput, error) {
	out := &api.CancelCapacityReservationFleetsOutput{
		SuccessfulFleetCancellations: []api.CapacityReservationFleetCancellationState{}, FailedFleetCancellations: []api.FailedCapacityReservationFleetCancellationResult{},
	}
	for _, id := range in.CapacityReservationFleetIds {
		found, err := findCapacityFleet(c, tx, id)
		if err != nil {
			out.FailedFleetCancellations = append(out.FailedFleetCancellations, api.FailedCapacityReservationFleetCancellationResult{
				CapacityReservationFleetId: &id, CancelCapacityReservationFleetError: &api.CancelCapacityReservationFleetError{Code: new("InvalidCapacityReservationFleetId.NotFound"), Message: new(errNoCapacityFleet(id).Message)},
			})
			continue
		}
		before := found.state(c, tx)
		f := new(*found)
		f.Cancelled = true
		capacityFleets.Put(tx, f)
		for _, x := range f.reservations(tx) {
			if err := x.close(c, tx, "cancelled"); err != nil {
				return nil, err
			}
		}
		out.SuccessfulFleetCancellations = append(out.SuccessfulFleetCancellations, api.CapacityReservationFleetCancellationState{CapacityReservationFleetId: &id, PreviousFleetState: &before, CurrentFleetState: new("cancelling")})
	}
	return out, nil
}

func describeCapacityReservationFleets(c *cloud.Call, r store.Reader, in *api.DescribeCapacityReservationFleetsInput) (*api.DescribeCapacityReservationFleetsOutput, error) {
	q := resource.Query{IDs: in.CapacityReservationFleetIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: errNoCapacityFleet}
	page, next, err := resource.List(c, r, q, capacityFleets.Scan(r, c.Account, c.Region), func(f *capacityFleet) string { return f.ID }, resource.Fields[capacityFleet]{
		"state":                   resource.One(func(f *capacityFleet) string { return f.state(c, r) }),
		"instance-match-criteria": resource.One(func(*capacityFleet) string { return "open" }),
		"tenancy":                 resource.One(func(*capacityFleet) string { return "default" }),
		"allocation-strategy":     resource.One(func(*capacityFleet) string { return "prioritized" }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeCapacityReservationFleetsOutput{NextToken: next, CapacityReservationFleets: []api.CapacityReservationFleet{}}
	for _, f := range page {
		out.CapacityReservationFleets = append(out.CapacityReservationFleets, *f.api(c, r))
	}
	return out, nil
}

// describeCapacityBlockOfferings answers that there are none: nobody sells
// blocks of accelerators here.
func describeCapacityBlockOfferings(_ *cloud.Call, _ store.Reader, in *api.DescribeCapacityBlockOfferingsInput) (*api.DescribeCapacityBlockOfferingsOutput, error) {
	if in.CapacityDurationHours < 1 {
		return nil, resource.Errorf("InvalidParameterValue", "The capacity duration must be greater than zero.")
	}
	return &api.DescribeCapacityBlockOfferingsOutput{CapacityBlockOfferings: []api.CapacityBlockOffering{}}, nil
}

func purchaseCapacityBlock(_ *cloud.Call, _ store.Tx, in *api.PurchaseCapacityBlockInput) (*api.PurchaseCapacityBlockOutput, error) {
	if !strings.HasPrefix(in.CapacityBlockOfferingId, "cbr-") && !strings.HasPrefix(in.CapacityBlockOfferingId, "cb-") {
		return nil, resource.Errorf("InvalidCapacityBlockOfferingId.Malformed", "The ID '%s' is malformed", in.CapacityBlockOfferingId)
	}
	return nil, resource.Errorf("InvalidCapacityBlockOfferingId.NotFound", "The Capacity Block offering '%s' does not exist", in.CapacityBlockOfferingId)
}
