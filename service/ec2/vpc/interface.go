package vpc

import (
	"maps"
	"net/netip"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const maxInterfaces = 5000 // in a region

// interfaceTypes are those that a customer may make.
var interfaceTypes = []string{"interface", "efa", "efa-only", "branch", "trunk"}

func createNetworkInterface(c *cloud.Call, tx store.Tx, in *api.CreateNetworkInterfaceInput) (*api.CreateNetworkInterfaceOutput, error) {
	return resource.Once(c, tx, "CreateNetworkInterface", in.ClientToken, in, func() (*api.CreateNetworkInterfaceOutput, error) {
		tags, err := tagsFor(in.TagSpecifications, "network-interface")
		if err != nil {
			return nil, err
		}
		requester := requesterOf(c)
		if t := cloud.Or(in.InterfaceType, "interface"); !slices.Contains(interfaceTypes, t) {
			return nil, resource.Invalid(t, "interfaceType")
		}
		if count(interfaces.Scan(tx, c.Account, c.Region)) >= maxInterfaces {
			return nil, limit("NetworkInterfaceLimitExceeded", "network interfaces")
		}
		n := NewInterface{
			Subnet: in.SubnetId, Description: cloud.Or(in.Description, ""), Secondary: int(cloud.Or(in.SecondaryPrivateIpAddressCount, 0)),
			IPv6Count: int(cloud.Or(in.Ipv6AddressCount, 0)), Groups: in.Groups, Public: new(false), Type: cloud.Or(in.InterfaceType, ""), Tags: tags, Requester: requester, Maker: c.Principal.ID,
			PrimaryIPv6: cloud.Or(in.EnablePrimaryIpv6, false), Tracking: TrackingBy(in.ConnectionTrackingSpecification),
			Delegated: DelegatedBy(in.Ipv4Prefixes, in.Ipv4PrefixCount, in.Ipv6Prefixes, in.Ipv6PrefixCount),
		}
		n.ofBalancer()
		if n.Private, n.SecondaryAddresses, err = PrivateAddresses(in.PrivateIpAddress, in.PrivateIpAddresses); err != nil {
			return nil, err
		}
		if n.IPv6, err = IPv6Addresses(in.Ipv6Addresses); err != nil {
			return nil, err
		}
		if len(n.SecondaryAddresses) > 0 && n.Secondary > 0 {
			return nil, resource.Combination("secondaryPrivateIpAddressCount cannot be specified along with private IP addresses.")
		}
		i, err := CreateInterface(c, tx, n)
		if err != nil {
			return nil, err
		}
		out := apiInterface(c, tx, i)
		out.Status = new("pending")
		return &api.CreateNetworkInterfaceOutput{NetworkInterface: out, ClientToken: in.ClientToken}, nil
	})
}

// PrivateAddresses are the addresses that a request asks for in either way.
func PrivateAddresses(one *string, list []api.PrivateIpAddressSpecification) (first netip.Addr, others []netip.Addr, err error) {
	if one != nil {
		if first, err = parseAddr(*one, "privateIpAddress"); err != nil {
			return first, nil, err
		}
	}
	for n, p := range list {
		a, err := parseAddr(cloud.Or(p.PrivateIpAddress, ""), "privateIpAddresses")
		if err != nil {
			return first, nil, err
		}
		switch {
		case a == first: // named in both ways
		case !cloud.Or(p.Primary, n == 0 && one == nil && !slices.ContainsFunc(list, isPrimary)):
			others = append(others, a)
		case first.IsValid():
			return first, nil, resource.Combination("Only one primary private IP address can be specified.")
		default:
			first = a
		}
	}
	return first, others, nil
}

func isPrimary(p api.PrivateIpAddressSpecification) bool { return cloud.Or(p.Primary, false) }

// IPv6Addresses are the addresses that a request asks for.
func IPv6Addresses(list []api.InstanceIpv6Address) (out []netip.Addr, err error) {
	for _, p := range list {
		a, err := parseAddr(cloud.Or(p.Ipv6Address, ""), "ipv6Addresses")
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// delegate gives an interface prefixes: those that are wanted, or a number.
func (i *Interface) delegate(c *cloud.Call, tx store.Tx, want []string, n int32, six bool) (added []netip.Prefix, err error) {
	list := make([]netip.Prefix, n)
	for _, s := range want {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, resource.Invalid(s, "prefix")
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		return nil, nil
	}
	s, err := FindSubnet(c, tx, i.Subnet)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if six {
			p, err = takeIPv6Prefix(c, tx, s, i.ID, p)
			i.IPv6Prefixes = append(i.IPv6Prefixes, p)
		} else {
			p, err = takePrefix(c, tx, s, i.ID, p)
			i.Prefixes = append(i.Prefixes, p)
		}
		if err != nil {
			return nil, err
		}
		added = append(added, p)
	}
	return added, nil
}

// TrackingBy is what a request says of the connections that an interface tracks.
func TrackingBy(in *api.ConnectionTrackingSpecificationRequest) *Tracking {
	if in == nil {
		return nil
	}
	return &Tracking{TCPEstablished: cloud.Or(in.TcpEstablishedTimeout, 0), UDP: cloud.Or(in.UdpTimeout, 0), UDPStream: cloud.Or(in.UdpStreamTimeout, 0)}
}

func deleteNetworkInterface(c *cloud.Call, tx store.Tx, in *api.DeleteNetworkInterfaceInput) (*cloud.Empty, error) {
	i, err := FindInterface(c, tx, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	switch {
	case i.Attachment != nil, i.Requester == balancerRequester && !i.managedBy(c):
		return nil, resource.Errorf("InvalidParameterValue", "Network interface '%s' is currently in use.", i.ID)
	case !i.managedBy(c):
		return nil, errNotYours
	}
	removeInterface(c, tx, i)
	for p := range permits.Index(tx, "interface", c.Account, c.Region, i.ID) {
		permits.Delete(tx, c.Account, c.Region, p.ID)
	}
	return &cloud.Empty{}, nil
}

// errNotYours is the answer to changing an interface that a service manages.
var errNotYours = resource.Errorf("AuthFailure", "You do not have permission to access the specified resource.")

func describeNetworkInterfaces(c *cloud.Call, r store.Reader, in *api.DescribeNetworkInterfacesInput) (*api.DescribeNetworkInterfacesOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.NetworkInterfaceIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noInterface},
		interfaces.Scan(r, c.Account, c.Region), func(i *Interface) string { return i.ID }, interfaceFields(c, r))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeNetworkInterfacesOutput{NetworkInterfaces: []api.NetworkInterface{}, NextToken: next}
	for _, i := range list {
		out.NetworkInterfaces = append(out.NetworkInterfaces, *apiInterface(c, r, i))
	}
	return out, nil
}

// interfaceFields are the filters of DescribeNetworkInterfaces.
func interfaceFields(c *cloud.Call, r store.Reader) resource.Fields[Interface] {
	names := func(i *Interface) (out []string) {
		for _, g := range GroupIdentifiers(c, r, i.Groups) {
			out = append(out, *g.GroupName)
		}
		return out
	}
	primary := func(i *Interface) string {
		if len(i.Addresses) == 0 {
			return ""
		}
		return i.Addresses[0].Private.String()
	}
	fields := resource.Fields[Interface]{
		"availability-zone":           resource.One(func(i *Interface) string { return i.Zone }),
		"availability-zone-id":        optional(func(i *Interface) string { z, _ := region.ZoneNamed(i.Zone); return z.ID }),
		"operator.managed":            resource.Flag(func(*Interface) bool { return false }),
		"operator.principal":          func(*Interface) []string { return nil },
		"description":                 resource.One(func(i *Interface) string { return i.Description }),
		"group-id":                    func(i *Interface) []string { return i.Groups },
		"group-name":                  names,
		"interface-type":              resource.One(func(i *Interface) string { return i.Type }),
		"ipv6-addresses.ipv6-address": func(i *Interface) []string { return strs(i.IPv6) },
		"mac-address":                 resource.One(func(i *Interface) string { return i.MAC }),
		"network-interface-id":        resource.One(func(i *Interface) string { return i.ID }),
		"owner-id":                    resource.One(func(i *Interface) string { return i.Account }),
		"private-dns-name":            optional(func(i *Interface) string { return privateNameOf(c, r, i) }),
		"private-ip-address":          optional(primary),
		"requester-id":                optional((*Interface).requester),
		"requester-managed":           resource.Flag(func(i *Interface) bool { return i.Requester != "" }),
		"source-dest-check":           resource.Flag(func(i *Interface) bool { return i.SourceCheck }),
		"status":                      resource.One(func(i *Interface) string { return i.status() }),
		"subnet-id":                   resource.One(func(i *Interface) string { return i.Subnet }),
		"vpc-id":                      resource.One(func(i *Interface) string { return i.VPC }),
	}
	maps.Copy(fields, placeFields(c, r))
	return fields
}

// placeFields are those on addresses and attachments.
func placeFields(c *cloud.Call, r store.Reader) resource.Fields[Interface] {
	each := func(f func(PrivateAddress) string) func(*Interface) []string {
		return func(i *Interface) (out []string) {
			for _, a := range i.Addresses {
				if s := f(a); s != "" {
					out = append(out, s)
				}
			}
			return out
		}
	}
	attached := func(f func(*api.NetworkInterfaceAttachment) string) func(*Interface) []string {
		return optional(func(i *Interface) string {
			if a := i.apiAttachment(); a != nil {
				return f(a)
			}
			return ""
		})
	}
	return resource.Fields[Interface]{
		"association.allocation-id":        each(func(a PrivateAddress) string { return a.Allocation }),
		"association.association-id":       each(func(a PrivateAddress) string { return a.Association }),
		"association.ip-owner-id":          each(func(a PrivateAddress) string { return a.Owner }),
		"association.public-ip":            each(func(a PrivateAddress) string { return addr(a.Public) }),
		"association.public-dns-name":      optional(func(i *Interface) string { return publicNameOf(c, r, i) }),
		"addresses.association.owner-id":   each(func(a PrivateAddress) string { return a.Owner }),
		"addresses.association.public-ip":  each(func(a PrivateAddress) string { return addr(a.Public) }),
		"addresses.private-ip-address":     each(func(a PrivateAddress) string { return a.Private.String() }),
		"addresses.primary":                func(i *Interface) []string { return primaries(i) },
		"attachment.attach-time":           attached(func(a *api.NetworkInterfaceAttachment) string { return stamp(a.AttachTime) }),
		"attachment.attachment-id":         attached(func(a *api.NetworkInterfaceAttachment) string { return *a.AttachmentId }),
		"attachment.delete-on-termination": attached(func(a *api.NetworkInterfaceAttachment) string { return truth(*a.DeleteOnTermination) }),
		"attachment.device-index":          attached(func(a *api.NetworkInterfaceAttachment) string { return decimal(*a.DeviceIndex) }),
		"attachment.instance-id":           attached(func(a *api.NetworkInterfaceAttachment) string { return cloud.Or(a.InstanceId, "") }),
		"attachment.instance-owner-id":     attached(func(a *api.NetworkInterfaceAttachment) string { return *a.InstanceOwnerId }),
		"attachment.status":                attached(func(a *api.NetworkInterfaceAttachment) string { return *a.Status }),
	}
}

func primaries(i *Interface) (out []string) {
	for n := range i.Addresses {
		out = append(out, truth(n == 0))
	}
	return out
}

func publicNameOf(c *cloud.Call, r store.Reader, i *Interface) string {
	if len(i.Addresses) == 0 {
		return ""
	}
	return PublicNameOf(c, r, i, i.Addresses[0])
}

func privateNameOf(c *cloud.Call, r store.Reader, i *Interface) string {
	if private, _ := names(c, r, i.VPC); !private || len(i.Addresses) == 0 {
		return ""
	}
	return PrivateName(i.Region, i.Addresses[0].Private)
}
