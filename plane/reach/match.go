package reach

import (
	"net/netip"
	"slices"

	"pileus/plane"
)

// matches tells whether a rule is about a packet; other is the side that its
// range is compared with.
func matches(v *plane.VPC, m plane.Match, p Packet, other netip.Addr) bool {
	if m.Protocol != -1 && m.Protocol != p.Protocol {
		return false
	}
	switch {
	case m.Protocol == -1:
	case hasPorts(p.Protocol):
		if m.FromPort >= 0 && (p.ToPort < m.FromPort || p.ToPort > m.ToPort) {
			return false
		}
	case p.Protocol == protocolICMP || p.Protocol == protocolICMPv6:
		if m.FromPort != -1 && m.FromPort != p.Type || m.ToPort != -1 && m.FromPort != -1 && m.ToPort != p.Code {
			return false
		}
	}
	if m.Group == "" {
		return m.CIDR.Contains(other)
	}
	if slices.Contains(m.Peers, other) {
		return true
	}
	for _, e := range v.Interfaces {
		if slices.Contains(e.Groups, m.Group) && has(e, other) {
			return true
		}
	}
	return false
}

// has tells whether an interface has an address, of its own or of a prefix.
func has(e plane.Interface, a netip.Addr) bool {
	return e.Primary == a || slices.Contains(e.Others, a) || contains(e.Prefixes, a)
}

// permits finds the rule of an interface's groups that lets a packet pass.
func permits(v *plane.VPC, e plane.Interface, p Packet, egress bool) (group string, rule *plane.Match, ok bool) {
	for _, g := range v.Groups {
		if !slices.Contains(e.Groups, g.ID) {
			continue
		}
		rules, other := g.Ingress, p.From
		if egress {
			rules, other = g.Egress, p.To
		}
		for _, m := range rules {
			if matches(v, m, p, other) {
				return g.ID, &m, true
			}
		}
	}
	return "", nil, false
}

// decides finds the rule of an ACL that decides about a packet; nil where none
// does, which denies.
func decides(v *plane.VPC, acl string, p Packet, egress bool) *plane.ACLRule {
	for _, a := range v.ACLs {
		if a.ID != acl {
			continue
		}
		rules, other := a.Ingress, p.From
		if egress {
			rules, other = a.Egress, p.To
		}
		for _, r := range rules {
			if matches(v, r.Match, p, other) {
				return &r
			}
		}
	}
	return nil
}

// routeFor is the route that a packet from a subnet takes: the longest prefix;
// kind "" is the VPC's own range, nil none at all.
func routeFor(v *plane.VPC, s plane.Subnet, to netip.Addr) *plane.Route {
	var best *plane.Route
	better := func(r plane.Route) {
		if r.Destination.Contains(to) && (best == nil || r.Destination.Bits() > best.Destination.Bits() || r.Destination.Bits() == best.Destination.Bits() && r.Kind == "") {
			best = &r
		}
	}
	for _, t := range v.RouteTables {
		if t.ID != s.RouteTable {
			continue
		}
		for _, r := range t.Routes {
			if r.Destination.IsValid() {
				better(r)
				continue
			}
			for _, e := range v.GatewayEndpoints {
				for _, p := range e.Addresses {
					if e.ID == r.Target {
						better(plane.Route{Destination: p, Kind: r.Kind, Target: r.Target})
					}
				}
			}
		}
	}
	for _, p := range v.CIDRs { // a route may take the local one's place
		if best == nil || p.Bits() > best.Destination.Bits() || best.Kind == plane.ToVPN {
			better(plane.Route{Destination: p.Masked()})
		}
	}
	for _, p := range s.CIDRs { // inside of a subnet packets go straight
		better(plane.Route{Destination: p.Masked()})
	}
	return best
}
