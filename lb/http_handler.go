package lb

import "net/http"

type callers struct{}

func newCallers(*site) *callers { return &callers{} }
func (c *callers) close()       {}

func (f *httpFront) serveHTTP2(*client, *httpConfig) {}

func (c *client) call(g *Group, keep bool) bool { return false }

// ServeHTTP implements http.Handler.
func (f *httpFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {}
