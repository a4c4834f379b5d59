package market

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/image"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/template"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// mostPools is how many ways to launch a fleet may have.
const mostPools = 3000

// recipe is one launch configuration of a fleet with one of its overrides; it
// makes a pool for each type in each zone.
type recipe struct {
	base         *api.RunInstancesInput // what is launched, with what the template says filled in
	launch       *api.RunInstancesInput // what is asked for
	types        []string
	subnets      []string
	zones        []string
	image        string
	weight       float64
	priority     *float64
	maxPrice     string
	config       int
	override     []byte
	placement    *api.Placement
	more         *api.RunInstancesInput // what an override of an instant fleet says beside; nil: nothing
	requirements any
}

// fromTemplate begins a recipe with a launch template.
func fromTemplate(c *cloud.Call, r store.Reader, spec *api.FleetLaunchTemplateSpecification, config int) (*recipe, error) {
	if spec == nil {
		return nil, resource.Missing("LaunchTemplateSpecification")
	}
	in := &api.RunInstancesInput{LaunchTemplate: &api.LaunchTemplateSpecification{
		LaunchTemplateId: spec.LaunchTemplateId, LaunchTemplateName: spec.LaunchTemplateName, Version: spec.Version,
	}}
	base, _, _, err := template.Applied(c, r, in)
	if err != nil {
		return nil, err
	}
	if base.Placement, err = instance.ReadPlacement(c, base.Placement); err != nil {
		return nil, err
	}
	if base.InstanceMarketOptions != nil {
		return nil, resource.Errorf("InvalidFleetConfiguration", "The launch template of a fleet must not specify InstanceMarketOptions.")
	}
	return &recipe{base: base, launch: in, config: config, weight: 1}, nil
}

// lay lays an override over a recipe; zones are given by name or by id.
func (p *recipe) lay(c *cloud.Call, kind, subnet, zone, zoneID, maxPrice, image *string, weight, priority *float64, requirements any) error {
	if kind != nil {
		p.types = []string{*kind}
	}
	p.subnets, p.zones = listed(subnet), listed(zone)
	if len(p.zones) > 0 && cloud.Or(zoneID, "") != "" {
		return resource.Combination("Only one of availabilityZone and availabilityZoneId may be specified.")
	}
	for _, id := range listed(zoneID) {
		name, err := resource.ZoneName(c, nil, &id)
		if err != nil {
			return err
		}
		p.zones = append(p.zones, *name)
	}
	p.maxPrice, p.image, p.priority, p.requirements = cloud.Or(maxPrice, ""), cloud.Or(image, ""), priority, requirements
	p.weight = cloud.Or(weight, 1)
	return nil
}

// listed splits "subnet-1, subnet-2".
func listed(s *string) (list []string) {
	for v := range strings.SplitSeq(cloud.Or(s, ""), ",") {
		if v = strings.TrimSpace(v); v != "" {
			list = append(list, v)
		}
	}
	return list
}

// pools are the ways to launch that a recipe stands for.
func (p *recipe) pools(c *cloud.Call, r store.Reader) (list []pool, err error) {
	if err := p.findTypes(c, r); err != nil {
		return nil, err
	}
	if p.weight <= 0 || checkPrice(p.maxPrice) != nil {
		return nil, resource.Errorf("InvalidFleetConfiguration", "The weighted capacity and the price of an override must be greater than zero.")
	}
	places, err := p.places(c, r)
	if err != nil {
		return nil, err
	}
	priority := math.MaxFloat64 // those without come last
	if p.priority != nil {
		priority = *p.priority
	}
	for _, kind := range p.types {
		for _, at := range places {
			in := *p.launch
			in.InstanceType, in.SubnetId = &kind, optional(at.subnet)
			if p.image != "" {
				in.ImageId = &p.image
			}
			if p.more != nil {
				in.BlockDeviceMappings, in.IamInstanceProfile, in.KeyName, in.MetadataOptions = p.more.BlockDeviceMappings, p.more.IamInstanceProfile, p.more.KeyName, p.more.MetadataOptions
			}
			if in.Placement, err = at.placement(p.base, p.placement); err != nil {
				return nil, err
			}
			body, err := json.Marshal(&in)
			if err != nil {
				return nil, err
			}
			list = append(list, pool{
				Type: kind, Zone: at.zone, Subnet: at.subnet, Image: p.image, Weight: p.weight, Priority: priority, MaxPrice: p.maxPrice,
				Config: p.config, Override: p.override, Launch: body,
			})
		}
	}
	return list, nil
}

func (p *recipe) findTypes(c *cloud.Call, r store.Reader) error {
	if p.requirements != nil {
		a, err := attributesOf(p.requirements)
		if err != nil {
			return err
		}
		if i, err := image.Find(c, r, cmp.Or(p.image, cloud.Or(p.base.ImageId, ""))); err == nil { // else the launch says what is wrong with it
			a.architectures = []string{i.Architecture}
		}
		if len(p.types) > 0 {
			return resource.Errorf("InvalidFleetConfiguration", "InstanceType and InstanceRequirements cannot be specified together.")
		}
		if p.types = a.types(); len(p.types) == 0 {
			return resource.Errorf("InvalidFleetConfiguration", "No instance type has the attributes that were specified.")
		}
	}
	if len(p.types) == 0 && p.base.InstanceType != nil {
		p.types = []string{*p.base.InstanceType}
	}
	if len(p.types) == 0 {
		return resource.Errorf("InvalidFleetConfiguration", "The instance type must be specified in the launch template or in an override.")
	}
	for _, t := range p.types {
		if _, ok := instance.FindType(t); !ok {
			return resource.Errorf("InvalidFleetConfiguration", "The instance type '%s' does not exist.", t)
		}
	}
	return nil
}

// place is where instances of a pool go.
type place struct{ zone, subnet string }

// places are those that a recipe names, or every zone with a default subnet.
func (p *recipe) places(c *cloud.Call, r store.Reader) (list []place, err error) {
	subnets := p.subnets
	if len(subnets) == 0 && len(p.zones) == 0 {
		subnets = append(subnets, templateSubnet(p.base)...)
	}
	for _, id := range subnets {
		s, err := vpc.FindSubnet(c, r, id)
		if err != nil {
			return nil, err
		}
		list = append(list, place{s.Zone, id})
	}
	if len(list) > 0 {
		return list, nil
	}
	zones, where := p.zones, region.Region{}
	where, _ = region.Find(c.Region)
	if b := p.base.Placement; len(zones) == 0 && b != nil && b.AvailabilityZone != nil {
		zones = []string{*b.AvailabilityZone}
	}
	for _, z := range where.Zones() {
		if _, err := vpc.DefaultSubnet(c, r, z.Name); len(zones) == 0 && err == nil {
			list = append(list, place{zone: z.Name})
		}
	}
	for _, name := range zones {
		z, ok := where.FindZone(name)
		if !ok {
			return nil, resource.Errorf("InvalidParameterValue", "Invalid availability zone: [%s]", name)
		}
		list = append(list, place{zone: z.Name})
	}
	if len(list) == 0 {
		return nil, resource.Errorf("InvalidFleetConfiguration", "No subnets found for the default VPC. Please specify a subnet.")
	}
	return list, nil
}

// templateSubnet is the subnet that a template names.
func templateSubnet(in *api.RunInstancesInput) []string {
	if in.SubnetId != nil {
		return []string{*in.SubnetId}
	}
	for _, n := range in.NetworkInterfaces {
		if n.SubnetId != nil {
			return []string{*n.SubnetId}
		}
	}
	return nil
}

// placement is the place as RunInstances takes it: the template's placement,
// that of the override, and the zone where no subnet says it.
func (at place) placement(base *api.RunInstancesInput, override *api.Placement) (*api.Placement, error) {
	p := api.Placement{}
	if base.Placement != nil {
		p = *base.Placement
	}
	if override != nil {
		p = *override
	}
	if p.AvailabilityZone = nil; at.subnet == "" {
		p.AvailabilityZone = &at.zone
	}
	if p == (api.Placement{}) {
		return nil, nil
	}
	return &p, nil
}

// instantly takes over what overrides of instant fleets alone may say: devices,
// which take the place of the template's by their names, the instance profile,
// the key pair and the metadata options.
func (p *recipe) instantly(kind string, o *api.FleetLaunchTemplateOverridesRequest) (err error) {
	if len(o.BlockDeviceMappings) == 0 && o.IamInstanceProfile == nil && o.KeyName == nil && o.MetadataOptions == nil {
		return nil
	}
	if kind != "instant" {
		return resource.Errorf("InvalidFleetConfiguration", "BlockDeviceMappings, IamInstanceProfile, KeyName and MetadataOptions in overrides are supported only for fleets of type 'instant'.")
	}
	p.more = &api.RunInstancesInput{KeyName: o.KeyName}
	if p.more.IamInstanceProfile, err = convert[*api.IamInstanceProfileSpecification](o.IamInstanceProfile); err != nil {
		return err
	}
	if p.more.MetadataOptions, err = convert[*api.InstanceMetadataOptionsRequest](o.MetadataOptions); err != nil {
		return err
	}
	own, err := convert[[]api.BlockDeviceMapping](o.BlockDeviceMappings)
	if err != nil || len(own) == 0 {
		return err
	}
	for _, m := range p.base.BlockDeviceMappings {
		if !slices.ContainsFunc(own, func(d api.BlockDeviceMapping) bool { return cloud.Or(d.DeviceName, "") == cloud.Or(m.DeviceName, "") }) {
			p.more.BlockDeviceMappings = append(p.more.BlockDeviceMappings, m)
		}
	}
	p.more.BlockDeviceMappings = append(p.more.BlockDeviceMappings, own...)
	return nil
}
