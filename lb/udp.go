package lb

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pileus/clock"
)

const (
	// packetIdle is after how long without a datagram a flow is forgotten.
	packetIdle = 120 * time.Second
	// packetRoom is how long a datagram can be.
	packetRoom = 64 << 10
)

// packetFront carries datagrams of UDP listeners. What comes from one client's
// port to one node is a flow: all of it goes to one target, and what that
// answers goes back.
type packetFront struct {
	site *site
	conf atomic.Pointer[streamConf]

	mu   sync.Mutex
	open map[entrance]*packetPort
}

// packetPort is a node's address on which datagrams arrive.
type packetPort struct {
	net.PacketConn
	front *packetFront
	node  atomic.Pointer[Node]
	at    netip.AddrPort

	mu    sync.Mutex
	flows map[netip.AddrPort]*packetFlow // by the client
}

func newPacketFront(s *site, b *Balancer, l *Listener) (front, error) {
	f := &packetFront{site: s, open: map[entrance]*packetPort{}}
	if err := f.update(b, l); err != nil {
		if len(f.open) == 0 {
			return nil, err
		}
		return f, err
	}
	return f, nil
}

func (f *packetFront) update(b *Balancer, l *Listener) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &streamConf{balancer: b, listener: l, idle: packetIdle, counts: map[string]*streamCounts{}}
	want := b.entrances(l.Port)
	for _, n := range b.Nodes {
		c.counts[n.Zone] = networkCounts(f.site.stats, n.Zone, "_UDP")
	}
	f.conf.Store(c)
	for at, p := range f.open {
		if want[at] == nil {
			p.close()
			delete(f.open, at)
		}
	}
	var failed []error
	for at, n := range want {
		if p := f.open[at]; p != nil {
			p.node.Store(n)
			continue
		}
		conn, err := f.site.opts.Wire.ListenPacket(f.site.ctx, at.vpc, at.at)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		p := &packetPort{PacketConn: conn, front: f, at: at.at, flows: map[netip.AddrPort]*packetFlow{}}
		p.node.Store(n)
		f.open[at] = p
		f.site.start(p.serve)
	}
	return errors.Join(failed...)
}

// close ends all flows: there is nothing that they could finish.
func (f *packetFront) close(time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for at, p := range f.open {
		p.close()
		delete(f.open, at)
	}
}

// close stops listening; serve ends the flows.
func (p *packetPort) close() { p.PacketConn.Close() }

// serve takes datagrams until the port is closed.
func (p *packetPort) serve() {
	defer context.AfterFunc(p.front.site.ctx, func() { p.close() })()
	defer p.endAll()
	buffer := make([]byte, packetRoom)
	for {
		n, from, err := readFrom(p.PacketConn, buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // an answer that could not be delivered
			if p.front.site.opts.Clock.Wait(p.front.site.ctx, time.Millisecond) != nil {
				return
			}
			continue
		}
		if flow := p.flow(from); flow != nil {
			flow.pass(buffer[:n])
		}
	}
}

func readFrom(c net.PacketConn, b []byte) (int, netip.AddrPort, error) {
	if u, ok := c.(*net.UDPConn); ok {
		n, from, err := u.ReadFromUDPAddrPort(b)
		return n, plain(from), err
	}
	n, from, err := c.ReadFrom(b)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	at, err := netip.ParseAddrPort(from.String())
	return n, plain(at), err
}

func (p *packetPort) writeTo(b []byte, to netip.AddrPort) error {
	if u, ok := p.PacketConn.(*net.UDPConn); ok {
		_, err := u.WriteToUDPAddrPort(b, to)
		return err
	}
	_, err := p.WriteTo(b, net.UDPAddrFromAddrPort(to))
	return err
}

// flow is that of a client, begun if there is none; nil where no target can be
// reached.
func (p *packetPort) flow(from netip.AddrPort) *packetFlow {
	p.mu.Lock()
	f := p.flows[from]
	p.mu.Unlock()
	if f != nil {
		return f
	}
	if f = p.begin(from); f == nil {
		return nil
	}
	p.mu.Lock()
	p.flows[from] = f
	p.mu.Unlock()
	p.front.site.start(f.answer)
	return f
}

func (p *packetPort) endAll() {
	p.mu.Lock()
	flows := p.flows
	p.flows = nil
	p.mu.Unlock()
	for _, f := range flows {
		f.end()
	}
}

// begin chooses a target for a client's flow and opens a socket to it.
func (p *packetPort) begin(from netip.AddrPort) *packetFlow {
	s, c, n := p.front.site, p.front.conf.Load(), p.node.Load()
	if !c.balancer.admits(n, protocolUDP, from.Addr(), p.at.Port()) {
		return nil
	}
	hash := flowHash(from, p.at, "")
	pool := s.pool(c.groupFor(hash))
	if pool == nil {
		return nil
	}
	g := pool.group.Load()
	if g.Sticky.Type != "" {
		hash = flowHash(from, p.at, g.Sticky.Type)
	}
	counts := c.counts[n.Zone]
	if counts == nil {
		counts = networkCounts(s.stats, n.Zone, "_UDP")
	}
	if t := pool.table(n.Zone); t != nil && t.failOpen && len(t.members) > 0 {
		counts.failedOpen.add(1)
	}
	m := pool.hashed(n.Zone, hash)
	if m == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, connectLimit)
	defer cancel()
	conn, err := s.dialFor(ctx, n, g, from, "udp", m.addr())
	if err != nil {
		counts.failed(err)
		return nil
	}
	f := &packetFlow{port: p, client: from, conn: conn, counts: counts, idle: c.idle, begun: clock.Start()}
	if g.ProxyProtocol {
		f.header = proxyV2(nil, from, p.at, false, n.endpoint())
	}
	f.untrack = m.track(f.end)
	m.inflight.Add(1)
	f.left = func() { m.inflight.Add(-1) }
	counts.open(1)
	return f
}
