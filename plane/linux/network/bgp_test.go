//go:build linux

package network

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pileus/clock"
	"pileus/plane"
)

// TestBGP joins a network on premises with a VPC by two tunnels whose ends tell
// each other what is behind them; one of them fails, and the network on premises
// takes an announcement back.
func TestBGP(t *testing.T) {
	n := open(t, "bgp")
	p := netip.MustParsePrefix
	office, store, cloud := p("192.168.7.0/24"), p("192.168.8.0/24"), p("10.0.0.0/16")
	o1, t1 := pair(t, "vpn-1-1", "169.254.10.0/30", "198.18.1.1", "198.18.1.9")
	o2, t2 := pair(t, "vpn-1-2", "169.254.11.0/30", "198.18.1.2", "198.18.1.9")
	for _, x := range []*plane.Tunnel{&o1, &o2} {
		x.BGP = &plane.BGP{Local: 64512, Peer: 65000, Networks: []netip.Prefix{cloud}, Listens: true}
	}
	for _, x := range []*plane.Tunnel{&t1, &t2} {
		x.BGP = &plane.BGP{Local: 65000, Peer: 64512, Networks: []netip.Prefix{office, store}}
	}
	all := []plane.Match{{Protocol: -1, CIDR: all4}}
	acl := []plane.ACLRule{{Number: 100, Allow: true, Match: all[0]}}
	host := netip.MustParseAddr("10.0.0.10")
	v := plane.VPC{
		ID: "vpc-a", CIDRs: []netip.Prefix{cloud},
		Subnets:     []plane.Subnet{{ID: "subnet-a", Zone: "us-east-1a", CIDRs: []netip.Prefix{p("10.0.0.0/24")}, RouteTable: "rtb", ACL: "acl"}},
		RouteTables: []plane.RouteTable{{ID: "rtb", Routes: []plane.Route{{Destination: office, Kind: plane.ToVPN, Target: "vgw-1"}}}},
		ACLs:        []plane.ACL{{ID: "acl", Ingress: acl, Egress: acl}},
		Groups:      []plane.Group{{ID: "sg", Ingress: all, Egress: all}},
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
	site := plane.Site{ID: "vpn-1", Address: o1.Customer, Networks: []netip.Prefix{office, store}, Tunnels: []plane.Tunnel{t1, t2}}
	if err := n.ApplySite(ctx, site); err != nil {
		t.Fatal(err)
	}
	wait := func(what string, ok func(map[string]plane.TunnelStatus) bool) {
		t.Helper()
		for machine := clock.New(); ; {
			state, err := n.Tunnels(ctx, "vpc-a")
			if err != nil {
				t.Fatal(err)
			}
			if ok(state) {
				return
			}
			if err := machine.Wait(ctx, 50*time.Millisecond); err != nil {
				t.Fatalf("%s: tunnels are %+v", what, state)
			}
		}
	}
	knows := func(id string, routes ...netip.Prefix) func(map[string]plane.TunnelStatus) bool {
		return func(s map[string]plane.TunnelStatus) bool {
			return s[id].Established == (len(routes) > 0) && slices.Equal(s[id].Learned, routes)
		}
	}
	wait("the first learns", knows("vpn-1-1", office, store))
	wait("the second learns", knows("vpn-1-2", office, store))
	greet(t, n, "i-1", netip.AddrPortFrom(host, 80))
	greet(t, n, "vpn-1", netip.MustParseAddrPort("192.168.7.1:8080"))
	inside := func(f func() error) error {
		ns, err := openNamespace(n.namespacePath("i-1"))
		if err != nil {
			return err
		}
		defer ns.close()
		return ns.do(f)
	}
	asks := func(name string, from func(func() error) error, to string, want netip.Addr) {
		t.Helper()
		greeted(t, ctx, name, from, to, want)
	}
	asks("from the cloud", inside, "192.168.7.1:8080", host)
	asks("from the office", n.sites["vpn-1"].do, "10.0.0.10:80", netip.MustParseAddr("192.168.7.1"))

	n.mu.Lock()
	n.sites["vpn-1"].tunnels["vpn-1-1"].close()
	n.mu.Unlock()
	wait("the first has gone", func(s map[string]plane.TunnelStatus) bool { return !s["vpn-1-1"].Up })
	asks("from the cloud by the other tunnel", inside, "192.168.7.1:8080", host)

	for i := range site.Tunnels {
		site.Tunnels[i].BGP = &plane.BGP{Local: 65000, Peer: 64512, Networks: []netip.Prefix{office}}
	}
	if err := n.ApplySite(ctx, site); err != nil {
		t.Fatal(err)
	}
	wait("one network is announced no more", knows("vpn-1-2", office))
}
