package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sign signs a request that is to be sent: it sets X-Amz-Date, the session
// token, for S3 X-Amz-Content-Sha256, and Authorization. payloadHash is the
// body's SHA-256 in hex, or one of the named values; "" is an empty body.
func Sign(r *http.Request, c Credential, region, service string, t time.Time, payloadHash string) {
	SignWith(nil, r, c, region, service, t, payloadHash)
}

// SignWith is Sign with a cache of keys, for who signs much.
func SignWith(keys *Keys, r *http.Request, c Credential, region, service string, t time.Time, payloadHash string) *Result {
	if payloadHash == "" {
		payloadHash = EmptyPayload
	}
	res := newResult(keys, c, region, service, t)
	r.Header.Set("X-Amz-Date", res.rawTime)
	if c.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", c.SessionToken)
	}
	if onceEncoded(service) {
		r.Header.Set("X-Amz-Content-Sha256", payloadHash)
		res.Payload = payloadHash
	}
	res.SignedHeaders = headersToSign(r.Header)
	res.sign(r, payloadHash)
	r.Header.Set("Authorization", algorithm+" Credential="+c.AccessKey+"/"+string(res.appendScope(nil))+
		", SignedHeaders="+strings.Join(res.SignedHeaders, ";")+", Signature="+res.Signature)
	return res
}

// Presign puts credentials and signature into a request's query. For S3 the
// payload is usually UnsignedPayload, which "" stands for.
func Presign(r *http.Request, c Credential, region, service string, t time.Time, expires time.Duration, payloadHash string) {
	if payloadHash == "" {
		payloadHash = EmptyPayload
		if onceEncoded(service) {
			payloadHash = UnsignedPayload
		}
	}
	res := newResult(nil, c, region, service, t)
	res.SignedHeaders = headersToSign(r.Header)
	q := []string{
		"X-Amz-Algorithm=" + algorithm,
		"X-Amz-Credential=" + url.QueryEscape(c.AccessKey+"/"+string(res.appendScope(nil))),
		"X-Amz-Date=" + res.rawTime,
		"X-Amz-Expires=" + strconv.FormatInt(int64(expires/time.Second), 10),
		"X-Amz-SignedHeaders=" + url.QueryEscape(strings.Join(res.SignedHeaders, ";")),
	}
	if c.SessionToken != "" {
		q = append(q, "X-Amz-Security-Token="+url.QueryEscape(c.SessionToken))
	}
	if r.URL.RawQuery != "" {
		q = append([]string{r.URL.RawQuery}, q...)
	}
	r.URL.RawQuery = strings.Join(q, "&")
	res.sign(r, payloadHash)
	r.URL.RawQuery += "&X-Amz-Signature=" + res.Signature
}

func newResult(keys *Keys, c Credential, region, service string, t time.Time) *Result {
	raw := t.UTC().Format(isoBasic)
	return &Result{AccessKey: c.AccessKey, SessionToken: c.SessionToken, Region: region, Service: service, Date: raw[:8],
		Time: t, rawTime: raw, key: keys.get(scope{c.Secret, raw[:8], region, service})}
}

// onceEncoded tells whether a service signs S3's way.
// express is the name under which the objects of S3's directory buckets are
// asked for. The tokens of their sessions have a header of their own.
const express = "s3express"

func onceEncoded(service string) bool { return strings.HasPrefix(service, "s3") }

// headersToSign are those whose change in transit would change the request.
func headersToSign(h http.Header) []string {
	names := []string{"host"}
	for name := range h {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") || lower == "content-type" || lower == "content-md5" {
			names = append(names, lower)
		}
	}
	slices.Sort(names)
	return names
}

func (a *Result) sign(r *http.Request, payload string) {
	c := canonical{r: r, path: requestPath(r), host: requestHost(r), signed: a.SignedHeaders, payload: payload, once: onceEncoded(a.Service)}
	a.Signature = string(a.key.sign(nil, a.appendToSign(nil, c.append(nil))))
}
