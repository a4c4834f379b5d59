package vpc

import (
	"net/netip"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// assignPrivateIpAddresses gives an interface more addresses, which may be
// another interface's of the subnet if the caller says so.
func (s *Room) assignPrivateIpAddresses(c *cloud.Call, tx store.Tx, in *api.AssignPrivateIpAddressesInput) (*api.AssignPrivateIpAddressesOutput, error) {
	old, err := FindInterface(c, tx, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if !old.managedBy(c) {
		return nil, errNotYours
	}
	i := old.clone()
	want, err := parseAddrs(in.PrivateIpAddresses, "privateIpAddresses")
	if err != nil {
		return nil, err
	}
	n := cloud.Or(in.SecondaryPrivateIpAddressCount, 0)
	if len(want) > 0 && n > 0 {
		return nil, resource.Combination("secondaryPrivateIpAddressCount and privateIpAddresses cannot be specified together.")
	}
	want = append(want, make([]netip.Addr, n)...)
	if len(want) == 0 && len(in.Ipv4Prefixes) == 0 && cloud.Or(in.Ipv4PrefixCount, 0) == 0 {
		return nil, resource.Missing("secondaryPrivateIpAddressCount or privateIpAddresses")
	}
	if err := s.checkAddressCount(c, tx, i, len(i.Addresses)+len(want)); err != nil {
		return nil, err
	}
	sub, err := FindSubnet(c, tx, i.Subnet)
	if err != nil {
		return nil, err
	}
	out := &api.AssignPrivateIpAddressesOutput{NetworkInterfaceId: &i.ID, AssignedPrivateIpAddresses: []api.AssignedPrivateIpAddress{}}
	for _, a := range want {
		if a.IsValid() && i.has(a.String()) >= 0 {
			continue
		}
		if cloud.Or(in.AllowReassignment, false) && a.IsValid() {
			if err := reassign(c, tx, sub, a); err != nil {
				return nil, err
			}
		}
		if a, err = takeAddress(c, tx, sub, i.ID, a); err != nil {
			return nil, err
		}
		i.Addresses = append(i.Addresses, PrivateAddress{Private: a})
		out.AssignedPrivateIpAddresses = append(out.AssignedPrivateIpAddresses, api.AssignedPrivateIpAddress{PrivateIpAddress: new(a.String())})
	}
	added, err := i.delegate(c, tx, in.Ipv4Prefixes, cloud.Or(in.Ipv4PrefixCount, 0), false)
	if err != nil {
		return nil, err
	}
	for _, p := range added {
		out.AssignedIpv4Prefixes = append(out.AssignedIpv4Prefixes, api.Ipv4PrefixSpecification{Ipv4Prefix: new(p.String())})
	}
	interfaces.Put(tx, i)
	touch(c, tx, i.VPC)
	return out, nil
}

// checkAddressCount holds an attached interface to its instance's type.
func (s *Room) checkAddressCount(c *cloud.Call, r store.Reader, i *Interface, n int) error {
	if i.Attachment == nil {
		return nil
	}
	x, err := s.instance(c, r, i.Attachment.Instance)
	if err == nil && x.MaxAddresses > 0 && n > x.MaxAddresses {
		return resource.Errorf("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.")
	}
	return err
}

// reassign takes a secondary address away from the interface that has it.
func reassign(c *cloud.Call, tx store.Tx, s *Subnet, a netip.Addr) error {
	t, ok := takens.Get(tx, c.Account, c.Region, s.ID, a.AsSlice())
	if !ok {
		return nil
	}
	i, err := FindInterface(c, tx, t.Interface)
	if err != nil {
		return err
	}
	if i.has(a.String()) == 0 {
		return resource.Errorf("InvalidParameterValue", "The primary private IP address %s of an interface cannot be reassigned.", a)
	}
	return unassign(c, tx, i.clone(), []netip.Addr{a})
}

// unassign takes secondary addresses from an interface and writes it.
func unassign(c *cloud.Call, tx store.Tx, i *Interface, list []netip.Addr) error {
	for _, a := range list {
		n := i.has(a.String())
		switch {
		case n < 0:
			return resource.Errorf("InvalidParameterValue", "Some of the specified addresses are not assigned to interface %s", i.ID)
		case n == 0:
			return resource.Errorf("InvalidParameterValue", "The primary private IP address %s of interface %s cannot be unassigned.", a, i.ID)
		}
		if b := i.Addresses[n]; b.Allocation != "" {
			disassociate(c, tx, b.Allocation)
		}
		releaseAddress(tx, i.Account, i.Region, i.Subnet, a)
		i.Addresses = slices.Delete(i.Addresses, n, n+1)
	}
	interfaces.Put(tx, i)
	touch(c, tx, i.VPC)
	return nil
}

func unassignPrivateIpAddresses(c *cloud.Call, tx store.Tx, in *api.UnassignPrivateIpAddressesInput) (*cloud.Empty, error) {
	old, err := FindInterface(c, tx, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if !old.managedBy(c) {
		return nil, errNotYours
	}
	list, err := parseAddrs(in.PrivateIpAddresses, "privateIpAddresses")
	if err != nil {
		return nil, err
	}
	i := old.clone()
	if i.Prefixes, err = i.undelegate(tx, i.Prefixes, in.Ipv4Prefixes); err != nil {
		return nil, err
	}
	return &cloud.Empty{}, unassign(c, tx, i, list)
}

// undelegate gives prefixes back and returns those that stay.
func (i *Interface) undelegate(tx store.Tx, have []netip.Prefix, drop []string) ([]netip.Prefix, error) {
	for _, s := range drop {
		if !contains(have, s) {
			return nil, resource.Errorf("InvalidParameterValue", "The prefix %s is not assigned to interface %s", s, i.ID)
		}
	}
	return slices.DeleteFunc(have, func(p netip.Prefix) bool {
		gone := slices.Contains(drop, p.String())
		if gone {
			releasePrefix(tx, i.Account, i.Region, i.Subnet, p)
		}
		return gone
	}), nil
}

func (s *Room) assignIpv6Addresses(c *cloud.Call, tx store.Tx, in *api.AssignIpv6AddressesInput) (*api.AssignIpv6AddressesOutput, error) {
	old, err := FindInterface(c, tx, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	i := old.clone()
	want, err := parseAddrs(in.Ipv6Addresses, "ipv6Addresses")
	if err != nil {
		return nil, err
	}
	want = append(want, make([]netip.Addr, cloud.Or(in.Ipv6AddressCount, 0))...)
	if len(want) == 0 && len(in.Ipv6Prefixes) == 0 && cloud.Or(in.Ipv6PrefixCount, 0) == 0 {
		return nil, resource.Missing("ipv6AddressCount or ipv6Addresses")
	}
	if err := s.checkAddressCount(c, tx, i, len(i.IPv6)+len(want)); err != nil {
		return nil, err
	}
	sub, err := FindSubnet(c, tx, i.Subnet)
	if err != nil {
		return nil, err
	}
	out := &api.AssignIpv6AddressesOutput{NetworkInterfaceId: &i.ID, AssignedIpv6Addresses: []string{}}
	for _, a := range want {
		if a.IsValid() && slices.Contains(i.IPv6, a) {
			continue
		}
		if a, err = takeIPv6(c, tx, sub, i.ID, a); err != nil {
			return nil, err
		}
		i.IPv6 = append(i.IPv6, a)
		out.AssignedIpv6Addresses = append(out.AssignedIpv6Addresses, a.String())
	}
	added, err := i.delegate(c, tx, in.Ipv6Prefixes, cloud.Or(in.Ipv6PrefixCount, 0), true)
	if err != nil {
		return nil, err
	}
	out.AssignedIpv6Prefixes = strs(added)
	interfaces.Put(tx, i)
	touch(c, tx, i.VPC)
	return out, nil
}

func unassignIpv6Addresses(c *cloud.Call, tx store.Tx, in *api.UnassignIpv6AddressesInput) (*api.UnassignIpv6AddressesOutput, error) {
	old, err := FindInterface(c, tx, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	i := old.clone()
	list, err := parseAddrs(in.Ipv6Addresses, "ipv6Addresses")
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		n := slices.Index(i.IPv6, a)
		if n < 0 {
			return nil, resource.Errorf("InvalidParameterValue", "Some of the specified addresses are not assigned to interface %s", i.ID)
		}
		if n == 0 && i.PrimaryIPv6 {
			return nil, resource.Errorf("InvalidParameterValue", "The primary IPv6 address %s of interface %s cannot be unassigned.", a, i.ID)
		}
		i.IPv6 = slices.Delete(i.IPv6, n, n+1)
		releaseAddress(tx, i.Account, i.Region, i.Subnet, a)
	}
	if i.IPv6Prefixes, err = i.undelegate(tx, i.IPv6Prefixes, in.Ipv6Prefixes); err != nil {
		return nil, err
	}
	interfaces.Put(tx, i)
	touch(c, tx, i.VPC)
	return &api.UnassignIpv6AddressesOutput{NetworkInterfaceId: &i.ID, UnassignedIpv6Addresses: strs(list), UnassignedIpv6Prefixes: in.Ipv6Prefixes}, nil
}
