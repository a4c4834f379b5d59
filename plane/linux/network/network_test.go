//go:build linux

package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/plane"
	"pileus/plane/planetest"
)

func TestContract(t *testing.T) {
	planetest.Network(t, open(t, "contract"))
}

// twoZones is a VPC with a machine in each of two zones, both with public
// addresses, and an interface that this process serves.
func twoZones(id string) plane.VPC {
	p := netip.MustParsePrefix
	all := []plane.Match{{Protocol: -1, CIDR: all4}}
	acl := []plane.ACLRule{{Number: 100, Allow: true, Match: all[0]}}
	mac := func(b byte) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, b} }
	a := netip.MustParseAddr
	return plane.VPC{
		ID: id, CIDRs: []netip.Prefix{p("10.0.0.0/16")}, InternetGateway: "igw-1",
		Subnets: []plane.Subnet{
			{ID: "subnet-a", Zone: "us-east-1a", CIDRs: []netip.Prefix{p("10.0.0.0/24")}, RouteTable: "rtb-1", ACL: "acl-1"},
			{ID: "subnet-b", Zone: "us-east-1b", CIDRs: []netip.Prefix{p("10.0.1.0/24")}, RouteTable: "rtb-1", ACL: "acl-1"},
		},
		RouteTables: []plane.RouteTable{{ID: "rtb-1", Routes: []plane.Route{{Destination: all4, Kind: plane.ToInternetGateway, Target: "igw-1"}}}},
		ACLs:        []plane.ACL{{ID: "acl-1", Ingress: acl, Egress: acl}},
		Groups:      []plane.Group{{ID: "sg-1", Ingress: []plane.Match{{Protocol: 6, FromPort: 80, ToPort: 80, CIDR: p("0.0.0.0/0")}}, Egress: all}},
		Interfaces: []plane.Interface{
			{ID: "eni-a", Subnet: "subnet-a", MAC: mac(1), Primary: a("10.0.0.10"), Groups: []string{"sg-1"}, Machine: "i-a",
				Public: map[netip.Addr]netip.Addr{a("10.0.0.10"): a("198.18.0.1")}},
			{ID: "eni-b", Subnet: "subnet-b", MAC: mac(2), Primary: a("10.0.1.10"), Groups: []string{"sg-1"}, Machine: "i-b",
				Public: map[netip.Addr]netip.Addr{a("10.0.1.10"): a("198.18.0.2")}},
			{ID: "eni-lb", Subnet: "subnet-a", MAC: mac(3), Primary: a("10.0.0.20"), Groups: []string{"sg-1"}, Served: true},
		},
	}
}

// echo answers at an address until the test ends.
func echo(t testing.TB, n *Network, vpc, at string) net.Listener {
	t.Helper()
	l, err := n.Listen(t.Context(), vpc, netip.MustParseAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	answer(t, l, func(c net.Conn) { _, _ = io.Copy(c, c) })
	return l
}

// answer has f speak with everyone who connects, until the test ends.
func answer(t testing.TB, l net.Listener, f func(net.Conn)) {
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
}

// patient is how long tests wait for what must come: it only ends those that
// would wait for ever, and has nothing to do with how fast a machine is.
const patient = 3 * time.Minute

func dial(t testing.TB, n *Network, vpc, from, to string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	var a netip.Addr
	if from != "" {
		a = netip.MustParseAddr(from)
	}
	c, err := n.Dial(ctx, vpc, a, "tcp", netip.MustParseAddrPort(to))
	if err != nil {
		t.Fatalf("%s to %s: %v", from, to, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func say(t testing.TB, c net.Conn, what string) {
	t.Helper()
	fmt.Fprintln(c, what)
	got, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || strings.TrimSpace(got) != what {
		t.Fatalf("said %q, heard %q, %v", what, got, err)
	}
}

// TestRefusals has a listener of this process end without a word, as with the
// process: who calls waits, and is answered when somebody listens again. One that
// was closed refuses.
func TestRefusals(t *testing.T) {
	n := open(t, "refusals")
	if err := n.ApplyVPC(t.Context(), twoZones("vpc-1")); err != nil {
		t.Fatal(err)
	}
	const at = "10.0.0.20:80"
	listen := func() *held {
		l, err := n.Listen(t.Context(), "vpc-1", netip.MustParseAddrPort(at))
		if err != nil {
			t.Fatal(err)
		}
		return l.(*held)
	}
	call := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		c, err := n.Dial(ctx, "vpc-1", netip.MustParseAddr("10.0.0.10"), "tcp", netip.MustParseAddrPort(at))
		if err == nil {
			c.Close()
		}
		return err
	}
	l := listen()
	if err := l.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := call(200 * time.Millisecond); err == nil || errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("while nobody listens: %v", err)
	}
	next := listen()
	if err := call(patient); err != nil {
		t.Errorf("when somebody listens again: %v", err)
	}
	l.Close()
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if err := call(patient); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("when it was closed: %v", err)
	}
}

// TestServed looks at what this process does itself inside of a VPC: a load
// balancer is called and calls, behind its groups like any interface.
func TestServed(t *testing.T) {
	n := open(t, "served")
	v := twoZones("vpc-1")
	if err := n.ApplyVPC(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	echo(t, n, "vpc-1", "10.0.0.20:80")
	echo(t, n, "vpc-1", "10.0.1.10:80")
	say(t, dial(t, n, "vpc-1", "10.0.0.10", "10.0.0.20:80"), "to the load balancer")
	c := dial(t, n, "vpc-1", "10.0.0.20", "10.0.1.10:80")
	say(t, c, "from the load balancer")
	if from := c.LocalAddr().(*net.TCPAddr).IP.String(); from != "10.0.0.20" {
		t.Errorf("the load balancer calls from %s", from)
	}
	// A listener at an address of an instance belongs to that instance.
	if _, err := n.Listen(t.Context(), "vpc-1", netip.MustParseAddrPort("10.0.1.10:80")); err == nil {
		t.Error("two listeners at one address")
	}
	if _, err := n.Dial(t.Context(), "vpc-1", netip.MustParseAddr("10.0.0.99"), "tcp", netip.MustParseAddrPort("10.0.1.10:80")); err == nil {
		t.Error("dialing from an address that nobody has")
	}
	// The host reaches public addresses, and instances do not reach the host.
	echo(t, n, "vpc-1", "10.0.0.10:80")
	var hc net.Conn
	err := n.host.do(func() (err error) {
		hc, err = net.Dial("tcp4", "198.18.0.1:80")
		return err
	})
	if err != nil {
		t.Fatalf("the host to a public address: %v", err)
	}
	defer hc.Close()
	say(t, hc, "from the host")
	var hl net.Listener
	if err := n.host.do(func() (err error) {
		hl, err = net.Listen("tcp4", "0.0.0.0:8080")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer hl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 4e8)
	defer cancel()
	if _, err := n.Dial(ctx, "vpc-1", netip.MustParseAddr("10.0.0.10"), "tcp", netip.AddrPortFrom(n.hostAddress(n.opt.Range), 8080)); err == nil {
		t.Error("an instance reaches what the host listens on")
	}
}

// TestQuoted sends to ports where nobody listens, both ways through the
// internet gateway: the ICMP error quotes a packet, whose addresses must be the
// receiver's own to be understood.
func TestQuoted(t *testing.T) {
	n := open(t, "quoted")
	v := twoZones("vpc-1")
	v.Groups[0].Ingress = []plane.Match{{Protocol: -1, CIDR: all4}}
	if err := n.ApplyVPC(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	echo(t, n, "", "198.19.128.1:80") // makes the address local
	for _, test := range []struct{ name, vpc, from, to string }{
		{"out", "vpc-1", "10.0.0.10", "198.19.128.1:9"},
		{"in", "", "198.19.128.1", "198.18.0.1:9"},
	} {
		c, err := n.Dial(t.Context(), test.vpc, netip.MustParseAddr(test.from), "udp", netip.MustParseAddrPort(test.to))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("anybody?")); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(clock.Machine().Add(patient)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 10)); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("%s: %v, want that the port is closed", test.name, err)
		}
	}
}

// TestUplink has an instance call somebody beyond the host, who sees the host.
func TestUplink(t *testing.T) {
	n := open(t, "uplink")
	path := filepath.Join(runNetNS, "pileus-test-world")
	removeNamespace(path)
	world, _, err := makeNamespace(path, bare)
	if err != nil {
		t.Fatal(err)
	}
	defer removeNamespace(path)
	defer world.close()
	if _, err := n.host.plug(cable{name: "wan", mtu: 1500, far: world, farName: "eth0"}); err != nil {
		t.Fatal(err)
	}
	for _, end := range []struct {
		ns         *namespace
		link, addr string
	}{{n.host.namespace, "wan", "192.0.2.1/24"}, {world, "eth0", "192.0.2.2/24"}} {
		link, err := end.ns.link.LinkByName(end.link)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(end.ns.link.AddrAdd(link, &netlink.Addr{IPNet: ipNet(netip.MustParsePrefix(end.addr))}), end.ns.link.LinkSetUp(link)); err != nil {
			t.Fatal(err)
		}
	}
	var l net.Listener
	if err := world.do(func() (err error) {
		l, err = net.Listen("tcp4", "192.0.2.2:80")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	call := func(n *Network, limit time.Duration) error {
		if err := n.ApplyVPC(t.Context(), twoZones("vpc-1")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		c, err := n.Dial(ctx, "vpc-1", netip.MustParseAddr("10.0.0.10"), "tcp", netip.MustParseAddrPort("192.0.2.2:80"))
		if err == nil {
			c.Close()
		}
		return err
	}
	if err := call(n, 2*time.Second); err == nil {
		t.Error("an instance reaches the real internet without an uplink")
	}
	opt := n.opt
	opt.Uplink = true
	again, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := call(again, patient); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if seen := c.RemoteAddr().(*net.TCPAddr).IP.String(); seen != "192.0.2.1" {
		t.Errorf("seen as %s, not as the host", seen)
	}
}

// TestTwoClouds share a host, which reaches the addresses of both: those of the
// second one by one.
func TestTwoClouds(t *testing.T) {
	n := open(t, "one")
	opt := n.opt
	opt.Cloud = "two"
	second, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	moved := func(to string) plane.VPC {
		v := twoZones("vpc-1")
		v.Interfaces[0].Public = map[netip.Addr]netip.Addr{v.Interfaces[0].Primary: netip.MustParseAddr(to)}
		v.Interfaces[1].Public = nil
		return v
	}
	apply := func(n *Network, v plane.VPC) {
		t.Helper()
		if err := n.ApplyVPC(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	reached := func(address, want string) {
		t.Helper()
		var got []byte
		err := n.host.do(func() error {
			c, err := net.Dial("tcp4", address+":80")
			if err != nil {
				return err
			}
			defer c.Close()
			got, err = io.ReadAll(c)
			return err
		})
		if err != nil || string(got) != want {
			t.Errorf("%s leads to %q (%v), want %s", address, got, err, want)
		}
	}
	left := func(address string) {
		t.Helper()
		routes, err := n.host.link.RouteGet(net.ParseIP(address))
		if err != nil || len(routes) != 1 || routes[0].LinkIndex != n.host.links[n.hostLink()].index {
			t.Errorf("the way to %s is %v (%v), not the first cloud", address, routes, err)
		}
	}
	apply(n, twoZones("vpc-1"))
	apply(second, moved("198.18.0.3"))
	sayAt(t, n, "vpc-1", "10.0.0.10:80", "one")
	sayAt(t, second, "vpc-1", "10.0.0.10:80", "two")
	for _, n := range []*Network{n, second} {
		if !slices.ContainsFunc(n.Describe(), func(c plane.Capability) bool { return c.Works && c.Name == "the host reaches 198.18.0.0/15" }) {
			t.Errorf("%s says %v", n.opt.Cloud, n.Describe())
		}
	}
	reached("198.18.0.1", "one")
	reached("198.18.0.3", "two")

	apply(second, moved("198.18.0.4"))
	left("198.18.0.3")
	reached("198.18.0.4", "two")
	if err := second.RemoveVPC(t.Context(), "vpc-1"); err != nil {
		t.Fatal(err)
	}
	left("198.18.0.4")
	if err := second.Clear(); err != nil {
		t.Error(err)
	}
	reached("198.18.0.1", "one")
}

// sayAt says a word to whoever comes to an address, until the test ends.
func sayAt(t *testing.T, n *Network, vpc, at, word string) {
	t.Helper()
	l, err := n.Listen(t.Context(), vpc, netip.MustParseAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	answer(t, l, func(c net.Conn) { _, _ = io.WriteString(c, word) })
}

// TestOrigin has two VPCs of the same addresses call a service through their
// gateway endpoints.
func TestOrigin(t *testing.T) {
	n := open(t, "origin")
	l, err := n.Listen(t.Context(), "", netip.MustParseAddrPort("198.19.255.2:443"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, id := range []string{"vpc-1", "vpc-2"} {
		v := twoZones(id)
		v.InternetGateway = ""
		for i := range v.Interfaces {
			v.Interfaces[i].Machine += id
		}
		v.Interfaces = v.Interfaces[:2]
		v.GatewayEndpoints = []plane.GatewayEndpoint{{ID: "vpce-1", Addresses: []netip.Prefix{netip.MustParsePrefix("198.19.255.2/32")}}}
		v.RouteTables[0].Routes = []plane.Route{{Kind: plane.ToGatewayEndpoint, Target: "vpce-1"}} // its addresses
		if err := n.ApplyVPC(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	for _, from := range []struct{ vpc, address string }{{"vpc-1", "10.0.0.10"}, {"vpc-2", "10.0.0.10"}, {"vpc-2", "10.0.1.10"}} {
		dial(t, n, from.vpc, from.address, "198.19.255.2:443")
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		vpc, source, ok := n.Origin(netip.MustParseAddrPort(c.RemoteAddr().String()))
		if !ok || vpc != from.vpc || source.String() != from.address {
			t.Errorf("%v seems to come from %s %v, %v", from, vpc, source, ok)
		}
	}
	if vpc, _, ok := n.Origin(netip.MustParseAddrPort("198.18.0.1:999")); ok {
		t.Errorf("a connection through no endpoint comes from %s", vpc)
	}
}
