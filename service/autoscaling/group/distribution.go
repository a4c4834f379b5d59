package group

import (
	"cmp"
	"errors"
	"slices"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
)

// distribute takes how instances spread over the zones, and which reserved
// capacity they use. What is not given stays.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AvailabilityZoneDistribution.html
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CapacityReservationSpecification.html
func (g *Group) distribute(c *cloud.Call, in *api.UpdateAutoScalingGroupInput) error {
	if d := in.AvailabilityZoneDistribution; d != nil && d.CapacityDistributionStrategy != nil {
		g.BalancedOnly = *d.CapacityDistributionStrategy == api.CapacityDistributionStrategyBalancedOnly
		g.ReservedFirst = *d.CapacityDistributionStrategy == api.CapacityDistributionStrategyReservationsThenBalanced
	}
	s := in.CapacityReservationSpecification
	if s == nil {
		return nil
	}
	g.Reservations, g.Targets = cloud.Or(s.CapacityReservationPreference, api.CapacityReservationPreferenceDefault), nil
	t := s.CapacityReservationTarget
	if t == nil {
		return nil
	}
	switch {
	case !g.prefersReservations():
		return Invalid("CapacityReservationTarget can only be specified with the preferences %s and %s.", api.CapacityReservationPreferenceCapacityReservationsOnly, api.CapacityReservationPreferenceCapacityReservationsFirst)
	case len(t.CapacityReservationResourceGroupArns) > 0:
		return Invalid("Resource groups are not available: CapacityReservationResourceGroupArns is not supported.")
	case len(t.CapacityReservationIds) == 0:
		return nil
	}
	g.Targets = t.CapacityReservationIds
	_, err := ec2.DescribeCapacityReservations.Call(identity.AsAccount(c), &ec2.DescribeCapacityReservationsInput{CapacityReservationIds: g.Targets})
	var e *cloud.Error
	if errors.As(err, &e) && !e.Server {
		return Invalid("%s", e.Message)
	}
	return err
}

// prefersReservations tells whether the group uses reserved capacity before any
// other.
func (g *Group) prefersReservations() bool {
	return g.Reservations == api.CapacityReservationPreferenceCapacityReservationsOnly || g.Reservations == api.CapacityReservationPreferenceCapacityReservationsFirst
}

// describeDistribution completes a description: a group always has both.
func (g *Group) describeDistribution(out *api.AutoScalingGroup) {
	strategy := api.CapacityDistributionStrategyBalancedBestEffort
	switch {
	case g.BalancedOnly:
		strategy = api.CapacityDistributionStrategyBalancedOnly
	case g.ReservedFirst:
		strategy = api.CapacityDistributionStrategyReservationsThenBalanced
	}
	out.AvailabilityZoneDistribution = &api.AvailabilityZoneDistribution{CapacityDistributionStrategy: &strategy}
	out.CapacityReservationSpecification = &api.CapacityReservationSpecification{CapacityReservationPreference: new(cmp.Or(g.Reservations, api.CapacityReservationPreferenceDefault))}
	if len(g.Targets) > 0 {
		out.CapacityReservationSpecification.CapacityReservationTarget = &api.CapacityReservationTarget{CapacityReservationIds: g.Targets}
	}
}

// hold is a capacity reservation as EC2 tells of it, with what is left of it.
type hold struct {
	id, kind, zone string
	free           int32
}

// holds are the reservations that the group may use and that have room: its
// targets, or those that are open. Others are not looked up.
func (g *Group) holds(c *cloud.Call) (list []hold, err error) {
	if len(g.Targets) == 0 && !g.ReservedFirst {
		return nil, nil
	}
	in := &ec2.DescribeCapacityReservationsInput{CapacityReservationIds: g.Targets, Filters: []ec2.Filter{{Name: new("state"), Values: []string{ec2.CapacityReservationStateActive}}}}
	if len(g.Targets) == 0 {
		in.Filters = append(in.Filters, ec2.Filter{Name: new("instance-match-criteria"), Values: []string{ec2.InstanceMatchCriteriaOpen}})
	}
	out, err := ec2.DescribeCapacityReservations.Call(identity.AsAccount(c), in)
	if refused, err := settled(err); refused || err != nil {
		return nil, err // the targets are gone: there is no reserved capacity
	}
	for _, r := range out.CapacityReservations {
		if n := cloud.Or(r.AvailableInstanceCount, 0); n > 0 {
			list = append(list, hold{id: *r.CapacityReservationId, kind: cloud.Or(r.InstanceType, ""), zone: cloud.Or(r.AvailabilityZone, ""), free: n})
		}
	}
	return list, nil
}

// reserved puts the zones first in which something is reserved of what the menu
// has.
func reserved(zones []string, m *menu, holds []hold) []string {
	zones = slices.Clone(zones)
	slices.SortStableFunc(zones, func(a, b string) int { return cmp.Compare(truth(!m.held(holds, a)), truth(!m.held(holds, b))) })
	return zones
}

// held tells whether something of the menu is reserved in a zone.
func (m *menu) held(holds []hold, zone string) bool {
	return slices.ContainsFunc(holds, func(h hold) bool {
		return h.zone == zone && slices.ContainsFunc(m.dishes, func(d dish) bool { return d.kind == h.kind })
	})
}

// errUnreserved is the answer where only reserved capacity may be used, and
// there is none.
func errUnreserved() *cloud.Error {
	return cloud.Errorf(400, "ReservationCapacityExceeded", "The requested reservation does not have sufficient compatible and available capacity for this request.")
}

// ways are the uses of reserved capacity that a launch tries one after another:
// nil leaves it to the launch template.
func (g *Group) ways(holds []hold, o order) (list []*ec2.CapacityReservationSpecification) {
	preference := func(p string) *ec2.CapacityReservationSpecification {
		return &ec2.CapacityReservationSpecification{CapacityReservationPreference: &p}
	}
	only := g.Reservations == api.CapacityReservationPreferenceCapacityReservationsOnly
	switch {
	case o.spot:
		return []*ec2.CapacityReservationSpecification{nil}
	case g.Reservations == api.CapacityReservationPreferenceNone:
		return append(list, preference(ec2.CapacityReservationPreferenceNone))
	case !g.prefersReservations():
		return []*ec2.CapacityReservationSpecification{nil}
	case len(g.Targets) == 0 && only:
		return append(list, preference(ec2.CapacityReservationPreferenceCapacityReservationsOnly))
	case len(g.Targets) == 0:
		return append(list, preference(ec2.CapacityReservationPreferenceOpen))
	}
	for _, h := range holds {
		if h.zone == o.zone && h.kind == o.kind {
			list = append(list, &ec2.CapacityReservationSpecification{CapacityReservationTarget: &ec2.CapacityReservationTarget{CapacityReservationId: &h.id}})
		}
	}
	if !only {
		list = append(list, preference(ec2.CapacityReservationPreferenceNone))
	}
	return list
}
