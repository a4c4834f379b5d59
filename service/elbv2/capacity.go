package elbv2

import (
	"time"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/store"
)

// Reserved capacity is kept and shown; the engine always gives what the machine
// has.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/capacity-unit-reservation.html
const (
	leastCapacity = 100 // units of an application load balancer
	mostCapacity  = 1500
	leastPerZone  = 2750 // of a network load balancer
	decreases     = 2    // in a day
)

func (s *elb) modifyCapacityReservation(c *cloud.Call, tx store.Tx, in *api.ModifyCapacityReservationInput) (*api.ModifyCapacityReservationOutput, error) {
	old, err := findBalancer(c, tx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	b := old.clone()
	units := int32(0)
	switch {
	case cloud.Or(in.ResetCapacityReservation, false):
	case in.MinimumLoadBalancerCapacity == nil || in.MinimumLoadBalancerCapacity.CapacityUnits == nil:
		return nil, invalid("You must specify either a minimum load balancer capacity or reset the capacity reservation")
	default:
		units = *in.MinimumLoadBalancerCapacity.CapacityUnits
		least := int32(leastCapacity)
		if b.Type == network {
			least = leastPerZone * int32(len(b.Nodes))
		}
		switch {
		case units < least:
			return nil, api.ErrInvalidConfigurationRequest.New("The minimum capacity of load balancer '%s' is %d capacity units", b.ARN, least)
		case b.Type == application && units > mostCapacity:
			return nil, api.ErrCapacityUnitsLimitExceeded.New("The capacity units of load balancer '%s' cannot exceed %d", b.ARN, mostCapacity)
		}
	}
	if c.Now.Sub(b.CapacityAt) >= 24*time.Hour {
		b.Decreases = 0
	}
	if units < b.Capacity {
		if b.Decreases >= decreases {
			return nil, api.ErrCapacityDecreaseRequestsLimitExceeded.New("The limit of %d decrease requests a day has been reached for load balancer '%s'", decreases, b.ARN)
		}
		b.Decreases++
	}
	b.Capacity, b.CapacityAt = units, c.Now
	balancers.Put(tx, b)
	shown := b.capacity(c.Now)
	return &api.ModifyCapacityReservationOutput{
		LastModifiedTime: shown.LastModifiedTime, DecreaseRequestsRemaining: shown.DecreaseRequestsRemaining,
		MinimumLoadBalancerCapacity: shown.MinimumLoadBalancerCapacity, CapacityReservationState: shown.CapacityReservationState,
	}, nil
}

func (s *elb) describeCapacityReservation(c *cloud.Call, r store.Reader, in *api.DescribeCapacityReservationInput) (*api.DescribeCapacityReservationOutput, error) {
	b, err := findBalancer(c, r, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	return b.capacity(c.Now), nil
}

// capacity is the reservation as the API has it.
func (b *balancer) capacity(now time.Time) *api.DescribeCapacityReservationOutput {
	out := &api.DescribeCapacityReservationOutput{DecreaseRequestsRemaining: new(int32(decreases))}
	if now.Sub(b.CapacityAt) < 24*time.Hour {
		out.DecreaseRequestsRemaining = new(decreases - b.Decreases)
	}
	if !b.CapacityAt.IsZero() {
		out.LastModifiedTime = &b.CapacityAt
	}
	if b.Capacity == 0 {
		return out
	}
	out.MinimumLoadBalancerCapacity = &api.MinimumLoadBalancerCapacity{CapacityUnits: &b.Capacity}
	for _, n := range b.Nodes {
		out.CapacityReservationState = append(out.CapacityReservationState, api.ZonalCapacityReservationState{
			AvailabilityZone: &n.Zone, EffectiveCapacityUnits: new(float64(b.Capacity) / float64(len(b.Nodes))),
			State: &api.CapacityReservationStatus{Code: new("provisioned")},
		})
	}
	return out
}
