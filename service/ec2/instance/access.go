package instance

import (
	"slices"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// on is an instance as authorisation sees it, with EC2's condition keys.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
func on(c *cloud.Call, r store.Reader, action, id string) cloud.Check {
	check := cloud.Check{Action: "ec2:" + action, Resource: resource.On(c, r, "instance", id)}
	if i, ok := instances.Get(r, c.Account, c.Region, id); ok {
		check.Keys = i.keys()
	}
	return check
}

// keys are the condition keys of an instance.
func (i *Instance) keys() cloud.Keys {
	k := cloud.Keys{
		"ec2:instanceid": {i.ID}, "ec2:instancetype": {i.Type}, "ec2:availabilityzone": {i.Zone}, "ec2:region": {i.Region}, "ec2:tenancy": {i.Placement.Tenancy},
		"ec2:ebsoptimized": {strconv.FormatBool(i.EBSOptimized)}, "ec2:rootdevicetype": {"ebs"},
		"ec2:metadatahttptokens": {i.Metadata.Tokens}, "ec2:metadatahttpendpoint": {i.Metadata.Endpoint},
		"ec2:metadatahttpputresponsehoplimit": {strconv.Itoa(int(i.Metadata.HopLimit))}, "ec2:instancemetadatatags": {i.Metadata.Tags},
		"ec2:instanceautorecovery": {i.recovery()},
	}
	if i.Profile != nil {
		k["ec2:instanceprofile"] = []string{i.Profile.ARN}
	}
	return k
}

// acts declares an operation on one instance.
func acts[In, Out any](o *cloud.Op[In, Out], id func(In) string) cloud.Access {
	return o.Decides([]string{"ec2:" + o.Name}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		return []cloud.Check{on(c, r, o.Name, id(in))}, nil
	})
}

// actsOnAll declares an operation on several instances.
func actsOnAll[In, Out any](o *cloud.Op[In, Out], ids func(In) []string) cloud.Access {
	return o.Decides([]string{"ec2:" + o.Name}, func(c *cloud.Call, r store.Reader, in In) (checks []cloud.Check, err error) {
		for _, id := range ids(in) {
			checks = append(checks, on(c, r, o.Name, id))
		}
		if len(checks) == 0 { // the handler says what is missing
			checks = append(checks, cloud.Check{Action: "ec2:" + o.Name, Resource: resource.New(c, "instance")})
		}
		return checks, nil
	})
}

// runChecks are those of RunInstances: it must be allowed on everything that
// it uses and that it makes, tags must be allowed, and so must passing the
// role of the instance profile.
func (s *Room) runChecks(c *cloud.Call, r store.Reader, in *api.RunInstancesInput) ([]cloud.Check, error) {
	full, err := s.filledIn(c, r, in)
	if err != nil {
		return nil, err
	}
	l := &runAccess{c: c, r: r, in: full}
	l.uses()
	for _, kind := range []string{"instance", "volume", "network-interface"} {
		tags, err := resource.SpecifiedTags(full.TagSpecifications, kind)
		if err != nil {
			tags = nil // the handler refuses them
		}
		l.creates(kind, tags)
	}
	return append(l.checks, passes(c, r, full.IamInstanceProfile)...), nil
}

// runAccess collects the checks of a launch.
type runAccess struct {
	c      *cloud.Call
	r      store.Reader
	in     *api.RunInstancesInput
	checks []cloud.Check
}

func (l *runAccess) use(kind, id string) {
	l.checks = append(l.checks, cloud.Check{Action: "ec2:RunInstances", Resource: resource.On(l.c, l.r, kind, id), Keys: cloud.Keys{"ec2:region": {l.c.Region}}})
}

// uses adds what exists already: image, subnet, groups, interfaces, key pair,
// placement group, snapshots.
func (l *runAccess) uses() {
	in, c := l.in, l.c
	if in.ImageId != nil {
		l.checks = append(l.checks, cloud.Check{Action: "ec2:RunInstances", Resource: cloud.Resource{
			ARN: cloud.ARN{Partition: c.Partition, Service: "ec2", Region: c.Region, Resource: "image/" + *in.ImageId}.String(), Tags: resource.On(c, l.r, "image", *in.ImageId).Tags, Account: c.Account,
		}, Keys: cloud.Keys{"ec2:imageid": {*in.ImageId}, "ec2:region": {c.Region}}})
	}
	subnets, groups := []string{cloud.Or(in.SubnetId, "")}, slices.Clone(in.SecurityGroupIds)
	for _, n := range in.NetworkInterfaces {
		groups = append(groups, n.Groups...)
		switch {
		case n.NetworkInterfaceId != nil:
			l.use("network-interface", *n.NetworkInterfaceId)
		case n.SubnetId != nil:
			subnets = append(subnets, *n.SubnetId)
		}
	}
	if in.SubnetId == nil && len(in.NetworkInterfaces) == 0 {
		zone := ""
		if in.Placement != nil {
			zone = cloud.Or(in.Placement.AvailabilityZone, "")
		}
		if s, err := vpc.DefaultSubnet(c, l.r, zone); err == nil {
			subnets = append(subnets, s.ID)
		}
	}
	for kind, ids := range map[string][]string{"subnet": subnets, "security-group": groups} {
		for _, id := range ids {
			if id != "" {
				l.use(kind, id)
			}
		}
	}
	if k, ok := findKeyPair(c, l.r, "", cloud.Or(in.KeyName, "")); ok {
		l.checks = append(l.checks, cloud.Check{Action: "ec2:RunInstances", Resource: cloud.Resource{
			ARN: c.ARN("ec2", "key-pair/"+k.Name), Account: c.Account, Tags: resource.Tags(c, l.r, k.ID).Map(),
		}, Keys: cloud.Keys{"ec2:keypairname": {k.Name}}})
	}
	if p := in.Placement; p != nil && p.GroupName != nil && *p.GroupName != "" {
		l.use("placement-group", *p.GroupName)
	}
}

// creates adds what is made, with the tags that it gets.
func (l *runAccess) creates(kind string, tags identity.Tags) {
	keys := cloud.TagKeys(tags.Map())
	if keys == nil {
		keys = cloud.Keys{}
	}
	keys["ec2:region"] = []string{l.c.Region}
	if kind == "instance" {
		l.instanceKeys(keys)
	}
	l.checks = append(l.checks, cloud.Check{Action: "ec2:RunInstances", Resource: resource.New(l.c, kind), Keys: keys})
	if len(tags) > 0 {
		tagKeys := cloud.TagKeys(tags.Map())
		tagKeys["ec2:createaction"] = []string{"RunInstances"}
		l.checks = append(l.checks, cloud.Check{Action: "ec2:CreateTags", Resource: resource.New(l.c, kind), Keys: tagKeys})
	}
}

// instanceKeys are those of an instance that the request would make.
func (l *runAccess) instanceKeys(keys cloud.Keys) {
	in := l.in
	keys["ec2:instancetype"] = []string{cloud.Or(in.InstanceType, defaultType)}
	keys["ec2:ebsoptimized"] = []string{strconv.FormatBool(cloud.Or(in.EbsOptimized, false))}
	keys["ec2:tenancy"] = []string{"default"}
	if in.Placement != nil && in.Placement.Tenancy != nil {
		keys["ec2:tenancy"] = []string{*in.Placement.Tenancy}
	}
	if p := in.IamInstanceProfile; p != nil {
		if found, err := findProfile(l.c, l.r, *p); err == nil {
			keys["ec2:instanceprofile"] = []string{found.ARN}
		}
	}
	if o, err := launchMetadata(l.c, l.r, Image{}, in.MetadataOptions); err == nil {
		keys["ec2:metadatahttptokens"] = []string{o.Tokens}
		keys["ec2:metadatahttpendpoint"] = []string{o.Endpoint}
		keys["ec2:metadatahttpputresponsehoplimit"] = []string{strconv.Itoa(int(o.HopLimit))}
	}
	if in.InstanceMarketOptions != nil {
		keys["ec2:instancemarkettype"] = []string{cloud.Or(in.InstanceMarketOptions.MarketType, "on-demand")}
	}
}
