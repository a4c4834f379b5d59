package metadata

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// versions are the dates under which the tree is found; all are the same.
var versions = []string{
	"1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", "2009-04-04",
	"2011-01-01", "2011-05-01", "2012-01-12", "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19", "2016-06-30", "2016-09-02",
	"2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03", "2021-03-23", "2021-07-15", "2022-09-24",
	"2024-04-11", "latest",
}

const (
	tokenHeader    = "X-Aws-Ec2-Metadata-Token"
	tokenTTLHeader = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
)

// query is one request of an instance.
type query struct {
	ctx     context.Context
	i       *Instance
	secrets *Secrets
	now     time.Time
	err     error // why a value could not be made
}

type callerKey struct{}

// caller is how a connection came in.
type caller struct {
	vpc  string
	conn net.Conn
}

// ServeHTTP answers a request on a connection that Service.Open accepted.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	from, _ := r.Context().Value(callerKey{}).(caller)
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		refuse(w, http.StatusBadRequest)
		return
	}
	i, err := s.source.Find(r.Context(), from.vpc, addr.Addr().Unmap())
	if err != nil {
		refuse(w, http.StatusInternalServerError)
		return
	}
	if i == nil {
		refuse(w, http.StatusNotFound)
		return
	}
	if overIPv6(from.conn) && !i.Options.IPv6 {
		panic(http.ErrAbortHandler) // for this instance nobody is there
	}
	if i.Options.Disabled {
		refuse(w, http.StatusForbidden)
		return
	}
	secrets, err := s.source.Secrets(r.Context())
	if err != nil {
		refuse(w, http.StatusInternalServerError)
		return
	}
	q := &query{ctx: r.Context(), i: i, secrets: secrets, now: s.source.Now().UTC()}
	switch r.Method {
	case http.MethodPut:
		q.putToken(w, r, from.conn)
	case http.MethodGet, http.MethodHead:
		q.get(w, r, s)
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT")
		refuse(w, http.StatusMethodNotAllowed)
	}
}

// refuse answers an error with the page that the service shows.
func refuse(w http.ResponseWriter, status int) {
	text := strconv.Itoa(status) + " - " + http.StatusText(status)
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	io.WriteString(w, `<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>`+text+`</title>
 </head>
 <body>
  <h1>`+text+`</h1>
 </body>
</html>
`)
}

// putToken begins a session (IMDSv2). Requests that came through a proxy are
// refused, and the answer does not travel further than the hop limit.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
func (q *query) putToken(w http.ResponseWriter, r *http.Request, conn net.Conn) {
	if strings.Trim(r.URL.Path, "/") != "latest/api/token" {
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	if r.Header.Get("X-Forwarded-For") != "" {
		refuse(w, http.StatusForbidden)
		return
	}
	seconds, err := strconv.Atoi(r.Header.Get(tokenTTLHeader))
	ttl := time.Duration(seconds) * time.Second
	if err != nil || seconds < 1 || ttl > longestToken {
		refuse(w, http.StatusBadRequest)
		return
	}
	restore := limitHops(conn, q.i.Options.HopLimit)
	defer restore()
	token := q.secrets.token(q.i.ID, q.now.Add(ttl))
	h := w.Header()
	h.Set("Content-Type", "text/plain")
	h.Set("Content-Length", strconv.Itoa(len(token)))
	h.Set(tokenTTLHeader, strconv.Itoa(seconds))
	io.WriteString(w, token)
	http.NewResponseController(w).Flush() // while the limit holds
}

// get answers what is at a path.
func (q *query) get(w http.ResponseWriter, r *http.Request, s *Service) {
	token := r.Header.Get(tokenHeader)
	if token == "" && q.i.Options.TokensRequired || token != "" && !q.secrets.honours(token, q.i.ID, q.now) {
		refuse(w, http.StatusUnauthorized)
		return
	}
	if token == "" {
		s.untokened(q.i.ID)
	}
	text, ok := s.lookUp(q, r.URL.Path)
	if q.err != nil {
		refuse(w, http.StatusInternalServerError)
		return
	}
	if !ok {
		refuse(w, http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain")
	if strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), "/user-data") {
		h.Set("Content-Type", "application/octet-stream")
	}
	h.Set("Accept-Ranges", "none")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Last-Modified", q.i.Launched.UTC().Format(http.TimeFormat))
	if t := r.Header.Get(tokenHeader); t != "" {
		h.Set(tokenTTLHeader, strconv.Itoa(int(q.secrets.rest(t, q.now).Seconds())))
	}
	io.WriteString(w, text)
}

// lookUp is what is at a path: the versions, or the tree below one.
func (s *Service) lookUp(q *query, path string) (text string, ok bool) {
	version, rest, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	if version == "" {
		return strings.Join(versions, "\n"), true
	}
	if !slices.Contains(versions, version) {
		return "", false
	}
	root := s.tree(q)
	if strings.Trim(rest, "/") == "" { // the listing has no slashes here
		return strings.ReplaceAll(root.list(), "/", ""), true
	}
	return root.read(rest)
}
