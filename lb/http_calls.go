package lb

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// callers are what a front calls HTTP/2 targets with, and all targets for
// clients that do not speak HTTP/1 to it.
type callers struct {
	site   *site
	server *http.Server // of HTTP/2
	conns  *handed
	silent *log.Logger

	mu         sync.Mutex
	serving    bool
	transports map[transportKey]*http.Transport
	handled    map[*handled]bool
	sweeping   bool
}

type transportKey struct{ zone, protocol, version string }

func newCallers(s *site) *callers {
	c := &callers{site: s, transports: map[transportKey]*http.Transport{}, handled: map[*handled]bool{}}
	c.silent = log.New(io.Discard, "", 0)
	c.conns = &handed{ch: make(chan net.Conn), closed: make(chan struct{})}
	c.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			from := r.Context().Value(clientKey{}).(*client)
			from.front.handle(w, r, from.x, &from.info)
		}),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, clientKey{}, c.conns.clientOf(conn))
		},
		ConnState: func(conn net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				close(c.conns.clientOf(conn).ended)
			}
		},
		ErrorLog: c.silent, MaxHeaderBytes: maxHead, IdleTimeout: time.Minute,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 128},
	}
	return c
}

// clientKey is where the context of a request has its client.
type clientKey struct{}

// handed is a listener for connections that were accepted, and have finished
// their handshake, elsewhere.
type handed struct {
	ch      chan net.Conn
	once    sync.Once
	closed  chan struct{}
	clients sync.Map // net.Conn: *client
}

// clientOf is whose connection it is.
func (l *handed) clientOf(conn net.Conn) *client {
	c, _ := l.clients.Load(conn)
	return c.(*client)
}

// Accept implements net.Listener.
func (l *handed) Accept() (net.Conn, error) {
	select {
	case c := <-l.ch:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *handed) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *handed) Addr() net.Addr { return &net.TCPAddr{} }

// serve hands a client's connection to the server and returns when it has
// ended.
func (c *callers) serve(from *client) {
	c.mu.Lock()
	if !c.serving {
		c.serving = true
		c.site.start(func() { c.server.Serve(c.conns) })
	}
	c.mu.Unlock()
	from.ended = make(chan struct{})
	c.conns.clients.Store(from.conn, from)
	defer c.conns.clients.Delete(from.conn)
	select {
	case c.conns.ch <- from.conn:
		<-from.ended
	case <-c.conns.closed:
	}
}

// transport is what a node calls the targets of groups of one protocol with.
func (c *callers) transport(n *Node, g *Group) *http.Transport {
	k := transportKey{n.Zone, g.Protocol, g.Version}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.transports[k]; t != nil {
		return t
	}
	t := &http.Transport{
		DialContext: callTarget, DialTLSContext: callSecurely, DisableCompression: true,
		MaxIdleConnsPerHost: idleTargets, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: maxAnswerHead, Protocols: new(http.Protocols),
	}
	switch http2 := g.Version == "HTTP2" || g.Version == "GRPC"; {
	case http2 && g.Protocol == "HTTPS":
		t.Protocols.SetHTTP2(true)
	case http2:
		t.Protocols.SetUnencryptedHTTP2(true)
	default:
		t.Protocols.SetHTTP1(true)
	}
	c.transports[k] = t
	return t
}

// end lets HTTP/2 clients know that no further requests are taken, and returns
// when those that are under way have ended, or ctx has.
func (c *callers) end(ctx context.Context) {
	c.conns.Close()
	c.server.Shutdown(ctx)
}

// close ends what is left.
func (c *callers) close() {
	c.conns.Close()
	c.server.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

// watch ends a request over which nothing goes for the idle time.
func (c *callers) watch(h *handled) (forget func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handled[h] = true
	if !c.sweeping {
		c.sweeping = true
		c.site.start(c.sweep)
	}
	return func() {
		c.mu.Lock()
		delete(c.handled, h)
		c.mu.Unlock()
	}
}

// sweep looks after requests as long as there are some.
func (c *callers) sweep() {
	const every = time.Second
	for {
		err := c.site.opts.Clock.Wait(c.site.ctx, every)
		c.mu.Lock()
		for h := range c.handled {
			if h.watch.Elapsed()-time.Duration(h.last.at.Load()) > h.config.idle {
				h.last.idle.Store(true)
				h.stop()
			}
			h.listen()
		}
		if err != nil || len(c.handled) == 0 {
			c.sweeping = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
	}
}

// lastSeen is when something last went over a request's connection.
type lastSeen struct {
	at       atomic.Int64 // since the exchange began
	received atomic.Int64 // bytes of the request's body
	idle     atomic.Bool  // it was ended for its silence
}

// seenBody notes that something goes over a body.
type seenBody struct {
	io.ReadCloser
	last   *lastSeen
	h      *handled
	answer bool
}

// Read implements io.Reader.
func (b *seenBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.last.at.Store(int64(b.h.watch.Elapsed()))
		if !b.answer {
			b.last.received.Add(int64(n))
		}
	}
	return n, err
}

// countingWriter counts what the client gets.
type countingWriter struct {
	http.ResponseWriter
	n atomic.Int64
}

// Write implements http.ResponseWriter.
func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.n.Add(int64(n))
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
