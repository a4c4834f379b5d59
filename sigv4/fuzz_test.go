package sigv4

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"pileus/cloud"
)

// request is one whose parts a fuzzer chose, as far as a server would take it.
func request(authorization, date, query string) *http.Request {
	r := &http.Request{Method: "GET", URL: &url.URL{Path: "/b/k", RawQuery: query}, Host: "h", RequestURI: "/b/k", Header: http.Header{}}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if date != "" {
		r.Header.Set("X-Amz-Date", date)
	}
	return r
}

// refusal fails on an error that a client could not be told.
func refusal(t *testing.T, err error) {
	var e *cloud.Error
	if !errors.As(Explain(err, S3), &e) || e.Code == "" || e.Status < 400 {
		t.Fatalf("not a refusal: %v", err)
	}
	if !errors.As(Explain(err, Query), &e) || e.Code == "" {
		t.Fatalf("not a refusal of the query family: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-date,Signature=f0e8", "20130524T000000Z", "")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/20130524/r/s/aws4_request, SignedHeaders=, Signature==", "Fri, 24 May 2013 00:00:00 GMT", "a=b&&c")
	f.Add("AWS key:sig", "Fri, 24 May 2013 00:00:00 GMT", "acl&uploadId=%zz")
	f.Add("", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20130524%2Fr%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeee")
	f.Add("", "", "AWSAccessKeyId=a&Signature=b&Expires=1&x-amz-acl=%2")
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := request(authorization, date, query)
		a, err := Parse(r)
		if err != nil {
			refusal(t, err)
			return
		}
		if a == nil {
			return
		}
		if a.AccessKey == "" || a.Service == "" {
			t.Fatalf("no key or service in %+v", a)
		}
		if _, err := a.Verify(r, "secret", Options{Now: a.Time, Family: S3}); err == nil {
			t.Fatalf("verified: %q %q %q", authorization, date, query)
		}
		if _, err := a.Verify(r, "secret", Options{Now: a.Time, Family: Query}); err == nil {
			t.Fatalf("verified: %q %q %q", authorization, date, query)
		}
	})
}

// FuzzCanonical: recoding twice changes nothing, and the order of parameters
// does not matter.
func FuzzCanonical(f *testing.F) {
	f.Add("/a/../b//%2F%zz+", "b=1&a=%20+&=&x")
	f.Fuzz(func(t *testing.T, path, query string) {
		once := string(appendQuery(nil, query))
		if twice := string(appendQuery(nil, once)); twice != once {
			t.Errorf("query %q: %q, then %q", query, once, twice)
		}
		p := string(appendRecoded(nil, path, true))
		if twice := string(appendRecoded(nil, p, true)); twice != p {
			t.Errorf("path %q: %q, then %q", path, p, twice)
		}
		n := string(appendNormal(nil, path))
		if !strings.HasPrefix(n, "/") || strings.Contains(n, "//") || strings.Contains(n+"/", "/../") || strings.Contains(n+"/", "/./") {
			t.Errorf("path %q normalised to %q", path, n)
		}
	})
}

func FuzzChunks(f *testing.F) {
	f.Add(true, "400;chunk-signature="+strings.Repeat("0", 64)+"\r\n"+strings.Repeat("a", 0x400)+"\r\n0;chunk-signature="+strings.Repeat("0", 64)+"\r\n\r\n", int64(1024))
	f.Add(false, "4\r\nbody\r\n0\r\nx-amz-checksum-crc32:wdltbA==\r\n\r\n", int64(4))
	f.Add(false, "0\r\n\r\n", int64(0))
	key := scope{"s", "20130524", "r", "s3"}.derive()
	f.Fuzz(func(t *testing.T, signed bool, body string, length int64) {
		if length < 0 {
			return
		}
		r := request("", "", "")
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
		r.Header["X-Amz-Decoded-Content-Length"] = []string{strconv.FormatInt(length, 10)}
		r.Body = io.NopCloser(strings.NewReader(body))
		res := &Result{Payload: StreamingPlain, verified: true, key: key}
		if signed {
			res.Payload = StreamingTrailer
		}
		b, err := res.Body(r)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, b)
		switch {
		case err == nil && (n != length || b.Trailer().Get("x-amz-checksum-crc32") == ""):
			t.Fatalf("took %q as %d bytes with %v", body, n, b.Trailer())
		case err == nil && signed:
			t.Fatalf("took %q without knowing its signatures", body)
		case err != nil:
			refusal(t, err)
		}
		if n > length {
			t.Fatalf("%d bytes of %d", n, length)
		}
	})
}

func FuzzPolicy(f *testing.F) {
	f.Add(`{"expiration":"2013-05-24T01:00:00Z","conditions":[{"key":"a"},["starts-with","$x",""],["content-length-range",1,10]]}`, "a", int64(4))
	f.Fuzz(func(t *testing.T, doc, key string, size int64) {
		p, err := parsePolicy([]byte(doc))
		if err != nil {
			refusal(t, err)
			return
		}
		if len(p.conditions) == 0 {
			t.Fatal("a policy without conditions")
		}
		if err := p.Check(map[string]string{"key": key}, size); err != nil {
			refusal(t, err)
		}
	})
}
