package group

import (
	"errors"
	"slices"
	"strings"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/api/elb"
	"pileus/api/elbv2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/region"
	"pileus/service/autoscaling/launch"
	"pileus/store"
)

// applyPlaces sets where instances are launched: subnets, or zones.
func (g *Group) applyPlaces(c *cloud.Call, _ store.Tx, in *api.UpdateAutoScalingGroupInput) error {
	given, err := zonesGiven(c, in.AvailabilityZones, in.AvailabilityZoneIds)
	if err != nil {
		return err
	}
	list := cloud.Or(in.VPCZoneIdentifier, "")
	if list != "" {
		g.Subnets = nil
		for id := range strings.SplitSeq(list, ",") {
			if id = strings.TrimSpace(id); id != "" && !slices.Contains(g.Subnets, id) {
				g.Subnets = append(g.Subnets, id)
			}
		}
		places, err := placesOf(c, g.Subnets)
		if err != nil {
			return err
		}
		zones := zonesOf(places)
		for _, z := range given {
			if !slices.Contains(zones, z) {
				return Invalid("The availability zones of the specified subnets and the Auto Scaling group do not match")
			}
		}
		g.Places, g.Zones = places, zones
		return nil
	}
	if len(given) > 0 {
		if err := checkZones(c, given); err != nil {
			return err
		}
		g.Zones, g.Subnets, g.Places = given, nil, nil
	}
	if len(g.Zones) == 0 {
		return Invalid("At least one Availability Zone or VPC Subnet is required.")
	}
	return nil
}

// zonesGiven are the names of zones that a request names, or gives by their ids.
func zonesGiven(c *cloud.Call, names, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return names, nil
	}
	if len(names) > 0 {
		return nil, Invalid("You cannot specify both AvailabilityZones and AvailabilityZoneIds in the same request.")
	}
	where, _ := region.Find(c.Region)
	for _, id := range ids {
		z, ok := where.FindZone(id)
		if !ok || z.ID != id {
			return nil, Invalid("Invalid availability zone ids: [%s]", id)
		}
		names = append(names, z.Name)
	}
	return names, nil
}

// zoneID is the id of a zone by its name: "use1-az1".
func zoneID(name string) string {
	z, _ := region.ZoneNamed(name)
	return z.ID
}

// placesOf are subnets with their zones.
func placesOf(c *cloud.Call, subnets []string) ([]Place, error) {
	out, err := ec2.DescribeSubnets.Call(identity.AsAccount(c), &ec2.DescribeSubnetsInput{SubnetIds: subnets})
	if isCode(err, "InvalidSubnetID.NotFound") || isCode(err, "InvalidSubnetId.Malformed") {
		var e *cloud.Error
		errors.As(err, &e)
		return nil, Invalid("%s", e.Message)
	}
	if err != nil {
		return nil, err
	}
	var places []Place
	for _, id := range subnets {
		for _, s := range out.Subnets {
			if *s.SubnetId == id {
				places = append(places, Place{Subnet: id, Zone: *s.AvailabilityZone})
			}
		}
	}
	return places, nil
}

func zonesOf(places []Place) (zones []string) {
	for _, p := range places {
		if !slices.Contains(zones, p.Zone) {
			zones = append(zones, p.Zone)
		}
	}
	slices.Sort(zones)
	return zones
}

func checkZones(c *cloud.Call, zones []string) error {
	out, err := ec2.DescribeAvailabilityZones.Call(identity.AsAccount(c), &ec2.DescribeAvailabilityZonesInput{})
	if err != nil {
		return err
	}
	for _, z := range zones {
		if !slices.ContainsFunc(out.AvailabilityZones, func(a ec2.AvailabilityZone) bool { return cloud.Or(a.ZoneName, "") == z }) {
			return Invalid("Invalid availability zones: [%s]", z)
		}
	}
	return nil
}

// applyLaunch sets what is launched: one of three, which takes the place of
// the others.
func (g *Group) applyLaunch(c *cloud.Call, tx store.Tx, in *api.UpdateAutoScalingGroupInput) error {
	given := 0
	for _, is := range []bool{in.LaunchConfigurationName != nil, in.LaunchTemplate != nil, in.MixedInstancesPolicy != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		return errLaunchable()
	}
	switch {
	case in.LaunchConfigurationName != nil:
		l, err := launch.Find(c, tx, *in.LaunchConfigurationName)
		if err != nil {
			return Invalid("Launch configuration name not found - A launch configuration with the name: %s does not exist", *in.LaunchConfigurationName)
		}
		g.LaunchConfiguration, g.LaunchTemplate, g.Mixed = l.Name, nil, nil
	case in.LaunchTemplate != nil:
		t, err := CheckTemplate(c, in.LaunchTemplate, nil)
		if err != nil {
			return err
		}
		g.LaunchConfiguration, g.LaunchTemplate, g.Mixed = "", t, nil
	case in.MixedInstancesPolicy != nil:
		p, err := CheckMixed(c, in.MixedInstancesPolicy)
		if err != nil {
			return err
		}
		g.LaunchConfiguration, g.LaunchTemplate, g.Mixed = "", nil, p
	}
	return nil
}

// CheckTemplate is a launch template that exists and that the caller may run
// instances from, with its id, its name and the version as it was given. image
// takes the place of the template's; nil for that.
func CheckTemplate(c *cloud.Call, t *api.LaunchTemplateSpecification, image *string) (*api.LaunchTemplateSpecification, error) {
	if (t.LaunchTemplateId == nil) == (t.LaunchTemplateName == nil) {
		return nil, Invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName")
	}
	full, _, err := resolve(c, t)
	var e *cloud.Error
	if errors.As(err, &e) && !e.Server {
		return nil, Invalid("You must use a valid fully-formed launch template. %s", e.Message)
	}
	if err != nil {
		return nil, err
	}
	_, err = ec2.RunInstances.Call(c, &ec2.RunInstancesInput{
		DryRun: new(true), MinCount: 1, MaxCount: 1, ImageId: image,
		LaunchTemplate: &ec2.LaunchTemplateSpecification{LaunchTemplateId: full.LaunchTemplateId, Version: full.Version},
	})
	if isCode(err, "UnauthorizedOperation") {
		return nil, cloud.Errorf(403, "AccessDenied", "You are not authorized to use launch template: %s", *full.LaunchTemplateId)
	}
	if err != nil && !isCode(err, "DryRunOperation") {
		if errors.As(err, &e) && !e.Server {
			return nil, Invalid("You must use a valid fully-formed launch template. %s", e.Message)
		}
		return nil, err
	}
	full.Version = t.Version
	return full, nil
}

// CheckMixed is a mixed instances policy that can be kept.
func CheckMixed(c *cloud.Call, p *api.MixedInstancesPolicy) (*api.MixedInstancesPolicy, error) {
	if p.LaunchTemplate == nil || p.LaunchTemplate.LaunchTemplateSpecification == nil {
		return nil, Invalid("A launch template must be specified in the mixed instances policy.")
	}
	if err := checkOverrides(c, p.LaunchTemplate.Overrides); err != nil {
		return nil, err
	}
	base, err := CheckTemplate(c, p.LaunchTemplate.LaunchTemplateSpecification, imageOf(p.LaunchTemplate.Overrides))
	if err != nil {
		return nil, err
	}
	d := *p
	lt := *p.LaunchTemplate
	lt.LaunchTemplateSpecification = base
	d.LaunchTemplate = &lt
	return &d, checkDistribution(p.InstancesDistribution)
}

func checkDistribution(d *api.InstancesDistribution) error {
	if d == nil {
		return nil
	}
	if d.DistributionSegments != nil {
		return Invalid("DistributionSegments is not supported.")
	}
	spot := cloud.Or(d.SpotAllocationStrategy, lowestPrice)
	percent := cloud.Or(d.OnDemandPercentageAboveBaseCapacity, 100)
	switch {
	case !slices.Contains([]string{prioritized, lowestPrice}, cloud.Or(d.OnDemandAllocationStrategy, prioritized)):
		return Invalid("The OnDemandAllocationStrategy '%s' is not valid.", *d.OnDemandAllocationStrategy)
	case !slices.Contains([]string{lowestPrice, capacityOptimized, capacityOptimizedPrioritized, priceCapacityOptimized}, spot):
		return Invalid("The SpotAllocationStrategy '%s' is not valid.", spot)
	case percent < 0 || percent > 100:
		return Invalid("OnDemandPercentageAboveBaseCapacity must be between 0 and 100.")
	case cloud.Or(d.OnDemandBaseCapacity, 0) < 0:
		return Invalid("OnDemandBaseCapacity must not be negative.")
	case d.SpotInstancePools != nil && spot != lowestPrice:
		return Invalid("SpotInstancePools option is only available with the lowest-price allocation strategy.")
	case cloud.Or(d.SpotInstancePools, 1) < 1 || cloud.Or(d.SpotInstancePools, 1) > 20:
		return Invalid("SpotInstancePools must be between 1 and 20.")
	}
	return nil
}

// sourceType is the type of a traffic source, told by its identifier where it
// is not given.
func sourceType(t api.TrafficSourceIdentifier) string {
	if t.Type != nil {
		return *t.Type
	}
	switch a, ok := cloud.ParseARN(t.Identifier); {
	case !ok:
		return classic
	case a.Service == "vpc-lattice":
		return lattice
	}
	return targetGroup
}

// checkSources refuses sources that do not exist.
func checkSources(c *cloud.Call, list []Source) error {
	as := identity.AsAccount(c)
	counts := map[string]int{}
	for _, b := range list {
		counts[b.Type]++
		var err error
		switch b.Type {
		case targetGroup:
			if !isTargetGroup(b.ID) {
				return Invalid("'%s' is not a valid target group ARN", b.ID)
			}
			if _, err = elbv2.DescribeTargetGroups.Call(as, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{b.ID}}); err != nil {
				err = refusal(err, "Target groups '%s' not found", b.ID)
			}
		case classic:
			if _, err = elb.DescribeLoadBalancers.Call(as, &elb.DescribeLoadBalancersInput{LoadBalancerNames: []string{b.ID}}); err != nil {
				err = refusal(err, "Provided Load Balancers may not be valid. Please ensure they exist and try again.")
			}
		default:
			return Invalid("Traffic sources of the type '%s' are not available.", b.Type)
		}
		if err != nil {
			return err
		}
	}
	if counts[targetGroup] > mostTargetGroups || counts[classic] > mostClassic {
		return errLimit("load balancers of an AutoScalingGroup", mostClassic)
	}
	return nil
}

// refusal is the service's word for what another service refuses.
func refusal(err error, format string, a ...any) error {
	if refused, err := settled(err); !refused {
		return err
	}
	return Invalid(format, a...)
}
