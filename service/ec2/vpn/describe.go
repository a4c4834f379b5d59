package vpn

import (
	"errors"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// describeVpnConnections tells of connections, and asks the data plane how
// their tunnels are.
func (s *room) describeVpnConnections(c *cloud.Call, in *api.DescribeVpnConnectionsInput) (out *api.DescribeVpnConnectionsOutput, err error) {
	state := map[string]plane.TunnelStatus{}
	err = c.View(func(r store.Reader) error {
		asked := map[string]bool{}
		for v := range connections.Scan(r, c.Account, c.Region) {
			g, err := vpc.FindVPNGateway(c, r, v.Gateway)
			if err != nil || g.VPC == "" || asked[g.VPC] {
				continue
			}
			asked[g.VPC] = true
			list, err := s.plane.Tunnels(c, g.VPC)
			if err != nil && !errors.Is(err, plane.ErrNotFound) && !errors.Is(err, plane.ErrUnsupported) {
				return err
			}
			for id, t := range list {
				state[id] = t
			}
		}
		out, err = describe(c, r, in, state)
		return err
	})
	return out, err
}

func describe(c *cloud.Call, r store.Reader, in *api.DescribeVpnConnectionsInput, state map[string]plane.TunnelStatus) (*api.DescribeVpnConnectionsOutput, error) {
	list, _, err := resource.List(c, r, resource.Query{IDs: in.VpnConnectionIds, Filters: in.Filters, NotFound: noConnection},
		described(c, r), func(v *Connection) string { return v.ID },
		resource.Fields[Connection]{
			"customer-gateway-id": resource.One(func(v *Connection) string { return v.Customer }),
			"bgp-asn": func(v *Connection) []string {
				if g, ok := customers.Get(r, v.Account, v.Region, v.Customer); ok {
					return []string{strconv.FormatInt(g.ASN, 10)}
				}
				return nil
			},
			"transit-gateway-id":             func(*Connection) []string { return nil },
			"customer-gateway-configuration": resource.One(func(v *Connection) string { return v.configuration(r) }),
			"option.static-routes-only":      resource.Flag(func(v *Connection) bool { return !v.Dynamic }),
			"route.destination-cidr-block": func(v *Connection) (out []string) {
				for _, p := range v.Routes {
					out = append(out, p.String())
				}
				return out
			},
			"state":             resource.One((*Connection).state),
			"type":              resource.One(func(*Connection) string { return "ipsec.1" }),
			"vpn-connection-id": resource.One(func(v *Connection) string { return v.ID }),
			"vpn-gateway-id":    resource.One(func(v *Connection) string { return v.Gateway }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpnConnectionsOutput{VpnConnections: []api.VpnConnection{}}
	for _, v := range list {
		out.VpnConnections = append(out.VpnConnections, *v.api(c, r, state))
	}
	return out, nil
}

// api is a connection as answers have it, with the state of its tunnels.
func (v *Connection) api(c *cloud.Call, r store.Reader, state map[string]plane.TunnelStatus) *api.VpnConnection {
	o := &api.VpnConnection{
		CustomerGatewayId: &v.Customer, Category: new("VPN"), State: new(v.state()),
		Type: new("ipsec.1"), VpnConnectionId: &v.ID, VpnGatewayId: &v.Gateway, GatewayAssociationState: new("associated"),
		Routes: []api.VpnStaticRoute{}, VgwTelemetry: []api.VgwTelemetry{}, Tags: resource.APITags(resource.Tags(c, r, v.ID)),
		Options: &api.VpnConnectionOptions{
			EnableAcceleration: new(false), StaticRoutesOnly: new(!v.Dynamic), LocalIpv4NetworkCidr: &v.Local, RemoteIpv4NetworkCidr: &v.Remote,
			OutsideIpAddressType: new("PublicIpv4"), TunnelInsideIpVersion: new("ipv4"),
		},
	}
	if v.Gone.IsZero() {
		o.CustomerGatewayConfiguration = new(v.configuration(r))
	}
	for _, p := range v.Routes {
		o.Routes = append(o.Routes, api.VpnStaticRoute{DestinationCidrBlock: new(p.String()), State: new("available"), Source: new("Static")})
	}
	for n, t := range v.Tunnels {
		o.Options.TunnelOptions = append(o.Options.TunnelOptions, api.TunnelOption{
			OutsideIpAddress: new(t.Outside.String()), TunnelInsideCidr: new(t.Inside.String()), PreSharedKey: new(t.Shared),
		})
		now, known := state[v.tunnelID(n)]
		if !known || now.Changed.IsZero() {
			now.Changed = v.Made
		}
		line := api.VgwTelemetry{OutsideIpAddress: new(t.Outside.String()), Status: new("DOWN"), StatusMessage: new("IPSEC IS DOWN"), LastStatusChange: &now.Changed, AcceptedRouteCount: new(int32(0))}
		v.telemetry(&line, now)
		o.VgwTelemetry = append(o.VgwTelemetry, line)
	}
	return o
}
