package lb

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// nodeForEdge is one of the nodes that DNS would name, each in turn.
func (f *httpFront) nodeForEdge(b *Balancer) *Node {
	n := len(b.Nodes)
	if n == 0 {
		return nil
	}
	health, start := f.site.nodeHealth(), int(f.edge.Add(1))
	for i := range n {
		if at := (start + i) % n; at < len(health) && health[at].Serving {
			return &b.Nodes[at]
		}
	}
	return &b.Nodes[start%n]
}

// ServeHTTP implements http.Handler: for requests of the cloud's edge.
func (f *httpFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := f.config.Load().balancer
	node := f.nodeForEdge(b)
	if node == nil {
		http.Error(w, "the load balancer has no nodes", http.StatusServiceUnavailable)
		return
	}
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	info := &connInfo{scheme: "http", h2: r.ProtoMajor == 2}
	t := f.config.Load().listener.TLS
	if t != nil && t.ClientAuth == "verify" && (r.TLS == nil || t.verifyClient(r.TLS.PeerCertificates) != nil) {
		http.Error(w, "the listener takes clients with certificates only", http.StatusForbidden)
		return
	}
	if r.TLS != nil {
		if t != nil {
			info.cert = newClientCert(r.TLS, t)
		}
		info.scheme, info.name = "https", r.TLS.ServerName
		info.tls, info.cipher = classicVersionName(r.TLS.Version), CipherName(r.TLS.CipherSuite)
	}
	f.handle(w, r, exchange{front: f, node: node, meter: f.meter(b, node.Zone), client: remote, conn: info}, info)
}

// handled is a request that net/http has read.
type handled struct {
	exchange
	parsed request
	w      *countingWriter
	ctx    context.Context
	stop   context.CancelFunc
	last   lastSeen
	under  atomic.Pointer[underway] // what waits for its answer; nil for nothing
}

// handle answers a request. from has what is known of the connection.
func (f *httpFront) handle(w http.ResponseWriter, r *http.Request, from exchange, info *connInfo) {
	config := f.config.Load()
	h := &handled{w: &countingWriter{ResponseWriter: w}}
	h.exchange = exchange{front: f, node: from.node, meter: from.meter, client: from.client, conn: info}
	h.parsed.take(r)
	h.reset(&h.parsed, config)
	h.received = int64(h.parsed.bytes)
	h.grpc = strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
	h.ctx, h.stop = context.WithCancel(r.Context())
	defer h.stop()
	defer f.calls.watch(h)()
	r = r.WithContext(h.ctx)
	w.Header()["Date"] = nil
	if info.h2 && info.leaving.Load() {
		w.Header().Set("Connection", "close") // which lets an HTTP/2 client know
	}
	defer func() {
		h.received += h.last.received.Load()
		h.sent += h.w.n.Load()
		h.finish()
	}()
	if status := h.screen(); status != 0 {
		h.own(page(status))
		return
	}
	h.obey(r)
}

// obey does what the rules say.
func (h *handled) obey(r *http.Request) {
	p, refusal := h.decide()
	if refusal != nil {
		h.own(refusal)
		return
	}
	switch p.kind {
	case "redirect":
		h.location = p.redirect.location(h.req, h.conn.scheme, h.config.listener.Port)
		h.own(redirected(p.redirect.status(), h.location))
		return
	case "fixed-response":
		h.own(&answer{status: p.fixed.Status, contentType: p.fixed.ContentType, body: p.fixed.Body})
		return
	case "forward":
		if !h.forward() {
			break
		}
		if !h.transform() {
			h.own(page(500))
			return
		}
		if !h.fits(r) {
			h.own(page(464))
			return
		}
		h.proxy(r)
		return
	}
	h.own(page(503))
}

// fits tells whether the group's protocol can carry the request.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-464-issues
func (h *handled) fits(r *http.Request) bool {
	g := h.pool.group.Load()
	switch g.Version {
	case "HTTP2":
		return r.ProtoMajor == 2
	case "GRPC":
		return r.ProtoMajor == 2 && r.Method == http.MethodPost
	}
	return !h.grpc || g.Function != nil
}

// own answers with what the balancer says itself.
func (h *handled) own(a *answer) {
	a = a.of(h.config.classic)
	h.status = a.status
	a.header(h.config.attrs, h.front.site.opts.Clock.Machine(), func(name, value string) { h.w.Header().Set(name, value) })
	h.setFresh(h.w.Header())
	h.w.WriteHeader(a.status)
	if h.req.method != "HEAD" {
		io.WriteString(h.w, a.body)
	}
}

// setFresh gives the user the cookies of his session.
func (h *handled) setFresh(to http.Header) {
	for _, v := range h.fresh {
		to.Add("Set-Cookie", v)
	}
}

// proxy carries the request to its target; net/http's proxy knows trailers,
// upgrades and what must not be passed on.
func (h *handled) proxy(r *http.Request) {
	if h.member != nil {
		h.member.inflight.Add(1)
		defer func() { h.member.inflight.Add(-1) }()
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &seenBody{ReadCloser: r.Body, last: &h.last, h: h}
	}
	p := &httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { h.rewrite(p) },
		Transport:     h,
		FlushInterval: -1,
		BufferPool:    proxyBuffers{},
		ErrorLog:      h.front.calls.silent,
		ModifyResponse: func(resp *http.Response) error {
			h.answerHeader(resp)
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) { h.failed(r, err) },
	}
	p.ServeHTTP(h.w, r)
}

// rewrite makes the headers those that HTTP/1 targets get as well.
func (h *handled) rewrite(p *httputil.ProxyRequest) {
	te, upgrade, connection := p.Out.Header["Te"], p.Out.Header["Upgrade"], p.Out.Header["Connection"]
	out := http.Header{}
	head := string(h.appendRequest(nil))
	_, rest := nextLine(head)
	for {
		var line string
		if line, rest = nextLine(rest); line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ": ")
		switch http.CanonicalHeaderKey(name) {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade":
		default:
			out.Add(name, value)
		}
	}
	for name, values := range map[string][]string{"Te": te, "Upgrade": upgrade, "Connection": connection} {
		if len(values) > 0 {
			out[name] = values
		}
	}
	p.Out.Header = out
	p.Out.Host = h.host()
	if h.newTarget != "" {
		if to, err := url.ParseRequestURI(h.newTarget); err == nil {
			p.Out.URL = to
		}
	}
	p.Out.URL.Scheme = "http"
	if h.pool.group.Load().Protocol == "HTTPS" {
		p.Out.URL.Scheme = "https"
	}
}

// RoundTrip implements http.RoundTripper: it calls the chosen target, or
// another one where it cannot be reached.
func (h *handled) RoundTrip(r *http.Request) (*http.Response, error) {
	if g := h.pool.group.Load(); g.Function != nil {
		return h.function(g, r)
	}
	if r.Body != nil {
		r.Body = io.NopCloser(r.Body) // a failed attempt must not close it
	}
	for {
		m := h.member
		r.URL.Host = m.addr().String()
		t := h.front.calls.transport(h.node, h.pool.group.Load())
		h.sending()
		ctx, gaveUp := h.awaiting(context.WithValue(r.Context(), calledKey{}, &called{m, h.node, h.limit()}))
		resp, err := t.RoundTrip(r.WithContext(ctx))
		h.under.Store(nil)
		if err == nil {
			h.answered(resp.StatusCode)
			return resp, nil
		}
		if gaveUp() && h.another() {
			m.done(false)
			continue
		}
		var d *dialError
		if !errors.As(err, &d) || r.Context().Err() != nil {
			m.done(false)
			return nil, err
		}
		h.connectFailed(d.error)
		if errors.Is(err, errSpilled) || !h.another() {
			return nil, err
		}
	}
}

// answerHeader adds what the balancer adds to a target's answer.
func (h *handled) answerHeader(resp *http.Response) {
	if _, ok := resp.Header["Content-Type"]; !ok {
		h.w.Header()["Content-Type"] = nil // which net/http would guess
	}
	h.answering = h.watch.Elapsed() - h.sentAt - h.waited
	h.setFresh(resp.Header)
	if h.member != nil {
		for _, v := range h.setCookies(func(name string) bool { return setsCookie(resp, name) }) {
			resp.Header.Add("Set-Cookie", v)
		}
	}
	for name, value := range h.config.attrs.Add {
		resp.Header.Set(name, value)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		h.last.at.Store(math.MaxInt64 / 2) // what goes over it now is not seen here
	} else if resp.Body != nil {
		resp.Body = &seenBody{ReadCloser: resp.Body, last: &h.last, h: h, answer: true}
	}
}

func setsCookie(resp *http.Response, name string) bool {
	for _, c := range resp.Cookies() {
		if c.Name == name {
			return true
		}
	}
	return false
}

// failed answers where the target has not.
func (h *handled) failed(r *http.Request, err error) {
	status := gateway(err)
	var f *functionError
	switch {
	case errors.As(err, &f):
		status = f.status
	case h.last.idle.Load():
		status = 504
	case errors.Is(err, context.Canceled) || r.Context().Err() != nil:
		h.status = 460
		return
	}
	h.targetStatus = 0
	h.own(page(status))
}

// take reads the request that net/http has read.
func (r *request) take(from *http.Request) {
	target := from.RequestURI
	if target == "" {
		target = from.URL.RequestURI()
	}
	*r = request{method: from.Method, target: target, version: from.Proto, minor: 1, host: from.Host, length: from.ContentLength}
	path, _, _ := strings.Cut(target, "#")
	if i := strings.Index(path, "://"); i > 0 && path[0] != '/' {
		path = from.URL.RequestURI()
	}
	r.path, r.query, _ = strings.Cut(path, "?")
	r.bytes = len(r.method) + len(target) + len(r.host) + 24
	r.fields = append(r.fields, field{"Host", from.Host})
	for name, values := range from.Header {
		for _, v := range values {
			r.fields = append(r.fields, field{strings.ToLower(name), v})
			r.bytes += len(name) + len(v) + 4
		}
	}
	if hasListed(from.Header.Get("Connection"), "upgrade") {
		r.upgrade = from.Header.Get("Upgrade")
	}
	if r.length > 0 && (r.method == "GET" || r.method == "HEAD") {
		r.verdict.note(ambiguous, "UndefinedContentLengthSemantics")
	}
}

// proxyBuffers gives ReverseProxy its buffers.
type proxyBuffers struct{}

func (proxyBuffers) Get() []byte  { return largeBuffers.Get().(*[largeBuffer]byte)[:] }
func (proxyBuffers) Put(b []byte) { largeBuffers.Put((*[largeBuffer]byte)(b)) }

// calledKey is where a context has the target that a connection is made to.
type calledKey struct{}

type called struct {
	member *member
	node   *Node
	limit  time.Duration
}

// dialError is a connection that could not be made: nothing was sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// callTarget makes a connection for a transport.
func callTarget(ctx context.Context, _, _ string) (net.Conn, error) {
	to := ctx.Value(calledKey{}).(*called)
	s := to.member.pool.site
	b := s.desired.Load()
	c, err := wait(ctx, s.surge(b, to.node.Zone), cmp.Or(b.IdleTimeout, time.Minute), func(ctx context.Context) (net.Conn, error) {
		return to.member.dial(ctx, to.node, to.limit)
	}, func(error) {})
	if err != nil {
		return nil, &dialError{err}
	}
	t := &trackedConn{Conn: c}
	t.untrack = sync.OnceFunc(to.member.track(func() { c.Close() }))
	return t, nil
}

// callSecurely makes a connection for a transport, and begins TLS.
func callSecurely(ctx context.Context, _, _ string) (net.Conn, error) {
	c, err := callTarget(ctx, "", "")
	if err != nil {
		return nil, err
	}
	g := ctx.Value(calledKey{}).(*called).member.pool.group.Load()
	protocol := "http/1.1"
	if g.Version == "HTTP2" || g.Version == "GRPC" {
		protocol = "h2"
	}
	secure, err := secured(ctx, c, g, protocol)
	if err != nil {
		return nil, &dialError{err}
	}
	return secure, nil
}

// trackedConn is known to its target's member until it is closed.
type trackedConn struct {
	net.Conn
	untrack func()
}

// Close implements net.Conn.
func (c *trackedConn) Close() error {
	c.untrack()
	return c.Conn.Close()
}
