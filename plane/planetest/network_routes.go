package planetest

import (
	"net"
	"net/netip"

	"pileus/plane"
)

// Route tables and internet gateways:
// https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html
// https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
var routeStages = []stage{
	{"no gateway", func(w *world) {
		w.public("web", "198.18.0.10")
	}, []probe{
		{"web", "internet", "tcp 80", false, "no route, no way out", ""},
		{"web", "internet", "icmp", false, "no route, no way out", ""},
		{"internet", "web/public", "tcp 80", false, "a public address without a gateway", ""},
		{"web", "10.77.0.1", "icmp", false, "no route, no way out", ""},
	}},
	{"gateway without route", func(w *world) {
		w.vpcs["a"].InternetGateway = "igw-a"
	}, []probe{
		{"web", "internet", "tcp 80", false, "a gateway to which no route leads", ""},
		{"internet", "web/public", "tcp 80", false, "the answer finds no route", ""},
	}},
	{"gateway and route", func(w *world) {
		w.routes("rtb-public", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"))
		w.public("other", "198.18.0.11")
		w.public("iso", "198.18.0.12")
	}, []probe{
		{"web", "internet", "tcp 80", true, "out by the gateway, with the public address", "web/public"},
		{"web", "internet", "udp 53", true, "out by the gateway, with the public address", "web/public"},
		{"web", "internet", "icmp", true, "out by the gateway", ""},
		{"internet", "web/public", "tcp 80", true, "in by the gateway, one to one", ""},
		{"internet", "web/public", "udp 53", true, "in by the gateway, one to one", ""},
		{"internet", "web/public", "icmp", true, "in by the gateway, one to one", ""},
		{"app", "internet", "tcp 80", false, "no public address, no way out by the gateway", ""},
		{"db", "internet", "tcp 80", false, "the private subnet's table has no such route", ""},
		{"internet", "iso/public", "tcp 80", false, "a public address in a subnet without a route", ""},
		{"internet", "198.18.0.99", "tcp 80", false, "a public address that nobody has", ""},
		{"internet", "10.0.0.10", "tcp 80", false, "private addresses are not routed in the internet", ""},
		{"web", "other/public", "tcp 80", true, "by their public addresses, as from outside", "web/public"},
		{"web", "web/public", "tcp 80", true, "its own public address, by the gateway and back", "web/public"},
		{"app", "other/public", "tcp 80", false, "public addresses are beyond the gateway", ""},
		{"web", "other", "tcp 80", true, "by private addresses, inside", "web"},
	}},
	{"groups see public addresses", func(w *world) {
		w.group("a", plane.Group{ID: "sg-public", Egress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")}, Ingress: []plane.Match{from(tcp, 80, 80, "198.18.0.10/32"), from(tcp, 81, 81, service.String()+"/32"), member(tcp, 82, 82, "sg-open")}})
		w.groups("other", "sg-public")
	}, []probe{
		{"web", "other/public", "tcp 80", true, "through the gateway the source is the public address", "web/public"},
		{"web", "other", "tcp 80", false, "inside it is the private one", ""},
		{"web", "other/public", "tcp 82", false, "a reference to a group is about private addresses", ""},
		{"web", "other", "tcp 82", true, "a reference to a group is about private addresses", ""},
		{"internet", "other/public", "tcp 80", false, "the internet is not that address", ""},
	}},
	{"acl at the gateway", func(w *world) {
		w.groups("other", "sg-open")
		w.acl("acl-public-b", number(deny(from(tcp, 22, 22, "0.0.0.0/0")), allow(anything)), number(allow(anything)))
	}, []probe{
		{"internet", "other/public", "tcp 22", false, "ACLs filter what the gateway lets in", ""},
		{"internet", "other/public", "tcp 23", true, "ACLs filter what the gateway lets in", ""},
	}},
	{"longest prefix", func(w *world) {
		w.acl("acl-public-b", openACL("").Ingress, openACL("").Egress)
		w.routes("rtb-public", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"),
			route("198.19.128.0/24", plane.Blackhole, ""), route("198.18.0.11/32", plane.Blackhole, ""))
	}, []probe{
		{"web", "internet", "tcp 80", false, "a more specific route that is a blackhole", ""},
		{"web", "other/public", "tcp 80", false, "a more specific route that is a blackhole", ""},
		{"web", "web/public", "tcp 80", true, "the default route for the rest", ""},
	}},
	{"longest prefix wins both ways", func(w *world) {
		w.routes("rtb-public", route("0.0.0.0/0", plane.Blackhole, ""), route("198.19.0.0/16", plane.Blackhole, ""), route("198.19.128.0/24", plane.ToInternetGateway, "igw-a"))
	}, []probe{
		{"web", "internet", "tcp 80", true, "the most specific of three", "web/public"},
		{"web", "other/public", "tcp 80", false, "the default route is a blackhole", ""},
	}},
	{"gateway detached", func(w *world) {
		w.vpcs["a"].InternetGateway = ""
		w.routes("rtb-public", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"))
	}, []probe{
		{"web", "internet", "tcp 80", false, "a route to a gateway that is gone is a blackhole", ""},
		{"internet", "web/public", "tcp 80", false, "no gateway", ""},
	}},
	{"address moved", func(w *world) {
		w.vpcs["a"].InternetGateway = "igw-a"
		delete(w.eni("web").Public, w.eni("web").Primary)
		w.public("app", "198.18.0.10")
	}, []probe{
		{"app", "internet", "tcp 80", true, "an elastic IP address moves", "app/public"},
		{"web", "internet", "tcp 80", false, "and leaves the one that had it", ""},
		{"internet", "app/public", "tcp 80", true, "an elastic IP address moves", ""},
	}},
	{"secondary addresses", func(w *world) {
		w.eni("web").Others = []netip.Addr{addr("10.0.0.100")}
		w.eni("web").Public[addr("10.0.0.100")] = addr("198.18.0.100")
	}, []probe{
		{"app", "web/second", "tcp 80", true, "a secondary private address", ""},
		{"other", "web/second", "icmp", true, "a secondary private address", ""},
		{"web/second", "internet", "tcp 80", true, "each private address has its own public one", "web/second/public"},
		{"web", "internet", "tcp 80", false, "the primary has none", ""},
		{"internet", "web/second/public", "tcp 80", true, "each private address has its own public one", ""},
	}},
	{"a second interface", func(w *world) {
		v := w.vpcs["a"]
		v.Interfaces = append(v.Interfaces, plane.Interface{ID: "eni-second", Subnet: "subnet-public-b", Primary: addr("10.0.1.50"),
			Groups: []string{"sg-open"}, Machine: "i-db", Index: 1, MAC: net.HardwareAddr{2, 0, 10, 0, 1, 50}, Public: map[netip.Addr]netip.Addr{addr("10.0.1.50"): addr("198.18.0.50")}})
	}, []probe{
		{"web", "second", "tcp 80", true, "an instance in two subnets", ""},
		{"internet", "second/public", "tcp 80", true, "answers leave by the interface that was asked", ""},
		{"db", "web", "tcp 80", true, "the first interface as before", "db"},
	}},
	{"middle box inside", func(w *world) {
		v := w.vpcs["a"]
		v.Interfaces = v.Interfaces[:len(v.Interfaces)-1]
		w.routes("rtb-isolated", route("10.0.2.0/24", plane.ToInterface, "eni-box"))
	}, []probe{
		{"iso", "db", "tcp 80", false, "a route more specific than local, to one that checks destinations", ""},
		{"iso", "web", "tcp 80", true, "the local route for the rest", ""},
	}},
	{"middle box without check", func(w *world) {
		w.eni("box").AnySource = true
	}, []probe{
		{"iso", "db", "tcp 80", true, "a route more specific than local, through a middle box", "box"},
		{"iso", "db", "udp 53", true, "a route more specific than local, through a middle box", "box"},
		{"db", "web", "tcp 80", true, "other subnets' traffic goes straight", "db"},
		{"iso", "web", "tcp 80", true, "the local route for the rest", "iso"},
	}},
	{"middle box for all that is local", func(w *world) {
		w.routes("rtb-isolated", route("10.0.0.0/16", plane.ToInterface, "eni-box"))
	}, []probe{
		{"iso", "db", "tcp 80", true, "a route in the local one's place, through a middle box", "box"},
		{"iso", "web", "tcp 80", true, "a route in the local one's place, through a middle box", "box"},
		{"app", "web", "tcp 80", true, "other tables have their local route", "app"},
		{"db", "web", "tcp 80", true, "other tables have their local route", "db"},
	}},
	{"middle box gone", func(w *world) {
		w.eni("box").AnySource = false
		w.routes("rtb-isolated")
	}, []probe{
		{"iso", "db", "tcp 80", true, "the local route again", "iso"},
	}},
}

// NAT: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html
// https://docs.aws.amazon.com/vpc/latest/userguide/VPC_NAT_Instance.html
var natStages = []stage{
	{natGateway, func(w *world) {
		v := w.vpcs["a"]
		v.Interfaces = append(v.Interfaces, plane.Interface{ID: "eni-nat", Subnet: "subnet-public-a", Primary: addr("10.0.0.30"), AnySource: true,
			MAC: net.HardwareAddr{2, 0, 10, 0, 0, 30}, Public: map[netip.Addr]netip.Addr{addr("10.0.0.30"): addr("198.18.0.30")}})
		v.NATGateways = []plane.NATGateway{{ID: "nat-a", Interface: "eni-nat", Public: true}}
		w.routes("rtb-private", route("0.0.0.0/0", plane.ToNATGateway, "nat-a"))
	}, []probe{
		{"db", "internet", "tcp 80", true, "out by the NAT gateway, with its address; answers return", "nat/public"},
		{"db", "internet", "udp 53", true, "out by the NAT gateway, with its address; answers return", "nat/public"},
		{"db", "internet", "icmp", true, "a NAT gateway translates ICMP", ""},
		{"internet", "198.18.0.30", "tcp 80", false, "nothing comes in by a NAT gateway", ""},
		{"internet", "198.18.0.30", "icmp", false, "nothing comes in by a NAT gateway", ""},
		{"web", "nat", "icmp", false, "a NAT gateway answers nobody", ""},
		{"db", "web", "tcp 80", true, "inside of the VPC nothing is translated", "db"},
		{"iso", "internet", "tcp 80", false, "another subnet has no route to it", ""},
	}},
	{"nat gateway and acl", func(w *world) {
		w.acl("acl-public-a", number(allow(from(tcp, 1024, 65535, "0.0.0.0/0"))), number(allow(anything)))
	}, []probe{
		{"db", "internet", "tcp 80", false, "the ACL of the gateway's subnet filters: port 80 does not come in", ""},
	}},
	{"nat gateway behind nothing", func(w *world) {
		w.acl("acl-public-a", openACL("").Ingress, openACL("").Egress)
		w.routes("rtb-public")
	}, []probe{
		{"db", "internet", "tcp 80", false, "a NAT gateway in a subnet without a route to the internet", ""},
	}},
	{"nat gateway without address", func(w *world) {
		w.routes("rtb-public", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"))
		delete(w.eni("nat").Public, addr("10.0.0.30"))
	}, []probe{
		{"db", "internet", "tcp 80", false, "a private NAT gateway is no way to the internet", ""},
	}},
	{"nat gateway deleted", func(w *world) {
		v := w.vpcs["a"]
		v.NATGateways = nil
		v.Interfaces = v.Interfaces[:len(v.Interfaces)-1]
	}, []probe{
		{"db", "internet", "tcp 80", false, "a route to a NAT gateway that is gone is a blackhole", ""},
	}},
	{"nat instance with check", func(w *world) {
		w.public("box", "198.18.0.20")
		w.routes("rtb-private", route("0.0.0.0/0", plane.ToInterface, "eni-box"))
	}, []probe{
		{"db", "internet", "tcp 80", false, "the source/destination check drops what is not for the instance", ""},
	}},
	{"nat instance without check", func(w *world) {
		w.eni("box").AnySource = true
	}, []probe{
		{"db", "internet", "tcp 80", true, "a NAT instance, with its address", "box/public"},
		{"db", "internet", "icmp", true, "a NAT instance", ""},
		{"db", "web", "tcp 80", true, "inside of the VPC nothing is translated", "db"},
	}},
	{"nat instance's group", func(w *world) {
		w.group("a", plane.Group{ID: "sg-nat", Ingress: []plane.Match{from(tcp, 443, 443, "10.0.2.0/24")}, Egress: []plane.Match{from(-1, 0, 0, "0.0.0.0/0")}})
		w.groups("box", "sg-nat")
	}, []probe{
		{"db", "internet", "tcp 443", true, "its group lets 443 in", "box/public"},
		{"db", "internet", "tcp 80", false, "and nothing else", ""},
	}},
	{"gateway route table to one that checks destinations", func(w *world) {
		w.groups("box", "sg-open")
		w.eni("box").AnySource = false
		w.public("db", "198.18.0.30")
		w.vpcs["a"].RouteTables = append(w.vpcs["a"].RouteTables, plane.RouteTable{ID: "rtb-gateway"})
		w.vpcs["a"].GatewayTables = map[string]string{"igw-a": "rtb-gateway"}
		w.routes("rtb-gateway", route("10.0.2.0/24", plane.ToInterface, "eni-box"))
	}, []probe{
		{"internet", "db/public", "tcp 80", false, "what comes in for the subnet goes to the middle box first", ""},
		{"internet", "box/public", "tcp 80", true, "what is for other subnets goes straight", ""},
	}},
	{"gateway route table through a middle box", func(w *world) {
		w.eni("box").AnySource = true
	}, []probe{
		{"internet", "db/public", "tcp 80", true, "in by the gateway, through the middle box", "box"},
		{"web", "db", "tcp 80", true, "what is sent inside of the VPC goes by the subnet's table", "web"},
	}},
	{"gateway route table taken away", func(w *world) {
		v := w.vpcs["a"]
		v.GatewayTables, v.RouteTables = nil, v.RouteTables[:len(v.RouteTables)-1]
		w.eni("box").AnySource = false
		w.routes("rtb-private", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"))
	}, []probe{
		{"internet", "db/public", "tcp 80", true, "straight again", ""},
	}},
	{"nat instance detached", func(w *world) {
		delete(w.eni("db").Public, addr("10.0.2.10"))
		w.routes("rtb-private", route("0.0.0.0/0", plane.ToInterface, "eni-box"))
		w.eni("box").AnySource = true
		w.eni("box").Machine = ""
	}, []probe{
		{"db", "internet", "tcp 443", false, "a route to an interface that is not attached is a blackhole", ""},
	}},
}
