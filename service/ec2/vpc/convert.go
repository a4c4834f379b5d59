package vpc

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// This file is interfaces as answers have them: of DescribeNetworkInterfaces
// and, a little different, of DescribeInstances.

// PrivateName is the DNS name of a private address: ip-10-0-0-1.ec2.internal
// in us-east-1, ip-10-0-0-1.eu-west-1.compute.internal elsewhere.
// https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
func PrivateName(region string, a netip.Addr) string {
	return "ip-" + dashed(a) + "." + PrivateDomain(region)
}

// PrivateDomain is the domain of private names.
func PrivateDomain(region string) string {
	if region == "us-east-1" {
		return "ec2.internal"
	}
	return region + ".compute.internal"
}

// PublicName is the DNS name of a public address.
func PublicName(region string, a netip.Addr) string {
	if region == "us-east-1" {
		return "ec2-" + dashed(a) + ".compute-1.amazonaws.com"
	}
	return "ec2-" + dashed(a) + "." + region + ".compute.amazonaws.com"
}

func dashed(a netip.Addr) string { return strings.ReplaceAll(a.String(), ".", "-") }

// names are what is named in the interface's VPC: all, or no public hosts.
func names(c *cloud.Call, r store.Reader, vpc string) (private, public bool) {
	v, ok := vpcs.Get(r, c.Account, c.Region, vpc)
	return ok && v.DNSSupport, ok && v.DNSSupport && v.DNSHostnames
}

// PublicNameOf is the public DNS name of an address of an interface; "" where
// its VPC names none.
func PublicNameOf(c *cloud.Call, r store.Reader, i *Interface, a PrivateAddress) string {
	if _, public := names(c, r, i.VPC); !public || !a.Public.IsValid() {
		return ""
	}
	return PublicName(i.Region, a.Public)
}

// GroupIdentifiers are security groups by id and name.
func GroupIdentifiers(c *cloud.Call, r store.Reader, ids []string) []api.GroupIdentifier {
	out := make([]api.GroupIdentifier, 0, len(ids))
	for _, id := range ids {
		g, ok := groups.Get(r, c.Account, c.Region, id)
		if ok {
			out = append(out, api.GroupIdentifier{GroupId: &g.ID, GroupName: &g.Name})
		}
	}
	return out
}

// APIInterfaces are the interfaces of an instance as DescribeInstances has them.
func APIInterfaces(c *cloud.Call, r store.Reader, list []*Interface) []api.InstanceNetworkInterface {
	out := make([]api.InstanceNetworkInterface, 0, len(list))
	for _, i := range list {
		out = append(out, apiInstanceInterface(c, r, i))
	}
	return out
}

func apiInstanceInterface(c *cloud.Call, r store.Reader, i *Interface) api.InstanceNetworkInterface {
	private, public := names(c, r, i.VPC)
	o := api.InstanceNetworkInterface{
		Description: &i.Description, Groups: GroupIdentifiers(c, r, i.Groups), MacAddress: &i.MAC, NetworkInterfaceId: &i.ID,
		OwnerId: &i.Account, SourceDestCheck: &i.SourceCheck, Status: new(i.status()), SubnetId: &i.Subnet, VpcId: &i.VPC,
		InterfaceType: &i.Type, Ipv6Addresses: []api.InstanceIpv6Address{}, PrivateIpAddresses: []api.InstancePrivateIpAddress{},
	}
	if a := i.Attachment; a != nil {
		o.Attachment = &api.InstanceNetworkInterfaceAttachment{
			AttachTime: &a.At, AttachmentId: &a.ID, DeleteOnTermination: &a.DeleteOnTermination,
			DeviceIndex: new(int32(a.Index)), Status: new("attached"), NetworkCardIndex: new(int32(a.Card)),
		}
	}
	for n, a := range i.Addresses {
		p := api.InstancePrivateIpAddress{Primary: new(n == 0), PrivateIpAddress: new(a.Private.String())}
		if private {
			p.PrivateDnsName = new(PrivateName(i.Region, a.Private))
		}
		if a.Public.IsValid() {
			p.Association = &api.InstanceNetworkInterfaceAssociation{IpOwnerId: &a.Owner, PublicIp: new(a.Public.String()), PublicDnsName: new("")}
			if public {
				p.Association.PublicDnsName = new(PublicName(i.Region, a.Public))
			}
		}
		o.PrivateIpAddresses = append(o.PrivateIpAddresses, p)
		if n == 0 {
			o.PrivateIpAddress, o.PrivateDnsName, o.Association = p.PrivateIpAddress, p.PrivateDnsName, p.Association
		}
	}
	for n, a := range i.IPv6 {
		o.Ipv6Addresses = append(o.Ipv6Addresses, api.InstanceIpv6Address{Ipv6Address: new(a.String()), IsPrimaryIpv6: new(n == 0 && i.PrimaryIPv6)})
	}
	for _, p := range i.Prefixes {
		o.Ipv4Prefixes = append(o.Ipv4Prefixes, api.InstanceIpv4Prefix{Ipv4Prefix: new(p.String())})
	}
	for _, p := range i.IPv6Prefixes {
		o.Ipv6Prefixes = append(o.Ipv6Prefixes, api.InstanceIpv6Prefix{Ipv6Prefix: new(p.String())})
	}
	return o
}

// attachable tells whether instances can have interfaces of this type; AWS's
// own services make those of the others, and hold them.
func (i *Interface) attachable() bool { return slices.Contains(interfaceTypes, i.Type) }

// status is "available" or "in-use".
func (i *Interface) status() string {
	if i.Attachment == nil && i.attachable() && i.Requester == "" {
		return "available"
	}
	return "in-use"
}

// apiInterface is an interface as DescribeNetworkInterfaces has it.
func apiInterface(c *cloud.Call, r store.Reader, i *Interface) *api.NetworkInterface {
	private, public := names(c, r, i.VPC)
	zone, _ := region.ZoneNamed(i.Zone)
	o := &api.NetworkInterface{
		AvailabilityZone: &i.Zone, AvailabilityZoneId: &zone.ID, Operator: resource.Unmanaged(), Description: &i.Description, Groups: GroupIdentifiers(c, r, i.Groups), InterfaceType: &i.Type,
		Ipv6Addresses: []api.NetworkInterfaceIpv6Address{}, MacAddress: &i.MAC, NetworkInterfaceId: &i.ID, OwnerId: &i.Account,
		PrivateIpAddresses: []api.NetworkInterfacePrivateIpAddress{}, RequesterManaged: new(i.Requester != ""), RequesterId: text(i.requester()),
		SourceDestCheck: &i.SourceCheck, Status: new(i.status()), SubnetId: &i.Subnet, VpcId: &i.VPC,
		TagSet: resource.APITags(resource.Tags(c, r, i.ID)), DenyAllIgwTraffic: nil, Attachment: i.apiAttachment(),
	}
	for n, a := range i.Addresses {
		p := api.NetworkInterfacePrivateIpAddress{Primary: new(n == 0), PrivateIpAddress: new(a.Private.String())}
		if private {
			p.PrivateDnsName = new(PrivateName(i.Region, a.Private))
		}
		if a.Public.IsValid() {
			p.Association = apiAssociation(i.Region, a, public)
		}
		o.PrivateIpAddresses = append(o.PrivateIpAddresses, p)
		if n == 0 {
			o.PrivateIpAddress, o.PrivateDnsName, o.Association = p.PrivateIpAddress, p.PrivateDnsName, p.Association
			if p.Association != nil && public {
				o.PublicDnsName = p.Association.PublicDnsName
				o.PublicIpDnsNameOptions = &api.PublicIpDnsNameOptions{DnsHostnameType: new("public-ipv4-dns-name"), PublicIpv4DnsName: o.PublicDnsName}
			}
		}
	}
	for n, a := range i.IPv6 {
		o.Ipv6Addresses = append(o.Ipv6Addresses, api.NetworkInterfaceIpv6Address{Ipv6Address: new(a.String()), IsPrimaryIpv6: new(n == 0 && i.PrimaryIPv6)})
	}
	if len(i.IPv6) > 0 {
		o.Ipv6Address = new(i.IPv6[0].String())
	}
	if len(i.Addresses) == 0 {
		o.Ipv6Native = new(true)
	}
	for _, p := range i.Prefixes {
		o.Ipv4Prefixes = append(o.Ipv4Prefixes, api.Ipv4PrefixSpecification{Ipv4Prefix: new(p.String())})
	}
	for _, p := range i.IPv6Prefixes {
		o.Ipv6Prefixes = append(o.Ipv6Prefixes, api.Ipv6PrefixSpecification{Ipv6Prefix: new(p.String())})
	}
	if t := i.Tracking; t != nil {
		o.ConnectionTrackingConfiguration = &api.ConnectionTrackingConfiguration{TcpEstablishedTimeout: some(t.TCPEstablished), UdpTimeout: some(t.UDP), UdpStreamTimeout: some(t.UDPStream)}
	}
	return o
}

// some is a pointer to v, or nil for 0.
func some(v int32) *int32 {
	if v == 0 {
		return nil
	}
	return &v
}

// requester is who had the interface made: the service that manages it, or the
// principal that asked for it.
func (i *Interface) requester() string { return cmp.Or(i.Requester, i.Maker) }

func apiAssociation(region string, a PrivateAddress, named bool) *api.NetworkInterfaceAssociation {
	o := &api.NetworkInterfaceAssociation{IpOwnerId: &a.Owner, PublicIp: new(a.Public.String()), PublicDnsName: new("")}
	if a.Allocation != "" {
		o.AllocationId, o.AssociationId = &a.Allocation, &a.Association
	}
	if named {
		o.PublicDnsName = new(PublicName(region, a.Public))
	}
	return o
}

func (i *Interface) apiAttachment() *api.NetworkInterfaceAttachment {
	a := i.Attachment
	if a == nil {
		owner := "amazon-aws"
		switch {
		case i.Requester == balancerRequester && i.Type == "interface":
			owner = balancerRequester
		case i.attachable():
			return nil
		}
		return &api.NetworkInterfaceAttachment{
			AttachmentId: new(managedAttachment + strings.TrimPrefix(i.ID, "eni-")), DeleteOnTermination: new(false),
			DeviceIndex: new(int32(1)), InstanceOwnerId: &owner, Status: new("attached"),
		}
	}
	return &api.NetworkInterfaceAttachment{
		AttachTime: &a.At, AttachmentId: &a.ID, DeleteOnTermination: &a.DeleteOnTermination, DeviceIndex: new(int32(a.Index)),
		NetworkCardIndex: new(int32(a.Card)), InstanceId: &a.Instance, InstanceOwnerId: &a.Owner, Status: new("attached"),
	}
}

// strs are values as strings.
func strs[T interface{ String() string }](list []T) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		out = append(out, v.String())
	}
	return slices.Clip(out)
}
