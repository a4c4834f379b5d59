package sim

import (
	"context"
	"iter"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"

	"pileus/plane"
)

// networks remembers what was applied.
type networks struct {
	mu   sync.Mutex
	vpcs map[string]plane.VPC
	cut  []string
	slow []plane.SlowZone
}

// ApplyVPC implements plane.Network.
func (n *networks) ApplyVPC(_ context.Context, v plane.VPC) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.vpcs[v.ID] = v
	return nil
}

// RemoveVPC implements plane.Network.
func (n *networks) RemoveVPC(_ context.Context, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.vpcs, id)
	return nil
}

// VPCs implements plane.Network.
func (n *networks) VPCs(context.Context) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.vpcs)), nil
}

// Applied is the state that was applied last, for tests.
func (n *networks) Applied(id string) (plane.VPC, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, ok := n.vpcs[id]
	return v, ok
}

// Listen implements plane.Network: a listener that nobody reaches.
func (n *networks) Listen(_ context.Context, _ string, addr netip.AddrPort) (net.Listener, error) {
	return &deaf{addr: addr, closed: make(chan struct{})}, nil
}

// ListenPacket implements plane.Network.
func (n *networks) ListenPacket(context.Context, string, netip.AddrPort) (net.PacketConn, error) {
	return nil, unsupported("a UDP service inside of a VPC")
}

// Dial implements plane.Network.
func (n *networks) Dial(context.Context, string, netip.Addr, string, netip.AddrPort) (net.Conn, error) {
	return nil, unsupported("a connection inside of a VPC")
}

// DialAs implements plane.Network.
func (n *networks) DialAs(context.Context, string, netip.Addr, netip.AddrPort, string, netip.AddrPort) (net.Conn, error) {
	return nil, unsupported("a connection inside of a VPC")
}

// Delivery implements plane.Network: there are no connections.
func (n *networks) Delivery(net.Conn) plane.Delivery { return plane.Delivered }

// Flows implements plane.Network: there are none.
func (n *networks) Flows(context.Context, string) (iter.Seq[plane.Flow], error) {
	return func(func(plane.Flow) bool) {}, nil
}

// Traffic implements plane.Network: every interface, and nothing passed it.
func (n *networks) Traffic(_ context.Context, vpc string) (map[string]plane.Counters, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]plane.Counters{}
	for _, i := range n.vpcs[vpc].Interfaces {
		out[i.ID] = plane.Counters{}
	}
	return out, nil
}

// Tunnels implements plane.Network: all are down, because nothing passes.
func (n *networks) Tunnels(_ context.Context, vpc string) (map[string]plane.TunnelStatus, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]plane.TunnelStatus{}
	if v := n.vpcs[vpc].VPN; v != nil {
		for _, t := range v.Tunnels {
			out[t.ID] = plane.TunnelStatus{}
		}
	}
	return out, nil
}

// ApplySite implements plane.Network.
func (n *networks) ApplySite(context.Context, plane.Site) error {
	return unsupported("a network on premises")
}

// RemoveSite implements plane.Network.
func (n *networks) RemoveSite(context.Context, string) error { return nil }

// Sites implements plane.Network.
func (n *networks) Sites(context.Context) ([]string, error) { return nil, nil }

// CutZones implements plane.Network.
func (n *networks) CutZones(_ context.Context, zones ...string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = slices.Clone(zones)
	return nil
}

// SlowZones implements plane.Network.
func (n *networks) SlowZones(_ context.Context, slow ...plane.SlowZone) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slow = slices.Clone(slow)
	return nil
}

// ZoneFaults are the zones that are cut and those that are slow, for tests.
func (n *networks) ZoneFaults() (cut []string, slow []plane.SlowZone) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.cut), slices.Clone(n.slow)
}

func (n *networks) clear() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.vpcs)
	n.cut, n.slow = nil, nil
}

// deaf is a listener whose Accept waits until it is closed.
type deaf struct {
	addr   netip.AddrPort
	once   sync.Once
	closed chan struct{}
}

func (d *deaf) Accept() (net.Conn, error) {
	<-d.closed
	return nil, net.ErrClosed
}

func (d *deaf) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

func (d *deaf) Addr() net.Addr { return net.TCPAddrFromAddrPort(d.addr) }
