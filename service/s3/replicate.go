package s3

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"pileus/blob"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"

	api "pileus/api/s3"
)

// replicateTopic holds versions on their way to another bucket.
const replicateTopic = "s3.replicate"

// replica is a copy to be made, in the outbox.
type replica struct {
	Bucket, Key string
	Seq         int64
	Rule        string // its id
	Last        bool   // of the version's destinations: decides its status
	Since       time.Time
}

// replicate asks for the copies of a version that was just written, or whose
// tags or ACL changed. Deletions of versions are not replicated, and neither
// are replicas; changes to replicas are, where a rule asks for that.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-what-is-isnt-replicated.html
func replicate(c *cloud.Call, tx store.Tx, b *Bucket, o *Object, event string) {
	written := strings.HasPrefix(event, "ObjectCreated:") || event == eventMarker
	changed := strings.HasPrefix(event, "ObjectTagging:") || event == eventACLPut
	if o.Replication == "REPLICA" && !changed || o.isNull() || !written && !changed {
		return
	}
	var rules []*api.ReplicationRule
	for _, rule := range replicationRules(b, o) {
		if o.Marker && (rule.DeleteMarkerReplication == nil || cloud.Or(rule.DeleteMarkerReplication.Status, "") != "Enabled") {
			continue
		}
		if o.Replication == "REPLICA" && !modified(rule) {
			continue
		}
		if changed && o.Replication == "" && !rewritten(rule) {
			continue // it was there before the rule
		}
		rules = append(rules, rule)
	}
	for i, rule := range rules {
		payload, err := json.Marshal(replica{b.Name, o.Key, o.Seq, *rule.ID, i == len(rules)-1, c.Now})
		if err != nil {
			panic(err) // strings, numbers, a time
		}
		tx.Emit(replicateTopic, store.K(b.Name, o.Key), payload)
	}
	if len(rules) > 0 && !o.Marker && o.Replication != "REPLICA" {
		o.Replication = "PENDING"
		updateVersion(tx, o)
		watchReplication(tx, o, rules, c.Now)
	}
}

// modified tells whether changes to replicas go back to where they came from.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-for-metadata-changes.html
func modified(rule *api.ReplicationRule) bool {
	s := rule.SourceSelectionCriteria
	return s != nil && s.ReplicaModifications != nil && s.ReplicaModifications.Status == "Enabled"
}

// rewritten tells whether a change to an object that was there before the rule
// takes the object along.
func rewritten(rule *api.ReplicationRule) bool {
	return rule.ExistingObjectReplication != nil && rule.ExistingObjectReplication.Status == "Enabled"
}

// deliverReplica makes one copy. What the role may not do, or what has no
// place to go, fails for good and marks the object FAILED.
func deliverReplica(c *cloud.Call, payload []byte) error {
	var x replica
	if err := json.Unmarshal(payload, &x); err != nil {
		return fmt.Errorf("replication: %w", err)
	}
	job, err := openReplica(c, &x)
	if err == nil && job == nil {
		return nil // the version, the bucket or the rule is gone
	}
	if err == nil {
		err = job.copy()
	}
	var e *cloud.Error
	switch {
	case err == nil && x.Last:
		return setReplication(c, &x, "COMPLETED")
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Status < 500:
		return setReplication(c, &x, "FAILED")
	}
	return err
}

// setReplication writes the outcome to the source; a failure for one
// destination is not made good by success for another.
func setReplication(c *cloud.Call, x *replica, status string) error {
	return c.Update(func(tx store.Tx) error {
		b, ok := buckets.Get(tx, x.Bucket)
		o, found := versionBySeq(tx, store.K(x.Bucket, x.Key, x.Seq))
		if !ok || !found || o.Marker || o.Replication == "FAILED" || o.Replication == "REPLICA" {
			return nil
		}
		changed := *o
		changed.Replication = status
		updateVersion(tx, &changed)
		if status == "COMPLETED" {
			tellLate(c.In(b.Account, b.Region), tx, b, &changed, x.Since)
		}
		if status == "FAILED" && b.Notification != nil {
			notify(c.In(b.Account, b.Region), tx, b, &changed, eventReplicationError)
		}
		return nil
	})
}

// replicaJob is one copy under way.
type replicaJob struct {
	c        *cloud.Call // as the configured role, in the source's account
	from, to *Bucket
	object   *Object
	rule     *api.ReplicationRule
	parts    *PartList
	content  io.ReadCloser // nil for delete markers and changes of tags
	exists   bool          // the version is at the destination already
}

func openReplica(c *cloud.Call, x *replica) (job *replicaJob, err error) {
	err = c.View(func(r store.Reader) error {
		from, ok := buckets.Get(r, x.Bucket)
		o, found := versionBySeq(r, store.K(x.Bucket, x.Key, x.Seq))
		if !ok || !found || from.Replication == nil {
			return nil
		}
		rule, ok := findID(from.Replication.Rules, x.Rule, func(rule api.ReplicationRule) string { return cloud.Or(rule.ID, "") })
		if !ok {
			return nil
		}
		arn, _ := cloud.ParseARN(rule.Destination.Bucket)
		to, err := findBucket(r, arn.Resource)
		if err != nil {
			return err
		}
		if !to.Versioned() {
			return errInvalidRequest("Destination bucket must have versioning enabled.")
		}
		who, err := replicationRole(c, r, from)
		if err != nil {
			return err
		}
		job = &replicaJob{c: c.In(from.Account, from.Region).As(who), from: from, to: to, object: o, rule: rule}
		if err := job.authorise(r); err != nil {
			return err
		}
		_, job.exists = findVersion(r, to, o.Key, o.Version)
		if o.Marker || job.exists {
			return nil
		}
		if o.CustomerKeyMD5 != "" {
			return errInvalidRequest("Objects that are encrypted with a customer's key are not replicated.")
		}
		job.parts, _ = parts.Get(r, o.Bucket, o.Key, o.Seq)
		job.content, err = c.Cloud.Blobs().Open(c, r, o.Body, nil, 0, -1)
		return err
	})
	return job, err
}

// replicationRole is the principal as which S3 replicates: a session of the
// configured role, which has to trust S3.
func replicationRole(c *cloud.Call, r store.Reader, b *Bucket) (*cloud.Principal, error) {
	arn, _ := cloud.ParseARN(b.Replication.Role)
	name := arn.Resource[strings.LastIndexByte(arn.Resource, '/')+1:]
	role, ok := identity.FindRole(r, arn.Account, name)
	if !ok || role.ARN != b.Replication.Role {
		return nil, errAccessDenied
	}
	trust, err := policy.Cached(role.Trust, policy.Trust)
	if err != nil {
		return nil, errAccessDenied
	}
	d := policy.Evaluate(&policy.Request{
		Principal: policy.Principal{Kind: cloud.ServicePrincipal.String(), ARN: service, Service: service, Account: b.Account},
		Action:    "sts:AssumeRole", Resource: role.ARN, ResourceAccount: role.Account, Now: c.Now,
		Keys: policy.Keys{"aws:sourcearn": {b.ARN()}, "aws:sourceaccount": {b.Account}},
	}, &policy.Set{Resource: []policy.Attached{{ID: "trust policy of " + role.Name, Doc: trust}}, Trust: true})
	if !d.Allowed {
		return nil, errAccessDenied
	}
	const session = "s3-replication"
	return &cloud.Principal{
		Kind: cloud.AssumedRole, Account: role.Account, Name: session, ID: role.ID + ":" + session,
		ARN: "arn:aws:sts::" + role.Account + ":assumed-role/" + role.Name + "/" + session, RoleARN: role.ARN, RoleName: role.Name,
	}, nil
}

// authorise checks what the role needs: to read the source, and to write the
// destination, whose bucket policy has a say where it is another account's.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
func (j *replicaJob) authorise(r store.Reader) error {
	source := objectResource(r, j.from, j.object.Key, j.object)
	target := objectResource(r, j.to, j.object.Key, nil)
	var checks []cloud.Check
	need := func(res cloud.Resource, actions ...string) {
		for _, a := range actions {
			checks = append(checks, cloud.Check{Action: a, Resource: res})
		}
	}
	switch {
	case j.object.Marker:
		need(target, "s3:ReplicateDelete")
	default:
		need(source, "s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl")
		need(target, "s3:ReplicateObject")
		if len(j.object.Tags) > 0 {
			need(source, "s3:GetObjectVersionTagging")
			need(target, "s3:ReplicateTags")
		}
	}
	if j.rule.Destination.AccessControlTranslation != nil {
		need(target, "s3:ObjectOwnerOverrideToBucketOwner")
	}
	return j.c.Cloud.Authorise(j.c, &api.PutObject.OpInfo, checks...)
}

func (j *replicaJob) copy() error {
	var body *blob.Pending
	if j.content != nil {
		defer j.content.Close()
		var err error
		if body, err = j.c.Cloud.Blobs().Write(j.c, j.content, blob.Options{SizeHint: j.object.Size}); err != nil {
			return err
		}
		defer body.Discard()
	}
	return j.c.Update(func(tx store.Tx) error {
		to, err := findBucket(tx, j.to.Name)
		if err != nil {
			return err
		}
		o := j.record(to)
		if old, ok := findVersion(tx, to, o.Key, o.Version); ok {
			changed := *old // tags, ACL and lock may have changed
			changed.Tags, changed.ACL, changed.LockMode, changed.LockUntil, changed.LegalHold = o.Tags, o.ACL, o.LockMode, o.LockUntil, o.LegalHold
			updateVersion(tx, &changed)
			return nil
		}
		if body != nil {
			o.Body = body.Commit(tx)
		}
		if j.parts != nil {
			p := *j.parts
			p.Bucket = to.Name
			parts.Put(tx, &p)
		}
		putReplica(j.c, tx, to, o)
		event := eventPut
		if o.Marker {
			event = eventMarker
		}
		if to.Notification != nil {
			notify(j.c.In(to.Account, to.Region), tx, to, o, event)
		}
		return nil
	})
}

// record is the replica: the same version, with the same id and time.
func (j *replicaJob) record(to *Bucket) *Object {
	o := *j.object
	o.Bucket, o.Body, o.Noncurrent, o.Older, o.NullSeq = to.Name, blob.Ref{}, time.Time{}, false, 0
	o.Restored, o.Restoring, o.RestoreDays = time.Time{}, time.Time{}, 0
	if o.Replication = "REPLICA"; o.Marker {
		o.Replication = ""
	}
	d := &j.rule.Destination
	if d.StorageClass != nil {
		if o.Class = *d.StorageClass; o.Class == "STANDARD" {
			o.Class = ""
		}
	}
	if to.ACLsDisabled() || d.AccessControlTranslation != nil {
		o.Owner, o.ACL = to.Account, nil
	}
	return &o
}

// putReplica puts a version in its place among those of the key, which its Seq
// tells: it need not be the latest.
func putReplica(c *cloud.Call, tx store.Tx, b *Bucket, o *Object) {
	top, had := latest(tx, b, o.Key)
	var gone *Object
	switch {
	case !had:
		objects.Insert(tx, o)
	case top.Seq < o.Seq:
		gone = o.succeed(c, tx, top)
		objects.Insert(tx, o)
	default:
		o.Noncurrent = c.Now
		versions.Insert(tx, o)
		changed := *top
		changed.Older = true
		objects.Insert(tx, &changed)
	}
	holdInstead(c, tx, gone, o)
}
