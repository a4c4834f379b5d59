//go:build linux

package network

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// The table main of a VPC's namespace knows every interface by its addresses.
// Each subnet has a table of its own besides, chosen by the mark that packets
// from it get: the routes of its AWS route table, and "throw" for what is
// local, which leads on to main. A longer prefix than the VPC's own wins
// against it, and so does a route in the local one's place, as on AWS. What
// finds no route is dropped in silence.
// https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html

// routeAll brings routes and policy rules up to date.
func (r *router) routeAll() error {
	want := map[routeKey]nextHop{}
	r.localRoutes(want)
	marks := map[policy]bool{}
	tables := map[string]plane.RouteTable{}
	for _, t := range r.vpc.RouteTables {
		tables[t.ID] = t
	}
	for _, s := range r.vpc.Subnets {
		r.subnetRoutes(want, s, tables[s.RouteTable])
		marks[policy{unix.AF_INET, r.numbers.subnets[s.ID]}] = true
		if r.n.ipv6 {
			marks[policy{unix.AF_INET6, r.numbers.subnets[s.ID]}] = true
		}
	}
	for id, group := range r.gatewayGroups() {
		r.gatewayRoutes(want, firstGateway+group, tables[r.vpc.GatewayTables[id]])
		marks[policy{unix.AF_INET, firstGateway + group}] = true
		if r.n.ipv6 {
			marks[policy{unix.AF_INET6, firstGateway + group}] = true
		}
	}
	r.relayRoutes(want, marks)
	if err := r.route(want, func(routeKey, nextHop) bool { return true }); err != nil {
		return err
	}
	return r.direct(marks)
}

// localRoutes are those of the VPC's own addresses.
func (r *router) localRoutes(want map[routeKey]nextHop) {
	nowhere := nextHop{kind: unix.RTN_BLACKHOLE}
	want[routeKey{unix.RT_TABLE_MAIN, all4}] = nowhere
	if r.n.ipv6 {
		want[routeKey{unix.RT_TABLE_MAIN, all6}] = nowhere
	}
	for _, e := range r.vpc.Interfaces {
		l := r.links[linkName(linkInterface, e.ID)]
		if l == nil {
			continue
		}
		for _, a := range r.usable(e) {
			want[routeKey{unix.RT_TABLE_MAIN, single(a)}] = nextHop{kind: unix.RTN_UNICAST, link: l.index}
		}
		for _, p := range r.delegated(e) {
			want[routeKey{unix.RT_TABLE_MAIN, p}] = nextHop{kind: unix.RTN_UNICAST, link: l.index, via: p.Addr()}
		}
	}
}

// delegated are the prefixes of an interface that this kernel can carry. The
// router knows the first address of each by the interface's hardware address,
// and takes it for the next hop: the machine need not answer for any of them.
func (r *router) delegated(e plane.Interface) (list []netip.Prefix) {
	for _, p := range e.Prefixes {
		if p.Addr().Is4() || r.n.ipv6 {
			list = append(list, p.Masked())
		}
	}
	return list
}

// usable are the addresses of an interface that this kernel can carry.
func (r *router) usable(e plane.Interface) []netip.Addr {
	all := []netip.Addr{e.Primary}
	for _, a := range e.Others {
		if a.Is4() || r.n.ipv6 {
			all = append(all, a)
		}
	}
	return all
}

// subnetRoutes are those of one subnet's table.
func (r *router) subnetRoutes(want map[routeKey]nextHop, s plane.Subnet, t plane.RouteTable) {
	table := r.numbers.subnets[s.ID]
	put := func(p netip.Prefix, hop nextHop) {
		if p.Addr().Is4() || r.n.ipv6 {
			want[routeKey{table, p.Masked()}] = hop
		}
	}
	inside, local := false, map[netip.Prefix]bool{}
	for _, p := range r.vpc.CIDRs {
		local[p.Masked()] = true
		put(p, nextHop{kind: unix.RTN_THROW})
	}
	for _, route := range t.Routes {
		if route.Kind == plane.ToVPN && local[route.Destination] {
			continue // what a neighbour announces does not take the VPC's own place
		}
		hop := r.hop(route)
		if route.Kind == plane.ToGatewayEndpoint && !route.Destination.IsValid() {
			for _, p := range r.endpointAddresses(route.Target) {
				put(p, hop)
			}
			continue
		}
		put(route.Destination, hop)
		for _, p := range r.vpc.CIDRs {
			inside = inside || p.Overlaps(route.Destination) && route.Destination.Bits() >= p.Bits()
		}
	}
	// Inside of a subnet packets go straight, whatever its routes say.
	for _, p := range s.CIDRs {
		if inside {
			put(p, nextHop{kind: unix.RTN_THROW})
		}
	}
}

// gatewayGroups are the gateways that have a route table of their own, by the
// group of their links.
func (r *router) gatewayGroups() map[string]uint32 {
	return gatewayGroups(&r.vpc)
}

func gatewayGroups(v *plane.VPC) map[string]uint32 {
	all := map[string]uint32{}
	for id := range v.GatewayTables {
		switch {
		case id == v.InternetGateway:
			all[id] = groupInternet
		case v.VPN != nil && id == v.VPN.ID:
			all[id] = groupVPN
		}
	}
	return all
}

// gatewayRoutes are those of what comes in by a gateway: past a middle box
// where a route says so, else straight.
// https://docs.aws.amazon.com/vpc/latest/userguide/gateway-route-tables.html
func (r *router) gatewayRoutes(want map[routeKey]nextHop, table uint32, t plane.RouteTable) {
	put := func(p netip.Prefix, hop nextHop) {
		if p.Addr().Is4() || r.n.ipv6 {
			want[routeKey{table, p.Masked()}] = hop
		}
	}
	for _, p := range r.vpc.CIDRs {
		put(p, nextHop{kind: unix.RTN_THROW})
	}
	for _, route := range t.Routes {
		if route.Destination.IsValid() {
			put(route.Destination, r.hop(route))
		}
	}
}

func (r *router) endpointAddresses(id string) []netip.Prefix {
	for _, e := range r.vpc.GatewayEndpoints {
		if e.ID == id {
			return e.Addresses
		}
	}
	return nil
}

// hop is where a route leads; a target that is not there swallows packets.
func (r *router) hop(route plane.Route) nextHop {
	nowhere := nextHop{kind: unix.RTN_BLACKHOLE}
	four := !route.Destination.IsValid() || route.Destination.Addr().Is4()
	through := func(link string) nextHop {
		l := r.links[link]
		if l == nil {
			return nowhere
		}
		via := next6
		if four {
			via = next4
		}
		return nextHop{kind: unix.RTN_UNICAST, link: l.index, via: via}
	}
	switch route.Kind {
	case plane.ToInternetGateway:
		if route.Target == r.vpc.InternetGateway {
			return through(linkName(linkInternet, r.id))
		}
	case plane.ToEgressOnlyGateway:
		if route.Target == r.vpc.EgressOnlyGateway && !four {
			return through(linkName(linkEgressOnly, r.id))
		}
	case plane.ToGatewayEndpoint:
		return through(linkName(linkEndpoint, r.id))
	case plane.ToVPN:
		return r.vpnHop(route)
	case plane.ToPeering:
		return through(linkName(linkPeering, route.Target))
	case plane.ToInterface:
		return r.interfaceHop(route.Target, four)
	case plane.ToNATGateway:
		for _, g := range r.vpc.NATGateways {
			if g.ID == route.Target {
				return r.interfaceHop(g.Interface, four)
			}
		}
	}
	return nowhere
}

// interfaceHop leads to an interface as the next hop.
func (r *router) interfaceHop(id string, four bool) nextHop {
	l := r.links[linkName(linkInterface, id)]
	for _, e := range r.vpc.Interfaces {
		if e.ID != id || l == nil {
			continue
		}
		for _, a := range r.usable(e) {
			if a.Is4() == four {
				return nextHop{kind: unix.RTN_UNICAST, link: l.index, via: a}
			}
		}
	}
	return nextHop{kind: unix.RTN_BLACKHOLE}
}
