package s3

import (
	"strings"

	"pileus/cloud"
	"pileus/store"
)

// openBucket is the bucket that a request names, if the request may speak to
// it at all: it is in the region that the client signed for, and belongs to
// whom the client expects.
func openBucket(c *cloud.Call, r store.Reader, name string, expectedOwner *string) (*Bucket, error) {
	b, err := findBucket(r, name)
	if err != nil {
		return nil, err
	}
	if err := checkRegion(c, b); err != nil {
		return nil, err
	}
	if err := checkAccelerated(c, b); err != nil {
		return nil, err
	}
	logRequest(c, b)
	countRequest(c, b)
	return b, checkOwner(b, expectedOwner)
}

// checkAccelerated refuses a request to the accelerate endpoint for a bucket
// that does not have it enabled. Through it or not, a request takes the same way.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration.html
func checkAccelerated(c *cloud.Call, b *Bucket) error {
	if c.HTTP == nil || b.Accelerate == "Enabled" || !strings.Contains(c.HTTP.Host, ".s3-accelerate.") {
		return nil
	}
	if b.Accelerate == "Suspended" {
		return errInvalidRequest("S3 Transfer Acceleration is disabled on this bucket")
	}
	return errInvalidRequest("S3 Transfer Acceleration is not configured on this bucket")
}

// checkOwner compares x-amz-expected-bucket-owner.
func checkOwner(b *Bucket, expected *string) error {
	if expected != nil && *expected != b.Account {
		return errAccessDenied
	}
	return nil
}

// checkRegion sends clients that sign for another region to the bucket's own.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingRouting.html
func checkRegion(c *cloud.Call, b *Bucket) error {
	if c.HTTP == nil || c.HTTP.SigV == "" || c.Region == b.Region {
		return nil
	}
	if c.Region == "us-east-1" && strings.HasPrefix(c.HTTP.Host, b.Name+".") {
		return errWrongRegion(b, c.Region) // a virtual host leads to the right place
	}
	_, host, _ := strings.Cut(c.HTTP.BaseURL, "://")
	return errRedirect(b, host)
}

// checkPayer refuses those who do not agree to pay for a requester-pays bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html
func checkPayer(c *cloud.Call, b *Bucket, payer *string) error {
	if b.RequestPayer != "Requester" || c.Principal.Account == b.Account || c.Principal.Kind == cloud.ServicePrincipal {
		return nil
	}
	if c.Principal.Kind == cloud.Anonymous || payer == nil || *payer != "requester" {
		return errAccessDenied
	}
	return nil
}

// charged is x-amz-request-charged.
func charged(c *cloud.Call, b *Bucket) *string {
	if b.RequestPayer == "Requester" && c.Principal.Account != b.Account {
		return new("requester")
	}
	return nil
}

// findIn is a bucket and the version in it that a request names.
func findIn(_ *cloud.Call, r store.Reader, bucket, key string, version *string, method string) (*Bucket, *Object, error) {
	b, err := findBucket(r, bucket)
	if err != nil {
		return nil, nil, err
	}
	o, err := findObject(r, b, key, version, method)
	return b, o, err
}

// method is the request's HTTP method, for errors that tell it.
func method(c *cloud.Call, otherwise string) string {
	if c.HTTP != nil && c.HTTP.Request != nil {
		return c.HTTP.Request.Method
	}
	return otherwise
}
