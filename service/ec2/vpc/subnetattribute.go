package vpc

import (
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// modifySubnetAttribute sets one attribute; AWS takes only one in a request.
func modifySubnetAttribute(c *cloud.Call, tx store.Tx, in *api.ModifySubnetAttributeInput) (*cloud.Empty, error) {
	old, err := FindSubnet(c, tx, in.SubnetId)
	if err != nil {
		return nil, err
	}
	if set, on := flag(in.MapCustomerOwnedIpOnLaunch); in.CustomerOwnedIpv4Pool != nil || set && on {
		return nil, resource.Unsupported("The subnet '%s' is not in an Outpost.", old.ID)
	}
	s, sets := *old, 0
	for _, a := range []struct {
		in *api.AttributeBooleanValue
		to *bool
	}{
		{in.MapPublicIpOnLaunch, &s.PublicOnLaunch},
		{in.AssignIpv6AddressOnCreation, &s.IPv6OnCreation},
		{in.EnableDns64, &s.DNS64},
		{in.EnableResourceNameDnsARecordOnLaunch, &s.ResourceA},
		{in.EnableResourceNameDnsAAAARecordOnLaunch, &s.ResourceAAAA},
		{in.MapCustomerOwnedIpOnLaunch, new(bool)},
		{in.DisableLniAtDeviceIndex, new(bool)},
	} {
		if set, value := flag(a.in); set {
			*a.to = value
			sets++
		}
	}
	if set, off := flag(in.DisableLniAtDeviceIndex); set && off {
		s.LocalInterface = 0
	}
	if h := in.PrivateDnsHostnameTypeOnLaunch; h != nil {
		if *h != "ip-name" && *h != "resource-name" {
			return nil, resource.Invalid(*h, "PrivateDnsHostnameTypeOnLaunch")
		}
		s.HostnameType = *h
		sets++
	}
	if in.EnableLniAtDeviceIndex != nil {
		s.LocalInterface = *in.EnableLniAtDeviceIndex
		sets++
	}
	switch {
	case sets == 0:
		return nil, resource.Missing("a subnet attribute")
	case sets > 1:
		return nil, resource.Combination("Fields for multiple attribute types specified")
	case s.IPv6OnCreation && len(s.IPv6) == 0:
		return nil, resource.Errorf("InvalidParameterValue", "Invalid value 'true' for assignIpv6AddressOnCreation. Subnet doesn't have an IPv6 CIDR block associated.")
	case s.PublicOnLaunch && s.IPv6Native:
		return nil, resource.Unsupported("mapPublicIpOnLaunch cannot be enabled for an IPv6-only subnet.")
	}
	subnets.Put(tx, &s)
	return &cloud.Empty{}, nil
}

func associateSubnetCidrBlock(c *cloud.Call, tx store.Tx, in *api.AssociateSubnetCidrBlockInput) (*api.AssociateSubnetCidrBlockOutput, error) {
	s, err := FindSubnet(c, tx, in.SubnetId)
	if err != nil {
		return nil, err
	}
	if err := noIPAM(nil, in.Ipv6IpamPoolId, nil); err != nil {
		return nil, err
	}
	if in.Ipv6CidrBlock == nil {
		return nil, resource.Missing("ipv6CidrBlock")
	}
	if len(s.IPv6) > 0 {
		return nil, resource.Errorf("CidrLimitExceeded", "This subnet '%s' has met its maximum number of allowed CIDRs: 1", s.ID)
	}
	v, err := FindVPC(c, tx, s.VPC)
	if err != nil {
		return nil, err
	}
	b, err := s.rangeIPv6(c, tx, v, *in.Ipv6CidrBlock)
	if err != nil {
		return nil, err
	}
	changed := *s
	changed.IPv6 = []CIDR{b}
	subnets.Put(tx, &changed)
	touch(c, tx, s.VPC)
	return &api.AssociateSubnetCidrBlockOutput{SubnetId: &s.ID, Ipv6CidrBlockAssociation: b.apiSubnet("associating")}, nil
}

func disassociateSubnetCidrBlock(c *cloud.Call, tx store.Tx, in *api.DisassociateSubnetCidrBlockInput) (*api.DisassociateSubnetCidrBlockOutput, error) {
	for s := range subnets.Scan(tx, c.Account, c.Region) {
		n := slices.IndexFunc(s.IPv6, func(b CIDR) bool { return b.Association == in.AssociationId })
		if n < 0 {
			continue
		}
		b := s.IPv6[n]
		for i := range interfaces.Index(tx, "subnet", c.Account, c.Region, s.ID) {
			if len(i.IPv6) > 0 || len(i.IPv6Prefixes) > 0 {
				return nil, resource.Errorf("InvalidCidrBlock.InUse", "The subnet currently has an IPv6 address in use within CIDR block %s", b.Prefix)
			}
		}
		if s.IPv6Native {
			return nil, resource.Unsupported("The IPv6 CIDR block of an IPv6-only subnet cannot be disassociated.")
		}
		changed := *s
		changed.IPv6, changed.IPv6OnCreation = slices.Delete(slices.Clone(s.IPv6), n, n+1), false
		subnets.Put(tx, &changed)
		touch(c, tx, s.VPC)
		return &api.DisassociateSubnetCidrBlockOutput{SubnetId: &s.ID, Ipv6CidrBlockAssociation: b.apiSubnet("disassociating")}, nil
	}
	return nil, resource.Errorf("InvalidSubnetCidrBlockAssociationID.NotFound", "The subnet CIDR block association ID '%s' does not exist", in.AssociationId)
}
