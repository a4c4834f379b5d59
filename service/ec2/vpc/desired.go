package vpc

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// desired is the VPC as the data plane takes it. What else joins a VPC to the
// world (peering, endpoints, VPN, flow logs) adds itself at its end.
func desired(c *cloud.Call, r store.Reader, id string) (v plane.VPC, exists bool) {
	rec, ok := vpcs.Get(r, c.Account, c.Region, id)
	if !ok {
		return v, false
	}
	v = plane.VPC{ID: id}
	for _, b := range append(slices.Clone(rec.CIDRs), rec.IPv6...) {
		v.CIDRs = append(v.CIDRs, b.Prefix)
	}
	for g := range internetGateways.Index(r, "vpc", c.Account, c.Region, id) {
		v.InternetGateway = g.ID
	}
	for g := range egressGateways.Index(r, "vpc", c.Account, c.Region, id) {
		v.EgressOnlyGateway = g.ID
	}
	v.ACLs = desiredACLs(c, r, id)
	v.Groups = desiredGroups(c, r, id)
	v.Interfaces = desiredInterfaces(c, r, id)
	v.NATGateways = desiredNATs(c, r, id)
	v.RouteTables = desiredRouteTables(c, r, id)
	v.Subnets = desiredSubnets(c, r, id)
	v.GatewayTables = desiredGatewayTables(c, r, id)
	join(c, r, &v)
	block(c, r, &v)
	return v, true
}

// inhabited tells whether there is anything in the VPC for which packets exist.
func inhabited(v plane.VPC) bool {
	return len(v.Interfaces) > 0 || len(v.Peerings) > 0 || v.VPN != nil
}

func desiredSubnets(c *cloud.Call, r store.Reader, vpc string) (list []plane.Subnet) {
	tables, main := map[string]string{}, ""
	for t := range routeTables.Index(r, "vpc", c.Account, c.Region, vpc) {
		for _, a := range t.Associations {
			if a.Main {
				main = t.ID
			}
			tables[a.Subnet] = t.ID
		}
	}
	lists := map[string]string{}
	for a := range acls.Index(r, "vpc", c.Account, c.Region, vpc) {
		for _, b := range a.Associations {
			lists[b.Subnet] = a.ID
		}
	}
	for s := range subnets.Index(r, "vpc", c.Account, c.Region, vpc) {
		p := plane.Subnet{ID: s.ID, Zone: s.Zone, RouteTable: cmp.Or(tables[s.ID], main), ACL: lists[s.ID]}
		if s.CIDR.IsValid() {
			p.CIDRs = append(p.CIDRs, s.CIDR)
		}
		for _, b := range s.IPv6 {
			p.CIDRs = append(p.CIDRs, b.Prefix)
		}
		list = append(list, p)
	}
	return list
}

// desiredGatewayTables are the tables that gateways are associated with.
func desiredGatewayTables(c *cloud.Call, r store.Reader, vpc string) (tables map[string]string) {
	for t := range routeTables.Index(r, "vpc", c.Account, c.Region, vpc) {
		for _, a := range t.Associations {
			if a.Gateway == "" {
				continue
			}
			if tables == nil {
				tables = map[string]string{}
			}
			tables[a.Gateway] = t.ID
		}
	}
	return tables
}

func desiredRouteTables(c *cloud.Call, r store.Reader, vpc string) (list []plane.RouteTable) {
	for t := range routeTables.Index(r, "vpc", c.Account, c.Region, vpc) {
		p := plane.RouteTable{ID: t.ID}
		for _, route := range t.Routes {
			kind, target := route.Kind, route.Target
			if !alive(c, r, t, route) {
				kind, target = plane.Blackhole, ""
			}
			for _, to := range route.destinations(c, r) {
				p.Routes = append(p.Routes, plane.Route{Destination: to, Kind: kind, Target: target})
			}
		}
		list = append(list, p)
	}
	return list
}

// destinations are what a route is for: one range, or those of a prefix list.
func (t Route) destinations(c *cloud.Call, r store.Reader) []netip.Prefix {
	if t.PrefixList == "" {
		return []netip.Prefix{t.To}
	}
	return prefixesOf(c, r, t.PrefixList)
}

func desiredACLs(c *cloud.Call, r store.Reader, vpc string) (list []plane.ACL) {
	convert := func(entries []Entry) (out []plane.ACLRule) {
		for _, e := range entries {
			m := plane.Match{Protocol: e.Protocol, FromPort: -1, ToPort: -1, CIDR: e.CIDR}
			switch {
			case e.Ports != nil:
				m.FromPort, m.ToPort = int(e.Ports.From), int(e.Ports.To)
			case e.ICMP != nil:
				m.FromPort, m.ToPort = int(e.ICMP.Type), int(e.ICMP.Code)
			case hasPorts(e.Protocol):
				m.FromPort, m.ToPort = 0, 65535
			}
			out = append(out, plane.ACLRule{Number: int(e.Number), Allow: e.Allow, Match: m})
		}
		return out
	}
	for a := range acls.Index(r, "vpc", c.Account, c.Region, vpc) {
		list = append(list, plane.ACL{ID: a.ID, Ingress: convert(a.Ingress), Egress: convert(a.Egress)})
	}
	return list
}

// hasPorts tells whether a protocol has ports: TCP and UDP.
func hasPorts(protocol int) bool { return protocol == 6 || protocol == 17 }

// protocols are those that rules may name.
var protocols = map[string]int{"-1": -1, "tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}

func desiredGroups(c *cloud.Call, r store.Reader, vpc string) (list []plane.Group) {
	for g := range groupsFor(c, r, vpc) {
		p := plane.Group{ID: g.ID}
		for rule := range rules.Index(r, "group", c.Account, c.Region, g.ID) {
			matches := rule.matches(c, r)
			if rule.Egress {
				p.Egress = append(p.Egress, matches...)
			} else {
				p.Ingress = append(p.Ingress, matches...)
			}
		}
		list = append(list, p)
	}
	return list
}

// matches are a rule of a group as the data plane takes it.
func (v *Rule) matches(c *cloud.Call, r store.Reader) []plane.Match {
	number, ok := protocols[v.Protocol]
	if !ok {
		number, _ = strconv.Atoi(v.Protocol) // checked when it was made
	}
	m := plane.Match{Protocol: number, FromPort: int(v.From), ToPort: int(v.To)}
	if hasPorts(number) && v.From < 0 {
		m.FromPort, m.ToPort = 0, 65535
	}
	switch {
	case v.Peer.Group != "":
		m.Group = v.Peer.Group
		if v.Peer.Peering != "" {
			m.Peers = v.Peer.members(r)
		}
		return []plane.Match{m}
	case v.PrefixList != "":
		var out []plane.Match
		for _, p := range prefixesOf(c, r, v.PrefixList) {
			m.CIDR = p
			out = append(out, m)
		}
		return out
	}
	m.CIDR = v.CIDR
	return []plane.Match{m}
}

func desiredInterfaces(c *cloud.Call, r store.Reader, vpc string) (list []plane.Interface) {
	for i := range interfaces.Index(r, "vpc", c.Account, c.Region, vpc) {
		mac, err := net.ParseMAC(i.MAC)
		if err != nil {
			panic("ec2: interface " + i.ID + " has the hardware address " + i.MAC) // newMAC made it
		}
		p := plane.Interface{ID: i.ID, Subnet: i.Subnet, MAC: mac, Groups: i.Groups, AnySource: !i.SourceCheck, Public: map[netip.Addr]netip.Addr{}}
		p.Served = i.Requester != "" && i.Type != natInterface
		for n, a := range i.Addresses {
			if n == 0 {
				p.Primary = a.Private
			} else {
				p.Others = append(p.Others, a.Private)
			}
			if a.Public.IsValid() {
				p.Public[a.Private] = a.Public
			}
		}
		p.Others = append(p.Others, i.IPv6...)
		p.Prefixes = slices.Concat(i.Prefixes, i.IPv6Prefixes)
		if a := i.Attachment; a != nil {
			p.Machine, p.Index = a.Instance, a.Index
		}
		list = append(list, p)
	}
	return list
}

// natInterface is the type of the interfaces of NAT gateways.
const natInterface = "nat_gateway"

func desiredNATs(c *cloud.Call, r store.Reader, vpc string) (list []plane.NATGateway) {
	for n := range nats.Index(r, "vpc", c.Account, c.Region, vpc) {
		if n.State == natPending || n.State == natAvailable {
			list = append(list, plane.NATGateway{ID: n.ID, Interface: n.Addresses[0].Interface, Public: !n.Private})
		}
	}
	return list
}
