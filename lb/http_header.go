package lb

import (
	"strconv"
	"strings"
)

// appendRequest writes the head that the target gets: the client's, with what
// concerns the connection taken out and what tells of the client put in.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
func (x *exchange) appendRequest(to []byte) []byte {
	r := x.req
	to = append(append(to, r.method...), ' ')
	to = append(to, x.target()...)
	to = append(to, " HTTP/1.1\r\n"...)
	to = x.appendForwarded(to)
	to = append(append(append(to, "Host: "...), x.host()...), '\r', '\n')
	if !x.config.classic {
		x.trace = x.traceID()
		to = appendField(to, "X-Amzn-Trace-Id", x.trace)
	}
	to = x.appendCert(to)
	for _, f := range x.identity {
		to = appendField(to, f.name, f.value)
	}
	for i := range r.fields {
		if f := &r.fields[i]; !x.dropped(f) {
			to = appendField(to, f.name, f.value)
		}
	}
	if r.length < 0 {
		to = append(to, "Transfer-Encoding: chunked\r\n"...)
	} else if r.length > 0 || r.method == "POST" || r.method == "PUT" {
		to = append(strconv.AppendInt(append(to, "Content-Length: "...), r.length, 10), '\r', '\n')
	}
	if r.upgrade != "" {
		to = append(append(append(to, "Connection: Upgrade\r\nUpgrade: "...), r.upgrade...), '\r', '\n')
	}
	return append(to, '\r', '\n')
}

// host is the Host header for the target: as it came, but with the listener's
// port where that is not the scheme's own, unless the host is preserved.
func (x *exchange) host() string {
	if x.newHost != "" {
		return x.newHost
	}
	port := x.config.listener.Port
	usual := port == 80 && x.conn.scheme == "http" || port == 443 && x.conn.scheme == "https"
	if usual || x.config.attrs.PreserveHost || x.config.classic || x.req.host == "" || x.req.port() != "" {
		return x.req.host
	}
	return x.req.host + ":" + strconv.Itoa(int(port))
}

// dropped tells whether a header is not passed on: it concerns the connection,
// is written anew, or has a name that is not valid and such are not wanted.
func (x *exchange) dropped(f *field) bool {
	if x.written(f.name) || len(f.name) > 7 && fold(f.name[:7], "x-amzn-") && x.reserved(f.name[7:]) {
		return true
	}
	if len(x.config.attrs.Rename) > 0 && x.isRenamed(f.name) {
		return true
	}
	if x.req.verdict.class > compliant && strings.ContainsAny(f.name, " \t\r\x00") {
		return true // a target could take it for another header
	}
	return x.config.attrs.DropInvalid && !validName(f.name)
}

// written tells the headers of a connection, and those that are written anew.
func (x *exchange) written(name string) bool {
	switch len(name) {
	case 2:
		return fold(name, "te")
	case 4:
		return fold(name, "host")
	case 6:
		return fold(name, "expect")
	case 7:
		return fold(name, "upgrade")
	case 10:
		return fold(name, "connection") || fold(name, "keep-alive")
	case 14:
		return fold(name, "content-length")
	case 15:
		if fold(name, "x-forwarded-for") {
			return x.config.attrs.ForwardedFor != "preserve"
		}
		return fold(name, "x-amzn-trace-id") && !x.config.classic
	case 16:
		return fold(name, "proxy-connection") || fold(name, "x-forwarded-port")
	case 17:
		return fold(name, "transfer-encoding") || fold(name, "x-forwarded-proto")
	}
	return false
}

// reserved are the headers that only the balancer sets: a client that sends
// them could pretend to have a certificate, or to be somebody.
func (x *exchange) reserved(rest string) bool {
	if len(rest) > 5 && fold(rest[:5], "mtls-") || x.isOIDC(rest) {
		return true
	}
	return x.config.attrs.TLSHeaders && (fold(rest, "tls-version") || fold(rest, "tls-cipher-suite"))
}

// appendForwarded tells the target of the client.
func (x *exchange) appendForwarded(to []byte) []byte {
	attrs := x.config.attrs
	if attrs.ForwardedFor != "preserve" && attrs.ForwardedFor != "remove" {
		to = append(to, "X-Forwarded-For: "...)
		for i := range x.req.fields {
			if f := &x.req.fields[i]; len(f.name) == 15 && f.value != "" && fold(f.name, "x-forwarded-for") {
				to = append(append(to, f.value...), ", "...)
			}
		}
		to = append(x.appendClient(to), '\r', '\n')
	}
	to = appendField(to, "X-Forwarded-Proto", x.conn.scheme)
	to = append(to, "X-Forwarded-Port: "...)
	return append(strconv.AppendUint(to, uint64(x.config.listener.Port), 10), '\r', '\n')
}

// appendClient writes the client's address, and its port if that is asked for.
func (x *exchange) appendClient(to []byte) []byte {
	if x.config.attrs.ClientPort {
		return x.client.AppendTo(to)
	}
	return x.client.Addr().AppendTo(to)
}

// traceID is the X-Amzn-Trace-Id of a request: it gets a root if it has none,
// or this balancer's part in front of the root that it has.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html
func (x *exchange) traceID() string {
	had := x.req.get("x-amzn-trace-id")
	if had == "" {
		return x.newTrace("Root=")
	}
	var rest []string
	root := false
	for part := range strings.SplitSeq(had, ";") {
		part = trim(part)
		if part == "" || strings.HasPrefix(part, "Self=") {
			continue
		}
		root = root || strings.HasPrefix(part, "Root=")
		rest = append(rest, part)
	}
	if !root {
		return strings.Join(append([]string{x.newTrace("Root=")}, rest...), ";")
	}
	return strings.Join(append([]string{x.newTrace("Self=")}, rest...), ";")
}

// newTrace is "Root=1-67891233-abcdef012345678912345678".
func (x *exchange) newTrace(key string) string {
	const hex = "0123456789abcdef"
	now := uint64(x.now().Unix())
	a, b := x.front.site.opts.Rand.Uint64(), x.front.site.opts.Rand.Uint64()
	out := make([]byte, 0, 40)
	out = append(append(out, key...), '1', '-')
	for i := 28; i >= 0; i -= 4 {
		out = append(out, hex[now>>i&15])
	}
	out = append(out, '-')
	for i := 60; i >= 0; i -= 4 {
		out = append(out, hex[a>>i&15])
	}
	for i := 28; i >= 0; i -= 4 {
		out = append(out, hex[b>>i&15])
	}
	return string(out)
}

func appendField(to []byte, name, value string) []byte {
	to = append(append(to, name...), ':', ' ')
	return append(append(to, value...), '\r', '\n')
}

func appendStatus(to []byte, status int, text string) []byte {
	to = append(to, "HTTP/1.1 "...)
	to = strconv.AppendInt(to, int64(status), 10)
	return append(append(append(to, ' '), text...), '\r', '\n')
}

func appendConnection(to []byte, keep bool) []byte {
	if keep {
		return append(to, "Connection: keep-alive\r\n"...)
	}
	return append(to, "Connection: close\r\n"...)
}
