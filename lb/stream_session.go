package lb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"hash/maphash"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"pileus/clock"
)

// session is a connection of a client and the one to its target.
type session struct {
	front  *streamFront
	conf   *streamConf
	node   *Node
	counts *streamCounts
	begun  clock.Stopwatch

	client   net.Conn // what the client says: of TLS, in the clear
	raw      net.Conn // its connection itself
	choice   *choice  // of TLS
	from, at netip.AddrPort

	group     *Group
	member    *member
	target    net.Conn // likewise
	rawTarget net.Conn
	shook     time.Duration // how long TLS took
	connected time.Duration // how long reaching the target took
	sent      atomic.Int64  // to the target
	received  atomic.Int64  // from it
	active    atomic.Int64  // when something was moved last, since begun

	mu     sync.Mutex
	ending ending
}

// ending is why a session ends.
type ending int

const (
	goesOn ending = iota
	endedByClient
	endedByTarget
	endedByBalancer
)

// flowSeed makes hashes of flows that others cannot foresee.
var flowSeed = maphash.MakeSeed()

// flowHash is the hash of what a flow is told by: both ends, or of the
// client's only the address where a group is sticky to it.
func flowHash(from, at netip.AddrPort, sticky string) uint64 {
	switch sticky {
	case "source_ip":
		from, at = netip.AddrPortFrom(from.Addr(), 0), netip.AddrPort{}
	case "source_ip_dest_ip", "source_ip_dest_ip_proto":
		from, at = netip.AddrPortFrom(from.Addr(), 0), netip.AddrPortFrom(at.Addr(), 0)
	}
	return maphash.Comparable(flowSeed, [2]netip.AddrPort{from, at})
}

// run carries the connection.
func (x *session) run() {
	defer context.AfterFunc(x.front.site.ctx, func() { x.end(endedByBalancer) })()
	defer x.finish()
	x.from, x.at = plain(addrPort(x.raw.RemoteAddr())), plain(addrPort(x.raw.LocalAddr()))
	if !x.conf.balancer.admits(x.node, protocolTCP, x.from.Addr(), x.at.Port()) {
		x.end(endedByBalancer)
		return
	}
	if x.conf.tls != nil && !x.shake() {
		return
	}
	if !x.reach() {
		return
	}
	defer x.member.inflight.Add(-1)
	defer x.member.track(func() { x.end(endedByBalancer) })()
	x.carry()
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort()
	}
	p, _ := netip.ParseAddrPort(a.String()) // invalid for what has no such address: a test's pipe
	return p
}

// shake ends TLS.
func (x *session) shake() bool {
	w := clock.Start()
	x.choice = &choice{Conn: x.raw}
	c := tls.Server(x.choice, x.conf.tls)
	ctx, cancel := context.WithTimeout(x.front.site.ctx, handshakeLimit)
	defer cancel()
	err := c.HandshakeContext(ctx)
	x.shook = w.Elapsed()
	if err != nil {
		x.counts.handshakeFailed.add(1)
		return false
	}
	x.client = c
	return true
}

// reach chooses a target and connects to it.
func (x *session) reach() bool {
	s := x.front.site
	hash := flowHash(x.from, x.at, "")
	pool := s.pool(x.conf.groupFor(hash))
	if pool == nil {
		x.end(endedByBalancer)
		return false
	}
	x.group = pool.group.Load()
	w := clock.Start()
	var err error
	for tried := []*member(nil); len(tried) < x.tries(); {
		m := x.choose(pool, hash, tried)
		if m == nil {
			break
		}
		tried = append(tried, m)
		m.inflight.Add(1)
		queue := s.surge(x.conf.balancer, x.node.Zone)
		_, err = wait(s.ctx, queue, x.conf.idle, func(ctx context.Context) (net.Conn, error) { return nil, x.connect(ctx, m) }, x.counts.failed)
		if err == nil {
			x.member, x.connected = m, w.Elapsed()
			x.counts.reached(x.connected)
			return true
		}
		m.inflight.Add(-1)
		if errors.Is(err, errSpilled) {
			break
		}
		x.counts.failed(err)
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) {
		x.end(endedByTarget)
	} else {
		x.end(endedByBalancer)
	}
	return false
}

// tries is how many targets are tried: a flow of a network load balancer
// belongs to one.
func (x *session) tries() int {
	if x.conf.balancer.Kind == Classic {
		return 3
	}
	return 1
}

func (x *session) choose(p *pool, hash uint64, tried []*member) *member {
	if x.conf.balancer.Kind == Classic {
		return p.choose(x.node.Zone, tried...)
	}
	if t := p.table(x.node.Zone); t != nil && t.failOpen && len(t.members) > 0 {
		x.counts.failedOpen.add(1)
	}
	if x.group.Sticky.Type != "" {
		hash = flowHash(x.from, x.at, x.group.Sticky.Type)
	}
	return p.hashed(x.node.Zone, hash)
}

// connect opens the connection to a target and says what comes before the
// client's own words.
func (x *session) connect(ctx context.Context, m *member) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	c, err := m.dialFor(ctx, x.node, x.group, x.from)
	if err != nil {
		return err
	}
	if !x.adopt(c) {
		return net.ErrClosed
	}
	if h := x.header(); h != nil {
		if _, err = c.Write(h); err != nil {
			c.Close()
			return err
		}
	}
	if p := x.group.Protocol; p == "TLS" || p == "SSL" || p == "HTTPS" {
		t := tls.Client(c, backendTLS(x.group, x.alpn()))
		if err = t.HandshakeContext(ctx); err != nil {
			x.counts.targetHandshakeFailed.add(1)
			c.Close()
			return err
		}
		x.target = t
	}
	return nil
}

// adopt takes a connection to a target in, to be ended with the session.
func (x *session) adopt(c net.Conn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ending != goesOn {
		c.Close()
		return false
	}
	x.rawTarget, x.target = c, c
	return true
}

// header is what the target is told of the client; nil for nothing.
func (x *session) header() []byte {
	switch {
	case x.group.ProxyV1:
		return proxyV1(nil, x.from, x.at)
	case x.group.ProxyProtocol:
		return proxyV2(nil, x.from, x.at, true, x.node.endpoint())
	}
	return nil
}

// alpn is the protocol that the client agreed on; "" for none.
func (x *session) alpn() string {
	if c, ok := x.client.(*tls.Conn); ok {
		return c.ConnectionState().NegotiatedProtocol
	}
	return ""
}

// backendTLS is how a target is spoken to. Its certificate is not checked,
// as AWS does not, but for the public keys that a classic load balancer's
// policy may name.
func backendTLS(g *Group, alpn string) *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}
	if alpn != "" {
		c.NextProtos = []string{alpn}
	}
	if len(g.Keys) > 0 {
		keys := g.Keys
		c.VerifyConnection = func(s tls.ConnectionState) error { return hasKey(s.PeerCertificates, keys) }
	}
	return c
}

// hasKey checks that the first certificate has one of the public keys.
func hasKey(chain []*x509.Certificate, keys [][]byte) error {
	for _, c := range chain[:min(1, len(chain))] {
		if slices.ContainsFunc(keys, func(k []byte) bool { return slices.Equal(k, c.RawSubjectPublicKeyInfo) }) {
			return nil
		}
	}
	return errors.New("the target's public key is none of those that it may have")
}
