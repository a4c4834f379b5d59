package vpc

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const maxRoutes = 500 // of a table, without propagated ones

// destination is what a request's route is for, and its text in messages.
type destination struct {
	to   netip.Prefix
	list string
}

func (d destination) String() string { return cmp.Or(d.list, prefix(d.to)) }

func (d destination) is(route Route) bool { return route.To == d.to && route.PrefixList == d.list }

func parseDestination(v4, v6, list *string) (d destination, err error) {
	n := 0
	for _, p := range []*string{v4, v6, list} {
		if p != nil {
			n++
		}
	}
	if n != 1 {
		return d, resource.Errorf("InvalidParameterCombination", "Exactly one of destinationCidrBlock, destinationIpv6CidrBlock and destinationPrefixListId must be specified.")
	}
	switch {
	case v4 != nil:
		d.to, err = parseIPv4(*v4, "destinationCidrBlock")
	case v6 != nil:
		d.to, err = parseIPv6(*v6, "destinationIpv6CidrBlock")
	default:
		d.list = *list
	}
	return d, err
}

// targets are what a request's route may lead to.
type targets struct {
	gateway, instance, nic, nat, egress, peering, endpoint *string
	elsewhere                                              []*string // what there is none of here
}

// resolve finds the one target of a request and checks that the table's VPC
// can reach it.
func (s *Room) resolve(c *cloud.Call, r store.Reader, t *RouteTable, x targets) (kind plane.TargetKind, id string, err error) {
	for _, p := range x.elsewhere {
		if p != nil {
			return "", "", resource.Errorf("InvalidParameterValue", "The target '%s' does not exist", *p)
		}
	}
	given := 0
	for _, p := range []*string{x.gateway, x.instance, x.nic, x.nat, x.egress, x.peering, x.endpoint} {
		if p != nil {
			given++
		}
	}
	if given != 1 {
		return "", "", resource.Errorf("InvalidParameterCombination", "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, egressOnlyInternetGatewayId, transitGatewayId, localGatewayId, carrierGatewayId or instanceId")
	}
	switch {
	case x.instance != nil:
		if _, err := s.instance(c, r, *x.instance); err != nil {
			return "", "", err
		}
		list := InterfacesOf(c, r, *x.instance)
		if len(list) != 1 {
			return "", "", resource.Errorf("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. Please specify an interface ID for the operation instead.", *x.instance)
		}
		kind, id = plane.ToInterface, list[0].ID
	case x.nic != nil:
		kind, id = plane.ToInterface, *x.nic
	case x.nat != nil:
		kind, id = plane.ToNATGateway, *x.nat
	case x.egress != nil:
		kind, id = plane.ToEgressOnlyGateway, *x.egress
	case x.peering != nil:
		kind, id = plane.ToPeering, *x.peering
	case x.endpoint != nil:
		kind, id = plane.ToGatewayEndpoint, *x.endpoint
	case strings.HasPrefix(*x.gateway, "vgw-"):
		kind, id = plane.ToVPN, *x.gateway
	case strings.HasPrefix(*x.gateway, "vpce-"):
		kind, id = plane.ToGatewayEndpoint, *x.gateway
	default:
		kind, id = plane.ToInternetGateway, *x.gateway
	}
	return kind, id, targetKinds[kind].check(c, r, t, id)
}

// targetKind is what is known of one kind of target.
type targetKind struct {
	// check tells whether routes of the table may lead to it.
	check func(c *cloud.Call, r store.Reader, t *RouteTable, id string) error
	// alive tells whether it takes packets now; if not, routes are blackholes.
	alive func(c *cloud.Call, r store.Reader, t *RouteTable, id string) bool
	// show puts it into an answer.
	show func(c *cloud.Call, r store.Reader, o *api.Route, id string)
}

// targetKinds are the kinds of targets; peering connections, VPN gateways and
// endpoints have their place here too.
var targetKinds = map[plane.TargetKind]targetKind{
	plane.ToInternetGateway:   {checkGateway, gatewayAlive, func(_ *cloud.Call, _ store.Reader, o *api.Route, id string) { o.GatewayId = &id }},
	plane.ToEgressOnlyGateway: {checkEgress, egressAlive, func(_ *cloud.Call, _ store.Reader, o *api.Route, id string) { o.EgressOnlyInternetGatewayId = &id }},
	plane.ToNATGateway:        {checkNATTarget, natAlive, func(_ *cloud.Call, _ store.Reader, o *api.Route, id string) { o.NatGatewayId = &id }},
	plane.ToInterface:         {checkInterface, interfaceAlive, showInterface},
	plane.ToPeering:           peeringTarget(),
	plane.ToVPN:               vpnTarget(),
	plane.ToGatewayEndpoint:   endpointTarget(),
}

func differentNetworks(table, gateway string) *cloud.Error {
	return resource.Errorf("InvalidParameterValue", "route table %s and network gateway %s belong to different networks", table, gateway)
}

func checkGateway(c *cloud.Call, r store.Reader, t *RouteTable, id string) error {
	g, ok := internetGateways.Get(r, c.Account, c.Region, id)
	if !ok {
		return resource.Errorf("InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", id)
	}
	if g.VPC != t.VPC {
		return differentNetworks(t.ID, id)
	}
	return nil
}

func gatewayAlive(c *cloud.Call, r store.Reader, t *RouteTable, id string) bool {
	g, ok := internetGateways.Get(r, c.Account, c.Region, id)
	return ok && g.VPC == t.VPC
}

func checkEgress(c *cloud.Call, r store.Reader, t *RouteTable, id string) error {
	g, err := find(c, r, egressGateways, id, noEgress)
	if err == nil && g.VPC != t.VPC {
		return differentNetworks(t.ID, id)
	}
	return err
}

func egressAlive(c *cloud.Call, r store.Reader, t *RouteTable, id string) bool {
	g, ok := egressGateways.Get(r, c.Account, c.Region, id)
	return ok && g.VPC == t.VPC
}

func checkNATTarget(c *cloud.Call, r store.Reader, t *RouteTable, id string) error {
	n, ok := nats.Get(r, c.Account, c.Region, id)
	if !ok || n.State == natDeleted || n.State == natFailed {
		return resource.Errorf("InvalidNatGatewayID.NotFound", "The natGateway ID '%s' does not exist", id)
	}
	if n.VPC != t.VPC {
		return differentNetworks(t.ID, id)
	}
	return nil
}

func natAlive(c *cloud.Call, r store.Reader, _ *RouteTable, id string) bool {
	n, ok := nats.Get(r, c.Account, c.Region, id)
	return ok && (n.State == natPending || n.State == natAvailable)
}

func checkInterface(c *cloud.Call, r store.Reader, t *RouteTable, id string) error {
	i, err := FindInterface(c, r, id)
	if err == nil && i.VPC != t.VPC {
		return resource.Errorf("InvalidParameterValue", "route table %s and interface %s belong to different networks", t.ID, id)
	}
	return err
}

func interfaceAlive(c *cloud.Call, r store.Reader, _ *RouteTable, id string) bool {
	i, ok := interfaces.Get(r, c.Account, c.Region, id)
	return ok && i.status() == "in-use"
}

func showInterface(c *cloud.Call, r store.Reader, o *api.Route, id string) {
	o.NetworkInterfaceId = &id
	if i, ok := interfaces.Get(r, c.Account, c.Region, id); ok && i.Attachment != nil {
		o.InstanceId, o.InstanceOwnerId = &i.Attachment.Instance, &i.Attachment.Owner
	}
}

// alive tells whether a route's target takes packets; if not, the route is a
// blackhole.
func alive(c *cloud.Call, r store.Reader, t *RouteTable, route Route) bool {
	kind, ok := targetKinds[route.Kind]
	return ok && kind.alive(c, r, t, route.Target)
}

// local are the ranges of the table's VPC, which every table leads to.
func (t *RouteTable) local(c *cloud.Call, r store.Reader) (out []netip.Prefix) {
	v, ok := vpcs.Get(r, c.Account, c.Region, t.VPC)
	if !ok {
		return nil
	}
	for _, b := range v.CIDRs {
		out = append(out, b.Prefix)
	}
	for _, b := range v.IPv6 {
		out = append(out, b.Prefix)
	}
	return out
}

// find is the place of a destination's route; -1 for none.
func (t *RouteTable) find(d destination) int { return slices.IndexFunc(t.Routes, d.is) }

func (s *Room) createRoute(c *cloud.Call, tx store.Tx, in *api.CreateRouteInput) (*api.CreateRouteOutput, error) {
	t, err := find(c, tx, routeTables, in.RouteTableId, noRouteTable)
	if err != nil {
		return nil, err
	}
	d, err := parseDestination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId)
	if err != nil {
		return nil, err
	}
	kind, id, err := s.resolve(c, tx, t, targets{
		in.GatewayId, in.InstanceId, in.NetworkInterfaceId, in.NatGatewayId, in.EgressOnlyInternetGatewayId, in.VpcPeeringConnectionId, in.VpcEndpointId,
		[]*string{in.TransitGatewayId, in.LocalGatewayId, in.CarrierGatewayId, in.CoreNetworkArn},
	})
	if err != nil {
		return nil, err
	}
	if err := checkRoute(c, tx, t, d, kind); err != nil {
		return nil, err
	}
	route := Route{To: d.to, PrefixList: d.list, Kind: kind, Target: id}
	changed := *t
	changed.Routes = slices.Clone(t.Routes)
	switch n := t.find(d); {
	case n < 0 && slices.Contains(t.local(c, tx), d.to):
		return nil, routeExists(d)
	case n < 0 && len(t.Routes) >= maxRoutes:
		return nil, resource.Errorf("RouteLimitExceeded", "The maximum number of routes has been reached.")
	case n < 0:
		changed.Routes = append(changed.Routes, route)
	case t.Routes[n] == route:
		return &api.CreateRouteOutput{Return: yes()}, nil
	case !t.Routes[n].Propagated:
		return nil, routeExists(d)
	default: // a static route takes precedence over a propagated one
		changed.Routes[n] = route
	}
	routeTables.Put(tx, &changed)
	touch(c, tx, t.VPC)
	return &api.CreateRouteOutput{Return: yes()}, nil
}

func routeExists(d destination) *cloud.Error {
	return resource.Errorf("RouteAlreadyExists", "The route identified by %s already exists.", d)
}

// checkRoute tells whether a destination may lead to a kind of target.
func checkRoute(c *cloud.Call, r store.Reader, t *RouteTable, d destination, kind plane.TargetKind) error {
	if d.list != "" {
		_, err := findPrefixList(c, r, d.list)
		return err
	}
	six := d.to.Addr().Is6()
	switch {
	case kind == plane.ToGatewayEndpoint:
		return resource.Errorf("InvalidParameterValue", "Routes to gateway endpoints are managed by the endpoint.")
	case kind == plane.ToEgressOnlyGateway && !six:
		return resource.Errorf("InvalidParameterValue", "Egress-only internet gateways are for IPv6 destinations only: %s", d)
	case kind == plane.ToNATGateway && six && d.to != nat64:
		return resource.Errorf("InvalidParameterValue", "The destination %s cannot lead to a NAT gateway: only %s can.", d, nat64)
	}
	for _, p := range t.local(c, r) {
		inside := p.Contains(d.to.Addr()) && d.to.Bits() > p.Bits()
		if inside && kind != plane.ToInterface && kind != plane.ToNATGateway {
			return resource.Errorf("InvalidParameterValue", "The destination CIDR block %s is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance.", d)
		}
	}
	return nil
}

// nat64 is the range that stands for IPv4 in IPv6 (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func (s *Room) replaceRoute(c *cloud.Call, tx store.Tx, in *api.ReplaceRouteInput) (*cloud.Empty, error) {
	t, err := find(c, tx, routeTables, in.RouteTableId, noRouteTable)
	if err != nil {
		return nil, err
	}
	d, err := parseDestination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId)
	if err != nil {
		return nil, err
	}
	n := t.find(d)
	isLocal := slices.Contains(t.local(c, tx), d.to)
	if n < 0 && !isLocal {
		return nil, resource.Errorf("InvalidParameterValue", "There is no route defined for '%s' in the route table. Use CreateRoute instead.", d)
	}
	changed := *t
	changed.Routes = slices.Clone(t.Routes)
	if cloud.Or(in.LocalTarget, false) {
		if !isLocal {
			return nil, resource.Errorf("InvalidParameterValue", "The route '%s' is not a local route.", d)
		}
		if n >= 0 {
			changed.Routes = slices.Delete(changed.Routes, n, n+1)
		}
	} else {
		kind, id, err := s.resolve(c, tx, t, targets{
			in.GatewayId, in.InstanceId, in.NetworkInterfaceId, in.NatGatewayId, in.EgressOnlyInternetGatewayId, in.VpcPeeringConnectionId, in.VpcEndpointId,
			[]*string{in.TransitGatewayId, in.LocalGatewayId, in.CarrierGatewayId, in.CoreNetworkArn},
		})
		if err != nil {
			return nil, err
		}
		if isLocal && kind != plane.ToInterface {
			return nil, resource.Errorf("InvalidParameterValue", "The target of the local route '%s' can be replaced by a network interface only.", d)
		}
		if err := checkRoute(c, tx, t, d, kind); err != nil {
			return nil, err
		}
		route := Route{To: d.to, PrefixList: d.list, Kind: kind, Target: id}
		if n < 0 {
			changed.Routes = append(changed.Routes, route)
		} else {
			changed.Routes[n] = route
		}
	}
	routeTables.Put(tx, &changed)
	touch(c, tx, t.VPC)
	return &cloud.Empty{}, nil
}

func deleteRoute(c *cloud.Call, tx store.Tx, in *api.DeleteRouteInput) (*cloud.Empty, error) {
	t, err := find(c, tx, routeTables, in.RouteTableId, noRouteTable)
	if err != nil {
		return nil, err
	}
	d, err := parseDestination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock, in.DestinationPrefixListId)
	if err != nil {
		return nil, err
	}
	n := t.find(d)
	switch {
	case slices.Contains(t.local(c, tx), d.to):
		return nil, resource.Errorf("InvalidParameterValue", "cannot remove local route %s in route table %s", d, t.ID)
	case n < 0:
		return nil, resource.Errorf("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", d, t.ID)
	case t.Routes[n].Kind == plane.ToGatewayEndpoint:
		return nil, resource.Errorf("InvalidParameterValue", "cannot remove VPC endpoint route %s in route table %s", d, t.ID)
	}
	changed := *t
	changed.Routes = slices.Delete(slices.Clone(t.Routes), n, n+1)
	routeTables.Put(tx, &changed)
	touch(c, tx, t.VPC)
	return &cloud.Empty{}, nil
}

// apiRoutes are the routes of a table as answers have them, the local ones
// first.
func (t *RouteTable) apiRoutes(c *cloud.Call, r store.Reader) []api.Route {
	out := []api.Route{}
	for _, p := range t.local(c, r) {
		if t.find(destination{to: p}) >= 0 {
			continue // its target was replaced
		}
		o := api.Route{GatewayId: new("local"), Origin: new("CreateRouteTable"), State: new("active")}
		setDestination(&o, p)
		out = append(out, o)
	}
	for _, route := range t.Routes {
		o := api.Route{Origin: new("CreateRoute"), State: new("active")}
		if route.Propagated {
			o.Origin = new("EnableVgwRoutePropagation")
		}
		if !alive(c, r, t, route) {
			o.State = new("blackhole")
		}
		if route.PrefixList != "" {
			o.DestinationPrefixListId = &route.PrefixList
		} else {
			setDestination(&o, route.To)
		}
		targetKinds[route.Kind].show(c, r, &o, route.Target)
		out = append(out, o)
	}
	return out
}

func setDestination(o *api.Route, p netip.Prefix) {
	if p.Addr().Is4() {
		o.DestinationCidrBlock = new(p.String())
	} else {
		o.DestinationIpv6CidrBlock = new(p.String())
	}
}
