package vpc

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// TestRanges tries ranges for VPCs and subnets.
func TestRanges(t *testing.T) {
	w := newWorld(t)
	for cidr, code := range map[string]string{
		"10.0.0.0/15": "InvalidVpc.Range", "10.0.0.0/29": "InvalidVpc.Range", "10.0.0.0": "InvalidParameterValue", "2001:db8::/56": "InvalidParameterValue",
	} {
		_, err := nodetest.Try(w.World, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: &cidr})
		wantCode(t, err, code)
	}
	v := w.vpc("10.0.5.7/16") // host bits are cut off
	if got := *nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{VpcIds: []string{v}}).Vpcs[0].CidrBlock; got != "10.0.0.0/16" {
		t.Errorf("the VPC has %s", got)
	}
	w.subnet(v, "10.0.0.0/24", "us-east-1a")
	for cidr, code := range map[string]string{
		"10.0.0.128/25": "InvalidSubnet.Conflict", "10.0.0.0/16": "InvalidSubnet.Conflict", "10.1.0.0/24": "InvalidSubnet.Range",
		"10.0.1.0/29": "InvalidSubnet.Range", "10.0.0.0/8": "InvalidSubnet.Range", "10.0.1.0/33": "InvalidParameterValue",
	} {
		_, err := nodetest.Try(w.World, &api.CreateSubnet, &api.CreateSubnetInput{VpcId: v, CidrBlock: &cidr})
		wantCode(t, err, code)
	}
	_, err := nodetest.Try(w.World, &api.CreateSubnet, &api.CreateSubnetInput{VpcId: v, CidrBlock: new("10.0.3.0/24"), AvailabilityZone: new("us-east-1z")})
	wantCode(t, err, "InvalidParameterValue")
	for cidr, code := range map[string]string{
		"10.0.128.0/17": "InvalidVpc.Range", "172.16.0.0/16": "InvalidVpc.Range", "192.168.0.0/16": "InvalidVpc.Range", "198.19.0.0/16": "InvalidVpc.Range",
	} {
		_, err := nodetest.Try(w.World, &api.AssociateVpcCidrBlock, &api.AssociateVpcCidrBlockInput{VpcId: v, CidrBlock: &cidr})
		wantCode(t, err, code)
	}
	for _, cidr := range []string{"10.1.0.0/16", "100.64.0.0/16", "203.0.113.0/24", "10.2.0.0/16"} {
		nodetest.Do(w.World, &api.AssociateVpcCidrBlock, &api.AssociateVpcCidrBlockInput{VpcId: v, CidrBlock: &cidr})
	}
	_, err = nodetest.Try(w.World, &api.AssociateVpcCidrBlock, &api.AssociateVpcCidrBlockInput{VpcId: v, CidrBlock: new("10.3.0.0/16")})
	wantCode(t, err, "CidrLimitExceeded")
	w.subnet(v, "10.1.0.0/24", "us-east-1b")
	for _, a := range nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{VpcIds: []string{v}}).Vpcs[0].CidrBlockAssociationSet {
		_, err := nodetest.Try(w.World, &api.DisassociateVpcCidrBlock, &api.DisassociateVpcCidrBlockInput{AssociationId: *a.AssociationId})
		switch *a.CidrBlock {
		case "10.0.0.0/16":
			wantCode(t, err, "OperationNotPermitted")
		case "10.1.0.0/16":
			wantCode(t, err, "InvalidCidrBlock.InUse")
		default:
			if err != nil {
				t.Errorf("%s: %v", *a.CidrBlock, err)
			}
		}
	}
}

// TestQuotas takes as many VPCs and addresses as there may be.
func TestQuotas(t *testing.T) {
	w := newWorld(t)
	for range maxVPCs - 1 { // beside the default one
		w.vpc("10.0.0.0/16")
	}
	_, err := nodetest.Try(w.World, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: new("10.0.0.0/16")})
	wantCode(t, err, "VpcLimitExceeded")
	for range maxAddresses {
		nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	}
	_, err = nodetest.Try(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	wantCode(t, err, "AddressLimitExceeded")
}

// TestAttributes sets what can be set of VPCs and subnets, one by one.
func TestAttributes(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	on := &api.AttributeBooleanValue{Value: new(true)}
	_, err := nodetest.Try(w.World, &api.ModifyVpcAttribute, &api.ModifyVpcAttributeInput{VpcId: v, EnableDnsHostnames: on, EnableDnsSupport: on})
	wantCode(t, err, "InvalidParameterCombination")
	nodetest.Do(w.World, &api.ModifyVpcAttribute, &api.ModifyVpcAttributeInput{VpcId: v, EnableDnsHostnames: on})
	got := nodetest.Do(w.World, &api.DescribeVpcAttribute, &api.DescribeVpcAttributeInput{VpcId: v, Attribute: "enableDnsHostnames"})
	if !*got.EnableDnsHostnames.Value || got.EnableDnsSupport != nil {
		t.Errorf("DescribeVpcAttribute answers %+v", got)
	}
	_, err = nodetest.Try(w.World, &api.ModifySubnetAttribute, &api.ModifySubnetAttributeInput{SubnetId: s, AssignIpv6AddressOnCreation: on})
	wantCode(t, err, "InvalidParameterValue")
	nodetest.Do(w.World, &api.ModifySubnetAttribute, &api.ModifySubnetAttributeInput{SubnetId: s, PrivateDnsHostnameTypeOnLaunch: new("resource-name")})
	list := nodetest.Do(w.World, &api.DescribeSubnets, &api.DescribeSubnetsInput{Filters: filter("private-dns-name-options-on-launch.hostname-type", "resource-name")}).Subnets
	if len(list) != 1 || *list[0].SubnetId != s {
		t.Errorf("the filter finds %+v", list)
	}
	_, err = nodetest.Try(w.World, &api.DescribeSubnets, &api.DescribeSubnetsInput{SubnetIds: []string{"subnet-0123456789abcdef0"}})
	wantCode(t, err, "InvalidSubnetID.NotFound")
	_, err = nodetest.Try(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{Filters: filter("colour", "red")})
	wantCode(t, err, "InvalidParameterValue")
}

// TestReservationsAreLeftOut fills a subnet of which a part is reserved.
func TestReservationsAreLeftOut(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/27", "us-east-1a")
	reserve := func(cidr string) error {
		_, err := nodetest.Try(w.World, &api.CreateSubnetCidrReservation, &api.CreateSubnetCidrReservationInput{SubnetId: s, Cidr: cidr, ReservationType: "explicit"})
		return err
	}
	if err := reserve("10.0.0.16/28"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, reserve("10.0.0.24/29"), "InvalidCidrReservation.Conflict")
	wantCode(t, reserve("10.0.1.0/28"), "InvalidParameterValue")
	for range 12 { // of sixteen, the first four are nobody's
		w.nic(s)
	}
	_, err := nodetest.Try(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: s})
	wantCode(t, err, "InsufficientFreeAddressesInSubnet")
	nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: s, PrivateIpAddress: new("10.0.0.20")})
	_, err = nodetest.Try(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: s, PrivateIpAddress: new("10.0.0.20")})
	wantCode(t, err, "InvalidIPAddress.InUse")
	_, err = nodetest.Try(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: s, PrivateIpAddress: new("10.0.0.31")})
	wantCode(t, err, "InvalidParameterValue")
}

// TestIPv6AddsRulesToDefaultsAlone gives VPCs IPv6: their default ACL and
// security group follow, unless they were changed.
func TestIPv6AddsRulesToDefaultsAlone(t *testing.T) {
	w := newWorld(t)
	for _, touched := range []bool{false, true} {
		v := w.vpc("10.0.0.0/16")
		inVPC := []api.Filter{{Name: new("vpc-id"), Values: []string{v}}}
		acl := *nodetest.Do(w.World, &api.DescribeNetworkAcls, &api.DescribeNetworkAclsInput{Filters: inVPC}).NetworkAcls[0].NetworkAclId
		group := *nodetest.Do(w.World, &api.DescribeSecurityGroups, &api.DescribeSecurityGroupsInput{Filters: inVPC}).SecurityGroups[0].GroupId
		if touched {
			nodetest.Do(w.World, &api.ReplaceNetworkAclEntry, &api.ReplaceNetworkAclEntryInput{
				NetworkAclId: acl, RuleNumber: 100, Egress: true, Protocol: "1", RuleAction: "allow", CidrBlock: new("0.0.0.0/0"), IcmpTypeCode: &api.IcmpTypeCode{Type: new(int32(8)), Code: new(int32(-1))},
			})
			nodetest.Do(w.World, &api.RevokeSecurityGroupEgress, &api.RevokeSecurityGroupEgressInput{
				GroupId: group, IpPermissions: []api.IpPermission{{IpProtocol: new("-1"), IpRanges: []api.IpRange{{CidrIp: new("0.0.0.0/0")}}}},
			})
		}
		nodetest.Do(w.World, &api.AssociateVpcCidrBlock, &api.AssociateVpcCidrBlockInput{VpcId: v, AmazonProvidedIpv6CidrBlock: new(true)})
		rules := map[bool]int{}
		for _, e := range nodetest.Do(w.World, &api.DescribeNetworkAcls, &api.DescribeNetworkAclsInput{NetworkAclIds: []string{acl}}).NetworkAcls[0].Entries {
			if e.Ipv6CidrBlock != nil && *e.RuleNumber == 101 {
				rules[*e.Egress]++
			}
		}
		if rules[false] != 1 || rules[true] == 1 == touched {
			t.Errorf("changed %v: IPv6 rules of the ACL (egress or not): %v", touched, rules)
		}
		out := nodetest.Do(w.World, &api.DescribeSecurityGroups, &api.DescribeSecurityGroupsInput{GroupIds: []string{group}}).SecurityGroups[0].IpPermissionsEgress
		if open := len(out) == 1 && len(out[0].Ipv6Ranges) == 1; open == touched {
			t.Errorf("changed %v: the group lets out %+v", touched, out)
		}
	}
}

// TestDetachGatewayOfADeletedVPC detaches a gateway that is free from a VPC
// that is no more.
func TestDetachGatewayOfADeletedVPC(t *testing.T) {
	w := newWorld(t)
	g := *nodetest.Do(w.World, &api.CreateInternetGateway, &api.CreateInternetGatewayInput{}).InternetGateway.InternetGatewayId
	detach := &api.DetachInternetGatewayInput{InternetGatewayId: g, VpcId: "vpc-0123456789abcdef0"}
	_, err := nodetest.Try(w.World, &api.DetachInternetGateway, detach)
	wantCode(t, err, "Gateway.NotAttached")
	nodetest.Do(w.World, &api.AttachInternetGateway, &api.AttachInternetGatewayInput{InternetGatewayId: g, VpcId: w.vpc("10.0.0.0/16")})
	_, err = nodetest.Try(w.World, &api.DetachInternetGateway, detach)
	wantCode(t, err, "InvalidVpcID.NotFound")
}
