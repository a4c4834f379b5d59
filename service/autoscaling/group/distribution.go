package group

import (
	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
)

// distribute takes how instances spread over the zones, and which reserved
// capacity they use. What is not given stays.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AvailabilityZoneDistribution.html
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CapacityReservationSpecification.html
func (g *Group) distribute(in *api.UpdateAutoScalingGroupInput) error {
	if d := in.AvailabilityZoneDistribution; d != nil && d.CapacityDistributionStrategy != nil {
		g.BalancedOnly = *d.CapacityDistributionStrategy == api.CapacityDistributionStrategyBalancedOnly
	}
	s := in.CapacityReservationSpecification
	if s == nil {
		return nil
	}
	preference := cloud.Or(s.CapacityReservationPreference, api.CapacityReservationPreferenceDefault)
	if s.CapacityReservationTarget != nil || preference == api.CapacityReservationPreferenceCapacityReservationsOnly {
		return Invalid("Capacity reservations as targets, and %s, are not supported.", api.CapacityReservationPreferenceCapacityReservationsOnly)
	}
	g.Reservations = preference
	return nil
}

// describeDistribution completes a description: a group always has both.
func (g *Group) describeDistribution(out *api.AutoScalingGroup) {
	strategy, preference := api.CapacityDistributionStrategyBalancedBestEffort, api.CapacityReservationPreferenceDefault
	if g.BalancedOnly {
		strategy = api.CapacityDistributionStrategyBalancedOnly
	}
	if g.Reservations != "" {
		preference = g.Reservations
	}
	out.AvailabilityZoneDistribution = &api.AvailabilityZoneDistribution{CapacityDistributionStrategy: &strategy}
	out.CapacityReservationSpecification = &api.CapacityReservationSpecification{CapacityReservationPreference: &preference}
}

// reserve has EC2 use reserved capacity as the group says; by default as the
// launch template does.
func (g *Group) reserve(in *ec2.RunInstancesInput) {
	switch g.Reservations {
	case api.CapacityReservationPreferenceNone:
		in.CapacityReservationSpecification = &ec2.CapacityReservationSpecification{CapacityReservationPreference: new(ec2.CapacityReservationPreferenceNone)}
	case api.CapacityReservationPreferenceCapacityReservationsFirst:
		in.CapacityReservationSpecification = &ec2.CapacityReservationSpecification{CapacityReservationPreference: new(ec2.CapacityReservationPreferenceOpen)}
	}
}
