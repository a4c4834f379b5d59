package vpn

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// Connection is a VPN connection: two tunnels between a virtual private gateway
// and a customer gateway.
type Connection struct {
	Account, Region, ID string
	Gateway, Customer   string
	Routes              []netip.Prefix // static ones: what is on premises
	Dynamic             bool           // BGP tells the routes, and Routes are none
	Learned             []netip.Prefix // by BGP, of all tunnels that are up
	Tunnels             []Tunnel       // two
	Local, Remote       string         // ranges that the tunnels are for
	Made                time.Time
	Gone                time.Time // zero while it is there
}

// state is what AWS calls it.
func (v *Connection) state() string {
	if v.Gone.IsZero() {
		return "available"
	}
	return "deleted"
}

var connections = &store.Table[Connection]{
	Name: "ec2.vpn",
	Key:  func(v *Connection) store.Key { return store.K(v.Account, v.Region, v.ID) },
}

// gone are connections that were deleted. They are described for a while, as
// deleted, and nothing else knows them.
var gone = &store.Table[Connection]{
	Name: "ec2.vpn.gone",
	Key:  func(v *Connection) store.Key { return store.K(v.Account, v.Region, v.ID) },
}

// goneFor is how long a deleted connection is described.
const goneFor = time.Hour

var noConnection = notFound("VpnConnectionID", "vpnConnection", "vpn")

const (
	maxConnections  = 10 // of a gateway
	maxStaticRoutes = 50 // of a connection
)

func find(c *cloud.Call, r store.Reader, id string) (*Connection, error) {
	if v, ok := connections.Get(r, c.Account, c.Region, id); ok {
		return v, nil
	}
	return nil, noConnection(id)
}

func createVpnConnection(c *cloud.Call, tx store.Tx, in *api.CreateVpnConnectionInput) (*api.CreateVpnConnectionOutput, error) {
	if err := resource.OnlyTags(in.TagSpecifications, connectionKind); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, connectionKind)
	if err != nil {
		return nil, err
	}
	o := cloud.Or(in.Options, api.VpnConnectionOptionsSpecification{})
	switch {
	case in.Type != "ipsec.1":
		return nil, resource.Invalid(in.Type, "type")
	case in.TransitGatewayId != nil:
		return nil, resource.Errorf("InvalidTransitGatewayID.NotFound", "Transit Gateway %s was deleted or does not exist.", *in.TransitGatewayId)
	case in.VpnGatewayId == nil:
		return nil, resource.Missing("vpnGatewayId")
	case !customers.Has(tx, c.Account, c.Region, in.CustomerGatewayId):
		return nil, noCustomer(in.CustomerGatewayId)
	case cloud.Or(o.TunnelInsideIpVersion, "ipv4") != "ipv4" || cloud.Or(o.EnableAcceleration, false):
		return nil, resource.Errorf("InvalidParameterCombination", "IPv6 inside of tunnels and acceleration need a transit gateway.")
	case len(o.TunnelOptions) > 2:
		return nil, resource.Errorf("InvalidParameterValue", "A VPN connection has two tunnels.")
	}
	gateway, err := vpc.FindVPNGateway(c, tx, *in.VpnGatewayId)
	if err != nil {
		return nil, err
	}
	if len(gateway.Lines) >= maxConnections {
		return nil, resource.Errorf("VpnConnectionLimitExceeded", "The maximum number of VPN connections has been reached.")
	}
	v := &Connection{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "vpn"), Gateway: gateway.ID, Customer: in.CustomerGatewayId,
		Dynamic: !cloud.Or(o.StaticRoutesOnly, false), Local: cloud.Or(o.LocalIpv4NetworkCidr, "0.0.0.0/0"), Remote: cloud.Or(o.RemoteIpv4NetworkCidr, "0.0.0.0/0"), Made: c.Now,
	}
	if err := v.makeTunnels(c, tx, gateway, o.TunnelOptions); err != nil {
		return nil, err
	}
	if err := v.put(c, tx); err != nil {
		return nil, err
	}
	resource.Register(c, tx, connectionKind, v.ID, tags)
	out := v.api(c, tx, nil)
	out.State = new("pending")
	return &api.CreateVpnConnectionOutput{VpnConnection: out}, nil
}

func (v *Connection) makeTunnels(c *cloud.Call, tx store.Tx, gateway *vpc.VPNGateway, options []api.VpnTunnelOptionsSpecification) error {
	var taken []netip.Prefix
	for _, l := range gateway.Lines {
		for _, t := range l.Tunnels {
			taken = append(taken, t.Inside.Masked())
		}
	}
	for n := range 2 {
		var want api.VpnTunnelOptionsSpecification
		if n < len(options) {
			want = options[n]
		}
		t, err := makeTunnel(c, tx, v.ID, want.TunnelInsideCidr, want.PreSharedKey, taken)
		if err != nil {
			return err
		}
		taken = append(taken, t.Inside)
		v.Tunnels = append(v.Tunnels, t)
	}
	return nil
}

// put writes the connection and tells its gateway.
func (v *Connection) put(c *cloud.Call, tx store.Tx) error {
	connections.Put(tx, v)
	return vpc.SetVPNLine(c, tx, v.Gateway, vpc.VPNLine{Connection: v.ID, Tunnels: v.tunnels(tx, (*Tunnel).plane), Routes: v.behind()})
}

// behind is what is on premises.
func (v *Connection) behind() []netip.Prefix {
	if v.Dynamic {
		return v.Learned
	}
	return v.Routes
}

// tunnels are the tunnels as one end takes them.
func (v *Connection) tunnels(r store.Reader, end func(*Tunnel, string, netip.Addr) plane.Tunnel) (list []plane.Tunnel) {
	customer, ok := customers.Get(r, v.Account, v.Region, v.Customer)
	if !ok {
		return nil
	}
	for n := range v.Tunnels {
		t := end(&v.Tunnels[n], v.tunnelID(n), customer.Address)
		if v.Dynamic {
			t.BGP = v.speaks(r, customer, t.Outside == customer.Address)
		}
		list = append(list, t)
	}
	return list
}

func (v *Connection) tunnelID(n int) string { return fmt.Sprintf("%s-%d", v.ID, n+1) }

func deleteVpnConnection(c *cloud.Call, tx store.Tx, in *api.DeleteVpnConnectionInput) (*cloud.Empty, error) {
	v, err := find(c, tx, in.VpnConnectionId)
	if err != nil {
		return nil, err
	}
	vpc.DropVPNLine(c, tx, v.Gateway, v.ID)
	for _, t := range v.Tunnels {
		vpc.ReleasePublic(tx, t.Outside)
	}
	connections.Delete(tx, c.Account, c.Region, v.ID)
	resource.Unregister(c, tx, v.ID)
	v.bury(c, tx)
	return &cloud.Empty{}, nil
}

// bury keeps what is still told of a deleted connection, and forgets those that
// were deleted long ago.
func (v *Connection) bury(c *cloud.Call, tx store.Tx) {
	for old := range gone.Scan(tx, c.Account, c.Region) {
		if c.Now.Sub(old.Gone) >= goneFor {
			gone.Delete(tx, old.Account, old.Region, old.ID)
		}
	}
	gone.Put(tx, &Connection{Account: v.Account, Region: v.Region, ID: v.ID, Gateway: v.Gateway, Customer: v.Customer, Dynamic: v.Dynamic, Local: v.Local, Remote: v.Remote, Made: v.Made, Gone: c.Now})
}

// described are the connections of the caller, with those deleted lately.
func described(c *cloud.Call, r store.Reader) iter.Seq[*Connection] {
	return func(yield func(*Connection) bool) {
		for v := range connections.Scan(r, c.Account, c.Region) {
			if !yield(v) {
				return
			}
		}
		for v := range gone.Scan(r, c.Account, c.Region) {
			if c.Now.Sub(v.Gone) < goneFor && !yield(v) {
				return
			}
		}
	}
}

func createVpnConnectionRoute(c *cloud.Call, tx store.Tx, in *api.CreateVpnConnectionRouteInput) (*cloud.Empty, error) {
	v, err := find(c, tx, in.VpnConnectionId)
	if err != nil {
		return nil, err
	}
	p, err := netip.ParsePrefix(in.DestinationCidrBlock)
	switch {
	case v.Dynamic:
		return nil, resource.Unsupported("The VPN connection %s does not take static routes: it learns its routes by BGP.", v.ID)
	case err != nil || !p.Addr().Is4():
		return nil, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", in.DestinationCidrBlock)
	case slices.Contains(v.Routes, p.Masked()):
		return &cloud.Empty{}, nil
	case len(v.Routes) >= maxStaticRoutes:
		return nil, resource.Errorf("VpnConnectionRouteLimitExceeded", "The maximum number of static routes of a VPN connection has been reached.")
	}
	changed := *v
	changed.Routes = append(slices.Clone(v.Routes), p.Masked())
	return &cloud.Empty{}, changed.put(c, tx)
}

func deleteVpnConnectionRoute(c *cloud.Call, tx store.Tx, in *api.DeleteVpnConnectionRouteInput) (*cloud.Empty, error) {
	v, err := find(c, tx, in.VpnConnectionId)
	if err != nil {
		return nil, err
	}
	changed := *v
	changed.Routes = slices.DeleteFunc(slices.Clone(v.Routes), func(p netip.Prefix) bool { return p.String() == in.DestinationCidrBlock })
	if len(changed.Routes) == len(v.Routes) {
		return nil, resource.Errorf("InvalidRoute.NotFound", "The specified route %s does not exist in the VPN connection %s", in.DestinationCidrBlock, v.ID)
	}
	return &cloud.Empty{}, changed.put(c, tx)
}
