package s3_test

import (
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/service/s3"
	"pileus/store"
)

// role makes a role with a trust policy for a service and one inline policy.
func (s *stage) role(name, service, doc string) string {
	s.T.Helper()
	arn := "arn:aws:iam::" + nodetest.Account + ":role/" + name
	s.Update(func(tx store.Tx) {
		r := &identity.Role{Account: nodetest.Account, Name: name, Path: "/", ID: "AROATEST" + name, ARN: arn, Created: s.Now(), MaxSession: 3600,
			Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`}
		r.Inline = map[string]string{"test": doc}
		identity.Roles.Put(tx, r)
	})
	return arn
}

func replicateTo(bucket, id string, priority int32, prefix string) types.ReplicationRule {
	return types.ReplicationRule{
		ID: &id, Priority: &priority, Status: types.ReplicationRuleStatusEnabled, Filter: &types.ReplicationRuleFilter{Prefix: &prefix},
		DeleteMarkerReplication: &types.DeleteMarkerReplication{Status: types.DeleteMarkerReplicationStatusEnabled},
		Destination:             &types.Destination{Bucket: new("arn:aws:s3:::" + bucket)},
	}
}

func (s *stage) tryReplicate(bucket, role string, rules ...types.ReplicationRule) error {
	_, err := s.PutBucketReplication(s.T.Context(), &sdk.PutBucketReplicationInput{Bucket: &bucket, ReplicationConfiguration: &types.ReplicationConfiguration{Role: &role, Rules: rules}})
	return err
}

func (s *stage) replication(bucket, key string) (types.ReplicationStatus, *sdk.HeadObjectOutput) {
	s.T.Helper()
	out, err := s.HeadObject(s.T.Context(), &sdk.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		s.T.Fatalf("head %s/%s: %v", bucket, key, err)
	}
	return out.ReplicationStatus, out
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html
func TestReplication(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	from := s.bucket("source")
	near := s.bucket("near")
	far := s.bucket("far", func(in *sdk.CreateBucketInput) {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraintEuWest1}
	})
	role := s.role("replicator", "s3.amazonaws.com", nodetest.Allow("s3:*"))
	wantCode(t, "InvalidRequest")(nil, s.tryReplicate(from, role, replicateTo(near, "near", 1, "")))
	s.version(from)
	wantCode(t, "InvalidRequest")(nil, s.tryReplicate(from, role, replicateTo(near, "near", 1, "")))
	s.version(near)
	europe := s.in("eu-west-1")
	must(t)(europe.PutBucketVersioning(ctx, &sdk.PutBucketVersioningInput{Bucket: &far, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}))
	s.put(from, "before", "")
	cold := replicateTo(far, "far", 2, "far/")
	cold.Destination.StorageClass = types.StorageClassStandardIa
	if err := s.tryReplicate(from, role, replicateTo(near, "near", 1, ""), cold); err != nil {
		t.Fatal(err)
	}
	put := s.put(from, "far/x", "content", func(in *sdk.PutObjectInput) {
		in.Tagging, in.Metadata = new("a=1"), map[string]string{"m": "1"}
	})
	s.Drain()
	if got, _ := s.replication(from, "far/x"); got != types.ReplicationStatusCompleted {
		t.Errorf("source is %q", got)
	}
	status, head := s.replication(near, "far/x")
	if status != types.ReplicationStatusReplica || *head.VersionId != *put.VersionId || *head.ETag != *put.ETag || head.Metadata["m"] != "1" || *head.TagCount != 1 {
		t.Errorf("replica: %s, %+v", status, head)
	}
	if out, err := europe.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &far, Key: new("far/x")}); err != nil || out.StorageClass != types.StorageClassStandardIa {
		t.Errorf("in the other region: %+v, %v", out, err)
	}
	s.put(from, "other", "1")
	must(t)(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &from, Key: new("far/x")}))
	must(t)(s.PutObjectTagging(ctx, &sdk.PutObjectTaggingInput{Bucket: &from, Key: new("other"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: new("t"), Value: new("2")}}}}))
	s.Drain()
	if got := s.versions(near); got != "far/x:STANDARD other:STANDARD far/x:marker" {
		t.Errorf("near holds %s", got)
	}
	tags, err := s.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: &near, Key: new("other")})
	if must(t)(tags, err); len(tags.TagSet) != 1 {
		t.Errorf("tags of the replica: %+v", tags.TagSet)
	}
	wantCode(t, "InvalidBucketState")(s.PutBucketVersioning(ctx, &sdk.PutBucketVersioningInput{Bucket: &from, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended}}))
	must(t)(s.DeleteBucketReplication(ctx, &sdk.DeleteBucketReplicationInput{Bucket: &from}))
	s.put(from, "alone", "")
	if got, _ := s.replication(from, "alone"); got != "" {
		t.Errorf("without a configuration: %q", got)
	}
}

// The role's permissions decide, and so does its trust in S3.
func TestReplicationActsAsItsRole(t *testing.T) {
	s := newStage(t)
	from, dest := s.bucket("source"), s.bucket("dest")
	s.version(from)
	s.version(dest)
	for name, test := range map[string]struct {
		role string
		want types.ReplicationStatus
	}{
		"allowed":    {s.role("good", "s3.amazonaws.com", nodetest.Allow("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging", "s3:ReplicateObject")), types.ReplicationStatusCompleted},
		"read only":  {s.role("reader", "s3.amazonaws.com", nodetest.Allow("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl")), types.ReplicationStatusFailed},
		"write only": {s.role("writer", "s3.amazonaws.com", nodetest.Allow("s3:ReplicateObject")), types.ReplicationStatusFailed},
		"no trust":   {s.role("stranger", "ec2.amazonaws.com", nodetest.Allow("s3:*")), types.ReplicationStatusFailed},
		"gone":       {"arn:aws:iam::" + nodetest.Account + ":role/none", types.ReplicationStatusFailed},
	} {
		if err := s.tryReplicate(from, test.role, replicateTo(dest, "r", 1, "")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.put(from, name, "1")
		s.Drain()
		if got, _ := s.replication(from, name); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if got := s.keys(dest); got != "allowed" {
		t.Errorf("destination holds %s", got)
	}
}

func TestReplicationIsChecked(t *testing.T) {
	s := newStage(t)
	from, dest := s.bucket("source"), s.bucket("dest")
	s.version(from)
	s.version(dest)
	role := "arn:aws:iam::" + nodetest.Account + ":role/r"
	with := func(change func(*types.ReplicationRule)) []types.ReplicationRule {
		r := replicateTo(dest, "a", 1, "")
		change(&r)
		return []types.ReplicationRule{r}
	}
	for name, test := range map[string]struct {
		role  string
		rules []types.ReplicationRule
		code  string
	}{
		"role":        {"r", with(func(*types.ReplicationRule) {}), "InvalidArgument"},
		"no priority": {role, with(func(r *types.ReplicationRule) { r.Priority = nil }), "InvalidRequest"},
		"no markers":  {role, with(func(r *types.ReplicationRule) { r.DeleteMarkerReplication = nil }), "InvalidRequest"},
		"tag filter": {role, with(func(r *types.ReplicationRule) {
			r.Filter = &types.ReplicationRuleFilter{Tag: &types.Tag{Key: new("a"), Value: new("b")}}
		}), "InvalidRequest"},
		"itself":        {role, with(func(r *types.ReplicationRule) { r.Destination.Bucket = new("arn:aws:s3:::source") }), "InvalidRequest"},
		"nowhere":       {role, with(func(r *types.ReplicationRule) { r.Destination.Bucket = new("arn:aws:s3:::nowhere") }), "InvalidRequest"},
		"same priority": {role, []types.ReplicationRule{replicateTo(dest, "a", 1, "a"), replicateTo(dest, "b", 1, "b")}, "InvalidRequest"},
		"same id":       {role, []types.ReplicationRule{replicateTo(dest, "a", 1, "a"), replicateTo(dest, "a", 2, "b")}, "InvalidArgument"},
		"time": {role, with(func(r *types.ReplicationRule) {
			r.Destination.ReplicationTime = &types.ReplicationTime{Status: "Enabled", Time: &types.ReplicationTimeValue{Minutes: new(int32(5))}}
		}), "InvalidArgument"},
		"KMS": {role, with(func(r *types.ReplicationRule) {
			r.Destination.EncryptionConfiguration = &types.EncryptionConfiguration{ReplicaKmsKeyID: new("k")}
		}), "NotImplemented"},
	} {
		if err := s.tryReplicate(from, test.role, test.rules...); code(err) != test.code {
			t.Errorf("%s: %v, want %s", name, err, test.code)
		}
	}
}

// Changes to a replica go back to the source where a rule asks for it, and no
// further.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-for-metadata-changes.html
func TestReplicaModifications(t *testing.T) {
	s := newStage(t)
	one, two := s.bucket("one"), s.bucket("two")
	s.version(one)
	s.version(two)
	role := s.role("both", "s3.amazonaws.com", nodetest.Allow("s3:*"))
	for from, to := range map[string]string{one: two, two: one} {
		r := replicateTo(to, "r", 1, "")
		r.SourceSelectionCriteria = &types.SourceSelectionCriteria{ReplicaModifications: &types.ReplicaModifications{Status: types.ReplicaModificationsStatusEnabled}}
		if err := s.tryReplicate(from, role, r); err != nil {
			t.Fatal(err)
		}
	}
	s.put(one, "key", "x")
	s.Drain()
	tag := func(bucket, value string) {
		t.Helper()
		must(t)(s.PutObjectTagging(t.Context(), &sdk.PutObjectTaggingInput{Bucket: &bucket, Key: new("key"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: new("k"), Value: &value}}}}))
		s.Drain()
	}
	tags := func(bucket string) string {
		t.Helper()
		out, err := s.GetObjectTagging(t.Context(), &sdk.GetObjectTaggingInput{Bucket: &bucket, Key: new("key")})
		must(t)(out, err)
		if len(out.TagSet) == 0 {
			return ""
		}
		return *out.TagSet[0].Value
	}
	for _, step := range []struct{ at, other, value string }{{two, one, "of the replica"}, {one, two, "of the source"}, {two, one, "again"}} {
		tag(step.at, step.value)
		if got := tags(step.other); got != step.value {
			t.Errorf("tagged %q in %s: %s has %q", step.value, step.at, step.other, got)
		}
	}
	if got, _ := s.replication(two, "key"); got != types.ReplicationStatusReplica {
		t.Errorf("the replica's status is %q", got)
	}
	if err := s.tryReplicate(two, role, replicateTo(one, "r", 1, "")); err != nil {
		t.Fatal(err)
	}
	tag(two, "alone")
	if got := tags(one); got != "again" {
		t.Errorf("without the rule's asking the source has %q", got)
	}
}

// Replication time control tells of replicas that are not there after a quarter
// of an hour, and of those that come later.
func TestReplicationTimeControl(t *testing.T) {
	s := newQueueStage(t)
	from, dest := s.bucket("source"), s.bucket("dest")
	s.version(from)
	s.version(dest)
	if err := s.notify(from, types.QueueConfiguration{QueueArn: new(queueARN("ok-source")), Events: []types.Event{"s3:Replication:*"}}); err != nil {
		t.Fatal(err)
	}
	rule := replicateTo(dest, "r", 1, "")
	rule.Destination.Metrics = &types.Metrics{Status: types.MetricsStatusEnabled}
	rule.Destination.ReplicationTime = &types.ReplicationTime{Status: types.ReplicationTimeStatusEnabled, Time: &types.ReplicationTimeValue{Minutes: new(int32(15))}}
	if err := s.tryReplicate(from, s.role("r", "s3.amazonaws.com", nodetest.Allow("s3:*")), rule); err != nil {
		t.Fatal(err)
	}
	s.put(from, "prompt", "x")
	s.put(from, "late", "x")
	s.Drain()
	s.names("ok-source")
	s.Update(func(tx store.Tx) { s3.Unreplicate(tx, from, "late") })
	s.Advance(14 * time.Minute)
	if got := s.names("ok-source"); got != "" {
		t.Errorf("before the time is over: %s", got)
	}
	s.Advance(time.Minute)
	if got := s.names("ok-source"); got != "Replication:OperationMissedThreshold late" {
		t.Errorf("when it is over: %s", got)
	}
	s.Advance(time.Minute)
	s.View(func(r store.Reader) {
		if err := s3.Replicated(s.Call(), s3.Replica(r, from, "late"), "COMPLETED"); err != nil {
			t.Error(err)
		}
	})
	if got := s.names("ok-source"); got != "Replication:OperationReplicatedAfterThreshold late" {
		t.Errorf("after it came: %s", got)
	}
}
