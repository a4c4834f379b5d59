package vpn_test

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/plane/sim"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/service/ec2/vpn"
)

type world struct {
	*nodetest.World
	plane *sim.Plane
}

func newWorld(t testing.TB) *world {
	t.Helper()
	p := sim.New("")
	room := vpc.New(p)
	return &world{nodetest.New(t, resource.Module(resource.Room{
		Operations: room.Bindings(), Access: room.Access(), Controllers: room.Controllers(), Start: room.Start, Reset: room.Reset,
	}, vpn.Room(p))), p}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *cloud.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// connect makes a VPC, both gateways and a connection.
func (w *world) connect() (id, table, gateway string, made *api.VpnConnection) {
	id = *nodetest.Do(w.World, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc.VpcId
	table = *nodetest.Do(w.World, &api.CreateRouteTable, &api.CreateRouteTableInput{VpcId: id}).RouteTable.RouteTableId
	gateway = *nodetest.Do(w.World, &api.CreateVpnGateway, &api.CreateVpnGatewayInput{Type: "ipsec.1"}).VpnGateway.VpnGatewayId
	nodetest.Do(w.World, &api.AttachVpnGateway, &api.AttachVpnGatewayInput{VpcId: id, VpnGatewayId: gateway})
	customer := *nodetest.Do(w.World, &api.CreateCustomerGateway, &api.CreateCustomerGatewayInput{Type: "ipsec.1", IpAddress: new("198.18.200.1"), BgpAsn: new(int32(65010))}).CustomerGateway.CustomerGatewayId
	made = nodetest.Do(w.World, &api.CreateVpnConnection, &api.CreateVpnConnectionInput{
		Type: "ipsec.1", CustomerGatewayId: customer, VpnGatewayId: &gateway,
		Options: &api.VpnConnectionOptionsSpecification{StaticRoutesOnly: new(true), TunnelOptions: []api.VpnTunnelOptionsSpecification{{TunnelInsideCidr: new("169.254.20.0/30"), PreSharedKey: new("a.good_key1")}}},
	}).VpnConnection
	return id, table, gateway, made
}

func TestConnection(t *testing.T) {
	w := newWorld(t)
	id, table, gateway, made := w.connect()
	nodetest.Do(w.World, &api.EnableVgwRoutePropagation, &api.EnableVgwRoutePropagationInput{GatewayId: gateway, RouteTableId: table})
	nodetest.Do(w.World, &api.CreateVpnConnectionRoute, &api.CreateVpnConnectionRouteInput{VpnConnectionId: *made.VpnConnectionId, DestinationCidrBlock: "192.168.0.0/24"})
	w.Drain()

	v, _ := w.plane.Applied(id)
	if v.VPN == nil || v.VPN.ID != gateway || len(v.VPN.Tunnels) != 2 || v.VPN.Tunnels[0].Destinations[0] != netip.MustParsePrefix("192.168.0.0/24") {
		t.Fatalf("the data plane has %+v", v.VPN)
	}
	if in := v.VPN.Tunnels[0].Inside; in != netip.MustParsePrefix("169.254.20.1/30") {
		t.Errorf("inside: %v", in)
	}
	learned := func() (found *api.Route) {
		for _, r := range nodetest.Do(w.World, &api.DescribeRouteTables, &api.DescribeRouteTablesInput{RouteTableIds: []string{table}}).RouteTables[0].Routes {
			if *r.Origin == "EnableVgwRoutePropagation" {
				found = &r
			}
		}
		return found
	}
	if r := learned(); r == nil || *r.DestinationCidrBlock != "192.168.0.0/24" || *r.GatewayId != gateway || *r.State != "active" {
		t.Errorf("propagated: %+v", r)
	}
	out := nodetest.Do(w.World, &api.DescribeVpnConnections, &api.DescribeVpnConnectionsInput{VpnConnectionIds: []string{*made.VpnConnectionId}}).VpnConnections[0]
	if *out.State != "available" || len(out.VgwTelemetry) != 2 || *out.VgwTelemetry[0].Status != "DOWN" || len(out.Routes) != 1 {
		t.Errorf("described: %+v", out)
	}
	var form struct {
		ID      string `xml:"id,attr"`
		Tunnels []struct {
			Shared  string `xml:"ike>pre_shared_key"`
			Outside string `xml:"vpn_gateway>tunnel_outside_address>ip_address"`
		} `xml:"ipsec_tunnel"`
	}
	if err := xml.Unmarshal([]byte(*out.CustomerGatewayConfiguration), &form); err != nil || form.ID != *made.VpnConnectionId || len(form.Tunnels) != 2 ||
		form.Tunnels[0].Shared != "a.good_key1" || form.Tunnels[0].Outside != *out.VgwTelemetry[0].OutsideIpAddress {
		t.Errorf("the configuration: %+v, %v", form, err)
	}
	types := nodetest.Do(w.World, &api.GetVpnConnectionDeviceTypes, &api.GetVpnConnectionDeviceTypesInput{}).VpnConnectionDeviceTypes
	sample := nodetest.Do(w.World, &api.GetVpnConnectionDeviceSampleConfiguration, &api.GetVpnConnectionDeviceSampleConfigurationInput{
		VpnConnectionId: *made.VpnConnectionId, VpnConnectionDeviceTypeId: *types[0].VpnConnectionDeviceTypeId})
	if text := *sample.VpnConnectionDeviceSampleConfiguration; strings.Count(text, "[Peer]") != 2 || !strings.Contains(text, "Address = 169.254.20.2/30") {
		t.Errorf("the sample: %s", text)
	}
	for name, value := range map[string]string{"transit-gateway-id": "tgw-*", "customer-gateway-configuration": "<none/>", "bgp-asn": "7"} {
		if found := nodetest.Do(w.World, &api.DescribeVpnConnections, &api.DescribeVpnConnectionsInput{Filters: []api.Filter{{Name: &name, Values: []string{value}}}}).VpnConnections; len(found) != 0 {
			t.Errorf("%s finds %d connections", name, len(found))
		}
	}
	changed := nodetest.Do(w.World, &api.ModifyVpnTunnelOptions, &api.ModifyVpnTunnelOptionsInput{VpnConnectionId: *made.VpnConnectionId,
		VpnTunnelOutsideIpAddress: *out.VgwTelemetry[0].OutsideIpAddress, TunnelOptions: api.ModifyVpnTunnelOptionsSpecification{PreSharedKey: new("another_1")}}).VpnConnection
	if *changed.State != "modifying" {
		t.Errorf("a connection that was just changed is %s", *changed.State)
	}
	w.Drain()
	if v, _ := w.plane.Applied(id); v.VPN.Tunnels[0].Shared != "another_1" {
		t.Errorf("the key was changed, and the data plane has %q", v.VPN.Tunnels[0].Shared)
	}
	_, err := nodetest.Try(w.World, &api.DeleteVpnGateway, &api.DeleteVpnGatewayInput{VpnGatewayId: gateway})
	wantCode(t, err, "IncorrectState")
	nodetest.Do(w.World, &api.DeleteVpnConnectionRoute, &api.DeleteVpnConnectionRouteInput{VpnConnectionId: *made.VpnConnectionId, DestinationCidrBlock: "192.168.0.0/24"})
	if r := learned(); r != nil {
		t.Errorf("still propagated: %+v", r)
	}
	nodetest.Do(w.World, &api.DeleteVpnConnection, &api.DeleteVpnConnectionInput{VpnConnectionId: *made.VpnConnectionId})
	asked := &api.DescribeVpnConnectionsInput{VpnConnectionIds: []string{*made.VpnConnectionId}}
	if v := nodetest.Do(w.World, &api.DescribeVpnConnections, asked).VpnConnections[0]; *v.State != "deleted" || *v.VpnGatewayId != gateway {
		t.Errorf("deleted: %+v", v)
	}
	_, err = nodetest.Try(w.World, &api.DeleteVpnConnection, &api.DeleteVpnConnectionInput{VpnConnectionId: *made.VpnConnectionId})
	wantCode(t, err, "InvalidVpnConnectionID.NotFound")
	w.Advance(time.Hour)
	_, err = nodetest.Try(w.World, &api.DescribeVpnConnections, asked)
	wantCode(t, err, "InvalidVpnConnectionID.NotFound")
	nodetest.Do(w.World, &api.DeleteCustomerGateway, &api.DeleteCustomerGatewayInput{CustomerGatewayId: *made.CustomerGatewayId})
	nodetest.Do(w.World, &api.DetachVpnGateway, &api.DetachVpnGatewayInput{VpcId: id, VpnGatewayId: gateway})
	nodetest.Do(w.World, &api.DeleteVpnGateway, &api.DeleteVpnGatewayInput{VpnGatewayId: gateway})
}

func TestConnectionErrors(t *testing.T) {
	w := newWorld(t)
	_, _, gateway, made := w.connect()
	for name, tt := range map[string]struct {
		edit func(*api.CreateVpnConnectionInput)
		code string
	}{
		"a bad key": {func(in *api.CreateVpnConnectionInput) {
			in.Options.TunnelOptions = []api.VpnTunnelOptionsSpecification{{PreSharedKey: new("0short")}}
		}, "InvalidParameterValue"},
		"a reserved range": {func(in *api.CreateVpnConnectionInput) {
			in.Options.TunnelOptions = []api.VpnTunnelOptionsSpecification{{TunnelInsideCidr: new("169.254.169.252/30")}}
		}, "InvalidParameterValue"},
		"a taken range": {func(in *api.CreateVpnConnectionInput) {
			in.Options.TunnelOptions = []api.VpnTunnelOptionsSpecification{{TunnelInsideCidr: new("169.254.20.0/30")}}
		}, "InvalidParameterValue"},
		"no customer": {func(in *api.CreateVpnConnectionInput) { in.CustomerGatewayId = "cgw-00000000000000000" }, "InvalidCustomerGatewayID.NotFound"},
		"no gateway":  {func(in *api.CreateVpnConnectionInput) { in.VpnGatewayId = new("vgw-00000000000000000") }, "InvalidVpnGatewayID.NotFound"},
	} {
		in := &api.CreateVpnConnectionInput{Type: "ipsec.1", CustomerGatewayId: *made.CustomerGatewayId, VpnGatewayId: &gateway, Options: &api.VpnConnectionOptionsSpecification{StaticRoutesOnly: new(true)}}
		tt.edit(in)
		_, err := nodetest.Try(w.World, &api.CreateVpnConnection, in)
		t.Log(name)
		wantCode(t, err, tt.code)
	}
	// The simulated plane has no networks on premises, and says so.
	req, err := http.NewRequest(http.MethodPut, w.Endpoint+vpn.SitePath+"?vpn="+*made.VpnConnectionId+"&network=192.168.0.0/24&account="+nodetest.Account+"&region="+nodetest.Region, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("a network on premises without a data plane: %s", res.Status)
	}
}

// TestAccess allows each operation by a policy that names it alone, and denies
// it without one.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	denied := w.User("nobody", "")
	for _, b := range vpn.Room(sim.New("")).Operations {
		allowed := w.User("may-"+b.Op.Name, nodetest.Allow("ec2:"+b.Op.Name))
		_, err := w.Gate().Do(w.As(denied), b.Op, input(b))
		wantCode(t, err, "UnauthorizedOperation")
		_, err = w.Gate().Do(w.As(allowed), b.Op, input(b))
		var e *cloud.Error
		if errors.As(err, &e) && e.Code == "UnauthorizedOperation" {
			t.Errorf("%s: allowed, and refused: %v", b.Op.Name, err)
		}
	}
}

// input is a request with what the operation must be given.
func input(b cloud.Binding) any {
	v := reflect.New(b.In)
	for n := range b.In.NumField() {
		f := b.In.Field(n)
		if f.Type.Kind() == reflect.String && strings.Contains(f.Tag.Get("aws"), "req") {
			v.Elem().Field(n).SetString("ipsec.1")
		}
	}
	return v.Interface()
}

// TestLongASN shows the number of a customer's network where it was given: up
// to 2147483647 as it always was, above that by its own name.
func TestLongASN(t *testing.T) {
	w := newWorld(t)
	for _, in := range []*api.CreateCustomerGatewayInput{{BgpAsn: new(int32(65010))}, {BgpAsnExtended: new(int64(4200000001))}} {
		in.Type, in.IpAddress = "ipsec.1", new("198.18.200.1")
		got := nodetest.Do(w.World, &api.CreateCustomerGateway, in).CustomerGateway
		if (got.BgpAsn == nil) != (in.BgpAsn == nil) || (got.BgpAsnExtended == nil) != (in.BgpAsnExtended == nil) {
			t.Errorf("%+v is shown as %+v", in, got)
		}
	}
}
