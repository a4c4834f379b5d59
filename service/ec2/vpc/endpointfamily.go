package vpc

import (
	"net/netip"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// recordTypes are the DNS records that an endpoint of each IP address type may
// have; the first is what it has unless told otherwise.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DnsOptionsSpecification.html
var recordTypes = map[string][]string{
	"ipv4":      {"ipv4", "service-defined"},
	"dualstack": {"dualstack", "ipv4", "ipv6", "service-defined"},
}

// setDNS takes what a request says of an endpoint's DNS records. What it leaves
// out stays, as far as the IP address type still allows it.
func (e *Endpoint) setDNS(in *api.DnsOptionsSpecification) error {
	allowed := recordTypes[e.IPType]
	if !slices.Contains(allowed, e.DNSType) {
		e.DNSType = allowed[0]
	}
	if in == nil {
		return nil
	}
	t := cloud.Or(in.DnsRecordIpType, e.DNSType)
	if !slices.Contains(allowed, t) {
		return resource.Errorf("InvalidParameter", "The DNS record IP type '%s' is not supported for an endpoint of the IP address type '%s'.", t, e.IPType)
	}
	e.DNSType = t
	if cloud.Or(in.PrivateDnsOnlyForInboundResolverEndpoint, false) {
		return resource.Unsupported("There are no inbound endpoints of Route 53 Resolver in this cloud, which private DNS could be kept to.")
	}
	return nil
}

// setFamily changes an endpoint's IP address type: its interfaces get an IPv6
// address each, or lose theirs.
func (e *Endpoint) setFamily(c *cloud.Call, tx store.Tx, t string) error {
	if t == e.IPType {
		return nil
	}
	e.IPType = t
	if err := e.checkFamily(e.service(tx)); err != nil {
		return err
	}
	for _, d := range e.Doors {
		i, err := FindInterface(c, tx, d.Interface)
		if err != nil {
			return err
		}
		changed := i.clone()
		for _, a := range changed.IPv6 {
			releaseAddress(tx, i.Account, i.Region, i.Subnet, a)
		}
		changed.IPv6 = nil
		if t == "dualstack" {
			s, err := FindSubnet(c, tx, d.Subnet)
			if err != nil {
				return err
			}
			a, err := takeIPv6(c, tx, s, i.ID, netip.Addr{})
			if err != nil {
				return err
			}
			changed.IPv6 = []netip.Addr{a}
		}
		interfaces.Put(tx, changed)
	}
	return nil
}

// checkFamily tells whether the endpoint and its service can have its IP
// address type.
func (e *Endpoint) checkFamily(s endpointService) error {
	if e.IPType != "ipv4" && (e.IPType != "dualstack" || e.Type == gatewayEndpoint) {
		return resource.Errorf("InvalidParameter", "The IP address type '%s' is not supported for this endpoint.", e.IPType)
	}
	if s.offer == nil {
		return nil
	}
	for t, name := range map[string]string{"ipv4": "ipv4", "dualstack": "ipv6"} {
		if e.IPType == t && !slices.Contains(s.offer.IPTypes, name) {
			return resource.Errorf("InvalidParameter", "The VPC endpoint service %s does not support the IP address type '%s'.", e.Service, e.IPType)
		}
	}
	return nil
}

// answers tells whether the endpoint's names lead to addresses of a family.
func (e *Endpoint) answers(six bool) bool {
	return e.DNSType != "ipv4" && six || e.DNSType != "ipv6" && !six
}
