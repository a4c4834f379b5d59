package reach

import (
	"net/netip"
	"slices"

	"pileus/plane"
)

// walk is a packet on its way.
type walk struct {
	networks Networks
	reply    bool
	sources  map[string]Packet // by NAT gateway: the packet before it was translated

	steps   []Step
	stop    *Stop
	through []string

	// Where it arrived: an interface, or the internet where vpc is "". final
	// marks what answers by itself: the metadata service, an endpoint.
	at       Packet
	vpc, nic string
	final    bool
}

func (w *walk) pass(s Step) { w.steps = append(w.steps, s) }

func (w *walk) last() Step {
	if len(w.steps) == 0 {
		return Step{}
	}
	return w.steps[len(w.steps)-1]
}

func (w *walk) fail(code string, s Step, edits ...func(*Stop)) {
	w.stop = &Stop{Code: code, Step: s}
	for _, e := range edits {
		e(w.stop)
	}
}

func expected(what string) func(*Stop) { return func(s *Stop) { s.Expected = what } }

// start lets an interface send a packet.
func (w *walk) start(vpc, nic string, p Packet) {
	v, ok := w.networks[vpc]
	if !ok {
		w.fail(NoPath, Step{Kind: "vpc", ID: vpc})
		return
	}
	for _, e := range v.Interfaces {
		if e.ID == nic {
			w.pass(Step{Kind: "network-interface", ID: e.ID, VPC: v.ID, Subnet: e.Subnet, Packet: p})
			w.leave(&v, e, p)
			return
		}
	}
	w.fail(NoPath, Step{Kind: "network-interface", ID: nic})
}

// leave takes a packet from an interface through its groups, its subnet's ACL
// and the route that it finds.
func (w *walk) leave(v *plane.VPC, e plane.Interface, p Packet) {
	here := Step{Kind: "network-interface", ID: e.ID, VPC: v.ID, Subnet: e.Subnet, Egress: true, Packet: p}
	if len(w.steps) > maxSteps {
		w.fail(NoPath, here)
		return
	}
	if local(v, p.To) {
		w.at, w.vpc, w.nic, w.final = p, v.ID, "", true
		return
	}
	if !e.AnySource && !has(e, p.From) {
		w.fail(SourceCheck, here)
		return
	}
	if !w.groups(v, e, p, true) {
		return
	}
	s := subnetOf(v, e.Subnet)
	route := routeFor(v, s, p.To)
	table := Step{Kind: "route-table", ID: s.RouteTable, VPC: v.ID, Subnet: s.ID, Route: route, Egress: true, Packet: p}
	straight := route != nil && route.Kind == "" && contains(s.CIDRs, p.To)
	if !straight && !w.acl(v, s, p, true) {
		return
	}
	if route == nil {
		w.fail(NoRoute, table)
		return
	}
	w.pass(table)
	w.follow(v, s, *route, table, p)
}

// follow goes where a route leads.
func (w *walk) follow(v *plane.VPC, s plane.Subnet, route plane.Route, table Step, p Packet) {
	switch route.Kind {
	case "":
		w.inside(v, s.ID, p)
	case plane.ToInternetGateway:
		w.gateway(v, route, table, p)
	case plane.ToEgressOnlyGateway:
		w.egressOnly(v, route, table, p)
	case plane.ToNATGateway:
		w.nat(v, s, route, table, p)
	case plane.ToInterface:
		w.machine(v, s, route, table, p)
	case plane.ToPeering:
		w.peering(v, route, table, p)
	case plane.ToGatewayEndpoint:
		if !slices.ContainsFunc(v.GatewayEndpoints, func(e plane.GatewayEndpoint) bool { return e.ID == route.Target }) {
			w.fail(BadRoute, table)
			return
		}
		w.pass(Step{Kind: "vpc-endpoint", ID: route.Target, VPC: v.ID, Packet: p})
		w.at, w.vpc, w.final = p, "", true
	case plane.ToVPN:
		w.vpn(v, route, table, p)
	default:
		w.fail(BadRoute, table)
	}
}

// inside brings a packet to whoever has its address in the VPC.
func (w *walk) inside(v *plane.VPC, from string, p Packet) {
	for _, e := range v.Interfaces {
		if has(e, p.To) {
			w.arrive(v, e, from, p)
			return
		}
	}
	w.fail(NoDestination, Step{Kind: "vpc", ID: v.ID, VPC: v.ID, Packet: p})
}

// arrive takes a packet through the ACL of an interface's subnet and its
// groups. from is the subnet that it comes from; "" for a gateway.
func (w *walk) arrive(v *plane.VPC, e plane.Interface, from string, p Packet) bool {
	s := subnetOf(v, e.Subnet)
	if from != s.ID && !w.acl(v, s, p, false) {
		return false
	}
	if isNAT(v, e.ID) {
		return w.translated(v, e, p)
	}
	if !w.groups(v, e, p, false) {
		return false
	}
	here := Step{Kind: "network-interface", ID: e.ID, VPC: v.ID, Subnet: e.Subnet, Packet: p}
	if !has(e, p.To) && !e.AnySource {
		w.fail(SourceCheck, here)
		return false
	}
	w.pass(here)
	w.at, w.vpc, w.nic = p, v.ID, e.ID
	return true
}

// groups asks the security groups; answers pass because their question did.
func (w *walk) groups(v *plane.VPC, e plane.Interface, p Packet, egress bool) bool {
	if w.reply || isNAT(v, e.ID) {
		return true
	}
	group, rule, ok := permits(v, e, p, egress)
	step := Step{Kind: "security-group", ID: group, VPC: v.ID, Subnet: e.Subnet, Rule: rule, Egress: egress, Packet: p}
	if !ok {
		step.Kind, step.ID = "network-interface", e.ID
		w.fail(GroupMismatch, step, func(s *Stop) { s.Groups = e.Groups })
		return false
	}
	w.pass(step)
	return true
}

// acl asks the ACL of a subnet, which looks at every packet.
func (w *walk) acl(v *plane.VPC, s plane.Subnet, p Packet, egress bool) bool {
	rule := decides(v, s.ACL, p, egress)
	step := Step{Kind: "network-acl", ID: s.ACL, VPC: v.ID, Subnet: s.ID, ACLRule: rule, Egress: egress, Packet: p}
	if rule == nil || !rule.Allow {
		w.fail(ACLRestriction, step)
		return false
	}
	w.pass(step)
	return true
}

// gateway leaves by the internet gateway, with the public address.
func (w *walk) gateway(v *plane.VPC, route plane.Route, table Step, p Packet) {
	if v.InternetGateway != route.Target {
		w.fail(BadRoute, table)
		return
	}
	if p.From.Is4() {
		public, ok := publicOf(v, p.From)
		if !ok {
			w.fail(NoPublicEgress, Step{Kind: "internet-gateway", ID: route.Target, VPC: v.ID, Packet: p}, expected(p.From.String()))
			return
		}
		p.From = public
	}
	w.pass(Step{Kind: "internet-gateway", ID: route.Target, VPC: v.ID, Egress: true, Packet: p})
	w.internet(p)
}

func (w *walk) egressOnly(v *plane.VPC, route plane.Route, table Step, p Packet) {
	step := Step{Kind: "egress-only-internet-gateway", ID: route.Target, VPC: v.ID, Egress: true, Packet: p}
	switch {
	case v.EgressOnlyGateway != route.Target || p.To.Is4():
		w.fail(BadRoute, table)
	case w.reply:
		w.fail(OnlyAnswers, step)
	default:
		w.pass(step)
		w.internet(p)
	}
}

// nat translates a packet's source and sends it on from the gateway's subnet.
func (w *walk) nat(v *plane.VPC, s plane.Subnet, route plane.Route, table Step, p Packet) {
	for _, g := range v.NATGateways {
		e, ok := interfaceOf(v, g.Interface)
		if g.ID != route.Target || !ok {
			continue
		}
		at := subnetOf(v, e.Subnet)
		if at.ID != s.ID && !w.acl(v, at, p, false) {
			return
		}
		w.sources[g.ID] = p
		p.From = e.Primary
		w.pass(Step{Kind: "natgateway", ID: g.ID, VPC: v.ID, Subnet: e.Subnet, Egress: true, Packet: p})
		w.leave(v, e, p)
		return
	}
	w.fail(BadRoute, table)
}

// translated gives an answer that comes back to a NAT gateway its destination.
func (w *walk) translated(v *plane.VPC, e plane.Interface, p Packet) bool {
	for _, g := range v.NATGateways {
		before, ok := w.sources[g.ID]
		if g.Interface != e.ID || !ok || !w.reply {
			continue
		}
		p.To, p.From = before.From, before.To
		w.pass(Step{Kind: "natgateway", ID: g.ID, VPC: v.ID, Subnet: e.Subnet, Packet: p})
		s := subnetOf(v, e.Subnet)
		route := routeFor(v, s, p.To)
		if to := targetIn(v, p.To); to != s.ID && !w.acl(v, s, p, true) {
			return false
		}
		table := Step{Kind: "route-table", ID: s.RouteTable, VPC: v.ID, Subnet: s.ID, Route: route, Packet: p}
		if route == nil {
			w.fail(NoRoute, table)
			return false
		}
		w.follow(v, s, *route, table, p)
		return w.stop == nil
	}
	w.fail(NoDestination, Step{Kind: "natgateway", ID: e.ID, VPC: v.ID, Subnet: e.Subnet, Packet: p})
	return false
}

// machine goes through an instance that passes packets on.
func (w *walk) machine(v *plane.VPC, s plane.Subnet, route plane.Route, table Step, p Packet) {
	e, ok := interfaceOf(v, route.Target)
	if !ok || e.Machine == "" {
		w.fail(BadRoute, table)
		return
	}
	if !w.arrive(v, e, s.ID, p) || has(e, p.To) {
		return
	}
	w.through = append(w.through, e.Machine)
	w.leave(v, e, p)
}

// peering crosses to the other VPC: only what is between the two.
func (w *walk) peering(v *plane.VPC, route plane.Route, table Step, p Packet) {
	for _, c := range v.Peerings {
		o, ok := w.networks[c.Peer]
		if c.ID != route.Target || !ok || !slices.ContainsFunc(o.Peerings, func(q plane.Peering) bool { return q.ID == c.ID }) {
			continue
		}
		step := Step{Kind: "vpc-peering-connection", ID: c.ID, VPC: v.ID, Egress: true, Packet: p}
		if !contains(v.CIDRs, p.From) || !contains(o.CIDRs, p.To) {
			w.fail(PeeringRange, step)
			return
		}
		w.pass(step)
		w.inside(&o, "", p)
		return
	}
	w.fail(BadRoute, table)
}

// vpn leaves by a tunnel that is up.
func (w *walk) vpn(v *plane.VPC, route plane.Route, table Step, p Packet) {
	if v.VPN == nil || v.VPN.ID != route.Target {
		w.fail(BadRoute, table)
		return
	}
	step := Step{Kind: "vpn-gateway", ID: v.VPN.ID, VPC: v.ID, Egress: true, Packet: p}
	for _, t := range v.VPN.Tunnels {
		if t.Up && contains(t.Destinations, p.To) {
			w.pass(step)
			w.at, w.vpc, w.final = p, "", true
			return
		}
	}
	w.fail(VPNDown, step)
}

// internet brings a packet to the VPC that has its destination, or leaves it
// with the world.
func (w *walk) internet(p Packet) {
	if p.To.Is4() && p.To.IsPrivate() {
		w.fail(PrivateOutside, Step{Kind: "internet", ID: "internet", Packet: p})
		return
	}
	for _, v := range w.networks {
		for _, e := range v.Interfaces {
			private := p.To
			for own, public := range e.Public {
				if public == p.To {
					private = own
				}
			}
			if !has(e, private) || private == p.To && p.To.Is4() {
				continue
			}
			w.enter(v, e, p, private)
			return
		}
	}
	if plane.Elastic.Contains(p.To) {
		w.fail(NoPublicIngress, Step{Kind: "internet", ID: "internet", Packet: p}, expected(p.To.String()))
		return
	}
	w.pass(Step{Kind: "internet", ID: "internet", Packet: p})
	w.at, w.vpc, w.nic = p, "", ""
}

// enter comes in by a VPC's gateway.
func (w *walk) enter(v plane.VPC, e plane.Interface, p Packet, private netip.Addr) {
	p.To = private
	kind, id := "internet-gateway", v.InternetGateway
	if id == "" && w.reply && p.To.Is6() {
		kind, id = "egress-only-internet-gateway", v.EgressOnlyGateway
	}
	if id == "" {
		w.fail(Unassociated, Step{Kind: "vpc", ID: v.ID, VPC: v.ID, Packet: p}, expected("internet-gateway"))
		return
	}
	w.pass(Step{Kind: kind, ID: id, VPC: v.ID, Packet: p})
	if own := (plane.Subnet{RouteTable: v.GatewayTables[id]}); own.RouteTable != "" {
		route := routeFor(&v, own, p.To)
		if route != nil && route.Kind != "" {
			w.follow(&v, own, *route, Step{Kind: "route-table", ID: own.RouteTable, VPC: v.ID, Route: route, Packet: p}, p)
			return
		}
	}
	w.arrive(&v, e, "", p)
}
