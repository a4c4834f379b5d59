package lb

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"pileus/clock"
)

const (
	// connectTimeout is how long a connection to a target may take, and
	// targetHandshake how long TLS over it.
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
	connectTimeout  = 10 * time.Second
	targetHandshake = 10 * time.Second
	// idleTargets is how many connections to one target a node keeps.
	idleTargets = 256
	// trusted is how long a kept connection is believed to be open; one that
	// lay longer is looked at before it is used.
	trusted = time.Second
	// look is how long it takes to see that nothing comes.
	look = 50 * time.Microsecond
)

// targetConn is a connection from a node to a target.
type targetConn struct {
	net.Conn
	raw     net.Conn // beneath TLS
	in      buffer
	member  *member
	zone    string
	untrack func()
	count   *gauge
	used    int
	since   clock.Stopwatch // when it was laid aside
}

// idleConns are the connections from one node to one target that wait for
// another request, the latest used last.
type idleConns struct {
	mu    sync.Mutex
	conns []*targetConn
}

// connect is a connection from the request's node to a target: a kept one if
// fresh is false and there is one, or a new one.
func (m *member) connect(ctx context.Context, x *exchange, fresh bool) (*targetConn, error) {
	n := x.node
	road := m.road(n.Zone)
	for !fresh {
		c := road.take()
		if c == nil {
			break
		}
		if c.since.Elapsed() < trusted || c.quiet(m.pool.site.opts.Clock) {
			return c, nil
		}
		c.discard()
	}
	raw, err := m.dial(ctx, n, x.limit())
	if err != nil {
		return nil, err
	}
	conn := raw
	if g := m.pool.group.Load(); g.Protocol == "HTTPS" {
		if conn, err = secured(ctx, raw, g, "http/1.1"); err != nil {
			return nil, err
		}
	}
	c := &targetConn{Conn: conn, raw: raw, member: m, zone: n.Zone}
	c.untrack = m.track(func() { conn.Close() })
	c.count = m.pool.site.nodeMeter(m.pool.site.desired.Load(), n.Zone).active
	c.count.add(1)
	return c, nil
}

// secured is a connection to a target once TLS has begun.
func secured(ctx context.Context, raw net.Conn, g *Group, protocol string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, targetHandshake)
	defer cancel()
	c := tls.Client(raw, backendTLS(g, protocol))
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, &tlsError{err}
	}
	return c, nil
}

// tlsError is a handshake with a target that failed, or took too long.
type tlsError struct{ error }

func (e *tlsError) Unwrap() error { return e.error }

// quiet tells whether a kept connection is still open and the target has said
// nothing of its own.
func (c *targetConn) quiet(k clock.Clock) bool {
	var b [1]byte
	c.SetReadDeadline(k.Machine().Add(look))
	n, err := c.Read(b[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// keep lays a connection aside for the next request.
func (c *targetConn) keep() {
	idle := c.member.road(c.zone)
	c.since = clock.Start()
	c.used++
	c.in.shrink()
	idle.mu.Lock()
	kept := len(idle.conns) < idleTargets && c.member.target.Load().Draining.IsZero()
	if kept {
		idle.conns = append(idle.conns, c)
	}
	idle.mu.Unlock()
	if !kept {
		c.discard()
	}
}

// discard closes a connection for good.
func (c *targetConn) discard() {
	c.untrack()
	c.count.add(-1)
	c.Close()
	c.in.free()
}

func (i *idleConns) take() *targetConn {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := len(i.conns)
	if n == 0 {
		return nil
	}
	c := i.conns[n-1]
	i.conns[n-1] = nil
	i.conns = i.conns[:n-1]
	return c
}

// old takes those that were not used for a time.
func (i *idleConns) old(than time.Duration) (old []*targetConn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := 0
	for n < len(i.conns) && i.conns[n].since.Elapsed() >= than {
		n++
	}
	old = append(old, i.conns[:n]...)
	i.conns = append(i.conns[:0], i.conns[n:]...)
	return old
}

// closeIdle closes what waits for requests.
func (m *member) closeIdle() { m.closeOld(0) }

func (m *member) closeOld(than time.Duration) {
	m.roads.Range(func(_, v any) bool {
		for _, c := range v.(*road).old(than) {
			c.discard()
		}
		return true
	})
}

// tidyEvery is how often connections are looked through that nobody uses.
const tidyEvery = 15 * time.Second

// tidy closes, every so often, connections to targets that nobody needs.
func (s *site) tidy(ctx context.Context) {
	for s.opts.Clock.Wait(ctx, tidyEvery) == nil {
		idle := s.desired.Load().IdleTimeout
		if idle <= 0 {
			idle = time.Minute
		}
		for _, p := range *s.pools.Load() {
			p.mu.Lock()
			members := p.members
			p.mu.Unlock()
			for _, m := range members {
				m.closeOld(idle)
			}
		}
	}
}
