//go:build linux

package linux

import (
	"context"
	"iter"
	"net"
	"net/netip"
	"path/filepath"
	"sync"

	"pileus/plane"
	"pileus/plane/linux/network"
)

// lazyNetwork opens the network when it is first needed: making a cloud's
// internet costs some milliseconds, and most clouds never need it.
type lazyNetwork struct {
	o network.Options

	mu      sync.Mutex
	current *network.Network
}

var _ plane.Network = (*lazyNetwork)(nil)

// left tells whether namespaces of this cloud exist.
func (l *lazyNetwork) left() bool {
	found, _ := filepath.Glob("/run/netns/pileus-" + l.o.Cloud + "-*")
	return len(found) > 0
}

func (l *lazyNetwork) open() (*network.Network, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		n, err := network.Open(l.o)
		if err != nil {
			return nil, err
		}
		l.current = n
	}
	return l.current, nil
}

// opened is the network if it was needed.
func (l *lazyNetwork) opened() *network.Network {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// ApplyVPC implements plane.Network.
func (l *lazyNetwork) ApplyVPC(ctx context.Context, v plane.VPC) error {
	n, err := l.open()
	if err != nil {
		return err
	}
	return n.ApplyVPC(ctx, v)
}

// RemoveVPC implements plane.Network.
func (l *lazyNetwork) RemoveVPC(ctx context.Context, id string) error {
	if n := l.opened(); n != nil {
		return n.RemoveVPC(ctx, id)
	}
	return nil
}

// Tunnels implements plane.Network.
func (l *lazyNetwork) Tunnels(ctx context.Context, vpc string) (map[string]plane.TunnelStatus, error) {
	if n := l.opened(); n != nil {
		return n.Tunnels(ctx, vpc)
	}
	return nil, plane.ErrNotFound
}

// ApplySite implements plane.Network.
func (l *lazyNetwork) ApplySite(ctx context.Context, s plane.Site) error {
	n, err := l.open()
	if err != nil {
		return err
	}
	return n.ApplySite(ctx, s)
}

// RemoveSite implements plane.Network.
func (l *lazyNetwork) RemoveSite(ctx context.Context, id string) error {
	if n := l.opened(); n != nil {
		return n.RemoveSite(ctx, id)
	}
	return nil
}

// Sites implements plane.Network.
func (l *lazyNetwork) Sites(ctx context.Context) ([]string, error) {
	if n := l.opened(); n != nil {
		return n.Sites(ctx)
	}
	return nil, nil
}

// Origin implements plane.Origins.
func (l *lazyNetwork) Origin(remote netip.AddrPort) (vpc string, source netip.Addr, ok bool) {
	if n := l.opened(); n != nil {
		return n.Origin(remote)
	}
	return "", source, false
}

// VPCs implements plane.Network.
func (l *lazyNetwork) VPCs(ctx context.Context) ([]string, error) {
	if n := l.opened(); n != nil {
		return n.VPCs(ctx)
	}
	return nil, nil
}

// Listen implements plane.Network.
func (l *lazyNetwork) Listen(ctx context.Context, vpc string, addr netip.AddrPort) (net.Listener, error) {
	n, err := l.open()
	if err != nil {
		return nil, err
	}
	return n.Listen(ctx, vpc, addr)
}

// ListenPacket implements plane.Network.
func (l *lazyNetwork) ListenPacket(ctx context.Context, vpc string, addr netip.AddrPort) (net.PacketConn, error) {
	n, err := l.open()
	if err != nil {
		return nil, err
	}
	return n.ListenPacket(ctx, vpc, addr)
}

// Dial implements plane.Network.
func (l *lazyNetwork) Dial(ctx context.Context, vpc string, from netip.Addr, proto string, addr netip.AddrPort) (net.Conn, error) {
	n, err := l.open()
	if err != nil {
		return nil, err
	}
	return n.Dial(ctx, vpc, from, proto, addr)
}

// DialAs implements plane.Network.
func (l *lazyNetwork) DialAs(ctx context.Context, vpc string, from netip.Addr, as netip.AddrPort, proto string, addr netip.AddrPort) (net.Conn, error) {
	n, err := l.open()
	if err != nil {
		return nil, err
	}
	return n.DialAs(ctx, vpc, from, as, proto, addr)
}

// Delivery implements plane.Network.
func (l *lazyNetwork) Delivery(c net.Conn) plane.Delivery {
	n, err := l.open()
	if err != nil {
		return plane.Delivered
	}
	return n.Delivery(c)
}

// Flows implements plane.Network.
func (l *lazyNetwork) Flows(ctx context.Context, vpc string) (iter.Seq[plane.Flow], error) {
	n, err := l.open()
	if err != nil {
		return nil, err
	}
	return n.Flows(ctx, vpc)
}

// Traffic implements plane.Network.
func (l *lazyNetwork) Traffic(ctx context.Context, vpc string) (map[string]plane.Counters, error) {
	n, err := l.open()
	if err != nil {
		return nil, err
	}
	return n.Traffic(ctx, vpc)
}

// CutZones implements plane.Network.
func (l *lazyNetwork) CutZones(ctx context.Context, zones ...string) error {
	n, err := l.open()
	if err != nil {
		return err
	}
	return n.CutZones(ctx, zones...)
}

// SlowZones implements plane.Network.
func (l *lazyNetwork) SlowZones(ctx context.Context, slow ...plane.SlowZone) error {
	n, err := l.open()
	if err != nil {
		return err
	}
	return n.SlowZones(ctx, slow...)
}

// Clear removes everything of the cloud; what is needed later is made again.
func (l *lazyNetwork) Clear() error {
	if l.opened() == nil && !l.left() {
		return nil
	}
	n, err := l.open()
	if err != nil {
		return err
	}
	if err := n.Clear(); err != nil {
		return err
	}
	return l.Close()
}

// Close lets go of the network, which stays.
func (l *lazyNetwork) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == nil {
		return nil
	}
	n := l.current
	l.current = nil
	return n.Close()
}
