package s3

import (
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func getBucketRequestPayment(c *cloud.Call, r store.Reader, in *api.GetBucketRequestPaymentInput) (*api.GetBucketRequestPaymentOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	payer := "BucketOwner"
	if b.RequestPayer != "" {
		payer = b.RequestPayer
	}
	return &api.GetBucketRequestPaymentOutput{Payer: &payer}, nil
}

func putBucketRequestPayment(c *cloud.Call, tx store.Tx, in *api.PutBucketRequestPaymentInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		switch payer := in.RequestPaymentConfiguration.Payer; payer {
		case "Requester":
			b.RequestPayer = payer
		case "BucketOwner":
			b.RequestPayer = ""
		default:
			return errMalformedXML
		}
		return nil
	})
}

func getBucketAccelerateConfiguration(c *cloud.Call, r store.Reader, in *api.GetBucketAccelerateConfigurationInput) (*api.GetBucketAccelerateConfigurationOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	out := new(api.GetBucketAccelerateConfigurationOutput)
	if b.Accelerate != "" {
		out.Status = &b.Accelerate
	}
	return out, nil
}

func putBucketAccelerateConfiguration(c *cloud.Call, tx store.Tx, in *api.PutBucketAccelerateConfigurationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		status := cloud.Or(in.AccelerateConfiguration.Status, "")
		if !oneOf(status, "Enabled", "Suspended") {
			return errMalformedXML
		}
		if strings.Contains(b.Name, ".") {
			return errInvalidRequest("S3 Transfer Acceleration is not supported for buckets with periods (.) in their names")
		}
		if status == "Enabled" || b.Accelerate != "" { // suspending what never ran changes nothing
			b.Accelerate = status
		}
		return nil
	})
}
