package reserve

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Capacity can be reserved for a later date, for which one commits oneself.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/cr-concepts.html
const (
	day             = 24 * time.Hour
	earliestStart   = 5 * day
	latestStart     = 120 * day
	leastCommitment = 14 * day
	// assessed is after how long a request is approved. AWS takes up to five days.
	assessed = time.Hour
)

// later takes over what a request says of a later date.
func (x *capacity) later(c *cloud.Call, in *api.CreateCapacityReservationInput) error {
	if in.StartDate == nil {
		if in.CommitmentDuration != nil || in.DeliveryPreference != nil {
			return resource.Combination("CommitmentDuration and DeliveryPreference can only be specified for a future-dated Capacity Reservation: together with StartDate.")
		}
		return nil
	}
	x.Start, x.Commitment = *in.StartDate, time.Duration(cloud.Or(in.CommitmentDuration, 0))*time.Second
	switch {
	case in.CommitmentDuration == nil:
		return resource.Missing("CommitmentDuration")
	case in.DeliveryPreference == nil:
		return resource.Missing("DeliveryPreference")
	case *in.DeliveryPreference != api.CapacityReservationDeliveryPreferenceIncremental:
		return resource.Invalid(*in.DeliveryPreference, "DeliveryPreference")
	case x.Start.Before(c.Now.Add(earliestStart)) || x.Start.After(c.Now.Add(latestStart)):
		return resource.Errorf("InvalidParameterValue", "The start date of a future-dated Capacity Reservation must be between 5 and 120 days in advance.")
	case x.Commitment < leastCommitment:
		return resource.Errorf("InvalidParameterValue", "The commitment duration must be at least 14 days.")
	case !x.Targeted:
		return resource.Combination("A future-dated Capacity Reservation must have the instance match criteria 'targeted'.")
	case x.PlacementGroup != "":
		return resource.Combination("PlacementGroupArn is not supported for future-dated Capacity Reservations.")
	case !x.End.IsZero() && x.End.Before(x.Start.Add(x.Commitment)):
		return resource.Errorf("InvalidParameterValue", "The end date must not be within the commitment duration.")
	}
	x.State, x.Committed = api.CapacityReservationStateAssessing, x.Total
	return nil
}

// start is when the reservation begins.
func (x *capacity) start() time.Time {
	if x.Start.IsZero() {
		return x.Created
	}
	return x.Start
}

// next is when one that has not begun comes to its next state.
func (x *capacity) next() time.Time {
	if x.State == api.CapacityReservationStateAssessing {
		return x.Created.Add(assessed)
	}
	return x.Start
}

// proceed brings one that has not begun to its next state when its time has
// come: there is always capacity here.
func (x *capacity) proceed(c *cloud.Call, tx store.Tx) error {
	d := new(*x)
	switch {
	case c.Now.Before(x.next()):
	case x.State == api.CapacityReservationStateAssessing:
		d.State = api.CapacityReservationStateScheduled
	default:
		d.State = api.CapacityReservationStateActive
	}
	return d.open(c, tx)
}

// committed tells whether the commitment still holds.
func (x *capacity) committed(now time.Time) bool {
	return x.State == "active" && x.Commitment > 0 && now.Before(x.Start.Add(x.Commitment))
}

func errCommitted(x *capacity) *cloud.Error {
	return resource.Errorf("OperationNotPermitted", "The Capacity Reservation '%s' cannot be cancelled or reduced before its commitment duration ends at %s.", x.ID, stamp(x.Start.Add(x.Commitment)))
}

// showLater adds what answers tell of a later date.
func (x *capacity) showLater(out *api.CapacityReservation) {
	if x.Start.IsZero() {
		return
	}
	out.DeliveryPreference = new(api.CapacityReservationDeliveryPreferenceIncremental)
	out.CommitmentInfo = &api.CapacityReservationCommitmentInfo{
		CommittedInstanceCount: &x.Committed, CommitmentEndDate: new(x.Start.Add(x.Commitment)), CommitmentDuration: new(int64(x.Commitment / time.Second)),
	}
	if x.State == api.CapacityReservationStateScheduled {
		out.CapacityAllocations = append(out.CapacityAllocations, api.CapacityAllocation{AllocationType: new(api.AllocationTypeFuture), Count: &x.Total})
	}
}
