package attach

import (
	"net/netip"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/lb"
	"pileus/store"
	"pileus/zone"
)

// Place is a subnet as load balancers see it.
type Place struct {
	Subnet, Zone, ZoneID, VPC string
	CIDR                      netip.Prefix
	IPv6                      bool // it has an IPv6 range
	Free                      int  // addresses
}

// Places are the subnets in the order asked for. Its errors are EC2's
// (InvalidSubnetID.NotFound), which each service words in its own way.
func Places(c *cloud.Call, subnets []string) ([]Place, error) {
	if len(subnets) == 0 {
		return nil, nil
	}
	out, err := api.DescribeSubnets.Call(As(c), &api.DescribeSubnetsInput{SubnetIds: subnets})
	if err != nil {
		return nil, err
	}
	list := make([]Place, 0, len(subnets))
	for _, id := range subnets {
		i := slices.IndexFunc(out.Subnets, func(s api.Subnet) bool { return *s.SubnetId == id })
		if i < 0 {
			continue
		}
		s := out.Subnets[i]
		p := Place{Subnet: id, Zone: *s.AvailabilityZone, ZoneID: cloud.Or(s.AvailabilityZoneId, ""), VPC: *s.VpcId, Free: int(cloud.Or(s.AvailableIpAddressCount, 0))}
		p.CIDR, _ = netip.ParsePrefix(cloud.Or(s.CidrBlock, "")) // invalid where the subnet has IPv6 only
		p.IPv6 = len(s.Ipv6CidrBlockAssociationSet) > 0
		list = append(list, p)
	}
	return list, nil
}

// HasInternetGateway tells whether packets can leave a VPC to the internet.
func HasInternetGateway(c *cloud.Call, vpc string) (bool, error) {
	out, err := api.DescribeInternetGateways.Call(As(c), &api.DescribeInternetGatewaysInput{Filters: []api.Filter{{Name: new("attachment.vpc-id"), Values: []string{vpc}}}})
	return err == nil && len(out.InternetGateways) > 0, err
}

// Node is a load balancer's interface in a subnet.
type Node struct {
	Subnet, Zone, ZoneID, Interface string
	Private                         netip.Addr
	Public                          netip.Addr // invalid for none
	Allocation                      string     // of the elastic address that Public is; "" for one that is lent
	IPv6                            []netip.Addr
	Groups                          []string // security groups
}

// Opening says what interface a load balancer gets in a subnet.
type Opening struct {
	// Balancer is its name in the interface's description: "app/web/50dc6c495c0c9188",
	// or "web" of a classic one. EC2 knows network load balancers by their "net/".
	Balancer string
	Public   bool // it gets a public address
	Groups   []string
	// Allocation is the elastic address for it, Private and IPv6 the addresses
	// wanted; any where empty.
	Allocation string
	Private    netip.Addr
	IPv6       netip.Addr
	DualStack  bool
}

// Open makes a load balancer's interface. Inside an Update handler it is part
// of the transaction. Its errors are EC2's.
func Open(c *cloud.Call, at Place, o Opening) (Node, error) {
	c = As(c)
	in := &api.CreateNetworkInterfaceInput{SubnetId: at.Subnet, Description: new("ELB " + o.Balancer), Groups: o.Groups}
	if o.Private.IsValid() {
		in.PrivateIpAddress = new(o.Private.String())
	}
	switch {
	case o.IPv6.IsValid():
		in.Ipv6Addresses = []api.InstanceIpv6Address{{Ipv6Address: new(o.IPv6.String())}}
	case o.DualStack:
		in.Ipv6AddressCount = new(int32(1))
	}
	made, err := api.CreateNetworkInterface.Call(c, in)
	if err != nil {
		return Node{}, err
	}
	id := *made.NetworkInterface.NetworkInterfaceId
	switch {
	case o.Allocation != "":
		_, err = api.AssociateAddress.Call(c, &api.AssociateAddressInput{AllocationId: &o.Allocation, NetworkInterfaceId: &id, AllowReassociation: new(false)})
	case o.Public:
		_, err = api.ModifyNetworkInterfaceAttribute.Call(c, &api.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: id, AssociatePublicIpAddress: new(true)})
	}
	if err != nil {
		return Node{}, err
	}
	n := Node{Subnet: at.Subnet, Zone: at.Zone, ZoneID: at.ZoneID, Interface: id}
	return n, n.look(c)
}

// look reads the interface's addresses.
func (n *Node) look(c *cloud.Call) error {
	out, err := api.DescribeNetworkInterfaces.Call(c, &api.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{n.Interface}})
	if err != nil {
		return err
	}
	i := out.NetworkInterfaces[0]
	n.Private, _ = netip.ParseAddr(cloud.Or(i.PrivateIpAddress, "")) // invalid where the subnet has IPv6 only
	n.Public, n.Allocation, n.IPv6 = netip.Addr{}, "", nil
	if a := i.Association; a != nil {
		if n.Public, err = netip.ParseAddr(*a.PublicIp); err != nil {
			return err
		}
		n.Allocation = cloud.Or(a.AllocationId, "")
	}
	n.Groups = nil
	for _, g := range i.Groups {
		n.Groups = append(n.Groups, *g.GroupId)
	}
	for _, six := range i.Ipv6Addresses {
		a, err := netip.ParseAddr(*six.Ipv6Address)
		if err != nil {
			return err
		}
		n.IPv6 = append(n.IPv6, a)
	}
	return nil
}

// Close removes a load balancer's interface. One that is gone is no error.
func Close(c *cloud.Call, n Node) error {
	_, err := api.DeleteNetworkInterface.Call(As(c), &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: n.Interface})
	if IsCode(err, "InvalidNetworkInterfaceID.NotFound") {
		return nil
	}
	return err
}

// SetGroups gives a load balancer's interface other security groups.
func SetGroups(c *cloud.Call, n Node, groups []string) error {
	_, err := api.ModifyNetworkInterfaceAttribute.Call(As(c), &api.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: n.Interface, Groups: groups})
	return err
}

// SetDualStack gives a load balancer's interface an IPv6 address, or takes it
// away.
func SetDualStack(c *cloud.Call, n *Node, on bool) error {
	c = As(c)
	switch {
	case on && len(n.IPv6) == 0:
		if _, err := api.AssignIpv6Addresses.Call(c, &api.AssignIpv6AddressesInput{NetworkInterfaceId: n.Interface, Ipv6AddressCount: new(int32(1))}); err != nil {
			return err
		}
	case !on && len(n.IPv6) > 0:
		in := &api.UnassignIpv6AddressesInput{NetworkInterfaceId: n.Interface}
		for _, a := range n.IPv6 {
			in.Ipv6Addresses = append(in.Ipv6Addresses, a.String())
		}
		if _, err := api.UnassignIpv6Addresses.Call(c, in); err != nil {
			return err
		}
	default:
		return nil
	}
	return n.look(c)
}

// Desired is the node as the engine takes it. A node in a zone that is dark is
// out of service.
func (n Node) Desired(r store.Reader) lb.Node {
	d := lb.Node{Zone: n.Zone, Subnet: n.Subnet, Interface: n.Interface, Public: n.Public, Off: zone.Down(r, n.Zone)}
	if n.Private.IsValid() {
		d.Addresses = append(d.Addresses, n.Private)
	}
	d.Addresses = append(d.Addresses, n.IPv6...)
	return d
}
