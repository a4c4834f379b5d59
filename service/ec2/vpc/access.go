package vpc

import (
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Access declares what the operations need.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
func (s *Room) Access() []cloud.Access {
	return slices.Concat(networkAccess(), doorAccess(), filterAccess(), lookAccess(), otherAccess(), jointAccess())
}

type specs = []api.TagSpecification

func networkAccess() []cloud.Access {
	association := func(c *cloud.Call, r store.Reader, id string) (list []named) {
		if t, n, err := routeAssociation(c, r, id); err == nil {
			list = append(list, named{"route-table", t.ID}, named{"subnet", t.Associations[n].Subnet})
		}
		return list
	}
	return []cloud.Access{
		creates(&api.CreateVpc, "vpc", func(in *api.CreateVpcInput) specs { return in.TagSpecifications }, nil),
		resource.Creates(&api.CreateDefaultVpc, "vpc", nil),
		resource.Creates(&api.CreateDefaultSubnet, "subnet", nil),
		acts(&api.DeleteVpc, one("vpc", func(in *api.DeleteVpcInput) string { return in.VpcId })),
		acts(&api.ModifyVpcAttribute, one("vpc", func(in *api.ModifyVpcAttributeInput) string { return in.VpcId })),
		acts(&api.DescribeVpcAttribute, one("vpc", func(in *api.DescribeVpcAttributeInput) string { return in.VpcId })),
		acts(&api.ModifyVpcTenancy, one("vpc", func(in *api.ModifyVpcTenancyInput) string { return in.VpcId })),
		acts(&api.AssociateVpcCidrBlock, one("vpc", func(in *api.AssociateVpcCidrBlockInput) string { return in.VpcId })),
		actsOn(&api.DisassociateVpcCidrBlock, func(c *cloud.Call, r store.Reader, in *api.DisassociateVpcCidrBlockInput) []named {
			return vpcOfRange(c, r, in.AssociationId)
		}),
		creates(&api.CreateSubnet, "subnet", func(in *api.CreateSubnetInput) specs { return in.TagSpecifications },
			one("vpc", func(in *api.CreateSubnetInput) string { return in.VpcId })),
		acts(&api.DeleteSubnet, one("subnet", func(in *api.DeleteSubnetInput) string { return in.SubnetId })),
		acts(&api.ModifySubnetAttribute, one("subnet", func(in *api.ModifySubnetAttributeInput) string { return in.SubnetId })),
		acts(&api.AssociateSubnetCidrBlock, one("subnet", func(in *api.AssociateSubnetCidrBlockInput) string { return in.SubnetId })),
		actsOn(&api.DisassociateSubnetCidrBlock, func(c *cloud.Call, r store.Reader, in *api.DisassociateSubnetCidrBlockInput) []named {
			return subnetOfRange(c, r, in.AssociationId)
		}),
		creates(&api.CreateSubnetCidrReservation, "subnet-cidr-reservation", func(in *api.CreateSubnetCidrReservationInput) specs { return in.TagSpecifications },
			one("subnet", func(in *api.CreateSubnetCidrReservationInput) string { return in.SubnetId })),
		acts(&api.DeleteSubnetCidrReservation, one("subnet-cidr-reservation", func(in *api.DeleteSubnetCidrReservationInput) string { return in.SubnetCidrReservationId })),

		creates(&api.CreateRouteTable, "route-table", func(in *api.CreateRouteTableInput) specs { return in.TagSpecifications },
			one("vpc", func(in *api.CreateRouteTableInput) string { return in.VpcId })),
		acts(&api.DeleteRouteTable, one("route-table", func(in *api.DeleteRouteTableInput) string { return in.RouteTableId })),
		acts(&api.AssociateRouteTable, func(in *api.AssociateRouteTableInput) []named {
			return []named{{"route-table", in.RouteTableId}, {"subnet", val(in.SubnetId)}, {"internet-gateway", val(in.GatewayId)}}
		}),
		actsOn(&api.DisassociateRouteTable, func(c *cloud.Call, r store.Reader, in *api.DisassociateRouteTableInput) []named {
			return association(c, r, in.AssociationId)
		}),
		actsOn(&api.ReplaceRouteTableAssociation, func(c *cloud.Call, r store.Reader, in *api.ReplaceRouteTableAssociationInput) []named {
			return append(association(c, r, in.AssociationId), named{"route-table", in.RouteTableId})
		}),
		acts(&api.CreateRoute, one("route-table", func(in *api.CreateRouteInput) string { return in.RouteTableId })),
		acts(&api.ReplaceRoute, one("route-table", func(in *api.ReplaceRouteInput) string { return in.RouteTableId })),
		acts(&api.DeleteRoute, one("route-table", func(in *api.DeleteRouteInput) string { return in.RouteTableId })),
		acts(&api.EnableVgwRoutePropagation, func(in *api.EnableVgwRoutePropagationInput) []named {
			return []named{{"route-table", in.RouteTableId}, {"vpn-gateway", in.GatewayId}}
		}),
		acts(&api.DisableVgwRoutePropagation, func(in *api.DisableVgwRoutePropagationInput) []named {
			return []named{{"route-table", in.RouteTableId}, {"vpn-gateway", in.GatewayId}}
		}),

		creates(&api.CreateDhcpOptions, "dhcp-options", func(in *api.CreateDhcpOptionsInput) specs { return in.TagSpecifications }, nil),
		acts(&api.DeleteDhcpOptions, one("dhcp-options", func(in *api.DeleteDhcpOptionsInput) string { return in.DhcpOptionsId })),
		acts(&api.AssociateDhcpOptions, func(in *api.AssociateDhcpOptionsInput) []named {
			return []named{{"vpc", in.VpcId}, {"dhcp-options", in.DhcpOptionsId}}
		}),
		resource.Looks(&api.ModifyAvailabilityZoneGroup),
	}
}

func vpcOfRange(c *cloud.Call, r store.Reader, association string) (list []named) {
	for v := range vpcs.Scan(r, c.Account, c.Region) {
		for _, b := range append(append([]CIDR{}, v.CIDRs...), v.IPv6...) {
			if b.Association == association {
				list = append(list, named{"vpc", v.ID})
			}
		}
	}
	return list
}

func subnetOfRange(c *cloud.Call, r store.Reader, association string) (list []named) {
	for s := range subnets.Scan(r, c.Account, c.Region) {
		for _, b := range s.IPv6 {
			if b.Association == association {
				list = append(list, named{"subnet", s.ID})
			}
		}
	}
	return list
}

func doorAccess() []cloud.Access {
	return append(interfaceAccess(), append(addressAccess(),
		creates(&api.CreateInternetGateway, "internet-gateway", func(in *api.CreateInternetGatewayInput) specs { return in.TagSpecifications }, nil),
		acts(&api.DeleteInternetGateway, one("internet-gateway", func(in *api.DeleteInternetGatewayInput) string { return in.InternetGatewayId })),
		acts(&api.AttachInternetGateway, func(in *api.AttachInternetGatewayInput) []named {
			return []named{{"internet-gateway", in.InternetGatewayId}, {"vpc", in.VpcId}}
		}),
		acts(&api.DetachInternetGateway, func(in *api.DetachInternetGatewayInput) []named {
			return []named{{"internet-gateway", in.InternetGatewayId}, {"vpc", in.VpcId}}
		}),
		creates(&api.CreateEgressOnlyInternetGateway, "egress-only-internet-gateway", func(in *api.CreateEgressOnlyInternetGatewayInput) specs { return in.TagSpecifications },
			one("vpc", func(in *api.CreateEgressOnlyInternetGatewayInput) string { return in.VpcId })),
		acts(&api.DeleteEgressOnlyInternetGateway, one("egress-only-internet-gateway", func(in *api.DeleteEgressOnlyInternetGatewayInput) string { return in.EgressOnlyInternetGatewayId })),
		creates(&api.CreateNatGateway, "natgateway", func(in *api.CreateNatGatewayInput) specs { return in.TagSpecifications }, func(in *api.CreateNatGatewayInput) []named {
			list := []named{{"subnet", val(in.SubnetId)}, {"elastic-ip", val(in.AllocationId)}}
			return append(list, several("elastic-ip", in.SecondaryAllocationIds)...)
		}),
		acts(&api.DeleteNatGateway, one("natgateway", func(in *api.DeleteNatGatewayInput) string { return in.NatGatewayId })),
		acts(&api.AssignPrivateNatGatewayAddress, one("natgateway", func(in *api.AssignPrivateNatGatewayAddressInput) string { return in.NatGatewayId })),
		acts(&api.UnassignPrivateNatGatewayAddress, one("natgateway", func(in *api.UnassignPrivateNatGatewayAddressInput) string { return in.NatGatewayId })),
		acts(&api.AssociateNatGatewayAddress, func(in *api.AssociateNatGatewayAddressInput) []named {
			return append(several("elastic-ip", in.AllocationIds), named{"natgateway", in.NatGatewayId})
		}),
		acts(&api.DisassociateNatGatewayAddress, one("natgateway", func(in *api.DisassociateNatGatewayAddressInput) string { return in.NatGatewayId })),
	)...)
}

// byAddress names the elastic address that a request gives in either way.
func byAddress(c *cloud.Call, r store.Reader, allocation, public *string) []named {
	a, err := findAddress(c, r, allocation, public)
	if err != nil {
		return []named{{"elastic-ip", val(allocation)}}
	}
	return []named{{"elastic-ip", a.ID}}
}

func addressAccess() []cloud.Access {
	return []cloud.Access{
		creates(&api.AllocateAddress, "elastic-ip", func(in *api.AllocateAddressInput) specs { return in.TagSpecifications }, nil),
		actsOn(&api.ReleaseAddress, func(c *cloud.Call, r store.Reader, in *api.ReleaseAddressInput) []named {
			return byAddress(c, r, in.AllocationId, in.PublicIp)
		}),
		actsOn(&api.AssociateAddress, func(c *cloud.Call, r store.Reader, in *api.AssociateAddressInput) []named {
			return append(byAddress(c, r, in.AllocationId, in.PublicIp), named{"instance", val(in.InstanceId)}, named{"network-interface", val(in.NetworkInterfaceId)})
		}),
		actsOn(&api.DisassociateAddress, func(c *cloud.Call, r store.Reader, in *api.DisassociateAddressInput) []named {
			if a := addressAssociated(c, r, val(in.AssociationId)); a != nil {
				return []named{{"elastic-ip", a.ID}, {"network-interface", a.Interface}}
			}
			return byAddress(c, r, nil, in.PublicIp)
		}),
		acts(&api.ModifyAddressAttribute, one("elastic-ip", func(in *api.ModifyAddressAttributeInput) string { return in.AllocationId })),
		acts(&api.ResetAddressAttribute, one("elastic-ip", func(in *api.ResetAddressAttributeInput) string { return in.AllocationId })),
		acts(&api.EnableAddressTransfer, one("elastic-ip", func(in *api.EnableAddressTransferInput) string { return in.AllocationId })),
		acts(&api.DisableAddressTransfer, one("elastic-ip", func(in *api.DisableAddressTransferInput) string { return in.AllocationId })),
		creates(&api.AcceptAddressTransfer, "elastic-ip", func(in *api.AcceptAddressTransferInput) specs { return in.TagSpecifications }, nil),
		resource.Looks(&api.MoveAddressToVpc),
		resource.Looks(&api.RestoreAddressToClassic),
	}
}

func interfaceAccess() []cloud.Access {
	return []cloud.Access{
		creates(&api.CreateNetworkInterface, "network-interface", func(in *api.CreateNetworkInterfaceInput) specs { return in.TagSpecifications },
			func(in *api.CreateNetworkInterfaceInput) []named {
				return append(several("security-group", in.Groups), named{"subnet", in.SubnetId})
			}),
		acts(&api.DeleteNetworkInterface, one("network-interface", func(in *api.DeleteNetworkInterfaceInput) string { return in.NetworkInterfaceId })),
		acts(&api.AttachNetworkInterface, func(in *api.AttachNetworkInterfaceInput) []named {
			return []named{{"network-interface", in.NetworkInterfaceId}, {"instance", in.InstanceId}}
		}),
		actsOn(&api.DetachNetworkInterface, func(c *cloud.Call, r store.Reader, in *api.DetachNetworkInterfaceInput) []named {
			if i, err := attachment(c, r, in.AttachmentId); err == nil {
				return []named{{"network-interface", i.ID}, {"instance", i.Attachment.Instance}}
			}
			return nil
		}),
		acts(&api.ModifyNetworkInterfaceAttribute, func(in *api.ModifyNetworkInterfaceAttributeInput) []named {
			return append(several("security-group", in.Groups), named{"network-interface", in.NetworkInterfaceId})
		}),
		acts(&api.ResetNetworkInterfaceAttribute, one("network-interface", func(in *api.ResetNetworkInterfaceAttributeInput) string { return in.NetworkInterfaceId })),
		acts(&api.DescribeNetworkInterfaceAttribute, one("network-interface", func(in *api.DescribeNetworkInterfaceAttributeInput) string { return in.NetworkInterfaceId })),
		acts(&api.AssignPrivateIpAddresses, one("network-interface", func(in *api.AssignPrivateIpAddressesInput) string { return in.NetworkInterfaceId })),
		acts(&api.UnassignPrivateIpAddresses, one("network-interface", func(in *api.UnassignPrivateIpAddressesInput) string { return in.NetworkInterfaceId })),
		acts(&api.AssignIpv6Addresses, one("network-interface", func(in *api.AssignIpv6AddressesInput) string { return in.NetworkInterfaceId })),
		acts(&api.UnassignIpv6Addresses, one("network-interface", func(in *api.UnassignIpv6AddressesInput) string { return in.NetworkInterfaceId })),
		acts(&api.CreateNetworkInterfacePermission, one("network-interface", func(in *api.CreateNetworkInterfacePermissionInput) string { return in.NetworkInterfaceId })),
		resource.Looks(&api.DeleteNetworkInterfacePermission),
	}
}

// byGroup names the security group that a request gives in either way.
func byGroup(c *cloud.Call, r store.Reader, id, name *string) []named {
	g, err := chosenGroup(c, r, id, name)
	if err != nil {
		return []named{{"security-group", val(id)}}
	}
	return []named{{"security-group", g.ID}}
}

func filterAccess() []cloud.Access {
	return append(groupAccess(),
		creates(&api.CreateNetworkAcl, "network-acl", func(in *api.CreateNetworkAclInput) specs { return in.TagSpecifications },
			one("vpc", func(in *api.CreateNetworkAclInput) string { return in.VpcId })),
		acts(&api.DeleteNetworkAcl, one("network-acl", func(in *api.DeleteNetworkAclInput) string { return in.NetworkAclId })),
		acts(&api.CreateNetworkAclEntry, one("network-acl", func(in *api.CreateNetworkAclEntryInput) string { return in.NetworkAclId })),
		acts(&api.ReplaceNetworkAclEntry, one("network-acl", func(in *api.ReplaceNetworkAclEntryInput) string { return in.NetworkAclId })),
		acts(&api.DeleteNetworkAclEntry, one("network-acl", func(in *api.DeleteNetworkAclEntryInput) string { return in.NetworkAclId })),
		acts(&api.ReplaceNetworkAclAssociation, one("network-acl", func(in *api.ReplaceNetworkAclAssociationInput) string { return in.NetworkAclId })),
		creates(&api.CreateManagedPrefixList, "prefix-list", func(in *api.CreateManagedPrefixListInput) specs { return in.TagSpecifications }, nil),
		acts(&api.ModifyManagedPrefixList, one("prefix-list", func(in *api.ModifyManagedPrefixListInput) string { return in.PrefixListId })),
		acts(&api.RestoreManagedPrefixListVersion, one("prefix-list", func(in *api.RestoreManagedPrefixListVersionInput) string { return in.PrefixListId })),
		acts(&api.DeleteManagedPrefixList, one("prefix-list", func(in *api.DeleteManagedPrefixListInput) string { return in.PrefixListId })),
		acts(&api.GetManagedPrefixListEntries, one("prefix-list", func(in *api.GetManagedPrefixListEntriesInput) string { return in.PrefixListId })),
		acts(&api.GetManagedPrefixListAssociations, one("prefix-list", func(in *api.GetManagedPrefixListAssociationsInput) string { return in.PrefixListId })),
	)
}

func groupAccess() []cloud.Access {
	return []cloud.Access{
		creates(&api.CreateSecurityGroup, "security-group", func(in *api.CreateSecurityGroupInput) specs { return in.TagSpecifications },
			one("vpc", func(in *api.CreateSecurityGroupInput) string { return val(in.VpcId) })),
		acts(&api.AssociateSecurityGroupVpc, func(in *api.AssociateSecurityGroupVpcInput) []named {
			return []named{{"security-group", in.GroupId}, {"vpc", in.VpcId}}
		}),
		acts(&api.DisassociateSecurityGroupVpc, func(in *api.DisassociateSecurityGroupVpcInput) []named {
			return []named{{"security-group", in.GroupId}, {"vpc", in.VpcId}}
		}),
		actsOn(&api.DeleteSecurityGroup, func(c *cloud.Call, r store.Reader, in *api.DeleteSecurityGroupInput) []named {
			return byGroup(c, r, in.GroupId, in.GroupName)
		}),
		authorizes(&api.AuthorizeSecurityGroupIngress, func(c *cloud.Call, r store.Reader, in *api.AuthorizeSecurityGroupIngressInput) ([]named, specs) {
			return byGroup(c, r, in.GroupId, in.GroupName), in.TagSpecifications
		}),
		authorizes(&api.AuthorizeSecurityGroupEgress, func(c *cloud.Call, r store.Reader, in *api.AuthorizeSecurityGroupEgressInput) ([]named, specs) {
			return []named{{"security-group", in.GroupId}}, in.TagSpecifications
		}),
		actsOn(&api.RevokeSecurityGroupIngress, func(c *cloud.Call, r store.Reader, in *api.RevokeSecurityGroupIngressInput) []named {
			return byGroup(c, r, in.GroupId, in.GroupName)
		}),
		acts(&api.RevokeSecurityGroupEgress, one("security-group", func(in *api.RevokeSecurityGroupEgressInput) string { return in.GroupId })),
		acts(&api.ModifySecurityGroupRules, one("security-group", func(in *api.ModifySecurityGroupRulesInput) string { return in.GroupId })),
		actsOn(&api.UpdateSecurityGroupRuleDescriptionsIngress, func(c *cloud.Call, r store.Reader, in *api.UpdateSecurityGroupRuleDescriptionsIngressInput) []named {
			return byGroup(c, r, in.GroupId, in.GroupName)
		}),
		actsOn(&api.UpdateSecurityGroupRuleDescriptionsEgress, func(c *cloud.Call, r store.Reader, in *api.UpdateSecurityGroupRuleDescriptionsEgressInput) []named {
			return byGroup(c, r, in.GroupId, in.GroupName)
		}),
	}
}

// authorizes declares an operation that adds rules to a group: with tags, they
// are resources of their own.
func authorizes[In, Out any](op *cloud.Op[In, Out], on func(*cloud.Call, store.Reader, In) ([]named, specs)) cloud.Access {
	return op.Decides([]string{"ec2:" + op.Name}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		list, tags := on(c, r, in)
		checks := checksOn(c, r, op.Name, list)
		if len(tags) > 0 || len(checks) == 0 {
			checks = append(checks, resource.CreateChecks(c, op.Name, "security-group-rule", tags)...)
		}
		return checks, nil
	})
}

// lookAccess are the operations that only look and know no single resources.
func lookAccess() []cloud.Access {
	return []cloud.Access{
		resource.Looks(&api.DescribeVpcs), resource.Looks(&api.DescribeSubnets), resource.Looks(&api.GetSubnetCidrReservations),
		resource.Looks(&api.DescribeRouteTables), resource.Looks(&api.DescribeRegions), resource.Looks(&api.DescribeAvailabilityZones),
		resource.Looks(&api.DescribeAccountAttributes), resource.Looks(&api.DescribeDhcpOptions), resource.Looks(&api.DescribeVpcClassicLink),
		resource.Looks(&api.DescribeVpcClassicLinkDnsSupport), resource.Looks(&api.DescribeClassicLinkInstances), resource.Looks(&api.DescribeIpv6Pools),
		resource.Looks(&api.DescribePublicIpv4Pools), resource.Looks(&api.DescribeCarrierGateways), resource.Looks(&api.DescribeInternetGateways),
		resource.Looks(&api.DescribeEgressOnlyInternetGateways), resource.Looks(&api.DescribeNatGateways), resource.Looks(&api.DescribeAddresses),
		resource.Looks(&api.DescribeAddressesAttribute), resource.Looks(&api.DescribeAddressTransfers), resource.Looks(&api.DescribeMovingAddresses),
		resource.Looks(&api.DescribeNetworkInterfaces), resource.Looks(&api.DescribeNetworkInterfacePermissions), resource.Looks(&api.DescribeNetworkAcls),
		resource.Looks(&api.DescribeSecurityGroups), resource.Looks(&api.GetSecurityGroupsForVpc), resource.Looks(&api.DescribeSecurityGroupRules),
		resource.Looks(&api.DescribeSecurityGroupReferences), resource.Looks(&api.DescribeStaleSecurityGroups), resource.Looks(&api.DescribeManagedPrefixLists),
		resource.Looks(&api.DescribePrefixLists), resource.Looks(&api.DescribeByoipCidrs), resource.Looks(&api.GetAssociatedIpv6PoolCidrs),
		resource.Looks(&api.DescribeTrunkInterfaceAssociations), resource.Looks(&api.DescribeSecurityGroupVpcAssociations),
	}
}

// otherAccess is of what is not a part of a network: address ranges of one's
// own, and what there is not.
func otherAccess() []cloud.Access {
	return []cloud.Access{
		resource.Looks(&api.ProvisionByoipCidr), resource.Looks(&api.DeprovisionByoipCidr), resource.Looks(&api.AdvertiseByoipCidr), resource.Looks(&api.WithdrawByoipCidr),
		creates(&api.CreatePublicIpv4Pool, ipv4PoolKind, func(in *api.CreatePublicIpv4PoolInput) specs { return in.TagSpecifications }, nil),
		acts(&api.DeletePublicIpv4Pool, one(ipv4PoolKind, func(in *api.DeletePublicIpv4PoolInput) string { return in.PoolId })),
		acts(&api.ProvisionPublicIpv4PoolCidr, one(ipv4PoolKind, func(in *api.ProvisionPublicIpv4PoolCidrInput) string { return in.PoolId })),
		acts(&api.DeprovisionPublicIpv4PoolCidr, one(ipv4PoolKind, func(in *api.DeprovisionPublicIpv4PoolCidrInput) string { return in.PoolId })),
		creates(&api.CreateCarrierGateway, "carrier-gateway", func(in *api.CreateCarrierGatewayInput) specs { return in.TagSpecifications },
			one("vpc", func(in *api.CreateCarrierGatewayInput) string { return in.VpcId })),
		acts(&api.DeleteCarrierGateway, one("carrier-gateway", func(in *api.DeleteCarrierGatewayInput) string { return in.CarrierGatewayId })),
		acts(&api.AttachClassicLinkVpc, one("vpc", func(in *api.AttachClassicLinkVpcInput) string { return in.VpcId })),
		acts(&api.DetachClassicLinkVpc, one("vpc", func(in *api.DetachClassicLinkVpcInput) string { return in.VpcId })),
		acts(&api.EnableVpcClassicLink, one("vpc", func(in *api.EnableVpcClassicLinkInput) string { return in.VpcId })),
		acts(&api.DisableVpcClassicLink, one("vpc", func(in *api.DisableVpcClassicLinkInput) string { return in.VpcId })),
		acts(&api.EnableVpcClassicLinkDnsSupport, one("vpc", func(in *api.EnableVpcClassicLinkDnsSupportInput) string { return val(in.VpcId) })),
		acts(&api.DisableVpcClassicLinkDnsSupport, one("vpc", func(in *api.DisableVpcClassicLinkDnsSupportInput) string { return val(in.VpcId) })),
		acts(&api.AssociateTrunkInterface, one("network-interface", func(in *api.AssociateTrunkInterfaceInput) string { return in.TrunkInterfaceId })),
		resource.Looks(&api.DisassociateTrunkInterface),
	}
}
