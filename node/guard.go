package node

import (
	"net"
	"net/http"
	"os"
	"strings"

	"pileus/gate"
)

// steers tells requests that look at or steer the cloud from those that use
// it. No bucket can be named like the first two: S3 allows no underscores. The
// third could be, so it is only what S3 does not know: a POST to an object,
// without a query.
func steers(r *http.Request) bool {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/_pileus/"), strings.HasPrefix(path, "/_localstack/"):
	case path == "/moto-api/reset" && r.Method == http.MethodPost && r.URL.RawQuery == "":
	default:
		return false
	}
	return !gate.Virtual(r.Host)
}

// public are what anybody may ask who can reach the port: they change nothing
// and tell nothing.
var public = map[string]bool{"/_localstack/health": true, "/_pileus/health": true, "/_pileus/metrics": true}

// guard keeps web pages from steering the cloud. Whoever can reach the port
// may, without a signature; a browser can, so any page that somebody visits
// could. A request that a browser sends for another site is refused, and so
// is one to a host name that is not known to be this machine's, which a page
// could have made resolve to it (DNS rebinding).
func (n *Node) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, "a web page of another site must not steer the cloud")
	}))
	return cross.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !public[r.URL.Path] && !n.knows(r.Host) {
			refuse(w, "this cloud does not know itself as "+r.Host+": use its address, localhost, or the name that `pileus up --hostname` gives it")
			return
		}
		next.ServeHTTP(w, r)
	}))
}

func refuse(w http.ResponseWriter, why string) {
	replyStatus(w, http.StatusForbidden, map[string]string{"error": why})
}

// knows tells whether a Host header names this machine for sure: addresses,
// names without a dot, which no public domain is, and those of domains that
// are kept from public use or are ours.
func (n *Node) knows(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	if net.ParseIP(strings.Trim(name, "[]")) != nil || !strings.Contains(name, ".") {
		return true
	}
	for _, suffix := range []string{".localhost", ".internal", ".local"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	if name == "localhost.localstack.cloud" || strings.HasSuffix(name, ".localhost.localstack.cloud") || strings.EqualFold(name, n.o.Hostname) {
		return true
	}
	own, err := os.Hostname()
	return err == nil && strings.EqualFold(name, own)
}
