package s3

import (
	"errors"
	"fmt"
	"testing"

	"pileus/cloud"
	"pileus/node/nodetest"

	api "pileus/api/s3"
)

// configCase is one operation with its input, and the one action that it needs
// on the resource.
type configCase struct {
	name, action, resource string
	call                   func(*cloud.Call) error
}

func onBucketCase[In, Out any](op *cloud.Op[In, Out], action string, in In) configCase {
	return configCase{op.Name, "s3:" + action, "arn:aws:s3:::bucket", func(c *cloud.Call) error { _, err := op.Call(c, in); return err }}
}

func onKeyCase[In, Out any](op *cloud.Op[In, Out], action string, in In) configCase {
	x := onBucketCase(op, action, in)
	x.resource += "/key"
	return x
}

func configCases() []configCase {
	const b = "bucket"
	id := "id"
	return []configCase{
		onBucketCase(&api.PutBucketPolicy, "PutBucketPolicy", &api.PutBucketPolicyInput{Bucket: b, Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + nodetest.Account + `"},"Action":"s3:ListBucket","Resource":"arn:aws:s3:::bucket"}]}`}),
		onBucketCase(&api.GetBucketPolicy, "GetBucketPolicy", &api.GetBucketPolicyInput{Bucket: b}),
		onBucketCase(&api.GetBucketPolicyStatus, "GetBucketPolicyStatus", &api.GetBucketPolicyStatusInput{Bucket: b}),
		onBucketCase(&api.DeleteBucketPolicy, "DeleteBucketPolicy", &api.DeleteBucketPolicyInput{Bucket: b}),
		onBucketCase(&api.GetPublicAccessBlock, "GetBucketPublicAccessBlock", &api.GetPublicAccessBlockInput{Bucket: b}),
		onBucketCase(&api.PutPublicAccessBlock, "PutBucketPublicAccessBlock", &api.PutPublicAccessBlockInput{Bucket: b, PublicAccessBlockConfiguration: *blockAll()}),
		onBucketCase(&api.DeletePublicAccessBlock, "PutBucketPublicAccessBlock", &api.DeletePublicAccessBlockInput{Bucket: b}),
		onBucketCase(&api.GetBucketOwnershipControls, "GetBucketOwnershipControls", &api.GetBucketOwnershipControlsInput{Bucket: b}),
		onBucketCase(&api.PutBucketOwnershipControls, "PutBucketOwnershipControls", &api.PutBucketOwnershipControlsInput{Bucket: b, OwnershipControls: api.OwnershipControls{Rules: []api.OwnershipControlsRule{{ObjectOwnership: "ObjectWriter"}}}}),
		onBucketCase(&api.DeleteBucketOwnershipControls, "PutBucketOwnershipControls", &api.DeleteBucketOwnershipControlsInput{Bucket: b}),
		onBucketCase(&api.GetBucketAcl, "GetBucketAcl", &api.GetBucketAclInput{Bucket: b}),
		onBucketCase(&api.PutBucketAcl, "PutBucketAcl", &api.PutBucketAclInput{Bucket: b, ACL: new("private")}),
		onKeyCase(&api.GetObjectAcl, "GetObjectAcl", &api.GetObjectAclInput{Bucket: b, Key: "key"}),
		onKeyCase(&api.PutObjectAcl, "PutObjectAcl", &api.PutObjectAclInput{Bucket: b, Key: "key", ACL: new("private")}),
		onBucketCase(&api.GetBucketVersioning, "GetBucketVersioning", &api.GetBucketVersioningInput{Bucket: b}),
		onBucketCase(&api.PutBucketVersioning, "PutBucketVersioning", &api.PutBucketVersioningInput{Bucket: b, VersioningConfiguration: api.VersioningConfiguration{Status: new("Enabled")}}),
		onBucketCase(&api.GetObjectLockConfiguration, "GetBucketObjectLockConfiguration", &api.GetObjectLockConfigurationInput{Bucket: b}),
		onBucketCase(&api.PutObjectLockConfiguration, "PutBucketObjectLockConfiguration", &api.PutObjectLockConfigurationInput{Bucket: b, ObjectLockConfiguration: &api.ObjectLockConfiguration{ObjectLockEnabled: new("Enabled")}}),
		onBucketCase(&api.GetBucketEncryption, "GetEncryptionConfiguration", &api.GetBucketEncryptionInput{Bucket: b}),
		onBucketCase(&api.PutBucketEncryption, "PutEncryptionConfiguration", &api.PutBucketEncryptionInput{Bucket: b, ServerSideEncryptionConfiguration: *defaultEncryption()}),
		onBucketCase(&api.DeleteBucketEncryption, "PutEncryptionConfiguration", &api.DeleteBucketEncryptionInput{Bucket: b}),
		onBucketCase(&api.PutBucketTagging, "PutBucketTagging", &api.PutBucketTaggingInput{Bucket: b, Tagging: api.Tagging{TagSet: []api.Tag{{Key: "a"}}}}),
		onBucketCase(&api.GetBucketTagging, "GetBucketTagging", &api.GetBucketTaggingInput{Bucket: b}),
		onBucketCase(&api.DeleteBucketTagging, "PutBucketTagging", &api.DeleteBucketTaggingInput{Bucket: b}),
		onBucketCase(&api.GetBucketAbac, "GetBucketAbac", &api.GetBucketAbacInput{Bucket: b}),
		onBucketCase(&api.PutBucketAbac, "PutBucketAbac", &api.PutBucketAbacInput{Bucket: b, AbacStatus: api.AbacStatus{Status: new("Enabled")}}),
		onBucketCase(&api.GetBucketRequestPayment, "GetBucketRequestPayment", &api.GetBucketRequestPaymentInput{Bucket: b}),
		onBucketCase(&api.PutBucketRequestPayment, "PutBucketRequestPayment", &api.PutBucketRequestPaymentInput{Bucket: b, RequestPaymentConfiguration: api.RequestPaymentConfiguration{Payer: "BucketOwner"}}),
		onBucketCase(&api.GetBucketAccelerateConfiguration, "GetAccelerateConfiguration", &api.GetBucketAccelerateConfigurationInput{Bucket: b}),
		onBucketCase(&api.PutBucketAccelerateConfiguration, "PutAccelerateConfiguration", &api.PutBucketAccelerateConfigurationInput{Bucket: b, AccelerateConfiguration: api.AccelerateConfiguration{Status: new("Enabled")}}),
		onBucketCase(&api.PutBucketCors, "PutBucketCORS", &api.PutBucketCorsInput{Bucket: b, CORSConfiguration: api.CORSConfiguration{CORSRules: []api.CORSRule{{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"*"}}}}}),
		onBucketCase(&api.GetBucketCors, "GetBucketCORS", &api.GetBucketCorsInput{Bucket: b}),
		onBucketCase(&api.DeleteBucketCors, "PutBucketCORS", &api.DeleteBucketCorsInput{Bucket: b}),
		onBucketCase(&api.PutBucketWebsite, "PutBucketWebsite", &api.PutBucketWebsiteInput{Bucket: b, WebsiteConfiguration: api.WebsiteConfiguration{IndexDocument: &api.IndexDocument{Suffix: "i"}}}),
		onBucketCase(&api.GetBucketWebsite, "GetBucketWebsite", &api.GetBucketWebsiteInput{Bucket: b}),
		onBucketCase(&api.DeleteBucketWebsite, "DeleteBucketWebsite", &api.DeleteBucketWebsiteInput{Bucket: b}),
		onBucketCase(&api.PutBucketLifecycleConfiguration, "PutLifecycleConfiguration", &api.PutBucketLifecycleConfigurationInput{Bucket: b, LifecycleConfiguration: &api.BucketLifecycleConfiguration{Rules: []api.LifecycleRule{{Status: "Enabled", Prefix: new(""), Expiration: &api.LifecycleExpiration{Days: new(int32(1))}}}}}),
		onBucketCase(&api.GetBucketLifecycleConfiguration, "GetLifecycleConfiguration", &api.GetBucketLifecycleConfigurationInput{Bucket: b}),
		onBucketCase(&api.DeleteBucketLifecycle, "PutLifecycleConfiguration", &api.DeleteBucketLifecycleInput{Bucket: b}),
		onKeyCase(&api.RestoreObject, "RestoreObject", &api.RestoreObjectInput{Bucket: b, Key: "key", RestoreRequest: &api.RestoreRequest{Days: new(int32(1))}}),
		onBucketCase(&api.GetBucketReplication, "GetReplicationConfiguration", &api.GetBucketReplicationInput{Bucket: b}),
		onBucketCase(&api.DeleteBucketReplication, "PutReplicationConfiguration", &api.DeleteBucketReplicationInput{Bucket: b}),
		onBucketCase(&api.GetBucketNotificationConfiguration, "GetBucketNotification", &api.GetBucketNotificationConfigurationInput{Bucket: b}),
		onBucketCase(&api.PutBucketNotificationConfiguration, "PutBucketNotification", &api.PutBucketNotificationConfigurationInput{Bucket: b}),
		onBucketCase(&api.GetBucketLogging, "GetBucketLogging", &api.GetBucketLoggingInput{Bucket: b}),
		onBucketCase(&api.PutBucketLogging, "PutBucketLogging", &api.PutBucketLoggingInput{Bucket: b}),
		onBucketCase(&api.PutBucketInventoryConfiguration, "PutInventoryConfiguration", &api.PutBucketInventoryConfigurationInput{Bucket: b, Id: id, InventoryConfiguration: api.InventoryConfiguration{Id: id, IncludedObjectVersions: "All", Schedule: api.InventorySchedule{Frequency: "Daily"},
			Destination: api.InventoryDestination{S3BucketDestination: api.InventoryS3BucketDestination{Bucket: "arn:aws:s3:::bucket", Format: "CSV"}}}}),
		onBucketCase(&api.GetBucketInventoryConfiguration, "GetInventoryConfiguration", &api.GetBucketInventoryConfigurationInput{Bucket: b, Id: id}),
		onBucketCase(&api.ListBucketInventoryConfigurations, "GetInventoryConfiguration", &api.ListBucketInventoryConfigurationsInput{Bucket: b}),
		onBucketCase(&api.DeleteBucketInventoryConfiguration, "PutInventoryConfiguration", &api.DeleteBucketInventoryConfigurationInput{Bucket: b, Id: id}),
		onBucketCase(&api.PutBucketAnalyticsConfiguration, "PutAnalyticsConfiguration", &api.PutBucketAnalyticsConfigurationInput{Bucket: b, Id: id, AnalyticsConfiguration: api.AnalyticsConfiguration{Id: id}}),
		onBucketCase(&api.GetBucketAnalyticsConfiguration, "GetAnalyticsConfiguration", &api.GetBucketAnalyticsConfigurationInput{Bucket: b, Id: id}),
		onBucketCase(&api.ListBucketAnalyticsConfigurations, "GetAnalyticsConfiguration", &api.ListBucketAnalyticsConfigurationsInput{Bucket: b}),
		onBucketCase(&api.DeleteBucketAnalyticsConfiguration, "PutAnalyticsConfiguration", &api.DeleteBucketAnalyticsConfigurationInput{Bucket: b, Id: id}),
		onBucketCase(&api.PutBucketMetricsConfiguration, "PutMetricsConfiguration", &api.PutBucketMetricsConfigurationInput{Bucket: b, Id: id, MetricsConfiguration: api.MetricsConfiguration{Id: id}}),
		onBucketCase(&api.GetBucketMetricsConfiguration, "GetMetricsConfiguration", &api.GetBucketMetricsConfigurationInput{Bucket: b, Id: id}),
		onBucketCase(&api.ListBucketMetricsConfigurations, "GetMetricsConfiguration", &api.ListBucketMetricsConfigurationsInput{Bucket: b}),
		onBucketCase(&api.DeleteBucketMetricsConfiguration, "PutMetricsConfiguration", &api.DeleteBucketMetricsConfigurationInput{Bucket: b, Id: id}),
		onBucketCase(&api.PutBucketIntelligentTieringConfiguration, "PutIntelligentTieringConfiguration", &api.PutBucketIntelligentTieringConfigurationInput{Bucket: b, Id: id, IntelligentTieringConfiguration: api.IntelligentTieringConfiguration{Id: id, Status: "Enabled", Tierings: []api.Tiering{{Days: 90, AccessTier: "ARCHIVE_ACCESS"}}}}),
		onBucketCase(&api.GetBucketIntelligentTieringConfiguration, "GetIntelligentTieringConfiguration", &api.GetBucketIntelligentTieringConfigurationInput{Bucket: b, Id: id}),
		onBucketCase(&api.ListBucketIntelligentTieringConfigurations, "GetIntelligentTieringConfiguration", &api.ListBucketIntelligentTieringConfigurationsInput{Bucket: b}),
		onBucketCase(&api.DeleteBucketIntelligentTieringConfiguration, "PutIntelligentTieringConfiguration", &api.DeleteBucketIntelligentTieringConfigurationInput{Bucket: b, Id: id}),
	}
}

func configWorld(t *testing.T) *nodetest.World {
	t.Helper()
	w := nodetest.New(t, Module())
	nodetest.Do(w, &api.CreateBucket, &api.CreateBucketInput{Bucket: "bucket", ObjectOwnership: new("ObjectWriter")})
	nodetest.Do(w, &api.PutObject, &api.PutObjectInput{Bucket: "bucket", Key: "key", StorageClass: new("GLACIER")})
	return w
}

func denies(err error) bool { return errors.Is(err, errAccessDenied) }

// Every operation on configurations is refused to a user without a policy, and
// allowed to one with its single action. What is not configured is an answer
// that only the allowed get.
func TestEveryConfigurationOperationIsAuthorised(t *testing.T) {
	w := configWorld(t)
	nobody := w.User("nobody", "")
	covered := map[string]bool{"PutBucketReplication": true} // below
	for i, x := range configCases() {
		covered[x.name] = true
		if err := x.call(w.As(nobody)); !denies(err) {
			t.Errorf("%s without a policy: %v", x.name, err)
		}
		doc := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%q,"Resource":%q}]}`, x.action, x.resource)
		var e *cloud.Error
		if err := x.call(w.As(w.User(fmt.Sprint("user", i), doc))); err != nil && !(errors.As(err, &e) && e.Status == 404) {
			t.Errorf("%s with %s: %v", x.name, x.action, err)
		}
	}
	for _, op := range configOperations() {
		if !covered[op.Op.Name] {
			t.Errorf("no case for %s", op.Op.Name)
		}
	}
}

// Who configures replication hands S3 a role.
func TestReplicationNeedsPassRole(t *testing.T) {
	w := configWorld(t)
	role := "arn:aws:iam::" + nodetest.Account + ":role/r"
	for _, name := range []string{"bucket", "dest"} {
		nodetest.Try(w, &api.CreateBucket, &api.CreateBucketInput{Bucket: name})
		nodetest.Do(w, &api.PutBucketVersioning, &api.PutBucketVersioningInput{Bucket: name, VersioningConfiguration: api.VersioningConfiguration{Status: new("Enabled")}})
	}
	in := &api.PutBucketReplicationInput{Bucket: "bucket", ReplicationConfiguration: api.ReplicationConfiguration{Role: role, Rules: []api.ReplicationRule{{
		Status: "Enabled", Prefix: new(""), Destination: api.Destination{Bucket: "arn:aws:s3:::dest"},
	}}}}
	pass := `{"Effect":"Allow","Action":"iam:PassRole","Resource":"` + role + `","Condition":{"StringEquals":{"iam:PassedToService":"s3.amazonaws.com"}}}`
	put := `{"Effect":"Allow","Action":"s3:PutReplicationConfiguration","Resource":"arn:aws:s3:::bucket"}`
	for name, test := range map[string]struct {
		statements string
		allowed    bool
	}{"neither": {`{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}`, false}, "put": {put, false}, "pass": {pass, false}, "both": {put + "," + pass, true}} {
		_, err := api.PutBucketReplication.Call(w.As(w.User(name, `{"Version":"2012-10-17","Statement":[`+test.statements+`]}`)), in)
		if denies(err) == test.allowed || test.allowed && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A bucket of another account is as closed as its policy leaves it, whatever
// the caller's own policy says.
func TestConfigurationOfAnotherAccount(t *testing.T) {
	w := configWorld(t)
	other := w.UserIn("111122223333", "bob", nodetest.Allow("s3:*"))
	for _, x := range configCases() {
		if err := x.call(w.As(other)); !denies(err) {
			t.Errorf("%s from another account: %v", x.name, err)
		}
	}
}
