package vpc

import (
	"net/netip"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// States of NAT gateways.
const (
	natPending   = "pending"
	natAvailable = "available"
	natFailed    = "failed"
	natDeleting  = "deleting"
	natDeleted   = "deleted"
)

const (
	maxNATsOfZone = 5
	// natVisible is how long a NAT gateway that failed or was deleted is listed.
	natVisible = time.Hour
	// natController forgets those.
	natController = "ec2.nat.forget"
)

var noNAT = func(id string) *cloud.Error {
	if !resource.WellFormed("nat", id) {
		return resource.Errorf("NatGatewayMalformed", "The ID '%s' is malformed", id)
	}
	return resource.Errorf("NatGatewayNotFound", "NAT gateway %s was not found", id)
}

func (s *Room) createNatGateway(c *cloud.Call, tx store.Tx, in *api.CreateNatGatewayInput) (*api.CreateNatGatewayOutput, error) {
	return resource.Once(c, tx, "CreateNatGateway", in.ClientToken, in, func() (*api.CreateNatGatewayOutput, error) {
		tags, err := tagsFor(in.TagSpecifications, "natgateway")
		if err != nil {
			return nil, err
		}
		switch {
		case cloud.Or(in.AvailabilityMode, api.AvailabilityModeZonal) == api.AvailabilityModeRegional:
			return nil, resource.Unsupported("Regional NAT gateways are not available in this cloud: make a zonal one in a subnet of each Availability Zone.")
		case in.VpcId != nil:
			return nil, resource.Combination("VpcId can only be specified for a regional NAT gateway.")
		case in.SubnetId == nil:
			return nil, resource.Missing("SubnetId")
		}
		sub, err := FindSubnet(c, tx, *in.SubnetId)
		if err != nil {
			return nil, err
		}
		n := &NAT{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "nat"), VPC: sub.VPC, Subnet: sub.ID,
			Private: cloud.Or(in.ConnectivityType, "public") == "private", State: natPending, Made: c.Now,
		}
		if err := checkNAT(c, tx, n, sub, in); err != nil {
			return nil, err
		}
		if err := n.open(c, tx, in); err != nil {
			return nil, err
		}
		nats.Put(tx, n)
		resource.Register(c, tx, "natgateway", n.ID, tags)
		touch(c, tx, n.VPC)
		return &api.CreateNatGatewayOutput{ClientToken: in.ClientToken, NatGateway: n.api(c, tx)}, nil
	})
}

func checkNAT(c *cloud.Call, tx store.Tx, n *NAT, sub *Subnet, in *api.CreateNatGatewayInput) error {
	switch t := cloud.Or(in.ConnectivityType, "public"); {
	case t != "public" && t != "private":
		return resource.Invalid(t, "connectivityType")
	case n.Private && (in.AllocationId != nil || len(in.SecondaryAllocationIds) > 0):
		return resource.Combination("AllocationId cannot be specified for a private NAT gateway.")
	case !n.Private && in.AllocationId == nil:
		return resource.Missing("AllocationId")
	case !n.Private && cloud.Or(in.SecondaryPrivateIpAddressCount, 0) > 0:
		return resource.Combination("SecondaryPrivateIpAddressCount can only be specified for a private NAT gateway.")
	case !sub.CIDR.IsValid():
		return resource.Errorf("InvalidSubnet", "Subnet '%s' has no IPv4 CIDR block.", sub.ID)
	}
	used := 0
	for o := range nats.Scan(tx, c.Account, c.Region) {
		if s, ok := subnets.Get(tx, c.Account, c.Region, o.Subnet); ok && s.Zone == sub.Zone && (o.State == natPending || o.State == natAvailable) {
			used++
		}
	}
	if used >= maxNATsOfZone {
		return resource.Errorf("NatGatewayLimitExceeded", "The maximum number of NAT gateways has been reached.")
	}
	return nil
}

// open makes the interface of a new NAT gateway and points its elastic
// addresses to it. A public one without an internet gateway fails, as AWS finds
// out a little later.
func (n *NAT) open(c *cloud.Call, tx store.Tx, in *api.CreateNatGatewayInput) error {
	allocations := append([]string{}, in.SecondaryAllocationIds...)
	if in.AllocationId != nil {
		allocations = append([]string{*in.AllocationId}, allocations...)
	}
	for _, id := range allocations {
		a, err := find(c, tx, addresses, id, noAllocation)
		if err != nil {
			return err
		}
		if a.Association != "" {
			return resource.Errorf("Resource.AlreadyAssociated", "Elastic IP address [%s] is already associated", id)
		}
	}
	if !n.Private && !hasInternetGateway(c, tx, n.VPC) {
		n.fail(c, tx, "Gateway.NotAttached", "Network "+n.VPC+" has no Internet gateway attached")
		return nil
	}
	want := NewInterface{
		Subnet: n.Subnet, Description: "Interface for NAT Gateway " + n.ID, Type: natInterface, Requester: natRequester, Public: new(false),
		Secondary: int(cloud.Or(in.SecondaryPrivateIpAddressCount, 0)),
	}
	var err error
	if want.Private, want.SecondaryAddresses, err = natAddresses(in); err != nil {
		return err
	}
	if !n.Private {
		want.Secondary = max(0, len(allocations)-1-len(want.SecondaryAddresses))
	}
	i, err := CreateInterface(c, tx, want)
	if err != nil {
		return err
	}
	i = i.clone()
	i.SourceCheck, i.Groups = false, nil
	interfaces.Put(tx, i)
	for at, p := range i.Addresses {
		a := NATAddress{Interface: i.ID, Private: p.Private, Status: "succeeded"}
		if at < len(allocations) {
			e, _ := addresses.Get(tx, c.Account, c.Region, allocations[at])
			a.Association = associate(c, tx, e, i.ID, at)
			a.Allocation, a.Public = e.ID, e.Public
		}
		n.Addresses = append(n.Addresses, a)
	}
	return nil
}

// natRequester is who manages the interfaces of NAT gateways.
const natRequester = "amazon-nat"

// natAddresses are the private addresses that a request asks for.
func natAddresses(in *api.CreateNatGatewayInput) (first netip.Addr, others []netip.Addr, err error) {
	if in.PrivateIpAddress != nil {
		if first, err = parseAddr(*in.PrivateIpAddress, "PrivateIpAddress"); err != nil {
			return first, nil, err
		}
	}
	others, err = parseAddrs(in.SecondaryPrivateIpAddresses, "SecondaryPrivateIpAddresses")
	return first, others, err
}

// fail ends a NAT gateway that could not be made.
func (n *NAT) fail(c *cloud.Call, tx store.Tx, code, message string) {
	n.State, n.FailureCode, n.FailureMessage, n.Gone = natFailed, code, message, c.Now
	tx.After(c.Now.Add(natVisible), natController, store.K(n.Account, n.Region, n.ID))
}

func deleteNatGateway(c *cloud.Call, tx store.Tx, in *api.DeleteNatGatewayInput) (*api.DeleteNatGatewayOutput, error) {
	old, err := find(c, tx, nats, in.NatGatewayId, noNAT)
	if err != nil {
		return nil, err
	}
	if old.State == natDeleted {
		return nil, noNAT(in.NatGatewayId)
	}
	if old.State != natDeleting {
		n := *old
		if n.State == natPending || n.State == natAvailable {
			bills(c, tx, n.level())
		}
		n.State, n.Gone = natDeleting, c.Now
		nats.Put(tx, &n)
		touch(c, tx, n.VPC)
	}
	return &api.DeleteNatGatewayOutput{NatGatewayId: &in.NatGatewayId}, nil
}

// settle moves on what waited for the data plane to obey: NAT gateways that
// come up or go away.
func (s *Room) settle(c *cloud.Call, vpc string) error {
	var waits []string
	err := c.View(func(r store.Reader) error {
		waits = waits[:0]
		for n := range nats.Index(r, "vpc", c.Account, c.Region, vpc) {
			if n.State == natPending || n.State == natDeleting {
				waits = append(waits, n.ID)
			}
		}
		return nil
	})
	if err != nil || len(waits) == 0 {
		return err
	}
	return c.Update(func(tx store.Tx) error {
		for _, id := range waits {
			settleNAT(c, tx, id)
		}
		return nil
	})
}

func settleNAT(c *cloud.Call, tx store.Tx, id string) {
	old, ok := nats.Get(tx, c.Account, c.Region, id)
	if !ok {
		return
	}
	n := *old
	switch n.State {
	case natPending:
		n.State = natAvailable
	case natDeleting:
		n.State = natDeleted
		if len(n.Addresses) > 0 {
			if i, ok := interfaces.Get(tx, c.Account, c.Region, n.Addresses[0].Interface); ok {
				removeInterface(c, tx, i)
			}
		}
		tx.After(c.Now.Add(natVisible), natController, store.K(n.Account, n.Region, n.ID))
	default:
		return
	}
	nats.Put(tx, &n)
}

// forgetNAT is the controller that ends the listing of a NAT gateway that is
// no more.
func (s *Room) forgetNAT(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	return c.Update(func(tx store.Tx) error {
		n, ok := nats.Get(tx, key...)
		if ok && (n.State == natDeleted || n.State == natFailed) {
			nats.Delete(tx, key...)
			resource.Unregister(c, tx, n.ID)
		}
		return nil
	})
}
