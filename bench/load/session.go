package load

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"pileus/clock"
	"pileus/sigv4"
)

// Target is an endpoint to be driven.
type Target struct {
	Name       string
	Addr       string // host:port
	Credential sigv4.Credential
	// SignPayload signs the digest of S3's bodies, as most clients do over
	// plain HTTP, so that the server has to compute it; they are
	// UNSIGNED-PAYLOAD otherwise, as over TLS.
	SignPayload bool
}

// Session is a target with what a workload's setup made there.
type Session struct {
	Target
	keys  *sigv4.Keys
	queue string           // URL
	user  sigv4.Credential // IAM's
}

// NewSession begins work with a target.
func NewSession(t Target) *Session { return &Session{Target: t, keys: sigv4.NewKeys(8)} }

const region = "us-east-1"

// request is one ready to be sent.
type request struct {
	head []byte
	body []byte // shared, where large
}

// call is what a request is made from.
type call struct {
	method, path, service string
	header                [][2]string
	body                  []byte
	unsigned              bool // UNSIGNED-PAYLOAD: the body's digest is not signed
	as                    *sigv4.Credential
}

// sign signs a call and writes it out as it goes over the wire.
func (s *Session) sign(k call) (*request, error) {
	u, err := url.Parse("http://" + s.Addr + k.path)
	if err != nil {
		return nil, err
	}
	r := &http.Request{Method: k.method, URL: u, Host: u.Host, Header: http.Header{}}
	for _, h := range k.header {
		r.Header.Set(h[0], h[1])
	}
	credential := s.Credential
	if k.as != nil {
		credential = *k.as
	}
	payload := sigv4.UnsignedPayload
	if !k.unsigned {
		sum := sha256.Sum256(k.body)
		payload = hex.EncodeToString(sum[:])
	}
	sigv4.SignWith(s.keys, r, credential, region, k.service, clock.Machine(), payload)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", k.method, u.RequestURI(), u.Host)
	for name, values := range r.Header {
		b.WriteString(name + ": " + values[0] + "\r\n")
	}
	if k.method != http.MethodGet {
		b.WriteString("Content-Length: " + strconv.Itoa(len(k.body)) + "\r\n")
	}
	b.WriteString("\r\n")
	q := &request{head: b.Bytes()}
	if len(k.body) > 16<<10 {
		q.body = k.body
	} else {
		q.head = append(q.head, k.body...)
	}
	return q, nil
}

// sqs is a call of SQS's JSON protocol.
func (s *Session) sqs(operation string, in any) (call, error) {
	body, err := json.Marshal(in)
	return call{method: "POST", path: "/", service: "sqs", body: body, header: [][2]string{
		{"Content-Type", "application/x-amz-json-1.0"}, {"X-Amz-Target", "AmazonSQS." + operation}}}, err
}

// iam is a call of IAM's query protocol.
func (s *Session) iam(form url.Values) call {
	form.Set("Version", "2010-05-08")
	return call{method: "POST", path: "/", service: "iam", body: []byte(form.Encode()), header: [][2]string{
		{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}}}
}

// object is a call on an object or bucket.
func (s *Session) object(method, path string, body []byte) call {
	return call{method: method, path: path, service: "s3", body: body, unsigned: !s.SignPayload}
}

// must performs a call of a setup; any status that is not listed and not 2xx
// is an error.
func (s *Session) must(c *conn, k call, also ...int) ([]byte, error) {
	q, err := s.sign(k)
	if err != nil {
		return nil, err
	}
	a, err := c.do(q)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", k.method, k.path, err)
	}
	for _, status := range also {
		if a.status == status {
			return a.body, nil
		}
	}
	return a.body, a.check(k.method + " " + k.path)
}

// check makes an answer that is not a success an error that quotes it.
func (a answer) check(what string) error {
	if a.status/100 == 2 {
		return nil
	}
	return fmt.Errorf("%s answered %d: %.300s", what, a.status, a.body)
}
