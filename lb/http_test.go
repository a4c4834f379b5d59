package lb

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pileus/clock"
	"pileus/plane"
	"pileus/rng"
)

// webWire is a loopback whose calls a test can refuse and count.
type webWire struct {
	loopback
	calls  sync.Map // target: *counter
	refuse func(from netip.Addr, to netip.AddrPort) error
	full   *crowd // nobody answers those who call
	dark   *darkness
	// Where they are not nil: the connections of clients, and those to targets.
	clients, called silences
	deaf            netip.AddrPort // where it cannot listen
}

func (w *webWire) Listen(ctx context.Context, vpc string, at netip.AddrPort) (net.Listener, error) {
	if at == w.deaf {
		return nil, syscall.EADDRNOTAVAIL
	}
	l, err := w.loopback.Listen(ctx, vpc, at)
	if err != nil || w.clients == nil {
		return l, err
	}
	return silentDoor{l, w.clients}, nil
}

func (w *webWire) Dial(ctx context.Context, vpc string, from netip.Addr, network string, to netip.AddrPort) (net.Conn, error) {
	n, _ := w.calls.LoadOrStore(to, &counter{})
	n.(*counter).add(1)
	if w.full != nil {
		if err := w.full.wait(ctx); err != nil {
			return nil, err
		}
	}
	if w.dark != nil {
		if err := w.dark.call(ctx, to); err != nil {
			return nil, err
		}
	}
	if w.refuse != nil {
		if err := w.refuse(from, to); err != nil {
			return nil, err
		}
	}
	return w.called.wrap(w.loopback.Dial(ctx, vpc, from, network, to))
}

func (w *webWire) Delivery(c net.Conn) plane.Delivery {
	if w.dark == nil {
		return plane.Delivered
	}
	return w.dark.delivery(c)
}

func (w *webWire) dialed(t Target) int64 {
	n, ok := w.calls.Load(netip.AddrPortFrom(t.Addr, t.Port))
	if !ok {
		return 0
	}
	return n.(*counter).n.Load()
}

// web is an engine with one application load balancer on port 80 of a node in
// zone a.
type web struct {
	t       *testing.T
	wire    *webWire
	engine  *Engine
	b       Balancer
	records chan Record
}

func newWeb(t *testing.T, targets ...Target) *web {
	s := &web{t: t, wire: &webWire{loopback: loopback{ports: map[netip.AddrPort]string{}}}, records: make(chan Record, 1024)}
	s.engine = New(Options{Wire: s.wire, Clock: clock.New(), Rand: rng.New(), Log: slog.New(slog.DiscardHandler), Key: make([]byte, 32),
		Record: func(_ string, r Record) { s.records <- r }})
	t.Cleanup(s.engine.Close)
	s.b = Balancer{ID: "b", Name: "app/web/50dc6c495c0c9188", Kind: Application, VPC: "vpc",
		Nodes:     []Node{{Zone: "a", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.4")}}},
		Listeners: []Listener{{ID: "l", Port: 80, Protocol: "HTTP", Default: forwardTo("g")}},
		Groups:    map[string]*Group{"g": {ID: "g", Protocol: "HTTP", Version: "HTTP1", Targets: targets, Check: Check{Off: true}}},
		HTTP:      HTTPAttributes{HTTP2: true, Desync: "defensive", ForwardedFor: "append"},
		CrossZone: true,
	}
	return s
}

func forwardTo(group string) []Action {
	return []Action{{Type: "forward", Forward: []Weighted{{Group: group, Weight: 1}}}}
}

func (s *web) apply() *web {
	s.t.Helper()
	if err := s.engine.Apply(s.t.Context(), s.b); err != nil {
		s.t.Fatal(err)
	}
	return s
}

// counted ends the engine and gives out what was counted.
func (s *web) counted() []Statistic {
	of := s.engine.site("b")
	s.engine.Close()
	return of.statistics()
}

// dial connects to the first node.
func (s *web) dial() *browser {
	s.t.Helper()
	c, err := net.Dial("tcp", s.wire.at("10.0.0.4:80"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(soon())
	return &browser{s.t, c, bufio.NewReader(c)}
}

// browser speaks HTTP/1 byte by byte.
type browser struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (b *browser) say(format string, args ...any) *browser {
	b.t.Helper()
	if _, err := fmt.Fprintf(b, format, args...); err != nil {
		b.t.Fatal(err)
	}
	return b
}

// hear reads an answer.
func (b *browser) hear(method string) (*http.Response, string) {
	b.t.Helper()
	resp, err := http.ReadResponse(b.r, &http.Request{Method: method})
	if err != nil {
		b.t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatalf("answer %s: %v after %d bytes", resp.Status, err, len(body))
	}
	return resp, string(body)
}

func (b *browser) get(path string, headers ...string) (*http.Response, string) {
	b.t.Helper()
	b.say("GET %s HTTP/1.1\r\nHost: www.example.com\r\n%s\r\n", path, lines(headers))
	return b.hear("GET")
}

func lines(headers []string) (s string) {
	for _, h := range headers {
		s += h + "\r\n"
	}
	return s
}

func (b *browser) ended() bool {
	_, err := b.r.ReadByte()
	return err == io.EOF
}

// site serves a handler as a target.
func webTarget(t *testing.T, id string, h http.HandlerFunc) Target {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return targetAt(id, s.Listener.Addr())
}

func targetAt(id string, addr net.Addr) Target {
	at := netip.MustParseAddrPort(addr.String())
	return Target{ID: id, Addr: at.Addr(), Port: at.Port(), Zone: "a"}
}

// tells answers with what it was asked.
func tells(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s %s\n", r.Method, r.RequestURI, r.Proto, r.Host)
	for _, name := range slices.Sorted(keysOf(r.Header)) {
		fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header[name], " | "))
	}
	fmt.Fprintf(w, "\n%s", body)
	for name, v := range r.Trailer {
		fmt.Fprintf(w, "\ntrailer %s: %s", name, v)
	}
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if not, ok := strings.CutPrefix(p, "!"); ok {
			if strings.Contains(text, not) {
				t.Errorf("%q is in\n%s", not, text)
			}
		} else if !strings.Contains(text, p) {
			t.Errorf("%q is not in\n%s", p, text)
		}
	}
}

func TestRelay(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", tells)).apply()
	b := s.dial()
	client := b.LocalAddr().(*net.TCPAddr).IP.String()
	for range 3 { // over one connection, each way
		resp, body := b.get("/a%20b?c=d", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "Connection: keep-alive", "x-Amzn-Mtls-Clientcert: forged", "Te: deflate")
		if resp.StatusCode != 200 || resp.Header.Get("Connection") != "keep-alive" {
			t.Errorf("answer %+v", resp)
		}
		contains(t, body, "GET /a%20b?c=d HTTP/1.1 www.example.com\n", "X-Forwarded-For: 192.0.2.1, "+client+"\n", "X-Forwarded-Proto: http\n",
			"X-Forwarded-Port: 80\n", "X-Amzn-Trace-Id: Root=1-", "!forged", "!Te:", "!User-Agent")
	}
	if n := s.wire.dialed(s.b.Groups["g"].Targets[0]); n != 1 {
		t.Errorf("%d connections to the target", n)
	}
}

func TestForwardedHeaders(t *testing.T) {
	target := webTarget(t, "i-1", tells)
	for name, test := range map[string]struct {
		attrs HTTPAttributes
		port  uint16
		want  []string
	}{
		"append":        {HTTPAttributes{ForwardedFor: "append"}, 80, []string{"X-Forwarded-For: 192.0.2.1, 127.0.0.1\n"}},
		"preserve":      {HTTPAttributes{ForwardedFor: "preserve"}, 80, []string{"X-Forwarded-For: 192.0.2.1\n"}},
		"remove":        {HTTPAttributes{ForwardedFor: "remove"}, 80, []string{"!X-Forwarded-For"}},
		"client port":   {HTTPAttributes{ForwardedFor: "append", ClientPort: true}, 80, []string{"X-Forwarded-For: 192.0.2.1, 127.0.0.1:"}},
		"other port":    {HTTPAttributes{}, 8080, []string{" www.example.com:8080\n", "X-Forwarded-Port: 8080\n"}},
		"host kept":     {HTTPAttributes{PreserveHost: true}, 8080, []string{" www.example.com\n"}},
		"invalid kept":  {HTTPAttributes{}, 80, []string{"Under_score: 1"}},
		"invalid drops": {HTTPAttributes{DropInvalid: true}, 80, []string{"!Under_score"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newWeb(t, target)
			s.b.HTTP = test.attrs
			s.b.Listeners[0].Port = test.port
			s.apply()
			c, err := net.Dial("tcp", s.wire.at(fmt.Sprintf("10.0.0.4:%d", test.port)))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			b := &browser{t, c, bufio.NewReader(c)}
			_, body := b.get("/", "X-Forwarded-For: 192.0.2.1", "Under_score: 1")
			contains(t, body, test.want...)
		})
	}
}

// large is what bodies are made of in tests: 1 MiB.
var large = bytes.Repeat([]byte("0123456789abcdef"), 1<<16)

func sumOf(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// bodies answers with bodies of all sorts, and by default with the sum of the
// request's.
func bodies(w http.ResponseWriter, r *http.Request) {
	h := sha256.New()
	n, _ := io.Copy(h, r.Body)
	switch r.URL.Path {
	case "/large":
		w.Header().Set("Content-Length", fmt.Sprint(len(large)))
		w.Write(large)
	case "/chunks":
		w.Header().Set("Trailer", "X-Sum")
		for c := range slices.Chunk(large, 100_000) {
			w.Write(c)
			w.(http.Flusher).Flush()
		}
		w.Header().Set("X-Sum", sumOf(large))
	case "/close":
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, "closing")
	case "/none":
		w.WriteHeader(204)
	case "/unchanged":
		w.Header().Set("Content-Length", "99")
		w.WriteHeader(304)
	default:
		fmt.Fprintf(w, "%d %x %s", n, h.Sum(nil), r.Trailer.Get("X-T"))
	}
}

func TestUploads(t *testing.T) {
	b := newWeb(t, webTarget(t, "i-1", bodies)).apply().dial()
	_, body := b.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(large), large).hear("POST")
	if want := fmt.Sprintf("%d %s ", len(large), sumOf(large)); body != want {
		t.Errorf("of a known length: %q, want %q", body, want)
	}
	b.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n")
	for c := range slices.Chunk(large, 70_001) {
		b.say("%X;ext=1\r\n%s\r\n", len(c), c)
	}
	_, body = b.say("0\r\nX-T: end\r\n\r\n").hear("POST")
	if want := fmt.Sprintf("%d %s end", len(large), sumOf(large)); body != want {
		t.Errorf("in chunks: %q, want %q", body, want)
	}
	for range 20 {
		_, body = b.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").hear("POST")
		if want := "3 " + sumOf([]byte("abc")) + " "; body != want {
			t.Errorf("in a small chunk: %q, want %q", body, want)
		}
	}
}

// TestLongUpload takes longer than the idle time, though nobody is idle; and one
// that stops is ended.
func TestLongUpload(t *testing.T) {
	for want, goesOn := range map[int]bool{200: true, 408: false} {
		got := make(chan bool)
		s := newWeb(t, server(t, "i-1", func(c net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(c))
			for err == nil {
				if _, err = io.ReadFull(r.Body, make([]byte, 3)); err == nil {
					got <- true
				}
			}
			fmt.Fprint(c, fine)
		}))
		s.b.IdleTimeout = patient
		s.wire.called = make(silences, 1)
		b := s.apply().dial()
		chunk := func() { b.say("3\r\nabc\r\n"); <-got }
		b.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
		chunk()
		c := <-s.wire.called
		if c.awaited(); goesOn {
			chunk()
			c.lapse()
			chunk()
			b.say("0\r\n\r\n")
		} else {
			c.after(0)
		}
		if resp, _ := b.hear("POST"); resp.StatusCode != want {
			t.Errorf("%d, want %d", resp.StatusCode, want)
		}
	}
}

func TestDownloads(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", bodies)).apply()
	b := s.dial()
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d bytes %.80q, want %d %.80q", what, len(got), got, len(want), want)
		}
	}
	_, body := b.get("/large")
	check("of a known length", body, string(large))
	resp, body := b.get("/chunks")
	check("in chunks", body, string(large))
	check("trailer", resp.Trailer.Get("X-Sum"), sumOf(large))
	b.get("/none")
	b.get("/unchanged")
	b.say("HEAD /large HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, _ := b.hear("HEAD"); resp.ContentLength != int64(len(large)) {
		t.Errorf("HEAD: %+v", resp)
	}
	_, body = b.get("/close")
	check("of a target that closes", body, "closing")
	_, body = b.say("GET /large HTTP/1.0\r\n\r\n").hear("GET")
	check("by HTTP/1.0", body, string(large))
	if !b.ended() {
		t.Error("HTTP/1.0 is kept open")
	}
	_, body = s.dial().say("GET /chunks HTTP/1.0\r\n\r\n").hear("GET")
	check("by HTTP/1.0, of chunks", body, string(large))
	kept := s.dial()
	for range 2 {
		_, body = kept.say("GET /close HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").hear("GET")
		check("by HTTP/1.0 that is kept", body, "closing")
	}
}

// TestUntilEOF has a target whose answer ends with its connection.
func TestUntilEOF(t *testing.T) {
	target := server(t, "i-1", func(c net.Conn) {
		bufio.NewReader(c).ReadString('\n')
		fmt.Fprint(c, "HTTP/1.0 200 Fine\r\nX-A: 1\r\n\r\nhello, ")
		fmt.Fprint(c, "world")
	})
	b := newWeb(t, target).apply().dial()
	for range 2 {
		resp, body := b.get("/")
		if body != "hello, world" || resp.Status != "200 Fine" {
			t.Errorf("%s %q", resp.Status, body)
		}
	}
	if _, body := b.say("GET / HTTP/1.0\r\n\r\n").hear("GET"); body != "hello, world" {
		t.Errorf("%q", body)
	}
}

func TestContinue(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", tells)).apply()
	b := s.dial().say("PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if line, err := b.r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatal(line, err)
	}
	b.r.ReadString('\n')
	_, body := b.say("hello").hear("PUT")
	contains(t, body, "PUT /x", "\n\nhello", "!Expect")
}

// TestEarlyAnswer has a target answer before it has read the body.
func TestEarlyAnswer(t *testing.T) {
	target := server(t, "i-1", func(c net.Conn) {
		r := bufio.NewReader(c)
		for line, _ := r.ReadString('\n'); strings.TrimSpace(line) != ""; line, _ = r.ReadString('\n') {
		}
		fmt.Fprint(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
		io.Copy(io.Discard, r)
	})
	b := newWeb(t, target).apply().dial().say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc")
	if resp, body := b.hear("POST"); resp.StatusCode != 413 || body != "no" || !resp.Close {
		t.Errorf("%+v %q", resp, body)
	}
}

func TestWebSocket(t *testing.T) {
	target := server(t, "i-1", func(c net.Conn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil || req.Header.Get("Upgrade") != "websocket" || req.Header.Get("Connection") != "Upgrade" {
			fmt.Fprint(c, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")
			return
		}
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nfirst")
		io.Copy(c, r)
	})
	s := newWeb(t, target)
	s.b.AccessLog = true
	b := s.apply().dial().say("GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	resp, err := http.ReadResponse(b.r, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("%+v %v", resp, err)
	}
	got := make([]byte, 5+1000)
	b.say("%s", strings.Repeat("m", 1000))
	if _, err := io.ReadFull(b.r, got); err != nil || string(got) != "first"+strings.Repeat("m", 1000) {
		t.Fatalf("%q %v", got, err)
	}
	b.Close()
	contains(t, (<-s.records).Line, "ws ", " 101 101 ")
}

func TestRefusals(t *testing.T) {
	target := webTarget(t, "i-1", tells)
	s := newWeb(t, target).apply()
	long := strings.Repeat("x", 17<<10)
	for name, test := range map[string]struct {
		say  string
		want int
	}{
		"no request":      {"hello\r\n\r\n", 400},
		"no host":         {"GET / HTTP/1.1\r\n\r\n", 400},
		"two hosts":       {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		"folded header":   {"GET / HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n", 400},
		"header of lines": {"GET / HTTP/1.1\r\nHost: a\r\nX: " + long + "\r\n\r\n", 400},
		"all too large":   {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+long[:9000]+"\r\n", 8) + "\r\n", 400},
		"long target":     {"GET /" + long + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		"endless target":  {"GET /" + strings.Repeat(long, 5), 414},
		"trace":           {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
		"version":         {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
		"encoding":        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"many hops":       {"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + strings.Repeat("1.1.1.1,", 30) + "1.1.1.1\r\n\r\n", 463},
		"lengths":         {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
		"bad length":      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400},
		"bad chunk":       {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		"null in header":  {"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.dial()
			b.say("%s", test.say)
			resp, body := b.hear("GET")
			if resp.StatusCode != test.want || resp.Header.Get("Server") != "awselb/2.0" || !resp.Close {
				t.Errorf("%+v", resp)
			}
			contains(t, body, fmt.Sprintf("<center><h1>%d", test.want))
			if !b.ended() {
				t.Error("the connection stays open")
			}
		})
	}
}

// TestPages compares lengths with those that AWS's pages have.
func TestPages(t *testing.T) {
	for status, length := range map[int]int{301: 134, 302: 110, 400: 122, 403: 118, 502: 122, 503: 162, 504: 132} {
		if p := page(status); len(p.body) != length {
			t.Errorf("%d: %d bytes, want %d", status, len(p.body), length)
		}
	}
}
