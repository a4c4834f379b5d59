package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
)

// Bindings are the operations of the room.
func (s *Room) Bindings() []cloud.Binding {
	var list []cloud.Binding
	for _, b := range append(append(append(s.networks(), s.doors()...), filters()...), s.joints()...) {
		list = append(list, s.prompt(b))
	}
	return list
}

// networks are VPCs, subnets, routes and what belongs to a region.
func (s *Room) networks() []cloud.Binding {
	return []cloud.Binding{
		writes(&api.CreateVpc, createVpc),
		writes(&api.DeleteVpc, deleteVpc),
		reads(&api.DescribeVpcs, describeVpcs),
		writes(&api.ModifyVpcAttribute, modifyVpcAttribute),
		reads(&api.DescribeVpcAttribute, describeVpcAttribute),
		writes(&api.ModifyVpcTenancy, modifyVpcTenancy),
		writes(&api.CreateDefaultVpc, createDefaultVpc),
		writes(&api.CreateDefaultSubnet, createDefaultSubnet),
		writes(&api.AssociateVpcCidrBlock, associateVpcCidrBlock).Partial("no ranges from IPAM pools or of one's own"),
		writes(&api.DisassociateVpcCidrBlock, disassociateVpcCidrBlock),

		writes(&api.CreateSubnet, createSubnet),
		writes(&api.DeleteSubnet, deleteSubnet),
		reads(&api.DescribeSubnets, describeSubnets),
		writes(&api.ModifySubnetAttribute, modifySubnetAttribute),
		writes(&api.AssociateSubnetCidrBlock, associateSubnetCidrBlock),
		writes(&api.DisassociateSubnetCidrBlock, disassociateSubnetCidrBlock),
		writes(&api.CreateSubnetCidrReservation, createSubnetCidrReservation),
		writes(&api.DeleteSubnetCidrReservation, deleteSubnetCidrReservation),
		reads(&api.GetSubnetCidrReservations, getSubnetCidrReservations),

		writes(&api.CreateRouteTable, createRouteTable),
		writes(&api.DeleteRouteTable, deleteRouteTable),
		reads(&api.DescribeRouteTables, describeRouteTables),
		writes(&api.AssociateRouteTable, associateRouteTable),
		writes(&api.DisassociateRouteTable, disassociateRouteTable),
		writes(&api.ReplaceRouteTableAssociation, replaceRouteTableAssociation),
		writes(&api.CreateRoute, s.createRoute),
		writes(&api.ReplaceRoute, s.replaceRoute),
		writes(&api.DeleteRoute, deleteRoute),
		writes(&api.EnableVgwRoutePropagation, enableVgwRoutePropagation),
		writes(&api.DisableVgwRoutePropagation, disableVgwRoutePropagation),

		reads(&api.DescribeRegions, describeRegions),
		reads(&api.DescribeAvailabilityZones, describeAvailabilityZones),
		reads(&api.ModifyAvailabilityZoneGroup, modifyAvailabilityZoneGroup),
		reads(&api.DescribeAccountAttributes, describeAccountAttributes),

		writes(&api.CreateDhcpOptions, createDhcpOptions),
		writes(&api.DeleteDhcpOptions, deleteDhcpOptions),
		writes(&api.AssociateDhcpOptions, associateDhcpOptions),
		reads(&api.DescribeDhcpOptions, describeDhcpOptions),

		reads(&api.AttachClassicLinkVpc, attachClassicLinkVpc),
		reads(&api.DetachClassicLinkVpc, detachClassicLinkVpc),
		reads(&api.EnableVpcClassicLink, enableVpcClassicLink),
		reads(&api.DisableVpcClassicLink, disableVpcClassicLink),
		reads(&api.EnableVpcClassicLinkDnsSupport, enableVpcClassicLinkDnsSupport),
		reads(&api.DisableVpcClassicLinkDnsSupport, disableVpcClassicLinkDnsSupport),
		reads(&api.DescribeVpcClassicLink, describeVpcClassicLink),
		reads(&api.DescribeVpcClassicLinkDnsSupport, describeVpcClassicLinkDnsSupport),
		reads(&api.DescribeClassicLinkInstances, describeClassicLinkInstances),
		reads(&api.DescribeIpv6Pools, describeIpv6Pools),
		reads(&api.GetAssociatedIpv6PoolCidrs, getAssociatedIpv6PoolCidrs),
		writes(&api.CreatePublicIpv4Pool, createPublicIpv4Pool),
		writes(&api.DeletePublicIpv4Pool, deletePublicIpv4Pool),
		reads(&api.DescribePublicIpv4Pools, describePublicIpv4Pools),
		reads(&api.ProvisionPublicIpv4PoolCidr, provisionPublicIpv4PoolCidr).Partial("there are no pools of IPAM to take addresses from"),
		reads(&api.DeprovisionPublicIpv4PoolCidr, deprovisionPublicIpv4PoolCidr).Partial("no pool has addresses, as above"),
		reads(&api.CreateCarrierGateway, createCarrierGateway).Partial("there are no Wavelength Zones"),
		reads(&api.DeleteCarrierGateway, deleteCarrierGateway).Partial("there are none, as above"),
		reads(&api.DescribeCarrierGateways, describeCarrierGateways),

		writes(&api.ProvisionByoipCidr, provisionByoipCidr).Partial("no registry is asked whose a range is: provisioning fails"),
		writes(&api.DeprovisionByoipCidr, deprovisionByoipCidr),
		reads(&api.AdvertiseByoipCidr, advertiseByoipCidr).Partial("no range is provisioned, as above"),
		reads(&api.WithdrawByoipCidr, withdrawByoipCidr).Partial("no range is provisioned, as above"),
		reads(&api.DescribeByoipCidrs, describeByoipCidrs),
	}
}

// doors are gateways, interfaces and addresses.
func (s *Room) doors() []cloud.Binding {
	return []cloud.Binding{
		writes(&api.CreateInternetGateway, createInternetGateway),
		writes(&api.DeleteInternetGateway, deleteInternetGateway),
		writes(&api.AttachInternetGateway, attachInternetGateway),
		writes(&api.DetachInternetGateway, detachInternetGateway),
		reads(&api.DescribeInternetGateways, describeInternetGateways),
		writes(&api.CreateEgressOnlyInternetGateway, createEgressOnlyInternetGateway),
		writes(&api.DeleteEgressOnlyInternetGateway, deleteEgressOnlyInternetGateway),
		reads(&api.DescribeEgressOnlyInternetGateways, describeEgressOnlyInternetGateways),

		writes(&api.CreateNatGateway, s.createNatGateway),
		writes(&api.DeleteNatGateway, deleteNatGateway),
		reads(&api.DescribeNatGateways, describeNatGateways),
		writes(&api.AssignPrivateNatGatewayAddress, assignPrivateNatGatewayAddress),
		writes(&api.UnassignPrivateNatGatewayAddress, unassignPrivateNatGatewayAddress),
		writes(&api.AssociateNatGatewayAddress, associateNatGatewayAddress),
		writes(&api.DisassociateNatGatewayAddress, disassociateNatGatewayAddress),

		writes(&api.AllocateAddress, allocateAddress),
		writes(&api.ReleaseAddress, releaseElasticAddress),
		writes(&api.AssociateAddress, s.associateAddress),
		writes(&api.DisassociateAddress, s.disassociateAddress),
		reads(&api.DescribeAddresses, describeAddresses),
		reads(&api.DescribeAddressesAttribute, describeAddressesAttribute),
		writes(&api.ModifyAddressAttribute, modifyAddressAttribute),
		writes(&api.ResetAddressAttribute, resetAddressAttribute),
		writes(&api.EnableAddressTransfer, enableAddressTransfer),
		writes(&api.DisableAddressTransfer, disableAddressTransfer),
		writes(&api.AcceptAddressTransfer, acceptAddressTransfer),
		reads(&api.DescribeAddressTransfers, describeAddressTransfers),
		reads(&api.MoveAddressToVpc, moveAddressToVpc),
		reads(&api.RestoreAddressToClassic, restoreAddressToClassic),
		reads(&api.DescribeMovingAddresses, describeMovingAddresses),

		writes(&api.CreateNetworkInterface, createNetworkInterface),
		writes(&api.DeleteNetworkInterface, deleteNetworkInterface),
		reads(&api.DescribeNetworkInterfaces, describeNetworkInterfaces),
		writes(&api.AttachNetworkInterface, s.attachNetworkInterface),
		writes(&api.DetachNetworkInterface, detachNetworkInterface),
		writes(&api.ModifyNetworkInterfaceAttribute, modifyNetworkInterfaceAttribute),
		writes(&api.ResetNetworkInterfaceAttribute, resetNetworkInterfaceAttribute),
		reads(&api.DescribeNetworkInterfaceAttribute, describeNetworkInterfaceAttribute),
		writes(&api.AssignPrivateIpAddresses, s.assignPrivateIpAddresses),
		writes(&api.UnassignPrivateIpAddresses, unassignPrivateIpAddresses),
		writes(&api.AssignIpv6Addresses, s.assignIpv6Addresses),
		writes(&api.UnassignIpv6Addresses, unassignIpv6Addresses),
		writes(&api.CreateNetworkInterfacePermission, createNetworkInterfacePermission).Partial("permissions are kept; attaching across accounts is not done"),
		writes(&api.DeleteNetworkInterfacePermission, deleteNetworkInterfacePermission),
		reads(&api.DescribeNetworkInterfacePermissions, describeNetworkInterfacePermissions),
		reads(&api.AssociateTrunkInterface, associateTrunkInterface).Partial("there are no trunk interfaces"),
		reads(&api.DisassociateTrunkInterface, disassociateTrunkInterface).Partial("there are no trunk interfaces"),
		reads(&api.DescribeTrunkInterfaceAssociations, describeTrunkInterfaceAssociations),
	}
}

// filters are ACLs, security groups and prefix lists.
func filters() []cloud.Binding {
	return []cloud.Binding{
		writes(&api.CreateNetworkAcl, createNetworkAcl),
		writes(&api.DeleteNetworkAcl, deleteNetworkAcl),
		reads(&api.DescribeNetworkAcls, describeNetworkAcls),
		writes(&api.CreateNetworkAclEntry, createNetworkAclEntry),
		writes(&api.ReplaceNetworkAclEntry, replaceNetworkAclEntry),
		writes(&api.DeleteNetworkAclEntry, deleteNetworkAclEntry),
		writes(&api.ReplaceNetworkAclAssociation, replaceNetworkAclAssociation),

		writes(&api.CreateSecurityGroup, createSecurityGroup),
		writes(&api.DeleteSecurityGroup, deleteSecurityGroup),
		reads(&api.DescribeSecurityGroups, describeSecurityGroups),
		reads(&api.GetSecurityGroupsForVpc, getSecurityGroupsForVpc),
		writes(&api.AssociateSecurityGroupVpc, associateSecurityGroupVpc),
		writes(&api.DisassociateSecurityGroupVpc, disassociateSecurityGroupVpc),
		reads(&api.DescribeSecurityGroupVpcAssociations, describeSecurityGroupVpcAssociations),
		writes(&api.AuthorizeSecurityGroupIngress, authorizeSecurityGroupIngress),
		writes(&api.AuthorizeSecurityGroupEgress, authorizeSecurityGroupEgress),
		writes(&api.RevokeSecurityGroupIngress, revokeSecurityGroupIngress),
		writes(&api.RevokeSecurityGroupEgress, revokeSecurityGroupEgress),
		writes(&api.ModifySecurityGroupRules, modifySecurityGroupRules),
		reads(&api.DescribeSecurityGroupRules, describeSecurityGroupRules),
		writes(&api.UpdateSecurityGroupRuleDescriptionsIngress, updateSecurityGroupRuleDescriptionsIngress),
		writes(&api.UpdateSecurityGroupRuleDescriptionsEgress, updateSecurityGroupRuleDescriptionsEgress),
		reads(&api.DescribeSecurityGroupReferences, describeSecurityGroupReferences),
		reads(&api.DescribeStaleSecurityGroups, describeStaleSecurityGroups),

		writes(&api.CreateManagedPrefixList, createManagedPrefixList),
		writes(&api.ModifyManagedPrefixList, modifyManagedPrefixList),
		writes(&api.RestoreManagedPrefixListVersion, restoreManagedPrefixListVersion),
		writes(&api.DeleteManagedPrefixList, deleteManagedPrefixList),
		reads(&api.DescribeManagedPrefixLists, describeManagedPrefixLists),
		reads(&api.GetManagedPrefixListEntries, getManagedPrefixListEntries),
		reads(&api.GetManagedPrefixListAssociations, getManagedPrefixListAssociations),
		reads(&api.DescribePrefixLists, describePrefixLists),
	}
}
