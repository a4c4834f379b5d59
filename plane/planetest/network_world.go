package planetest

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pileus/plane"
)

// world is the network that the packet matrix is sent through: three VPCs, a
// peered with b and b with c.
//
//	a 10.0.0.0/16  public-a (zone a): web app client lone nat(gateway) box(NAT instance)
//	               public-b (zone b): other
//	               private  (zone a): db
//	               isolated (zone c): iso
//	b 10.8.0.0/16  b: bee        c 10.9.0.0/16  c: cee
type world struct {
	t    *testing.T
	rig  Rig
	vpcs map[string]*plane.VPC
	// applied is what the network was told last, to send only what changed.
	applied map[string]string
	serving map[string]bool
	wait    sync.WaitGroup
	pings   atomic.Uint32
	sent    int
}

// service is the address of the cloud's own services, outside of all VPCs.
var (
	service  = netip.MustParseAddr("198.19.128.1")
	service6 = netip.MustParseAddr("2001:db8:ffff::5")
)

// The metadata service's address, and that of DNS.
var (
	metadata = netip.MustParseAddr("169.254.169.254")
	resolver = netip.MustParseAddr("10.0.0.2")
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }

func newWorld(t *testing.T, rig Rig) *world {
	w := &world{t: t, rig: rig, vpcs: map[string]*plane.VPC{}, applied: map[string]string{}, serving: map[string]bool{}}
	t.Cleanup(w.wait.Wait)
	w.vpcs["a"] = &plane.VPC{
		ID: "vpc-a", CIDRs: []netip.Prefix{prefix("10.0.0.0/16"), prefix("2001:db8:a::/56")},
		Subnets: []plane.Subnet{
			{ID: "subnet-public-a", Zone: "us-east-1a", CIDRs: []netip.Prefix{prefix("10.0.0.0/24"), prefix("2001:db8:a:0::/64")}, RouteTable: "rtb-public", ACL: "acl-public-a"},
			{ID: "subnet-public-b", Zone: "us-east-1b", CIDRs: []netip.Prefix{prefix("10.0.1.0/24"), prefix("2001:db8:a:1::/64")}, RouteTable: "rtb-public", ACL: "acl-public-b"},
			{ID: "subnet-private", Zone: "us-east-1a", CIDRs: []netip.Prefix{prefix("10.0.2.0/24"), prefix("2001:db8:a:2::/64")}, RouteTable: "rtb-private", ACL: "acl-private"},
			{ID: "subnet-isolated", Zone: "us-east-1c", CIDRs: []netip.Prefix{prefix("10.0.3.0/24")}, RouteTable: "rtb-isolated", ACL: "acl-isolated"},
		},
		RouteTables: []plane.RouteTable{{ID: "rtb-public"}, {ID: "rtb-private"}, {ID: "rtb-isolated"}},
		ACLs:        []plane.ACL{openACL("acl-public-a"), openACL("acl-public-b"), openACL("acl-private"), openACL("acl-isolated")},
		Groups:      []plane.Group{openGroup("sg-open")},
	}
	w.vpcs["b"] = small("b", "10.8.0.0/16", "10.8.0.0/24")
	w.vpcs["c"] = small("c", "10.9.0.0/16", "10.9.0.0/24")
	for name, at := range map[string]string{
		"web": "10.0.0.10", "app": "10.0.0.11", "client": "10.0.0.12", "lone": "10.0.0.13", "box": "10.0.0.20"} {
		w.machine("a", "subnet-public-a", name, at)
	}
	w.machine("a", "subnet-public-b", "other", "10.0.1.10")
	w.machine("a", "subnet-private", "db", "10.0.2.10")
	w.machine("a", "subnet-isolated", "iso", "10.0.3.10")
	w.machine("b", "subnet-b", "bee", "10.8.0.10")
	w.machine("c", "subnet-c", "cee", "10.9.0.10")
	return w
}

// small is a VPC of one subnet.
func small(name, cidr, subnet string) *plane.VPC {
	return &plane.VPC{
		ID: "vpc-" + name, CIDRs: []netip.Prefix{prefix(cidr)},
		Subnets:     []plane.Subnet{{ID: "subnet-" + name, Zone: "us-east-1a", CIDRs: []netip.Prefix{prefix(subnet)}, RouteTable: "rtb-" + name, ACL: "acl-" + name}},
		RouteTables: []plane.RouteTable{{ID: "rtb-" + name}},
		ACLs:        []plane.ACL{openACL("acl-" + name)},
		Groups:      []plane.Group{openGroup("sg-open")},
	}
}

// openACL is the default network ACL: everything passes.
func openACL(id string) plane.ACL {
	all := []plane.ACLRule{{Number: 100, Allow: true, Match: from(-1, 0, 0, "0.0.0.0/0")}, {Number: 101, Allow: true, Match: from(-1, 0, 0, "::/0")}}
	return plane.ACL{ID: id, Ingress: all, Egress: all}
}

// openGroup admits everything, both ways.
func openGroup(id string) plane.Group {
	all := []plane.Match{from(-1, 0, 0, "0.0.0.0/0"), from(-1, 0, 0, "::/0")}
	return plane.Group{ID: id, Ingress: all, Egress: all}
}

// from is a rule for the other side's prefix.
func from(protocol, low, high int, cidr string) plane.Match {
	return plane.Match{Protocol: protocol, FromPort: low, ToPort: high, CIDR: prefix(cidr)}
}

// member is a rule for the members of a group.
func member(protocol, low, high int, group string) plane.Match {
	return plane.Match{Protocol: protocol, FromPort: low, ToPort: high, Group: group}
}

const (
	tcp    = 6
	udp    = 17
	icmp   = 1
	icmpv6 = 58
)

// machine adds a machine with one interface, in group sg-open.
func (w *world) machine(vpc, subnet, name, at string) {
	v := w.vpcs[vpc]
	a := addr(at).As4()
	v.Interfaces = append(v.Interfaces, plane.Interface{
		ID: "eni-" + name, Subnet: subnet, Primary: addr(at), Groups: []string{"sg-open"}, Machine: "i-" + name,
		MAC: net.HardwareAddr{0x02, 0, a[0], a[1], a[2], a[3]}, Public: map[netip.Addr]netip.Addr{},
	})
}

// eni is the interface of a name, to be changed.
func (w *world) eni(name string) *plane.Interface {
	for _, v := range w.vpcs {
		for i := range v.Interfaces {
			if v.Interfaces[i].ID == "eni-"+name {
				return &v.Interfaces[i]
			}
		}
	}
	panic("the world has no " + name)
}

func (w *world) public(name, at string) { w.eni(name).Public[w.eni(name).Primary] = addr(at) }

// groups puts an interface into security groups.
func (w *world) groups(name string, groups ...string) { w.eni(name).Groups = groups }

// group makes or replaces a security group.
func (w *world) group(vpc string, g plane.Group) {
	v := w.vpcs[vpc]
	i := slices.IndexFunc(v.Groups, func(o plane.Group) bool { return o.ID == g.ID })
	if i < 0 {
		v.Groups = append(v.Groups, g)
		return
	}
	v.Groups[i] = g
}

// acl replaces a network ACL.
func (w *world) acl(id string, ingress, egress []plane.ACLRule) {
	for _, v := range w.vpcs {
		for i := range v.ACLs {
			if v.ACLs[i].ID == id {
				v.ACLs[i] = plane.ACL{ID: id, Ingress: ingress, Egress: egress}
			}
		}
	}
}

// routes replaces the routes of a table.
func (w *world) routes(table string, routes ...plane.Route) {
	for _, v := range w.vpcs {
		for i := range v.RouteTables {
			if v.RouteTables[i].ID == table {
				v.RouteTables[i].Routes = routes
			}
		}
	}
}

func route(to string, kind plane.TargetKind, target string) plane.Route {
	return plane.Route{Destination: prefix(to), Kind: kind, Target: target}
}

// apply tells the network about the VPCs that changed.
func (w *world) apply(t *testing.T) {
	t.Helper()
	for _, name := range []string{"a", "b", "c"} {
		v := w.vpcs[name]
		if now := fmt.Sprintf("%+v", *v); now != w.applied[name] {
			if err := w.rig.Network.ApplyVPC(t.Context(), copyOf(v)); err != nil {
				t.Fatalf("apply %s: %v", v.ID, err)
			}
			w.applied[name] = now
		}
	}
}

// copyOf keeps the world's later changes from those who hold the VPC.
func copyOf(v *plane.VPC) plane.VPC {
	c := *v
	c.Groups, c.ACLs, c.Interfaces = slices.Clone(v.Groups), slices.Clone(v.ACLs), slices.Clone(v.Interfaces)
	c.RouteTables, c.Peerings, c.NATGateways = slices.Clone(v.RouteTables), slices.Clone(v.Peerings), slices.Clone(v.NATGateways)
	for i := range c.Interfaces {
		public := map[netip.Addr]netip.Addr{}
		for k, p := range c.Interfaces[i].Public {
			public[k] = p
		}
		c.Interfaces[i].Public = public
	}
	return c
}

// address is what a name of the matrix stands for.
func (w *world) address(name string) netip.Addr {
	if a, err := netip.ParseAddr(name); err == nil {
		return a
	}
	switch name {
	case "internet":
		return service
	case "internet/6":
		return service6
	case "metadata":
		return metadata
	case "dns":
		return resolver
	}
	of, which, _ := strings.Cut(name, "/")
	e := w.eni(of)
	switch which {
	case "":
		return e.Primary
	case "public":
		return e.Public[e.Primary]
	case "second", "6":
		for _, a := range e.Others {
			if a.Is6() == (which == "6") {
				return a
			}
		}
	case "second/public":
		return e.Public[w.address(of+"/second")]
	}
	panic("the world has no " + name)
}

// caller is the VPC and address that a name calls from.
func (w *world) caller(name string) (vpc string, from netip.Addr) {
	if name == "internet" {
		return "", netip.Addr{}
	}
	return w.vpcOf(name), w.address(name)
}

// callee is where the one called listens; the private address behind a public
// one. It is invalid where nobody of ours does.
func (w *world) callee(name string) (vpc string, at netip.Addr) {
	switch name {
	case "internet", "internet/6":
		return "", w.address(name)
	case "metadata", "dns":
		return "vpc-a", w.address(name)
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "", netip.Addr{}
	}
	return w.vpcOf(name), w.address(strings.TrimSuffix(name, "/public"))
}

func (w *world) vpcOf(name string) string {
	of, _, _ := strings.Cut(name, "/")
	for _, v := range w.vpcs {
		for _, e := range v.Interfaces {
			if e.ID == "eni-"+of {
				return v.ID
			}
		}
	}
	panic("the world has no " + name)
}
