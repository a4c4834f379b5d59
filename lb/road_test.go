package lb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pileus/plane"
)

// darkness has one target of which nothing is heard while it is dark: who calls
// it waits, and what was sent to it is not acknowledged. What it has got all the
// same it keeps to itself until there is light again.
type darkness struct {
	at  netip.AddrPort
	mu  sync.Mutex
	lit chan bool // closed where it is not dark
}

func newDarkness() *darkness {
	d := &darkness{lit: make(chan bool)}
	close(d.lit)
	return d
}

func (d *darkness) fall() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lit = make(chan bool)
}

func (d *darkness) lift() {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.lit:
	default:
		close(d.lit)
	}
}

func (d *darkness) light() chan bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lit
}

// call is webWire.refuse for those who have a time limit.
func (d *darkness) call(ctx context.Context, to netip.AddrPort) error {
	if to != d.at {
		return nil
	}
	select {
	case <-d.light():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *darkness) delivery(c net.Conn) plane.Delivery {
	select {
	case <-d.light():
		return plane.Delivered
	default:
	}
	if plain(addrPort(c.RemoteAddr())) != d.at {
		return plane.Delivered
	}
	return plane.Unanswered
}

// twilight is a balancer of two targets, the second of which can fall silent; its
// posts are counted.
func twilight(t *testing.T) (s *web, d *darkness, posts *atomic.Int64) {
	d, posts = newDarkness(), &atomic.Int64{}
	dark := webTarget(t, "i-2", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			posts.Add(1)
		}
		<-d.light()
		fmt.Fprint(w, "i-2")
	})
	d.at = netip.AddrPortFrom(dark.Addr, dark.Port)
	s = newWeb(t, webTarget(t, "i-1", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "i-1") }), dark)
	s.b.IdleTimeout = patient
	s.wire.dark = d
	t.Cleanup(d.lift)
	return s.apply(), d, posts
}

// throughTheDark asks while one target is dark, when only the other may answer,
// and until both do again.
func throughTheDark(t *testing.T, d *darkness, ask func() string) {
	t.Helper()
	d.fall()
	for range 20 {
		if got := ask(); got != "i-1" {
			t.Fatalf("%q answers from the dark", got)
		}
	}
	d.lift()
	fromBoth(t, ask)
}

// fromBoth asks until both targets have answered.
func fromBoth(t *testing.T, ask func() string) {
	t.Helper()
	for seen := map[string]bool{}; len(seen) < 2; {
		seen[ask()] = true
	}
}

// TestSilentTarget answers every request while nothing is heard of one target,
// whether connections to it are kept or have to be made, and sends to it again
// when it is heard.
func TestSilentTarget(t *testing.T) {
	for _, kept := range []bool{true, false} {
		t.Run(fmt.Sprintf("kept %v", kept), func(t *testing.T) {
			s, d, _ := twilight(t)
			b := s.dial()
			ask := func() string {
				resp, body := b.get("/")
				if resp.StatusCode != 200 {
					t.Fatalf("%d", resp.StatusCode)
				}
				return body
			}
			if kept {
				fromBoth(t, ask)
			}
			throughTheDark(t, d, ask)
		})
	}
}

// TestSilentTargetOfEdge is the same for requests that net/http has read.
func TestSilentTargetOfEdge(t *testing.T) {
	s, d, _ := twilight(t)
	h := s.engine.Handler("b", 80)
	ask := func() string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "http://www.example.com/", nil))
		if w.Code != 200 {
			t.Fatalf("%d", w.Code)
		}
		return w.Body.String()
	}
	fromBoth(t, ask)
	throughTheDark(t, d, ask)
}

// TestSilentTargetMayHaveIt: a request that must not be repeated waits for the
// target that may have got it, while others are answered.
func TestSilentTargetMayHaveIt(t *testing.T) {
	s, d, posts := twilight(t)
	b := s.dial()
	ask := func() string { _, body := b.get("/"); return body }
	fromBoth(t, ask)
	for ask() != "i-1" { // so that it is the turn of the other, to which there is a connection
	}
	d.fall()
	b.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
	for posts.Load() == 0 {
		runtime.Gosched()
	}
	for range 2 {
		if _, got := s.dial().get("/"); got != "i-1" {
			t.Errorf("%q answers from the dark", got)
		}
	}
	d.lift()
	if _, got := b.hear("POST"); got != "i-2" || posts.Load() != 1 {
		t.Errorf("%q answers at last, which got %d", got, posts.Load())
	}
}

// TestSilentTargetOfFlows: flows that are begun while nothing is heard of their
// target go elsewhere once that is known.
func TestSilentTargetOfFlows(t *testing.T) {
	s, d, _ := twilight(t)
	s.b.Kind = Network
	s.b.Listeners[0].Protocol, s.b.Groups["g"].Protocol = "TCP", "TCP"
	s.apply()
	ask := func() string { _, body := s.dial().get("/"); return body }
	fromBoth(t, ask)
	d.fall()
	pool := s.engine.site("b").pool("g")
	dark := pool.table("a").members[slices.IndexFunc(pool.table("a").members, func(m *member) bool { return m.key.ID == "i-2" })]
	for range 64 { // one of them is for the dark target
		s.dial()
	}
	for !dark.isSilent("a") {
		runtime.Gosched()
	}
	for range 10 {
		if got := ask(); got != "i-1" {
			t.Fatalf("%q answers from the dark", got)
		}
	}
	d.lift()
	fromBoth(t, ask)
}

func TestPatience(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: promptly, time.Millisecond: promptly, 400 * time.Millisecond: 1600 * time.Millisecond, time.Minute: connectTimeout,
	} {
		var r road
		r.took.Store(int64(took))
		if got := r.patience(); got != want {
			t.Errorf("connecting took %v: %v, want %v", took, got, want)
		}
	}
}

// TestGatewayOf are errors that no test can wait for.
func TestGatewayOf(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{context.DeadlineExceeded, 504},
		{os.ErrDeadlineExceeded, 504},
		{&tlsError{context.DeadlineExceeded}, 502},
		{&tlsError{io.EOF}, 502},
		{errors.New("refused"), 502},
		{errSpilled, 503},
	} {
		if got := gateway(test.err); got != test.want {
			t.Errorf("%v: %d, want %d", test.err, got, test.want)
		}
	}
}

// TestSecureTargets: requests that net/http has read are sent over TLS as well, by
// the protocol of the group, and to another target where TLS fails.
func TestSecureTargets(t *testing.T) {
	for version, want := range map[string]string{"HTTP1": "HTTP/1.1", "HTTP2": "HTTP/2.0"} {
		secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
		secure.EnableHTTP2 = true
		secure.StartTLS()
		t.Cleanup(secure.Close)
		rude := server(t, "i-2", func(c net.Conn) { fmt.Fprint(c, "no\r\n\r\n") })
		s := newWeb(t, targetAt("i-1", secure.Listener.Addr()), rude)
		s.b.Groups["g"].Protocol, s.b.Groups["g"].Version = "HTTPS", version
		h := s.apply().engine.Handler("b", 80)
		for range 4 {
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "http://www.example.com/", nil)
			if version == "HTTP2" {
				r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
			}
			if h.ServeHTTP(w, r); w.Code != 200 || w.Body.String() != want {
				t.Errorf("%s: %d %q", version, w.Code, w.Body)
			}
		}
		if n := sumIn(s.counted(), "TargetTLSNegotiationErrorCount", "", "g"); n == 0 {
			t.Errorf("%s: no failure of TLS is counted", version)
		}
	}
}
