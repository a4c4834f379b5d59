package elbv2

import (
	"net/http"

	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/names"
	"pileus/store"
)

// web answers requests that are no operations: those to a load balancer's name
// by way of the cloud's own edge, and for what trust stores hold and targets verify
// users with.
func (s *elb) web(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path == contentPath {
		serveContent(c, w, r)
		return true
	}
	if publicKey(c, w, r) {
		return true
	}
	name, ok := attach.Local(c.HTTP.Host)
	if !ok {
		return false
	}
	owner := ""
	// Where the state cannot be read, there is no such name.
	_ = c.View(func(rd store.Reader) error {
		if n, ok := names.Find(rd, name); ok {
			owner = n.Owner
		}
		return nil
	})
	if owner == "" {
		http.Error(w, "pileus: no load balancer has the name "+name, http.StatusNotFound)
		return true
	}
	s.data.Handler(owner, s.port(c, r)).ServeHTTP(w, r)
	return true
}

// port is the listener that a request is for. The edge has ports of its own;
// whoever comes over TLS means 443, whoever does not, 80, unless it says so.
func (s *elb) port(c *cloud.Call, _ *http.Request) uint16 {
	if c.HTTP.Secure {
		return 443
	}
	return 80
}
