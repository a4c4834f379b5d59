package vpc

import (
	"cmp"
	"net/netip"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const maxSubnets = 200 // of a VPC

// makeSubnet writes a subnet and puts it under the VPC's default ACL.
func makeSubnet(c *cloud.Call, tx store.Tx, s Subnet) *Subnet {
	s.Account, s.Region, s.ID = c.Account, c.Region, resource.NewID(c, "subnet")
	s.HostnameType = cmp.Or(s.HostnameType, "ip-name")
	subnets.Put(tx, &s)
	resource.Register(c, tx, "subnet", s.ID, nil)
	for a := range acls.Index(tx, "vpc", c.Account, c.Region, s.VPC) {
		if a.Default {
			changed := *a
			changed.Associations = append(append([]Association{}, a.Associations...), Association{ID: resource.NewID(c, "aclassoc"), Subnet: s.ID})
			acls.Put(tx, &changed)
		}
	}
	return &s
}

func createSubnet(c *cloud.Call, tx store.Tx, in *api.CreateSubnetInput) (*api.CreateSubnetOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, "subnet")
	if err != nil {
		return nil, err
	}
	v, err := FindVPC(c, tx, in.VpcId)
	if err != nil {
		return nil, err
	}
	if err := noIPAM(in.Ipv4IpamPoolId, in.Ipv6IpamPoolId, nil); err != nil {
		return nil, err
	}
	if in.OutpostArn != nil {
		return nil, resource.Errorf("InvalidOutpostArn.NotFound", "The Outpost '%s' does not exist", *in.OutpostArn)
	}
	s := Subnet{VPC: v.ID, IPv6Native: cloud.Or(in.Ipv6Native, false)}
	z, err := subnetZone(c, in)
	if err != nil {
		return nil, err
	}
	s.Zone = z.Name
	if err := s.setRanges(c, tx, v, in); err != nil {
		return nil, err
	}
	if count(subnets.Index(tx, "vpc", c.Account, c.Region, v.ID)) >= maxSubnets {
		return nil, resource.Errorf("SubnetLimitExceeded", "The maximum number of subnets has been reached.")
	}
	made := makeSubnet(c, tx, s)
	retag(c, tx, "subnet", made.ID, tags)
	touch(c, tx, v.ID)
	out := made.api(c, tx)
	for n := range out.Ipv6CidrBlockAssociationSet {
		out.Ipv6CidrBlockAssociationSet[n].Ipv6CidrBlockState.State = new(api.SubnetCidrBlockStateCodeAssociating)
	}
	return &api.CreateSubnetOutput{Subnet: out}, nil
}

// subnetZone is the zone that a request names, or any.
func subnetZone(c *cloud.Call, in *api.CreateSubnetInput) (region.Zone, error) {
	where, _ := region.Find(c.Region)
	zones := where.Zones()
	named, err := resource.ZoneName(c, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return region.Zone{}, err
	}
	if name := cloud.Or(named, ""); name != "" {
		return zoneOf(c, name)
	}
	if len(zones) == 0 {
		return zoneOf(c, "")
	}
	return zones[c.Rand().Uint64()%uint64(len(zones))], nil
}

// setRanges checks and sets the ranges that a request asks for.
func (s *Subnet) setRanges(c *cloud.Call, tx store.Tx, v *VPC, in *api.CreateSubnetInput) error {
	switch {
	case s.IPv6Native && in.CidrBlock != nil:
		return resource.Combination("When specifying ipv6Native, cidrBlock cannot be specified.")
	case s.IPv6Native && in.Ipv6CidrBlock == nil:
		return resource.Missing("ipv6CidrBlock")
	case !s.IPv6Native && in.CidrBlock == nil:
		return resource.Errorf("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
	}
	if in.CidrBlock != nil {
		p, err := parseIPv4(*in.CidrBlock, "cidrBlock")
		if err != nil {
			return err
		}
		if err := s.fits(c, tx, v.CIDRs, p, 16, 28); err != nil {
			return err
		}
		s.CIDR = p
	}
	if in.Ipv6CidrBlock != nil {
		b, err := s.rangeIPv6(c, tx, v, *in.Ipv6CidrBlock)
		if err != nil {
			return err
		}
		s.IPv6, s.IPv6OnCreation = []CIDR{b}, s.IPv6Native
	}
	return nil
}

// rangeIPv6 checks a range of IPv6 for the subnet.
func (s *Subnet) rangeIPv6(c *cloud.Call, r store.Reader, v *VPC, text string) (CIDR, error) {
	p, err := parseIPv6(text, "ipv6CidrBlock")
	if err != nil {
		return CIDR{}, err
	}
	if p.Bits()%4 != 0 {
		return CIDR{}, resource.Errorf("InvalidSubnet.Range", "The CIDR '%s' is invalid.", text)
	}
	if err := s.fits(c, r, v.IPv6, p, 44, 64); err != nil {
		return CIDR{}, err
	}
	return CIDR{Association: resource.NewID(c, "subnet-cidr-assoc"), Prefix: p}, nil
}

// fits tells whether a range lies within those of the VPC and meets no other
// subnet's.
func (s *Subnet) fits(c *cloud.Call, r store.Reader, within []CIDR, p netip.Prefix, least, most int) error {
	ok := false
	for _, b := range within {
		ok = ok || b.Prefix.Bits() <= p.Bits() && b.Prefix.Contains(p.Addr())
	}
	if !ok || p.Bits() < least || p.Bits() > most {
		return resource.Errorf("InvalidSubnet.Range", "The CIDR '%s' is invalid.", p)
	}
	if subnetWithin(c, r, s.VPC, p) {
		return resource.Errorf("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", p)
	}
	return nil
}

func deleteSubnet(c *cloud.Call, tx store.Tx, in *api.DeleteSubnetInput) (*cloud.Empty, error) {
	s, err := FindSubnet(c, tx, in.SubnetId)
	if err != nil {
		return nil, err
	}
	for range interfaces.Index(tx, "subnet", c.Account, c.Region, s.ID) {
		return nil, resource.DependencyViolation("subnet", s.ID)
	}
	for t := range routeTables.Index(tx, "vpc", c.Account, c.Region, s.VPC) {
		if left, ok := without(t.Associations, s.ID); ok {
			changed := *t
			changed.Associations = left
			routeTables.Put(tx, &changed)
		}
	}
	for a := range acls.Index(tx, "vpc", c.Account, c.Region, s.VPC) {
		if left, ok := without(a.Associations, s.ID); ok {
			changed := *a
			changed.Associations = left
			acls.Put(tx, &changed)
		}
	}
	for v := range reserved.Index(tx, "subnet", c.Account, c.Region, s.ID) {
		reserved.Delete(tx, c.Account, c.Region, v.ID)
		resource.Unregister(c, tx, v.ID)
	}
	subnets.Delete(tx, c.Account, c.Region, s.ID)
	resource.Unregister(c, tx, s.ID)
	touch(c, tx, s.VPC)
	return &cloud.Empty{}, nil
}

// without is associations less a subnet's; ok tells whether it had one.
func without(list []Association, subnet string) (left []Association, ok bool) {
	for _, a := range list {
		if a.Subnet == subnet {
			ok = true
		} else {
			left = append(left, a)
		}
	}
	return left, ok
}

// api is a subnet as answers have it.
func (s *Subnet) api(c *cloud.Call, r store.Reader) *api.Subnet {
	z, _ := region.ZoneNamed(s.Zone)
	o := &api.Subnet{
		AvailabilityZone: &s.Zone, AvailabilityZoneId: &z.ID, AvailableIpAddressCount: new(int32(freeAddresses(r, s))), CidrBlock: text(prefix(s.CIDR)),
		DefaultForAz: &s.Default, MapPublicIpOnLaunch: &s.PublicOnLaunch, MapCustomerOwnedIpOnLaunch: new(false), State: new("available"),
		SubnetId: &s.ID, VpcId: &s.VPC, OwnerId: &s.Account, AssignIpv6AddressOnCreation: &s.IPv6OnCreation, EnableDns64: &s.DNS64,
		Ipv6CidrBlockAssociationSet: []api.SubnetIpv6CidrBlockAssociation{}, Ipv6Native: &s.IPv6Native,
		SubnetArn: new(c.ARN("ec2", "subnet/"+s.ID)), Tags: resource.ShownTags(resource.Tags(c, r, s.ID)), EnableLniAtDeviceIndex: some(s.LocalInterface),
		BlockPublicAccessStates: blockStates(c, r, s.VPC, s.ID),
		PrivateDnsNameOptionsOnLaunch: &api.PrivateDnsNameOptionsOnLaunch{
			HostnameType: &s.HostnameType, EnableResourceNameDnsARecord: &s.ResourceA, EnableResourceNameDnsAAAARecord: &s.ResourceAAAA,
		},
	}
	for _, b := range s.IPv6 {
		o.Ipv6CidrBlockAssociationSet = append(o.Ipv6CidrBlockAssociationSet, *b.apiSubnet("associated"))
	}
	return o
}

func (b CIDR) apiSubnet(state string) *api.SubnetIpv6CidrBlockAssociation {
	return &api.SubnetIpv6CidrBlockAssociation{AssociationId: &b.Association, Ipv6CidrBlock: new(b.Prefix.String()), Ipv6CidrBlockState: &api.SubnetCidrBlockState{State: &state}, IpSource: new(api.IpSourceAmazon), Ipv6AddressAttribute: new(api.Ipv6AddressAttributePublic)}
}

func describeSubnets(c *cloud.Call, r store.Reader, in *api.DescribeSubnetsInput) (*api.DescribeSubnetsOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.SubnetIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noSubnet},
		subnets.Scan(r, c.Account, c.Region), func(s *Subnet) string { return s.ID }, subnetFields(c, r))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSubnetsOutput{Subnets: []api.Subnet{}, NextToken: next}
	for _, s := range list {
		out.Subnets = append(out.Subnets, *s.api(c, r))
	}
	return out, nil
}

func subnetFields(c *cloud.Call, r store.Reader) resource.Fields[Subnet] {
	zone := resource.One(func(s *Subnet) string { return s.Zone })
	zoneID := resource.One(func(s *Subnet) string { z, _ := region.ZoneNamed(s.Zone); return z.ID })
	cidr := optional(func(s *Subnet) string { return prefix(s.CIDR) })
	isDefault := resource.Flag(func(s *Subnet) bool { return s.Default })
	blocks := func(f func(CIDR) string) func(*Subnet) []string {
		return func(s *Subnet) (out []string) {
			for _, b := range s.IPv6 {
				out = append(out, f(b))
			}
			return out
		}
	}
	return resource.Fields[Subnet]{
		"availability-zone": zone, "availabilityZone": zone, "availability-zone-id": zoneID, "availabilityZoneId": zoneID,
		"available-ip-address-count": resource.One(func(s *Subnet) string { return strconv.Itoa(freeAddresses(r, s)) }),
		"cidr-block":                 cidr, "cidr": cidr, "cidrBlock": cidr,
		"default-for-az": isDefault, "defaultForAz": isDefault,
		"enable-dns64": resource.Flag(func(s *Subnet) bool { return s.DNS64 }),
		"ipv6-cidr-block-association.ipv6-cidr-block":      blocks(func(b CIDR) string { return b.Prefix.String() }),
		"ipv6-cidr-block-association.association-id":       blocks(func(b CIDR) string { return b.Association }),
		"ipv6-cidr-block-association.state":                blocks(func(CIDR) string { return "associated" }),
		"ipv6-native":                                      resource.Flag(func(s *Subnet) bool { return s.IPv6Native }),
		"map-public-ip-on-launch":                          resource.Flag(func(s *Subnet) bool { return s.PublicOnLaunch }),
		"map-customer-owned-ip-on-launch":                  resource.Flag(func(*Subnet) bool { return false }),
		"outpost-arn":                                      func(*Subnet) []string { return nil },
		"customer-owned-ipv4-pool":                         func(*Subnet) []string { return nil },
		"enable-lni-at-device-index":                       func(*Subnet) []string { return nil },
		"owner-id":                                         resource.One(func(s *Subnet) string { return s.Account }),
		"private-dns-name-options-on-launch.hostname-type": resource.One(func(s *Subnet) string { return s.HostnameType }),
		"private-dns-name-options-on-launch.enable-resource-name-dns-a-record":    resource.Flag(func(s *Subnet) bool { return s.ResourceA }),
		"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": resource.Flag(func(s *Subnet) bool { return s.ResourceAAAA }),
		"state":      resource.One(func(*Subnet) string { return "available" }),
		"subnet-arn": resource.One(func(s *Subnet) string { return c.ARN("ec2", "subnet/"+s.ID) }),
		"subnet-id":  resource.One(func(s *Subnet) string { return s.ID }),
		"vpc-id":     resource.One(func(s *Subnet) string { return s.VPC }),
	}
}
