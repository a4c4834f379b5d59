package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// EC2-Classic was retired in 2022; what asked about it finds nothing. What was
// never brought in (carrier gateways, IPv6 pools, trunk interfaces) there is
// none of either.
// https://aws.amazon.com/blogs/aws/ec2-classic-is-retiring-heres-how-to-prepare/

func describeVpcClassicLink(c *cloud.Call, r store.Reader, in *api.DescribeVpcClassicLinkInput) (*api.DescribeVpcClassicLinkOutput, error) {
	list, _, err := resource.List(c, r, resource.Query{IDs: in.VpcIds, Filters: in.Filters, NotFound: noVPC}, vpcs.Scan(r, c.Account, c.Region),
		func(v *VPC) string { return v.ID }, resource.Fields[VPC]{"is-classic-link-enabled": resource.Flag(func(*VPC) bool { return false })})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcClassicLinkOutput{Vpcs: []api.VpcClassicLink{}}
	for _, v := range list {
		out.Vpcs = append(out.Vpcs, api.VpcClassicLink{VpcId: &v.ID, ClassicLinkEnabled: new(false), Tags: resource.APITags(resource.Tags(c, r, v.ID))})
	}
	return out, nil
}

func describeVpcClassicLinkDnsSupport(c *cloud.Call, r store.Reader, in *api.DescribeVpcClassicLinkDnsSupportInput) (*api.DescribeVpcClassicLinkDnsSupportOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.VpcIds, Max: in.MaxResults, Token: in.NextToken, Most: 255, NotFound: noVPC},
		vpcs.Scan(r, c.Account, c.Region), func(v *VPC) string { return v.ID }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcClassicLinkDnsSupportOutput{Vpcs: []api.ClassicLinkDnsSupport{}, NextToken: next}
	for _, v := range list {
		out.Vpcs = append(out.Vpcs, api.ClassicLinkDnsSupport{VpcId: &v.ID, ClassicLinkDnsSupported: new(false)})
	}
	return out, nil
}

func describeClassicLinkInstances(*cloud.Call, store.Reader, *api.DescribeClassicLinkInstancesInput) (*api.DescribeClassicLinkInstancesOutput, error) {
	return &api.DescribeClassicLinkInstancesOutput{Instances: []api.ClassicLinkInstance{}}, nil
}

func describeIpv6Pools(*cloud.Call, store.Reader, *api.DescribeIpv6PoolsInput) (*api.DescribeIpv6PoolsOutput, error) {
	return &api.DescribeIpv6PoolsOutput{Ipv6Pools: []api.Ipv6Pool{}}, nil
}

func describeCarrierGateways(*cloud.Call, store.Reader, *api.DescribeCarrierGatewaysInput) (*api.DescribeCarrierGatewaysOutput, error) {
	return &api.DescribeCarrierGatewaysOutput{CarrierGateways: []api.CarrierGateway{}}, nil
}

// errClassic is the answer to everybody who links with EC2-Classic today.
var errClassic = resource.Unsupported("The functionality you requested is not available in this region.")

// classic refuses to link a VPC, which must exist, with EC2-Classic.
func classic(c *cloud.Call, r store.Reader, vpc string) error {
	if _, err := find(c, r, vpcs, vpc, noVPC); err != nil {
		return err
	}
	return errClassic
}

func attachClassicLinkVpc(c *cloud.Call, r store.Reader, in *api.AttachClassicLinkVpcInput) (*api.AttachClassicLinkVpcOutput, error) {
	return nil, classic(c, r, in.VpcId)
}

func detachClassicLinkVpc(c *cloud.Call, r store.Reader, in *api.DetachClassicLinkVpcInput) (*api.DetachClassicLinkVpcOutput, error) {
	return nil, classic(c, r, in.VpcId)
}

func enableVpcClassicLink(c *cloud.Call, r store.Reader, in *api.EnableVpcClassicLinkInput) (*api.EnableVpcClassicLinkOutput, error) {
	return nil, classic(c, r, in.VpcId)
}

func disableVpcClassicLink(c *cloud.Call, r store.Reader, in *api.DisableVpcClassicLinkInput) (*api.DisableVpcClassicLinkOutput, error) {
	return nil, classic(c, r, in.VpcId)
}

func enableVpcClassicLinkDnsSupport(c *cloud.Call, r store.Reader, in *api.EnableVpcClassicLinkDnsSupportInput) (*api.EnableVpcClassicLinkDnsSupportOutput, error) {
	return nil, classic(c, r, cloud.Or(in.VpcId, ""))
}

func disableVpcClassicLinkDnsSupport(c *cloud.Call, r store.Reader, in *api.DisableVpcClassicLinkDnsSupportInput) (*api.DisableVpcClassicLinkDnsSupportOutput, error) {
	return nil, classic(c, r, cloud.Or(in.VpcId, ""))
}

// Trunk interfaces are for AWS's own services: accounts get this answer.

func associateTrunkInterface(c *cloud.Call, r store.Reader, in *api.AssociateTrunkInterfaceInput) (*api.AssociateTrunkInterfaceOutput, error) {
	for _, id := range []string{in.TrunkInterfaceId, in.BranchInterfaceId} {
		if _, err := find(c, r, interfaces, id, noInterface); err != nil {
			return nil, err
		}
	}
	return nil, resource.Unsupported("The interface '%s' is no trunk interface.", in.TrunkInterfaceId)
}

func noTrunk(id string) *cloud.Error {
	return resource.Errorf("InvalidTrunkInterfaceAssociationID.NotFound", "The trunk interface association ID '%s' does not exist", id)
}

func disassociateTrunkInterface(_ *cloud.Call, _ store.Reader, in *api.DisassociateTrunkInterfaceInput) (*api.DisassociateTrunkInterfaceOutput, error) {
	return nil, noTrunk(in.AssociationId)
}

func describeTrunkInterfaceAssociations(_ *cloud.Call, _ store.Reader, in *api.DescribeTrunkInterfaceAssociationsInput) (*api.DescribeTrunkInterfaceAssociationsOutput, error) {
	if len(in.AssociationIds) > 0 {
		return nil, noTrunk(in.AssociationIds[0])
	}
	return &api.DescribeTrunkInterfaceAssociationsOutput{InterfaceAssociations: []api.TrunkInterfaceAssociation{}}, nil
}

// Carrier gateways lead out of Wavelength Zones, of which no region here has any.

func createCarrierGateway(c *cloud.Call, r store.Reader, in *api.CreateCarrierGatewayInput) (*api.CreateCarrierGatewayOutput, error) {
	if _, err := find(c, r, vpcs, in.VpcId, noVPC); err != nil {
		return nil, err
	}
	return nil, resource.Unsupported("Carrier gateways need a Wavelength Zone, which the account has not opted in to.")
}

func deleteCarrierGateway(_ *cloud.Call, _ store.Reader, in *api.DeleteCarrierGatewayInput) (*api.DeleteCarrierGatewayOutput, error) {
	return nil, resource.Errorf("InvalidCarrierGatewayID.NotFound", "The carrier gateway ID '%s' does not exist", in.CarrierGatewayId)
}
