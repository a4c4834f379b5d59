package lb

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// raw is a target that answers each request with bytes; "" closes instead.
func raw(t *testing.T, id string, answers ...string) Target {
	var n atomic.Int64
	return server(t, id, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			io.Copy(io.Discard, req.Body)
			a := answers[min(int(n.Add(1)), len(answers))-1]
			if a == "" {
				return
			}
			fmt.Fprint(c, a)
		}
	})
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestGateway(t *testing.T) {
	const hint = "HTTP/1.1 100 Continue\r\n\r\n"
	silent := server(t, "i-1", func(c net.Conn) { io.Copy(io.Discard, c) })
	for name, test := range map[string]struct {
		target Target
		said   int // before it is silent; below 0 it is not
		want   int
	}{
		"refuses":         {targetAt("i-1", nobody(t)), -1, 502},
		"closes":          {raw(t, "i-1", ""), -1, 502},
		"not HTTP":        {raw(t, "i-1", "hello\r\n\r\n"), -1, 502},
		"half a head":     {server(t, "i-1", func(c net.Conn) { c.Read(make([]byte, 4096)); fmt.Fprint(c, "HTTP/1.1 200 OK\r\nA: b") }), -1, 502},
		"bad length":      {raw(t, "i-1", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), -1, 502},
		"large head":      {raw(t, "i-1", "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 40<<10)+"\r\n\r\n"), -1, 502},
		"says nothing":    {silent, 0, 504},
		"hints, then not": {server(t, "i-1", func(c net.Conn) { fmt.Fprint(c, hint); io.Copy(io.Discard, c) }), len(hint), 504},
	} {
		t.Run(name, func(t *testing.T) {
			s := newWeb(t, test.target)
			if test.said >= 0 {
				s.wire.called = make(silences, 1)
			}
			b := s.apply().dial()
			b.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if test.said >= 0 {
				(<-s.wire.called).after(test.said)
			}
			if resp, body := b.hear("GET"); resp.StatusCode != test.want || !strings.Contains(body, fmt.Sprint(test.want)) {
				t.Errorf("%d %q", resp.StatusCode, body)
			}
			all := s.counted()
			if n := sumIn(all, fmt.Sprintf("HTTPCode_ELB_%d_Count", test.want), "a", ""); n != 1 {
				t.Errorf("counted %v times", n)
			}
			if n := sumIn(all, "TargetConnectionErrorCount", "", "g"); (n > 0) != (name == "refuses") {
				t.Errorf("TargetConnectionErrorCount %v", n)
			}
		})
	}
}

func TestClassicAnswers(t *testing.T) {
	s := newWeb(t)
	s.b.Kind = Classic
	s.apply()
	for say, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n": "503 Service Unavailable: Back-end server is at capacity",
		"nonsense\r\n\r\n":                  "400 BAD_REQUEST",
	} {
		if resp, body := s.dial().say("%s", say).hear("GET"); resp.Status != want || body != "" || resp.Header.Get("Server") != "" {
			t.Errorf("%+v %q", resp, body)
		}
	}
}

// TestAnotherTarget is tried where a connection cannot be made.
func TestAnotherTarget(t *testing.T) {
	well, dead := webTarget(t, "i-1", tells), Target{ID: "i-2", Addr: netip.MustParseAddr("127.0.0.1"), Port: 1, Zone: "a"}
	s := newWeb(t, dead, well)
	s.wire.refuse = func(_ netip.Addr, to netip.AddrPort) error {
		if to.Port() == 1 {
			return syscall.ECONNREFUSED
		}
		return nil
	}
	b := s.apply().dial()
	for range 10 {
		if resp, body := b.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").hear("POST"); resp.StatusCode != 200 || !strings.HasSuffix(body, "abc") {
			t.Fatalf("%d %q", resp.StatusCode, body)
		}
	}
	if n := sumIn(s.counted(), "TargetConnectionErrorCount", "", "g"); n != 5 {
		t.Errorf("TargetConnectionErrorCount %v", n)
	}
}

// TestStaleConnection has a target that closes kept connections: what may be
// repeated is repeated, and what may not is not sent over one.
func TestStaleConnection(t *testing.T) {
	var posts atomic.Int64
	target := server(t, "i-1", func(c net.Conn) {
		r := bufio.NewReader(c)
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if req.Method == "POST" {
			posts.Add(1)
		}
		io.Copy(io.Discard, req.Body)
		fmt.Fprint(c, fine) // and closes
	})
	b := newWeb(t, target).apply().dial()
	for range 20 {
		if resp, _ := b.get("/"); resp.StatusCode != 200 {
			t.Fatalf("GET: %d", resp.StatusCode)
		}
	}
	ok := 0
	for range 5 {
		resp, _ := b.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").hear("POST")
		if resp.StatusCode == 200 {
			ok++
		}
	}
	if int64(ok) != posts.Load() {
		t.Errorf("%d answers to %d posts that the target got", ok, posts.Load())
	}
}

// TestClientLeaves before the answer: the target's connection ends and the log
// has 460.
func TestClientLeaves(t *testing.T) {
	arrived, ended := make(chan bool), make(chan bool)
	target := server(t, "i-1", func(c net.Conn) {
		c.Read(make([]byte, 4096))
		arrived <- true
		io.Copy(io.Discard, c)
		ended <- true
	})
	s := newWeb(t, target)
	s.b.AccessLog = true
	b := s.apply().dial().say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	b.Close()
	<-ended
	contains(t, (<-s.records).Line, " 460 - ")
}

// TestPipelined requests come while the first is answered slowly.
func TestPipelined(t *testing.T) {
	release := make(chan bool, 1)
	target := webTarget(t, "i-1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-release
		}
		fmt.Fprint(w, r.URL.Path)
	})
	b := newWeb(t, target).apply().dial()
	b.say("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
	b.say("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
	release <- true
	for _, want := range []string{"/slow", "/2", "/3"} {
		if _, body := b.hear("GET"); body != want {
			t.Errorf("%q, want %q", body, want)
		}
	}
}

func TestSilentClients(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", tells))
	s.wire.clients = make(silences, 1)
	s.apply()
	mute := s.dial()
	(<-s.wire.clients).after(0)
	if !mute.ended() {
		t.Error("a client that says nothing stays")
	}
	for what, say := range map[string]string{"half a head": "GET / HTTP/1.1\r\nHo", "half a body": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"} {
		b := s.dial().say("%s", say)
		(<-s.wire.clients).after(len(say))
		if resp, _ := b.hear("GET"); resp.StatusCode != 408 || !b.ended() {
			t.Errorf("%s: %d", what, resp.StatusCode)
		}
	}
}

// TestListenersCloseGracefully: what is under way ends, what waits is closed.
func TestListenersCloseGracefully(t *testing.T) {
	arrived, release := make(chan bool), make(chan bool)
	target := webTarget(t, "i-1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- true
			<-release
		}
	})
	s := newWeb(t, target).apply()
	idle, busy := s.dial(), s.dial()
	idle.get("/")
	busy.say("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	if err := s.engine.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if !idle.ended() {
		t.Error("an idle connection outlives its load balancer")
	}
	if _, err := net.Dial("tcp", s.wire.at("10.0.0.4:80")); err == nil {
		t.Error("it still listens")
	}
	release <- true
	if resp, _ := busy.hear("GET"); resp.StatusCode != 200 || !busy.ended() {
		t.Errorf("what was under way: %d", resp.StatusCode)
	}
}

// TestHTTP2ClosesGracefully: a request that is under way ends, another
// connection has to be made for the next one, which there is none for.
func TestHTTP2ClosesGracefully(t *testing.T) {
	arrived, release := make(chan bool), make(chan bool)
	s, client, _ := secureWeb(t, nil, webTarget(t, "i-1", func(w http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-release
		fmt.Fprint(w, "done")
	}))
	answer := make(chan string)
	go func() {
		resp, err := client.Get("https://www.example.com/")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-arrived
	if err := s.engine.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	release <- true
	if got := <-answer; got != "done" {
		t.Errorf("what was under way: %s", got)
	}
	// Until the client has read the farewell, it may be told that nobody serves.
	for tries := 0; ; tries++ {
		resp, err := client.Get("https://www.example.com/")
		if err != nil {
			break
		}
		if resp.Body.Close(); resp.StatusCode != 503 || tries > 1000 {
			t.Fatalf("a load balancer that is gone answers %d", resp.StatusCode)
		}
	}
}

// TestNodeIsTakenOut: its clients finish what they have and go elsewhere.
func TestNodeIsTakenOut(t *testing.T) {
	arrived, release := make(chan bool), make(chan bool)
	s := newWeb(t, webTarget(t, "i-1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			arrived <- true
			<-release
		}
	}))
	s.b.Nodes = append(s.b.Nodes, Node{Zone: "b", Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.4")}})
	s.apply()
	idle, busy := s.dial(), s.dial()
	idle.get("/")
	busy.say("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	s.b.Nodes = s.b.Nodes[1:]
	s.apply()
	if !idle.ended() {
		t.Error("an idle connection stays with a node that is gone")
	}
	release <- true
	if resp, _ := busy.hear("GET"); resp.StatusCode != 200 || !busy.ended() {
		t.Errorf("what was under way: %d", resp.StatusCode)
	}
}

// TestPartOfTheNodes listens where it can, and elsewhere once that can be.
func TestPartOfTheNodes(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", tells))
	s.b.Nodes = append(s.b.Nodes, Node{Zone: "b", Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.4")}})
	s.wire.deaf = netip.MustParseAddrPort("10.0.1.4:80")
	if err := s.engine.Apply(t.Context(), s.b); err == nil || !strings.Contains(err.Error(), "port 80") {
		t.Errorf("error %v", err)
	}
	if resp, _ := s.dial().get("/"); resp.StatusCode != 200 {
		t.Errorf("the other node: %d", resp.StatusCode)
	}
	s.wire.deaf = netip.AddrPort{}
	s.apply()
	if c, err := net.Dial("tcp", s.wire.at("10.0.1.4:80")); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}

// TestMemory streams a body that is much larger than what it may cost.
func TestMemory(t *testing.T) {
	const size = 256 << 20
	target := server(t, "i-1", func(c net.Conn) {
		r := bufio.NewReader(c)
		for line, err := r.ReadString('\n'); err == nil && strings.TrimSpace(line) != ""; line, err = r.ReadString('\n') {
		}
		piece := make([]byte, 64<<10)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
		for range size / len(piece) {
			if _, err := c.Write(piece); err != nil {
				return
			}
		}
	})
	b := newWeb(t, target).apply().dial()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(b.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	runtime.ReadMemStats(&after)
	if n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes were allocated on the way of %d", used, size)
	}
}

func TestDesync(t *testing.T) {
	target := webTarget(t, "i-1", tells)
	for _, test := range []struct {
		say, class, reason            string
		monitor, defensive, strictest int
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "-", "-", 200, 200, 200},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "Acceptable", "GetHeadZeroContentLength", 200, 200, 400},
		{"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "Acceptable", "SpaceInUri", 400, 400, 400}, // Go's target refuses it
		{"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", "Acceptable", "NonCompliantHeader", 400, 400, 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", "Ambiguous", "EmptyHeader", 200, 200, 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na", "Ambiguous", "UndefinedContentLengthSemantics", 200, 200, 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "Ambiguous", "DuplicateContentLength", 200, 200, 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Ambiguous", "BothTeClPresent", 200, 200, 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 9\r\n\r\n", "Ambiguous", "SuspiciousHeader", 200, 200, 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", "Ambiguous", "SuspiciousHeader", 200, 200, 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "Severe", "BadHeader", 400, 400, 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\na", "Severe", "BadContentLength", 400, 400, 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Severe", "MultipleTransferEncodingChunked", 400, 400, 400},
	} {
		for mode, want := range map[string]int{"monitor": test.monitor, "defensive": test.defensive, "strictest": test.strictest} {
			s := newWeb(t, target)
			s.b.HTTP.Desync, s.b.AccessLog = mode, true
			b := s.apply().dial().say("%s", test.say)
			resp, _ := b.hear("GET")
			if resp.StatusCode != want {
				t.Errorf("%s, %q: %d, want %d", mode, test.say, resp.StatusCode, want)
			}
			contains(t, (<-s.records).Line, fmt.Sprintf(` "%s" "%s" TID_`, test.class, test.reason))
			if resp.StatusCode == 200 && resp.Close != (test.class == "Ambiguous" && mode != "monitor") {
				t.Errorf("%s, %q: closes: %v", mode, test.say, resp.Close)
			}
		}
	}
}
