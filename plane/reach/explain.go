package reach

import (
	"fmt"
	"net/netip"
	"strings"

	"pileus/plane"
)

// Explain tells an answer as a patient colleague would: the way step by step,
// then what stops it and what would help.
func (a Answer) Explain() []string {
	var out []string
	for _, s := range a.Forward {
		out = append(out, "  "+s.sentence())
	}
	if len(a.Return) > 0 && a.Stop != nil && a.Stop.Answers {
		out = append(out, "So it arrives. The answer goes back by itself:")
		for _, s := range a.Return {
			out = append(out, "  "+s.sentence())
		}
	}
	if a.Stop != nil {
		out = append(out, "  and there it stops: "+a.Stop.sentence())
	}
	return out
}

func (s Step) sentence() string {
	way := "into"
	if s.Egress {
		way = "out of"
	}
	switch s.Kind {
	case "network-interface":
		return fmt.Sprintf("interface %s (%s)", s.ID, s.Subnet)
	case "security-group":
		return fmt.Sprintf("security group %s lets it %s the interface: %s", s.ID, way, rule(*s.Rule))
	case "network-acl":
		return fmt.Sprintf("network ACL %s lets it %s %s: rule %d", s.ID, way, s.Subnet, s.ACLRule.Number)
	case "route-table":
		if s.Route.Kind == "" {
			return fmt.Sprintf("route table %s: %s is local", s.ID, s.Route.Destination)
		}
		return fmt.Sprintf("route table %s: %s leads to %s", s.ID, s.Route.Destination, s.Route.Target)
	case "internet-gateway":
		return fmt.Sprintf("internet gateway %s: from %s to %s", s.ID, s.Packet.From, s.Packet.To)
	case "natgateway":
		return fmt.Sprintf("NAT gateway %s: from %s to %s", s.ID, s.Packet.From, s.Packet.To)
	case "internet":
		return "the internet"
	}
	return strings.ReplaceAll(s.Kind, "-", " ") + " " + s.ID
}

func (s *Stop) sentence() string {
	p := s.Packet
	what := describe(p)
	if s.Answers {
		what = "the answer, " + what + ","
	}
	switch s.Code {
	case GroupMismatch:
		groups := strings.Join(s.Groups, ", ")
		if groups == "" {
			groups = "(the interface has none)"
		}
		way, side, other := "inbound", "from", p.From
		if s.Egress {
			way, side, other = "outbound", "to", p.To
		}
		return fmt.Sprintf("no %s rule of %s lets %s pass. A rule for %s %s %s would.", way, groups, what, service(p), side, single(other))
	case ACLRestriction:
		way := "into"
		if s.Egress {
			way = "out of"
		}
		if s.ACLRule == nil {
			return fmt.Sprintf("no rule of network ACL %s is about %s %s %s, so it is denied. ACLs are stateless: answers need a rule of their own, to ports 1024-65535.", s.ID, what, way, s.Subnet)
		}
		return fmt.Sprintf("rule %d of network ACL %s denies %s %s %s. The lowest number that matches decides.", s.ACLRule.Number, s.ID, what, way, s.Subnet)
	case NoRoute:
		return fmt.Sprintf("route table %s of %s has no route to %s.", s.ID, s.Subnet, p.To)
	case BadRoute:
		if s.Route != nil {
			return fmt.Sprintf("the route to %s in %s is a blackhole: what it led to (%s) is gone, detached or down.", s.Route.Destination, s.ID, orNothing(s.Route.Target))
		}
		return fmt.Sprintf("the route to %s in %s is a blackhole.", p.To, s.ID)
	case SourceCheck:
		return fmt.Sprintf("interface %s has its source/destination check on, and the packet is neither from nor to an address of its own. A NAT instance or firewall needs it off.", s.ID)
	case NoPublicEgress:
		return fmt.Sprintf("the route leads to internet gateway %s, and %s has no public address. Associate an elastic address, or route through a NAT gateway.", s.ID, s.Expected)
	case NoPublicIngress:
		return fmt.Sprintf("nobody has the public address %s.", s.Expected)
	case PrivateOutside:
		return fmt.Sprintf("%s is a private address, which the internet knows no way to. Ask for the public one.", p.To)
	case PeeringRange:
		return fmt.Sprintf("peering %s carries what is between the ranges of its two VPCs alone: nothing to a third VPC or a gateway behind one.", s.ID)
	case Unassociated:
		return fmt.Sprintf("VPC %s has no internet gateway attached.", s.ID)
	case NoDestination:
		return fmt.Sprintf("nobody in %s has the address %s.", s.ID, p.To)
	case OnlyAnswers:
		return fmt.Sprintf("egress-only gateway %s lets nothing begin from outside.", s.ID)
	case VPNDown:
		return fmt.Sprintf("no tunnel of VPN gateway %s that is up leads to %s.", s.ID, p.To)
	}
	return fmt.Sprintf("%s finds no way back to who began.", what)
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func single(a netip.Addr) string { return netip.PrefixFrom(a, a.BitLen()).String() }

// describe is a packet in a few words.
func describe(p Packet) string {
	return fmt.Sprintf("%s from %s to %s", service(p), p.From, p.To)
}

func service(p Packet) string {
	switch p.Protocol {
	case protocolTCP:
		return fmt.Sprintf("TCP port %d", p.ToPort)
	case protocolUDP:
		return fmt.Sprintf("UDP port %d", p.ToPort)
	case protocolICMP, protocolICMPv6:
		return fmt.Sprintf("ICMP type %d", p.Type)
	}
	return fmt.Sprintf("protocol %d", p.Protocol)
}

// rule is a rule of a group in a few words.
func rule(m plane.Match) string {
	who := m.Group
	if who == "" {
		who = m.CIDR.String()
	}
	if m.Protocol == -1 {
		return "everything, " + who
	}
	if m.FromPort == m.ToPort {
		return fmt.Sprintf("protocol %d port %d, %s", m.Protocol, m.FromPort, who)
	}
	return fmt.Sprintf("protocol %d ports %d-%d, %s", m.Protocol, m.FromPort, m.ToPort, who)
}
