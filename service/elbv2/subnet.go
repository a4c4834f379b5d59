package elbv2

import (
	"cmp"
	"net/netip"
	"slices"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/store"
)

// leastFree is how many free addresses a subnet must have.
const leastFree = 8

// wantedSubnets are the subnets that a request names in either way.
func wantedSubnets(subnets []string, mappings []api.SubnetMapping) ([]api.SubnetMapping, error) {
	if len(subnets) > 0 && len(mappings) > 0 {
		return nil, invalid("You must specify either subnets or subnet mappings, but not both")
	}
	var out []api.SubnetMapping
	for _, id := range subnets {
		out = append(out, api.SubnetMapping{SubnetId: &id})
	}
	for _, m := range mappings {
		if m.SubnetId == nil {
			return nil, invalid("A subnet must be specified for each subnet mapping")
		}
		out = append(out, m)
	}
	if len(out) == 0 {
		return nil, invalid("You must specify at least one subnet")
	}
	return out, nil
}

// open gives a new load balancer its interfaces.
func (b *balancer) open(c *cloud.Call, wanted []api.SubnetMapping, groups []string) error {
	places, err := b.places(c, wanted)
	if err != nil {
		return err
	}
	b.VPC = places[0].VPC
	if !b.Internal {
		ok, err := attach.HasInternetGateway(c, b.VPC)
		if err != nil {
			return err
		}
		if !ok {
			return api.ErrInvalidSubnet.New("VPC %s has no internet gateway", b.VPC)
		}
	}
	b.Groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	if b.Type == network && len(groups) > 0 {
		b.Enforce = "on"
	}
	for n, at := range places {
		if err := b.openIn(c, at, wanted[n]); err != nil {
			return err
		}
	}
	b.Groups = b.Nodes[0].Groups // the VPC's default group where none was named
	return nil
}

// openIn makes the load balancer's interface in a subnet.
func (b *balancer) openIn(c *cloud.Call, at attach.Place, m api.SubnetMapping) error {
	o := attach.Opening{
		Balancer: b.short(), Public: !b.Internal && b.IPType != "dualstack-without-public-ipv4",
		Groups: b.Groups, Allocation: cloud.Or(m.AllocationId, ""), DualStack: b.IPType != "ipv4",
	}
	var err error
	if o.Private, err = mapped(m.PrivateIPv4Address); err != nil {
		return err
	}
	if o.IPv6, err = mapped(m.IPv6Address); err != nil {
		return err
	}
	if err := b.checkMapping(m, at); err != nil {
		return err
	}
	n, err := attach.Open(c, at, o)
	if err != nil {
		return worded(err)
	}
	b.Nodes = append(b.Nodes, n)
	slices.SortFunc(b.Nodes, func(x, y attach.Node) int { return cmp.Compare(x.Zone, y.Zone) })
	return nil
}

func mapped(s *string) (a netip.Addr, err error) {
	if s == nil {
		return a, nil
	}
	if a, err = netip.ParseAddr(*s); err != nil {
		return a, invalid("'%s' is not a valid IP address", *s)
	}
	return a, nil
}

// checkMapping tells what is wrong with the addresses chosen for a subnet.
func (b *balancer) checkMapping(m api.SubnetMapping, at attach.Place) error {
	switch {
	case m.AllocationId != nil && (b.Type != network || b.Internal):
		return api.ErrInvalidConfigurationRequest.New("Elastic IP addresses can only be specified for internet-facing Network Load Balancers")
	case m.PrivateIPv4Address != nil && (b.Type != network || !b.Internal):
		return api.ErrInvalidConfigurationRequest.New("Private IPv4 addresses can only be specified for internal Network Load Balancers")
	case m.IPv6Address != nil && (b.Type != network || b.IPType != "dualstack"):
		return api.ErrInvalidConfigurationRequest.New("IPv6 addresses can only be specified for dual-stack Network Load Balancers")
	case b.IPType != "ipv4" && !at.IPv6:
		return api.ErrInvalidSubnet.New("The subnet '%s' has no IPv6 CIDR block, which the IP address type '%s' needs", at.Subnet, b.IPType)
	}
	return nil
}

// places are the subnets, checked.
func (b *balancer) places(c *cloud.Call, wanted []api.SubnetMapping) ([]attach.Place, error) {
	ids := make([]string, len(wanted))
	for n, m := range wanted {
		ids[n] = *m.SubnetId
	}
	places, err := attach.Places(c, ids)
	if err != nil {
		return nil, worded(err)
	}
	zones := map[string]bool{}
	for _, p := range places {
		switch {
		case p.VPC != places[0].VPC || b.VPC != "" && p.VPC != b.VPC:
			return nil, api.ErrInvalidConfigurationRequest.New("All subnets must belong to the same VPC: '%s'", cmp.Or(b.VPC, places[0].VPC))
		case zones[p.Zone]:
			return nil, api.ErrInvalidConfigurationRequest.New("A load balancer cannot be attached to multiple subnets in the same Availability Zone")
		case p.Free < leastFree && !slices.ContainsFunc(b.Nodes, func(n attach.Node) bool { return n.Subnet == p.Subnet }):
			return nil, api.ErrInvalidSubnet.New("Not enough IP space available in %s. ELB requires at least %d free IP addresses in each subnet.", p.Subnet, leastFree)
		}
		zones[p.Zone] = true
	}
	if b.Type == application && len(places) < 2 {
		return nil, invalid("At least two subnets in two different Availability Zones must be specified")
	}
	return places, nil
}

func (s *elb) setSubnets(c *cloud.Call, tx store.Tx, in *api.SetSubnetsInput) (*api.SetSubnetsOutput, error) {
	old, err := findBalancer(c, tx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	wanted, err := wantedSubnets(in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	b := old.clone()
	places, err := b.places(c, wanted)
	if err != nil {
		return nil, err
	}
	if in.IpAddressType != nil {
		if err := b.setIPType(c, *in.IpAddressType); err != nil {
			return nil, err
		}
	}
	var stay []attach.Node
	for _, n := range b.Nodes {
		if slices.ContainsFunc(places, func(p attach.Place) bool { return p.Subnet == n.Subnet }) {
			stay = append(stay, n)
		} else if err := attach.Close(c, n); err != nil {
			return nil, err
		}
	}
	b.Nodes = stay
	for n, p := range places {
		if !slices.ContainsFunc(stay, func(x attach.Node) bool { return x.Subnet == p.Subnet }) {
			if err := b.openIn(c, p, wanted[n]); err != nil {
				return nil, err
			}
		}
	}
	balancers.Put(tx, b)
	b.manage(tx)
	touch(tx, b)
	return &api.SetSubnetsOutput{AvailabilityZones: b.zones(), IpAddressType: &b.IPType, EnablePrefixForIpv6SourceNat: some(b.Prefix)}, nil
}

// clone is a copy that may be changed.
func (b *balancer) clone() *balancer {
	d := *b
	d.Nodes = slices.Clone(b.Nodes)
	d.Groups = slices.Clone(b.Groups)
	return &d
}

func (s *elb) setIPAddressType(c *cloud.Call, tx store.Tx, in *api.SetIpAddressTypeInput) (*api.SetIpAddressTypeOutput, error) {
	old, err := findBalancer(c, tx, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	b := old.clone()
	if err := b.setIPType(c, in.IpAddressType); err != nil {
		return nil, err
	}
	balancers.Put(tx, b)
	touch(tx, b)
	return &api.SetIpAddressTypeOutput{IpAddressType: &b.IPType}, nil
}

func (b *balancer) setIPType(c *cloud.Call, kind string) error {
	b.IPType = kind
	if err := b.checkIPType(); err != nil {
		return err
	}
	ids := make([]string, len(b.Nodes))
	for n := range b.Nodes {
		ids[n] = b.Nodes[n].Subnet
	}
	places, err := attach.Places(c, ids)
	if err != nil {
		return worded(err)
	}
	for n := range b.Nodes {
		if err := b.checkMapping(api.SubnetMapping{}, places[n]); err != nil {
			return err
		}
		if err := attach.SetDualStack(c, &b.Nodes[n], kind != "ipv4"); err != nil {
			return worded(err)
		}
	}
	return nil
}
