package node

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"

	"pileus/cloud"
	"pileus/gate"
	"pileus/plane"
)

// A door is where the cloud's services answer inside of a VPC: an address of an
// interface endpoint, and a port.
type door struct {
	vpc, endpoint, nic string
	at                 netip.AddrPort
}

// openDoors answers on the addresses of a VPC's interface endpoints, and no
// more on those that are gone.
func (p *reachable) openDoors(ctx context.Context, v plane.VPC) error {
	wanted := map[door]bool{}
	for _, i := range v.Interfaces {
		if i.Endpoint == "" {
			continue
		}
		for _, port := range []uint16{80, 443} {
			wanted[door{v.ID, i.Endpoint, i.ID, netip.AddrPortFrom(i.Primary, port)}] = true
		}
	}
	p.closeDoors(func(d door) bool { return d.vpc == v.ID && !wanted[d] })
	p.mu.Lock()
	defer p.mu.Unlock()
	for d := range wanted {
		if p.doors[d] != nil {
			continue
		}
		l, err := p.Plane.Listen(ctx, d.vpc, d.at)
		if errors.Is(err, plane.ErrUnsupported) {
			return nil // nothing can ask
		}
		if err != nil {
			return err
		}
		if p.doors == nil {
			p.doors, p.config = map[door]net.Listener{}, anyName(p.node.authority)
		}
		p.doors[d] = l
		origin := cloud.Origin{VPC: d.vpc, Endpoint: d.endpoint}
		go p.serve(sniff(&sourced{l, func(from netip.AddrPort) (cloud.Origin, bool) {
			o := origin
			o.Source = from.Addr()
			return o, true
		}}, p.config, nil))
	}
	return nil
}

// closeDoors ends the service at some doors.
func (p *reachable) closeDoors(which func(door) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d, l := range p.doors {
		if which(d) {
			l.Close()
			delete(p.doors, d)
		}
	}
}

// gatewayOrigin tells which VPC a connection to an edge address came from, if
// it came through a gateway endpoint.
func (p *reachable) gatewayOrigin(edge netip.Addr) func(netip.AddrPort) (cloud.Origin, bool) {
	service := map[netip.Addr]string{plane.EdgeS3: "s3", plane.EdgeDynamoDB: "dynamodb"}[edge]
	known, ok := p.Plane.(plane.Origins)
	if !ok || service == "" {
		return func(netip.AddrPort) (cloud.Origin, bool) { return cloud.Origin{}, false }
	}
	return func(from netip.AddrPort) (cloud.Origin, bool) {
		vpc, source, ok := known.Origin(from)
		return cloud.Origin{VPC: vpc, Service: service, Source: source}, ok
	}
}

// sourced notes of each connection where it comes from.
type sourced struct {
	net.Listener
	origin func(remote netip.AddrPort) (cloud.Origin, bool)
}

// Accept returns the next connection.
func (s *sourced) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	from, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return c, nil
	}
	if o, ok := s.origin(from); ok {
		return &inside{c, o}, nil
	}
	return c, nil
}

// inside is a connection from inside of a VPC.
type inside struct {
	net.Conn
	origin cloud.Origin
}

// withOrigin tells the requests of a connection where it comes from, and how
// their answers can be sent in one go.
func withOrigin(ctx context.Context, conn net.Conn) context.Context {
	c := conn
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if p, ok := c.(*peeked); ok {
		if c == conn { // within TLS, other writes are made of an answer's
			ctx = gate.WithJoiner(ctx, p)
		}
		c = p.Conn
	}
	if i, ok := c.(*inside); ok {
		return cloud.WithOrigin(ctx, i.origin)
	}
	return ctx
}
