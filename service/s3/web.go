package s3

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"pileus/cloud"
	"pileus/store"
)

// configWeb answers what is no operation of the API: website endpoints and
// CORS preflights. To other requests it adds the CORS headers of the bucket
// and leaves them to their operation.
func configWeb(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	if bucket, ok := websiteHost(c.HTTP.Host); ok {
		serveWebsite(c, w, r, bucket)
		return true
	}
	origin := r.Header.Get("Origin")
	if r.Method == http.MethodOptions {
		w.Header().Set("X-Amz-Request-Id", c.RequestID)
		if err := preflight(c, requestBucket(c, r), r, w.Header()); err != nil {
			writeError(c, w, err)
			return true
		}
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
		return true
	}
	if origin == "" {
		return false
	}
	name := requestBucket(c, r)
	if name == "" {
		return false
	}
	_ = c.View(func(rd store.Reader) error { // a bucket that is not there is the operation's to report
		if b, err := findBucket(rd, name); err == nil {
			corsHeaders(b, r, w.Header())
		}
		return nil
	})
	return false
}

// requestBucket is the bucket or access point that a request addresses, by host
// or by path.
func requestBucket(c *cloud.Call, r *http.Request) string {
	if c.HTTP.Bucket != "" {
		return c.HTTP.Bucket
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return name
}

// writeError answers with an error outside of any operation, in the form that
// S3's REST API has.
func writeError(c *cloud.Call, w http.ResponseWriter, err error) {
	var e *cloud.Error
	if !errors.As(err, &e) {
		e = cloud.Errorf(500, "InternalError", "We encountered an internal error. Please try again.")
	}
	body := []byte(xml.Header + "<Error>")
	element := func(name, value string) {
		body = append(body, "<"+name+">"...)
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(value)) // a strings.Builder takes everything
		body = append(append(body, b.String()...), "</"+name+">"...)
	}
	element("Code", e.Code)
	element("Message", e.Message)
	for _, f := range e.Fields {
		element(f[0], f[1])
	}
	element("RequestId", c.RequestID)
	element("HostId", c.RequestID)
	body = append(body, "</Error>"...)
	for name := range e.Header {
		w.Header().Set(name, e.Header.Get(name))
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.Status)
	w.Write(body)
}
