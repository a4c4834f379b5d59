package nodetest

import (
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
		HTTPClient:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
}
