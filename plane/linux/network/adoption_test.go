//go:build linux

package network

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"pileus/plane"
)

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
	if _, err := n.Dial(ctx, "vpc-1", netip.MustParseAddr("10.0.0.10"), "tcp", netip.MustParseAddrPort("10.0.1.11:81")); !quiet(err) {
		t.Errorf("a port that no rule opens: %v", err)
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
