package elb

import (
	"cmp"
	"slices"

	apiec2 "pileus/api/ec2"
	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/store"
)

// leastFree is how many free addresses a subnet must have.
const leastFree = 8

// defaultSubnets are those of zones.
func defaultSubnets(c *cloud.Call, zones []string) ([]string, error) {
	out, err := apiec2.DescribeSubnets.Call(attach.As(c), &apiec2.DescribeSubnetsInput{Filters: []apiec2.Filter{{Name: new("default-for-az"), Values: []string{"true"}}}})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, z := range zones {
		i := slices.IndexFunc(out.Subnets, func(s apiec2.Subnet) bool { return *s.AvailabilityZone == z })
		if i < 0 {
			return nil, invalid("Invalid Availability Zone: '%s'", z)
		}
		ids = append(ids, *out.Subnets[i].SubnetId)
	}
	return ids, nil
}

// open gives the load balancer an interface in each of the subnets.
func (b *balancer) open(c *cloud.Call, subnets []string) error {
	places, err := attach.Places(c, subnets)
	if err != nil {
		return worded(err)
	}
	if b.VPC == "" {
		b.VPC = places[0].VPC
		if err := b.checkGateway(c); err != nil {
			return err
		}
	}
	for _, p := range places {
		if slices.Contains(b.subnets(), p.Subnet) {
			continue
		}
		switch {
		case p.VPC != b.VPC:
			return unfit("Subnets from different VPCs cannot be attached to the same load balancer: %s", b.VPC)
		case slices.Contains(b.zones(), p.Zone):
			return unfit("ELB cannot be attached to multiple subnets in the same AZ.")
		case p.Free < leastFree:
			return api.ErrInvalidSubnet.New("Not enough IP space available in %s. ELB requires at least %d free IP addresses in each subnet.", p.Subnet, leastFree)
		}
		n, err := attach.Open(c, p, attach.Opening{Balancer: b.Name, Public: !b.Internal, Groups: b.Groups})
		if err != nil {
			return worded(err)
		}
		b.Nodes = append(b.Nodes, n)
	}
	slices.SortFunc(b.Nodes, func(x, y attach.Node) int { return cmp.Compare(x.Zone, y.Zone) })
	b.Groups = b.Nodes[0].Groups // the VPC's default group where none was named
	return nil
}

func (b *balancer) checkGateway(c *cloud.Call) error {
	if b.Internal {
		return nil
	}
	ok, err := attach.HasInternetGateway(c, b.VPC)
	if err == nil && !ok {
		err = api.ErrInvalidSubnet.New("VPC %s has no internet gateway", b.VPC)
	}
	return err
}

// leave closes the interfaces in the subnets for which gone says so.
func (b *balancer) leave(c *cloud.Call, gone func(attach.Node) bool) error {
	var stay []attach.Node
	for _, n := range b.Nodes {
		if !gone(n) {
			stay = append(stay, n)
		}
	}
	if len(stay) == 0 {
		return unfit("Load balancer %s must have at least one subnet and Availability Zone", b.Name)
	}
	for _, n := range b.Nodes {
		if gone(n) {
			if err := attach.Close(c, n); err != nil {
				return err
			}
		}
	}
	b.Nodes = stay
	return nil
}

func attachSubnets(c *cloud.Call, tx store.Tx, in *api.AttachLoadBalancerToSubnetsInput) (*api.AttachLoadBalancerToSubnetsOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	if err := b.open(c, in.Subnets); err != nil {
		return nil, err
	}
	b.put(tx)
	return &api.AttachLoadBalancerToSubnetsOutput{Subnets: b.subnets()}, nil
}

func detachSubnets(c *cloud.Call, tx store.Tx, in *api.DetachLoadBalancerFromSubnetsInput) (*api.DetachLoadBalancerFromSubnetsOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	if err := b.leave(c, func(n attach.Node) bool { return slices.Contains(in.Subnets, n.Subnet) }); err != nil {
		return nil, err
	}
	b.put(tx)
	return &api.DetachLoadBalancerFromSubnetsOutput{Subnets: b.subnets()}, nil
}

func enableZones(c *cloud.Call, tx store.Tx, in *api.EnableAvailabilityZonesForLoadBalancerInput) (*api.EnableAvailabilityZonesForLoadBalancerOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	zones := slices.DeleteFunc(slices.Clone(in.AvailabilityZones), func(z string) bool { return slices.Contains(b.zones(), z) })
	subnets, err := defaultSubnets(c, zones)
	if err != nil {
		return nil, err
	}
	if err := b.open(c, subnets); err != nil {
		return nil, err
	}
	b.put(tx)
	return &api.EnableAvailabilityZonesForLoadBalancerOutput{AvailabilityZones: b.zones()}, nil
}

func disableZones(c *cloud.Call, tx store.Tx, in *api.DisableAvailabilityZonesForLoadBalancerInput) (*api.DisableAvailabilityZonesForLoadBalancerOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	if err := b.leave(c, func(n attach.Node) bool { return slices.Contains(in.AvailabilityZones, n.Zone) }); err != nil {
		return nil, err
	}
	b.put(tx)
	return &api.DisableAvailabilityZonesForLoadBalancerOutput{AvailabilityZones: b.zones()}, nil
}

func applyGroups(c *cloud.Call, tx store.Tx, in *api.ApplySecurityGroupsToLoadBalancerInput) (*api.ApplySecurityGroupsToLoadBalancerOutput, error) {
	b, err := find(c, tx, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	if len(in.SecurityGroups) == 0 {
		return nil, invalid("At least one security group must be specified")
	}
	b.Groups = slices.Compact(slices.Sorted(slices.Values(in.SecurityGroups)))
	for i := range b.Nodes {
		if err := attach.SetGroups(c, b.Nodes[i], b.Groups); err != nil {
			return nil, worded(err)
		}
		b.Nodes[i].Groups = b.Groups
	}
	b.put(tx)
	return &api.ApplySecurityGroupsToLoadBalancerOutput{SecurityGroups: b.Groups}, nil
}
