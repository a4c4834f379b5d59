package cloud

import (
	"context"
	"iter"
	"net/http"
	"time"

	"pileus/blob"
	"pileus/clock"
	"pileus/policy"
	"pileus/rng"
	"pileus/store"
)

// Call is one request: who asks, where, when, and in which transaction.
type Call struct {
	context.Context
	Cloud     Cloud
	Principal *Principal
	Account   string    // the account that the principal acts in
	Region    string    // the region addressed; "us-east-1" for global services
	Partition string    // "aws"
	Now       time.Time // the cloud's clock, fixed for the whole call
	RequestID string
	Tx        store.Tx // set inside Update handlers: calls made there join it
	// Snapshot is set while a View handler runs: what reads there, reads it.
	Snapshot store.Reader
	// Parker is set where the call's connection can be put aside while it
	// waits; Later makes use of it.
	Parker Parker

	// HTTP is the request's envelope; nil for calls made inside the process
	// by a service on its own behalf.
	HTTP *HTTP

	// Caller is the principal on whose behalf a service principal acts
	// (CloudFormation, Auto Scaling); nil otherwise. It is what
	// aws:CalledVia and aws:ViaAWSService are worked out from.
	Caller *Principal
}

// Raw is the body of an answer that no protocol has encoded.
type Raw struct {
	ContentType string
	Body        []byte
}

// HTTP is what a handler may look at, or change, of the HTTP exchange.
type HTTP struct {
	// Request is nil in calls that a service makes of another one: what it says
	// of its body, it says to the first.
	Request   *http.Request
	Service   *Service // that the request is for; nil where it is for none
	SourceIP  string   // without port
	Secure    bool     // came over TLS
	Host      string   // as the client addressed us, without port
	BaseURL   string   // scheme://host[:port] with which answers name this cloud
	Presigned bool     // credentials came in the query string
	AuthType  string   // "REST-HEADER", "REST-QUERY-STRING", "POST" or "" when anonymous
	SigV      string   // "AWS4-HMAC-SHA256" when signed
	SignAge   time.Duration
	// ContentSHA256 is the x-amz-content-sha256 that was signed.
	ContentSHA256 string
	// Header holds response headers beside those that the output's members
	// make; the encoder writes them.
	Header http.Header
	// Status is the HTTP status of a success where it is not the operation's
	// usual one; 0 is that.
	Status int
	// Raw, where a handler has set it, is the answer as it is, instead of what
	// the protocol would make of the output.
	Raw *Raw
	// Bucket is the bucket or access point that the host name stands for; ""
	// where the path names it.
	Bucket string
	// Trailer holds the verified trailing headers of a chunked upload; filled
	// in once the body has been read to its end.
	Trailer http.Header
	// AccessKey is the access key id that signed the request.
	AccessKey string
	// Origin tells which network the request came from; nil for the internet.
	Origin *Origin
	// Answered, where a service has set it, is told how the request ended,
	// after its answer went out: S3's server access logs.
	Answered func(Answer)
}

// Inner is the envelope for a call of another service while the request is
// handled: where it comes from is the same; what it carries, and its answer,
// are not that service's.
func (h *HTTP) Inner() *HTTP {
	d := *h
	d.Request, d.Header, d.Status, d.Raw, d.Bucket, d.Trailer, d.Answered = nil, http.Header{}, 0, nil, "", nil, nil
	return &d
}

// Cloud is what a call can reach of the running cloud.
type Cloud interface {
	// Do performs an operation as c's principal through the whole request path.
	Do(c *Call, op *OpInfo, in any) (any, error)
	DB() store.Store
	Clock() clock.Clock
	Rand() rng.Source
	Blobs() blob.Store // content beside the state
	// Credential finds the secret and principal of an access key, for requests
	// that carry their signature in a form (S3's browser uploads). Its errors
	// are the answer.
	Credential(ctx context.Context, accessKey, sessionToken string) (secret string, p *Principal, err error)
	// Authorise decides checks for c's principal outside of an operation's
	// declared access: for calls that answer per item (DeleteObjects).
	Authorise(c *Call, op *OpInfo, checks ...Check) error
	// Implements tells whether a module binds the operation.
	Implements(service, op string) bool
	// Go runs f on a goroutine that the cloud owns: ctx ends when it stops,
	// and stopping waits for f.
	Go(name string, f func(ctx context.Context))
	// Closing is closed when the cloud begins to stop: long polls end then.
	Closing() <-chan struct{}
	// Endpoint is the base URL for answers made outside of an HTTP request.
	Endpoint() string
	// Meter records usage in the provider's billing units.
	Meter(u Usage)
	// Measure yields what all services publish (Module.Metrics) of the minute that has ended.
	Measure(c *Call) iter.Seq[Metric]
}

// Usage is one metered fact, in AWS's usage type and unit.
type Usage struct {
	Account, Region string
	Service         string  // "AmazonS3"
	Type            string  // usage type without its region prefix: "Requests-Tier1"
	Operation       string  // "PutObject"
	Resource        string  // ARN
	Quantity        float64 // in the usage type's unit
	// Since is when a level (Module.Stored) began to be what it is; zero: before
	// the last sample. Metered by Meter, Quantity is a level that ends now, and
	// what the samples have not counted yet of it is counted.
	Since time.Time
	Tags  map[string]string
}

// As is the same call made by another principal, in its account.
func (c *Call) As(p *Principal) *Call {
	d := *c
	d.Principal = p
	if p.Account != "" {
		d.Account = p.Account
	}
	return &d
}

// AsService is the same call made by an AWS service ("s3.amazonaws.com"),
// for source: the ARN on whose behalf it acts, which is what aws:SourceArn and
// aws:SourceAccount carry.
func (c *Call) AsService(service, sourceARN string) *Call {
	return c.As(&Principal{Kind: ServicePrincipal, ARN: service, Name: service, Account: c.Account, SourceARN: sourceARN})
}

// In is the same call in another region or account.
func (c *Call) In(account, region string) *Call {
	d := *c
	d.Account, d.Region = account, region
	return &d
}

// View runs f on one snapshot: the call's own transaction or snapshot where it
// has one.
func (c *Call) View(f func(store.Reader) error) error {
	switch {
	case c.Tx != nil:
		return f(c.Tx)
	case c.Snapshot != nil:
		return f(c.Snapshot)
	}
	return c.Cloud.DB().View(c, f)
}

// Update runs f in a transaction, the call's own where it has one.
func (c *Call) Update(f func(store.Tx) error) error {
	if c.Tx != nil {
		return f(c.Tx)
	}
	return c.Cloud.DB().Update(c, f)
}

// ARN names a resource in the call's partition, region and account.
func (c *Call) ARN(service, resource string) string {
	return ARN{Partition: c.Partition, Service: service, Region: c.Region, Account: c.Account, Resource: resource}.String()
}

// Rand is the cloud's seeded randomness, for identifiers; secrets come from
// rng.Secret.
func (c *Call) Rand() rng.Source { return c.Cloud.Rand() }

// Or is *p, or def where the caller sent nothing.
func Or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// Keys are condition keys and their values, as policies see them.
type Keys = policy.Keys
