package s3

import (
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// defaultEncryption is SSE-S3, which AWS applies to every bucket.
func defaultEncryption() *api.ServerSideEncryptionConfiguration {
	return &api.ServerSideEncryptionConfiguration{Rules: []api.ServerSideEncryptionRule{{
		ApplyServerSideEncryptionByDefault: &api.ServerSideEncryptionByDefault{SSEAlgorithm: api.ServerSideEncryptionAes256},
		BucketKeyEnabled:                   new(false),
	}}}
}

func getBucketEncryption(c *cloud.Call, r store.Reader, in *api.GetBucketEncryptionInput) (*api.GetBucketEncryptionOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Encryption == nil {
		return nil, missing(api.ErrServerSideEncryptionConfigurationNotFoundError, b, "The server side encryption configuration was not found")
	}
	return &api.GetBucketEncryptionOutput{ServerSideEncryptionConfiguration: b.Encryption}, nil
}

func putBucketEncryption(c *cloud.Call, tx store.Tx, in *api.PutBucketEncryptionInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		rules := in.ServerSideEncryptionConfiguration.Rules
		if len(rules) != 1 || rules[0].ApplyServerSideEncryptionByDefault == nil {
			return errMalformedXML
		}
		rule := rules[0]
		switch by := rule.ApplyServerSideEncryptionByDefault; {
		case oneOf(by.SSEAlgorithm, "aws:kms", "aws:kms:dsse"):
			return errNoKMS
		case by.SSEAlgorithm != api.ServerSideEncryptionAes256:
			return errMalformedXML
		case by.KMSMasterKeyID != nil:
			return errArgument("ApplyServerSideEncryptionByDefault", *by.KMSMasterKeyID, "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
		if rule.BucketKeyEnabled == nil {
			rule.BucketKeyEnabled = new(false)
		}
		b.Encryption = &api.ServerSideEncryptionConfiguration{Rules: []api.ServerSideEncryptionRule{rule}}
		return nil
	})
}

// deleteBucketEncryption returns to SSE-S3: a bucket without encryption has
// not been possible since January 2023.
func deleteBucketEncryption(c *cloud.Call, tx store.Tx, in *api.DeleteBucketEncryptionInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		b.Encryption = defaultEncryption()
		return nil
	})
}
