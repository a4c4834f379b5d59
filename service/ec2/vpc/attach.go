package vpc

import (
	"cmp"
	"net/netip"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
	"pileus/zone"
)

// This file is what the rooms of instances and load balancers build on. All of
// it works inside of the caller's transaction and, where it changes a network,
// leaves a wake-up for the controller that tells the data plane.

// NewInterface says what interface to make.
type NewInterface struct {
	Subnet, Description string
	Private             netip.Addr   // the primary address; invalid: any that is free
	Secondary           int          // how many more addresses
	SecondaryAddresses  []netip.Addr // or which ones
	Delegated           Delegated    // none of its addresses is picked from there
	IPv6Count           int
	IPv6                []netip.Addr
	PrimaryIPv6         bool // its first IPv6 address is the primary one
	Tracking            *Tracking
	Groups              []string // ids; none: the VPC's default group
	Public              *bool    // a public address at start; nil: as the subnet has it
	Type                string   // "interface" where empty
	Requester           string   // who manages it; "" for the account
	Maker               string   // the unique id of the principal that asked for it by itself
	Tags                identity.Tags
}

// Delegated are prefixes that an interface asks for: which, or how many.
type Delegated struct {
	IPv4, IPv6           []string
	IPv4Count, IPv6Count int32
}

// DelegatedBy reads what requests ask for.
func DelegatedBy(v4 []api.Ipv4PrefixSpecificationRequest, v4Count *int32, v6 []api.Ipv6PrefixSpecificationRequest, v6Count *int32) Delegated {
	d := Delegated{IPv4Count: cloud.Or(v4Count, 0), IPv6Count: cloud.Or(v6Count, 0)}
	for _, p := range v4 {
		d.IPv4 = append(d.IPv4, cloud.Or(p.Ipv4Prefix, ""))
	}
	for _, p := range v6 {
		d.IPv6 = append(d.IPv6, cloud.Or(p.Ipv6Prefix, ""))
	}
	return d
}

// named are the IPv4 prefixes asked for by name.
func (d Delegated) named() (list []netip.Prefix) {
	for _, s := range d.IPv4 {
		if p, err := netip.ParsePrefix(s); err == nil { // else refused when it is delegated
			list = append(list, p)
		}
	}
	return list
}

// CreateInterface makes an interface in a subnet.
func CreateInterface(c *cloud.Call, tx store.Tx, n NewInterface) (*Interface, error) {
	s, err := FindSubnet(c, tx, n.Subnet)
	if err != nil {
		return nil, err
	}
	groups, err := ResolveGroups(c, tx, s.VPC, n.Groups, nil)
	if err != nil {
		return nil, err
	}
	if n.Type == balancerInterface && len(n.Groups) == 0 {
		groups = nil // a network load balancer may go without: nothing filters what reaches it
	}
	i := &Interface{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "eni"), VPC: s.VPC, Subnet: s.ID, Zone: s.Zone,
		Description: n.Description, Type: cmp.Or(n.Type, "interface"), MAC: newMAC(c), Groups: groups, SourceCheck: true,
		Requester: n.Requester, Maker: n.Maker, PublicIP: cloud.Or(n.Public, s.PublicOnLaunch), Made: c.Now,
		Tracking: n.Tracking,
	}
	if err := i.addFirst(c, tx, s, n); err != nil {
		return nil, err
	}
	i.PrimaryIPv6 = n.PrimaryIPv6 && len(i.IPv6) > 0
	if _, err := i.delegate(c, tx, n.Delegated.IPv4, n.Delegated.IPv4Count, false); err != nil {
		return nil, err
	}
	if _, err := i.delegate(c, tx, n.Delegated.IPv6, n.Delegated.IPv6Count, true); err != nil {
		return nil, err
	}
	interfaces.Put(tx, i)
	resource.Register(c, tx, "network-interface", i.ID, n.Tags)
	watchTraffic(c, tx, i.VPC)
	touch(c, tx, i.VPC)
	return i, nil
}

// addFirst gives a new interface its addresses.
func (i *Interface) addFirst(c *cloud.Call, tx store.Tx, s *Subnet, n NewInterface) error {
	if s.CIDR.IsValid() {
		if err := i.addPrivate(c, tx, s, n); err != nil {
			return err
		}
	}
	count := n.IPv6Count
	if count == 0 && len(n.IPv6) == 0 && (s.IPv6OnCreation || s.IPv6Native) {
		count = 1
	}
	wanted := slices.Clone(n.IPv6)
	for range count {
		wanted = append(wanted, netip.Addr{})
	}
	for _, a := range wanted {
		a, err := takeIPv6(c, tx, s, i.ID, a)
		if err != nil {
			return err
		}
		i.IPv6 = append(i.IPv6, a)
	}
	return nil
}

// addPrivate gives a new interface its IPv4 addresses: those that are wanted
// first, so that none of the others is picked in their place.
func (i *Interface) addPrivate(c *cloud.Call, tx store.Tx, s *Subnet, n NewInterface) error {
	wanted := append([]netip.Addr{n.Private}, n.SecondaryAddresses...)
	for range n.Secondary {
		wanted = append(wanted, netip.Addr{})
	}
	i.Addresses = make([]PrivateAddress, len(wanted))
	for _, given := range []bool{true, false} {
		for at, a := range wanted {
			if a.IsValid() != given {
				continue
			}
			a, err := takeAddress(c, tx, s, i.ID, a, n.Delegated.named()...)
			if err != nil {
				return err
			}
			i.Addresses[at] = PrivateAddress{Private: a}
		}
	}
	return nil
}

// AttachInterface attaches an interface to an instance, at Index.
func AttachInterface(c *cloud.Call, tx store.Tx, eni string, a Attachment) error {
	i, err := FindInterface(c, tx, eni)
	if err != nil {
		return err
	}
	if i.Attachment != nil {
		return errInterfaceInUse(eni)
	}
	for _, o := range InterfacesOf(c, tx, a.Instance) {
		if o.Attachment.Index == a.Index && o.Attachment.Card == a.Card {
			return resource.Errorf("InvalidParameterValue", "Instance '%s' already has an interface attached at device index '%d'.", a.Instance, a.Index)
		}
	}
	changed := *i
	a.ID, a.At = cmp.Or(a.ID, resource.NewID(c, "eni-attach")), c.Now
	a.Owner = cmp.Or(a.Owner, c.Account)
	changed.Attachment = &a
	interfaces.Put(tx, &changed)
	touch(c, tx, i.VPC)
	return nil
}

// DetachAll ends what joins interfaces to an instance that is terminated: those
// with DeleteOnTermination are deleted, the others stay, detached.
func DetachAll(c *cloud.Call, tx store.Tx, instance string) {
	for _, i := range InterfacesOf(c, tx, instance) {
		if i.Attachment.DeleteOnTermination {
			removeInterface(c, tx, i)
			continue
		}
		changed := i.clone()
		changed.Attachment = nil
		changed.returnLent(c, tx)
		interfaces.Put(tx, changed)
		touch(c, tx, i.VPC)
	}
}

// InterfacesOf lists the interfaces of an instance by their device index.
func InterfacesOf(c *cloud.Call, r store.Reader, instance string) []*Interface {
	return slices.Collect(interfaces.Index(r, "instance", c.Account, c.Region, instance))
}

// FindInterface is an interface of the account and region.
func FindInterface(c *cloud.Call, r store.Reader, id string) (*Interface, error) {
	return find(c, r, interfaces, id, noInterface)
}

// FindSubnet is a subnet of the account and region.
func FindSubnet(c *cloud.Call, r store.Reader, id string) (*Subnet, error) {
	return find(c, r, subnets, id, noSubnet)
}

// FindVPC is a VPC of the account and region.
func FindVPC(c *cloud.Call, r store.Reader, id string) (*VPC, error) {
	return find(c, r, vpcs, id, noVPC)
}

// FindGroup is a security group of the account and region.
func FindGroup(c *cloud.Call, r store.Reader, id string) (*Group, error) {
	return find(c, r, groups, id, noGroup)
}

func noGroup(id string) *cloud.Error {
	if !resource.WellFormed("sg", id) {
		return resource.Errorf("InvalidGroupId.Malformed", "Invalid id: \"%s\" (expecting \"sg-...\")", id)
	}
	return resource.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist", id)
}

// find reads a record of the account and region. Records are shared: whoever
// changes one copies it first.
func find[T any](c *cloud.Call, r store.Reader, t *store.Table[T], id string, missing func(string) *cloud.Error) (*T, error) {
	if v, ok := t.Get(r, c.Account, c.Region, id); ok {
		return v, nil
	}
	return nil, missing(id)
}

// DefaultVPC is the default VPC of the account and region.
func DefaultVPC(c *cloud.Call, r store.Reader) (*VPC, bool) {
	for v := range vpcs.Scan(r, c.Account, c.Region) {
		if v.Default {
			return v, true
		}
	}
	return nil, false
}

// DefaultSubnet is the subnet of the default VPC in the zone of a name; in the
// first zone that has one and is not dark where the name is "".
func DefaultSubnet(c *cloud.Call, r store.Reader, name string) (*Subnet, error) {
	v, ok := DefaultVPC(c, r)
	if !ok {
		return nil, errNoDefaultVPC
	}
	var best *Subnet
	bestDark := false
	for s := range subnets.Index(r, "vpc", c.Account, c.Region, v.ID) {
		if !s.Default || name != "" && s.Zone != name {
			continue
		}
		// A zone that is lit comes before one that is dark, however named.
		dark := zone.Down(r, s.Zone)
		if best == nil || !dark && bestDark || dark == bestDark && s.Zone < best.Zone {
			best, bestDark = s, dark
		}
	}
	switch {
	case best != nil:
		return best, nil
	case name == "":
		return nil, resource.Errorf("MissingInput", "No subnets found for the default VPC '%s'. Please specify a subnet.", v.ID)
	}
	if g, _ := region.Find(c.Region); !slices.ContainsFunc(g.Zones(), func(z region.Zone) bool { return z.Name == name }) {
		return nil, errZone(name)
	}
	return nil, errNoDefaultZone(name)
}

// ResolveGroups are the ids of the security groups that a request names, by
// ids, by names or not at all: that is the VPC's default group.
func ResolveGroups(c *cloud.Call, r store.Reader, vpc string, ids, names []string) ([]string, error) {
	if len(ids) == 0 && len(names) == 0 {
		names = []string{"default"}
	}
	var out []string
	for _, id := range ids {
		g, err := FindGroup(c, r, id)
		if err != nil {
			return nil, err
		}
		if !g.in(r, vpc) {
			return nil, resource.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in VPC '%s'", id, vpc)
		}
		out = append(out, id)
	}
	for _, name := range names {
		g, ok := groupNamed(c, r, vpc, name)
		if !ok {
			return nil, resource.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in VPC '%s'", name, vpc)
		}
		out = append(out, g.ID)
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) > maxGroupsOfInterface {
		return nil, errTooManyGroups
	}
	return out, nil
}

func groupNamed(c *cloud.Call, r store.Reader, vpc, name string) (*Group, bool) {
	for g := range groups.Index(r, "vpc", c.Account, c.Region, vpc, name) {
		return g, true
	}
	return nil, false
}

// AssignPublicAddress lends the primary interface of an instance that starts a
// public address, if it or its subnet is set so and it has no elastic one. An
// instance with several interfaces gets none.
// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html#vpc-public-ipv4-addresses
func AssignPublicAddress(c *cloud.Call, tx store.Tx, instance string) error {
	list := InterfacesOf(c, tx, instance)
	if len(list) != 1 || !list[0].PublicIP || len(list[0].Addresses) == 0 || list[0].Addresses[0].Public.IsValid() {
		return nil
	}
	i := list[0].clone()
	a, err := takePublic(c, tx, i.ID)
	if err != nil {
		return err
	}
	i.Addresses[0].Public, i.Addresses[0].Owner, i.Addresses[0].Lent = a, "amazon", c.Now
	interfaces.Put(tx, i)
	touch(c, tx, i.VPC)
	return nil
}

// ReleasePublicAddress takes back what AssignPublicAddress lent: the instance
// stops.
func ReleasePublicAddress(c *cloud.Call, tx store.Tx, instance string) {
	for _, old := range InterfacesOf(c, tx, instance) {
		if i := old.clone(); i.returnLent(c, tx) {
			interfaces.Put(tx, i)
			touch(c, tx, i.VPC)
		}
	}
}

// giveBack ends the lending of a public address.
func (i *Interface) giveBack(c *cloud.Call, tx store.Tx, a PrivateAddress) {
	bills(c, tx, i.lentLevel(a))
	releasePublic(tx, a.Public)
}

// returnLent gives back the public addresses that Amazon lent.
func (i *Interface) returnLent(c *cloud.Call, tx store.Tx) (changed bool) {
	for n := range i.Addresses {
		if a := &i.Addresses[n]; a.Public.IsValid() && a.Allocation == "" {
			i.giveBack(c, tx, *a)
			*a = PrivateAddress{Private: a.Private}
			changed = true
		}
	}
	return changed
}

// clone is a copy that may be changed.
func (i *Interface) clone() *Interface {
	d := *i
	d.Addresses = slices.Clone(i.Addresses)
	d.IPv6 = slices.Clone(i.IPv6)
	d.Groups = slices.Clone(i.Groups)
	d.Prefixes = slices.Clone(i.Prefixes)
	d.IPv6Prefixes = slices.Clone(i.IPv6Prefixes)
	return &d
}

// RemoveInterface deletes an interface that a service manages, or that was made
// for an instance that did not come to be.
func RemoveInterface(c *cloud.Call, tx store.Tx, id string) {
	if i, ok := interfaces.Get(tx, c.Account, c.Region, id); ok {
		removeInterface(c, tx, i)
	}
}

// removeInterface deletes an interface and gives back its addresses.
func removeInterface(c *cloud.Call, tx store.Tx, i *Interface) {
	changed := i.clone()
	changed.returnLent(c, tx)
	for _, a := range changed.Addresses {
		if a.Allocation != "" {
			disassociate(c, tx, a.Allocation)
		}
		releaseAddress(tx, i.Account, i.Region, i.Subnet, a.Private)
	}
	for _, a := range changed.IPv6 {
		releaseAddress(tx, i.Account, i.Region, i.Subnet, a)
	}
	for _, p := range append(changed.Prefixes, changed.IPv6Prefixes...) {
		releasePrefix(tx, i.Account, i.Region, i.Subnet, p)
	}
	interfaces.Delete(tx, i.Account, i.Region, i.ID)
	counts.Delete(tx, i.Account, i.Region, i.ID)
	resource.Unregister(c, tx, i.ID)
	touch(c, tx, i.VPC)
}
