package lb

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// httpFront carries requests of HTTP and HTTPS listeners.
//
// HTTP/1 requests are read, judged and written to targets here, one goroutine
// for each client (http_client.go, http_relay.go): what the desync modes, the
// limits and the logs of load balancers need to see is hidden by net/http.
// HTTP/2 and requests of the edge go through net/http (http_handler.go).
type httpFront struct {
	site   *site
	ports  *ports
	sealer *sealer
	config atomic.Pointer[httpConfig]
	calls  *callers

	meters  sync.Map // zone: *nodeMeter
	groups  sync.Map // groupZone: *groupMeter
	open    atomic.Int64
	edge    atomic.Uint32 // counts requests of the edge
	mu      sync.Mutex
	clients map[*client]bool
	closing atomic.Bool
}

type groupZone struct {
	pool *pool
	zone string
}

// httpConfig is what requests are treated by; it is replaced as a whole.
type httpConfig struct {
	balancer *Balancer
	listener *Listener
	attrs    *HTTPAttributes
	rules    []matcher
	fallback plan
	classic  bool
	logins   map[string]*login // of all plans, by id
	tls      *tls.Config       // nil for HTTP
	idle     time.Duration
	keep     time.Duration
}

func newHTTPFront(s *site, b *Balancer, l *Listener) (front, error) {
	f := &httpFront{site: s, sealer: newSealer(s.opts.Key, b.ID), clients: map[*client]bool{}}
	f.calls = newCallers(s)
	f.ports = newPorts(s, f.accept)
	if err := f.configure(b, l); err != nil {
		return nil, err
	}
	return f, f.ports.update(b, l.Port)
}

// update implements front.
func (f *httpFront) update(b *Balancer, l *Listener) error {
	if err := f.configure(b, l); err != nil {
		return err
	}
	err := f.ports.update(b, l.Port)
	for _, c := range f.snapshot() {
		if !b.has(c.node) {
			c.info.leaving.Store(true)
			c.closeIfIdle()
		}
	}
	return err
}

// has tells whether a node is one of the load balancer's still.
func (b *Balancer) has(n *Node) bool {
	return slices.ContainsFunc(b.Nodes, func(o Node) bool { return o.Zone == n.Zone && sameAddresses(&o, n) })
}

// configure prepares what requests are treated by.
func (f *httpFront) configure(b *Balancer, l *Listener) error {
	c := &httpConfig{
		balancer: b, listener: l, attrs: l.HTTP, classic: b.Kind == Classic,
		fallback: newPlan(f.site, l.Default), idle: b.IdleTimeout, keep: b.KeepAlive,
	}
	if c.attrs == nil {
		c.attrs = &b.HTTP
	}
	if c.idle <= 0 {
		c.idle = time.Minute
	}
	if c.keep <= 0 {
		c.keep = time.Hour
	}
	for i := range l.Rules {
		m, err := newMatcher(f.site, &l.Rules[i])
		if err != nil {
			return err
		}
		c.rules = append(c.rules, m)
	}
	c.findLogins()
	if l.TLS != nil {
		config, err := tlsConfig(l.TLS)
		if err != nil {
			return err
		}
		c.tls = config.Clone()
		c.tls.NextProtos = []string{"http/1.1"}
		if c.attrs.HTTP2 && !c.classic {
			c.tls.NextProtos = []string{"h2", "http/1.1"}
		}
	}
	f.config.Store(c)
	return nil
}

// findLogins collects where users can come back from.
func (c *httpConfig) findLogins() {
	c.logins = map[string]*login{}
	plans := []*plan{&c.fallback}
	for i := range c.rules {
		plans = append(plans, &c.rules[i].plan)
	}
	for _, p := range plans {
		if p.login != nil {
			c.logins[p.login.id] = p.login
		}
	}
}

// close implements front.
func (f *httpFront) close(grace time.Duration) {
	f.ports.close()
	f.closing.Store(true)
	for _, c := range f.snapshot() {
		if grace == 0 {
			c.raw.Close()
		} else {
			c.closeIfIdle()
		}
	}
	if grace == 0 {
		f.calls.close()
		return
	}
	f.site.start(func() { f.closeAfter(grace) })
}

// closeAfter ends what did not come to its end within the grace.
func (f *httpFront) closeAfter(grace time.Duration) {
	const look = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(f.site.ctx)
	defer cancel()
	f.site.start(func() { f.calls.end(ctx) })
	for waited := time.Duration(0); waited < grace && f.open.Load() > 0; waited += look {
		if f.site.opts.Clock.Wait(f.site.ctx, look) != nil {
			break
		}
	}
	for _, c := range f.snapshot() {
		c.raw.Close()
	}
	f.calls.close()
}

func (f *httpFront) snapshot() (all []*client) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.clients {
		all = append(all, c)
	}
	return all
}

func (f *httpFront) add(c *client) {
	f.mu.Lock()
	f.clients[c] = true
	f.mu.Unlock()
	f.open.Add(1)
}

func (f *httpFront) forget(c *client) {
	f.mu.Lock()
	delete(f.clients, c)
	f.mu.Unlock()
	f.open.Add(-1)
}

func (f *httpFront) meter(b *Balancer, zone string) *nodeMeter {
	if m, ok := f.meters.Load(zone); ok {
		return m.(*nodeMeter)
	}
	m, _ := f.meters.LoadOrStore(zone, f.site.nodeMeter(b, zone))
	return m.(*nodeMeter)
}

func (f *httpFront) meterOf(b *Balancer, zone string, p *pool) *groupMeter {
	k := groupZone{p, zone}
	if m, ok := f.groups.Load(k); ok {
		return m.(*groupMeter)
	}
	m, _ := f.groups.LoadOrStore(k, f.site.groupMeter(b, zone, p.id))
	return m.(*groupMeter)
}

// accept serves a client's connection.
func (f *httpFront) accept(conn net.Conn, n *Node) {
	defer conn.Close()
	config := f.config.Load()
	c := newClient(f, conn, n, config)
	f.add(c)
	defer f.forget(c)
	if f.closing.Load() {
		return
	}
	c.meter.connections.add(1)
	c.meter.active.add(1)
	defer c.meter.active.add(-1)
	if config.tls != nil {
		if !c.handshake(config) {
			return
		}
		if c.info.h2 {
			c.busy.Store(busyRequest)
			f.calls.serve(c)
			return
		}
	}
	c.serve()
	c.conn.Close() // with TLS's own farewell
}
