package elbv2

import (
	"slices"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/store"
)

func (s *elb) setSecurityGroups(c *cloud.Call, tx store.Tx, in *api.SetSecurityGroupsInput) (*api.SetSecurityGroupsOutput, error) {
	old, err := findBalancer(c, tx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if old.Type == network && len(old.Groups) == 0 {
		return nil, api.ErrInvalidConfigurationRequest.New("You cannot set security groups on a Network Load Balancer that was created without security groups")
	}
	if len(in.SecurityGroups) == 0 {
		return nil, invalid("You must specify at least one security group")
	}
	b := old.clone()
	b.Groups = slices.Compact(slices.Sorted(slices.Values(in.SecurityGroups)))
	if in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic != nil {
		if b.Type != network {
			return nil, api.ErrInvalidConfigurationRequest.New("Inbound rules on PrivateLink traffic can only be set on Network Load Balancers")
		}
		b.Enforce = *in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic
	}
	for n := range b.Nodes {
		if err := attach.SetGroups(c, b.Nodes[n], b.Groups); err != nil {
			return nil, worded(err)
		}
		b.Nodes[n].Groups = b.Groups
	}
	balancers.Put(tx, b)
	touch(tx, b)
	return &api.SetSecurityGroupsOutput{SecurityGroupIds: b.Groups, EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: some(b.Enforce)}, nil
}

// modifyIPPools sets the IPAM pool from which public addresses come. The cloud
// has no pools beside Amazon's: the choice is kept.
func (s *elb) modifyIPPools(c *cloud.Call, tx store.Tx, in *api.ModifyIpPoolsInput) (*api.ModifyIpPoolsOutput, error) {
	old, err := findBalancer(c, tx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if old.Type != application || old.Internal {
		return nil, api.ErrInvalidConfigurationRequest.New("IPAM pools can only be set on internet-facing Application Load Balancers")
	}
	b := old.clone()
	if slices.Contains(in.RemoveIpamPools, "ipv4") {
		b.Pool = ""
	}
	if in.IpamPools != nil {
		b.Pool = cloud.Or(in.IpamPools.Ipv4IpamPoolId, b.Pool)
	}
	balancers.Put(tx, b)
	out := &api.ModifyIpPoolsOutput{}
	if b.Pool != "" {
		out.IpamPools = &api.IpamPools{Ipv4IpamPoolId: &b.Pool}
	}
	return out, nil
}
