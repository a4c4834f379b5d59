package vpc

import (
	"maps"
	"net/netip"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// block takes out of a network what the account blocks of its internet gateways.
// A subnet that is blocked both ways has no route to them, and its public
// addresses are nobody's. One that is blocked inwards keeps what NAT gateways and
// the egress-only gateway carry: theirs are answers alone.
func block(c *cloud.Call, r store.Reader, v *plane.VPC) {
	kinds := map[string]blockKind{} // of the subnets that are blocked
	for _, s := range v.Subnets {
		if mode := blockMode(c, r, v.ID, s.ID); mode != api.InternetGatewayBlockModeOff {
			kinds[s.ID] = blockKind{mode: mode, nat: mode == api.InternetGatewayBlockModeBlockIngress && hasNAT(v, s.ID)}
		}
	}
	if len(kinds) == 0 {
		return
	}
	blockRoutes(v, kinds)
	blockArrivals(v, kinds)
	for n := range v.Interfaces {
		e := &v.Interfaces[n]
		k, blocked := kinds[e.Subnet]
		if blocked && !(k.nat && isNATInterface(v, e.ID)) {
			e.Public = map[netip.Addr]netip.Addr{}
		}
	}
}

// blockKind is how a subnet is blocked.
type blockKind struct {
	mode string
	nat  bool // NAT gateways in it still reach the internet
}

func isNATInterface(v *plane.VPC, id string) bool {
	return slices.ContainsFunc(v.NATGateways, func(g plane.NATGateway) bool { return g.Interface == id })
}

func hasNAT(v *plane.VPC, subnet string) bool {
	return slices.ContainsFunc(v.Interfaces, func(e plane.Interface) bool { return e.Subnet == subnet && isNATInterface(v, e.ID) })
}

// blockRoutes gives subnets route tables without the routes that are blocked. A
// table whose subnets are blocked differently becomes several.
func blockRoutes(v *plane.VPC, kinds map[string]blockKind) {
	tables := map[string]plane.RouteTable{}
	users := map[string]map[blockKind]bool{}
	for _, t := range v.RouteTables {
		tables[t.ID], users[t.ID] = t, map[blockKind]bool{}
	}
	for _, s := range v.Subnets {
		if users[s.RouteTable] != nil {
			users[s.RouteTable][kinds[s.ID]] = true
		}
	}
	for n := range v.Subnets {
		s := &v.Subnets[n]
		k, blocked := kinds[s.ID]
		t, known := tables[s.RouteTable]
		if !blocked || !known {
			continue
		}
		d := plane.RouteTable{ID: t.ID, Routes: slices.Clone(t.Routes)}
		if len(users[t.ID]) > 1 {
			d.ID = t.ID + "/" + k.mode
			if k.nat {
				d.ID += "/nat"
			}
		}
		for n := range d.Routes {
			if k.blocks(d.Routes[n]) {
				d.Routes[n].Kind, d.Routes[n].Target = plane.Blackhole, ""
			}
		}
		s.RouteTable = d.ID
		tables[d.ID] = d
	}
	v.RouteTables = nil
	for _, id := range slices.Sorted(maps.Keys(tables)) {
		v.RouteTables = append(v.RouteTables, tables[id])
	}
}

// blocks tells whether a route leads where nothing may go.
func (k blockKind) blocks(t plane.Route) bool {
	switch t.Kind {
	case plane.ToInternetGateway:
		return !k.nat || !t.Destination.Addr().Is4()
	case plane.ToEgressOnlyGateway:
		return k.mode == api.InternetGatewayBlockModeBlockBidirectional
	}
	return false
}

// blockArrivals has what comes in by the internet gateway over IPv6 go nowhere:
// unlike IPv4, it needs no public address to be let in.
func blockArrivals(v *plane.VPC, kinds map[string]blockKind) {
	var lost []plane.Route
	for _, s := range v.Subnets {
		for _, p := range s.CIDRs {
			if _, blocked := kinds[s.ID]; blocked && p.Addr().Is6() {
				lost = append(lost, plane.Route{Destination: p, Kind: plane.Blackhole})
			}
		}
	}
	if v.InternetGateway == "" || len(lost) == 0 {
		return
	}
	t := plane.RouteTable{ID: v.InternetGateway + "/blocked"}
	for n := range v.RouteTables {
		if own := v.GatewayTables[v.InternetGateway]; own != "" && v.RouteTables[n].ID == own {
			for _, route := range v.RouteTables[n].Routes {
				if !slices.ContainsFunc(lost, func(l plane.Route) bool { return l.Destination == route.Destination }) {
					t.Routes = append(t.Routes, route)
				}
			}
		}
	}
	t.Routes = append(t.Routes, lost...)
	v.RouteTables = append(v.RouteTables, t)
	v.GatewayTables = maps.Clone(v.GatewayTables)
	if v.GatewayTables == nil {
		v.GatewayTables = map[string]string{}
	}
	v.GatewayTables[v.InternetGateway] = t.ID
}
