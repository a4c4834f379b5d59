package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// EC2-Classic was retired in 2022; what asked about it finds nothing. What was
// never brought in (carrier gateways, address pools) there is none of either.
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

func describePublicIpv4Pools(*cloud.Call, store.Reader, *api.DescribePublicIpv4PoolsInput) (*api.DescribePublicIpv4PoolsOutput, error) {
	return &api.DescribePublicIpv4PoolsOutput{PublicIpv4Pools: []api.PublicIpv4Pool{}}, nil
}

func describeCarrierGateways(*cloud.Call, store.Reader, *api.DescribeCarrierGatewaysInput) (*api.DescribeCarrierGatewaysOutput, error) {
	return &api.DescribeCarrierGatewaysOutput{CarrierGateways: []api.CarrierGateway{}}, nil
}
