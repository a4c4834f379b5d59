package vpc

import (
	"net/netip"
	"slices"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// VPNGateway is a virtual private gateway: the VPC's end of VPN connections.
type VPNGateway struct {
	Account, Region, ID string
	VPC, Zone           string // VPC is "" while it is attached to none
	ASN                 int64
	Lines               []VPNLine
}

// VPNLine is a VPN connection as the gateway has to know it.
type VPNLine struct {
	Connection string
	Tunnels    []plane.Tunnel
	Routes     []netip.Prefix // what is behind it
}

const (
	amazonASN     = 64512 // of a gateway that asks for none
	maxPropagated = 100   // routes of a table
)

var vpnGateways = &store.Table[VPNGateway]{
	Name: "ec2.vgw",
	Key:  func(g *VPNGateway) store.Key { return keyOf(g.Account, g.Region, g.ID) },
	Indexes: map[string]func(*VPNGateway) store.Key{"vpc": func(g *VPNGateway) store.Key {
		if g.VPC == "" {
			return nil
		}
		return keyOf(g.Account, g.Region, g.VPC)
	}},
	Memo: 1000,
}

var noVPNGateway = notFound("VpnGatewayID", "vpnGateway", "vgw")

// FindVPNGateway is a gateway of the account and region.
func FindVPNGateway(c *cloud.Call, r store.Reader, id string) (*VPNGateway, error) {
	return find(c, r, vpnGateways, id, noVPNGateway)
}

// SetVPNLine tells a gateway of a connection, or that it has changed.
func SetVPNLine(c *cloud.Call, tx store.Tx, gateway string, line VPNLine) error {
	g, err := FindVPNGateway(c, tx, gateway)
	if err != nil {
		return err
	}
	changed := *g
	changed.Lines = append(slices.DeleteFunc(slices.Clone(g.Lines), func(l VPNLine) bool { return l.Connection == line.Connection }), line)
	changed.put(c, tx)
	return nil
}

// DropVPNLine ends a connection.
func DropVPNLine(c *cloud.Call, tx store.Tx, gateway, connection string) {
	g, ok := vpnGateways.Get(tx, c.Account, c.Region, gateway)
	if !ok {
		return
	}
	changed := *g
	changed.Lines = slices.DeleteFunc(slices.Clone(g.Lines), func(l VPNLine) bool { return l.Connection == connection })
	changed.put(c, tx)
}

// put writes the gateway and what route tables have learned from it.
func (g *VPNGateway) put(c *cloud.Call, tx store.Tx) {
	vpnGateways.Put(tx, g)
	g.propagate(c, tx)
	touch(c, tx, g.VPC)
}

// propagate brings the tables that learn from the gateway up to date.
func (g *VPNGateway) propagate(c *cloud.Call, tx store.Tx) {
	if g.VPC == "" {
		return
	}
	var learned []Route
	for _, l := range g.Lines {
		for _, p := range l.Routes {
			r := Route{To: p, Kind: plane.ToVPN, Target: g.ID, Propagated: true}
			if !slices.Contains(learned, r) && len(learned) < maxPropagated {
				learned = append(learned, r)
			}
		}
	}
	for t := range routeTables.Index(tx, "vpc", c.Account, c.Region, g.VPC) {
		changed := *t
		changed.Routes = slices.DeleteFunc(slices.Clone(t.Routes), func(r Route) bool { return r.Propagated && r.Target == g.ID })
		for _, r := range learned {
			// A route that somebody has made is preferred.
			if slices.Contains(t.Gateways, g.ID) && changed.find(destination{to: r.To}) < 0 {
				changed.Routes = append(changed.Routes, r)
			}
		}
		if !slices.Equal(changed.Routes, t.Routes) {
			routeTables.Put(tx, &changed)
		}
	}
}

// desiredVPN adds the gateway that is attached, with its tunnels, to the
// desired state of a VPC.
func desiredVPN(c *cloud.Call, r store.Reader, v *plane.VPC) {
	for g := range vpnGateways.Index(r, "vpc", c.Account, c.Region, v.ID) {
		v.VPN = &plane.VPNGateway{ID: g.ID}
		for _, l := range g.Lines {
			for _, t := range l.Tunnels {
				t.Destinations = l.Routes
				if t.BGP != nil { // which tells the other end of the VPC
					t.BGP = &plane.BGP{Local: t.BGP.Local, Peer: t.BGP.Peer, Listens: t.BGP.Listens, Networks: v.CIDRs}
				}
				v.VPN.Tunnels = append(v.VPN.Tunnels, t)
			}
		}
	}
}

// vpnTarget is the gateway as a target of routes.
func vpnTarget() targetKind {
	return targetKind{
		check: func(c *cloud.Call, r store.Reader, t *RouteTable, id string) error {
			g, ok := vpnGateways.Get(r, c.Account, c.Region, id)
			if !ok {
				return resource.Errorf("InvalidGatewayID.NotFound", "The gateway ID '%s' does not exist", id)
			}
			if g.VPC != t.VPC {
				return differentNetworks(t.ID, id)
			}
			return nil
		},
		alive: func(c *cloud.Call, r store.Reader, t *RouteTable, id string) bool {
			g, ok := vpnGateways.Get(r, c.Account, c.Region, id)
			return ok && g.VPC == t.VPC
		},
		show: func(_ *cloud.Call, _ store.Reader, o *api.Route, id string) { o.GatewayId = &id },
	}
}

func createVpnGateway(c *cloud.Call, tx store.Tx, in *api.CreateVpnGatewayInput) (*api.CreateVpnGatewayOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, "vpn-gateway")
	if err != nil {
		return nil, err
	}
	asn := cloud.Or(in.AmazonSideAsn, amazonASN)
	switch private16, private32 := asn >= 64512 && asn <= 65534, asn >= 4200000000 && asn <= 4294967294; {
	case in.Type != "ipsec.1":
		return nil, resource.Invalid(in.Type, "type")
	case !private16 && !private32:
		return nil, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter amazonSideAsn is invalid. It must be a private ASN.", asn)
	case count(vpnGateways.Scan(tx, c.Account, c.Region)) >= 5:
		return nil, limit("VpnGatewayLimitExceeded", "virtual private gateways")
	}
	g := &VPNGateway{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "vgw"), Zone: val(in.AvailabilityZone), ASN: asn}
	vpnGateways.Put(tx, g)
	resource.Register(c, tx, "vpn-gateway", g.ID, tags)
	return &api.CreateVpnGatewayOutput{VpnGateway: g.api(c, tx)}, nil
}

func attachVpnGateway(c *cloud.Call, tx store.Tx, in *api.AttachVpnGatewayInput) (*api.AttachVpnGatewayOutput, error) {
	g, err := FindVPNGateway(c, tx, in.VpnGatewayId)
	if err != nil {
		return nil, err
	}
	v, err := FindVPC(c, tx, in.VpcId)
	if err != nil {
		return nil, err
	}
	out := &api.AttachVpnGatewayOutput{VpcAttachment: &api.VpcAttachment{State: new("attaching"), VpcId: &v.ID}}
	switch {
	case g.VPC == v.ID:
		return out, nil
	case g.VPC != "":
		return nil, resource.Errorf("InvalidParameterValue", "The virtual private gateway %s is already attached to the VPC %s", g.ID, g.VPC)
	case count(vpnGateways.Index(tx, "vpc", c.Account, c.Region, v.ID)) > 0:
		return nil, limit("VpnGatewayAttachmentLimitExceeded", "virtual private gateways attached to the VPC")
	}
	changed := *g
	changed.VPC = v.ID
	changed.put(c, tx)
	return out, nil
}

func detachVpnGateway(c *cloud.Call, tx store.Tx, in *api.DetachVpnGatewayInput) (*cloud.Empty, error) {
	g, err := FindVPNGateway(c, tx, in.VpnGatewayId)
	if err != nil {
		return nil, err
	}
	if g.VPC == "" || g.VPC != in.VpcId {
		return nil, resource.Errorf("InvalidVpnGatewayAttachment.NotFound", "The vpnGateway attachment with vpn gateway ID '%s' and vpc ID '%s' does not exist", g.ID, in.VpcId)
	}
	// What route tables have learned goes; routes that were made stay behind as
	// blackholes.
	without := *g
	without.Lines = nil
	without.propagate(c, tx)
	changed := *g
	changed.VPC = ""
	changed.put(c, tx)
	touch(c, tx, g.VPC)
	return &cloud.Empty{}, nil
}

func deleteVpnGateway(c *cloud.Call, tx store.Tx, in *api.DeleteVpnGatewayInput) (*cloud.Empty, error) {
	g, err := FindVPNGateway(c, tx, in.VpnGatewayId)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" || len(g.Lines) > 0 {
		return nil, resource.Errorf("IncorrectState", "The VPN Gateway %s is in use.", g.ID)
	}
	vpnGateways.Delete(tx, c.Account, c.Region, g.ID)
	resource.Unregister(c, tx, g.ID)
	return &cloud.Empty{}, nil
}

func (g *VPNGateway) api(c *cloud.Call, r store.Reader) *api.VpnGateway {
	o := &api.VpnGateway{
		State: new("available"), Type: new("ipsec.1"), VpnGatewayId: &g.ID, AmazonSideAsn: &g.ASN, AvailabilityZone: text(g.Zone),
		VpcAttachments: []api.VpcAttachment{}, Tags: resource.APITags(resource.Tags(c, r, g.ID)),
	}
	if g.VPC != "" {
		o.VpcAttachments = append(o.VpcAttachments, api.VpcAttachment{State: new("attached"), VpcId: &g.VPC})
	}
	return o
}

func describeVpnGateways(c *cloud.Call, r store.Reader, in *api.DescribeVpnGatewaysInput) (*api.DescribeVpnGatewaysOutput, error) {
	list, _, err := resource.List(c, r, resource.Query{IDs: in.VpnGatewayIds, Filters: in.Filters, NotFound: noVPNGateway},
		vpnGateways.Scan(r, c.Account, c.Region), func(g *VPNGateway) string { return g.ID },
		resource.Fields[VPNGateway]{
			"amazon-side-asn":   resource.One(func(g *VPNGateway) string { return strconv.FormatInt(g.ASN, 10) }),
			"attachment.state":  optional((*VPNGateway).attachment),
			"attachment.vpc-id": optional(func(g *VPNGateway) string { return g.VPC }),
			"availability-zone": optional(func(g *VPNGateway) string { return g.Zone }),
			"state":             resource.One(func(*VPNGateway) string { return "available" }),
			"type":              resource.One(func(*VPNGateway) string { return "ipsec.1" }),
			"vpn-gateway-id":    resource.One(func(g *VPNGateway) string { return g.ID }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpnGatewaysOutput{VpnGateways: []api.VpnGateway{}}
	for _, g := range list {
		out.VpnGateways = append(out.VpnGateways, *g.api(c, r))
	}
	return out, nil
}

func vpnGatewayAccess() []cloud.Access {
	return []cloud.Access{
		resource.Creates(&api.CreateVpnGateway, "vpn-gateway", func(in *api.CreateVpnGatewayInput) specs { return in.TagSpecifications }),
		acts(&api.AttachVpnGateway, func(in *api.AttachVpnGatewayInput) []named {
			return []named{{"vpn-gateway", in.VpnGatewayId}, {"vpc", in.VpcId}}
		}),
		acts(&api.DetachVpnGateway, func(in *api.DetachVpnGatewayInput) []named {
			return []named{{"vpn-gateway", in.VpnGatewayId}, {"vpc", in.VpcId}}
		}),
		acts(&api.DeleteVpnGateway, one("vpn-gateway", func(in *api.DeleteVpnGatewayInput) string { return in.VpnGatewayId })),
		resource.Looks(&api.DescribeVpnGateways),
	}
}

// TakePublic takes a public address that somebody in the cloud needs.
func TakePublic(c *cloud.Call, tx store.Tx, owner string) (netip.Addr, error) {
	return takePublic(c, tx, owner)
}

// ReleasePublic gives it back.
func ReleasePublic(tx store.Tx, a netip.Addr) { releasePublic(tx, a) }

// attachment is the state of what joins the gateway to a VPC.
func (g *VPNGateway) attachment() string {
	if g.VPC == "" {
		return ""
	}
	return "attached"
}
