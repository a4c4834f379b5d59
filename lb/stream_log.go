package lb

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// log writes the line that the load balancer's access log has for a
// connection, if it has one: network load balancers log TLS alone.
func (x *session) log() {
	b := x.conf.balancer
	if !b.AccessLog {
		return
	}
	switch {
	case b.Kind == Classic:
		x.front.site.record("access", x.classicLine(), x.nodeAddr())
	case x.conf.tls != nil:
		x.front.site.record("access", x.networkLine(), x.nodeAddr())
	}
}

func (x *session) nodeAddr() netip.Addr {
	if x.node.Public.IsValid() {
		return x.node.Public
	}
	if len(x.node.Addresses) > 0 {
		return x.node.Addresses[0]
	}
	return netip.Addr{}
}

// networkLine is a connection as network load balancers log it.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-access-logs.html
func (x *session) networkLine() string {
	now := x.front.site.opts.Clock.Now().UTC()
	total := x.begun.Elapsed()
	cipher, version, group, domain, alpn := "-", "-", "-", "-", "-"
	certificate := "-"
	if c, ok := x.client.(*tls.Conn); ok {
		s := c.ConnectionState()
		cipher, version, group = CipherName(s.CipherSuite), tlsVersionName(s.Version), strings.ToLower(s.CurveID.String())
		domain, alpn = cmp.Or(s.ServerName, "-"), cmp.Or(s.NegotiatedProtocol, "-")
	}
	if x.choice != nil {
		if c := x.choice.certificate.Load(); c != nil {
			certificate = cmp.Or(x.conf.listener.TLS.ARNs[c], "-")
		}
	}
	backend := "-"
	if c, ok := x.target.(*tls.Conn); ok {
		backend = cmp.Or(c.ConnectionState().NegotiatedProtocol, "-")
	}
	alert := "-"
	return strings.Join([]string{
		"tls", "2.0", now.Format("2006-01-02T15:04:05"), x.conf.balancer.Name, lastPart(x.conf.listener.ID),
		endpoint(x.from), endpoint(x.targetAddr()), milliseconds(total), milliseconds(x.shook),
		strconv.FormatInt(x.sent.Load(), 10), strconv.FormatInt(x.received.Load(), 10), alert, certificate, "-",
		cipher, version, group, domain, alpn, backend, "-", now.Add(-total).Format("2006-01-02T15:04:05"),
	}, " ")
}

// classicLine is a connection as classic load balancers log it.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html
func (x *session) classicLine() string {
	now := x.front.site.opts.Clock.Now().UTC()
	cipher, version := "-", "-"
	if c, ok := x.client.(*tls.Conn); ok {
		s := c.ConnectionState()
		cipher, version = CipherName(s.CipherSuite), classicVersionName(s.Version)
	}
	// Of a connection AWS tells how long it took to reach the instance, and next
	// to nothing for the rest.
	times := "-1 -1 -1"
	if x.member != nil {
		times = fmt.Sprintf("%.6f 0.000000 0.000000", x.connected.Seconds())
	}
	return strings.Join([]string{
		now.Format("2006-01-02T15:04:05.000000Z"), x.conf.balancer.Name, endpoint(x.from), endpoint(x.targetAddr()), times, "- -",
		strconv.FormatInt(x.sent.Load(), 10), strconv.FormatInt(x.received.Load(), 10), `"- - - "`, `"-"`, cipher, version,
	}, " ")
}

// targetAddr is where the target was reached; invalid if none was.
func (x *session) targetAddr() netip.AddrPort {
	if x.member == nil {
		return netip.AddrPort{}
	}
	return x.member.addr()
}

func endpoint(a netip.AddrPort) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
