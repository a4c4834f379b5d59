package sts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	s3sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	sqssdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/store"
)

// TestRootTasks does what each of the tasks of id_root-user-privileged-task is
// for, in a member account, and nothing else.
func TestRootTasks(t *testing.T) {
	w := world(t)
	ctx := t.Context()
	theirs := nodetest.Keys{AccessKey: other, Secret: "test"}
	w.Update(func(tx store.Tx) {
		identity.EnsureAccount(tx, other, "test", w.Now())
		identity.Organizations.Put(tx, &identity.Organization{ID: "o-1", Management: account, RootID: "r-1", AllFeatures: true, RootFeatures: []string{"RootSessions"}})
		for _, id := range []string{account, other} {
			identity.Members.Put(tx, &identity.Member{Account: id, Organization: "o-1", Parent: "r-1", Status: "ACTIVE", Joined: time.Time{}})
		}
		identity.Touch(tx, identity.OrganizationScope)
	})
	boss := w.User("boss", nodetest.Allow("sts:AssumeRoot"))
	as := func(task string) nodetest.Keys {
		t.Helper()
		out := must(client(w, boss).AssumeRoot(ctx, &sdk.AssumeRootInput{TargetPrincipal: aws.String(other),
			TaskPolicyArn: &types.PolicyDescriptorType{Arn: aws.String(identity.RootTasks + task)}}))(t)
		return session(out.Credentials)
	}
	iam := func(k nodetest.Keys) *iamsdk.Client { return iamsdk.NewFromConfig(w.ConfigAs(k)) }

	create := iam(as("IAMCreateRootUserPassword"))
	_, err := create.GetLoginProfile(ctx, &iamsdk.GetLoginProfileInput{})
	refused(t, err, "NoSuchEntity", "")
	must(create.CreateLoginProfile(ctx, &iamsdk.CreateLoginProfileInput{}))(t)
	_, err = create.CreateLoginProfile(ctx, &iamsdk.CreateLoginProfileInput{})
	refused(t, err, "EntityAlreadyExists", "")
	_, err = create.DeleteLoginProfile(ctx, &iamsdk.DeleteLoginProfileInput{})
	refused(t, err, "AccessDenied", "with an explicit deny in a session policy")

	key := *must(iam(theirs).CreateAccessKey(ctx, &iamsdk.CreateAccessKeyInput{}))(t).AccessKey.AccessKeyId
	audit := iam(as("IAMAuditRootUserCredentials"))
	keys := must(audit.ListAccessKeys(ctx, &iamsdk.ListAccessKeysInput{}))(t).AccessKeyMetadata
	if !strings.Contains(*keys[len(keys)-1].AccessKeyId+*keys[0].AccessKeyId, key) {
		t.Errorf("keys %v", keys)
	}
	must(audit.GetAccessKeyLastUsed(ctx, &iamsdk.GetAccessKeyLastUsedInput{AccessKeyId: &key}))(t)
	must(audit.ListMFADevices(ctx, &iamsdk.ListMFADevicesInput{}))(t)
	must(audit.ListSigningCertificates(ctx, &iamsdk.ListSigningCertificatesInput{}))(t)
	must(audit.GetUser(ctx, &iamsdk.GetUserInput{}))(t)
	if n := must(audit.GetAccountSummary(ctx, &iamsdk.GetAccountSummaryInput{}))(t).SummaryMap["AccountPasswordPresent"]; n != 1 {
		t.Errorf("password present: %d", n)
	}
	_, err = audit.DeleteAccessKey(ctx, &iamsdk.DeleteAccessKeyInput{AccessKeyId: &key})
	refused(t, err, "AccessDenied", "")

	remove := iam(as("IAMDeleteRootUserCredentials"))
	must(remove.DeleteAccessKey(ctx, &iamsdk.DeleteAccessKeyInput{AccessKeyId: &key}))(t)
	must(remove.DeleteLoginProfile(ctx, &iamsdk.DeleteLoginProfileInput{}))(t)
	_, err = remove.GetLoginProfile(ctx, &iamsdk.GetLoginProfileInput{})
	refused(t, err, "NoSuchEntity", "")
	w.UserIn(other, "victim", "")
	_, err = remove.DeleteLoginProfile(ctx, &iamsdk.DeleteLoginProfileInput{UserName: aws.String("victim")})
	refused(t, err, "AccessDenied", "")

	t.Run("S3UnlockBucketPolicy", func(t *testing.T) { unlockBucket(t, w, theirs, as("S3UnlockBucketPolicy")) })
	t.Run("SQSUnlockQueuePolicy", func(t *testing.T) { unlockQueue(t, w, theirs, as("SQSUnlockQueuePolicy")) })
}

// unlockBucket takes away a policy that denies everything to everyone.
func unlockBucket(t *testing.T, w *nodetest.World, owner, unlocker nodetest.Keys) {
	ctx := t.Context()
	path := func(o *s3sdk.Options) { o.UsePathStyle = true }
	own, unlock := s3sdk.NewFromConfig(w.ConfigAs(owner), path), s3sdk.NewFromConfig(w.ConfigAs(unlocker), path)
	bucket := aws.String("locked")
	must(own.CreateBucket(ctx, &s3sdk.CreateBucketInput{Bucket: bucket}))(t)
	must(own.PutBucketPolicy(ctx, &s3sdk.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::locked","arn:aws:s3:::locked/*"]}]}`)}))(t)
	_, err := own.ListObjectsV2(ctx, &s3sdk.ListObjectsV2Input{Bucket: bucket})
	refused(t, err, "AccessDenied", "")
	must(unlock.ListBuckets(ctx, &s3sdk.ListBucketsInput{}))(t)
	must(unlock.GetBucketPolicy(ctx, &s3sdk.GetBucketPolicyInput{Bucket: bucket}))(t)
	must(unlock.DeleteBucketPolicy(ctx, &s3sdk.DeleteBucketPolicyInput{Bucket: bucket}))(t)
	_, err = unlock.ListObjectsV2(ctx, &s3sdk.ListObjectsV2Input{Bucket: bucket})
	refused(t, err, "AccessDenied", "")
	must(own.ListObjectsV2(ctx, &s3sdk.ListObjectsV2Input{Bucket: bucket}))(t)
}

func unlockQueue(t *testing.T, w *nodetest.World, owner, unlocker nodetest.Keys) {
	ctx := t.Context()
	own, unlock := sqssdk.NewFromConfig(w.ConfigAs(owner)), sqssdk.NewFromConfig(w.ConfigAs(unlocker))
	at := must(own.CreateQueue(ctx, &sqssdk.CreateQueueInput{QueueName: aws.String("locked"), Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}]}`}}))(t).QueueUrl
	_, err := own.SendMessage(ctx, &sqssdk.SendMessageInput{QueueUrl: at, MessageBody: aws.String("x")})
	refused(t, err, "AccessDenied", "")
	must(unlock.GetQueueAttributes(ctx, &sqssdk.GetQueueAttributesInput{QueueUrl: at, AttributeNames: []sqstypes.QueueAttributeName{"Policy"}}))(t)
	must(unlock.SetQueueAttributes(ctx, &sqssdk.SetQueueAttributesInput{QueueUrl: at, Attributes: map[string]string{"Policy": ""}}))(t)
	_, err = unlock.SendMessage(ctx, &sqssdk.SendMessageInput{QueueUrl: at, MessageBody: aws.String("x")})
	refused(t, err, "AccessDenied", "")
	must(own.SendMessage(ctx, &sqssdk.SendMessageInput{QueueUrl: at, MessageBody: aws.String("x")}))(t)
}
