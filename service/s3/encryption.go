package s3

import api "pileus/api/s3"

// defaultEncryption is SSE-S3, which AWS applies to every bucket.
func defaultEncryption() *api.ServerSideEncryptionConfiguration {
	return &api.ServerSideEncryptionConfiguration{Rules: []api.ServerSideEncryptionRule{{
		ApplyServerSideEncryptionByDefault: &api.ServerSideEncryptionByDefault{SSEAlgorithm: api.ServerSideEncryptionAes256},
		BucketKeyEnabled:                   new(false),
	}}}
}
