//go:build linux

package network

import (
	"bufio"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"pileus/clock"
	"pileus/plane"
)

// pair makes the two ends of a tunnel.
func pair(t *testing.T, id, inside, outside, customer string) (ours, theirs plane.Tunnel) {
	t.Helper()
	key := func() (private, public []byte) {
		k, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k.Bytes(), k.PublicKey().Bytes()
	}
	p := netip.MustParsePrefix(inside)
	one, two := netip.PrefixFrom(nthAddress(p, 1), 30), netip.PrefixFrom(nthAddress(p, 2), 30)
	a, pa := key()
	b, pb := key()
	o, c := netip.MustParseAddr(outside), netip.MustParseAddr(customer)
	return plane.Tunnel{ID: id, Outside: o, Customer: c, Inside: one, Peer: two, PrivateKey: a, PeerKey: pb, Shared: "secret12"},
		plane.Tunnel{ID: id, Outside: c, Customer: o, Inside: two, Peer: one, PrivateKey: b, PeerKey: pa, Shared: "secret12"}
}

// TestVPN joins a network on premises with a VPC by two tunnels, asks across
// them both ways, and again after one has failed.
func TestVPN(t *testing.T) {
	n := open(t, "vpn")
	p := netip.MustParsePrefix
	office, cloud := p("192.168.7.0/24"), p("10.0.0.0/16")
	o1, t1 := pair(t, "vpn-1-1", "169.254.10.0/30", "198.18.1.1", "198.18.1.9")
	o2, t2 := pair(t, "vpn-1-2", "169.254.11.0/30", "198.18.1.2", "198.18.1.9")
	for _, x := range []*plane.Tunnel{&o1, &o2} {
		x.Destinations = []netip.Prefix{office}
	}
	for _, x := range []*plane.Tunnel{&t1, &t2} {
		x.Destinations = []netip.Prefix{cloud}
	}
	all := []plane.Match{{Protocol: -1, CIDR: all4}}
	acl := []plane.ACLRule{{Number: 100, Allow: true, Match: all[0]}}
	host := netip.MustParseAddr("10.0.0.10")
	v := plane.VPC{
		ID: "vpc-a", CIDRs: []netip.Prefix{cloud},
		Subnets:     []plane.Subnet{{ID: "subnet-a", Zone: "us-east-1a", CIDRs: []netip.Prefix{p("10.0.0.0/24")}, RouteTable: "rtb", ACL: "acl"}},
		RouteTables: []plane.RouteTable{{ID: "rtb", Routes: []plane.Route{{Destination: office, Kind: plane.ToVPN, Target: "vgw-1"}}}},
		ACLs:        []plane.ACL{{ID: "acl", Ingress: acl, Egress: acl}},
		Groups:      []plane.Group{{ID: "sg", Ingress: []plane.Match{{Protocol: 6, FromPort: 80, ToPort: 80, CIDR: office}}, Egress: all}},
		Interfaces: []plane.Interface{{
			ID: "eni-1", Subnet: "subnet-a", Primary: host, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Groups: []string{"sg"}, Machine: "i-1",
		}},
		VPN: &plane.VPNGateway{ID: "vgw-1", Tunnels: []plane.Tunnel{o1, o2}},
	}
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	if err := n.ApplyVPC(ctx, v); err != nil {
		t.Fatal(err)
	}
	if err := n.ApplySite(ctx, plane.Site{ID: "vpn-1", Address: o1.Customer, Networks: []netip.Prefix{office}, Tunnels: []plane.Tunnel{t1, t2}}); err != nil {
		t.Fatal(err)
	}
	wait := func(want map[string]bool) {
		t.Helper()
		machine := clock.New()
		for {
			state, err := n.Tunnels(ctx, "vpc-a")
			if err != nil {
				t.Fatal(err)
			}
			same := true
			for id, up := range want {
				same = same && state[id].Up == up
			}
			if same {
				return
			}
			if err := machine.Wait(ctx, 50*time.Millisecond); err != nil {
				t.Fatalf("tunnels are %+v, want %v", state, want)
			}
		}
	}
	wait(map[string]bool{"vpn-1-1": true, "vpn-1-2": true})
	greet(t, n, "i-1", netip.AddrPortFrom(host, 80))
	greet(t, n, "vpn-1", netip.MustParseAddrPort("192.168.7.1:8080"))

	ask := func(name string, from func(func() error) error, to string, want netip.Addr) {
		t.Helper()
		greeted(t, ctx, name, from, to, want)
	}
	site := n.sites["vpn-1"].do
	inside := func(f func() error) error {
		ns, err := openNamespace(n.namespacePath("i-1"))
		if err != nil {
			return err
		}
		defer ns.close()
		return ns.do(f)
	}
	ask("from the office", site, "10.0.0.10:80", netip.MustParseAddr("192.168.7.1"))
	ask("from the cloud", inside, "192.168.7.1:8080", host)

	// The first tunnel fails: the other end does not answer any more.
	n.mu.Lock()
	n.sites["vpn-1"].tunnels["vpn-1-1"].close()
	n.mu.Unlock()
	wait(map[string]bool{"vpn-1-1": false, "vpn-1-2": true})
	ask("from the cloud by the other tunnel", inside, "192.168.7.1:8080", host)
	ask("from the office by the other tunnel", site, "10.0.0.10:80", netip.MustParseAddr("192.168.7.1"))
}

// greet tells everyone who connects by which address it is seen.
func greet(t *testing.T, n *Network, where string, at netip.AddrPort) {
	t.Helper()
	ns, err := openNamespace(n.namespacePath(where))
	if err != nil {
		t.Fatal(err)
	}
	defer ns.close()
	var l net.Listener
	err = ns.do(func() (err error) {
		l, err = net.Listen("tcp", at.String())
		return err
	})
	if err != nil {
		t.Fatalf("listen at %v in %s: %v", at, where, err)
	}
	answer(t, l, func(c net.Conn) {
		from, _ := netip.ParseAddrPort(c.RemoteAddr().String())
		fmt.Fprintln(c, from.Addr())
	})
}

// greeted waits until whoever calls is greeted as what is wanted: routes follow
// within a second, at each end by itself.
func greeted(t *testing.T, ctx context.Context, name string, from func(func() error) error, to string, want netip.Addr) {
	t.Helper()
	for machine := clock.New(); ; {
		got, err := call(ctx, from, to)
		if err == nil && got == want.String() {
			return
		}
		if machine.Wait(ctx, 100*time.Millisecond) != nil {
			t.Fatalf("%s: %s is greeted as %q, %v; want %v", name, to, got, err, want)
		}
	}
}

// call connects and reads the greeting.
func call(ctx context.Context, in func(func() error) error, to string) (got string, err error) {
	err = in(func() error {
		d := net.Dialer{Timeout: 5 * time.Second}
		c, err := d.DialContext(ctx, "tcp", to)
		if err != nil {
			return err
		}
		defer c.Close()
		line, _, err := bufio.NewReader(c).ReadLine()
		got = string(line)
		return err
	})
	return got, err
}
