package vpc

import (
	"net/netip"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// associateAddress points an elastic address to an instance or an interface.
func (s *Room) associateAddress(c *cloud.Call, tx store.Tx, in *api.AssociateAddressInput) (*api.AssociateAddressOutput, error) {
	a, err := findAddress(c, tx, in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	i, err := s.associateWith(c, tx, in)
	if err != nil {
		return nil, err
	}
	at := 0
	if in.PrivateIpAddress != nil {
		if at = i.has(*in.PrivateIpAddress); at < 0 {
			return nil, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter privateIpAddress is invalid. The private IP address is not assigned to the network interface.", *in.PrivateIpAddress)
		}
	}
	if len(i.Addresses) == 0 {
		return nil, resource.Errorf("InvalidParameterValue", "The network interface '%s' has no IPv4 address.", i.ID)
	}
	if !hasInternetGateway(c, tx, i.VPC) {
		return nil, resource.Errorf("Gateway.NotAttached", "Network %s is not attached to any internet gateway", i.VPC)
	}
	if a.Association != "" && a.Interface == i.ID && a.Private == i.Addresses[at].Private {
		return &api.AssociateAddressOutput{AssociationId: &a.Association}, nil
	}
	// An address is moved silently in a VPC unless the caller forbids it.
	if a.Association != "" && !cloud.Or(in.AllowReassociation, true) {
		return nil, resource.Errorf("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", a.ID, a.Association)
	}
	if b := i.Addresses[at]; b.Allocation != "" && b.Allocation != a.ID && !cloud.Or(in.AllowReassociation, true) {
		return nil, resource.Errorf("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", i.ID, b.Association)
	}
	return &api.AssociateAddressOutput{AssociationId: new(associate(c, tx, a, i.ID, at))}, nil
}

// associateWith is the interface that a request names.
func (s *Room) associateWith(c *cloud.Call, tx store.Tx, in *api.AssociateAddressInput) (*Interface, error) {
	if id := cloud.Or(in.NetworkInterfaceId, ""); id != "" {
		if in.InstanceId != nil {
			return nil, resource.Combination("You may specify either an instance or a network interface, but not both")
		}
		return FindInterface(c, tx, id)
	}
	id := cloud.Or(in.InstanceId, "")
	if id == "" {
		return nil, resource.Missing("InstanceId or NetworkInterfaceId")
	}
	if _, err := s.instance(c, tx, id); err != nil {
		return nil, err
	}
	list := InterfacesOf(c, tx, id)
	switch {
	case len(list) == 0:
		return nil, resource.Errorf("InvalidInstanceID", "The instance '%s' is not in a valid state for this operation.", id)
	case len(list) > 1 && in.PrivateIpAddress == nil:
		return nil, resource.Errorf("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. Please specify an interface ID for the operation instead.", id)
	}
	if in.PrivateIpAddress != nil {
		for _, i := range list {
			if i.has(*in.PrivateIpAddress) >= 0 {
				return i, nil
			}
		}
	}
	return list[0], nil
}

// has is the place of a private address on the interface; -1 for none.
func (i *Interface) has(private string) int {
	for n, a := range i.Addresses {
		if a.Private.String() == private {
			return n
		}
	}
	return -1
}

// associate points an elastic address to an interface's at-th address, away
// from wherever it pointed to. What stood for that address before goes.
func associate(c *cloud.Call, tx store.Tx, a *Address, eni string, at int) (association string) {
	disassociate(c, tx, a.ID)
	i, _ := interfaces.Get(tx, c.Account, c.Region, eni) // the caller has it
	i = i.clone()
	if b := i.Addresses[at]; b.Allocation != "" {
		disassociate(c, tx, b.Allocation)
	} else if b.Public.IsValid() {
		i.giveBack(c, tx, b)
	}
	if now, ok := addresses.Get(tx, c.Account, c.Region, a.ID); ok {
		a = now
	}
	bills(c, tx, a.level())
	changed := *a
	changed.Association, changed.Interface, changed.Since = resource.NewID(c, "eipassoc"), eni, c.Now
	changed.Private = i.Addresses[at].Private
	addresses.Put(tx, &changed)
	i.Addresses[at] = PrivateAddress{Private: changed.Private, Public: a.Public, Allocation: a.ID, Association: changed.Association, Owner: a.Account}
	interfaces.Put(tx, i)
	touch(c, tx, i.VPC)
	return changed.Association
}

// disassociate ends what an elastic address points to, if anything.
func disassociate(c *cloud.Call, tx store.Tx, allocation string) {
	a, ok := addresses.Get(tx, c.Account, c.Region, allocation)
	if !ok || a.Association == "" {
		return
	}
	if i, ok := interfaces.Get(tx, c.Account, c.Region, a.Interface); ok {
		i = i.clone()
		for n, b := range i.Addresses {
			if b.Allocation == allocation {
				i.Addresses[n] = PrivateAddress{Private: b.Private}
			}
		}
		interfaces.Put(tx, i)
		touch(c, tx, i.VPC)
	}
	bills(c, tx, a.level())
	changed := *a
	changed.Association, changed.Interface, changed.Private, changed.Since = "", "", netip.Addr{}, c.Now
	addresses.Put(tx, &changed)
}

// disassociateAddress ends what an address points to. An instance that runs and
// would have been lent one gets that again.
func (s *Room) disassociateAddress(c *cloud.Call, tx store.Tx, in *api.DisassociateAddressInput) (*cloud.Empty, error) {
	var a *Address
	switch {
	case in.AssociationId != nil:
		if a = addressAssociated(c, tx, *in.AssociationId); a == nil {
			return nil, resource.Errorf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", *in.AssociationId)
		}
	case in.PublicIp != nil:
		var err error
		if a, err = findAddress(c, tx, nil, in.PublicIp); err != nil {
			return nil, err
		}
	default:
		return nil, resource.Errorf("MissingParameter", "Either public IP or association id must be specified")
	}
	i, ok := interfaces.Get(tx, c.Account, c.Region, a.Interface)
	if ok && (i.Type == natInterface || !i.managedBy(c)) {
		return nil, errNotYours
	}
	disassociate(c, tx, a.ID)
	if !ok || i.Attachment == nil {
		return &cloud.Empty{}, nil
	}
	if x, err := s.instance(c, tx, i.Attachment.Instance); err != nil || x.State != "running" {
		return &cloud.Empty{}, nil
	}
	return &cloud.Empty{}, AssignPublicAddress(c, tx, i.Attachment.Instance)
}

// addressAssociated is the elastic address of an association.
func addressAssociated(c *cloud.Call, r store.Reader, association string) *Address {
	for a := range addresses.Scan(r, c.Account, c.Region) {
		if association != "" && a.Association == association {
			return a
		}
	}
	return nil
}

// instance is what is known of an instance that a request names.
func (s *Room) instance(c *cloud.Call, r store.Reader, id string) (Instance, error) {
	if s.Instances != nil {
		return s.Instances(c, r, id)
	}
	list := InterfacesOf(c, r, id)
	if len(list) == 0 {
		if !resource.WellFormed("i", id) {
			return Instance{}, resource.Errorf("InvalidInstanceID.Malformed", "Invalid id: \"%s\"", id)
		}
		return Instance{}, resource.Errorf("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
	}
	return Instance{ID: id, VPC: list[0].VPC, Zone: list[0].Zone}, nil
}

// hasInternetGateway tells whether one is attached to the VPC.
func hasInternetGateway(c *cloud.Call, r store.Reader, vpc string) bool {
	for range internetGateways.Index(r, "vpc", c.Account, c.Region, vpc) {
		return true
	}
	return false
}
