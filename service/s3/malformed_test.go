package s3_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// What the schema of a configuration does not allow is MalformedXML, and
// leaves what was there.
func TestMalformedConfigurations(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b := s.bucket("schema")
	for name, call := range map[string]func() error{
		"versioning": func() error {
			_, err := s.PutBucketVersioning(ctx, &sdk.PutBucketVersioningInput{Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: "On"}})
			return err
		},
		"acceleration": func() error {
			_, err := s.PutBucketAccelerateConfiguration(ctx, &sdk.PutBucketAccelerateConfigurationInput{Bucket: &b, AccelerateConfiguration: &types.AccelerateConfiguration{Status: "On"}})
			return err
		},
		"ownership": func() error {
			_, err := s.PutBucketOwnershipControls(ctx, &sdk.PutBucketOwnershipControlsInput{Bucket: &b, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: "Nobody"}}}})
			return err
		},
		"payer": func() error {
			_, err := s.PutBucketRequestPayment(ctx, &sdk.PutBucketRequestPaymentInput{Bucket: &b, RequestPaymentConfiguration: &types.RequestPaymentConfiguration{Payer: "Nobody"}})
			return err
		},
		"storage class": func() error {
			_, err := s.tryLifecycle(b, types.LifecycleRule{Transitions: []types.Transition{{Days: new(int32(40)), StorageClass: "FREEZER"}}})
			return err
		},
		"lifecycle status": func() error {
			_, err := s.tryLifecycle(b, types.LifecycleRule{Status: "On", Expiration: expireAfter(1)})
			return err
		},
		"encryption": func() error {
			_, err := s.PutBucketEncryption(ctx, &sdk.PutBucketEncryptionInput{Bucket: &b, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: "ROT13"}}}}})
			return err
		},
		"retention": func() error {
			_, err := s.PutObjectLockConfiguration(ctx, &sdk.PutObjectLockConfigurationInput{Bucket: &b, ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: "Maybe"}})
			return err
		},
		"no CORS rules": func() error {
			_, err := s.PutBucketCors(ctx, &sdk.PutBucketCorsInput{Bucket: &b, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{}}})
			return err
		},
		"schedule": func() error {
			_, err := s.PutBucketInventoryConfiguration(ctx, &sdk.PutBucketInventoryConfigurationInput{Bucket: &b, Id: new("a"), InventoryConfiguration: &types.InventoryConfiguration{
				Id: new("a"), IsEnabled: new(true), IncludedObjectVersions: "All", Schedule: &types.InventorySchedule{Frequency: "Hourly"},
				Destination: &types.InventoryDestination{S3BucketDestination: &types.InventoryS3BucketDestination{Bucket: new("arn:aws:s3:::schema"), Format: "CSV"}}}})
			return err
		},
		"tier": func() error {
			_, err := s.PutBucketIntelligentTieringConfiguration(ctx, &sdk.PutBucketIntelligentTieringConfigurationInput{Bucket: &b, Id: new("a"), IntelligentTieringConfiguration: &types.IntelligentTieringConfiguration{
				Id: new("a"), Status: "Enabled", Tierings: []types.Tiering{{AccessTier: "COOL", Days: new(int32(100))}}}})
			return err
		},
	} {
		if got := code(call()); got != "MalformedXML" {
			t.Errorf("%s: %q", name, got)
		}
	}
	wantCode(t, "NotImplemented")(s.PutBucketEncryption(ctx, &sdk.PutBucketEncryptionInput{Bucket: &b, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms}}}}}))
	wantCode(t, "NoSuchLifecycleConfiguration")(s.GetBucketLifecycleConfiguration(ctx, &sdk.GetBucketLifecycleConfigurationInput{Bucket: &b}))
	for name, tags := range map[string][]types.Tag{
		"twice":  {{Key: new("a"), Value: new("1")}, {Key: new("a"), Value: new("2")}},
		"system": {{Key: new("aws:x"), Value: new("1")}},
	} {
		_, err := s.PutBucketTagging(ctx, &sdk.PutBucketTaggingInput{Bucket: &b, Tagging: &types.Tagging{TagSet: tags}})
		if code(err) != "InvalidTag" {
			t.Errorf("tags %s: %v", name, err)
		}
	}
	dotted := s.bucket("with.dots")
	wantCode(t, "InvalidRequest")(s.PutBucketAccelerateConfiguration(ctx, &sdk.PutBucketAccelerateConfigurationInput{Bucket: &dotted, AccelerateConfiguration: &types.AccelerateConfiguration{Status: "Enabled"}}))
}
