package sigv4

import (
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"pileus/cloud"
)

// scratch are buffers that canonical requests are built in.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// maxScratch is the largest buffer that is kept for the next request.
const maxScratch = 64 << 10

// Verify proves the signature with the access key's secret and answers what it
// proved. Its errors are *cloud.Error of o.Family.
func (a *Auth) Verify(r *http.Request, secret string, o Options) (*Result, error) {
	a.family = o.Family
	if a.Version == V2 {
		return a.verifyV2(r, secret, o)
	}
	if err := a.checkSigned(r); err != nil {
		return nil, err
	}
	if err := a.checkTime(o); err != nil {
		return nil, err
	}
	payload, err := a.canonicalPayload(o)
	if err != nil {
		return nil, err
	}
	a.key = o.Keys.get(scope{secret, a.Date, a.Region, a.Service})
	c := canonical{r: r, path: requestPath(r), host: requestHost(r), signed: a.SignedHeaders, payload: payload, once: o.Family == S3}
	if a.matches(&c) || a.matchesAnother(c) {
		a.verified = true
		return &a.Result, nil
	}
	return nil, a.errMismatch(&c)
}

// matches tells whether the signature is that of the canonical request.
func (a *Auth) matches(c *canonical) bool {
	p := scratch.Get().(*[]byte)
	b := c.append((*p)[:0])
	n := len(b)
	b = a.appendToSign(b, b[:n])
	end := len(b)
	b = a.key.sign(b, b[n:end])
	ok := sameText(b[end:], a.Signature)
	if cap(b) <= maxScratch {
		*p = b
		scratch.Put(p)
	}
	return ok
}

// matchesAnother tries what honest clients are known to sign instead: the host
// without a scheme's usual port, which some leave out of the signature though
// they send it, and the path as it was sent.
func (a *Auth) matchesAnother(c canonical) bool {
	if host, ok := withoutUsualPort(c.host); ok {
		c.host = host
		if a.matches(&c) {
			return true
		}
	}
	c.rawPath = true
	return a.matches(&c)
}

func withoutUsualPort(host string) (string, bool) {
	if h, ok := strings.CutSuffix(host, ":80"); ok {
		return h, true
	}
	return strings.CutSuffix(host, ":443")
}

// appendToSign writes the string to sign for a canonical request.
func (a *Result) appendToSign(dst, request []byte) []byte {
	dst = append(dst, algorithm+"\n"...)
	dst = append(dst, a.rawTime...)
	dst = append(dst, '\n')
	dst = a.appendScope(dst)
	dst = append(dst, '\n')
	return appendDigest(dst, request)
}

func (a *Result) appendScope(dst []byte) []byte {
	dst = append(dst, a.Date...)
	dst = append(dst, '/')
	dst = append(dst, a.Region...)
	dst = append(dst, '/')
	dst = append(dst, a.Service...)
	return append(dst, "/"+terminator...)
}

// sameText compares in constant time.
func sameText(want []byte, got string) bool {
	if len(want) != len(got) || len(got) > 64 {
		return false
	}
	var buf [64]byte
	return subtle.ConstantTimeCompare(want, buf[:copy(buf[:], got)]) == 1
}

// checkSigned refuses a signature that leaves out headers which it must cover.
func (a *Auth) checkSigned(r *http.Request) error {
	if !a.signs("host") {
		return (&Fault{incomplete, cloud.Errorf(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; SignedHeaders must include host."),
			"'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."}).In(a.family)
	}
	if a.family != S3 {
		return nil
	}
	for name := range r.Header {
		if !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		if !a.signs(name) {
			return cloud.Errorf(403, "AccessDenied", "There were headers present in the request which were not signed").With("HeadersNotSigned", strings.ToLower(name))
		}
	}
	return nil
}

// signs tells whether a header is signed.
func (a *Result) signs(name string) bool {
	for _, s := range a.SignedHeaders {
		if strings.EqualFold(s, name) {
			return true
		}
	}
	return false
}

// canonicalPayload is the last line of the canonical request.
func (a *Auth) canonicalPayload(o Options) (string, error) {
	if o.Family != S3 {
		if a.Payload == UnsignedPayload && o.AllowUnsigned {
			return UnsignedPayload, nil
		}
		return digest(o.Body), nil // a digest that the client sent must be this one
	}
	switch a.Payload {
	case "":
		if a.Presigned {
			return UnsignedPayload, nil
		}
		return "", cloud.Errorf(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	case UnsignedPayload, StreamingSigned, StreamingTrailer, StreamingPlain:
		return a.Payload, nil
	}
	if !isDigest(a.Payload) {
		return "", cloud.Errorf(400, "InvalidArgument",
			"x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.").
			With("ArgumentName", "x-amz-content-sha256").With("ArgumentValue", a.Payload)
	}
	return a.Payload, nil
}

func isDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if unhex(s[i]) > 15 {
			return false
		}
	}
	return true
}

// digest is the SHA-256 of a body in hex.
func digest(body []byte) string {
	if len(body) == 0 {
		return EmptyPayload
	}
	var buf [64]byte
	return string(appendDigest(buf[:0], body))
}

// skew is how far a clock may be off.
func (o Options) skew() time.Duration {
	switch {
	case o.Skew > 0:
		return o.Skew
	case o.Family == JSON || o.Family == RESTJSON || o.Family == EC2:
		return 5 * time.Minute
	}
	return 15 * time.Minute
}

// checkTime refuses what was signed too long ago or for later.
func (a *Result) checkTime(o Options) error {
	skew, age := o.skew(), o.Now.Sub(a.Time)
	if a.Presigned {
		switch {
		case age < -skew && o.Family == S3:
			return cloud.Errorf(403, "AccessDenied", "Request is not valid yet").With("X-Amz-Date", a.rawTime).With("ServerTime", isoTime(o.Now))
		case age < -skew:
			return a.errEarly(o, skew)
		case age > a.Expires && o.Family == S3:
			return a.errExpired(o.Now)
		case age > a.Expires:
			return a.errLate(o, a.Expires)
		}
		return nil
	}
	switch {
	case age <= skew && age >= -skew:
		return nil
	case o.Family == S3:
		return cloud.Errorf(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.").
			With("RequestTime", a.rawTime).With("ServerTime", isoTime(o.Now)).
			With("MaxAllowedSkewMilliseconds", strconv.FormatInt(skew.Milliseconds(), 10))
	case age > 0:
		return a.errLate(o, skew)
	}
	return a.errEarly(o, skew)
}

func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// errExpired is S3's answer to a presigned request whose time is over.
func (a *Result) errExpired(now time.Time) error {
	e := cloud.Errorf(403, "AccessDenied", "Request has expired")
	if a.Version == V4 {
		e = e.With("X-Amz-Expires", strconv.FormatInt(int64(a.Expires/time.Second), 10))
	}
	return e.With("Expires", isoTime(a.Time.Add(a.Expires))).With("ServerTime", isoTime(now))
}

func (a *Result) errLate(o Options, window time.Duration) error {
	now := o.Now.UTC()
	return (&Fault{expired, nil, "Signature expired: " + a.rawTime + " is now earlier than " + now.Add(-window).Format(isoBasic) +
		" (" + now.Format(isoBasic) + " - " + minutes(window) + ")"}).In(o.Family)
}

func (a *Result) errEarly(o Options, window time.Duration) error {
	now := o.Now.UTC()
	return (&Fault{expired, nil, "Signature not yet current: " + a.rawTime + " is still later than " + now.Add(window).Format(isoBasic) +
		" (" + now.Format(isoBasic) + " + " + minutes(window) + ")"}).In(o.Family)
}

func minutes(d time.Duration) string { return strconv.Itoa(int(d/time.Minute)) + " min." }

// errMismatch shows S3's clients what was signed here, so that they can find
// the difference; the other families only say that there is one.
func (a *Auth) errMismatch(c *canonical) error {
	request := c.append(nil)
	return errDoesNotMatch(a.family, &a.Result, a.appendToSign(nil, request), request)
}

func errDoesNotMatch(family Family, a *Result, toSign, request []byte) error {
	if family != S3 {
		return (&Fault{mismatch, nil, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}).In(family)
	}
	e := cloud.Errorf(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.").
		With("AWSAccessKeyId", a.AccessKey).With("StringToSign", string(toSign)).With("SignatureProvided", a.Signature).
		With("StringToSignBytes", spacedHex(toSign))
	if request != nil {
		e = e.With("CanonicalRequest", string(request)).With("CanonicalRequestBytes", spacedHex(request))
	}
	return e
}

// spacedHex is how S3 shows bytes: "41 57 53".
func spacedHex(b []byte) string {
	out := make([]byte, 0, 3*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ' ')
		}
		out = append(out, hexDigits[c>>4], hexDigits[c&15])
	}
	return string(out)
}
