package instance

import (
	"net/netip"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// interfaceSpec is an interface that a new instance gets.
type interfaceSpec struct {
	existing string // an interface that exists; else a new one:
	new      vpc.NewInterface
	index    int
	card     int
	remove   bool // with the instance
}

// findNetwork works out the interfaces: those that the request lists, or one
// after its subnet, groups and address.
func (l *launch) findNetwork(c *cloud.Call, r store.Reader) error {
	in := l.in
	if len(in.NetworkInterfaces) == 0 {
		return l.oneInterface(c, r)
	}
	for what, given := range map[string]bool{
		"security groups": len(in.SecurityGroupIds)+len(in.SecurityGroups) > 0, "subnet ID": in.SubnetId != nil, "private IP address": in.PrivateIpAddress != nil,
	} {
		if given {
			return resource.Combination("Network interfaces and an instance-level %s may not be specified on the same request", what)
		}
	}
	if len(in.NetworkInterfaces) > l.kind.network.interfaces {
		return resource.Errorf("AttachmentLimitExceeded", "Interface count %d exceeds the limit for %s", len(in.NetworkInterfaces), l.kind.Name)
	}
	seen := map[[2]int]bool{}
	list := slices.Clone(in.NetworkInterfaces)
	slices.SortStableFunc(list, func(a, b api.InstanceNetworkInterfaceSpecification) int {
		return int(cloud.Or(a.DeviceIndex, 0) - cloud.Or(b.DeviceIndex, 0))
	})
	for _, n := range list {
		spec, err := l.spec(c, r, n)
		if err != nil {
			return err
		}
		at := [2]int{spec.card, spec.index}
		if seen[at] {
			return resource.Errorf("InvalidParameterValue", "Each network interface requires a unique device index.")
		}
		seen[at] = true
		l.specs = append(l.specs, spec)
	}
	if !seen[[2]int{0, 0}] {
		return resource.Combination("When specifying network interfaces, you must include a device at index 0.")
	}
	return nil
}

// oneInterface is the interface of a request that lists none.
func (l *launch) oneInterface(c *cloud.Call, r store.Reader) (err error) {
	in := l.in
	if err := l.findSubnet(c, r, cloud.Or(in.SubnetId, "")); err != nil {
		return err
	}
	spec := interfaceSpec{remove: true, new: vpc.NewInterface{Subnet: l.subnet.ID, IPv6Count: int(cloud.Or(in.Ipv6AddressCount, 0)), Tags: l.tags.iface}}
	if spec.new.Groups, err = vpc.ResolveGroups(c, r, l.subnet.VPC, in.SecurityGroupIds, in.SecurityGroups); err != nil {
		return err
	}
	if in.PrivateIpAddress != nil {
		if spec.new.Private, err = l.address(*in.PrivateIpAddress); err != nil {
			return err
		}
	}
	for _, a := range in.Ipv6Addresses {
		addr, err := l.address(cloud.Or(a.Ipv6Address, ""))
		if err != nil {
			return err
		}
		spec.new.IPv6 = append(spec.new.IPv6, addr)
	}
	l.specs = []interfaceSpec{spec}
	return nil
}

// address reads an address that one instance alone can have.
func (l *launch) address(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return a, resource.Errorf("InvalidParameterValue", "Invalid IP address: %s", text)
	}
	if l.in.MaxCount > 1 {
		return a, resource.Combination("A specific IP address cannot be requested for more than one instance.")
	}
	return a, nil
}

// findSubnet is the subnet of the primary interface, which decides the zone.
func (l *launch) findSubnet(c *cloud.Call, r store.Reader, id string) (err error) {
	zone := ""
	if p := l.in.Placement; p != nil {
		zone = cloud.Or(p.AvailabilityZone, "")
	}
	if id == "" {
		l.subnet, err = vpc.DefaultSubnet(c, r, zone)
		return err
	}
	if l.subnet, err = vpc.FindSubnet(c, r, id); err != nil {
		return err
	}
	if zone != "" && l.subnet.Zone != zone {
		return resource.Errorf("InvalidParameterValue", "The availability zone '%s' of the request is not that of the subnet '%s': '%s'.", zone, id, l.subnet.Zone)
	}
	return nil
}

// spec reads one interface of the request.
func (l *launch) spec(c *cloud.Call, r store.Reader, n api.InstanceNetworkInterfaceSpecification) (spec interfaceSpec, err error) {
	spec = interfaceSpec{index: int(cloud.Or(n.DeviceIndex, 0)), card: int(cloud.Or(n.NetworkCardIndex, 0)), existing: cloud.Or(n.NetworkInterfaceId, "")}
	primary := spec.index == 0 && spec.card == 0
	if n.AssociatePublicIpAddress != nil && (!primary || spec.existing != "") {
		return spec, resource.Combination("The associatePublicIPAddress parameter can only be specified for a new network interface with DeviceIndex 0.")
	}
	if n.AssociatePublicIpAddress != nil && *n.AssociatePublicIpAddress && len(l.in.NetworkInterfaces) > 1 {
		return spec, resource.Combination("The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.")
	}
	if spec.existing != "" {
		return spec, l.existing(c, r, spec, primary)
	}
	spec.remove = cloud.Or(n.DeleteOnTermination, true)
	spec.new = vpc.NewInterface{
		Description: cloud.Or(n.Description, ""), Secondary: int(cloud.Or(n.SecondaryPrivateIpAddressCount, 0)), IPv6Count: int(cloud.Or(n.Ipv6AddressCount, 0)),
		Public: n.AssociatePublicIpAddress, Type: cloud.Or(n.InterfaceType, ""), Tags: l.tags.iface,
		PrimaryIPv6: cloud.Or(n.PrimaryIpv6, false), Tracking: vpc.TrackingBy(n.ConnectionTrackingSpecification),
		Delegated: vpc.DelegatedBy(n.Ipv4Prefixes, n.Ipv4PrefixCount, n.Ipv6Prefixes, n.Ipv6PrefixCount),
	}
	if primary {
		if err := l.findSubnet(c, r, cloud.Or(n.SubnetId, "")); err != nil {
			return spec, err
		}
		spec.new.Subnet = l.subnet.ID
	} else if spec.new.Subnet = cloud.Or(n.SubnetId, ""); spec.new.Subnet == "" && l.subnet != nil {
		spec.new.Subnet = l.subnet.ID
	}
	subnet, err := vpc.FindSubnet(c, r, spec.new.Subnet)
	if err != nil {
		return spec, err
	}
	if spec.new.Groups, err = vpc.ResolveGroups(c, r, subnet.VPC, n.Groups, nil); err != nil {
		return spec, err
	}
	return spec, l.addresses(n, &spec.new)
}

// existing checks an interface that the request brings.
func (l *launch) existing(c *cloud.Call, r store.Reader, spec interfaceSpec, primary bool) error {
	i, err := vpc.FindInterface(c, r, spec.existing)
	if err != nil {
		return err
	}
	if l.in.MaxCount > 1 {
		return resource.Combination("A network interface may not be specified when launching more than one instance.")
	}
	if i.Attachment != nil {
		return resource.Errorf("InvalidNetworkInterface.InUse", "Interface: %s in use.", i.ID)
	}
	if primary {
		l.subnet, err = vpc.FindSubnet(c, r, i.Subnet)
	}
	return err
}

// addresses reads the addresses of a new interface.
func (l *launch) addresses(n api.InstanceNetworkInterfaceSpecification, out *vpc.NewInterface) error {
	primary := cloud.Or(n.PrivateIpAddress, "")
	for _, p := range n.PrivateIpAddresses {
		text := cloud.Or(p.PrivateIpAddress, "")
		if cloud.Or(p.Primary, false) {
			primary = text
			continue
		}
		a, err := l.address(text)
		if err != nil {
			return err
		}
		out.SecondaryAddresses = append(out.SecondaryAddresses, a)
	}
	if primary != "" {
		a, err := l.address(primary)
		if err != nil {
			return err
		}
		out.Private = a
	}
	for _, p := range n.Ipv6Addresses {
		a, err := l.address(cloud.Or(p.Ipv6Address, ""))
		if err != nil {
			return err
		}
		out.IPv6 = append(out.IPv6, a)
	}
	return nil
}

// attach makes and attaches the interfaces of an instance, and lends it a
// public address where its subnet or the request says so.
func (l *launch) attach(c *cloud.Call, tx store.Tx, i *Instance) error {
	for _, spec := range l.specs {
		id := spec.existing
		if id == "" {
			n, err := vpc.CreateInterface(c, tx, spec.new)
			if err != nil {
				return err
			}
			if n.Zone != i.Zone {
				return resource.Combination("All network interfaces of an instance must be in one availability zone.")
			}
			id = n.ID
		}
		err := vpc.AttachInterface(c, tx, id, vpc.Attachment{Instance: i.ID, Owner: c.Account, Index: spec.index, Card: spec.card, DeleteOnTermination: spec.remove})
		if err != nil {
			return err
		}
	}
	return vpc.AssignPublicAddress(c, tx, i.ID)
}
