package vpc

import (
	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// alive tells whether a route's target is there and can take packets; if not,
// the route is a blackhole. The rooms that add targets add their case.
func alive(c *cloud.Call, r store.Reader, t *RouteTable, route Route) bool {
	switch route.Kind {
	case plane.ToInternetGateway:
		g, ok := internetGateways.Get(r, c.Account, c.Region, route.Target)
		return ok && g.VPC == t.VPC
	case plane.ToEgressOnlyGateway:
		g, ok := egressGateways.Get(r, c.Account, c.Region, route.Target)
		return ok && g.VPC == t.VPC
	case plane.ToNATGateway:
		n, ok := nats.Get(r, c.Account, c.Region, route.Target)
		return ok && (n.State == natPending || n.State == natAvailable)
	case plane.ToInterface:
		i, ok := interfaces.Get(r, c.Account, c.Region, route.Target)
		return ok && i.status() == "in-use"
	}
	return false
}
