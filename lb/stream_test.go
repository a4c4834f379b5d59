package lb

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pileus/clock"
	"pileus/plane"
	"pileus/rng"
)

// loopback is a wire whose nodes listen on ports of 127.0.0.1 that are free,
// and whose targets are there.
type loopback struct {
	mu    sync.Mutex
	ports map[netip.AddrPort]string
	as    []netip.AddrPort // those as whom targets were called
	plain bool             // it cannot call as somebody else
}

func (w *loopback) Listen(ctx context.Context, _ string, at netip.AddrPort) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err == nil {
		w.note(at, l.Addr())
	}
	return l, err
}

func (w *loopback) ListenPacket(ctx context.Context, _ string, at netip.AddrPort) (net.PacketConn, error) {
	l, err := new(net.ListenConfig).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err == nil {
		w.note(at, l.LocalAddr())
	}
	return l, err
}

func (w *loopback) Dial(ctx context.Context, _ string, _ netip.Addr, network string, to netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, to.String())
}

// DialAs writes down as whom it calls: on one machine it cannot take the
// client's own address and port.
func (w *loopback) DialAs(ctx context.Context, vpc string, from netip.Addr, as netip.AddrPort, network string, to netip.AddrPort) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.plain {
		return nil, plane.ErrUnsupported
	}
	w.as = append(w.as, as)
	return w.Dial(ctx, vpc, from, network, to)
}

func (w *loopback) Delivery(net.Conn) plane.Delivery { return plane.Delivered }

func (w *loopback) note(at netip.AddrPort, real net.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ports[at] = real.String()
}

func (w *loopback) at(addr string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ports[netip.MustParseAddrPort(addr)]
}

// stand is an engine with one balancer for tests of streams.
type stand struct {
	t       *testing.T
	wire    *loopback
	engine  *Engine
	b       Balancer
	records chan Record
}

// nodeA is where the balancer of a stand listens.
const nodeA = "10.0.0.4:80"

func newStand(t *testing.T, kind Kind, protocol string, targets ...Target) *stand {
	s := &stand{t: t, wire: &loopback{ports: map[netip.AddrPort]string{}}, records: make(chan Record, 64)}
	s.engine = New(Options{Wire: s.wire, Clock: clock.New(), Rand: rng.New(), Log: slog.New(slog.DiscardHandler),
		Record: func(_ string, r Record) { s.records <- r }})
	t.Cleanup(s.engine.Close)
	s.b = Balancer{ID: "b", Name: "net/b/0123456789abcdef", Kind: kind, VPC: "vpc",
		Nodes:     []Node{{Zone: "a", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.4")}}},
		Listeners: []Listener{{ID: "l", Port: 80, Protocol: protocol, Default: []Action{{Type: "forward", Forward: []Weighted{{Group: "g", Weight: 1}}}}}},
		Groups:    map[string]*Group{"g": {ID: "g", Protocol: "TCP", Targets: targets, Check: Check{Off: true}}}}
	return s
}

func (s *stand) apply() {
	s.t.Helper()
	if err := s.engine.Apply(s.t.Context(), s.b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) dial() *net.TCPConn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.wire.at(nodeA))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(soon())
	return c.(*net.TCPConn)
}

// server is a target that gives each connection to serve.
func server(t *testing.T, id string, serve func(net.Conn)) Target {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(soon())
			wg.Go(func() { defer c.Close(); serve(c) })
		}
	})
	at := l.Addr().(*net.TCPAddr).AddrPort()
	return Target{ID: id, Zone: "a", Addr: at.Addr(), Port: at.Port()}
}

// echo sends its name, and all that it gets after that.
func echo(name string) func(net.Conn) {
	return func(c net.Conn) {
		fmt.Fprintln(c, name)
		io.Copy(c, c)
	}
}

func readLine(t *testing.T, c net.Conn) string {
	t.Helper()
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := c.Read(b); err != nil {
			t.Fatalf("after %q: %v", line, err)
		}
		if b[0] == '\n' {
			return string(line)
		}
		line = append(line, b[0])
	}
}

// count is what was counted of a metric since the last time it was asked.
func (s *stand) count(all []Statistic, name string) float64 {
	for _, st := range all {
		if st.Name == name && st.Zone == "" && st.Group == "" {
			return st.Values[0]
		}
	}
	return 0
}

// sumOf ends the engine and tells what was counted of a metric until then.
func (s *stand) sumOf(names ...string) (sums []float64) {
	of := s.engine.site("b")
	s.engine.Close()
	all := of.statistics()
	for _, name := range names {
		sums = append(sums, s.count(all, name))
	}
	return sums
}

func TestStream(t *testing.T) {
	s := newStand(t, Network, "TCP", server(t, "one", echo("one")))
	s.apply()
	c := s.dial()
	readLine(t, c)
	fmt.Fprintln(c, "hello")
	if got := readLine(t, c); got != "hello" {
		t.Errorf("got %q", got)
	}
	stats := s.engine.Statistics("b")
	if s.count(stats, "ActiveFlowCount_TCP") != 1 || s.count(stats, "NewFlowCount") != 1 || s.count(stats, "ConsumedLCUs") != 1.0/(800*60) || s.count(stats, "ConsumedLCUs_TLS") != 0 {
		t.Errorf("counted %v", stats)
	}
	c.CloseWrite() // the target sees the end
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("then %q, %v", rest, err)
	}
	if got := s.sumOf("ActiveFlowCount", "ProcessedBytes", "TCP_Client_Reset_Count"); !slices.Equal(got, []float64{0, 16, 0}) {
		t.Errorf("at the end %v", got)
	}
}

// TestClientIsPreserved looks as whom targets are called.
func TestClientIsPreserved(t *testing.T) {
	for name, c := range map[string]struct{ preserve, plain, want bool }{
		"asked for":               {true, false, true},
		"not asked for":           {false, false, false},
		"the data plane does not": {true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, Network, "TCP", server(t, "one", echo("one")))
			s.b.Groups["g"].PreserveClient, s.wire.plain = c.preserve, c.plain
			s.apply()
			client := s.dial()
			readLine(t, client)
			s.wire.mu.Lock()
			defer s.wire.mu.Unlock()
			if got := slices.Equal(s.wire.as, []netip.AddrPort{client.LocalAddr().(*net.TCPAddr).AddrPort()}); got != c.want || !c.want && len(s.wire.as) > 0 {
				t.Errorf("the target was called as %v, and the client is %v", s.wire.as, client.LocalAddr())
			}
		})
	}
}

func TestHalfClose(t *testing.T) {
	s := newStand(t, Network, "TCP", server(t, "sum", func(c net.Conn) {
		all, err := io.ReadAll(c)
		fmt.Fprint(c, len(all), err)
	}))
	s.apply()
	c := s.dial()
	piece := strings.Repeat("0123456789abcdef", 4096)
	for range 64 {
		io.WriteString(c, piece)
	}
	c.CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "4194304 <nil>" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestResets breaks connections on each side, and looks how the other learns it.
func TestResets(t *testing.T) {
	reset := func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() }
	refused := targetAt("refused", nobody(t))
	seen := make(chan error, 1)
	waits := server(t, "waits", func(c net.Conn) {
		_, err := fmt.Fprintln(c, "ready")
		if err == nil { // it may have been idle for too long by then
			_, err = c.Read(make([]byte, 1))
		}
		seen <- err
	})
	for _, test := range []struct {
		name   string
		target []Target
		idle   time.Duration
		act    func(c *net.TCPConn)
		sees   bool // the target sees a reset, too
		metric string
	}{
		{"client", []Target{waits}, 0, func(c *net.TCPConn) { readLine(t, c); reset(c) }, true, "TCP_Client_Reset_Count"},
		{"target", []Target{server(t, "resets", reset)}, 0, nil, false, "TCP_Target_Reset_Count"},
		{"idle", []Target{waits}, 100 * time.Millisecond, nil, true, "TCP_ELB_Reset_Count"},
		{"refused", []Target{refused}, 0, nil, false, "TCP_Target_Reset_Count"},
		{"no target", nil, 0, nil, false, "TCP_ELB_Reset_Count"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t, Network, "TCP", test.target...)
			s.b.Listeners[0].IdleTimeout = test.idle
			s.apply()
			c, err := net.Dial("tcp", s.wire.at(nodeA))
			if err == nil { // the reset may come before connecting has ended
				defer c.Close()
				if test.act != nil {
					test.act(c.(*net.TCPConn))
				}
				_, err = io.ReadAll(c)
			}
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, net.ErrClosed) {
				t.Errorf("the client sees %v", err)
			}
			if test.sees {
				if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("the target sees %v", err)
				}
			}
			if got := s.sumOf(test.metric, "ActiveFlowCount"); !slices.Equal(got, []float64{1, 0}) {
				t.Errorf("counted %v", got)
			}
		})
	}
}

func TestFlowsAreSpread(t *testing.T) {
	for _, test := range []struct {
		kind   Kind
		sticky string
		want   int
	}{{Network, "", 2}, {Network, "source_ip", 1}, {Classic, "", 2}} {
		s := newStand(t, test.kind, "TCP", server(t, "one", echo("one")), server(t, "two", echo("two")))
		s.b.Groups["g"].Sticky.Type = test.sticky
		s.apply()
		seen := map[string]int{}
		for range 40 {
			c := s.dial()
			seen[readLine(t, c)]++
			c.Close()
		}
		if len(seen) != test.want {
			t.Errorf("%s with stickiness %q: %v", test.kind, test.sticky, seen)
		}
		if test.kind == Classic && seen["one"] != 20 {
			t.Errorf("a classic load balancer goes around: %v", seen)
		}
	}
}

// TestClassicTriesAnother reaches an instance although the other one refuses.
func TestClassicTriesAnother(t *testing.T) {
	dead := targetAt("dead", nobody(t))
	s := newStand(t, Classic, "TCP", dead, server(t, "alive", echo("alive")))
	s.b.Name, s.b.AccessLog = "web", true
	s.apply()
	for range 4 {
		c := s.dial()
		if got := readLine(t, c); got != "alive" {
			t.Errorf("reached %q", got)
		}
		c.Close()
	}
	line := (<-s.records).Line
	if f := strings.Fields(line); len(f) < 13 || f[1] != "web" || f[3] != s.b.Groups["g"].Targets[1].Addr.String()+fmt.Sprintf(":%d", s.b.Groups["g"].Targets[1].Port) || !strings.HasSuffix(line, `"- - - " "-" - -`) {
		t.Errorf("logged %q", line)
	}
	if got := s.sumOf("RequestCount", "BackendConnectionErrors"); got[0] != 4 || got[1] < 1 {
		t.Errorf("counted %v", got)
	}
}

func TestProxyHeaders(t *testing.T) {
	for _, v1 := range []bool{true, false} {
		got := make(chan []byte, 1)
		s := newStand(t, Network, "TCP", server(t, "x", func(c net.Conn) {
			all, _ := io.ReadAll(c)
			got <- all
		}))
		s.b.Groups["g"].ProxyProtocol, s.b.Groups["g"].ProxyV1 = !v1, v1
		s.apply()
		c := s.dial()
		io.WriteString(c, "body")
		c.CloseWrite()
		local, remote := c.LocalAddr().String(), c.RemoteAddr().String()
		all := <-got
		if v1 {
			want := string(proxyV1(nil, netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote))) + "body"
			if string(all) != want {
				t.Errorf("%q", all)
			}
			continue
		}
		from, to, _, rest := readProxyV2(t, all)
		if from.String() != local || to.String() != remote || string(rest) != "body" {
			t.Errorf("%v to %v, then %q", from, to, rest)
		}
	}
}

func TestTLSListener(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(ecKey(t), 7, time.Hour, "www.example.com")
	behind := make(chan string, 1)
	target := server(t, "x", func(c net.Conn) {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*cert}, NextProtos: []string{"h2"}})
		if s.Handshake() == nil {
			behind <- s.ConnectionState().NegotiatedProtocol
			echo("over TLS")(s)
			s.Close()
		}
	})
	s := newStand(t, Network, "TLS", target)
	s.b.AccessLog = true
	s.b.Groups["g"].Protocol = "TLS"
	s.b.Listeners[0].ID = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/net/b/0123456789abcdef/feedfacefeedface"
	s.b.Listeners[0].TLS = &TLS{Default: cert, ALPN: []string{"h2", "http/1.1"}, ARNs: map[*tls.Certificate]string{cert: "arn:cert"}}
	s.apply()
	c := tls.Client(s.dial(), &tls.Config{RootCAs: ca.pool, ServerName: "www.example.com", NextProtos: []string{"h2"}})
	if got := readLine(t, c); got != "over TLS" || <-behind != "h2" {
		t.Errorf("got %q", got)
	}
	fmt.Fprint(c, "hello")
	c.CloseWrite()
	if rest, err := io.ReadAll(c); string(rest) != "hello" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	c.Close()
	f := strings.Fields((<-s.records).Line)
	if len(f) != 22 || f[0] != "tls" || f[4] != "feedfacefeedface" || f[9] != "5" || f[10] != "14" || f[12] != "arn:cert" ||
		f[14] != "TLS_AES_128_GCM_SHA256" || f[15] != "tlsv13" || f[17] != "www.example.com" || f[18] != "h2" || f[19] != "h2" {
		t.Errorf("logged %q", f)
	}
	bad := tls.Client(s.dial(), &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "www.example.com"})
	if err := bad.Handshake(); err == nil {
		t.Error("a client trusts whom it does not know")
	}
	bad.Close()
	<-s.records // of the handshake that failed
	if got := s.sumOf("ClientTLSNegotiationErrorCount", "NewFlowCount_TLS"); !slices.Equal(got, []float64{1, 2}) {
		t.Errorf("counted %v", got)
	}
}

// TestBackendKeys lets a classic load balancer speak only with instances whose
// public key it knows.
func TestBackendKeys(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(ecKey(t), 7, time.Hour, "x")
	other := ca.issue(ecKey(t), 8, time.Hour, "x")
	for _, test := range []struct {
		key  []byte
		want bool
	}{{cert.Leaf.RawSubjectPublicKeyInfo, true}, {other.Leaf.RawSubjectPublicKeyInfo, false}} {
		s := newStand(t, Classic, "TCP", server(t, "x", func(c net.Conn) {
			s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*cert}})
			echo("in")(s)
		}))
		s.b.Groups["g"].Protocol, s.b.Groups["g"].Keys = "SSL", [][]byte{test.key}
		s.apply()
		var line string
		c, err := net.Dial("tcp", s.wire.at(nodeA))
		if err == nil {
			defer c.Close()
			line, err = bufio.NewReader(c).ReadString('\n')
		}
		if (err == nil && line == "in\n") != test.want {
			t.Errorf("%q, %v", line, err)
		}
	}
}

// TestTargetsThatGo ends connections with targets that were taken out, where
// the group says so, and lets those of others go on.
func TestTargetsThatGo(t *testing.T) {
	for _, end := range []bool{true, false} {
		one := server(t, "one", echo("one"))
		s := newStand(t, Network, "TCP", one)
		s.b.Groups["g"].EndOnDrain = end
		s.apply()
		c := s.dial()
		readLine(t, c)
		gone := *s.b.Groups["g"]
		gone.Targets = nil
		s.b.Groups = map[string]*Group{"g": &gone}
		s.apply()
		if end {
			if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the connection goes on: %v", err)
			}
			continue
		}
		fmt.Fprintln(c, "still")
		if got := readLine(t, c); got != "still" {
			t.Errorf("got %q", got)
		}
	}
}

func TestNodeOff(t *testing.T) {
	s := newStand(t, Network, "TCP", server(t, "one", echo("one")))
	s.apply()
	c := s.dial()
	readLine(t, c)
	s.b.Nodes = []Node{s.b.Nodes[0]}
	s.b.Nodes[0].Off = true
	s.apply()
	if other, err := net.Dial("tcp", s.wire.at(nodeA)); err == nil {
		other.Close()
		t.Error("a node that is off accepts")
	}
	fmt.Fprintln(c, "still")
	if got := readLine(t, c); got != "still" {
		t.Errorf("got %q", got)
	}
	if err := s.engine.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(c, "in grace")
	if got := readLine(t, c); got != "in grace" {
		t.Errorf("got %q", got)
	}
	s.engine.Close()
	if _, err := io.ReadAll(c); err == nil {
		t.Error("the connection outlived the engine without a reset")
	}
}

// TestBulk moves a lot at once in both directions.
func TestBulk(t *testing.T) {
	s := newStand(t, Network, "TCP", server(t, "one", func(c net.Conn) { io.Copy(c, c) }))
	s.apply()
	c := s.dial()
	const pieces = 256
	piece := make([]byte, 64<<10)
	for i := range piece {
		piece[i] = byte(i * 31)
	}
	go func() {
		for range pieces {
			c.Write(piece)
		}
		c.CloseWrite()
	}()
	back := make([]byte, len(piece))
	for i := range pieces {
		if _, err := io.ReadFull(c, back); err != nil || !slices.Equal(back, piece) {
			t.Fatalf("piece %d came back differently: %v", i, err)
		}
	}
	if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
		t.Errorf("and then %d more: %v", len(rest), err)
	}
}
