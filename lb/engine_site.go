package lb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pileus/plane"
)

// site is a load balancer in use.
type site struct {
	*Engine
	id    string
	stats *stats

	client *http.Client // for calls to the outside
	remembered
	desired atomic.Pointer[Balancer]
	pools   atomic.Pointer[map[string]*pool]

	applying sync.Mutex // one apply at a time
	mu       sync.Mutex // guards what follows
	fronts   map[portKey]front
	closed   bool
	served   []NodeHealth // as servingChanged has seen it last
	untidy   func()       // ends tidy
}

func newSite(e *Engine, id string) *site {
	s := &site{Engine: e, id: id, stats: newStats(), fronts: map[portKey]front{}}
	s.client = s.outsideClient()
	s.desired.Store(&Balancer{ID: id})
	s.pools.Store(&map[string]*pool{})
	ctx, stop := context.WithCancel(e.ctx)
	s.untidy = stop
	s.start(func() { s.tidy(ctx) })
	return s
}

// pool is the targets of a group; nil if the balancer has no such group.
func (s *site) pool(group string) *pool { return (*s.pools.Load())[group] }

// front is the one that listens on a port for HTTP or streams; nil for none.
func (s *site) front(port uint16) front {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, f := range s.fronts {
		if k.port == port && k.kind != "packet" {
			return f
		}
	}
	return nil
}

// apply brings pools, then listeners to the desired state.
func (s *site) apply(_ context.Context, b *Balancer) error {
	s.applying.Lock()
	defer s.applying.Unlock()
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return fmt.Errorf("lb: %s has been removed", b.ID)
	}
	s.desired.Store(b)
	s.applyGroups(b)
	err := s.applyListeners(b)
	s.forget(b)
	s.servingChanged()
	return err
}

// applyGroups starts and changes pools; those that are gone end after the
// listeners that use them could have been told, so they are only forgotten
// here and their checks ended.
func (s *site) applyGroups(b *Balancer) {
	old, pools := *s.pools.Load(), map[string]*pool{}
	for id, g := range b.Groups {
		p := old[id]
		if p == nil {
			p = newPool(s, id)
		}
		pools[id] = p
		p.update(b, g)
	}
	s.pools.Store(&pools)
	for id, p := range old {
		if pools[id] == nil {
			p.close()
		}
	}
}

func (s *site) applyListeners(b *Balancer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := map[portKey]*Listener{}
	for i := range b.Listeners {
		want[keyOf(&b.Listeners[i])] = &b.Listeners[i]
	}
	for k, f := range s.fronts {
		if want[k] == nil {
			f.close(graceOfRemoval)
			delete(s.fronts, k)
		}
	}
	var failed []error
	for k, l := range want {
		var err error
		if f := s.fronts[k]; f != nil {
			err = f.update(b, l)
		} else if f, err = newFront(s, b, l); f != nil {
			s.fronts[k] = f // which may listen on some nodes only, as err tells
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("listener on port %d: %w", l.Port, err))
		}
	}
	return errors.Join(failed...)
}

func (s *site) close(grace time.Duration) {
	s.applying.Lock()
	defer s.applying.Unlock()
	s.mu.Lock()
	fronts := s.fronts
	s.fronts, s.closed = nil, true
	s.mu.Unlock()
	s.untidy()
	for _, f := range fronts {
		f.close(grace)
	}
	for _, p := range *s.pools.Load() {
		if p.close(); grace == 0 {
			p.endFlows()
		}
	}
}

// record hands out a log record.
func (s *site) record(kind, line string, node netip.Addr) {
	s.opts.Record(s.id, Record{At: s.opts.Clock.Now(), Kind: kind, Line: line, Node: node})
}

// dial connects from a node to one of its targets.
func (s *site) dial(ctx context.Context, n *Node, to netip.AddrPort) (net.Conn, error) {
	return s.dialFor(ctx, n, &Group{}, netip.AddrPort{}, "tcp", to)
}

// dialFor connects from a node to a target, with the client's address where the
// group preserves it; who comes by a door is of another network, and never
// seen. Where the data plane cannot (a client of another address
// family than the target's, for one), the node's address is seen.
func (s *site) dialFor(ctx context.Context, n *Node, g *Group, client netip.AddrPort, network string, to netip.AddrPort) (net.Conn, error) {
	from, ok := n.from(to.Addr())
	if !ok {
		return nil, fmt.Errorf("the node in %s has no address of the family of %s", n.Zone, to.Addr())
	}
	vpc := s.desired.Load().VPC
	if g.PreserveClient && n.via == nil && client.IsValid() {
		c, err := s.opts.Wire.DialAs(ctx, vpc, from, client, network, to)
		if !errors.Is(err, plane.ErrUnsupported) {
			return c, err
		}
	}
	return s.opts.Wire.Dial(ctx, vpc, from, network, to)
}

// from is the address of a node from which it calls a target.
func (n *Node) from(to netip.Addr) (netip.Addr, bool) {
	for _, a := range n.Addresses {
		if a.Is4() == to.Unmap().Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// ports are the TCP listeners of a front, one for each address of each node
// that is in service.
type ports struct {
	site   *site
	accept func(c net.Conn, n *Node) // on a goroutine of its own

	mu   sync.Mutex
	open map[entrance]*opened
}

type opened struct {
	net.Listener
	node atomic.Pointer[Node]
}

// newPorts listens nowhere yet. accept is called for each connection, on a
// goroutine of its own that Engine.Close waits for, and has to close it.
func newPorts(s *site, accept func(net.Conn, *Node)) *ports {
	return &ports{site: s, accept: accept, open: map[entrance]*opened{}}
}

// update listens on a port of those nodes of b that are in service, and of their doors, and
// nowhere else. Connections that were accepted go on.
func (p *ports) update(b *Balancer, port uint16) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := b.entrances(port)
	for at, o := range p.open {
		if want[at] == nil {
			o.Close()
			delete(p.open, at)
		}
	}
	var failed []error
	for at, n := range want {
		if o := p.open[at]; o != nil {
			o.node.Store(n)
			continue
		}
		l, err := p.site.opts.Wire.Listen(p.site.ctx, at.vpc, at.at)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		o := &opened{Listener: l}
		o.node.Store(n)
		p.open[at] = o
		p.site.start(func() { p.serve(o) })
	}
	return errors.Join(failed...)
}

func (p *ports) serve(o *opened) {
	for {
		c, err := o.Accept()
		if errors.Is(err, net.ErrClosed) || p.site.ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return
		}
		if err != nil { // too many open files, or a connection that was gone before
			if p.site.opts.Clock.Wait(p.site.ctx, 10*time.Millisecond) != nil {
				return
			}
			continue
		}
		p.site.start(func() { p.accept(c, o.node.Load()) })
	}
}

// close stops listening.
func (p *ports) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, o := range p.open {
		o.Close()
		delete(p.open, at)
	}
}
