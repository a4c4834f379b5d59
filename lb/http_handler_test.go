package lb

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// secureWeb listens for HTTPS as www.example.com, and gives a client for it.
func secureWeb(t *testing.T, change func(*TLS), targets ...Target) (*web, *http.Client, *authority) {
	a := newAuthority(t)
	s := newWeb(t, targets...)
	cert := a.issue(ecKey(t), 5, time.Hour, "www.example.com")
	s.b.Listeners[0].Protocol = "HTTPS"
	s.b.Listeners[0].TLS = &TLS{Default: cert, ARNs: map[*tls.Certificate]string{cert: "arn:aws:acm:cert"}}
	if change != nil {
		change(s.b.Listeners[0].TLS)
	}
	s.b.AccessLog, s.b.ConnectionLog = true, true
	s.apply()
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: a.pool, ServerName: "www.example.com"},
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.wire.at("10.0.0.4:80"))
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return s, &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, a
}

func do(t *testing.T, c *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func newRequest(t *testing.T, method, target string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHTTP2(t *testing.T) {
	s, client, _ := secureWeb(t, nil, webTarget(t, "i-1", tells))
	s.b.HTTP.TLSHeaders = true
	s.b.HTTP.Rename = map[string]string{"X-Amzn-Tls-Version": "X-Version"}
	s.b.Listeners[0].Rules = []Rule{
		{Priority: 7, Conditions: []Condition{{Field: "path-pattern", Values: []string{"/fixed"}}}, Actions: []Action{{Type: "fixed-response", Fixed: &Fixed{Status: 200, Body: "fix"}}}},
		{Priority: 8, Conditions: []Condition{{Field: "path-pattern", Values: []string{"/r"}}}, Actions: []Action{{Type: "redirect", Redirect: &Redirect{Path: "/s", Query: "#{query}", Status: 301}}}},
	}
	s.b.Groups["g"].Sticky = Stickiness{Type: "lb_cookie", Duration: time.Hour}
	s.apply()
	r := newRequest(t, "POST", "https://www.example.com/p%20q?x=1", strings.NewReader("body"))
	r.Header.Set("X-Version", "forged")
	resp, body := do(t, client, r)
	if resp.ProtoMajor != 2 || resp.StatusCode != 200 || len(resp.Cookies()) != 2 {
		t.Errorf("%+v", resp)
	}
	contains(t, body, "POST /p%20q?x=1 HTTP/1.1 www.example.com:80\n", "X-Forwarded-Proto: https\n", "X-Forwarded-For: 127.0.0.1\n", "X-Amzn-Trace-Id: Root=",
		"X-Version: TLSv1.3\n", "X-Amzn-Tls-Cipher-Suite: TLS_AES_128_GCM_SHA256\n", "\nbody", "!forged")
	contains(t, (<-s.records).Line, " 80 TLSv1.3 TLS_AES_128_GCM_SHA256 0.0", ` "-" - - - TID_`)
	contains(t, (<-s.records).Line, "h2 ", " 200 200 ", `"POST https://www.example.com:80/p%20q?x=1 HTTP/2.0"`, "TLS_AES_128_GCM_SHA256 TLSv1.3 g", `"www.example.com" "arn:aws:acm:cert" 0 `, `"forward"`)
	if resp, body := do(t, client, newRequest(t, "GET", "https://www.example.com/fixed", nil)); body != "fix" || resp.Header.Get("Server") != "awselb/2.0" {
		t.Errorf("%+v %q", resp, body)
	}
	if resp, _ := do(t, client, newRequest(t, "GET", "https://www.example.com/r?a=b", nil)); resp.Header.Get("Location") != "https://www.example.com:80/s?a=b" {
		t.Errorf("%+v", resp)
	}
	big := bytes.Repeat([]byte("x"), 3<<20)
	if _, body := do(t, client, newRequest(t, "PUT", "https://www.example.com/", bytes.NewReader(big))); !strings.HasSuffix(body, string(big)) {
		t.Errorf("%d bytes came back", len(body))
	}
}

func TestHTTP1OverTLS(t *testing.T) {
	s, client, a := secureWeb(t, nil, webTarget(t, "i-1", tells))
	s.b.HTTP.HTTP2 = false
	s.apply()
	resp, body := do(t, client, newRequest(t, "GET", "https://www.example.com/", nil))
	if resp.ProtoMajor != 1 {
		t.Errorf("%+v", resp)
	}
	contains(t, body, "X-Forwarded-Proto: https\n")
	_, err := tls.Dial("tcp", s.wire.at("10.0.0.4:80"), &tls.Config{RootCAs: a.pool, ServerName: "other.example.com"})
	if err == nil {
		t.Error("a client that does not trust the certificate came through")
	}
	if n := sumIn(s.counted(), "ClientTLSNegotiationErrorCount", "", ""); n != 1 {
		t.Errorf("ClientTLSNegotiationErrorCount %v", n)
	}
}

// TestClientCertificate has targets told of the client's certificate.
func TestClientCertificate(t *testing.T) {
	for mode, want := range map[string][]string{
		"verify": {"X-Amzn-Mtls-Clientcert-Serial-Number: 2A\n", "X-Amzn-Mtls-Clientcert-Subject: CN=me\n", "X-Amzn-Mtls-Clientcert-Issuer: CN=test authority\n",
			"X-Amzn-Mtls-Clientcert-Validity: NotBefore=20", ";NotAfter=20", "X-Amzn-Mtls-Clientcert-Leaf: -----BEGIN%20CERTIFICATE-----%0AMII", "!forged"},
		"passthrough": {"X-Amzn-Mtls-Clientcert: -----BEGIN%20CERTIFICATE-----%0AMII", "!X-Amzn-Mtls-Clientcert-Leaf"},
	} {
		s, client, a := secureWeb(t, func(c *TLS) { c.ClientAuth = mode }, webTarget(t, "i-1", tells))
		s.b.Listeners[0].TLS.ClientCAs = a.pool
		s.apply()
		client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{*a.issue(ecKey(t), 42, time.Hour, "me")}
		r := newRequest(t, "GET", "https://www.example.com/", nil)
		r.Header.Set("X-Amzn-Mtls-Clientcert-Serial-Number", "forged")
		_, body := do(t, client, r)
		contains(t, body, want...)
		line := (<-s.records).Line
		contains(t, line, `"CN=me" NotBefore=20`, " 2A ")
		if mode == "verify" {
			contains(t, line, " Success TID_")
		}
	}
}

// h2cTarget speaks HTTP/2 without TLS.
func h2cTarget(t *testing.T, h http.HandlerFunc) Target {
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return targetAt("i-1", s.Listener.Addr())
}

// TestGRPC streams messages both ways at once, and passes trailers on.
func TestGRPC(t *testing.T) {
	target := h2cTarget(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" {
			t.Errorf("the target gets %s, te %q", r.Proto, r.Header.Get("Te"))
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		b := make([]byte, 100)
		for {
			n, err := r.Body.Read(b)
			w.Write(b[:n])
			w.(http.Flusher).Flush()
			if err != nil {
				break
			}
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})
	s, client, _ := secureWeb(t, nil, target)
	s.b.Groups["g"].Version = "GRPC"
	s.apply()
	in, out := io.Pipe()
	r := newRequest(t, "POST", "https://www.example.com/pkg.Echo/Talk", in)
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("Te", "trailers")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		said := fmt.Sprintf("message %d", i)
		io.WriteString(out, said)
		heard := make([]byte, len(said))
		if _, err := io.ReadFull(resp.Body, heard); err != nil || string(heard) != said {
			t.Fatalf("%q %v", heard, err)
		}
	}
	out.Close()
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if got := resp.Trailer.Get("Grpc-Status"); got != "0" {
		t.Errorf("grpc-status %q", got)
	}
	if resp, _ := do(t, client, newRequest(t, "GET", "https://www.example.com/", nil)); resp.StatusCode != 464 {
		t.Errorf("GET to a gRPC group: %d", resp.StatusCode)
	}
	<-s.records // of the connection
	contains(t, (<-s.records).Line, "grpcs ", " 200 200 ")
	if n := sumIn(s.counted(), "GrpcRequestCount", "", ""); n != 1 {
		t.Errorf("GrpcRequestCount %v", n)
	}
}

func TestProtocolsThatDoNotFit(t *testing.T) {
	s, client, _ := secureWeb(t, nil, webTarget(t, "i-1", tells))
	r := newRequest(t, "POST", "https://www.example.com/", nil)
	r.Header.Set("Content-Type", "application/grpc+proto")
	if resp, _ := do(t, client, r); resp.StatusCode != 464 {
		t.Errorf("gRPC to a group of HTTP/1: %d", resp.StatusCode)
	}
	plain := newWeb(t, h2cTarget(t, tells))
	plain.b.Groups["g"].Version = "HTTP2"
	if resp, _ := plain.apply().dial().get("/"); resp.StatusCode != 464 {
		t.Errorf("HTTP/1 to a group of HTTP/2: %d", resp.StatusCode)
	}
	s.b.Groups["g"].Version, s.b.Groups["g"].Targets = "HTTP2", plain.b.Groups["g"].Targets
	s.apply()
	_, body := do(t, client, newRequest(t, "GET", "https://www.example.com/x", nil))
	contains(t, body, "GET /x HTTP/2.0")
}

// TestHTTP2Gateway has targets that fail a client of HTTP/2.
func TestHTTP2Gateway(t *testing.T) {
	silent := server(t, "i-1", func(c net.Conn) { io.Copy(io.Discard, c) })
	for name, test := range map[string]struct {
		targets []Target
		idle    time.Duration
		want    int
	}{"none": {nil, 0, 503}, "closes": {[]Target{raw(t, "i-1", "")}, 0, 502}, "silent": {[]Target{silent}, 100 * time.Millisecond, 504}} {
		s, client, _ := secureWeb(t, nil)
		do(t, client, newRequest(t, "GET", "https://www.example.com/", nil)) // connecting has to end within the idle time, too
		s.b.Groups["g"].Targets, s.b.IdleTimeout = test.targets, test.idle
		s.apply()
		if resp, body := do(t, client, newRequest(t, "GET", "https://www.example.com/", nil)); resp.StatusCode != test.want || !strings.Contains(body, fmt.Sprint(test.want)) {
			t.Errorf("%s: %d %q", name, resp.StatusCode, body)
		}
	}
}

// TestEdge has requests come by the cloud's own edge.
func TestEdge(t *testing.T) {
	echoing := server(t, "i-1", func(c net.Conn) {
		c.Read(make([]byte, 4096))
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		io.Copy(c, c)
	})
	s := newWeb(t, webTarget(t, "i-1", tells))
	s.b.Groups["up"] = &Group{ID: "up", Protocol: "HTTP", Version: "HTTP1", Check: Check{Off: true}, Targets: []Target{echoing}}
	s.b.Listeners[0].Rules = []Rule{{Priority: 1, Conditions: []Condition{{Field: "path-pattern", Values: []string{"/up"}}}, Actions: forwardTo("up")}}
	s.apply()
	edge := httptest.NewServer(s.engine.Handler("b", 80))
	defer edge.Close()
	resp, body := do(t, http.DefaultClient, newRequest(t, "GET", edge.URL+"/a?b", nil))
	if resp.StatusCode != 200 {
		t.Errorf("%+v", resp)
	}
	contains(t, body, "GET /a?b HTTP/1.1", "X-Forwarded-For: 127.0.0.1\n", "X-Forwarded-Port: 80\n")
	at, _ := url.Parse(edge.URL)
	c, err := net.Dial("tcp", at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	got := make([]byte, 12)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "HTTP/1.1 101" {
		t.Errorf("%q %v", got, err)
	}
	for _, h := range []http.Handler{s.engine.Handler("b", 81), s.engine.Handler("c", 80)} {
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil)); w.Code != 503 {
			t.Errorf("where nothing listens: %d", w.Code)
		}
	}
}

// TestEdgeWantsCertificates, too, where the listener does.
func TestEdgeWantsCertificates(t *testing.T) {
	s, _, a := secureWeb(t, func(c *TLS) { c.ClientAuth = "verify" }, webTarget(t, "i-1", tells))
	s.b.Listeners[0].TLS.ClientCAs = a.pool
	s.apply()
	ask := func(state *tls.ConnectionState) (int, string) {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.TLS = state
		s.engine.Handler("b", 80).ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	stranger := newAuthority(t).issue(ecKey(t), 3, time.Hour, "stranger").Leaf
	for _, state := range []*tls.ConnectionState{nil, {}, {PeerCertificates: []*x509.Certificate{stranger}}} {
		if code, _ := ask(state); code != 403 {
			t.Errorf("%+v: %d", state, code)
		}
	}
	code, body := ask(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{a.issue(ecKey(t), 3, time.Hour, "me").Leaf}})
	if code != 200 {
		t.Errorf("a client with a certificate: %d", code)
	}
	contains(t, body, "X-Amzn-Mtls-Clientcert-Subject: CN=me\n")
}

func TestFunctions(t *testing.T) {
	s := newWeb(t)
	s.b.Groups["g"].Function = func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/broken" {
			return nil, errors.New("broken")
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: 201, Header: http.Header{"X-A": {"1", "2"}, "Content-Length": {"999"}},
			Body: io.NopCloser(strings.NewReader(r.Method + " " + r.URL.String() + " " + r.Header.Get("X-Forwarded-For") + " " + string(body)))}, nil
	}
	s.apply()
	b := s.dial()
	resp, body := b.say("POST /x?y=z HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").hear("POST")
	if resp.StatusCode != 201 || body != "POST /x?y=z 127.0.0.1 abc" || len(resp.Header["X-A"]) != 2 {
		t.Errorf("%+v %q", resp, body)
	}
	if resp, _ := b.get("/broken"); resp.StatusCode != 502 {
		t.Errorf("a function that fails: %d", resp.StatusCode)
	}
	large := strings.Repeat("x", 1<<20+1)
	if resp, _ := b.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(large), large).hear("POST"); resp.StatusCode != 413 {
		t.Errorf("a large body: %d", resp.StatusCode)
	}
	edge := httptest.NewServer(s.engine.Handler("b", 80))
	defer edge.Close()
	if resp, body := do(t, http.DefaultClient, newRequest(t, "PUT", edge.URL+"/e", strings.NewReader("q"))); resp.StatusCode != 201 || body != "PUT /e 127.0.0.1 q" {
		t.Errorf("%+v %q", resp, body)
	}
	if resp, _ := do(t, http.DefaultClient, newRequest(t, "GET", edge.URL+"/broken", nil)); resp.StatusCode != 502 {
		t.Errorf("%+v", resp)
	}
	all := s.counted()
	if n := sumIn(all, "HTTPCode_Target_2XX_Count", "", "g"); n != 2 {
		t.Errorf("%v answers", n)
	}
}
