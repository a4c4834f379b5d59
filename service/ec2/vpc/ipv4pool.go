package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// ipv4Pool is a pool of public addresses of one's own. Its ranges come from
// pools of IPAM, of which there are none: it stays empty.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreatePublicIpv4Pool.html
type ipv4Pool struct{ Account, Region, ID string }

var ipv4Pools = &store.Table[ipv4Pool]{
	Name: "ec2.ipv4pool",
	Key:  func(p *ipv4Pool) store.Key { return store.K(p.Account, p.Region, p.ID) },
}

const ipv4PoolKind = "ipv4pool-ec2"

func noIpv4Pool(id string) *cloud.Error {
	return resource.Errorf("InvalidPublicIpv4PoolID.NotFound", "The pool ID '%s' does not exist", id)
}

func createPublicIpv4Pool(c *cloud.Call, tx store.Tx, in *api.CreatePublicIpv4PoolInput) (*api.CreatePublicIpv4PoolOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, ipv4PoolKind)
	if err != nil {
		return nil, err
	}
	if g := cloud.Or(in.NetworkBorderGroup, c.Region); g != c.Region {
		return nil, resource.Errorf("InvalidNetworkBorderGroup.NotFound", "Invalid network border group %s", g)
	}
	p := &ipv4Pool{Account: c.Account, Region: c.Region, ID: resource.NewID(c, ipv4PoolKind)}
	ipv4Pools.Put(tx, p)
	resource.Register(c, tx, ipv4PoolKind, p.ID, tags)
	return &api.CreatePublicIpv4PoolOutput{PoolId: &p.ID}, nil
}

func deletePublicIpv4Pool(c *cloud.Call, tx store.Tx, in *api.DeletePublicIpv4PoolInput) (*api.DeletePublicIpv4PoolOutput, error) {
	if !ipv4Pools.Has(tx, c.Account, c.Region, in.PoolId) {
		return nil, noIpv4Pool(in.PoolId)
	}
	ipv4Pools.Delete(tx, c.Account, c.Region, in.PoolId)
	resource.Unregister(c, tx, in.PoolId)
	return &api.DeletePublicIpv4PoolOutput{ReturnValue: yes()}, nil
}

func describePublicIpv4Pools(c *cloud.Call, r store.Reader, in *api.DescribePublicIpv4PoolsInput) (*api.DescribePublicIpv4PoolsOutput, error) {
	page, next, err := resource.List(c, r, resource.Query{IDs: in.PoolIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 10, NotFound: noIpv4Pool},
		ipv4Pools.Scan(r, c.Account, c.Region), func(p *ipv4Pool) string { return p.ID }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.DescribePublicIpv4PoolsOutput{PublicIpv4Pools: []api.PublicIpv4Pool{}, NextToken: next}
	for _, p := range page {
		out.PublicIpv4Pools = append(out.PublicIpv4Pools, api.PublicIpv4Pool{
			PoolId: &p.ID, Description: new(""), PoolAddressRanges: []api.PublicIpv4PoolRange{}, TotalAddressCount: new(int32(0)), TotalAvailableAddressCount: new(int32(0)),
			NetworkBorderGroup: &p.Region, Tags: resource.APITags(resource.Tags(c, r, p.ID)),
		})
	}
	return out, nil
}

// provisionPublicIpv4PoolCidr refuses: no pool of IPAM exists.
func provisionPublicIpv4PoolCidr(c *cloud.Call, r store.Reader, in *api.ProvisionPublicIpv4PoolCidrInput) (*api.ProvisionPublicIpv4PoolCidrOutput, error) {
	if !ipv4Pools.Has(r, c.Account, c.Region, in.PoolId) {
		return nil, noIpv4Pool(in.PoolId)
	}
	return nil, resource.Errorf("InvalidIpamPoolId.NotFound", "The ipam-pool ID '%s' does not exist", in.IpamPoolId)
}

// deprovisionPublicIpv4PoolCidr refuses: no pool has ranges.
func deprovisionPublicIpv4PoolCidr(c *cloud.Call, r store.Reader, in *api.DeprovisionPublicIpv4PoolCidrInput) (*api.DeprovisionPublicIpv4PoolCidrOutput, error) {
	if !ipv4Pools.Has(r, c.Account, c.Region, in.PoolId) {
		return nil, noIpv4Pool(in.PoolId)
	}
	return nil, resource.Errorf("InvalidParameterValue", "The CIDR '%s' is not provisioned to the pool '%s'.", in.Cidr, in.PoolId)
}

// getAssociatedIpv6PoolCidrs knows no pool of IPv6 addresses of one's own.
func getAssociatedIpv6PoolCidrs(_ *cloud.Call, _ store.Reader, in *api.GetAssociatedIpv6PoolCidrsInput) (*api.GetAssociatedIpv6PoolCidrsOutput, error) {
	return nil, resource.Errorf("InvalidIpv6PoolID.NotFound", "The pool ID '%s' does not exist", in.PoolId)
}
