package planetest

import (
	"net/netip"

	"pileus/plane"
)

// Peering: https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html
var peeringStages = []stage{
	{"peering without routes", func(w *world) {
		w.vpcs["a"].Peerings = []plane.Peering{{ID: "pcx-ab", Peer: "vpc-b"}}
		w.vpcs["b"].Peerings = []plane.Peering{{ID: "pcx-ab", Peer: "vpc-a"}, {ID: "pcx-bc", Peer: "vpc-c"}}
		w.vpcs["c"].Peerings = []plane.Peering{{ID: "pcx-bc", Peer: "vpc-b"}}
	}, []probe{
		{"web", "bee", "tcp 80", false, "a peering needs routes", ""},
	}},
	{"a route on one side", func(w *world) {
		w.routes("rtb-public", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"), route("10.8.0.0/16", plane.ToPeering, "pcx-ab"))
	}, []probe{
		{"web", "bee", "tcp 80", false, "a route on one side only: no answer", ""},
		{"bee", "web", "tcp 80", false, "no route on this side", ""},
	}},
	{"routes on both sides", func(w *world) {
		w.routes("rtb-b", route("10.0.0.0/16", plane.ToPeering, "pcx-ab"), route("10.9.0.0/16", plane.ToPeering, "pcx-bc"))
		w.routes("rtb-c", route("10.8.0.0/16", plane.ToPeering, "pcx-bc"))
	}, []probe{
		{"web", "bee", "tcp 80", true, "peered VPCs by private addresses", "web"},
		{"bee", "web", "tcp 80", true, "peered VPCs by private addresses", "bee"},
		{"bee", "web", "icmp", true, "peered VPCs by private addresses", ""},
		{"bee", "other", "udp 53", true, "every subnet that has the route", "bee"},
		{"bee", "iso", "tcp 80", false, "a subnet without the route does not answer", ""},
		{"bee", "cee", "tcp 80", true, "the other peering", "bee"},
	}},
	{"not transitive", func(w *world) {
		w.routes("rtb-public", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"), route("10.8.0.0/15", plane.ToPeering, "pcx-ab"))
		w.routes("rtb-c", route("10.8.0.0/16", plane.ToPeering, "pcx-bc"), route("10.0.0.0/16", plane.ToPeering, "pcx-bc"))
	}, []probe{
		{"web", "cee", "tcp 80", false, "peerings are not transitive", ""},
		{"cee", "web", "tcp 80", false, "peerings are not transitive", ""},
		{"web", "bee", "tcp 80", true, "the peering itself still works", ""},
	}},
	{"no edge to edge", func(w *world) {
		w.routes("rtb-b", route("10.0.0.0/16", plane.ToPeering, "pcx-ab"), route("0.0.0.0/0", plane.ToPeering, "pcx-ab"))
	}, []probe{
		{"bee", "internet", "tcp 80", false, "a peer's internet gateway is not ours", ""},
		{"bee", "internet", "icmp", false, "a peer's internet gateway is not ours", ""},
		{"bee", "web", "tcp 80", true, "the peering itself still works", ""},
	}},
	{"groups across peering", func(w *world) {
		w.group("a", plane.Group{ID: "sg-peer", Egress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")},
			Ingress: []plane.Match{{Protocol: tcp, FromPort: 80, ToPort: 80, Group: "sg-of-b", Peers: []netip.Addr{addr("10.8.0.10")}}}})
		w.groups("web", "sg-peer")
	}, []probe{
		{"bee", "web", "tcp 80", true, "a reference to a group of the peer", ""},
		{"bee", "web", "tcp 81", false, "another port", ""},
		{"app", "web", "tcp 80", false, "no member of it", ""},
	}},
	{"peering deleted", func(w *world) {
		w.groups("web", "sg-open")
		w.vpcs["a"].Peerings = nil
		w.vpcs["b"].Peerings = w.vpcs["b"].Peerings[1:]
	}, []probe{
		{"web", "bee", "tcp 80", false, "a route to a peering that is gone is a blackhole", ""},
		{"bee", "web", "tcp 80", false, "a route to a peering that is gone is a blackhole", ""},
	}},
	{"peering again", func(w *world) {
		w.vpcs["a"].Peerings = []plane.Peering{{ID: "pcx-ab2", Peer: "vpc-b"}}
		w.vpcs["b"].Peerings = append([]plane.Peering{{ID: "pcx-ab2", Peer: "vpc-a"}}, w.vpcs["b"].Peerings...)
		w.routes("rtb-public", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"), route("10.8.0.0/16", plane.ToPeering, "pcx-ab2"))
		w.routes("rtb-b", route("10.0.0.0/16", plane.ToPeering, "pcx-ab2"))
	}, []probe{
		{"web", "bee", "tcp 80", true, "a new peering", "web"},
		{"bee", "web", "udp 53", true, "a new peering", "bee"},
	}},
}

// IPv6: https://docs.aws.amazon.com/vpc/latest/userguide/egress-only-internet-gateway.html
var ipv6Stages = []stage{
	{"ipv6 inside", func(w *world) {
		w.eni("web").Others = []netip.Addr{addr("2001:db8:a::10")}
		w.eni("app").Others = []netip.Addr{addr("2001:db8:a::11")}
		w.eni("other").Others = []netip.Addr{addr("2001:db8:a:1::10")}
		w.eni("db").Others = []netip.Addr{addr("2001:db8:a:2::10")}
		w.group("a", plane.Group{ID: "sg-six", Egress: []plane.Match{from(-1, 0, 0, "::/0")},
			Ingress: []plane.Match{from(tcp, 80, 80, "2001:db8:a::/64"), from(icmpv6, 128, -1, "2001:db8:a:1::/64"), member(tcp, 443, 443, "sg-open")}})
		w.groups("web", "sg-six")
	}, []probe{
		{"app", "web/6", "tcp 80", true, "a rule for an IPv6 range", "app/6"},
		{"other", "web/6", "tcp 80", false, "another IPv6 range", ""},
		{"other", "web/6", "icmp", true, "ICMPv6 echo", ""},
		{"app", "web/6", "icmp", false, "ICMPv6 from another range", ""},
		{"other", "web/6", "tcp 443", true, "a reference to a group holds for IPv6", ""},
		{"app", "web", "tcp 80", false, "a rule for IPv6 is none for IPv4", ""},
	}},
	{"ipv6 without gateway", func(w *world) {
		w.groups("web", "sg-open")
	}, []probe{
		{"web", "2001:db8:ffff::1", "tcp 80", false, "no route, no way out", ""},
		{"internet", "web/6", "tcp 80", false, "no gateway, no way in", ""},
	}},
	{"ipv6 with gateways", func(w *world) {
		w.vpcs["a"].EgressOnlyGateway = "eigw-a"
		w.routes("rtb-public", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"), route("::/0", plane.ToInternetGateway, "igw-a"))
		w.routes("rtb-private", route("::/0", plane.ToEgressOnlyGateway, "eigw-a"))
	}, []probe{
		{"web", "internet/6", "tcp 80", true, "IPv6 out by the internet gateway, not translated", "web/6"},
		{"internet", "web/6", "tcp 80", true, "IPv6 in by the internet gateway", ""},
		{"db", "internet/6", "tcp 80", true, "out by the egress-only gateway, and answers return", "db/6"},
		{"db", "internet/6", "icmp", true, "out by the egress-only gateway, and answers return", ""},
		{"internet", "db/6", "tcp 80", false, "nothing begins from outside of an egress-only gateway", ""},
		{"internet", "db/6", "icmp", false, "nothing begins from outside of an egress-only gateway", ""},
		{"db", "internet", "tcp 80", false, "an egress-only gateway is for IPv6 alone", ""},
	}},
	{"egress-only alone", func(w *world) {
		w.vpcs["a"].InternetGateway = ""
	}, []probe{
		{"db", "internet/6", "tcp 80", true, "it needs no internet gateway", "db/6"},
		{"db", "internet/6", "udp 53", true, "it needs no internet gateway", "db/6"},
		{"db", "internet/6", "icmp", true, "it needs no internet gateway", ""},
		{"internet", "db/6", "tcp 80", false, "nothing begins from outside of an egress-only gateway", ""},
		{"web", "internet/6", "tcp 80", false, "a route to a gateway that is gone is a blackhole", ""},
	}},
	{"ipv6 acl", func(w *world) {
		w.acl("acl-private", number(deny(from(tcp, 80, 80, "2001:db8:a::/64")), allow(anything), allow(from(-1, 0, 0, "::/0"))),
			number(allow(anything), allow(from(-1, 0, 0, "::/0"))))
	}, []probe{
		{"web", "db/6", "tcp 80", false, "an ACL's rule for IPv6", ""},
		{"other", "db/6", "tcp 80", true, "another range", ""},
		{"web", "db", "tcp 80", true, "IPv4 is another matter", ""},
	}},
	{"ipv6 over", func(w *world) {
		w.acl("acl-private", openACL("").Ingress, openACL("").Egress)
		w.vpcs["a"].EgressOnlyGateway, w.vpcs["a"].InternetGateway = "", "igw-a"
		w.routes("rtb-public", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"))
		w.routes("rtb-private")
	}, []probe{
		{"db", "internet/6", "tcp 80", false, "no gateway any more", ""},
		{"db", "web/6", "tcp 80", true, "inside as before", ""},
	}},
}

// Gateway endpoints: https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
var endpointStages = []stage{
	{"gateway endpoint", func(w *world) {
		w.vpcs["a"].GatewayEndpoints = []plane.GatewayEndpoint{{ID: "vpce-s3", Addresses: []netip.Prefix{netip.PrefixFrom(service, 32)}}}
		w.routes("rtb-isolated", plane.Route{Destination: netip.PrefixFrom(service, 32), Kind: plane.ToGatewayEndpoint, Target: "vpce-s3"})
		delete(w.eni("iso").Public, w.eni("iso").Primary)
	}, []probe{
		{"iso", "internet", "tcp 443", true, "the service without a gateway to the internet", ""},
		{"iso", "198.19.128.2", "tcp 443", false, "and nothing but the service", ""},
		{"db", "internet", "tcp 443", false, "only subnets whose table has the route", ""},
	}},
	{"gateway endpoint and groups", func(w *world) {
		w.group("a", plane.Group{ID: "sg-s3", Egress: []plane.Match{from(tcp, 443, 443, service.String()+"/32")}})
		w.groups("iso", "sg-s3")
	}, []probe{
		{"iso", "internet", "tcp 443", true, "egress to the service's prefix", ""},
		{"iso", "internet", "tcp 80", false, "another port", ""},
	}},
	{"gateway endpoint deleted", func(w *world) {
		w.vpcs["a"].GatewayEndpoints = nil
		w.groups("iso", "sg-open")
	}, []probe{
		{"iso", "internet", "tcp 443", false, "a route to an endpoint that is gone", ""},
	}},
}
