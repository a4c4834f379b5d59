package group

import (
	"slices"

	api "pileus/api/autoscaling"
	"pileus/api/elb"
	"pileus/api/elbv2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
	"pileus/zone/shift"
)

// applyZonalShift sets whether the group can be shifted away from a zone, and
// what becomes of unhealthy instances there meanwhile.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-zonal-shift.html
func (g *Group) applyZonalShift(_ *cloud.Call, _ store.Tx, in *api.UpdateAutoScalingGroupInput) error {
	p := in.AvailabilityZoneImpairmentPolicy
	if p == nil {
		return nil
	}
	d := api.AvailabilityZoneImpairmentPolicy{}
	if g.Impairment != nil {
		d = *g.Impairment
	}
	if p.ZonalShiftEnabled != nil {
		d.ZonalShiftEnabled = p.ZonalShiftEnabled
	}
	if p.ImpairedZoneHealthCheckBehavior != nil {
		d.ImpairedZoneHealthCheckBehavior = p.ImpairedZoneHealthCheckBehavior
	}
	if cloud.Or(d.ZonalShiftEnabled, false) && d.ImpairedZoneHealthCheckBehavior == nil {
		return Invalid("You must specify ImpairedZoneHealthCheckBehavior when ZonalShiftEnabled is true.")
	}
	g.Impairment = &d
	return nil
}

// shifts tells whether the group can be shifted away from a zone.
func (g *Group) shifts() bool {
	return g.Impairment != nil && cloud.Or(g.Impairment.ZonalShiftEnabled, false)
}

// manage has Zonal Shift know the group, or forget it, as its policy says.
func (g *Group) manage(c *cloud.Call, tx store.Tx) {
	if !g.shifts() {
		shift.Unregister(tx, g.Account, g.Region, g.ARN(c))
		return
	}
	shift.Register(tx, shift.Resource{
		Account: g.Account, Region: g.Region, ARN: g.ARN(c), Name: g.Name, Zones: g.Zones, Waker: Controller, Key: []string{g.Account, g.Region, g.Name},
	})
}

// Away is the zone that a group is shifted away from; "" for none.
func Away(c *cloud.Call, r store.Reader, g *Group) string {
	return shift.Away(r, g.Account, g.Region, g.ARN(c))
}

// spared tells whether an unhealthy instance is left alone: its zone is the one
// that the group is shifted away from, and the group has it so.
func (s *scene) spared(i *Instance) bool {
	return s.away != "" && i.Zone == s.away && cloud.Or(s.Impairment.ImpairedZoneHealthCheckBehavior, "") == api.ImpairedZoneHealthCheckBehaviorIgnoreUnhealthy
}

// open are the zones of a list that the group may launch in: not the one that
// it is shifted away from, unless it has no other.
func (s *scene) open(zones []string) []string {
	if s.away == "" || len(zones) < 2 {
		return zones
	}
	return slices.DeleteFunc(slices.Clone(zones), func(z string) bool { return z == s.away })
}

// checkCrossing refuses load balancers whose nodes send within their zone only:
// a shift would leave them without their share of instances.
func checkCrossing(c *cloud.Call, g *Group, skip *bool) error {
	if !g.shifts() || cloud.Or(skip, false) {
		return nil
	}
	for _, b := range g.Balancers {
		crosses, err := crosses(c, b)
		if err != nil {
			return err
		}
		if !crosses && b.State != sourceRemoving {
			return Invalid("Zonal shift cannot be enabled with cross-zone disabled load balancers, because capacity could become imbalanced across Availability Zones: %s. To skip this validation, set SkipZonalShiftValidation to true.", b.ID)
		}
	}
	return nil
}

// crosses tells whether the load balancers behind a source send across zones.
func crosses(c *cloud.Call, b Source) (bool, error) {
	as := identity.AsAccount(c)
	if b.Type == classic {
		out, err := elb.DescribeLoadBalancerAttributes.Call(as, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerName: b.ID})
		if err != nil {
			return false, err
		}
		x := out.LoadBalancerAttributes.CrossZoneLoadBalancing
		return x != nil && x.Enabled, nil
	}
	const attribute = "load_balancing.cross_zone.enabled"
	set, err := elbv2.DescribeTargetGroupAttributes.Call(as, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: b.ID})
	if err != nil {
		return false, err
	}
	for _, a := range set.Attributes {
		if v := cloud.Or(a.Value, ""); cloud.Or(a.Key, "") == attribute && (v == "true" || v == "false") {
			return v == "true", nil
		}
	}
	groups, err := elbv2.DescribeTargetGroups.Call(as, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{b.ID}})
	if err != nil {
		return false, err
	}
	for _, arn := range groups.TargetGroups[0].LoadBalancerArns {
		out, err := elbv2.DescribeLoadBalancerAttributes.Call(as, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: arn})
		if err != nil {
			return false, err
		}
		for _, a := range out.Attributes {
			if cloud.Or(a.Key, "") == attribute && cloud.Or(a.Value, "") == "false" {
				return false, nil
			}
		}
	}
	return true, nil
}
