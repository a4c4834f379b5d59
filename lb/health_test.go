package lb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pileus/clock"
)

// handClock is a clock whose waits between checks end when the test says so.
type handClock struct {
	clock.Control
	mu      sync.Mutex
	changed *sync.Cond
	waiting map[chan struct{}]context.Context
}

func newHandClock() *handClock {
	c := &handClock{Control: clock.Still(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), waiting: map[chan struct{}]context.Context{}}
	c.changed = sync.NewCond(&c.mu)
	return c
}

func (c *handClock) Wait(ctx context.Context, d time.Duration) error {
	if d > tidyEvery/2 && d <= tidyEvery {
		return c.Control.Wait(ctx, d) // what is not about checks
	}
	ch := make(chan struct{})
	c.mu.Lock()
	c.waiting[ch] = ctx
	c.changed.Broadcast()
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, ch)
		c.changed.Broadcast()
		c.mu.Unlock()
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ch:
		return nil
	}
}

// settle returns when n series of checks wait for their next one.
func (c *handClock) settle(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.alive() != n {
		c.changed.Wait()
	}
}

// alive counts those that wait and have not been ended.
func (c *handClock) alive() (n int) {
	for _, ctx := range c.waiting {
		if ctx.Err() == nil {
			n++
		}
	}
	return n
}

// round has n series check once more.
func (c *handClock) round(n int) {
	c.settle(n)
	c.mu.Lock()
	for ch := range c.waiting {
		close(ch)
		delete(c.waiting, ch)
	}
	c.mu.Unlock()
	c.settle(n)
}

// checkedWeb is a web whose targets are checked by hand.
func checkedWeb(t *testing.T, c Check, targets ...Target) (*web, *handClock) {
	s := newWeb(t, targets...)
	hand := newHandClock()
	s.engine.opts.Clock = hand
	c.Interval, c.Timeout = 5*time.Second, patient
	s.b.Groups["g"].Check = c
	return s, hand
}

func (s *web) health() TargetHealth {
	s.t.Helper()
	all := s.engine.Health("b", "g")
	if len(all) != 1 {
		s.t.Fatalf("health %+v", all)
	}
	return all[0]
}

func TestThresholds(t *testing.T) {
	var status atomic.Int64
	target := webTarget(t, "i-1", func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "ELB-HealthChecker/2.0" || r.URL.Path != "/healthz" {
			t.Errorf("check asks %s as %s", r.URL, r.UserAgent())
		}
		w.WriteHeader(int(status.Load()))
	})
	var told []string
	s, hand := checkedWeb(t, Check{Protocol: "HTTP", Path: "/healthz", Matcher: "200-204,301", Healthy: 3, Unhealthy: 2}, target)
	s.engine.opts.Health = func(b, g string, h TargetHealth) { told = append(told, fmt.Sprint(b, g, h.ID, h.State)) }
	status.Store(500)
	s.apply()
	hand.settle(1)
	for i, step := range []struct {
		status        int64
		state, reason string
	}{
		{500, "initial", "Elb.InitialHealthChecking"}, // as it is after the first check
		{500, "unhealthy", "Target.ResponseCodeMismatch"},
		{200, "unhealthy", "Target.ResponseCodeMismatch"},
		{204, "unhealthy", "Target.ResponseCodeMismatch"},
		{301, "healthy", ""},
		{500, "healthy", ""},
		{200, "healthy", ""},
		{500, "healthy", ""},
		{404, "unhealthy", "Target.ResponseCodeMismatch"},
	} {
		if i > 0 {
			status.Store(step.status)
			hand.round(1)
		}
		h := s.health()
		if h.State != step.state || h.Reason != step.reason {
			t.Errorf("step %d: %+v, want %+v", i, h, step)
		}
	}
	if h := s.health(); h.Text != "Health checks failed with these codes: [404]" {
		t.Errorf("text %q", h.Text)
	}
	want := []string{"bgi-1initial", "bgi-1unhealthy", "bgi-1healthy", "bgi-1unhealthy"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestFirstSuccessIsHealthy(t *testing.T) {
	s, hand := checkedWeb(t, Check{Protocol: "HTTP", Path: "/", Healthy: 5, Unhealthy: 2}, webTarget(t, "i-1", named("one")))
	s.apply()
	hand.settle(1)
	if h := s.health(); h.State != "healthy" || h.Reason != "" || h.Text != "" {
		t.Errorf("%+v", h)
	}
	// The same state again starts nothing anew.
	s.apply()
	hand.settle(1)
	if h := s.health(); h.State != "healthy" {
		t.Errorf("after the same state: %+v", h)
	}
	all := s.engine.Statistics("b")
	if n := sumIn(all, "HealthyHostCount", "a", "g"); n != 1 {
		t.Errorf("HealthyHostCount %v", n)
	}
}

func TestProbes(t *testing.T) {
	a := newAuthority(t)
	h2c := httptest.NewUnstartedServer(http.HandlerFunc(grpcHealth))
	h2c.Config.Protocols = new(http.Protocols)
	h2c.Config.Protocols.SetUnencryptedHTTP2(true)
	h2c.Start()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(named("secure")))
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{*a.issue(ecKey(t), 7, time.Hour, "x.example.com")}}
	secure.StartTLS()
	t.Cleanup(func() { h2c.Close(); secure.Close() })
	plain := webTarget(t, "i-1", named("plain"))
	gone := nobody(t)
	silent := server(t, "i-1", func(c net.Conn) { c.Read(make([]byte, 1000)); c.Read(make([]byte, 1)) })
	garbage := server(t, "i-1", func(c net.Conn) { c.Read(make([]byte, 1000)); fmt.Fprint(c, "SSH-2.0\r\n\r\n") })
	for name, test := range map[string]struct {
		check         Check
		version       string
		target        Target
		state, reason string
	}{
		"HTTP":            {Check{Protocol: "HTTP", Path: "/"}, "HTTP1", plain, "healthy", ""},
		"HTTPS":           {Check{Protocol: "HTTPS", Path: "/"}, "HTTP1", targetAt("i-1", secure.Listener.Addr()), "healthy", ""},
		"TCP":             {Check{Protocol: "TCP"}, "", plain, "healthy", ""},
		"TLS":             {Check{Protocol: "TLS"}, "", targetAt("i-1", secure.Listener.Addr()), "healthy", ""},
		"HTTP/2":          {Check{Protocol: "HTTP", Path: "/ok"}, "HTTP2", targetAt("i-1", h2c.Listener.Addr()), "healthy", ""},
		"gRPC":            {Check{Protocol: "HTTP", Path: "/grpc.health.v1.Health/Check", Matcher: "0"}, "GRPC", targetAt("i-1", h2c.Listener.Addr()), "healthy", ""},
		"gRPC code":       {Check{Protocol: "HTTP", Path: "/AWS.ALB/healthcheck", Matcher: "0"}, "GRPC", targetAt("i-1", h2c.Listener.Addr()), "unhealthy", "Target.ResponseCodeMismatch"},
		"gRPC default":    {Check{Protocol: "HTTP", Path: "/AWS.ALB/healthcheck"}, "GRPC", targetAt("i-1", h2c.Listener.Addr()), "healthy", ""},
		"another port":    {Check{Protocol: "TCP", Port: plain.Port}, "", targetAt("i-1", gone), "healthy", ""},
		"refused":         {Check{Protocol: "HTTP", Path: "/"}, "HTTP1", targetAt("i-1", gone), "unhealthy", "Target.FailedHealthChecks"},
		"TLS where none":  {Check{Protocol: "TLS"}, "", plain, "unhealthy", "Target.FailedHealthChecks"},
		"no answer":       {Check{Protocol: "HTTP", Path: "/"}, "HTTP1", silent, "unhealthy", "Target.Timeout"},
		"not HTTP":        {Check{Protocol: "HTTP", Path: "/"}, "HTTP1", garbage, "unhealthy", "Target.FailedHealthChecks"},
		"HTTP/2 from one": {Check{Protocol: "HTTP", Path: "/"}, "HTTP2", plain, "unhealthy", "Target.FailedHealthChecks"},
	} {
		t.Run(name, func(t *testing.T) {
			test.check.Healthy, test.check.Unhealthy = 2, 1
			s, hand := checkedWeb(t, test.check, test.target)
			s.b.Groups["g"].Version = test.version
			if test.reason == "Target.Timeout" {
				s.b.Groups["g"].Check.Timeout = 50 * time.Millisecond
			}
			s.apply()
			hand.settle(1)
			if h := s.health(); h.State != test.state || h.Reason != test.reason {
				t.Errorf("%+v", h)
			}
		})
	}
}

func grpcHealth(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ok" {
		return
	}
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	w.WriteHeader(200)
	code := "12"
	if r.URL.Path == "/grpc.health.v1.Health/Check" {
		code = "0"
	}
	w.Header().Set("Grpc-Status", code)
}

// TestNodesSeeForThemselves has a node that cannot reach the target.
func TestNodesSeeForThemselves(t *testing.T) {
	s, hand := checkedWeb(t, Check{Protocol: "HTTP", Path: "/", Healthy: 2, Unhealthy: 2}, webTarget(t, "i-1", named("one")))
	b := netip.MustParseAddr("10.0.1.4")
	s.b.Nodes = append(s.b.Nodes, Node{Zone: "b", Addresses: []netip.Addr{b}})
	var cut atomic.Bool
	s.wire.refuse = func(from netip.Addr, to netip.AddrPort) error {
		if from == b && cut.Load() {
			return os.ErrDeadlineExceeded
		}
		return nil
	}
	told := make(chan string, 16)
	s.engine.opts.Health = func(_, _ string, h TargetHealth) { told <- h.State }
	s.apply()
	hand.settle(2)
	serving := func(want string) {
		t.Helper()
		if got := fmt.Sprint(s.engine.Nodes("b")); got != want {
			t.Errorf("nodes %s, want %s", got, want)
		}
	}
	serving("[{a true } {b true }]")
	cut.Store(true)
	hand.round(2)
	for len(told) > 0 {
		<-told
	}
	hand.round(2)
	if len(told) != 1 || <-told != "healthy" {
		t.Error("nobody was told that a node does not serve any more")
	}
	if h := s.health(); h.State != "healthy" {
		t.Errorf("one node still sees it healthy: %+v", h)
	}
	serving("[{a true } {b false g: 0 of 1 targets are healthy}]")
	s.b.Nodes = slices.Clone(s.b.Nodes)
	s.b.Nodes[0].Off = true
	s.apply()
	serving("[{a false the node is out of service} {b true }]") // it fails open
	if h := s.health(); h.State != "unhealthy" || h.Reason != "Target.Timeout" {
		t.Errorf("only the view of nodes in service counts: %+v", h)
	}
}

func TestUnusedTargets(t *testing.T) {
	s, hand := checkedWeb(t, Check{Protocol: "HTTP", Path: "/", Healthy: 2, Unhealthy: 2}, webTarget(t, "i-1", named("one")))
	s.b.CrossZone = false
	change := func(f func(*Target)) {
		t.Helper()
		g := *s.b.Groups["g"]
		g.Targets = slices.Clone(g.Targets)
		f(&g.Targets[0])
		s.b.Groups = map[string]*Group{"g": &g}
		s.apply()
	}
	expect := func(state, reason, text string) {
		t.Helper()
		if h := s.health(); h.State != state || h.Reason != reason || h.Text != text {
			t.Errorf("%+v, want %s %s %q", h, state, reason, text)
		}
	}
	s.apply()
	hand.settle(1)
	b := s.dial()
	expect("healthy", "", "")
	change(func(t *Target) { t.Down, t.DownText = "Target.InvalidState", "Target is in the stopped state" })
	expect("unused", "Target.InvalidState", "Target is in the stopped state")
	if resp, _ := b.get("/"); resp.StatusCode != 503 {
		t.Errorf("a stopped target gets requests: %d", resp.StatusCode)
	}
	change(func(t *Target) { t.Down, t.DownText = "", "" })
	hand.settle(1)
	expect("healthy", "", "") // checked anew, and the first success counts
	change(func(t *Target) { t.Zone = "elsewhere" })
	expect("unused", "Target.NotInUse", "Target is in an Availability Zone that is not enabled for the load balancer")
	change(func(t *Target) { t.Zone = "all" })
	hand.settle(1)
	expect("healthy", "", "")
	now := hand.Now()
	s.b.Groups["g"].Drain = time.Minute
	change(func(t *Target) { t.Draining = now })
	expect("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
	if resp, _ := b.get("/"); resp.StatusCode != 503 {
		t.Errorf("a draining target gets requests: %d", resp.StatusCode)
	}
	if err := hand.Advance(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	expect("unused", "Target.NotRegistered", "Target is not registered to the target group")
	g := *s.b.Groups["g"]
	g.Check.Off = true
	g.Targets = slices.Clone(g.Targets)
	g.Targets[0].Draining = time.Time{}
	s.b.Groups = map[string]*Group{"g": &g}
	s.apply()
	expect("unavailable", "Target.HealthCheckDisabled", "Health checks are disabled for this target")
	if resp, _ := b.get("/"); resp.StatusCode != 200 {
		t.Errorf("a target without checks: %d", resp.StatusCode)
	}
}

// TestFailOpen sends to all targets where none is healthy, or too few are.
func TestFailOpen(t *testing.T) {
	sick := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/check" {
				w.WriteHeader(500)
			}
			fmt.Fprint(w, name)
		}
	}
	targets := []Target{webTarget(t, "i-1", sick("one")), webTarget(t, "i-2", sick("two")), webTarget(t, "i-3", named("well"))}
	for name, test := range map[string]struct {
		targets []Target
		count   int
		want    string
	}{
		"all sick":          {targets[:2], 0, "map[one:2 two:2]"},
		"one is well":       {targets, 0, "map[well:4]"},
		"one is not enough": {targets[1:], 2, "map[two:2 well:2]"},
	} {
		t.Run(name, func(t *testing.T) {
			s, hand := checkedWeb(t, Check{Protocol: "HTTP", Path: "/check", Healthy: 2, Unhealthy: 1}, test.targets...)
			s.b.Groups["g"].RouteCount = test.count
			s.apply()
			hand.settle(len(test.targets))
			b, got := s.dial(), map[string]int{}
			for range 4 {
				_, body := b.get("/")
				got[body]++
			}
			if fmt.Sprint(got) != test.want {
				t.Errorf("%v, want %s", got, test.want)
			}
		})
	}
}

func TestMatchCode(t *testing.T) {
	for _, test := range []struct {
		list string
		code int
		want bool
	}{
		{"200", 200, true}, {"200", 201, false}, {"200,301", 301, true}, {"200-299", 250, true}, {"200-299, 404", 404, true},
		{"0-99", 12, true}, {"", 200, false}, {"299-200", 250, false},
	} {
		if got := matchCode(test.list, test.code); got != test.want {
			t.Errorf("%q has %d: %v", test.list, test.code, got)
		}
	}
}

func FuzzMatchCode(f *testing.F) {
	f.Add("200-299,301", 301)
	f.Add("-,--,1-", 1)
	f.Fuzz(func(t *testing.T, list string, code int) {
		if matchCode(list, code) && !matchCode(list+",x", code) {
			t.Errorf("%q has %d, but not with another part", list, code)
		}
	})
}

func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{context.DeadlineExceeded, "Target.Timeout"}, {os.ErrDeadlineExceeded, "Target.Timeout"},
		{&net.OpError{Err: os.ErrDeadlineExceeded}, "Target.Timeout"}, {errors.New("refused"), "Target.FailedHealthChecks"},
	} {
		if got := failed(test.err); got.reason != test.want || got.text != texts[test.want] {
			t.Errorf("%v: %+v", test.err, got)
		}
	}
}
