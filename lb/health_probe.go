package lb

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"pileus/clock"
)

// probe checks a target once, from a node.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
func (p *pool) probe(ctx context.Context, m *member, n *Node, g *Group) verdict {
	ctx, cancel := context.WithTimeout(ctx, g.Check.Timeout)
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return p.site.dial(ctx, n, p.checkAddr(m, g))
	}
	switch g.Check.Protocol {
	case "HTTP", "HTTPS":
		secure := g.Check.Protocol == "HTTPS"
		if g.Version == "HTTP2" || g.Version == "GRPC" {
			return p.probeHTTP2(ctx, m, g, dial, secure)
		}
		return p.probeHTTP(ctx, m, g, dial, secure)
	case "TLS", "SSL":
		c, err := dialTLS(ctx, dial, g)
		if err != nil {
			return failed(err)
		}
		c.Close()
		return verdict{ok: true}
	}
	c, err := dial(ctx, "", "")
	if err != nil {
		return failed(err)
	}
	c.Close()
	return verdict{ok: true}
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

func dialTLS(ctx context.Context, dial dialFunc, g *Group) (net.Conn, error) {
	c, err := dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	secure := tls.Client(c, backendTLS(g, ""))
	if err := secure.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return secure, nil
}

// agent is how checks name themselves; classic ones are of an older version.
func (p *pool) agent() string {
	if p.site.desired.Load().Kind == Classic {
		return "ELB-HealthChecker/1.0"
	}
	return "ELB-HealthChecker/2.0"
}

// probeHTTP asks over HTTP/1.1.
func (p *pool) probeHTTP(ctx context.Context, m *member, g *Group, dial dialFunc, secure bool) verdict {
	if secure {
		plain := dial
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialTLS(ctx, plain, g) }
	}
	c, err := dial(ctx, "", "")
	if err != nil {
		return failed(err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nUser-Agent: %s\r\nAccept-Encoding: gzip, compressed\r\n\r\n",
		g.Check.Path, p.checkAddr(m, g), p.agent()); err != nil {
		return failedIn(ctx, err)
	}
	var in buffer
	defer in.free()
	for headEnd(in.data()) < 0 {
		if _, err := in.fill(c, maxAnswerHead); err != nil {
			return failedIn(ctx, err)
		}
	}
	var r response
	if err := r.parse(in.data()[:headEnd(in.data())], "GET"); err != nil {
		return failed(err)
	}
	return judge(g, r.status)
}

// probeHTTP2 asks over HTTP/2; of gRPC the code is in a trailer.
func (p *pool) probeHTTP2(ctx context.Context, m *member, g *Group, dial dialFunc, secure bool) verdict {
	t := &http.Transport{DialContext: dial, TLSClientConfig: backendTLS(g, ""), DisableKeepAlives: true, DisableCompression: true, Protocols: new(http.Protocols)}
	url := "http://"
	if t.Protocols.SetUnencryptedHTTP2(true); secure {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP2(true)
		url = "https://"
	}
	defer t.CloseIdleConnections()
	method, body := "GET", io.Reader(nil)
	if g.Version == "GRPC" {
		method, body = "POST", bytes.NewReader(make([]byte, 5)) // an empty message
	}
	r, err := http.NewRequestWithContext(ctx, method, url+p.checkAddr(m, g).String()+g.Check.Path, body)
	if err != nil {
		return verdict{reason: "Elb.InternalError", text: texts["Elb.InternalError"]}
	}
	r.Header.Set("User-Agent", p.agent())
	if g.Version == "GRPC" {
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
	}
	resp, err := t.RoundTrip(r)
	if err != nil {
		return failedIn(ctx, err)
	}
	defer resp.Body.Close()
	if g.Version != "GRPC" {
		return judge(g, resp.StatusCode)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return failedIn(ctx, err)
	}
	code := resp.Trailer.Get("Grpc-Status")
	if code == "" {
		code = resp.Header.Get("Grpc-Status")
	}
	status, err := strconv.Atoi(code)
	if err != nil {
		return verdict{reason: "Target.FailedHealthChecks", text: texts["Target.FailedHealthChecks"]}
	}
	return judge(g, status)
}

func judge(g *Group, status int) verdict {
	if matchCode(g.Check.matcher(g.Version), status) {
		return verdict{ok: true}
	}
	return verdict{reason: "Target.ResponseCodeMismatch", text: fmt.Sprintf("Health checks failed with these codes: [%d]", status)}
}

// matcher is the codes that are healthy, with AWS's defaults.
func (c *Check) matcher(version string) string {
	switch {
	case c.Matcher != "":
		return c.Matcher
	case version == "GRPC":
		return "12"
	}
	return "200"
}

// matchCode tells whether a list like "200-299,301" has a code.
func matchCode(list string, code int) bool {
	for part := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			high = low
		}
		l, err := strconv.Atoi(low)
		h, err2 := strconv.Atoi(high)
		if err == nil && err2 == nil && l <= code && code <= h {
			return true
		}
	}
	return false
}

// checkAddr is where a target is checked.
func (p *pool) checkAddr(m *member, g *Group) netip.AddrPort {
	at := m.addr()
	if g.Check.Port != 0 {
		at = netip.AddrPortFrom(at.Addr(), g.Check.Port)
	}
	return at
}

// failedIn is failed for a connection that was closed when ctx ended.
func failedIn(ctx context.Context, err error) verdict {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return failed(err)
}

// failed is the verdict on a check that did not get an answer.
func failed(err error) verdict {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return verdict{reason: "Target.Timeout", text: texts["Target.Timeout"]}
	}
	return verdict{reason: "Target.FailedHealthChecks", text: texts["Target.FailedHealthChecks"]}
}

// runChecks checks at once and then in the group's interval, by the machine's
// time: targets can fail while the cloud's clock stands still.
func (p *pool) runChecks(ctx context.Context, m *member, n *Node, g *Group) {
	for {
		w := clock.Start()
		r := p.probe(ctx, m, n, g)
		if ctx.Err() != nil {
			return
		}
		p.seen(ctx, m, n.Zone, r, g)
		if p.site.opts.Clock.Wait(ctx, max(g.Check.Interval-w.Elapsed(), shortest)) != nil {
			return
		}
	}
}
