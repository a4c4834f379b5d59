package vpc

import (
	"slices"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
	"pileus/zone"
)

func optIn(where region.Region) string {
	if where.OptIn {
		// Every region is open to every account here.
		return "opted-in"
	}
	return "opt-in-not-required"
}

func describeRegions(c *cloud.Call, r store.Reader, in *api.DescribeRegionsInput) (*api.DescribeRegionsOutput, error) {
	all := func(yield func(*region.Region) bool) {
		for _, x := range region.All() {
			if !yield(&x) {
				return
			}
		}
	}
	endpoint := func(x *region.Region) string { return "ec2." + x.Name + ".amazonaws.com" }
	list, _, err := resource.List(c, r, resource.Query{IDs: in.RegionNames, Filters: in.Filters, NotFound: func(name string) *cloud.Error {
		return resource.Errorf("InvalidParameterValue", "Invalid region '%s'.", name)
	}}, all, func(x *region.Region) string { return x.Name }, resource.Fields[region.Region]{
		"endpoint":      resource.One(endpoint),
		"region-name":   resource.One(func(x *region.Region) string { return x.Name }),
		"opt-in-status": resource.One(func(x *region.Region) string { return optIn(*x) }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeRegionsOutput{Regions: []api.Region{}}
	for _, x := range list {
		out.Regions = append(out.Regions, api.Region{RegionName: &x.Name, Endpoint: new(endpoint(x)), OptInStatus: new(optIn(*x))})
	}
	return out, nil
}

func describeAvailabilityZones(c *cloud.Call, r store.Reader, in *api.DescribeAvailabilityZonesInput) (*api.DescribeAvailabilityZonesOutput, error) {
	where, _ := region.Find(c.Region)
	all := func(yield func(*region.Zone) bool) {
		for _, z := range where.Zones() {
			if !yield(&z) {
				return
			}
		}
	}
	q := resource.Query{IDs: slices.Clone(in.ZoneNames), Filters: in.Filters, NotFound: errZone}
	for _, id := range in.ZoneIds {
		z, ok := where.FindZone(id)
		if !ok || z.ID != id {
			return nil, errZone(id)
		}
		q.IDs = append(q.IDs, z.Name)
	}
	name := resource.One(func(z *region.Zone) string { return z.Region })
	group := resource.One(func(z *region.Zone) string { return z.Region + "-zg-1" })
	state := resource.One(func(z *region.Zone) string {
		state, _ := zoneState(zone.Of(r, z.Name))
		return state
	})
	messages := func(z *region.Zone) (out []string) {
		_, list := zoneState(zone.Of(r, z.Name))
		for _, m := range list {
			out = append(out, *m.Message)
		}
		return out
	}
	nothing := func(*region.Zone) []string { return nil }
	list, _, err := resource.List(c, r, q, all, func(z *region.Zone) string { return z.Name }, resource.Fields[region.Zone]{
		"group-name": group, "message": messages, "opt-in-status": resource.One(func(*region.Zone) string { return "opt-in-not-required" }),
		"parent-zone-id": nothing, "parent-zone-name": nothing, "parent-zoneID": nothing, "parent-zoneName": nothing, "region-name": name, "regionName": name,
		"state": state, "zone-id": resource.One(func(z *region.Zone) string { return z.ID }),
		"zone-name": resource.One(func(z *region.Zone) string { return z.Name }),
		"zone-type": resource.One(func(*region.Zone) string { return "availability-zone" }), "network-border-group": name,
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeAvailabilityZonesOutput{AvailabilityZones: []api.AvailabilityZone{}}
	for _, z := range list {
		state, messages := zoneState(zone.Of(r, z.Name))
		out.AvailabilityZones = append(out.AvailabilityZones, api.AvailabilityZone{
			State: &state, OptInStatus: new("opt-in-not-required"), Messages: messages, RegionName: &z.Region,
			ZoneName: &z.Name, ZoneId: &z.ID, GroupName: new(z.Region + "-zg-1"), NetworkBorderGroup: &z.Region, ZoneType: new("availability-zone"),
		})
	}
	return out, nil
}

// modifyAvailabilityZoneGroup knows no local zones or Wavelength zones, which
// alone can be opted in to.
func modifyAvailabilityZoneGroup(c *cloud.Call, _ store.Reader, in *api.ModifyAvailabilityZoneGroupInput) (*api.ModifyAvailabilityZoneGroupOutput, error) {
	switch {
	case in.GroupName != c.Region+"-zg-1" && in.GroupName != c.Region:
		return nil, resource.Errorf("InvalidParameterValue", "The zone group '%s' does not exist.", in.GroupName)
	case in.OptInStatus == "opted-in":
		return &api.ModifyAvailabilityZoneGroupOutput{Return: yes()}, nil
	case in.OptInStatus == "not-opted-in":
		return nil, resource.Errorf("OptInNotRequired", "Opting out of the zone group '%s' is not supported.", in.GroupName)
	}
	return nil, resource.Invalid(in.OptInStatus, "OptInStatus")
}

// accountAttributes are what an account may have in a region, and which VPC is
// its default one.
func accountAttributes(c *cloud.Call, r store.Reader) []api.AccountAttribute {
	def := "none"
	if v, ok := DefaultVPC(c, r); ok {
		def = v.ID
	}
	var out []api.AccountAttribute
	for _, a := range [][2]string{
		{"supported-platforms", "VPC"}, {"vpc-max-security-groups-per-interface", strconv.Itoa(maxGroupsOfInterface)},
		{"max-elastic-ips", strconv.Itoa(maxAddresses)}, {"max-instances", "20"}, {"vpc-max-elastic-ips", strconv.Itoa(maxAddresses)}, {"default-vpc", def},
	} {
		out = append(out, api.AccountAttribute{AttributeName: &a[0], AttributeValues: []api.AccountAttributeValue{{AttributeValue: &a[1]}}})
	}
	return out
}

func describeAccountAttributes(c *cloud.Call, r store.Reader, in *api.DescribeAccountAttributesInput) (*api.DescribeAccountAttributesOutput, error) {
	out := &api.DescribeAccountAttributesOutput{AccountAttributes: []api.AccountAttribute{}}
	all := accountAttributes(c, r)
	for _, name := range in.AttributeNames {
		if !slices.ContainsFunc(all, func(a api.AccountAttribute) bool { return *a.AttributeName == name }) {
			return nil, resource.Invalid(name, "attributeName")
		}
	}
	for _, a := range all {
		if len(in.AttributeNames) == 0 || slices.Contains(in.AttributeNames, *a.AttributeName) {
			out.AccountAttributes = append(out.AccountAttributes, a)
		}
	}
	return out, nil
}
