//go:build linux

package network

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
	"testing"

	"pileus/plane"
)

func TestSmoke(t *testing.T) {
	host, _, err := makeNamespace("/run/netns/pileus-smoke-host")
	if err != nil {
		t.Fatal(err)
	}
	host.loopback()
	host.close()
	defer removeNamespace("/run/netns/pileus-smoke-host")
	n, err := Open(Options{Cloud: "smoke", HostNS: "/run/netns/pileus-smoke-host"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Clear()
	t.Log(n.Describe())
	mac, _ := net.ParseMAC("02:00:00:00:00:05")
	mac2, _ := net.ParseMAC("02:00:00:00:00:06")
	every := netip.MustParsePrefix("0.0.0.0/0")
	v := plane.VPC{ID: "vpc-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
		Subnets:     []plane.Subnet{{ID: "subnet-a", Zone: "us-east-1a", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, RouteTable: "rtb-1"}},
		RouteTables: []plane.RouteTable{{ID: "rtb-1"}},
		Groups:      []plane.Group{{ID: "sg-1", Egress: []plane.Match{{Protocol: -1, CIDR: every}}, Ingress: []plane.Match{{Protocol: 6, FromPort: 80, ToPort: 80, CIDR: every}}}},
		Interfaces: []plane.Interface{
			{ID: "eni-a", Subnet: "subnet-a", MAC: mac, Primary: netip.MustParseAddr("10.0.0.5"), Groups: []string{"sg-1"}, Machine: "i-a"},
			{ID: "eni-b", Subnet: "subnet-a", MAC: mac2, Primary: netip.MustParseAddr("10.0.0.6"), Groups: []string{"sg-1"}, Machine: "i-b"},
		}}
	if err := n.ApplyVPC(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	l, err := n.Listen(t.Context(), "vpc-1", netip.MustParseAddrPort("10.0.0.6:80"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 1e9)
	defer cancel()
	c, err := n.Dial(ctx, "vpc-1", netip.MustParseAddr("10.0.0.5"), "tcp", netip.MustParseAddrPort("10.0.0.6:80"))
	if err != nil {
		out, _ := exec.Command("ip", "netns", "exec", "pileus-smoke-vpc-1", "sh", "-c", "nft list ruleset; ip rule; ip route show table all; ip neigh; ip link; ip -s link").CombinedOutput()
		t.Log(string(out))
		out, _ = exec.Command("ip", "netns", "exec", "pileus-smoke-i-a", "sh", "-c", "ip a; ip r; ip neigh").CombinedOutput()
		t.Log(string(out))
		t.Fatal(err)
	}
	c.Close()
}
