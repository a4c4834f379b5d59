package vpn

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
)

// heard is the simulated plane with tunnels that are as the test says.
type heard struct {
	*sim.Plane
	mu      sync.Mutex
	tunnels map[string]plane.TunnelStatus
}

func (h *heard) Tunnels(context.Context, string) (map[string]plane.TunnelStatus, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tunnels, nil
}

func (h *heard) tell(state map[string]plane.TunnelStatus) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tunnels = state
}

// TestRoutesAreLearned has the tunnels of a dynamic connection tell routes, and
// looks for them in the route table that the gateway propagates to.
func TestRoutesAreLearned(t *testing.T) {
	p := &heard{Plane: sim.New("")}
	nets, s := vpc.New(p), &room{p}
	w := nodetest.New(t, resource.Module(resource.Room{
		Operations: nets.Bindings(), Access: nets.Access(), Controllers: nets.Controllers(), Start: nets.Start, Reset: nets.Reset,
	}, Room(p)))
	id := *nodetest.Do(w, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc.VpcId
	table := *nodetest.Do(w, &api.CreateRouteTable, &api.CreateRouteTableInput{VpcId: id}).RouteTable.RouteTableId
	gateway := *nodetest.Do(w, &api.CreateVpnGateway, &api.CreateVpnGatewayInput{Type: "ipsec.1", AmazonSideAsn: new(int64(64600))}).VpnGateway.VpnGatewayId
	nodetest.Do(w, &api.AttachVpnGateway, &api.AttachVpnGatewayInput{VpcId: id, VpnGatewayId: gateway})
	nodetest.Do(w, &api.EnableVgwRoutePropagation, &api.EnableVgwRoutePropagationInput{GatewayId: gateway, RouteTableId: table})
	customer := *nodetest.Do(w, &api.CreateCustomerGateway, &api.CreateCustomerGatewayInput{Type: "ipsec.1", IpAddress: new("198.18.200.1"), BgpAsn: new(int32(65010))}).CustomerGateway.CustomerGatewayId
	made := nodetest.Do(w, &api.CreateVpnConnection, &api.CreateVpnConnectionInput{Type: "ipsec.1", CustomerGatewayId: customer, VpnGatewayId: &gateway}).VpnConnection
	if *made.Options.StaticRoutesOnly {
		t.Error("the connection has static routes only")
	}
	w.Drain()
	v, _ := p.Applied(id)
	b := v.VPN.Tunnels[0].BGP
	if b == nil || b.Local != 64600 || b.Peer != 65010 || !b.Listens || len(b.Networks) != 1 || b.Networks[0] != netip.MustParsePrefix("10.0.0.0/16") {
		t.Fatalf("the data plane is to speak %+v", b)
	}
	_, err := nodetest.Try(w, &api.CreateVpnConnectionRoute, &api.CreateVpnConnectionRouteInput{VpnConnectionId: *made.VpnConnectionId, DestinationCidrBlock: "192.168.0.0/24"})
	if err == nil {
		t.Error("a static route was taken")
	}
	routes := func() (list []string) {
		for _, r := range nodetest.Do(w, &api.DescribeRouteTables, &api.DescribeRouteTablesInput{RouteTableIds: []string{table}}).RouteTables[0].Routes {
			if *r.Origin == "EnableVgwRoutePropagation" {
				list = append(list, *r.DestinationCidrBlock)
			}
		}
		return list
	}
	first, second := *made.VpnConnectionId+"-1", *made.VpnConnectionId+"-2"
	for _, step := range []struct {
		name   string
		state  map[string]plane.TunnelStatus
		routes string
		status string // of both tunnels
	}{
		{"nobody has spoken", map[string]plane.TunnelStatus{first: {Up: true}}, "", "DOWN IPSEC IS UP, DOWN IPSEC IS DOWN"},
		{"both speak", map[string]plane.TunnelStatus{
			first:  {Up: true, Established: true, Learned: []netip.Prefix{netip.MustParsePrefix("192.168.0.0/24")}},
			second: {Up: true, Established: true, Learned: []netip.Prefix{netip.MustParsePrefix("192.168.0.0/24"), netip.MustParsePrefix("192.168.9.0/24")}},
		}, "192.168.0.0/24 192.168.9.0/24", "UP 1 BGP ROUTES, UP 2 BGP ROUTES"},
		{"the second fails", map[string]plane.TunnelStatus{
			first:  {Up: true, Established: true, Learned: []netip.Prefix{netip.MustParsePrefix("192.168.0.0/24")}},
			second: {Learned: []netip.Prefix{netip.MustParsePrefix("192.168.9.0/24")}},
		}, "192.168.0.0/24", "UP 1 BGP ROUTES, DOWN IPSEC IS DOWN"},
		{"both fail", nil, "", "DOWN IPSEC IS DOWN, DOWN IPSEC IS DOWN"},
	} {
		p.tell(step.state)
		s.follow(w.Call())
		if got := strings.Join(routes(), " "); got != step.routes {
			t.Errorf("%s: the table has %q, want %q", step.name, got, step.routes)
		}
		out := nodetest.Do(w, &api.DescribeVpnConnections, &api.DescribeVpnConnectionsInput{}).VpnConnections[0]
		var status []string
		for _, l := range out.VgwTelemetry {
			status = append(status, *l.Status+" "+*l.StatusMessage)
		}
		if got := strings.Join(status, ", "); got != step.status {
			t.Errorf("%s: the tunnels are %q, want %q", step.name, got, step.status)
		}
	}
	if c := *nodetest.Do(w, &api.DescribeVpnConnections, &api.DescribeVpnConnectionsInput{}).VpnConnections[0].CustomerGatewayConfiguration; !strings.Contains(c, "<asn>65010</asn>") {
		t.Errorf("the customer's configuration does not name his system: %s", c)
	}
}
