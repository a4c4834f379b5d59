package nodetest

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"pileus/node"
)

// Config is for clients of AWS's own SDK, as root of Account in Region.
func (w *World) Config() aws.Config {
	return w.ConfigAs(Keys{AccessKey: node.DefaultKey, Secret: node.DefaultSecret})
}

// ConfigAs is Config with other credentials.
func (w *World) ConfigAs(k Keys) aws.Config {
	return aws.Config{
		Region:       Region,
		BaseEndpoint: &w.Endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider(k.AccessKey, k.Secret, k.Token),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient:   &http.Client{Transport: plainBodies{&http.Transport{MaxIdleConnsPerHost: 64}}},
	}
}

// plainBodies hides from net/http that a request's body can write itself. The
// SDK closes the body as soon as the answer begins. Where net/http has sent all
// of it by then but has not yet looked whether there is more, as happens with a
// server that answers at once, the SDK's closed body says io.EOF where WriteTo
// must say nil; net/http takes that for a failure and gives up the connection
// in the middle of the answer. Read says io.EOF rightly.
type plainBodies struct{ http.RoundTripper }

func (p plainBodies) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return p.RoundTripper.RoundTrip(r)
	}
	plain := *r
	plain.Body = struct{ io.ReadCloser }{r.Body}
	return p.RoundTripper.RoundTrip(&plain)
}

// CloseIdleConnections is what http.Client asks of its transport.
func (p plainBodies) CloseIdleConnections() {
	if t, ok := p.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
