package vpc

import (
	"net/netip"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// api is a NAT gateway as answers have it.
func (n *NAT) api(c *cloud.Call, r store.Reader) *api.NatGateway {
	kind := "public"
	if n.Private {
		kind = "private"
	}
	o := &api.NatGateway{
		CreateTime: &n.Made, NatGatewayId: &n.ID, State: &n.State, SubnetId: &n.Subnet, VpcId: &n.VPC, ConnectivityType: &kind,
		FailureCode: text(n.FailureCode), FailureMessage: text(n.FailureMessage), Tags: resource.ShownTags(resource.Tags(c, r, n.ID)),
		NatGatewayAddresses: n.apiAddresses(), AvailabilityMode: new(api.AvailabilityModeZonal),
	}
	if !n.Gone.IsZero() {
		o.DeleteTime = &n.Gone
	}
	return o
}

func (n *NAT) apiAddresses() []api.NatGatewayAddress {
	out := []api.NatGatewayAddress{}
	for k, a := range n.Addresses {
		out = append(out, a.api(k == 0))
	}
	return out
}

func (a NATAddress) api(primary bool) api.NatGatewayAddress {
	return api.NatGatewayAddress{
		AllocationId: text(a.Allocation), AssociationId: text(a.Association), NetworkInterfaceId: &a.Interface, PrivateIp: new(a.Private.String()),
		PublicIp: text(addr(a.Public)), IsPrimary: &primary, Status: &a.Status,
	}
}

// underway are secondary addresses as the call shows them that adds or removes
// them.
func underway(list []NATAddress, status string) []api.NatGatewayAddress {
	out := []api.NatGatewayAddress{}
	for _, a := range list {
		a.Status = status
		out = append(out, a.api(false))
	}
	return out
}

func describeNatGateways(c *cloud.Call, r store.Reader, in *api.DescribeNatGatewaysInput) (*api.DescribeNatGatewaysOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.NatGatewayIds, Filters: in.Filter, Max: in.MaxResults, Token: in.NextToken, NotFound: noNAT},
		nats.Scan(r, c.Account, c.Region), func(n *NAT) string { return n.ID },
		resource.Fields[NAT]{
			"nat-gateway-id": resource.One(func(n *NAT) string { return n.ID }),
			"state":          resource.One(func(n *NAT) string { return n.State }),
			"subnet-id":      resource.One(func(n *NAT) string { return n.Subnet }),
			"vpc-id":         resource.One(func(n *NAT) string { return n.VPC }),
			"connectivity-type": resource.One(func(n *NAT) string {
				if n.Private {
					return "private"
				}
				return "public"
			}),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeNatGatewaysOutput{NatGateways: []api.NatGateway{}, NextToken: next}
	for _, n := range list {
		out.NatGateways = append(out.NatGateways, *n.api(c, r))
	}
	return out, nil
}

// usableNAT is a NAT gateway whose addresses can be changed.
func usableNAT(c *cloud.Call, r store.Reader, id string, private bool) (*NAT, *Interface, error) {
	n, err := find(c, r, nats, id, noNAT)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case n.State != natAvailable && n.State != natPending:
		return nil, nil, resource.Errorf("InvalidState", "NAT gateway %s is in the state %s.", id, n.State)
	case private && !n.Private:
		return nil, nil, resource.Errorf("InvalidParameterValue", "NAT gateway %s is not a private NAT gateway.", id)
	case !private && n.Private:
		return nil, nil, resource.Errorf("InvalidParameterValue", "NAT gateway %s is not a public NAT gateway.", id)
	}
	changed := *n
	changed.Addresses = slices.Clone(n.Addresses)
	i, err := FindInterface(c, r, n.Addresses[0].Interface)
	if err != nil {
		return nil, nil, err
	}
	return &changed, i.clone(), nil
}

// maxNATAddresses is how many secondary private addresses a private NAT gateway
// has at most; public ones have two elastic addresses.
const (
	maxNATPrivate = 31
	maxNATElastic = 2
)

func assignPrivateNatGatewayAddress(c *cloud.Call, tx store.Tx, in *api.AssignPrivateNatGatewayAddressInput) (*api.AssignPrivateNatGatewayAddressOutput, error) {
	n, i, err := usableNAT(c, tx, in.NatGatewayId, true)
	if err != nil {
		return nil, err
	}
	want, err := parseAddrs(in.PrivateIpAddresses, "PrivateIpAddresses")
	if err != nil {
		return nil, err
	}
	for range cloud.Or(in.PrivateIpAddressCount, 0) {
		want = append(want, netip.Addr{})
	}
	if len(want) == 0 {
		return nil, resource.Missing("PrivateIpAddresses or PrivateIpAddressCount")
	}
	if len(n.Addresses)+len(want) > maxNATPrivate+1 {
		return nil, resource.Errorf("PrivateIpAddressLimitExceeded", "The maximum number of private IP addresses has been reached.")
	}
	from, err := n.extend(c, tx, i, want)
	if err != nil {
		return nil, err
	}
	nats.Put(tx, n)
	touch(c, tx, n.VPC)
	return &api.AssignPrivateNatGatewayAddressOutput{NatGatewayId: &n.ID, NatGatewayAddresses: underway(n.Addresses[from:], "assigning")}, nil
}

// extend gives the interface of a NAT gateway more addresses and tells where
// they begin.
func (n *NAT) extend(c *cloud.Call, tx store.Tx, i *Interface, want []netip.Addr) (from int, err error) {
	s, err := FindSubnet(c, tx, n.Subnet)
	if err != nil {
		return 0, err
	}
	from = len(i.Addresses)
	for _, a := range want {
		if a, err = takeAddress(c, tx, s, i.ID, a); err != nil {
			return 0, err
		}
		i.Addresses = append(i.Addresses, PrivateAddress{Private: a})
		n.Addresses = append(n.Addresses, NATAddress{Interface: i.ID, Private: a, Status: "succeeded"})
	}
	interfaces.Put(tx, i)
	return from, nil
}

// shrink takes addresses from a NAT gateway, never its primary one, and tells
// which.
func (n *NAT) shrink(c *cloud.Call, tx store.Tx, i *Interface, drop func(NATAddress) bool) (gone []NATAddress, err error) {
	for k, a := range n.Addresses {
		if !drop(a) {
			continue
		}
		if k == 0 {
			return nil, resource.Errorf("InvalidParameterValue", "The primary address of NAT gateway %s cannot be removed.", n.ID)
		}
		gone = append(gone, a)
		if a.Allocation != "" {
			disassociate(c, tx, a.Allocation)
		}
		releaseAddress(tx, n.Account, n.Region, n.Subnet, a.Private)
		i.Addresses = slices.DeleteFunc(i.Addresses, func(p PrivateAddress) bool { return p.Private == a.Private })
	}
	n.Addresses = slices.DeleteFunc(n.Addresses, drop)
	interfaces.Put(tx, i)
	nats.Put(tx, n)
	touch(c, tx, n.VPC)
	return gone, nil
}

func unassignPrivateNatGatewayAddress(c *cloud.Call, tx store.Tx, in *api.UnassignPrivateNatGatewayAddressInput) (*api.UnassignPrivateNatGatewayAddressOutput, error) {
	n, i, err := usableNAT(c, tx, in.NatGatewayId, true)
	if err != nil {
		return nil, err
	}
	for _, p := range in.PrivateIpAddresses {
		if i.has(p) < 0 {
			return nil, resource.Errorf("InvalidParameterValue", "The address %s is not assigned to NAT gateway %s.", p, n.ID)
		}
	}
	gone, err := n.shrink(c, tx, i, func(a NATAddress) bool { return slices.Contains(in.PrivateIpAddresses, a.Private.String()) })
	if err != nil {
		return nil, err
	}
	return &api.UnassignPrivateNatGatewayAddressOutput{NatGatewayId: &n.ID, NatGatewayAddresses: underway(gone, "unassigning")}, nil
}

func associateNatGatewayAddress(c *cloud.Call, tx store.Tx, in *api.AssociateNatGatewayAddressInput) (*api.AssociateNatGatewayAddressOutput, error) {
	n, i, err := usableNAT(c, tx, in.NatGatewayId, false)
	if err != nil {
		return nil, err
	}
	if len(n.Addresses)+len(in.AllocationIds) > maxNATElastic {
		return nil, resource.Errorf("AddressLimitExceeded", "The maximum number of addresses has been reached.")
	}
	var list []*Address
	for _, id := range in.AllocationIds {
		a, err := find(c, tx, addresses, id, noAllocation)
		if err != nil {
			return nil, err
		}
		if a.Association != "" {
			return nil, resource.Errorf("Resource.AlreadyAssociated", "Elastic IP address [%s] is already associated", id)
		}
		list = append(list, a)
	}
	want, err := parseAddrs(in.PrivateIpAddresses, "PrivateIpAddresses")
	if err != nil {
		return nil, err
	}
	for len(want) < len(list) {
		want = append(want, netip.Addr{})
	}
	from, err := n.extend(c, tx, i, want[:len(list)])
	if err != nil {
		return nil, err
	}
	for k, a := range list {
		o := &n.Addresses[from+k]
		o.Association, o.Allocation, o.Public = associate(c, tx, a, i.ID, from+k), a.ID, a.Public
	}
	nats.Put(tx, n)
	touch(c, tx, n.VPC)
	return &api.AssociateNatGatewayAddressOutput{NatGatewayId: &n.ID, NatGatewayAddresses: underway(n.Addresses[from:], "associating")}, nil
}

func disassociateNatGatewayAddress(c *cloud.Call, tx store.Tx, in *api.DisassociateNatGatewayAddressInput) (*api.DisassociateNatGatewayAddressOutput, error) {
	n, i, err := usableNAT(c, tx, in.NatGatewayId, false)
	if err != nil {
		return nil, err
	}
	for _, id := range in.AssociationIds {
		if !slices.ContainsFunc(n.Addresses, func(a NATAddress) bool { return a.Association == id }) {
			return nil, resource.Errorf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", id)
		}
	}
	gone, err := n.shrink(c, tx, i, func(a NATAddress) bool { return slices.Contains(in.AssociationIds, a.Association) })
	if err != nil {
		return nil, err
	}
	return &api.DisassociateNatGatewayAddressOutput{NatGatewayId: &n.ID, NatGatewayAddresses: underway(gone, "disassociating")}, nil
}
