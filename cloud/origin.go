package cloud

import (
	"context"
	"net/netip"
)

// Origin is where a request came from that did not come over the internet: a
// VPC, through one of its endpoints.
type Origin struct {
	VPC string
	// Endpoint is the interface endpoint that took it; "" for a gateway
	// endpoint, which is known by Service: "s3", "dynamodb".
	Endpoint, Service string
	// Source is the private address that sent it; invalid where the data plane
	// cannot tell.
	Source netip.Addr
}

type originKey struct{}

// WithOrigin notes where the requests of a connection come from.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, &o)
}

// OriginOf is what WithOrigin noted; nil for the internet.
func OriginOf(ctx context.Context) *Origin {
	o, _ := ctx.Value(originKey{}).(*Origin)
	return o
}
