package vpc

import (
	"strings"
	"testing"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
)

// trial runs one operation as somebody.
type trial func(c *cloud.Call) error

func of[In, Out any](op *cloud.Op[In, Out], in In) trial {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

// stage is a cloud with one of everything.
type stage struct {
	*world
	vpc, subnet, spare, table, free, association, gateway, loose, egress, nat, private, allocation, natEIP, ip string
	eni, other, attachment, instance, acl, aclAssociation, group, rule, list, options, reservation, permit     string
	range4, range6                                                                                             string
}

func newStage(t *testing.T) *stage {
	w := newWorld(t)
	x := &stage{world: w}
	x.vpc = w.vpc("10.0.0.0/16")
	x.range4 = *nodetest.Do(w.World, &api.AssociateVpcCidrBlock, &api.AssociateVpcCidrBlockInput{VpcId: x.vpc, CidrBlock: new("10.1.0.0/16")}).CidrBlockAssociation.AssociationId
	nodetest.Do(w.World, &api.AssociateVpcCidrBlock, &api.AssociateVpcCidrBlockInput{VpcId: x.vpc, AmazonProvidedIpv6CidrBlock: new(true)})
	x.subnet, x.spare = w.subnet(x.vpc, "10.0.0.0/24", "us-east-1a"), w.subnet(x.vpc, "10.0.1.0/24", "us-east-1a")
	six := *nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{VpcIds: []string{x.vpc}}).Vpcs[0].Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock
	in6 := strings.Replace(six, "/56", "/64", 1)
	x.range6 = *nodetest.Do(w.World, &api.AssociateSubnetCidrBlock, &api.AssociateSubnetCidrBlockInput{SubnetId: x.spare, Ipv6CidrBlock: &in6}).Ipv6CidrBlockAssociation.AssociationId
	x.gateway = w.gateway(x.vpc)
	x.loose = *nodetest.Do(w.World, &api.CreateInternetGateway, &api.CreateInternetGatewayInput{}).InternetGateway.InternetGatewayId
	x.egress = *nodetest.Do(w.World, &api.CreateEgressOnlyInternetGateway, &api.CreateEgressOnlyInternetGatewayInput{VpcId: x.vpc}).EgressOnlyInternetGateway.EgressOnlyInternetGatewayId
	x.table = *nodetest.Do(w.World, &api.CreateRouteTable, &api.CreateRouteTableInput{VpcId: x.vpc}).RouteTable.RouteTableId
	x.free = *nodetest.Do(w.World, &api.CreateRouteTable, &api.CreateRouteTableInput{VpcId: x.vpc}).RouteTable.RouteTableId
	nodetest.Do(w.World, &api.CreateRoute, &api.CreateRouteInput{RouteTableId: x.table, DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &x.gateway})
	x.association = *nodetest.Do(w.World, &api.AssociateRouteTable, &api.AssociateRouteTableInput{RouteTableId: x.table, SubnetId: &x.subnet}).AssociationId
	e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	x.allocation, x.ip = *e.AllocationId, *e.PublicIp
	x.natEIP = *nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{}).AllocationId
	x.nat = *nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &x.subnet, AllocationId: &x.natEIP}).NatGateway.NatGatewayId
	x.private = *nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &x.subnet, ConnectivityType: new("private")}).NatGateway.NatGatewayId
	x.eni, x.other = w.nic(x.subnet), w.nic(x.subnet)
	x.instance, _ = w.instance(x.subnet)
	x.attachment = *nodetest.Do(w.World, &api.AttachNetworkInterface, &api.AttachNetworkInterfaceInput{NetworkInterfaceId: x.other, InstanceId: x.instance, DeviceIndex: 1}).AttachmentId
	x.acl = *nodetest.Do(w.World, &api.CreateNetworkAcl, &api.CreateNetworkAclInput{VpcId: x.vpc}).NetworkAcl.NetworkAclId
	nodetest.Do(w.World, &api.CreateNetworkAclEntry, &api.CreateNetworkAclEntryInput{NetworkAclId: x.acl, RuleNumber: 1, Protocol: "-1", RuleAction: "allow", CidrBlock: new("0.0.0.0/0")})
	for _, a := range nodetest.Do(w.World, &api.DescribeNetworkAcls, &api.DescribeNetworkAclsInput{Filters: filter("vpc-id", x.vpc)}).NetworkAcls {
		for _, b := range a.Associations {
			x.aclAssociation = *b.NetworkAclAssociationId
		}
	}
	x.group = *nodetest.Do(w.World, &api.CreateSecurityGroup, &api.CreateSecurityGroupInput{GroupName: "g", Description: "d", VpcId: &x.vpc}).GroupId
	x.rule = *nodetest.Do(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &x.group, IpPermissions: tcp(1, "0.0.0.0/0")}).SecurityGroupRules[0].SecurityGroupRuleId
	x.list = *nodetest.Do(w.World, &api.CreateManagedPrefixList, &api.CreateManagedPrefixListInput{PrefixListName: "l", AddressFamily: "IPv4", MaxEntries: 3}).PrefixList.PrefixListId
	nodetest.Do(w.World, &api.ModifyManagedPrefixList, &api.ModifyManagedPrefixListInput{PrefixListId: x.list, CurrentVersion: new(int64(1)), AddEntries: []api.AddPrefixListEntry{{Cidr: "192.0.2.0/24"}}})
	x.options = *nodetest.Do(w.World, &api.CreateDhcpOptions, &api.CreateDhcpOptionsInput{DhcpConfigurations: []api.NewDhcpConfiguration{{Key: new("domain-name"), Values: []string{"x"}}}}).DhcpOptions.DhcpOptionsId
	x.reservation = *nodetest.Do(w.World, &api.CreateSubnetCidrReservation, &api.CreateSubnetCidrReservationInput{SubnetId: x.subnet, Cidr: "10.0.0.16/28", ReservationType: "explicit"}).SubnetCidrReservation.SubnetCidrReservationId
	x.permit = *nodetest.Do(w.World, &api.CreateNetworkInterfacePermission, &api.CreateNetworkInterfacePermissionInput{NetworkInterfaceId: x.eni, AwsAccountId: new("111111111111"), Permission: "INSTANCE-ATTACH"}).InterfacePermission.NetworkInterfacePermissionId
	w.Drain()
	return x
}

// tcp is a permission for one port.
func tcp(port int32, cidrs ...string) []api.IpPermission {
	p := api.IpPermission{IpProtocol: new("tcp"), FromPort: &port, ToPort: &port}
	for _, c := range cidrs {
		p.IpRanges = append(p.IpRanges, api.IpRange{CidrIp: &c})
	}
	return []api.IpPermission{p}
}

// operations are all that the room binds, each in a form that succeeds, or
// whose refusal is not one of authorisation.
func (x *stage) operations() []struct {
	name string
	try  trial
} {
	type row = struct {
		name string
		try  trial
	}
	anywhere := new("0.0.0.0/0")
	list := append(x.lookers(), []row{
		{"CreatePublicIpv4Pool", of(&api.CreatePublicIpv4Pool, &api.CreatePublicIpv4PoolInput{})},
		{"ProvisionByoipCidr", of(&api.ProvisionByoipCidr, &api.ProvisionByoipCidrInput{Cidr: "203.0.113.0/24", CidrAuthorizationContext: &api.CidrAuthorizationContext{Message: "m", Signature: "s"}})},
		{"CreateVpc", of(&api.CreateVpc, &api.CreateVpcInput{CidrBlock: new("10.7.0.0/16")})},
		{"ModifyVpcAttribute", of(&api.ModifyVpcAttribute, &api.ModifyVpcAttributeInput{VpcId: x.vpc, EnableDnsHostnames: &api.AttributeBooleanValue{Value: new(true)}})},
		{"ModifyVpcTenancy", of(&api.ModifyVpcTenancy, &api.ModifyVpcTenancyInput{VpcId: x.vpc, InstanceTenancy: "default"})},
		{"AssociateVpcCidrBlock", of(&api.AssociateVpcCidrBlock, &api.AssociateVpcCidrBlockInput{VpcId: x.vpc, CidrBlock: new("10.2.0.0/16")})},
		{"DisassociateVpcCidrBlock", of(&api.DisassociateVpcCidrBlock, &api.DisassociateVpcCidrBlockInput{AssociationId: x.range4})},
		{"CreateSubnet", of(&api.CreateSubnet, &api.CreateSubnetInput{VpcId: x.vpc, CidrBlock: new("10.0.9.0/24")})},
		{"ModifySubnetAttribute", of(&api.ModifySubnetAttribute, &api.ModifySubnetAttributeInput{SubnetId: x.subnet, MapPublicIpOnLaunch: &api.AttributeBooleanValue{Value: new(true)}})},
		{"DisassociateSubnetCidrBlock", of(&api.DisassociateSubnetCidrBlock, &api.DisassociateSubnetCidrBlockInput{AssociationId: x.range6})},
		{"CreateSubnetCidrReservation", of(&api.CreateSubnetCidrReservation, &api.CreateSubnetCidrReservationInput{SubnetId: x.subnet, Cidr: "10.0.0.64/28", ReservationType: "prefix"})},
		{"DeleteSubnetCidrReservation", of(&api.DeleteSubnetCidrReservation, &api.DeleteSubnetCidrReservationInput{SubnetCidrReservationId: x.reservation})},
		{"CreateRouteTable", of(&api.CreateRouteTable, &api.CreateRouteTableInput{VpcId: x.vpc})},
		{"CreateRoute", of(&api.CreateRoute, &api.CreateRouteInput{RouteTableId: x.free, DestinationCidrBlock: anywhere, GatewayId: &x.gateway})},
		{"ReplaceRoute", of(&api.ReplaceRoute, &api.ReplaceRouteInput{RouteTableId: x.table, DestinationCidrBlock: anywhere, NatGatewayId: &x.nat})},
		{"DeleteRoute", of(&api.DeleteRoute, &api.DeleteRouteInput{RouteTableId: x.table, DestinationCidrBlock: anywhere})},
		{"AssociateRouteTable", of(&api.AssociateRouteTable, &api.AssociateRouteTableInput{RouteTableId: x.free, SubnetId: &x.spare})},
		{"ReplaceRouteTableAssociation", of(&api.ReplaceRouteTableAssociation, &api.ReplaceRouteTableAssociationInput{RouteTableId: x.free, AssociationId: x.association})},
		{"DisassociateRouteTable", of(&api.DisassociateRouteTable, &api.DisassociateRouteTableInput{AssociationId: x.association})},
		{"DeleteRouteTable", of(&api.DeleteRouteTable, &api.DeleteRouteTableInput{RouteTableId: x.free})},
		{"CreateDhcpOptions", of(&api.CreateDhcpOptions, &api.CreateDhcpOptionsInput{DhcpConfigurations: []api.NewDhcpConfiguration{{Key: new("domain-name"), Values: []string{"y"}}}})},
		{"AssociateDhcpOptions", of(&api.AssociateDhcpOptions, &api.AssociateDhcpOptionsInput{VpcId: x.vpc, DhcpOptionsId: "default"})},
		{"DeleteDhcpOptions", of(&api.DeleteDhcpOptions, &api.DeleteDhcpOptionsInput{DhcpOptionsId: x.options})},
		{"ModifyAvailabilityZoneGroup", of(&api.ModifyAvailabilityZoneGroup, &api.ModifyAvailabilityZoneGroupInput{GroupName: "us-east-1-zg-1", OptInStatus: "opted-in"})},
		{"CreateInternetGateway", of(&api.CreateInternetGateway, &api.CreateInternetGatewayInput{})},
		{"DeleteInternetGateway", of(&api.DeleteInternetGateway, &api.DeleteInternetGatewayInput{InternetGatewayId: x.loose})},
		{"CreateEgressOnlyInternetGateway", of(&api.CreateEgressOnlyInternetGateway, &api.CreateEgressOnlyInternetGatewayInput{VpcId: x.vpc})},
		{"DeleteEgressOnlyInternetGateway", of(&api.DeleteEgressOnlyInternetGateway, &api.DeleteEgressOnlyInternetGatewayInput{EgressOnlyInternetGatewayId: x.egress})},
		{"CreateNatGateway", of(&api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &x.subnet, ConnectivityType: new("private")})},
		{"AssignPrivateNatGatewayAddress", of(&api.AssignPrivateNatGatewayAddress, &api.AssignPrivateNatGatewayAddressInput{NatGatewayId: x.private, PrivateIpAddresses: []string{"10.0.0.200"}})},
		{"AssociateNatGatewayAddress", of(&api.AssociateNatGatewayAddress, &api.AssociateNatGatewayAddressInput{NatGatewayId: x.nat, AllocationIds: []string{x.allocation}})},
		{"DeleteNatGateway", of(&api.DeleteNatGateway, &api.DeleteNatGatewayInput{NatGatewayId: x.nat})},
		{"AllocateAddress", of(&api.AllocateAddress, &api.AllocateAddressInput{})},
		{"AssociateAddress", of(&api.AssociateAddress, &api.AssociateAddressInput{AllocationId: &x.allocation, NetworkInterfaceId: &x.eni})},
		{"DisassociateAddress", of(&api.DisassociateAddress, &api.DisassociateAddressInput{PublicIp: &x.ip})},
		{"ReleaseAddress", of(&api.ReleaseAddress, &api.ReleaseAddressInput{AllocationId: &x.allocation})},
		{"ModifyAddressAttribute", of(&api.ModifyAddressAttribute, &api.ModifyAddressAttributeInput{AllocationId: x.allocation, DomainName: new("a.example")})},
		{"ResetAddressAttribute", of(&api.ResetAddressAttribute, &api.ResetAddressAttributeInput{AllocationId: x.allocation, Attribute: "domain-name"})},
		{"EnableAddressTransfer", of(&api.EnableAddressTransfer, &api.EnableAddressTransferInput{AllocationId: x.allocation, TransferAccountId: "111111111111"})},
		{"CreateNetworkInterface", of(&api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: x.subnet})},
		{"DetachNetworkInterface", of(&api.DetachNetworkInterface, &api.DetachNetworkInterfaceInput{AttachmentId: x.attachment})},
		{"AttachNetworkInterface", of(&api.AttachNetworkInterface, &api.AttachNetworkInterfaceInput{NetworkInterfaceId: x.eni, InstanceId: x.instance, DeviceIndex: 2})},
		{"ModifyNetworkInterfaceAttribute", of(&api.ModifyNetworkInterfaceAttribute, &api.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: x.eni, SourceDestCheck: &api.AttributeBooleanValue{Value: new(false)}})},
		{"ResetNetworkInterfaceAttribute", of(&api.ResetNetworkInterfaceAttribute, &api.ResetNetworkInterfaceAttributeInput{NetworkInterfaceId: x.eni, SourceDestCheck: new("true")})},
		{"AssignPrivateIpAddresses", of(&api.AssignPrivateIpAddresses, &api.AssignPrivateIpAddressesInput{NetworkInterfaceId: x.eni, SecondaryPrivateIpAddressCount: new(int32(1))})},
		{"CreateNetworkInterfacePermission", of(&api.CreateNetworkInterfacePermission, &api.CreateNetworkInterfacePermissionInput{NetworkInterfaceId: x.eni, AwsAccountId: new("222222222222"), Permission: "INSTANCE-ATTACH"})},
		{"DeleteNetworkInterfacePermission", of(&api.DeleteNetworkInterfacePermission, &api.DeleteNetworkInterfacePermissionInput{NetworkInterfacePermissionId: x.permit})},
		{"DeleteNetworkInterface", of(&api.DeleteNetworkInterface, &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: x.eni})},
		{"CreateNetworkAcl", of(&api.CreateNetworkAcl, &api.CreateNetworkAclInput{VpcId: x.vpc})},
		{"CreateNetworkAclEntry", of(&api.CreateNetworkAclEntry, &api.CreateNetworkAclEntryInput{NetworkAclId: x.acl, RuleNumber: 2, Protocol: "-1", RuleAction: "deny", CidrBlock: anywhere})},
		{"ReplaceNetworkAclEntry", of(&api.ReplaceNetworkAclEntry, &api.ReplaceNetworkAclEntryInput{NetworkAclId: x.acl, RuleNumber: 1, Protocol: "-1", RuleAction: "deny", CidrBlock: anywhere})},
		{"DeleteNetworkAclEntry", of(&api.DeleteNetworkAclEntry, &api.DeleteNetworkAclEntryInput{NetworkAclId: x.acl, RuleNumber: 1})},
		{"ReplaceNetworkAclAssociation", of(&api.ReplaceNetworkAclAssociation, &api.ReplaceNetworkAclAssociationInput{NetworkAclId: x.acl, AssociationId: x.aclAssociation})},
		{"DeleteNetworkAcl", of(&api.DeleteNetworkAcl, &api.DeleteNetworkAclInput{NetworkAclId: x.acl})},
		{"CreateSecurityGroup", of(&api.CreateSecurityGroup, &api.CreateSecurityGroupInput{GroupName: "h", Description: "d", VpcId: &x.vpc})},
		{"AuthorizeSecurityGroupIngress", of(&api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &x.group, IpPermissions: tcp(2, "0.0.0.0/0")})},
		{"AuthorizeSecurityGroupEgress", of(&api.AuthorizeSecurityGroupEgress, &api.AuthorizeSecurityGroupEgressInput{GroupId: x.group, IpPermissions: tcp(2, "0.0.0.0/0")})},
		{"RevokeSecurityGroupIngress", of(&api.RevokeSecurityGroupIngress, &api.RevokeSecurityGroupIngressInput{GroupId: &x.group, SecurityGroupRuleIds: []string{x.rule}})},
		{"RevokeSecurityGroupEgress", of(&api.RevokeSecurityGroupEgress, &api.RevokeSecurityGroupEgressInput{GroupId: x.group, IpPermissions: []api.IpPermission{{IpProtocol: new("-1"), IpRanges: []api.IpRange{{CidrIp: anywhere}}}}})},
		{"ModifySecurityGroupRules", of(&api.ModifySecurityGroupRules, &api.ModifySecurityGroupRulesInput{GroupId: x.group, SecurityGroupRules: []api.SecurityGroupRuleUpdate{{SecurityGroupRuleId: x.rule, SecurityGroupRule: &api.SecurityGroupRuleRequest{IpProtocol: new("udp"), FromPort: new(int32(3)), ToPort: new(int32(3)), CidrIpv4: anywhere}}}})},
		{"UpdateSecurityGroupRuleDescriptionsIngress", of(&api.UpdateSecurityGroupRuleDescriptionsIngress, &api.UpdateSecurityGroupRuleDescriptionsIngressInput{GroupId: &x.group, SecurityGroupRuleDescriptions: []api.SecurityGroupRuleDescription{{SecurityGroupRuleId: &x.rule, Description: new("d")}}})},
		{"UpdateSecurityGroupRuleDescriptionsEgress", of(&api.UpdateSecurityGroupRuleDescriptionsEgress, &api.UpdateSecurityGroupRuleDescriptionsEgressInput{GroupId: &x.group, IpPermissions: []api.IpPermission{{IpProtocol: new("-1"), IpRanges: []api.IpRange{{CidrIp: anywhere, Description: new("d")}}}}})},
		{"DeleteSecurityGroup", of(&api.DeleteSecurityGroup, &api.DeleteSecurityGroupInput{GroupId: &x.group})},
		{"CreateManagedPrefixList", of(&api.CreateManagedPrefixList, &api.CreateManagedPrefixListInput{PrefixListName: "m", AddressFamily: "IPv6", MaxEntries: 1})},
		{"ModifyManagedPrefixList", of(&api.ModifyManagedPrefixList, &api.ModifyManagedPrefixListInput{PrefixListId: x.list, PrefixListName: new("n")})},
		{"RestoreManagedPrefixListVersion", of(&api.RestoreManagedPrefixListVersion, &api.RestoreManagedPrefixListVersionInput{PrefixListId: x.list, CurrentVersion: 2, PreviousVersion: 1})},
		{"DeleteManagedPrefixList", of(&api.DeleteManagedPrefixList, &api.DeleteManagedPrefixListInput{PrefixListId: x.list})},
	}...)
	return append(list, x.refused()...)
}

// refused are operations that the stage is not made for: once authorised, they
// find something wrong.
func (x *stage) refused() []struct {
	name string
	try  trial
} {
	type row = struct {
		name string
		try  trial
	}
	return []row{
		{"AssociateSecurityGroupVpc", of(&api.AssociateSecurityGroupVpc, &api.AssociateSecurityGroupVpcInput{GroupId: x.group, VpcId: x.vpc})},
		{"DisassociateSecurityGroupVpc", of(&api.DisassociateSecurityGroupVpc, &api.DisassociateSecurityGroupVpcInput{GroupId: x.group, VpcId: x.vpc})},
		{"AttachClassicLinkVpc", of(&api.AttachClassicLinkVpc, &api.AttachClassicLinkVpcInput{VpcId: x.vpc, InstanceId: "i-0", Groups: []string{x.group}})},
		{"DetachClassicLinkVpc", of(&api.DetachClassicLinkVpc, &api.DetachClassicLinkVpcInput{VpcId: x.vpc, InstanceId: "i-0"})},
		{"EnableVpcClassicLink", of(&api.EnableVpcClassicLink, &api.EnableVpcClassicLinkInput{VpcId: x.vpc})},
		{"DisableVpcClassicLink", of(&api.DisableVpcClassicLink, &api.DisableVpcClassicLinkInput{VpcId: x.vpc})},
		{"EnableVpcClassicLinkDnsSupport", of(&api.EnableVpcClassicLinkDnsSupport, &api.EnableVpcClassicLinkDnsSupportInput{VpcId: &x.vpc})},
		{"DisableVpcClassicLinkDnsSupport", of(&api.DisableVpcClassicLinkDnsSupport, &api.DisableVpcClassicLinkDnsSupportInput{VpcId: &x.vpc})},
		{"AssociateTrunkInterface", of(&api.AssociateTrunkInterface, &api.AssociateTrunkInterfaceInput{TrunkInterfaceId: x.eni, BranchInterfaceId: x.eni})},
		{"DisassociateTrunkInterface", of(&api.DisassociateTrunkInterface, &api.DisassociateTrunkInterfaceInput{AssociationId: "trunk-assoc-0"})},
		{"CreateCarrierGateway", of(&api.CreateCarrierGateway, &api.CreateCarrierGatewayInput{VpcId: x.vpc})},
		{"DeleteCarrierGateway", of(&api.DeleteCarrierGateway, &api.DeleteCarrierGatewayInput{CarrierGatewayId: "cagw-0"})},
		{"DeletePublicIpv4Pool", of(&api.DeletePublicIpv4Pool, &api.DeletePublicIpv4PoolInput{PoolId: "ipv4pool-ec2-0"})},
		{"ProvisionPublicIpv4PoolCidr", of(&api.ProvisionPublicIpv4PoolCidr, &api.ProvisionPublicIpv4PoolCidrInput{PoolId: "ipv4pool-ec2-0", IpamPoolId: "ipam-pool-0", NetmaskLength: 28})},
		{"DeprovisionPublicIpv4PoolCidr", of(&api.DeprovisionPublicIpv4PoolCidr, &api.DeprovisionPublicIpv4PoolCidrInput{PoolId: "ipv4pool-ec2-0", Cidr: "203.0.113.0/28"})},
		{"GetAssociatedIpv6PoolCidrs", of(&api.GetAssociatedIpv6PoolCidrs, &api.GetAssociatedIpv6PoolCidrsInput{PoolId: "ipv6pool-ec2-0"})},
		{"DeprovisionByoipCidr", of(&api.DeprovisionByoipCidr, &api.DeprovisionByoipCidrInput{Cidr: "203.0.113.0/24"})},
		{"AdvertiseByoipCidr", of(&api.AdvertiseByoipCidr, &api.AdvertiseByoipCidrInput{Cidr: "203.0.113.0/24"})},
		{"WithdrawByoipCidr", of(&api.WithdrawByoipCidr, &api.WithdrawByoipCidrInput{Cidr: "203.0.113.0/24"})},
		{"CreateDefaultVpc", of(&api.CreateDefaultVpc, &api.CreateDefaultVpcInput{})},
		{"CreateDefaultSubnet", of(&api.CreateDefaultSubnet, &api.CreateDefaultSubnetInput{AvailabilityZone: new("us-east-1a")})},
		{"DeleteVpc", of(&api.DeleteVpc, &api.DeleteVpcInput{VpcId: x.vpc})},
		{"DeleteSubnet", of(&api.DeleteSubnet, &api.DeleteSubnetInput{SubnetId: x.subnet})},
		{"AssociateSubnetCidrBlock", of(&api.AssociateSubnetCidrBlock, &api.AssociateSubnetCidrBlockInput{SubnetId: x.spare, Ipv6CidrBlock: new("2001:db8::/64")})},
		{"AttachInternetGateway", of(&api.AttachInternetGateway, &api.AttachInternetGatewayInput{InternetGatewayId: x.loose, VpcId: x.vpc})},
		{"DetachInternetGateway", of(&api.DetachInternetGateway, &api.DetachInternetGatewayInput{InternetGatewayId: x.loose, VpcId: x.vpc})},
		{"EnableVgwRoutePropagation", of(&api.EnableVgwRoutePropagation, &api.EnableVgwRoutePropagationInput{RouteTableId: x.table, GatewayId: "vgw-0123456789abcdef0"})},
		{"DisableVgwRoutePropagation", of(&api.DisableVgwRoutePropagation, &api.DisableVgwRoutePropagationInput{RouteTableId: x.table, GatewayId: "vgw-0123456789abcdef0"})},
		{"UnassignPrivateNatGatewayAddress", of(&api.UnassignPrivateNatGatewayAddress, &api.UnassignPrivateNatGatewayAddressInput{NatGatewayId: x.private, PrivateIpAddresses: []string{"10.0.0.201"}})},
		{"DisassociateNatGatewayAddress", of(&api.DisassociateNatGatewayAddress, &api.DisassociateNatGatewayAddressInput{NatGatewayId: x.nat, AssociationIds: []string{"eipassoc-0123456789abcdef0"}})},
		{"DisableAddressTransfer", of(&api.DisableAddressTransfer, &api.DisableAddressTransferInput{AllocationId: x.allocation})},
		{"AcceptAddressTransfer", of(&api.AcceptAddressTransfer, &api.AcceptAddressTransferInput{Address: x.ip})},
		{"MoveAddressToVpc", of(&api.MoveAddressToVpc, &api.MoveAddressToVpcInput{PublicIp: x.ip})},
		{"RestoreAddressToClassic", of(&api.RestoreAddressToClassic, &api.RestoreAddressToClassicInput{PublicIp: x.ip})},
		{"UnassignPrivateIpAddresses", of(&api.UnassignPrivateIpAddresses, &api.UnassignPrivateIpAddressesInput{NetworkInterfaceId: x.eni, PrivateIpAddresses: []string{"10.0.0.250"}})},
		{"AssignIpv6Addresses", of(&api.AssignIpv6Addresses, &api.AssignIpv6AddressesInput{NetworkInterfaceId: x.eni, Ipv6AddressCount: new(int32(1))})},
		{"UnassignIpv6Addresses", of(&api.UnassignIpv6Addresses, &api.UnassignIpv6AddressesInput{NetworkInterfaceId: x.eni, Ipv6Addresses: []string{"2001:db8::1"}})},
	}
}

// lookers are the operations that only look.
func (x *stage) lookers() []struct {
	name string
	try  trial
} {
	type row = struct {
		name string
		try  trial
	}
	return []row{
		{"DescribeVpcs", of(&api.DescribeVpcs, &api.DescribeVpcsInput{})},
		{"DescribeVpcAttribute", of(&api.DescribeVpcAttribute, &api.DescribeVpcAttributeInput{VpcId: x.vpc, Attribute: "enableDnsSupport"})},
		{"DescribeSubnets", of(&api.DescribeSubnets, &api.DescribeSubnetsInput{})},
		{"GetSubnetCidrReservations", of(&api.GetSubnetCidrReservations, &api.GetSubnetCidrReservationsInput{SubnetId: x.subnet})},
		{"DescribeRouteTables", of(&api.DescribeRouteTables, &api.DescribeRouteTablesInput{})},
		{"DescribeRegions", of(&api.DescribeRegions, &api.DescribeRegionsInput{})},
		{"DescribeAvailabilityZones", of(&api.DescribeAvailabilityZones, &api.DescribeAvailabilityZonesInput{})},
		{"DescribeAccountAttributes", of(&api.DescribeAccountAttributes, &api.DescribeAccountAttributesInput{})},
		{"DescribeDhcpOptions", of(&api.DescribeDhcpOptions, &api.DescribeDhcpOptionsInput{})},
		{"DescribeVpcClassicLink", of(&api.DescribeVpcClassicLink, &api.DescribeVpcClassicLinkInput{})},
		{"DescribeVpcClassicLinkDnsSupport", of(&api.DescribeVpcClassicLinkDnsSupport, &api.DescribeVpcClassicLinkDnsSupportInput{})},
		{"DescribeClassicLinkInstances", of(&api.DescribeClassicLinkInstances, &api.DescribeClassicLinkInstancesInput{})},
		{"DescribeIpv6Pools", of(&api.DescribeIpv6Pools, &api.DescribeIpv6PoolsInput{})},
		{"DescribePublicIpv4Pools", of(&api.DescribePublicIpv4Pools, &api.DescribePublicIpv4PoolsInput{})},
		{"DescribeSecurityGroupVpcAssociations", of(&api.DescribeSecurityGroupVpcAssociations, &api.DescribeSecurityGroupVpcAssociationsInput{})},
		{"DescribeByoipCidrs", of(&api.DescribeByoipCidrs, &api.DescribeByoipCidrsInput{MaxResults: 5})},
		{"DescribeTrunkInterfaceAssociations", of(&api.DescribeTrunkInterfaceAssociations, &api.DescribeTrunkInterfaceAssociationsInput{})},
		{"DescribeCarrierGateways", of(&api.DescribeCarrierGateways, &api.DescribeCarrierGatewaysInput{})},
		{"DescribeInternetGateways", of(&api.DescribeInternetGateways, &api.DescribeInternetGatewaysInput{})},
		{"DescribeEgressOnlyInternetGateways", of(&api.DescribeEgressOnlyInternetGateways, &api.DescribeEgressOnlyInternetGatewaysInput{})},
		{"DescribeNatGateways", of(&api.DescribeNatGateways, &api.DescribeNatGatewaysInput{})},
		{"DescribeAddresses", of(&api.DescribeAddresses, &api.DescribeAddressesInput{})},
		{"DescribeAddressesAttribute", of(&api.DescribeAddressesAttribute, &api.DescribeAddressesAttributeInput{})},
		{"DescribeAddressTransfers", of(&api.DescribeAddressTransfers, &api.DescribeAddressTransfersInput{})},
		{"DescribeMovingAddresses", of(&api.DescribeMovingAddresses, &api.DescribeMovingAddressesInput{})},
		{"DescribeNetworkInterfaces", of(&api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{})},
		{"DescribeNetworkInterfaceAttribute", of(&api.DescribeNetworkInterfaceAttribute, &api.DescribeNetworkInterfaceAttributeInput{NetworkInterfaceId: x.eni, Attribute: new("groupSet")})},
		{"DescribeNetworkInterfacePermissions", of(&api.DescribeNetworkInterfacePermissions, &api.DescribeNetworkInterfacePermissionsInput{})},
		{"DescribeNetworkAcls", of(&api.DescribeNetworkAcls, &api.DescribeNetworkAclsInput{})},
		{"DescribeSecurityGroups", of(&api.DescribeSecurityGroups, &api.DescribeSecurityGroupsInput{})},
		{"GetSecurityGroupsForVpc", of(&api.GetSecurityGroupsForVpc, &api.GetSecurityGroupsForVpcInput{VpcId: x.vpc})},
		{"DescribeSecurityGroupRules", of(&api.DescribeSecurityGroupRules, &api.DescribeSecurityGroupRulesInput{})},
		{"DescribeSecurityGroupReferences", of(&api.DescribeSecurityGroupReferences, &api.DescribeSecurityGroupReferencesInput{GroupId: []string{x.group}})},
		{"DescribeStaleSecurityGroups", of(&api.DescribeStaleSecurityGroups, &api.DescribeStaleSecurityGroupsInput{VpcId: x.vpc})},
		{"DescribeManagedPrefixLists", of(&api.DescribeManagedPrefixLists, &api.DescribeManagedPrefixListsInput{})},
		{"GetManagedPrefixListEntries", of(&api.GetManagedPrefixListEntries, &api.GetManagedPrefixListEntriesInput{PrefixListId: x.list})},
		{"GetManagedPrefixListAssociations", of(&api.GetManagedPrefixListAssociations, &api.GetManagedPrefixListAssociationsInput{PrefixListId: x.list})},
		{"DescribePrefixLists", of(&api.DescribePrefixLists, &api.DescribePrefixListsInput{})},
	}
}

// TestWhoMay runs each operation as somebody who may do everything but it, and
// as somebody who may do nothing else.
func TestWhoMay(t *testing.T) {
	first := newStage(t)
	refused := map[string]bool{}
	for _, o := range first.refused() {
		refused[o.name] = true
	}
	tried := map[string]bool{}
	for n, o := range first.operations() {
		tried[o.name] = true
		t.Run(o.name, func(t *testing.T) {
			x := newStage(t)
			try := x.operations()[n].try
			not := x.User("not", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","NotAction":"ec2:`+o.name+`"}]}`)
			wantCode(t, try(x.As(not)), "UnauthorizedOperation")
			err := try(x.As(x.User("may", nodetest.Allow("ec2:"+o.name))))
			switch {
			case refused[o.name] && err == nil:
				t.Error("it succeeded: it belongs to the operations that do")
			case refused[o.name] && strings.Contains(err.Error(), "UnauthorizedOperation"), !refused[o.name] && err != nil:
				t.Error(err)
			}
		})
	}
	for _, b := range append(append(first.room.networks(), first.room.doors()...), filters()...) {
		if !tried[b.Op.Name] {
			t.Errorf("%s is not tried", b.Op.Name)
		}
	}
}

// TestWhere allows changes of what is in one VPC only, and of what has a tag.
func TestWhere(t *testing.T) {
	w := newWorld(t)
	a, b := w.vpc("10.0.0.0/16"), w.vpc("10.1.0.0/16")
	inA, inB := w.group(a, "g"), w.group(b, "g")
	only := w.User("only", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":"ec2:AuthorizeSecurityGroupIngress",
		"Condition":{"ArnEquals":{"ec2:Vpc":"arn:aws:ec2:us-east-1:000000000000:vpc/`+a+`"}}}]}`)
	tagged := w.User("tagged", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":"ec2:DeleteVpc",
		"Condition":{"StringEquals":{"ec2:ResourceTag/team":"red","aws:ResourceTag/team":"red"}}}]}`)
	open := func(k nodetest.Keys, group string) error {
		return of(&api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: tcp(1, "0.0.0.0/0")})(w.As(k))
	}
	if err := open(only, inA); err != nil {
		t.Error(err)
	}
	wantCode(t, open(only, inB), "UnauthorizedOperation")
	remove := of(&api.DeleteVpc, &api.DeleteVpcInput{VpcId: b})
	wantCode(t, remove(w.As(tagged)), "UnauthorizedOperation")
	nodetest.Do(w.World, &api.CreateTags, &api.CreateTagsInput{Resources: []string{b}, Tags: []api.Tag{{Key: new("team"), Value: new("red")}}})
	wantCode(t, remove(w.As(tagged)), "DependencyViolation") // of the group
}
