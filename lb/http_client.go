package lb

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"pileus/clock"
	"pileus/rng"
)

// client is a client's connection that speaks HTTP/1.
type client struct {
	front *httpFront
	node  *Node
	conn  net.Conn
	raw   net.Conn // beneath TLS
	meter *nodeMeter
	info  connInfo
	since clock.Stopwatch

	in    buffer
	out   []byte // what is written next
	req   request
	resp  response
	x     exchange
	busy  atomic.Int32 // busyIdle, busyRequest, busyClosed
	limit limits
	left  atomic.Bool // the client has gone while its answer was waited for

	ended   chan struct{} // closed with the connection of a client of HTTP/2
	refused bool          // the connection ends because of what the client sent
	respEnd int           // where the head ends that resp was read from
}

const (
	busyIdle int32 = iota
	busyRequest
	busyClosed
)

// limits are the deadlines of a connection; setting one costs more than not to.
type limits struct {
	write time.Time

	mu          sync.Mutex // another goroutine may read a body or watch
	read        time.Time
	interrupted bool
}

func newClient(f *httpFront, conn net.Conn, n *Node, config *httpConfig) *client {
	c := &client{front: f, node: n, conn: conn, raw: conn, since: clock.Start()}
	c.meter = f.meter(config.balancer, n.Zone)
	c.info.scheme = "http"
	if config.balancer.AccessLog || config.balancer.ConnectionLog {
		c.info.trace = "TID_" + f.site.opts.Rand.String(32, rng.Hex)
	}
	remote, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	c.x = exchange{front: f, node: n, meter: c.meter, client: remote, conn: &c.info}
	return c
}

// closeIfIdle ends a connection that waits for a request.
func (c *client) closeIfIdle() {
	if c.busy.CompareAndSwap(busyIdle, busyClosed) {
		c.raw.Close()
	}
}

// ending tells that the connection is to have no further requests.
func (c *client) ending() bool { return c.front.closing.Load() || c.info.leaving.Load() }

// handshake begins TLS.
func (c *client) handshake(config *httpConfig) bool {
	ctx, cancel := context.WithTimeout(c.front.site.ctx, config.idle)
	defer cancel()
	chosen := &choice{Conn: c.conn}
	secure := tls.Server(chosen, config.tls)
	w := clock.Start()
	err := secure.HandshakeContext(ctx)
	state := secure.ConnectionState()
	c.info.scheme = "https"
	if err == nil {
		c.info.tls, c.info.cipher = classicVersionName(state.Version), CipherName(state.CipherSuite)
		c.info.name = state.ServerName
		if cert := chosen.certificate.Load(); cert != nil {
			c.info.arn = config.listener.TLS.ARNs[cert]
		}
		c.info.h2 = state.NegotiatedProtocol == "h2"
		c.info.cert = newClientCert(&state, config.listener.TLS)
	} else {
		c.meter.tlsErrors.add(1)
	}
	if config.balancer.ConnectionLog {
		c.front.site.record("connection", connectionLine(c, config, &state, w.Elapsed(), err), c.x.nodeAddr())
	}
	c.conn = secure
	return err == nil
}

// serve answers requests until the connection ends.
func (c *client) serve() {
	defer c.in.free()
	for c.serveOne() {
		if c.ending() || !c.busy.CompareAndSwap(busyRequest, busyIdle) {
			return
		}
		if c.in.shrink(); cap(c.out) > 2*smallBuffer {
			c.out = nil
		}
	}
}

// serveOne answers a request and tells whether another may follow.
func (c *client) serveOne() bool {
	head, err := c.readHead(c.front.config.Load())
	if err != nil {
		return false
	}
	config := c.front.config.Load() // it may have changed while nothing was said
	if !c.busy.CompareAndSwap(busyIdle, busyRequest) {
		return false
	}
	err = c.req.parse(head)
	c.x.reset(&c.req, config)
	c.x.received = int64(c.req.bytes)
	defer c.linger()
	defer c.x.finish()
	if err != nil {
		return c.refuse(statusOf(err))
	}
	if status := c.x.screen(); status != 0 {
		return c.refuse(status)
	}
	keep := c.req.minor == 1 && !c.req.close || c.req.minor == 0 && c.req.keep
	keep = keep && c.since.Elapsed() < config.keep && !c.req.verdict.separate(config.attrs.Desync) && !c.ending()
	return c.obey(keep)
}

// obey does what the rules say.
func (c *client) obey(keep bool) bool {
	x := &c.x
	p, refusal := x.decide()
	if refusal != nil {
		return c.own(refusal, keep)
	}
	switch p.kind {
	case "redirect":
		x.location = p.redirect.location(x.req, x.conn.scheme, x.config.listener.Port)
		return c.own(redirected(p.redirect.status(), x.location), keep)
	case "fixed-response":
		return c.own(&answer{status: p.fixed.Status, contentType: p.fixed.ContentType, body: p.fixed.Body}, keep)
	case "forward":
		if !x.forward() {
			return c.own(page(503), keep)
		}
		if !x.transform() {
			return c.own(page(500), keep)
		}
		g := x.pool.group.Load()
		if g.Version == "HTTP2" || g.Version == "GRPC" {
			return c.own(page(464), keep)
		}
		if g.Function != nil {
			return c.call(g, keep)
		}
		return c.relay(keep)
	}
	return c.own(page(503), keep)
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, errVersion):
		return 505
	case errors.Is(err, errEncoding):
		return 501
	case errors.Is(err, errURITooBig):
		return 414
	}
	return 400
}

// readHead reads a request's head. A request that does not come to its end in
// time, or is too large, is answered here.
func (c *client) readHead(config *httpConfig) (string, error) {
	for {
		for d := c.in.data(); len(d) > 0 && (d[0] == '\r' || d[0] == '\n'); d = c.in.data() {
			c.in.used(1) // empty lines before a request are no part of it
		}
		if end := headEnd(c.in.data()); end >= 0 {
			head := string(c.in.data()[:end])
			c.in.used(end)
			return head, nil
		}
		c.readBy(config.idle)
		_, err := c.in.fill(c.conn, maxHead)
		if err == nil {
			continue
		}
		if len(c.in.data()) > 0 && c.busy.CompareAndSwap(busyIdle, busyRequest) {
			c.headFailed(err, config)
		}
		return "", err
	}
}

// headFailed answers a head that did not come to its end.
func (c *client) headFailed(err error, config *httpConfig) {
	status := 0
	switch {
	case errors.Is(err, errFull):
		if status = 400; headEndOfLine(c.in.data()) > maxLine {
			status = 414
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		status = 408
	default:
		return // the client has gone
	}
	c.req = request{fields: c.req.fields[:0], bytes: len(c.in.data())}
	c.x.reset(&c.req, config)
	c.x.received = int64(len(c.in.data()))
	c.refuse(status)
	c.x.finish()
	c.linger()
}

// headEndOfLine is the length of the first line.
func headEndOfLine(d []byte) int {
	for i, b := range d {
		if b == '\n' {
			return i
		}
	}
	return len(d)
}

// refuse answers a request that is not carried on, and ends the connection.
func (c *client) refuse(status int) bool {
	c.own(page(status), false)
	c.refused = true
	return false
}

// linger reads what a client that was refused still sends, for a moment, so
// that closing does not reset the connection before it has read the answer.
func (c *client) linger() {
	if !c.refused {
		return
	}
	if t, ok := c.conn.(interface{ CloseWrite() error }); ok {
		t.CloseWrite()
	}
	var b [4096]byte
	c.conn.SetReadDeadline(c.front.site.opts.Clock.Machine().Add(time.Second))
	for left := 256 << 10; left > 0; {
		n, err := c.conn.Read(b[:])
		if err != nil {
			return
		}
		left -= n
	}
}

// own answers with what the balancer says itself. A small body that was not
// read is read first, so that the connection can go on.
func (c *client) own(a *answer, keep bool) bool {
	if keep && c.req.length != 0 {
		keep = !c.req.expects && c.skipBody()
	}
	x := &c.x
	a = a.of(x.config.classic)
	x.status, x.sentBody = a.status, int64(len(a.body))
	out := appendStatus(c.out[:0], a.status, a.text())
	a.header(x.config.attrs, c.front.site.opts.Clock.Machine(), func(name, value string) {
		out = appendField(out, name, value)
	})
	for _, v := range x.fresh {
		out = appendField(out, "Set-Cookie", v)
	}
	out = append(appendConnection(out, keep), '\r', '\n')
	if c.req.method != "HEAD" {
		out = append(out, a.body...)
	}
	c.out = out
	return c.write(out) == nil && keep
}

// skipBody reads a body that nobody wants, if it is small.
func (c *client) skipBody() bool {
	const most = 256 << 10
	if c.req.length > most {
		return false
	}
	n, err := io.Copy(io.Discard, io.LimitReader(c.body(), most))
	c.x.received += n
	return err == nil && n < most
}

// body is the content of the request.
func (c *client) body() *body {
	b := &body{in: &c.in, from: clientReader{c}, left: c.req.length}
	if c.req.length < 0 {
		b.left, b.chunks = 0, &chunks{}
	}
	return b
}

// clientReader reads with the deadline of idle connections.
type clientReader struct{ c *client }

func (r clientReader) Read(p []byte) (int, error) {
	r.c.readBy(r.c.x.config.idle)
	return r.c.conn.Read(p)
}

// write writes to the client, which has to take it within the idle time.
func (c *client) write(b []byte) error {
	now := c.front.site.opts.Clock.Machine()
	if idle := c.x.config.idle; c.limit.write.Sub(now) < idle-slack(idle) {
		c.limit.write = now.Add(idle)
		c.conn.SetWriteDeadline(c.limit.write)
	}
	n, err := c.conn.Write(b)
	c.x.sent += int64(n)
	return err
}

// readBy sets the deadline of reading, unless it is about right.
func (c *client) readBy(idle time.Duration) {
	now := c.front.site.opts.Clock.Machine()
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	if left := c.limit.read.Sub(now); !c.limit.interrupted && (left < idle-slack(idle) || left > idle) {
		c.limit.read = now.Add(idle)
		c.conn.SetReadDeadline(c.limit.read)
	}
}

// interrupt has another goroutine that reads return now, until resume.
func (c *client) interrupt() {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.limit.interrupted = true
	c.conn.SetReadDeadline(time.Unix(1, 0))
}

// resume lets this goroutine read again.
func (c *client) resume() {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.limit.interrupted, c.limit.read = false, time.Time{}
}

// wasInterrupted tells why a deadline has struck.
func (c *client) wasInterrupted() bool {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	return c.limit.interrupted
}

// slack is how much sooner than asked a deadline may strike.
func slack(d time.Duration) time.Duration { return min(d/16, time.Second) }
