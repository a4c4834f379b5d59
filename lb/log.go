package lb

import (
	"cmp"
	"crypto/tls"
	"strconv"
	"strings"
	"time"
)

const (
	logTime   = "2006-01-02T15:04:05.000000Z"
	milliTime = "2006-01-02T15:04:05.000Z"
	certTime  = "2006-01-02T15:04:05Z"
)

// logLine is the exchange's line in the access log.
func (x *exchange) logLine() string {
	if x.config.classic {
		return x.classicLine()
	}
	return x.applicationLine()
}

// applicationLine is a line as application load balancers write it.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html#access-log-entry-format
func (x *exchange) applicationLine() string {
	now := x.now().UTC()
	var b strings.Builder
	put := func(words ...string) {
		for _, w := range words {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(w)
		}
	}
	target, group, list, codes := "-", "-", `"-"`, `"-"`
	if x.member != nil {
		target = x.member.addr().String()
		list = quoted(target)
	}
	if x.pool != nil {
		group = x.pool.id
	}
	if x.targetStatus != 0 {
		codes = quoted(strconv.Itoa(x.targetStatus))
	}
	class, reason := `"-"`, `"-"`
	if v := x.req.verdict; v.class > compliant {
		class, reason = quoted(v.class.String()), quoted(v.reason)
	}
	put(x.logType(), now.Format(logTime), x.config.balancer.Name, endpoint(x.client), target,
		seconds(x.processing, 3), seconds(x.waited, 3), seconds(x.answering, 3),
		statusOrDash(x.status), statusOrDash(x.targetStatus), strconv.FormatInt(x.received, 10), strconv.FormatInt(x.sent, 10),
		quoted(x.requestLine()), quoted(cmp.Or(x.req.get("user-agent"), "-")),
		cmp.Or(x.conn.cipher, "-"), cmp.Or(x.conn.tls, "-"), group, quoted(cmp.Or(x.trace, "-")),
		quoted(cmp.Or(x.conn.name, "-")), quoted(cmp.Or(x.conn.arn, "-")), x.priority(), x.began.UTC().Format(logTime),
		quoted(x.actions()), quoted(cmp.Or(x.location, "-")), quoted(cmp.Or(x.reason, "-")), list, codes, class, reason,
		cmp.Or(x.conn.trace, "-"), quoted(cmp.Or(x.newHost, "-")), quoted(cmp.Or(x.newTarget, "-")), quoted(cmp.Or(x.transformed, "-")))
	return b.String()
}

// classicLine is a line as classic load balancers write it.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html#access-log-entry-format
func (x *exchange) classicLine() string {
	backend, received := "-", x.received-int64(x.req.bytes)
	if x.member != nil {
		backend = x.member.addr().String()
	}
	return strings.Join([]string{
		x.began.UTC().Format(logTime), x.config.balancer.Name, endpoint(x.client), backend,
		seconds(x.processing, 6), seconds(x.waited, 6), seconds(x.answering, 6),
		strconv.Itoa(x.status), strconv.Itoa(x.targetStatus), strconv.FormatInt(received, 10), strconv.FormatInt(x.sentBody, 10),
		quoted(x.requestLine()), quoted(cmp.Or(x.req.get("user-agent"), "-")), cmp.Or(x.conn.cipher, "-"), cmp.Or(x.conn.tls, "-"),
	}, " ")
}

// logType is the kind of request: http, https, h2, grpcs, ws or wss.
func (x *exchange) logType() string {
	switch {
	case x.targetStatus == 101 && x.conn.scheme == "https":
		return "wss"
	case x.targetStatus == 101:
		return "ws"
	case x.grpc:
		return "grpcs"
	case x.conn.h2:
		return "h2"
	}
	return x.conn.scheme
}

// requestLine is the request with its whole URL.
func (x *exchange) requestLine() string {
	r := x.req
	if r.method == "" {
		return "- http://" + x.listened() + "- -"
	}
	host := r.hostname()
	if host == "" {
		host = x.nodeAddr().String()
	}
	port := cmp.Or(r.port(), strconv.Itoa(int(x.config.listener.Port)))
	target := r.path
	if r.query != "" {
		target += "?" + r.query
	}
	return r.method + " " + x.conn.scheme + "://" + host + ":" + port + target + " " + cmp.Or(r.version, "-")
}

// listened is where the request came to.
func (x *exchange) listened() string {
	return x.nodeAddr().String() + ":" + strconv.Itoa(int(x.config.listener.Port))
}

// priority is that of the rule that matched, 0 for the default.
func (x *exchange) priority() string {
	switch {
	case x.rule != nil:
		return strconv.Itoa(x.rule.priority)
	case x.plan != nil:
		return "0"
	}
	return "-"
}

func (x *exchange) actions() string {
	last := "-"
	if x.plan != nil && x.plan.kind != "none" {
		last = x.plan.kind
	}
	switch {
	case x.turned:
		return x.did
	case x.did != "" && last != "-":
		return x.did + "," + last
	}
	return last
}

func statusOrDash(status int) string {
	if status == 0 {
		return "-"
	}
	return strconv.Itoa(status)
}

// seconds is a time with its digits after the point; -1 for what never began.
func seconds(d time.Duration, digits int) string {
	if d < 0 {
		return "-1"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', digits, 64)
}

// quoted is a word between quotation marks. What would break the line is
// escaped as AWS does it.
func quoted(s string) string {
	clean := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f || s[i] == '"' || s[i] == '\\' {
			clean = false
		}
	}
	if clean {
		return `"` + s + `"`
	}
	const hex = "0123456789abcdef"
	out := []byte{'"'}
	for i := range len(s) {
		if b := s[i]; b < ' ' || b >= 0x7f || b == '"' || b == '\\' {
			out = append(out, '\\', 'x', hex[b>>4], hex[b&15])
		} else {
			out = append(out, b)
		}
	}
	return string(append(out, '"'))
}

// connectionLine is a line of the connection log.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html#connection-log-entry-format
func connectionLine(c *client, config *httpConfig, state *tls.ConnectionState, took time.Duration, err error) string {
	x := &c.x
	protocol, cipher, exchange, status := "-", "-", "-", "-"
	if state.Version != 0 {
		protocol, cipher = classicVersionName(state.Version), CipherName(state.CipherSuite)
		if state.CurveID != 0 {
			exchange = strings.ToLower(state.CurveID.String())
		}
	}
	if mode := config.listener.TLS.ClientAuth; mode == "verify" && err == nil {
		status = "Success"
	} else if failure := clientCertFailure(err); failure != "" {
		status = "Failed:" + failure
	} else if err != nil {
		status = "Failed:UnmappedConnectionError"
	}
	subject, validity, serial := `"-"`, "-", "-"
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		subject = quoted(leaf.Subject.String())
		validity, serial = validityOf(leaf), SerialNumber(leaf.SerialNumber)
	}
	return strings.Join([]string{
		x.front.site.opts.Clock.Now().UTC().Format(logTime), x.client.Addr().String(), strconv.Itoa(int(x.client.Port())),
		strconv.Itoa(int(config.listener.Port)), protocol, cipher, seconds(took, 3), subject, validity, serial, status, c.info.trace, exchange,
	}, " ")
}
