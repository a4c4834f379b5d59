package s3_test

import (
	"context"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// What a new bucket answers of every sub-resource is what tools that read a
// bucket's whole configuration (Terraform) depend on.
func TestNewBucketConfiguration(t *testing.T) {
	s := newStage(t)
	b := s.bucket("fresh")
	ctx := t.Context()
	for name, test := range map[string]struct {
		call func(context.Context) error
		code string
	}{
		"policy": {func(ctx context.Context) error {
			_, err := s.GetBucketPolicy(ctx, &sdk.GetBucketPolicyInput{Bucket: &b})
			return err
		}, "NoSuchBucketPolicy"},
		"policyStatus": {func(ctx context.Context) error {
			_, err := s.GetBucketPolicyStatus(ctx, &sdk.GetBucketPolicyStatusInput{Bucket: &b})
			return err
		}, "NoSuchBucketPolicy"},
		"cors": {func(ctx context.Context) error {
			_, err := s.GetBucketCors(ctx, &sdk.GetBucketCorsInput{Bucket: &b})
			return err
		}, "NoSuchCORSConfiguration"},
		"website": {func(ctx context.Context) error {
			_, err := s.GetBucketWebsite(ctx, &sdk.GetBucketWebsiteInput{Bucket: &b})
			return err
		}, "NoSuchWebsiteConfiguration"},
		"lifecycle": {func(ctx context.Context) error {
			_, err := s.GetBucketLifecycleConfiguration(ctx, &sdk.GetBucketLifecycleConfigurationInput{Bucket: &b})
			return err
		}, "NoSuchLifecycleConfiguration"},
		"replication": {func(ctx context.Context) error {
			_, err := s.GetBucketReplication(ctx, &sdk.GetBucketReplicationInput{Bucket: &b})
			return err
		}, "ReplicationConfigurationNotFoundError"},
		"tagging": {func(ctx context.Context) error {
			_, err := s.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: &b})
			return err
		}, "NoSuchTagSet"},
		"object lock": {func(ctx context.Context) error {
			_, err := s.GetObjectLockConfiguration(ctx, &sdk.GetObjectLockConfigurationInput{Bucket: &b})
			return err
		}, "ObjectLockConfigurationNotFoundError"},
		"inventory": {func(ctx context.Context) error {
			_, err := s.GetBucketInventoryConfiguration(ctx, &sdk.GetBucketInventoryConfigurationInput{Bucket: &b, Id: new("x")})
			return err
		}, "NoSuchConfiguration"},
		"analytics": {func(ctx context.Context) error {
			_, err := s.GetBucketAnalyticsConfiguration(ctx, &sdk.GetBucketAnalyticsConfigurationInput{Bucket: &b, Id: new("x")})
			return err
		}, "NoSuchConfiguration"},
		"metrics": {func(ctx context.Context) error {
			_, err := s.GetBucketMetricsConfiguration(ctx, &sdk.GetBucketMetricsConfigurationInput{Bucket: &b, Id: new("x")})
			return err
		}, "NoSuchConfiguration"},
		"tiering": {func(ctx context.Context) error {
			_, err := s.GetBucketIntelligentTieringConfiguration(ctx, &sdk.GetBucketIntelligentTieringConfigurationInput{Bucket: &b, Id: new("x")})
			return err
		}, "NoSuchConfiguration"},
	} {
		if got := code(test.call(ctx)); got != test.code {
			t.Errorf("%s: error %q, want %q", name, got, test.code)
		}
	}
}

// AWS's defaults since April 2023.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
func TestNewBucketDefaults(t *testing.T) {
	s := newStage(t)
	b := s.bucket("fresh")
	ctx := t.Context()

	block, err := s.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{Bucket: &b})
	must(t)(block, err)
	if c := block.PublicAccessBlockConfiguration; !*c.BlockPublicAcls || !*c.IgnorePublicAcls || !*c.BlockPublicPolicy || !*c.RestrictPublicBuckets {
		t.Errorf("public access block is %+v", c)
	}
	own, err := s.GetBucketOwnershipControls(ctx, &sdk.GetBucketOwnershipControlsInput{Bucket: &b})
	must(t)(own, err)
	if got := own.OwnershipControls.Rules[0].ObjectOwnership; got != types.ObjectOwnershipBucketOwnerEnforced {
		t.Errorf("ownership is %s", got)
	}
	enc, err := s.GetBucketEncryption(ctx, &sdk.GetBucketEncryptionInput{Bucket: &b})
	must(t)(enc, err)
	if got := enc.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm; got != types.ServerSideEncryptionAes256 {
		t.Errorf("encryption is %s", got)
	}
	acl, err := s.GetBucketAcl(ctx, &sdk.GetBucketAclInput{Bucket: &b})
	must(t)(acl, err)
	if len(acl.Grants) != 1 || acl.Grants[0].Permission != types.PermissionFullControl || *acl.Grants[0].Grantee.ID != *acl.Owner.ID {
		t.Errorf("ACL is %+v", acl.Grants)
	}
	ver, err := s.GetBucketVersioning(ctx, &sdk.GetBucketVersioningInput{Bucket: &b})
	must(t)(ver, err)
	pay, err := s.GetBucketRequestPayment(ctx, &sdk.GetBucketRequestPaymentInput{Bucket: &b})
	must(t)(pay, err)
	acc, err := s.GetBucketAccelerateConfiguration(ctx, &sdk.GetBucketAccelerateConfigurationInput{Bucket: &b})
	must(t)(acc, err)
	log, err := s.GetBucketLogging(ctx, &sdk.GetBucketLoggingInput{Bucket: &b})
	must(t)(log, err)
	not, err := s.GetBucketNotificationConfiguration(ctx, &sdk.GetBucketNotificationConfigurationInput{Bucket: &b})
	must(t)(not, err)
	abac, err := s.GetBucketAbac(ctx, &sdk.GetBucketAbacInput{Bucket: &b})
	must(t)(abac, err)
	if ver.Status != "" || pay.Payer != types.PayerBucketOwner || acc.Status != "" || log.LoggingEnabled != nil ||
		len(not.QueueConfigurations) != 0 || not.EventBridgeConfiguration != nil || abac.AbacStatus.Status != types.BucketAbacStatusDisabled {
		t.Errorf("versioning %q, payer %q, acceleration %q, logging %v, notification %v, ABAC %v",
			ver.Status, pay.Payer, acc.Status, log.LoggingEnabled, not, abac.AbacStatus)
	}
}

// Small configurations go in and come out as they were.
func TestConfigurationsAreKept(t *testing.T) {
	s := newStage(t)
	b := s.bucket("kept")
	ctx := t.Context()
	s.version(b)
	must(t)(s.PutBucketTagging(ctx, &sdk.PutBucketTaggingInput{Bucket: &b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: new("b"), Value: new("2")}, {Key: new("a"), Value: new("")}}}}))
	tags, err := s.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: &b})
	must(t)(tags, err)
	if len(tags.TagSet) != 2 || *tags.TagSet[0].Key != "b" || *tags.TagSet[1].Value != "" {
		t.Errorf("tags are %+v", tags.TagSet)
	}
	must(t)(s.DeleteBucketTagging(ctx, &sdk.DeleteBucketTaggingInput{Bucket: &b}))
	wantCode(t, "NoSuchTagSet")(s.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: &b}))

	must(t)(s.PutBucketRequestPayment(ctx, &sdk.PutBucketRequestPaymentInput{Bucket: &b, RequestPaymentConfiguration: &types.RequestPaymentConfiguration{Payer: types.PayerRequester}}))
	pay, err := s.GetBucketRequestPayment(ctx, &sdk.GetBucketRequestPaymentInput{Bucket: &b})
	must(t)(pay, err)
	if pay.Payer != types.PayerRequester {
		t.Errorf("payer is %s", pay.Payer)
	}
	must(t)(s.PutBucketAccelerateConfiguration(ctx, &sdk.PutBucketAccelerateConfigurationInput{Bucket: &b, AccelerateConfiguration: &types.AccelerateConfiguration{Status: types.BucketAccelerateStatusEnabled}}))
	acc, err := s.GetBucketAccelerateConfiguration(ctx, &sdk.GetBucketAccelerateConfigurationInput{Bucket: &b})
	must(t)(acc, err)
	if acc.Status != types.BucketAccelerateStatusEnabled {
		t.Errorf("acceleration is %s", acc.Status)
	}
	must(t)(s.PutObjectLockConfiguration(ctx, &sdk.PutObjectLockConfigurationInput{Bucket: &b, ObjectLockConfiguration: &types.ObjectLockConfiguration{
		ObjectLockEnabled: types.ObjectLockEnabledEnabled,
		Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: new(int32(3))}},
	}}))
	lock, err := s.GetObjectLockConfiguration(ctx, &sdk.GetObjectLockConfigurationInput{Bucket: &b})
	must(t)(lock, err)
	if d := lock.ObjectLockConfiguration.Rule.DefaultRetention; d.Mode != types.ObjectLockRetentionModeGovernance || *d.Days != 3 {
		t.Errorf("default retention is %+v", d)
	}
	wantCode(t, "InvalidBucketState")(s.PutBucketVersioning(ctx, &sdk.PutBucketVersioningInput{Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}}))
	must(t)(s.PutBucketAbac(ctx, &sdk.PutBucketAbacInput{Bucket: &b, AbacStatus: &types.AbacStatus{Status: types.BucketAbacStatusEnabled}}))
}

// Configurations with an id are lists of a hundred a page, in order of id.
func TestConfigurationLists(t *testing.T) {
	s := newStage(t)
	b := s.bucket("lists")
	ctx := t.Context()
	for i := range 105 {
		id := string(rune('a'+i%26)) + string(rune('a'+i/26))
		must(t)(s.PutBucketMetricsConfiguration(ctx, &sdk.PutBucketMetricsConfigurationInput{Bucket: &b, Id: &id, MetricsConfiguration: &types.MetricsConfiguration{Id: &id}}))
	}
	var ids []string
	var token *string
	for pages := 0; pages < 2; pages++ {
		out, err := s.ListBucketMetricsConfigurations(ctx, &sdk.ListBucketMetricsConfigurationsInput{Bucket: &b, ContinuationToken: token})
		must(t)(out, err)
		for _, m := range out.MetricsConfigurationList {
			ids = append(ids, *m.Id)
		}
		if token = out.NextContinuationToken; (token != nil) != (pages == 0) || *out.IsTruncated != (pages == 0) {
			t.Fatalf("page %d: token %v, truncated %v", pages, token, *out.IsTruncated)
		}
	}
	if len(ids) != 105 || ids[0] != "aa" || ids[1] != "ab" || ids[104] != "zd" {
		t.Errorf("%d ids: %v", len(ids), ids)
	}
	must(t)(s.DeleteBucketMetricsConfiguration(ctx, &sdk.DeleteBucketMetricsConfigurationInput{Bucket: &b, Id: new("aa")}))
	wantCode(t, "NoSuchConfiguration")(s.DeleteBucketMetricsConfiguration(ctx, &sdk.DeleteBucketMetricsConfigurationInput{Bucket: &b, Id: new("aa")}))
}
