package group

import (
	"cmp"
	"strconv"
	"strings"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/autoscaling/launch"
	"pileus/store"
)

// dish is one kind of instance that a group can launch.
type dish struct {
	kind     string // instance type; "" where the launch template has none
	weight   int32
	template *api.LaunchTemplateSpecification // with the number of its version; nil for a launch configuration
	image    string                           // ImageId of the override; "" for the template's
	rank     int                              // in the order of the overrides
}

// menu is all that a group can launch.
type menu struct {
	configuration *launch.Configuration // nil for launch templates
	dishes        []dish
	weighted      bool
}

// menu looks up what the group launches from, as it is now.
func (g *Group) menu(c *cloud.Call) (*menu, error) {
	switch {
	case g.Mixed != nil:
		return g.mixedMenu(c)
	case g.LaunchTemplate != nil:
		t, data, err := resolve(c, g.LaunchTemplate)
		if err != nil {
			return nil, err
		}
		return &menu{dishes: []dish{{kind: cloud.Or(data.InstanceType, ""), weight: 1, template: t}}}, nil
	}
	var l *launch.Configuration
	err := c.View(func(r store.Reader) (err error) {
		l, err = launch.Find(c, r, g.LaunchConfiguration)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &menu{configuration: l, dishes: []dish{{kind: l.Spec.InstanceType, weight: 1}}}, nil
}

// resolve is a launch template with its id and the number of the version that
// is meant now, and what that version says.
func resolve(c *cloud.Call, t *api.LaunchTemplateSpecification) (*api.LaunchTemplateSpecification, *ec2.ResponseLaunchTemplateData, error) {
	version := cloud.Or(t.Version, "$Default")
	in := &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: t.LaunchTemplateId, Versions: []string{version}}
	if t.LaunchTemplateId == nil {
		in.LaunchTemplateName = t.LaunchTemplateName
	}
	out, err := ec2.DescribeLaunchTemplateVersions.Call(identity.AsAccount(c), in)
	if err != nil {
		return nil, nil, err
	}
	if len(out.LaunchTemplateVersions) == 0 {
		return nil, nil, Invalid("The specified launch template version does not exist.")
	}
	v := out.LaunchTemplateVersions[0]
	data := v.LaunchTemplateData
	if data == nil {
		data = &ec2.ResponseLaunchTemplateData{}
	}
	return &api.LaunchTemplateSpecification{
		LaunchTemplateId: v.LaunchTemplateId, LaunchTemplateName: v.LaunchTemplateName, Version: new(strconv.FormatInt(*v.VersionNumber, 10)),
	}, data, nil
}

// AsksForSpot tells whether the group's launch template or configuration asks
// for spot instances.
func (g *Group) AsksForSpot(c *cloud.Call, r store.Reader) (bool, error) {
	if g.LaunchTemplate != nil {
		_, data, err := resolve(c, g.LaunchTemplate)
		return err == nil && data.InstanceMarketOptions != nil && cloud.Or(data.InstanceMarketOptions.MarketType, "") == ec2.MarketTypeSpot, err
	}
	l, err := launch.Find(c, r, g.LaunchConfiguration)
	return err == nil && l.Spec.SpotPrice != nil, err
}

// number is the number of a launch template's version.
func number(version string) int64 {
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return noVersion
	}
	return n
}

// order is one launch: what, where, and on which market.
type order struct {
	dish
	zone, subnet string
	spot         bool
	maxPrice     string
	batch        batch
	reservation  *ec2.CapacityReservationSpecification // nil for the template's
}

// request is the order as EC2 takes it.
func (m *menu) request(g *Group, o order, token string) *ec2.RunInstancesInput {
	in := &ec2.RunInstancesInput{MinCount: 1, MaxCount: 1, ClientToken: &token}
	if l := m.configuration; l != nil {
		configured(in, &l.Spec)
	} else {
		in.LaunchTemplate = &ec2.LaunchTemplateSpecification{LaunchTemplateId: o.template.LaunchTemplateId, Version: o.template.Version}
	}
	if o.kind != "" {
		in.InstanceType = &o.kind
	}
	if o.image != "" {
		in.ImageId = &o.image
	}
	if o.spot {
		in.InstanceMarketOptions = &ec2.InstanceMarketOptionsRequest{MarketType: new("spot"), SpotOptions: &ec2.SpotMarketOptions{SpotInstanceType: new("one-time"), MaxPrice: optional(o.maxPrice)}}
	}
	switch {
	case o.subnet == "":
		place(in).AvailabilityZone = &o.zone
	case len(in.NetworkInterfaces) > 0:
		in.NetworkInterfaces[0].SubnetId = &o.subnet
	default:
		in.SubnetId = &o.subnet
	}
	if g.PlacementGroup != "" {
		place(in).GroupName = &g.PlacementGroup
	}
	in.CapacityReservationSpecification = cmp.Or(o.reservation, in.CapacityReservationSpecification)
	if tags := g.instanceTags(); len(tags) > 0 {
		in.TagSpecifications = []ec2.TagSpecification{{ResourceType: new("instance"), Tags: tags}}
	}
	return in
}

// place is the request's placement.
func place(in *ec2.RunInstancesInput) *ec2.Placement {
	if in.Placement == nil {
		in.Placement = &ec2.Placement{}
	}
	return in.Placement
}

// instanceTags are those that the group gives to what it launches.
func (g *Group) instanceTags() (tags []ec2.Tag) {
	for _, t := range g.Tags {
		if t.Propagate {
			tags = append(tags, ec2.Tag{Key: &t.Key, Value: &t.Value})
		}
	}
	return tags
}

// configured fills in what a launch configuration says.
func configured(in *ec2.RunInstancesInput, l *api.LaunchConfiguration) {
	in.ImageId, in.KeyName, in.UserData = &l.ImageId, l.KeyName, l.UserData
	in.KernelId, in.RamdiskId, in.EbsOptimized = l.KernelId, l.RamdiskId, l.EbsOptimized
	for _, g := range l.SecurityGroups {
		if strings.HasPrefix(g, "sg-") {
			in.SecurityGroupIds = append(in.SecurityGroupIds, g)
		} else {
			in.SecurityGroups = append(in.SecurityGroups, g)
		}
	}
	if l.AssociatePublicIpAddress != nil {
		in.NetworkInterfaces = []ec2.InstanceNetworkInterfaceSpecification{{
			DeviceIndex: new(int32(0)), AssociatePublicIpAddress: l.AssociatePublicIpAddress, Groups: in.SecurityGroupIds, DeleteOnTermination: new(true),
		}}
		in.SecurityGroupIds = nil
	}
	for _, b := range l.BlockDeviceMappings {
		in.BlockDeviceMappings = append(in.BlockDeviceMappings, device(b))
	}
	in.Monitoring = &ec2.RunInstancesMonitoringEnabled{Enabled: l.InstanceMonitoring == nil || cloud.Or(l.InstanceMonitoring.Enabled, true)}
	if p := cloud.Or(l.IamInstanceProfile, ""); strings.HasPrefix(p, "arn:") {
		in.IamInstanceProfile = &ec2.IamInstanceProfileSpecification{Arn: &p}
	} else if p != "" {
		in.IamInstanceProfile = &ec2.IamInstanceProfileSpecification{Name: &p}
	}
	if l.PlacementTenancy != nil {
		place(in).Tenancy = l.PlacementTenancy
	}
	if m := l.MetadataOptions; m != nil {
		in.MetadataOptions = &ec2.InstanceMetadataOptionsRequest{HttpTokens: m.HttpTokens, HttpPutResponseHopLimit: m.HttpPutResponseHopLimit, HttpEndpoint: m.HttpEndpoint}
	}
	if l.SpotPrice != nil {
		in.InstanceMarketOptions = &ec2.InstanceMarketOptionsRequest{MarketType: new("spot"), SpotOptions: &ec2.SpotMarketOptions{SpotInstanceType: new("one-time"), MaxPrice: l.SpotPrice}}
	}
}

func device(b api.BlockDeviceMapping) ec2.BlockDeviceMapping {
	out := ec2.BlockDeviceMapping{DeviceName: &b.DeviceName, VirtualName: b.VirtualName}
	if cloud.Or(b.NoDevice, false) {
		out.NoDevice = new("")
	}
	if e := b.Ebs; e != nil {
		out.Ebs = &ec2.EbsBlockDevice{
			SnapshotId: e.SnapshotId, VolumeSize: e.VolumeSize, VolumeType: e.VolumeType, DeleteOnTermination: e.DeleteOnTermination,
			Iops: e.Iops, Encrypted: e.Encrypted, Throughput: e.Throughput,
		}
	}
	return out
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
