// Package sigv4 verifies and makes AWS Signature Version 4: in the
// Authorization header, in presigned queries, in browser form posts, and along
// the chunks and trailers of streaming uploads. S3's older version 2 is
// verified too, because some clients still presign with it. The package knows
// nothing of accounts: whoever calls it brings the secret.
//
// A server's way through it:
//
//	auth, err := sigv4.Parse(r)            // nil, nil: anonymous
//	... find the secret of auth.AccessKey, the family from auth.Service ...
//	res, err := auth.Verify(r, secret, sigv4.Options{Now: now, Family: family, Keys: keys, Body: small})
//	body, err := res.Body(r)               // S3: decodes and verifies as it is read
package sigv4

import (
	"net/http"
	"time"
)

// Credential is an access key with what is needed to sign with it.
type Credential struct{ AccessKey, Secret, SessionToken string }

// Version is a signature version.
type Version uint8

const (
	V4 Version = iota // AWS4-HMAC-SHA256
	V2                // S3's AWSAccessKeyId/Signature and "AWS key:signature"
)

// Payload values of x-amz-content-sha256 that are not a digest.
const (
	UnsignedPayload  = "UNSIGNED-PAYLOAD"
	StreamingSigned  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingPlain   = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	EmptyPayload     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// Result is what a request says of its signature; after Auth.Verify it is
// proven.
type Result struct {
	Version      Version
	AccessKey    string
	SessionToken string
	Region       string // of the credential scope; empty in version 2
	Service      string // of the credential scope; "s3" in version 2
	Date         string // of the credential scope, YYYYMMDD
	Presigned    bool   // credentials came in the query
	Time         time.Time
	Expires      time.Duration // of a presigned request
	// Payload is x-amz-content-sha256: a digest, one of the named values, or
	// "" where the request has none.
	Payload       string
	SignedHeaders []string // lower case, as the client listed them
	Signature     string

	family   Family
	rawTime  string // as sent; the string to sign quotes it
	key      *signingKey
	verified bool
	lax      bool // signatures are not looked at
}

// Auth is the credentials of a request, parsed and not yet verified.
type Auth struct {
	Result
	names [12]string // room for SignedHeaders
}

// Options are how a server wants a signature verified.
type Options struct {
	// Now is the machine's own time, which clients sign with.
	Now time.Time
	// Skew is how far a client's clock may be off; 0 takes the family's.
	Skew time.Duration
	// Family is the style of errors, and of S3 also the rules: the path is
	// encoded once and not normalised, x-amz-content-sha256 is required, all
	// x-amz-* headers must be signed.
	Family Family
	// Keys caches derived signing keys; nil derives them each time.
	Keys *Keys
	// Body is the whole body of a request that is not streamed (every family
	// but S3); it is hashed where the request has no x-amz-content-sha256 and
	// checked against it where it has. S3 leaves it nil and reads
	// Result.Body instead.
	Body []byte
	// AllowUnsigned lets families other than S3 take UNSIGNED-PAYLOAD
	// (operations whose authtype is v4-unsigned-body).
	AllowUnsigned bool
	// Bucket is set where S3 was addressed at the bucket's own host name:
	// version 2 signs it as part of the path.
	Bucket string
}

// Parse finds the credentials of a request without verifying them. It answers
// nil, nil for an anonymous request. Its errors are *Fault: Explain words them
// for a family once that is known.
func Parse(r *http.Request) (*Auth, error) {
	header := r.Header["Authorization"]
	where := queryAuth(r.URL.RawQuery)
	switch {
	case len(header) == 0 && where == nowhere:
		return nil, nil
	case len(header) > 1 || len(header) == 1 && where != nowhere:
		return nil, errTwoMechanisms(header[0])
	case len(header) == 1:
		return parseHeader(r, header[0])
	case where == inQueryV4:
		return parseQueryV4(r)
	default:
		return parseQueryV2(r)
	}
}
