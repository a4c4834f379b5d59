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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
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
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return l
}

func dial(t testing.TB, n *Network, vpc, from, to string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5e9)
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

// TestRepair takes things away behind the network's back.
func TestRepair(t *testing.T) {
	n := open(t, "repair")
	v := twoZones("vpc-1")
	if err := n.ApplyVPC(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	r := n.routers["vpc-1"]
	link, err := r.link.LinkByName(linkName(linkInterface, "eni-b"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.link.LinkDel(link); err != nil {
		t.Fatal(err)
	}
	conn, err := r.nft()
	if err != nil {
		t.Fatal(err)
	}
	conn.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: tableName})
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	v.Interfaces[1].Others = []netip.Addr{netip.MustParseAddr("10.0.1.11")}
	if err := n.ApplyVPC(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	echo(t, n, "vpc-1", "10.0.1.11:80")
	say(t, dial(t, n, "vpc-1", "10.0.0.10", "10.0.1.11:80"), "repaired")
	ctx, cancel := context.WithTimeout(t.Context(), 4e8)
	defer cancel()
	if _, err := n.Dial(ctx, "vpc-1", netip.MustParseAddr("10.0.0.10"), "tcp", netip.MustParseAddrPort("10.0.1.11:81")); !os.IsTimeout(err) {
		t.Errorf("a port that no rule opens: %v", err)
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
		if err := c.SetReadDeadline(clock.Machine().Add(5e9)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 10)); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("%s: %v, want that the port is closed", test.name, err)
		}
	}
}

// TestHalfDone begins where a process that was killed left off: namespaces
// without settings, links of which one end is set up.
func TestHalfDone(t *testing.T) {
	n := open(t, "half")
	for _, id := range []string{"vpc-1", "i-a"} {
		if err := nameNamespace(n.namespacePath(id)); err != nil {
			t.Fatal(err)
		}
	}
	ns, err := openNamespace(n.namespacePath("vpc-1"))
	if err != nil {
		t.Fatal(err)
	}
	defer ns.close()
	w, err := openWiring(ns)
	if err != nil {
		t.Fatal(err)
	}
	far, err := openNamespace(n.namespacePath("i-a"))
	if err != nil {
		t.Fatal(err)
	}
	defer far.close()
	name := linkName(linkInternet, "vpc-1")
	for _, c := range []cable{
		{name: name, mtu: internetMTU, mac: routerMAC, far: n.net.namespace, farName: name, farMAC: farMAC},
		{name: linkName(linkInterface, "eni-a"), mtu: interfaceMTU, mac: routerMAC, far: far, farName: "eth0"},
	} {
		if _, err := w.plug(c); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Open(n.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.ApplyVPC(t.Context(), twoZones("vpc-1")); err != nil {
		t.Fatal(err)
	}
	echo(t, again, "vpc-1", "10.0.1.10:80")
	echo(t, again, "", "198.19.128.1:80")
	say(t, dial(t, again, "vpc-1", "10.0.0.10", "10.0.1.10:80"), "inside")
	say(t, dial(t, again, "vpc-1", "10.0.0.10", "198.19.128.1:80"), "outside")
}

// TestTwoClouds share a host: the second leaves the first one's addresses alone.
func TestTwoClouds(t *testing.T) {
	n := open(t, "one")
	if err := n.ApplyVPC(t.Context(), twoZones("vpc-1")); err != nil {
		t.Fatal(err)
	}
	opt := n.opt
	opt.Cloud = "two"
	second, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	reaches := func(n *Network) bool {
		return slices.ContainsFunc(n.Describe(), func(c plane.Capability) bool { return c.Works && c.Name == "the host reaches 198.18.0.0/15" })
	}
	if !reaches(n) || reaches(second) {
		t.Errorf("the first says %v, the second %v", n.Describe(), second.Describe())
	}
	if err := second.ApplyVPC(t.Context(), twoZones("vpc-1")); err != nil {
		t.Fatal(err)
	}
	if err := second.Clear(); err != nil {
		t.Error(err)
	}
	echo(t, n, "vpc-1", "10.0.0.10:80")
	if err := n.host.do(func() error {
		c, err := net.Dial("tcp4", "198.18.0.1:80")
		if err == nil {
			c.Close()
		}
		return err
	}); err != nil {
		t.Errorf("the first cloud's address after the second is gone: %v", err)
	}
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

// TestAdoption restarts the process, as far as the network can tell, under an
// open connection.
func TestAdoption(t *testing.T) {
	n := open(t, "adopt")
	v := twoZones("vpc-1")
	w := twoZones("vpc-2")
	w.CIDRs = []netip.Prefix{netip.MustParsePrefix("10.5.0.0/16")}
	w.Subnets, w.Interfaces, w.InternetGateway = nil, nil, ""
	v.Peerings, w.Peerings = []plane.Peering{{ID: "pcx-1", Peer: "vpc-2"}}, []plane.Peering{{ID: "pcx-1", Peer: "vpc-1"}}
	for _, v := range []plane.VPC{v, w} {
		if err := n.ApplyVPC(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	echo(t, n, "vpc-1", "10.0.1.10:80")
	c := dial(t, n, "vpc-1", "10.0.0.10", "10.0.1.10:80")
	say(t, c, "before")
	before, err := n.Traffic(t.Context(), "vpc-1")
	if err != nil {
		t.Fatal(err)
	}
	links := linkNames(t, n.routers["vpc-1"].namespace)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}

	again, err := Open(n.opt)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if ids, err := again.VPCs(t.Context()); err != nil || !slices.Equal(ids, []string{"vpc-1", "vpc-2"}) {
		t.Errorf("VPCs found: %v, %v", ids, err)
	}
	say(t, c, "while nobody is there")
	for _, v := range []plane.VPC{v, w} {
		if err := again.ApplyVPC(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	say(t, c, "after")
	if now := linkNames(t, again.routers["vpc-1"].namespace); !slices.Equal(now, links) {
		t.Errorf("links were made anew: %v, then %v", links, now)
	}
	after, err := again.Traffic(t.Context(), "vpc-1")
	if err != nil {
		t.Fatal(err)
	}
	if b, a := before["eni-a"].InterZone, after["eni-a"].InterZone; b == 0 || a <= b {
		t.Errorf("bytes to other zones: %d, after the restart %d", b, a)
	}
	// What went away meanwhile is removed.
	v.Interfaces, v.InternetGateway = v.Interfaces[:1], ""
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if again, err = Open(n.opt); err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.ApplyVPC(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(again.namespacePath("*"))
	want := []string{again.namespacePath("i-a"), again.namespacePath("internet"), again.namespacePath("vpc-1"), again.namespacePath("vpc-2")}
	if !slices.Equal(left, want) {
		t.Errorf("namespaces: %v, want %v", left, want)
	}
	if err := again.RemoveVPC(t.Context(), "vpc-2"); err != nil {
		t.Error(err)
	}
	if ids, err := again.VPCs(t.Context()); err != nil || !slices.Equal(ids, []string{"vpc-1"}) {
		t.Errorf("VPCs after a peer was removed: %v, %v", ids, err)
	}
	if err := again.Clear(); err != nil {
		t.Error(err)
	}
}

// linkNames lists links with their indexes: a new link of the same name has
// another.
func linkNames(t *testing.T, ns *namespace) (names []string) {
	t.Helper()
	links, err := ns.link.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		names = append(names, fmt.Sprint(l.Attrs().Index, " ", l.Attrs().Name))
	}
	slices.Sort(names)
	return names
}

// TestNothingIsLeft lists what the machine has before and after a cloud's
// networks came and went.
func TestNothingIsLeft(t *testing.T) {
	path := filepath.Join(runNetNS, "pileus-test-host-left")
	n := open(t, "left")
	if err := n.Clear(); err != nil {
		t.Fatal(err)
	}
	before := inventory(t, path)
	opt := n.opt
	opt.Uplink = true
	n, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		v := twoZones(fmt.Sprint("vpc-", i))
		for k := range v.Interfaces {
			v.Interfaces[k].ID += v.ID
			if v.Interfaces[k].Machine != "" {
				v.Interfaces[k].Machine += v.ID
			}
		}
		v.FlowLogs = true
		v.GatewayEndpoints = []plane.GatewayEndpoint{{ID: "vpce-1", Addresses: []netip.Prefix{netip.MustParsePrefix("198.19.128.1/32")}}}
		if err := n.ApplyVPC(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		l, err := n.Listen(t.Context(), v.ID, netip.MustParseAddrPort("169.254.169.254:80"))
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	if during := inventory(t, path); slices.Equal(before, during) {
		t.Fatal("the inventory does not see a cloud's networks")
	}
	if err := n.RemoveVPC(t.Context(), "vpc-0"); err != nil {
		t.Fatal(err)
	}
	if err := n.Clear(); err != nil {
		t.Fatal(err)
	}
	if after := inventory(t, path); !slices.Equal(before, after) {
		t.Errorf("before: %q\nafter:  %q", before, after)
	}
}

// inventory is what the kernel has in the host, of namespaces and mounts, and
// what files this process holds open.
func inventory(t *testing.T, host string) (all []string) {
	t.Helper()
	ns, err := openNamespace(host)
	if err != nil {
		t.Fatal(err)
	}
	all = linkNames(t, ns)
	for i := range all { // a link that comes again gets another number
		_, all[i], _ = strings.Cut(all[i], " ")
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := ns.link.RouteList(nil, family)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range routes {
			all = append(all, fmt.Sprint("route ", r.Dst, r.Type))
		}
		rules, err := ns.link.RuleList(family)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint("rules ", len(rules)))
	}
	conn, err := ns.nft()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		all = append(all, "table "+table.Name)
	}
	ns.close()
	names, _ := filepath.Glob(filepath.Join(runNetNS, "pileus-left-*"))
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return append(append(all, names...), fmt.Sprint("mounts ", strings.Count(string(mounts), "pileus-left-")), fmt.Sprint("files ", len(open)))
}
