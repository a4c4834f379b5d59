package s3

import (
	"reflect"
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// configAccess says what each operation of configOperations needs, as
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
// has it. Deleting most configurations is a way of putting them.
func configAccess() []cloud.Access {
	return []cloud.Access{
		overPolicy(&api.GetBucketPolicy, "GetBucketPolicy"),
		overPolicy(&api.PutBucketPolicy, "PutBucketPolicy"),
		overPolicy(&api.DeleteBucketPolicy, "DeleteBucketPolicy"),
		onBucket(&api.GetBucketPolicyStatus, "GetBucketPolicyStatus"),

		onBucket(&api.GetPublicAccessBlock, "GetBucketPublicAccessBlock"),
		onBucket(&api.PutPublicAccessBlock, "PutBucketPublicAccessBlock"),
		onBucket(&api.DeletePublicAccessBlock, "PutBucketPublicAccessBlock"),
		onBucket(&api.GetBucketOwnershipControls, "GetBucketOwnershipControls"),
		onBucket(&api.PutBucketOwnershipControls, "PutBucketOwnershipControls"),
		onBucket(&api.DeleteBucketOwnershipControls, "PutBucketOwnershipControls"),

		onBucket(&api.GetBucketAcl, "GetBucketAcl"),
		api.PutBucketAcl.Decides(acts("PutBucketAcl"), putBucketACLChecks),
		api.GetObjectAcl.Decides(acts("GetObjectAcl GetObjectVersionAcl ListBucket"), func(c *cloud.Call, r store.Reader, in *api.GetObjectAclInput) ([]cloud.Check, error) {
			return onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.check(c, r, "Get", "Acl")
		}),
		api.PutObjectAcl.Decides(acts("PutObjectAcl PutObjectVersionAcl ListBucket"), putObjectACLChecks),

		onBucket(&api.GetBucketVersioning, "GetBucketVersioning"),
		onBucket(&api.PutBucketVersioning, "PutBucketVersioning"),
		onBucket(&api.GetObjectLockConfiguration, "GetBucketObjectLockConfiguration"),
		onBucket(&api.PutObjectLockConfiguration, "PutBucketObjectLockConfiguration"),
		onBucket(&api.GetBucketEncryption, "GetEncryptionConfiguration"),
		onBucket(&api.PutBucketEncryption, "PutEncryptionConfiguration"),
		onBucket(&api.DeleteBucketEncryption, "PutEncryptionConfiguration"),

		onBucket(&api.GetBucketTagging, "GetBucketTagging"),
		onBucket(&api.PutBucketTagging, "PutBucketTagging"),
		onBucket(&api.DeleteBucketTagging, "PutBucketTagging"),
		onBucket(&api.GetBucketAbac, "GetBucketAbac"),
		onBucket(&api.PutBucketAbac, "PutBucketAbac"),
		onBucket(&api.GetBucketRequestPayment, "GetBucketRequestPayment"),
		onBucket(&api.PutBucketRequestPayment, "PutBucketRequestPayment"),
		onBucket(&api.GetBucketAccelerateConfiguration, "GetAccelerateConfiguration"),
		onBucket(&api.PutBucketAccelerateConfiguration, "PutAccelerateConfiguration"),

		onBucket(&api.GetBucketCors, "GetBucketCORS"),
		onBucket(&api.PutBucketCors, "PutBucketCORS"),
		onBucket(&api.DeleteBucketCors, "PutBucketCORS"),
		onBucket(&api.GetBucketWebsite, "GetBucketWebsite"),
		onBucket(&api.PutBucketWebsite, "PutBucketWebsite"),
		onBucket(&api.DeleteBucketWebsite, "DeleteBucketWebsite"),

		onBucket(&api.GetBucketLifecycleConfiguration, "GetLifecycleConfiguration"),
		onBucket(&api.PutBucketLifecycleConfiguration, "PutLifecycleConfiguration"),
		onBucket(&api.DeleteBucketLifecycle, "PutLifecycleConfiguration"),
		api.RestoreObject.Decides(acts("RestoreObject"), func(c *cloud.Call, r store.Reader, in *api.RestoreObjectInput) ([]cloud.Check, error) {
			return onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.one(c, r, "s3:RestoreObject")
		}),

		onBucket(&api.GetBucketReplication, "GetReplicationConfiguration"),
		api.PutBucketReplication.Decides([]string{"s3:PutReplicationConfiguration", "iam:PassRole"}, putReplicationChecks),
		onBucket(&api.DeleteBucketReplication, "PutReplicationConfiguration"),
		onBucket(&api.GetBucketNotificationConfiguration, "GetBucketNotification"),
		onBucket(&api.PutBucketNotificationConfiguration, "PutBucketNotification"),
		onBucket(&api.GetBucketLogging, "GetBucketLogging"),
		onBucket(&api.PutBucketLogging, "PutBucketLogging"),

		onBucket(&api.GetBucketInventoryConfiguration, "GetInventoryConfiguration"),
		onBucket(&api.PutBucketInventoryConfiguration, "PutInventoryConfiguration"),
		onBucket(&api.DeleteBucketInventoryConfiguration, "PutInventoryConfiguration"),
		onBucket(&api.ListBucketInventoryConfigurations, "GetInventoryConfiguration"),
		onBucket(&api.GetBucketAnalyticsConfiguration, "GetAnalyticsConfiguration"),
		onBucket(&api.PutBucketAnalyticsConfiguration, "PutAnalyticsConfiguration"),
		onBucket(&api.DeleteBucketAnalyticsConfiguration, "PutAnalyticsConfiguration"),
		onBucket(&api.ListBucketAnalyticsConfigurations, "GetAnalyticsConfiguration"),
		onBucket(&api.GetBucketMetricsConfiguration, "GetMetricsConfiguration"),
		onBucket(&api.PutBucketMetricsConfiguration, "PutMetricsConfiguration"),
		onBucket(&api.DeleteBucketMetricsConfiguration, "PutMetricsConfiguration"),
		onBucket(&api.ListBucketMetricsConfigurations, "GetMetricsConfiguration"),
		onBucket(&api.GetBucketIntelligentTieringConfiguration, "GetIntelligentTieringConfiguration"),
		onBucket(&api.PutBucketIntelligentTieringConfiguration, "PutIntelligentTieringConfiguration"),
		onBucket(&api.DeleteBucketIntelligentTieringConfiguration, "PutIntelligentTieringConfiguration"),
		onBucket(&api.ListBucketIntelligentTieringConfigurations, "GetIntelligentTieringConfiguration"),
	}
}

// onBucket declares an operation that needs one action on the bucket that its
// input names.
func onBucket[In, Out any](op *cloud.Op[In, Out], action string) cloud.Access {
	return op.Decides(acts(action), func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		bucket, expected := named(in)
		return bucketCheck(c, r, "s3:"+action, bucket, expected, nil, nil)
	})
}

// named are the members Bucket and ExpectedBucketOwner, which the inputs of
// all operations on buckets have.
func named(in any) (bucket string, expected *string) {
	v := reflect.ValueOf(in).Elem()
	expected, _ = v.FieldByName("ExpectedBucketOwner").Interface().(*string)
	return v.FieldByName("Bucket").String(), expected
}

// bucketNamed is the bucket that an operation's input names.
func bucketNamed(in any) string { return reflect.ValueOf(in).Elem().FieldByName("Bucket").String() }

// overPolicy is onBucket for the bucket policy's own operations: a policy can
// not lock out the root user of the bucket's account.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
func overPolicy[In, Out any](op *cloud.Op[In, Out], action string) cloud.Access {
	return op.Decides(acts(action), func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		bucket, expected := named(in)
		checks, err := bucketCheck(c, r, "s3:"+action, bucket, expected, nil, nil)
		if err == nil && c.Principal.Kind == cloud.Root && c.Principal.Account == checks[0].Resource.Account {
			checks[0].Resource.Policies = nil
		}
		return checks, err
	})
}

func putBucketACLChecks(c *cloud.Call, r store.Reader, in *api.PutBucketAclInput) ([]cloud.Check, error) {
	checks, err := bucketCheck(c, r, "s3:PutBucketAcl", in.Bucket, in.ExpectedBucketOwner, nil, nil)
	if err == nil {
		w := writing{acl: aclRequest{in.ACL, nil, in.GrantFullControl, in.GrantRead, in.GrantWrite, in.GrantReadACP, in.GrantWriteACP}}
		w.keys(c, checks[0].Keys)
	}
	return checks, err
}

func putObjectACLChecks(c *cloud.Call, r store.Reader, in *api.PutObjectAclInput) ([]cloud.Check, error) {
	checks, err := onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.check(c, r, "Put", "Acl")
	if err == nil {
		w := writing{acl: aclRequest{in.ACL, nil, in.GrantFullControl, in.GrantRead, in.GrantWrite, in.GrantReadACP, in.GrantWriteACP}}
		w.keys(c, checks[0].Keys)
	}
	return checks, err
}

// putReplicationChecks: S3 acts as the role, so who configures it must be
// allowed to pass the role.
func putReplicationChecks(c *cloud.Call, r store.Reader, in *api.PutBucketReplicationInput) ([]cloud.Check, error) {
	checks, err := bucketCheck(c, r, "s3:PutReplicationConfiguration", in.Bucket, in.ExpectedBucketOwner, nil, nil)
	if err != nil {
		return nil, err
	}
	role := in.ReplicationConfiguration.Role
	if !strings.HasPrefix(role, "arn:") {
		return checks, nil // the handler refuses it
	}
	return append(checks, cloud.Check{
		Action: "iam:PassRole", Resource: cloud.Resource{ARN: role}, Keys: cloud.Keys{"iam:passedtoservice": {service}},
	}), nil
}
