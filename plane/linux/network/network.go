//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"pileus/clock"
	"pileus/plane"
)

// Options say how a cloud's networks are made.
type Options struct {
	// Cloud is the short id that is part of every name in the kernel:
	// lower-case letters and digits, at most 8.
	Cloud string
	Dir   string // nothing is kept there: all state is in the kernel
	Log   *slog.Logger
	Clock clock.Clock // stamps flow records; the machine's own where nil
	// Range holds the public IPv4 addresses, by default 198.18.0.0/15, which
	// RFC 2544 sets aside. See Reserved for what is not to be handed out.
	// Range6 holds the VPCs' IPv6 ranges, by default 2001:db8::/32.
	Range, Range6 netip.Prefix
	// HostNS is the network namespace that plays the host, by path; "" is the
	// real one.
	HostNS string
	// Uplink lets instances reach the real internet, through the host and with
	// its address.
	Uplink bool
	// Rootless tells that HostNS has no link with the real host: only this
	// process leads from one to the other.
	Rootless bool
	// Call calls somebody in the real internet for an instance, where this process
	// does that. The default calls as any program here.
	Call func(network, address string) (net.Conn, error)
}

// Network makes VPCs in the Linux kernel. It is safe for concurrent use.
type Network struct {
	opt  Options
	log  *slog.Logger
	host *wiring
	net  *internet
	ipv6 bool
	// flows tells that the kernel can count flow records.
	flows bool
	caps  []plane.Capability

	mu      sync.Mutex // one change at a time
	routers map[string]*router
	dark    map[string]bool
	slow    []plane.SlowZone
	netem   bool // the kernel can delay packets
	sites   map[string]*site
	// shared are the ranges of public addresses that the host reaches by another's
	// route.
	shared []netip.Prefix
	// stopWatch ends the look at tunnels; nil while there are none.
	stopWatch func()
	// outbound leads to the real internet; nil where the host's kernel does.
	outbound *outbound

	// Read without waiting for a change: addresses of each VPC's interfaces to
	// namespaces, the addresses of gateway endpoints to VPCs, and the interfaces
	// that are relays.
	holders, origins, relays sync.Map

	refusals refusals
}

var (
	_ plane.Network = (*Network)(nil)
	_ plane.Origins = (*Network)(nil)
)

// Open finds what exists of the cloud, and makes its internet.
func Open(opt Options) (*Network, error) {
	if !cloudName.MatchString(opt.Cloud) {
		return nil, fmt.Errorf("%q is no short id of a cloud: lower-case letters and digits, at most 8", opt.Cloud)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Clock == nil {
		opt.Clock = clock.New()
	}
	if !opt.Range.IsValid() {
		opt.Range = netip.MustParsePrefix("198.18.0.0/15")
	}
	if !opt.Range6.IsValid() {
		opt.Range6 = netip.MustParsePrefix("2001:db8::/32")
	}
	n := &Network{opt: opt, log: opt.Log, routers: map[string]*router{}, dark: map[string]bool{}, sites: map[string]*site{}}
	if err := n.probe(); err != nil {
		return nil, err
	}
	if err := n.openHost(); err != nil {
		return nil, err
	}
	net, err := n.openInternet()
	if err != nil {
		n.host.close()
		return nil, fmt.Errorf("the internet's namespace: %w", err)
	}
	n.net = net
	return n, nil
}

func (n *Network) openHost() error {
	path := n.opt.HostNS
	if path == "" {
		path = "/proc/self/ns/net"
	}
	ns, err := openNamespace(path)
	if err != nil {
		return err
	}
	n.host, err = openWiring(ns)
	return err
}

// Close gives back what this process holds; the networks stay.
func (n *Network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closeTunnels()
	n.closeOutbound()
	for _, r := range n.routers {
		r.close()
	}
	clear(n.routers)
	n.holders.Clear()
	n.origins.Clear()
	if n.net != nil {
		n.net.close()
		n.host.close()
		n.net = nil
	}
	return nil
}

// ApplyVPC makes the network what v says.
func (n *Network) ApplyVPC(ctx context.Context, v plane.VPC) error {
	if err := check(v); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	err := n.apply(v)
	if err != nil && n.net != nil && ctx.Err() == nil {
		// Perhaps somebody changed what is ours: look again at what is there.
		n.log.Warn("reading the network anew", "vpc", v.ID, "error", err)
		err = n.apply(v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", v.ID, err)
	}
	return nil
}

// apply brings a VPC's router up to date. One that fails is forgotten, so that
// the next attempt begins with what the kernel really has.
func (n *Network) apply(v plane.VPC) error {
	r, err := n.router(v.ID, true)
	if err != nil {
		return err
	}
	if err := r.apply(v); err != nil {
		r.close()
		delete(n.routers, v.ID)
		return err
	}
	return nil
}

// check refuses what names something that is not there.
func check(v plane.VPC) error {
	if !strings.HasPrefix(v.ID, "vpc-") {
		return fmt.Errorf("%q is no id of a VPC", v.ID)
	}
	subnets := map[string]bool{}
	for _, s := range v.Subnets {
		subnets[s.ID] = true
	}
	for _, e := range v.Interfaces {
		if !subnets[e.Subnet] {
			return fmt.Errorf("%s: interface %s is in subnet %q, which is not there", v.ID, e.ID, e.Subnet)
		}
		if !e.Primary.Is4() {
			return fmt.Errorf("%s: interface %s needs a primary IPv4 address", v.ID, e.ID)
		}
		if len(e.MAC) != 6 {
			return fmt.Errorf("%s: interface %s needs a hardware address", v.ID, e.ID)
		}
	}
	return nil
}

// router finds the router of a VPC, in this process or in the kernel; where
// make is set it makes one. It is nil where there is none.
func (n *Network) router(id string, make bool) (*router, error) {
	if r := n.routers[id]; r != nil {
		return r, nil
	}
	if n.net == nil {
		return nil, errors.New("the network is closed")
	}
	path := n.namespacePath(id)
	if _, err := os.Stat(path); !make && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	r, err := n.openRouter(id, path)
	if err != nil {
		return nil, err
	}
	n.routers[id] = r
	return r, nil
}

// RemoveVPC removes everything of the VPC.
func (n *Network) RemoveVPC(ctx context.Context, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return n.removeVPC(id)
}

func (n *Network) removeVPC(id string) error {
	r, err := n.router(id, false)
	if err != nil || r == nil {
		return err
	}
	if err := r.remove(); err != nil {
		return fmt.Errorf("remove %s: %w", id, err)
	}
	delete(n.routers, id)
	n.holders.Delete(id)
	return n.net.mirror()
}

// VPCs lists the VPCs that exist in the kernel. Their ids begin with "vpc-".
func (n *Network) VPCs(ctx context.Context) ([]string, error) {
	names, err := n.namespaces()
	return slices.DeleteFunc(names, func(id string) bool { return !strings.HasPrefix(id, "vpc-") }), err
}

// namespaces lists the ids of the cloud's namespaces.
func (n *Network) namespaces() (ids []string, err error) {
	entries, err := os.ReadDir(runNetNS)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if id, ours := strings.CutPrefix(e.Name(), n.prefix()); ours {
			ids = append(ids, id)
		}
	}
	return ids, err
}

// Clear removes everything of the cloud from the kernel. The Network is closed
// by it.
func (n *Network) Clear() error {
	n.mu.Lock()
	ids, err := n.namespaces()
	for _, id := range ids {
		if strings.HasPrefix(id, "vpc-") {
			err = errors.Join(err, n.removeVPC(id))
		}
	}
	for _, id := range ids {
		if strings.HasPrefix(id, "vpn-") {
			err = errors.Join(err, n.removeSite(id))
		}
	}
	if n.net != nil {
		err = errors.Join(err, n.net.remove())
	}
	ids, e := n.namespaces()
	err = errors.Join(err, e)
	for _, id := range ids {
		err = errors.Join(err, removeNamespace(n.namespacePath(id)))
	}
	n.mu.Unlock()
	return errors.Join(err, n.Close())
}

// CutZones makes the zones dark, and those lit that were dark before.
func (n *Network) CutZones(ctx context.Context, zones ...string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.dark)
	for _, z := range zones {
		n.dark[z] = true
	}
	var err error
	for _, r := range n.routers {
		if r.applied {
			err = errors.Join(err, r.filter())
		}
	}
	return err
}

// since is how long ago a stopwatch was started, for the log.
func since(s clock.Stopwatch) slog.Attr {
	return slog.Duration("took", s.Elapsed().Round(10*time.Microsecond))
}
