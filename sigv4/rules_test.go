package sigv4

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"pileus/cloud"
)

var testCredential = Credential{AccessKey: exampleKey, Secret: exampleSecret, SessionToken: "token"}

// signed is a request by our own signer, as a server reads it.
func signed(t testing.TB, method, target, service, body string, header ...string) *http.Request {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{Method: method, URL: u, Host: u.Host, Header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	Sign(r, testCredential, "us-east-1", service, exampleTime, digest([]byte(body)))
	return received(t, r, body)
}

// received is a signed request on the server's side.
func received(t testing.TB, r *http.Request, body string) *http.Request {
	t.Helper()
	var raw bytes.Buffer
	raw.WriteString(r.Method + " " + r.URL.RequestURI() + " HTTP/1.1\nHost: " + r.Host + "\n")
	for name, values := range r.Header {
		for _, v := range values {
			raw.WriteString(name + ": " + v + "\n")
		}
	}
	s := arrive(t, raw.String()+"\n")
	s.Body, s.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return s
}

// TestRefusals changes one thing at a time of a good request.
func TestRefusals(t *testing.T) {
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	edit := func(from, to string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
		}
	}
	nothing := func(*http.Request) {}
	for _, c := range []struct {
		name    string
		change  func(*http.Request)
		after   time.Duration
		s3      string
		query   string
		json    string
		message string // of the query family; a part
	}{
		{"unchanged", nothing, 0, "", "", "", ""},
		{"at the edge of the window", nothing, 5 * time.Minute, "", "", "", ""},
		{"signed too long ago", nothing, 16 * time.Minute, "RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException", "Signature expired: 20130524T000000Z is now earlier than 20130524T000100Z (20130524T001600Z - 15 min.)"},
		{"signed for later", nothing, -16 * time.Minute, "RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException", "Signature not yet current: 20130524T000000Z is still later than 20130523T235900Z (20130523T234400Z + 15 min.)"},
		{"another region in the scope", edit("us-east-1", "eu-west-1"), 0, "SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException", "The request signature we calculated does not match"},
		{"a scope of another day", edit("20130524", "20130523"), 0, "AuthorizationHeaderMalformed", "IncompleteSignature", "IncompleteSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20130523' != '20130524', from '20130524T000000Z'."},
		{"another terminator", edit("aws4_request", "aws5_request"), 0, "AuthorizationHeaderMalformed", "IncompleteSignature", "IncompleteSignatureException", "valid terminator: 'aws4_request', not 'aws5_request'"},
		{"no scope", edit("/20130524/us-east-1", ""), 0, "AuthorizationHeaderMalformed", "IncompleteSignature", "IncompleteSignatureException", "Credential must have exactly 5 slash-delimited elements"},
		{"no Signature", edit("Signature=", "Sig="), 0, "AuthorizationHeaderMalformed", "IncompleteSignature", "IncompleteSignatureException", "Authorization header requires 'Signature' parameter."},
		{"no equal sign", edit("Signature=", "Signature"), 0, "AuthorizationHeaderMalformed", "IncompleteSignature", "IncompleteSignatureException", "not a valid key=value pair (missing equal-sign) in Authorization header"},
		{"a signature twice", edit("Signature=", "Signature=a, Signature="), 0, "AuthorizationHeaderMalformed", "IncompleteSignature", "IncompleteSignatureException", ""},
		{"a signature of another length", edit("Signature=", "Signature=0"), 0, "SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException", ""},
		{"host not signed", edit("host;", ""), 0, "AuthorizationHeaderMalformed", "IncompleteSignature", "IncompleteSignatureException", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"too many signed headers", edit("host;", strings.Repeat("a;", 200)+"host;"), 0, "AuthorizationHeaderMalformed", "IncompleteSignature", "IncompleteSignatureException", ""},
		{"the asymmetric algorithm", edit(algorithm, asymmetric), 0, "InvalidRequest", "IncompleteSignature", "IncompleteSignatureException", "AWS4-ECDSA-P256-SHA256"},
		{"another scheme", set("Authorization", "Bearer x"), 0, "InvalidArgument", "IncompleteSignature", "IncompleteSignatureException", "Unsupported Authorization Type"},
		{"a bad date", set("X-Amz-Date", "yesterday"), 0, "AccessDenied", "IncompleteSignature", "IncompleteSignatureException", "Date must be in ISO-8601 'basic format'. Got 'yesterday'."},
		{"fractions of a second", set("X-Amz-Date", "20130524T000000.5Z"), 0, "AccessDenied", "IncompleteSignature", "IncompleteSignatureException", "Date must be in ISO-8601"},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, 0, "AccessDenied", "IncompleteSignature", "IncompleteSignatureException", "either a 'X-Amz-Date' or a 'Date' header."},
		{"credentials in the query as well", func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=x" }, 0, "InvalidArgument", "IncompleteSignature", "IncompleteSignatureException", ""},
		{"a signed header changed", set("X-Amz-Security-Token", "other"), 0, "SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException", ""},
		{"another host", func(r *http.Request) { r.Host = "elsewhere" }, 0, "SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException", ""},
		{"another path", func(r *http.Request) { r.RequestURI = "/b/k2?a=b" }, 0, "SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException", ""},
		{"another query", func(r *http.Request) { r.URL.RawQuery = "a=c" }, 0, "SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException", ""},
		{"an x-amz header that is not signed", set("X-Amz-Acl", "public-read"), 0, "AccessDenied", "", "", ""},
		{"another header that is not signed", set("X-Other", "y"), 0, "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for family, want := range map[Family]string{S3: c.s3, Query: c.query, JSON: c.json} {
				service := map[Family]string{S3: "s3", Query: "iam", JSON: "sqs"}[family]
				r := signed(t, "PUT", "http://localhost:4566/b/k?a=b", service, "body")
				c.change(r)
				a, err := Parse(r)
				if err == nil {
					_, err = a.Verify(r, exampleSecret, Options{Now: exampleTime.Add(c.after), Family: family, Body: []byte("body")})
				}
				err = Explain(err, family)
				if code(err) != want || family == Query && err != nil && !strings.Contains(err.Error(), c.message) {
					t.Errorf("family %d: %v; want %s", family, err, want)
				}
			}
		})
	}
}

// TestBodyMustMatch: outside of S3 the body is part of what is signed.
func TestBodyMustMatch(t *testing.T) {
	r := signed(t, "POST", "http://localhost:4566/", "sqs", "body")
	_, err := mustParse(t, r).Verify(r, exampleSecret, Options{Now: exampleTime, Family: JSON, Body: []byte("b0dy")})
	if code(err) != "InvalidSignatureException" {
		t.Error(err)
	}
}

// TestMismatchShowsWhatWasSigned: S3 tells its clients what it signed.
func TestMismatchShowsWhatWasSigned(t *testing.T) {
	r := signed(t, "GET", "http://localhost:4566/b/k", "s3", "")
	_, err := mustParse(t, r).Verify(r, "wrong", Options{Now: exampleTime})
	var e *cloud.Error
	if !errors.As(err, &e) || e.Status != 403 {
		t.Fatal(err)
	}
	fields := map[string]string{}
	var order []string
	for _, f := range e.Fields {
		order = append(order, f[0])
		fields[f[0]] = f[1]
	}
	if got := strings.Join(order, " "); got != "AWSAccessKeyId StringToSign SignatureProvided StringToSignBytes CanonicalRequest CanonicalRequestBytes" {
		t.Error(got)
	}
	if want := "GET\n/b/k\n\nhost:localhost:4566\nx-amz-content-sha256:" + EmptyPayload; !strings.HasPrefix(fields["CanonicalRequest"], want) {
		t.Error(fields["CanonicalRequest"])
	}
	if !strings.HasPrefix(fields["StringToSignBytes"], "41 57 53 34 2d") || fields["AWSAccessKeyId"] != exampleKey {
		t.Error(fields)
	}
}

// TestPresign holds presigned requests to their time and parameters.
func TestPresign(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(q url.Values)
		after  time.Duration
		s3     string
		text   string
	}{
		{"in time", nil, 9 * time.Minute, "", ""},
		{"too late", nil, 11 * time.Minute, "AccessDenied", "Request has expired"},
		{"too early", nil, -16 * time.Minute, "AccessDenied", "Request is not valid yet"},
		{"a longer life than was signed", func(q url.Values) { q.Set("X-Amz-Expires", "6000") }, 0, "SignatureDoesNotMatch", ""},
		{"more than a week", func(q url.Values) { q.Set("X-Amz-Expires", "604801") }, 0, "AuthorizationQueryParametersError", "X-Amz-Expires must be less than a week (in seconds)"},
		{"a negative life", func(q url.Values) { q.Set("X-Amz-Expires", "-1") }, 0, "AuthorizationQueryParametersError", "X-Amz-Expires must be non-negative"},
		{"no number", func(q url.Values) { q.Set("X-Amz-Expires", "x") }, 0, "AuthorizationQueryParametersError", "X-Amz-Expires should be a number"},
		{"no date", func(q url.Values) { q.Del("X-Amz-Date") }, 0, "AuthorizationQueryParametersError", "requires the X-Amz-Algorithm"},
		{"a bad date", func(q url.Values) { q.Set("X-Amz-Date", "2013") }, 0, "AuthorizationQueryParametersError", "X-Amz-Date must be in the ISO8601 Long Format"},
		{"another algorithm", func(q url.Values) { q.Set("X-Amz-Algorithm", "AWS4") }, 0, "AuthorizationQueryParametersError", "X-Amz-Algorithm only supports"},
		{"asymmetric", func(q url.Values) { q.Set("X-Amz-Algorithm", asymmetric) }, 0, "InvalidRequest", "4A"},
		{"a mangled credential", func(q url.Values) { q.Set("X-Amz-Credential", "a/b") }, 0, "AuthorizationQueryParametersError", "the Credential is mal-formed"},
		{"a parameter twice", func(q url.Values) { q.Add("X-Amz-Date", "20130524T000000Z") }, 0, "AuthorizationQueryParametersError", "repeated"},
		{"another version of the object", func(q url.Values) { q.Set("versionId", "2") }, 0, "SignatureDoesNotMatch", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := url.Parse("http://localhost:4566/b/k?versionId=1")
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Method: "GET", URL: u, Host: u.Host, Header: http.Header{"X-Amz-Meta-A": {"b"}}}
			Presign(r, testCredential, "us-east-1", "s3", exampleTime, 10*time.Minute, "")
			if c.change != nil {
				q := r.URL.Query()
				c.change(q)
				r.URL.RawQuery = q.Encode()
			}
			r = received(t, r, "")
			a, err := Parse(r)
			if err == nil {
				_, err = a.Verify(r, exampleSecret, Options{Now: exampleTime.Add(c.after)})
			}
			if err = Explain(err, S3); code(err) != c.s3 || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v; want %s", err, c.s3)
			}
		})
	}
}

// TestPresignWithoutExpires: other services take requests that do not say how
// long they live, for a quarter of an hour (some SDKs presign
// sts:GetCallerIdentity so).
func TestPresignWithoutExpires(t *testing.T) {
	const query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2FSERVICE%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
	a, err := Parse(request("", "", strings.Replace(query, "SERVICE", "sts", 1)))
	if err != nil || a.Expires != 15*time.Minute {
		t.Errorf("sts: %+v, %v", a, err)
	}
	if _, err := Parse(request("", "", strings.Replace(query, "SERVICE", "s3", 1))); code(err) != "AuthorizationQueryParametersError" {
		t.Errorf("s3: %v", err)
	}
}

func TestAnonymous(t *testing.T) {
	for _, target := range []string{"/", "/b?list-type=2", "/b/k?Signature=x", "/?X-Amz-Date=20130524T000000Z"} {
		if a, err := Parse(arrive(t, "GET "+target+" HTTP/1.1\nHost: h\n\n")); a != nil || err != nil {
			t.Errorf("%s: %v %v", target, a, err)
		}
	}
}

// TestBody reads bodies of every payload mode to their end.
func TestBody(t *testing.T) {
	unsigned := func(body string) string { return body }
	chunked := func(body string) string { return "4;ext=1\r\nbody\r\n0\r\nx-amz-checksum-crc32:wdltbA==\r\n\r\n" }
	for _, c := range []struct {
		name, payload, decoded string
		length                 int64
		encode                 func(string) string
		body, want, text       string
	}{
		{"unsigned", UnsignedPayload, "", 4, unsigned, "body", "", "body"},
		{"digest", digest([]byte("body")), "", 4, unsigned, "body", "", "body"},
		{"digest in capitals", strings.ToUpper(digest([]byte("body"))), "", 4, unsigned, "body", "", "body"},
		{"another digest", digest([]byte("b0dy")), "", 4, unsigned, "body", "XAmzContentSHA256Mismatch", "body"},
		{"shorter than announced", UnsignedPayload, "", 5, unsigned, "body", "IncompleteBody", "body"},
		{"unknown length", UnsignedPayload, "", -1, unsigned, "body", "", "body"},
		{"unsigned chunks", StreamingPlain, "4", -1, chunked, "", "", "body"},
		{"unsigned chunks, fewer than announced", StreamingPlain, "5", -1, chunked, "", "IncompleteBody", "body"},
		{"unsigned chunks, more than announced", StreamingPlain, "3", -1, chunked, "", "IncompleteBody", ""},
		{"unsigned chunks, no length", StreamingPlain, "", -1, chunked, "", "MissingContentLength", ""},
		{"unsigned chunks, cut", StreamingPlain, "4", -1, func(string) string { return "4\r\nbo" }, "", "IncompleteBody", "bo"},
		{"no framing", StreamingPlain, "4", -1, unsigned, "body", "IncompleteBody", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := arrive(t, "PUT /b/k HTTP/1.1\nHost: h\nx-amz-content-sha256: "+c.payload+"\nx-amz-trailer: x-amz-checksum-crc32\n\n")
			if c.decoded != "" {
				r.Header.Set("X-Amz-Decoded-Content-Length", c.decoded)
			}
			r.ContentLength = c.length
			r.Body = io.NopCloser(strings.NewReader(c.encode(c.body)))
			b, err := Anonymous(r).Body(r)
			var got []byte
			if err == nil {
				got, err = io.ReadAll(b)
				for range 2 { // closing again is harmless, and reading answers no more content
					if err := b.Close(); err != nil {
						t.Error(err)
					}
					if n, err := b.Read(make([]byte, 1)); n != 0 || err == nil {
						t.Errorf("read %d bytes of a closed body, %v", n, err)
					}
				}
			}
			if code(err) != c.want || string(got) != c.text {
				t.Errorf("%q, %v; want %q, %s", got, err, c.text, c.want)
			}
			if c.payload == StreamingPlain && c.want == "" && b.Trailer().Get("X-Amz-Checksum-Crc32") != "wdltbA==" {
				t.Error(b.Trailer())
			}
		})
	}
}

// TestBodyNeedsProof: nobody reads a body by credentials that were not verified.
func TestBodyNeedsProof(t *testing.T) {
	r := signed(t, "PUT", "http://localhost/b/k", "s3", "body")
	if _, err := mustParse(t, r).Body(r); err == nil {
		t.Error("a body without verification")
	}
	r.Header.Set("X-Amz-Content-Sha256", StreamingSigned)
	if _, err := Anonymous(r).Body(r); code(err) != "AccessDenied" {
		t.Errorf("anonymous signed chunks: %v", err)
	}
}

// TestKeysAreBounded: the cache forgets, and answers the same all the same.
func TestKeysAreBounded(t *testing.T) {
	keys := NewKeys(3)
	for i := range 20 {
		s := scope{secret: strings.Repeat("x", i%7), date: "20130524", region: "r", service: "s"}
		if got, want := keys.get(s).sign(nil, []byte("text")), s.derive().sign(nil, []byte("text")); !bytes.Equal(got, want) {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
		if n := len(keys.new) + len(keys.old); n > 6 {
			t.Fatalf("%d keys", n)
		}
	}
}

// TestHugeChunk: a chunk needs no memory of its own, whatever its size.
func TestHugeChunk(t *testing.T) {
	const size = 64 << 20
	r := arrive(t, "PUT /b/k HTTP/1.1\nHost: h\nx-amz-content-sha256: "+StreamingPlain+"\nx-amz-decoded-content-length: 67108864\n\n")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("4000000\r\n"), io.LimitReader(zeros{}, size), strings.NewReader("\r\n0\r\n\r\n")))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b, err := Anonymous(r).Body(r)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, b); n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("reading it allocated %d bytes", used)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
