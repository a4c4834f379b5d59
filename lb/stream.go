package lb

import (
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pileus/clock"
)

const (
	// streamIdle is how long a connection may be silent where the listener or
	// load balancer does not say.
	streamIdle = 350 * time.Second
	// connectLimit bounds connecting to a target, handshakeLimit TLS with a
	// client.
	connectLimit   = 10 * time.Second
	handshakeLimit = 10 * time.Second
)

// streamFront carries connections of TCP, TLS and SSL listeners.
type streamFront struct {
	site  *site
	ports *ports
	conf  atomic.Pointer[streamConf]

	mu       sync.Mutex
	sessions map[*session]bool
	ended    bool
}

// streamConf is what a front obeys at a time.
type streamConf struct {
	balancer *Balancer
	listener *Listener
	tls      *tls.Config // nil where TLS is not ended here
	idle     time.Duration
	counts   map[string]*streamCounts // by the node's zone
}

func newStreamFront(s *site, b *Balancer, l *Listener) (front, error) {
	f := &streamFront{site: s, sessions: map[*session]bool{}}
	f.ports = newPorts(s, f.serve)
	if err := f.update(b, l); err != nil {
		if len(f.ports.open) == 0 {
			return nil, err
		}
		return f, err
	}
	return f, nil
}

func (f *streamFront) update(b *Balancer, l *Listener) error {
	c := &streamConf{balancer: b, listener: l, idle: streamIdle, counts: map[string]*streamCounts{}}
	switch {
	case l.IdleTimeout > 0:
		c.idle = l.IdleTimeout
	case b.Kind == Classic && b.IdleTimeout > 0:
		c.idle = b.IdleTimeout
	}
	if l.Protocol != "TCP" && l.Protocol != "TCP_UDP" {
		config, err := tlsConfig(l.TLS)
		if err != nil {
			return err
		}
		config.NextProtos = l.TLS.ALPN
		c.tls = config
	}
	for i := range b.Nodes {
		zone := b.Nodes[i].Zone
		c.counts[zone] = newStreamCounts(f.site.stats, b.Kind, zone, c.tls != nil)
	}
	f.conf.Store(c)
	err := f.ports.update(b, l.Port)
	f.endThrough(b)
	return err
}

// endThrough ends what came by doors that are there no more.
func (f *streamFront) endThrough(b *Balancer) {
	f.mu.Lock()
	var gone []*session
	for x := range f.sessions {
		if !b.open(x.node) {
			gone = append(gone, x)
		}
	}
	f.mu.Unlock()
	for _, x := range gone {
		x.end(endedByBalancer)
	}
}

func (f *streamFront) close(grace time.Duration) {
	f.ports.close()
	if grace <= 0 {
		f.endAll()
		return
	}
	f.site.start(func() {
		// An engine that ends sooner ends the sessions itself.
		if f.site.opts.Clock.Wait(f.site.ctx, grace) == nil {
			f.endAll()
		}
	})
}

// endAll ends every session.
func (f *streamFront) endAll() {
	f.mu.Lock()
	f.ended = true
	all := make([]*session, 0, len(f.sessions))
	for x := range f.sessions {
		all = append(all, x)
	}
	f.mu.Unlock()
	for _, x := range all {
		x.end(endedByBalancer)
	}
}

// serve carries one connection from its beginning to its end.
func (f *streamFront) serve(client net.Conn, n *Node) {
	c := f.conf.Load()
	counts := c.counts[n.Zone]
	if counts == nil { // a node that came with a later state
		counts = newStreamCounts(f.site.stats, c.balancer.Kind, n.Zone, c.tls != nil)
	}
	x := &session{front: f, conf: c, node: n, client: client, raw: client, counts: counts, begun: clock.Start()}
	if !f.enter(x) {
		client.Close()
		return
	}
	defer f.leave(x)
	counts.open(1)
	defer counts.open(-1)
	x.run()
}

// enter takes a session in; false when the front or the engine ends.
func (f *streamFront) enter(x *session) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended || f.site.ctx.Err() != nil {
		return false
	}
	f.sessions[x] = true
	return true
}

func (f *streamFront) leave(x *session) {
	f.mu.Lock()
	delete(f.sessions, x)
	f.mu.Unlock()
}

// groupFor is the group for a flow: among weighted ones, the same flow always
// falls on the same.
func (c *streamConf) groupFor(hash uint64) string {
	i := slices.IndexFunc(c.listener.Default, func(a Action) bool { return a.Type == "forward" })
	if i < 0 {
		return ""
	}
	groups := c.listener.Default[i].Forward
	if len(groups) == 1 {
		return groups[0].Group
	}
	total := 0
	for _, g := range groups {
		total += g.Weight
	}
	if total == 0 {
		return ""
	}
	at := int(mix(hash^0x9e3779b97f4a7c15) % uint64(total))
	for _, g := range groups {
		if at -= g.Weight; at < 0 {
			return g.Group
		}
	}
	return ""
}
