package vpc

import (
	"net/netip"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// seen is that an account has used a region: it has got what everybody finds
// there, and will not get it again if it deletes it.
type seen struct{ Account, Region string }

var touched = &store.Table[seen]{
	Name: "ec2.seen",
	Key:  func(s *seen) store.Key { return store.K(s.Account, s.Region) },
}

// defaultCIDR is the range of default VPCs; each zone has a /20 of it.
// https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html
var defaultCIDR = netip.MustParsePrefix("172.31.0.0/16")

const defaultSubnetBits = 20

// EnsureDefaults makes the default DHCP options and the default VPC of the
// account and region, once.
func EnsureDefaults(c *cloud.Call, tx store.Tx) error {
	if touched.Has(tx, c.Account, c.Region) {
		return nil
	}
	touched.Put(tx, &seen{c.Account, c.Region})
	makeDefaultDHCP(c, tx)
	_, err := makeDefaultVPC(c, tx)
	return err
}

// makeDefaultVPC makes the default VPC: public subnets in all zones.
func makeDefaultVPC(c *cloud.Call, tx store.Tx) (*VPC, error) {
	v := makeVPC(c, tx, VPC{CIDRs: []CIDR{{Prefix: defaultCIDR}}, Default: true, DNSHostnames: true, Tenancy: "default"})
	g := &Gateway{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "igw"), VPC: v.ID}
	internetGateways.Put(tx, g)
	resource.Register(c, tx, "internet-gateway", g.ID, nil)
	main := mainTable(c, tx, v.ID)
	changed := *main
	changed.Routes = []Route{{To: netip.MustParsePrefix("0.0.0.0/0"), Kind: "internet-gateway", Target: g.ID}}
	routeTables.Put(tx, &changed)
	where, ok := region.Find(c.Region)
	if !ok {
		return v, nil // a region that nobody knows has no zones
	}
	for _, z := range where.Zones() {
		if _, err := makeDefaultSubnet(c, tx, v, z); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// makeDefaultSubnet makes a default subnet of the first /20 that is free.
func makeDefaultSubnet(c *cloud.Call, tx store.Tx, v *VPC, z region.Zone) (*Subnet, error) {
	p, ok := freeRange(c, tx, v, defaultSubnetBits)
	if !ok {
		return nil, resource.Errorf("InsufficientCidrBlocks", "There are no free CIDR blocks in the default VPC '%s'.", v.ID)
	}
	s := Subnet{VPC: v.ID, Zone: z.Name, CIDR: p, Default: true, PublicOnLaunch: true}
	return makeSubnet(c, tx, s), nil
}

// freeRange is the first range of some length in the VPC's primary range that
// no subnet has.
func freeRange(c *cloud.Call, r store.Reader, v *VPC, bits int) (netip.Prefix, bool) {
	whole := v.CIDRs[0].Prefix
	for at := 0; at < size(whole); at += 1 << (32 - bits) {
		p := netip.PrefixFrom(nth(whole, at), bits)
		free := true
		for s := range subnets.Index(r, "vpc", c.Account, c.Region, v.ID) {
			free = free && !s.CIDR.Overlaps(p)
		}
		if free {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

func createDefaultVpc(c *cloud.Call, tx store.Tx, _ *api.CreateDefaultVpcInput) (*api.CreateDefaultVpcOutput, error) {
	if v, ok := DefaultVPC(c, tx); ok {
		return nil, resource.Errorf("DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region. (%s)", v.ID)
	}
	v, err := makeDefaultVPC(c, tx)
	if err != nil {
		return nil, err
	}
	return &api.CreateDefaultVpcOutput{Vpc: v.made(c, tx)}, nil
}

func createDefaultSubnet(c *cloud.Call, tx store.Tx, in *api.CreateDefaultSubnetInput) (*api.CreateDefaultSubnetOutput, error) {
	named, err := resource.ZoneName(c, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	if cloud.Or(named, "") == "" {
		return nil, resource.Missing("availabilityZone")
	}
	z, err := zoneOf(c, *named)
	if err != nil {
		return nil, err
	}
	v, ok := DefaultVPC(c, tx)
	if !ok {
		return nil, resource.Errorf("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")
	}
	if cloud.Or(in.Ipv6Native, false) {
		return nil, resource.Unsupported("An IPv6-only default subnet cannot be created in a default VPC without an IPv6 CIDR block.")
	}
	if _, err := DefaultSubnet(c, tx, z.Name); err == nil {
		return nil, resource.Errorf("DefaultSubnetAlreadyExistsInAvailabilityZone", "A default subnet already exists in availability zone '%s'.", z.Name)
	}
	s, err := makeDefaultSubnet(c, tx, v, z)
	if err != nil {
		return nil, err
	}
	touch(c, tx, v.ID)
	return &api.CreateDefaultSubnetOutput{Subnet: s.api(c, tx)}, nil
}

// zoneOf is a zone of the call's region that a request names.
func zoneOf(c *cloud.Call, name string) (region.Zone, error) {
	where, _ := region.Find(c.Region)
	for _, z := range where.Zones() {
		if z.Name == name {
			return z, nil
		}
	}
	return region.Zone{}, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.", name, zoneNames(where))
}

func zoneNames(where region.Region) (list string) {
	for n, z := range where.Zones() {
		if n > 0 {
			list += ", "
		}
		list += z.Name
	}
	return list
}
