package vpc

import (
	"net/netip"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	maxVPCRanges  = 5 // of IPv4 in a VPC
	maxIPv6Ranges = 5
)

func (b CIDR) api(state string) *api.VpcCidrBlockAssociation {
	return &api.VpcCidrBlockAssociation{AssociationId: &b.Association, CidrBlock: new(b.Prefix.String()), CidrBlockState: &api.VpcCidrBlockState{State: &state}}
}

func (b CIDR) api6(region, state string) *api.VpcIpv6CidrBlockAssociation {
	return &api.VpcIpv6CidrBlockAssociation{
		AssociationId: &b.Association, Ipv6CidrBlock: new(b.Prefix.String()), Ipv6CidrBlockState: &api.VpcCidrBlockState{State: &state},
		NetworkBorderGroup: &region, Ipv6Pool: new("Amazon"), IpSource: new(api.IpSourceAmazon), Ipv6AddressAttribute: new(api.Ipv6AddressAttributePublic),
	}
}

func associateVpcCidrBlock(c *cloud.Call, tx store.Tx, in *api.AssociateVpcCidrBlockInput) (*api.AssociateVpcCidrBlockOutput, error) {
	v, err := FindVPC(c, tx, in.VpcId)
	if err != nil {
		return nil, err
	}
	if err := noIPAM(in.Ipv4IpamPoolId, in.Ipv6IpamPoolId, in.Ipv6Pool); err != nil {
		return nil, err
	}
	changed := *v
	switch amazon := cloud.Or(in.AmazonProvidedIpv6CidrBlock, false); {
	case amazon && in.CidrBlock != nil:
		return nil, resource.Combination("Only one of cidrBlock and amazonProvidedIpv6CidrBlock may be specified.")
	case amazon:
		if len(v.IPv6) >= maxIPv6Ranges {
			return nil, resource.Errorf("CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: %d", v.ID, maxIPv6Ranges)
		}
		b := addIPv6(c, tx, &changed)
		out := b.api6(c.Region, "associating")
		out.Ipv6CidrBlock = new("")
		return &api.AssociateVpcCidrBlockOutput{VpcId: &v.ID, Ipv6CidrBlockAssociation: out}, nil
	case in.Ipv6CidrBlock != nil:
		return nil, resource.Missing("ipv6Pool")
	case in.CidrBlock == nil:
		return nil, resource.Missing("cidrBlock or amazonProvidedIpv6CidrBlock")
	}
	p, err := parseVPCRange(*in.CidrBlock)
	if err != nil {
		return nil, err
	}
	if err := checkSecondary(c, tx, v, p); err != nil {
		return nil, err
	}
	b := CIDR{Association: resource.NewID(c, "vpc-cidr-assoc"), Prefix: p}
	changed.CIDRs = append(slices.Clone(v.CIDRs), b)
	vpcs.Put(tx, &changed)
	touch(c, tx, v.ID)
	return &api.AssociateVpcCidrBlockOutput{VpcId: &v.ID, CidrBlockAssociation: b.api("associating")}, nil
}

// checkSecondary tells whether a range may be added to a VPC.
// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html#add-cidr-block-restrictions
func checkSecondary(c *cloud.Call, r store.Reader, v *VPC, p netip.Prefix) error {
	if len(v.CIDRs) >= maxVPCRanges {
		return resource.Errorf("CidrLimitExceeded", "This network '%s' has met its maximum number of allowed CIDRs: %d", v.ID, maxVPCRanges)
	}
	for _, b := range v.CIDRs {
		if b.Prefix.Overlaps(p) {
			return resource.Errorf("InvalidVpc.Range", "The CIDR '%s' conflicts with one of the existing CIDRs of the VPC.", p)
		}
	}
	if kind := special(p); kind >= 0 && kind != special(v.CIDRs[0].Prefix) {
		return resource.Errorf("InvalidVpc.Range", "The CIDR '%s' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use a publicly-routable CIDR.", p)
	}
	for t := range routeTables.Index(r, "vpc", c.Account, c.Region, v.ID) {
		for _, route := range t.Routes {
			if route.To.IsValid() && p.Contains(route.To.Addr()) && route.To.Bits() >= p.Bits() {
				return resource.Errorf("InvalidVpc.Range", "The CIDR '%s' conflicts with the route '%s' of the route table '%s'.", p, route.To, t.ID)
			}
		}
	}
	return nil
}

// specials are the ranges that do not mix in one VPC.
var specials = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("198.19.0.0/16"),
}

// special is which of specials a range lies in; -1 for none.
func special(p netip.Prefix) int {
	return slices.IndexFunc(specials, func(s netip.Prefix) bool { return s.Overlaps(p) })
}

// addIPv6 gives a VPC a range of Amazon's, writes it, and lets IPv6 through its
// default ACL and out of its default security group, where they are as they
// were made.
func addIPv6(c *cloud.Call, tx store.Tx, v *VPC) CIDR {
	b := CIDR{Association: resource.NewID(c, "vpc-cidr-assoc"), Prefix: takeIPv6Range(c, tx, v.ID), Amazon: true}
	v.IPv6 = append(slices.Clone(v.IPv6), b)
	vpcs.Put(tx, v)
	for a := range acls.Index(tx, "vpc", c.Account, c.Region, v.ID) {
		if !a.Default {
			continue
		}
		changed := *a
		changed.Ingress, changed.Egress = allowIPv6(a.Ingress), allowIPv6(a.Egress)
		acls.Put(tx, &changed)
	}
	if g, ok := groupNamed(c, tx, v.ID, "default"); ok && letsAllOut(c, tx, g) {
		letOut(c, tx, g, everywhere6)
	}
	touch(c, tx, v.ID)
	return b
}

// allowIPv6 adds the rule that Amazon adds where the range of rules is as it
// made them.
func allowIPv6(list []Entry) []Entry {
	const number = 101
	if len(list) != 1 || list[0] != letAll4 {
		return list
	}
	return append(slices.Clone(list), Entry{Number: number, Allow: true, Protocol: -1, CIDR: everywhere6})
}

func disassociateVpcCidrBlock(c *cloud.Call, tx store.Tx, in *api.DisassociateVpcCidrBlockInput) (*api.DisassociateVpcCidrBlockOutput, error) {
	is := func(b CIDR) bool { return b.Association == in.AssociationId }
	for v := range vpcs.Scan(tx, c.Account, c.Region) {
		n, n6 := slices.IndexFunc(v.CIDRs, is), slices.IndexFunc(v.IPv6, is)
		if n < 0 && n6 < 0 {
			continue
		}
		changed := *v
		out := &api.DisassociateVpcCidrBlockOutput{VpcId: &v.ID}
		var b CIDR
		if n >= 0 {
			b = v.CIDRs[n]
			changed.CIDRs = slices.Delete(slices.Clone(v.CIDRs), n, n+1)
			out.CidrBlockAssociation = b.api("disassociating")
		} else {
			b = v.IPv6[n6]
			changed.IPv6 = slices.Delete(slices.Clone(v.IPv6), n6, n6+1)
			out.Ipv6CidrBlockAssociation = b.api6(c.Region, "disassociating")
		}
		if n == 0 {
			return nil, resource.Errorf("OperationNotPermitted", "The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC", b.Association)
		}
		if subnetWithin(c, tx, v.ID, b.Prefix) {
			return nil, resource.Errorf("InvalidCidrBlock.InUse", "The vpc currently has a subnet within CIDR block %s", b.Prefix)
		}
		if b.Amazon {
			releasePublic(tx, b.Prefix.Addr())
		}
		vpcs.Put(tx, &changed)
		touch(c, tx, v.ID)
		return out, nil
	}
	return nil, resource.Errorf("InvalidVpcCidrBlockAssociationID.NotFound", "The vpc CIDR block association ID '%s' does not exist", in.AssociationId)
}

// subnetWithin tells whether a subnet lies within a range of the VPC.
func subnetWithin(c *cloud.Call, r store.Reader, vpc string, p netip.Prefix) bool {
	for s := range subnets.Index(r, "vpc", c.Account, c.Region, vpc) {
		if s.CIDR.IsValid() && p.Overlaps(s.CIDR) {
			return true
		}
		for _, b := range s.IPv6 {
			if p.Overlaps(b.Prefix) {
				return true
			}
		}
	}
	return false
}
