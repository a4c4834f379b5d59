package s3control_test

import (
	"context"
	"net/url"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3control"
	endpoints "github.com/aws/smithy-go/endpoints"
)

// fixed resolves endpoints as the client does by itself, but for the address.
type fixed struct{ address string }

func (f fixed) ResolveEndpoint(ctx context.Context, p sdk.EndpointParameters) (endpoints.Endpoint, error) {
	p.Endpoint = nil
	e, err := sdk.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, p)
	if err != nil {
		return e, err
	}
	u, err := url.Parse(f.address)
	if err != nil {
		return e, err
	}
	e.URI = *u
	return e, nil
}
