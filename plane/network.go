package plane

import (
	"context"
	"iter"
	"net"
	"net/netip"
	"time"
)

// Network makes virtual private clouds of the kernel's parts, and stands in
// for the internet between them.
type Network interface {
	// ApplyVPC makes the network what v says: the whole of it. What is not in
	// v any more goes away; what did not change is not touched, so that
	// running connections go on. It returns once packets obey.
	ApplyVPC(ctx context.Context, v VPC) error
	// RemoveVPC removes everything of the VPC, interfaces included.
	RemoveVPC(ctx context.Context, id string) error
	// VPCs lists the ids of the VPCs that exist in the kernel.
	VPCs(ctx context.Context) ([]string, error)

	// Listen opens a TCP listener inside a VPC ("tcp", 169.254.169.254:80), or
	// in the internet where vpc is "": what the cloud itself serves there. The
	// address is made local there. A connection's RemoteAddr is the address of
	// the interface that called.
	Listen(ctx context.Context, vpc string, addr netip.AddrPort) (net.Listener, error)
	// ListenPacket is Listen for UDP.
	ListenPacket(ctx context.Context, vpc string, addr netip.AddrPort) (net.PacketConn, error)
	// Dial connects from an interface of the VPC (a load balancer's, found by
	// its address), through its security groups, to addr; where vpc is "", from
	// the internet.
	Dial(ctx context.Context, vpc string, from netip.Addr, network string, addr netip.AddrPort) (net.Conn, error)

	// DialAs is Dial over TCP or UDP from an interface that is Served, with
	// another's address and port as the source: that of a load balancer's client.
	// The one who is called sees the client, and so do its groups, where rules
	// that refer to the interface's groups count, too; its answers come back to
	// the connection. Addresses of two families answer ErrUnsupported.
	DialAs(ctx context.Context, vpc string, from netip.Addr, as netip.AddrPort, network string, addr netip.AddrPort) (net.Conn, error)

	// Delivery tells how far what was written to a connection has come that Dial
	// or DialAs made.
	Delivery(c net.Conn) Delivery

	// Flows yields, once, the flow records of the VPC's interfaces as packets are
	// accepted and rejected after the call, until ctx ends. Only VPCs with
	// FlowLogs yield any.
	Flows(ctx context.Context, vpc string) (iter.Seq[Flow], error)
	// Traffic reads the byte and packet counters of the VPC's interfaces.
	Traffic(ctx context.Context, vpc string) (map[string]Counters, error)
	// Tunnels tells how the tunnels of the VPC's VPN gateway are, by id.
	Tunnels(ctx context.Context, vpc string) (map[string]TunnelStatus, error)
	// ApplySite makes a network on premises what s says: the other end of a VPN
	// connection. RemoveSite takes it away, Sites lists the ids of those there.
	ApplySite(ctx context.Context, s Site) error
	RemoveSite(ctx context.Context, id string) error
	Sites(ctx context.Context) ([]string, error)
	// CutZones makes the zones dark: no packet enters or leaves what is in
	// them. It replaces what was cut before.
	CutZones(ctx context.Context, zones ...string) error
	// SlowZones bounds what crosses the zones' borders. It replaces what was
	// bound before. Where the machine can do only a part of it, that part is
	// done, and the error is ErrUnsupported and says what is missing.
	SlowZones(ctx context.Context, slow ...SlowZone) error
}

// SlowZone is how slow the links of a zone are with all that is outside of it,
// in each direction.
type SlowZone struct {
	Zone    string
	Latency time.Duration // added; 0 for none
	// Rate in bits per second, for the zone's part of each VPC; 0 for no bound.
	// What was not used of it may be sent later, up to a second's worth.
	Rate int64
}

// Origins is a Network that knows where connections to the cloud's edge come
// from: which VPC, through a gateway endpoint of it, and which address there.
type Origins interface {
	// Origin is asked with the remote address of a connection that Listen on
	// the internet accepted; ok is false where it came through no endpoint. The
	// source is invalid where it is not known.
	Origin(remote netip.AddrPort) (vpc string, source netip.Addr, ok bool)
}

// VPC is the desired state of one network. All ids are the cloud's own
// ("vpc-0a1b..."); account and region need no mention because ids are unique.
type VPC struct {
	ID          string
	CIDRs       []netip.Prefix // IPv4 and IPv6
	Subnets     []Subnet
	RouteTables []RouteTable
	ACLs        []ACL
	Groups      []Group
	Interfaces  []Interface
	// InternetGateway and EgressOnlyGateway are the ids of those attached; "" for none.
	InternetGateway   string
	EgressOnlyGateway string
	// GatewayTables are the route tables, by id, that say where what comes in by
	// a gateway goes inside of the VPC: past a middle box, for instance.
	GatewayTables map[string]string
	NATGateways   []NATGateway
	Peerings      []Peering
	// GatewayEndpoints lead to the cloud's own services without the internet
	// (S3, DynamoDB).
	GatewayEndpoints []GatewayEndpoint
	VPN              *VPNGateway // the virtual private gateway attached
	FlowLogs         bool        // record flows
}

// Subnet is a range of the VPC in one zone.
type Subnet struct {
	ID         string
	Zone       string // "us-east-1a"
	CIDRs      []netip.Prefix
	RouteTable string
	ACL        string
}

// RouteTable is the routes of one table; longest prefix wins. The local routes
// of the VPC's ranges are implied.
type RouteTable struct {
	ID     string
	Routes []Route
}

// Route sends what is for Destination to Target.
type Route struct {
	Destination netip.Prefix
	Kind        TargetKind
	Target      string // id of the gateway, interface, peering; "" for a blackhole
}

// TargetKind is what a route leads to.
type TargetKind string

const (
	ToInternetGateway   TargetKind = "internet-gateway"
	ToEgressOnlyGateway TargetKind = "egress-only-gateway"
	ToNATGateway        TargetKind = "nat-gateway"
	ToInterface         TargetKind = "interface" // an instance or network interface: a NAT instance, a firewall
	ToPeering           TargetKind = "peering"
	ToVPN               TargetKind = "vpn"
	ToGatewayEndpoint   TargetKind = "gateway-endpoint"
	Blackhole           TargetKind = "blackhole"
)

// ACL is a network ACL: stateless rules in the order of their numbers; what no
// rule decides is denied.
type ACL struct {
	ID              string
	Ingress, Egress []ACLRule // sorted by Number
}

// ACLRule is one numbered rule.
type ACLRule struct {
	Number int
	Allow  bool
	Match  Match
}

// Group is a security group: what any rule allows is allowed, answers
// included; the rest is dropped.
type Group struct {
	ID              string
	Ingress, Egress []Match
}

// Match is what a rule of an ACL or a security group matches.
type Match struct {
	Protocol int // IANA number; -1 for all
	// Ports of TCP, UDP and SCTP, inclusive. For ICMP, FromPort is the type and ToPort the
	// code, -1 for any.
	FromPort, ToPort int
	CIDR             netip.Prefix // the other side; invalid where Group is given
	// Group is a security group whose members are the other side. Members of
	// this VPC are known from Interfaces; Peers are those of a peered VPC.
	Group string
	Peers []netip.Addr
}

// Interface is an elastic network interface.
type Interface struct {
	ID      string
	Subnet  string
	MAC     net.HardwareAddr
	Primary netip.Addr   // IPv4
	Others  []netip.Addr // further IPv4 and IPv6 addresses
	// Prefixes are ranges delegated to it: packets for them go to its machine,
	// which may send from them.
	Prefixes []netip.Prefix
	// Public maps private addresses to the public ones that stand for them
	// outside of the internet gateway, one to one.
	Public map[netip.Addr]netip.Addr
	Groups []string
	// AnySource turns the source/destination check off: NAT instances, firewalls.
	AnySource bool
	// Machine is the id of the machine that it is attached to, as its Index-th
	// interface; "" while it is detached. The machine's network namespace is
	// made here, before the machine starts.
	Machine string
	Index   int
	// Served marks an interface whose traffic this process itself answers: load
	// balancers, interface endpoints. Listen works on its addresses.
	Served bool
	// Endpoint is the id of the VPC endpoint whose interface it is; "" for none.
	// The cloud's own services answer on its addresses.
	Endpoint string
}

// NATGateway translates what is routed to it to its interface's address.
type NATGateway struct {
	ID        string
	Interface string // in Interfaces, AnySource
	Public    bool   // false: private NAT gateway
}

// Peering joins this VPC with another.
type Peering struct {
	ID   string
	Peer string // id of the other VPC
}

// GatewayEndpoint leads to addresses of the cloud's own services.
type GatewayEndpoint struct {
	ID        string
	Addresses []netip.Prefix
}

// VPNGateway joins the VPC with on-premises networks.
type VPNGateway struct {
	ID      string
	Tunnels []Tunnel
}

// Tunnel is one tunnel of a VPN connection.
type Tunnel struct {
	ID string // "vpn-...-1"
	// Outside addresses of our end and of the customer gateway, in the internet.
	Outside, Customer netip.Addr
	// Inside addresses, of a /30 from 169.254.0.0/16: ours and theirs.
	Inside, Peer netip.Prefix
	// Keys of our end (private) and of theirs (public), as X25519 has them, and
	// the text that both know; see SharedKey.
	PrivateKey, PeerKey []byte
	Shared              string
	Destinations        []netip.Prefix // reached through it now
	Up                  bool
	// BGP has its ends tell each other what is reached through it: then
	// Destinations are not looked at. nil for static routes.
	BGP *BGP
}

// BGP is how one end of a tunnel speaks the Border Gateway Protocol.
type BGP struct {
	Local, Peer uint32         // autonomous system numbers, ours and theirs
	Networks    []netip.Prefix // announced
	Listens     bool           // waits for the other end, which calls
}

// Flow is one flow record's worth of traffic: packets of one direction of one
// 5-tuple at one interface.
type Flow struct {
	Interface                string
	Source, Destination      netip.Addr
	SourcePort, DestPort     uint16
	Protocol                 uint8
	Packets, Bytes           uint64
	Start, End               time.Time
	Accepted, Ingress        bool
	TCPFlags                 uint8
	PacketSource, PacketDest netip.Addr // before translation, where it differs
}

// Counters are what passed an interface since it was made.
type Counters struct {
	BytesIn, BytesOut     uint64 // as the machine sees them
	PacketsIn, PacketsOut uint64
	// InterZone are the bytes sent to other zones of the region, Internet those
	// sent through the internet gateway: they are billed.
	InterZone, Internet uint64
	// NAT is what the interface of a NAT gateway has translated; nil for others,
	// and where the plane cannot tell.
	NAT *NATCounters
}

// NATCounters are what a NAT gateway has passed on between its sources and their
// destinations, and what it makes of TCP connections.
type NATCounters struct {
	FromSource, ToDestination, FromDestination, ToSource Passed
	// Attempts and Established are openings of connections, and those that were
	// answered; Active are the connections that there are.
	Attempts, Established, Active uint64
	// PortErrors are packets for which no port was left, Dropped others that
	// connection tracking could not take.
	PortErrors, Dropped uint64
}

// Passed are packets and their bytes.
type Passed struct{ Packets, Bytes uint64 }

// Delivery is how far what was written to a TCP connection has come.
type Delivery int

const (
	// Delivered is what the other end has acknowledged, all of it, whether or not
	// a program there has read it; or nothing is known.
	Delivered Delivery = iota
	// Underway is what waits for its acknowledgement.
	Underway
	// Unanswered is what was sent again, because the acknowledgement is late, and
	// is not acknowledged still.
	Unanswered
)
