package s3

import (
	"fmt"
	"strings"

	"pileus/cloud"
	"pileus/rng"
	"pileus/store"

	api "pileus/api/s3"
)

// maxReplicationRules is the limit of one configuration.
const maxReplicationRules = 1000

func getBucketReplication(c *cloud.Call, r store.Reader, in *api.GetBucketReplicationInput) (*api.GetBucketReplicationOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Replication == nil {
		return nil, missing(api.ErrReplicationConfigurationNotFoundError, b, "The replication configuration was not found")
	}
	return &api.GetBucketReplicationOutput{ReplicationConfiguration: b.Replication}, nil
}

func putBucketReplication(c *cloud.Call, tx store.Tx, in *api.PutBucketReplicationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		if !b.Versioned() {
			return errInvalidRequest("Versioning must be 'Enabled' on the bucket to apply a replication configuration")
		}
		q := in.ReplicationConfiguration
		q.Rules = append([]api.ReplicationRule(nil), q.Rules...)
		if err := checkReplication(c, tx, b, &q); err != nil {
			return err
		}
		b.Replication = &q
		return nil
	})
}

func deleteBucketReplication(c *cloud.Call, tx store.Tx, in *api.DeleteBucketReplicationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		b.Replication = nil
		return nil
	})
}

func checkReplication(c *cloud.Call, r store.Reader, b *Bucket, q *api.ReplicationConfiguration) error {
	role, ok := cloud.ParseARN(q.Role)
	if !ok || role.Service != "iam" || !strings.HasPrefix(role.Resource, "role/") {
		return errArgument("Role", q.Role, "Invalid ARN of the role")
	}
	if len(q.Rules) == 0 || len(q.Rules) > maxReplicationRules {
		return errMalformedXML
	}
	ids, priorities := map[string]bool{}, map[string]bool{}
	for i := range q.Rules {
		rule := &q.Rules[i]
		if cloud.Or(rule.ID, "") == "" {
			rule.ID = new(c.Rand().String(48, rng.Base62))
		}
		if len(*rule.ID) > 255 {
			return errArgument("ID", *rule.ID, "ID length should not exceed allowed limit of 255")
		}
		if ids[*rule.ID] {
			return errArgument("ID", *rule.ID, "Rule Id must be unique")
		}
		ids[*rule.ID] = true
		if err := checkReplicationRule(r, b, rule); err != nil {
			return err
		}
		if rule.Filter == nil {
			continue
		}
		if at := fmt.Sprint(*rule.Priority); priorities[at] {
			return errInvalidRequest("Found duplicate priority %s", at)
		} else {
			priorities[at] = true
		}
	}
	return nil
}

// checkReplicationRule holds a rule to the form of its generation: with Filter
// the second, which needs a priority and a word on delete markers.
func checkReplicationRule(r store.Reader, b *Bucket, rule *api.ReplicationRule) error {
	if !oneOf(rule.Status, "Enabled", "Disabled") || rule.Filter != nil && rule.Prefix != nil {
		return errMalformedXML
	}
	if f := rule.Filter; f != nil {
		if trues(f.Prefix != nil, f.Tag != nil, f.And != nil) > 1 || f.And != nil && trues(f.And.Prefix != nil)+len(f.And.Tags) < 2 {
			return errMalformedXML
		}
		if rule.Priority == nil {
			return errInvalidRequest("Priority must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.")
		}
		if rule.DeleteMarkerReplication == nil {
			return errInvalidRequest("DeleteMarkerReplication must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.")
		}
		if tagged := f.Tag != nil || f.And != nil && len(f.And.Tags) > 0; tagged && cloud.Or(rule.DeleteMarkerReplication.Status, "") == "Enabled" {
			return errInvalidRequest("Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer Guide for more information.")
		}
	} else if rule.Prefix == nil {
		return errMalformedXML
	}
	return checkReplicationTarget(r, b, rule)
}

func checkReplicationTarget(r store.Reader, b *Bucket, rule *api.ReplicationRule) error {
	to := &rule.Destination
	arn, ok := cloud.ParseARN(to.Bucket)
	if !ok || arn.Service != "s3" || arn.Resource == "" {
		return errArgument("Bucket", to.Bucket, "Invalid bucket ARN.")
	}
	if to.AccessControlTranslation != nil && to.Account == nil {
		return errInvalidRequest("If you specify AccessControlTranslation, you must specify Account for the destination.")
	}
	if to.EncryptionConfiguration != nil {
		return errNoKMS
	}
	if to.StorageClass != nil && *to.StorageClass != "STANDARD" && *to.StorageClass != "REDUCED_REDUNDANCY" && classRank(*to.StorageClass) == 0 {
		return errMalformedXML
	}
	if rt := to.ReplicationTime; rt != nil {
		if rt.Status == "Enabled" && cloud.Or(rt.Time.Minutes, 0) != 15 {
			return errArgument("Minutes", fmt.Sprint(cloud.Or(rt.Time.Minutes, 0)), "Replication time must be 15 minutes.")
		}
		if rt.Status == "Enabled" && (to.Metrics == nil || to.Metrics.Status != "Enabled") {
			return errInvalidRequest("Replication Time Control requires metrics to be enabled.")
		}
	}
	target, ok := buckets.Get(r, arn.Resource)
	switch {
	case !ok:
		return errInvalidRequest("Destination bucket must exist.")
	case target.Name == b.Name:
		return errInvalidRequest("Destination bucket cannot be the same as the source bucket.")
	case !target.Versioned():
		return errInvalidRequest("Destination bucket must have versioning enabled.")
	case to.Account != nil && *to.Account != target.Account:
		return errInvalidRequest("Account of the destination does not own the destination bucket.")
	}
	return nil
}

// replicationRules are the rules that apply to an object, one for each
// destination: where several name it, the one of highest priority.
func replicationRules(b *Bucket, o *Object) []*api.ReplicationRule {
	var out []*api.ReplicationRule
next:
	for i := range b.Replication.Rules {
		rule := &b.Replication.Rules[i]
		if rule.Status != "Enabled" || !replicates(rule, o) {
			continue
		}
		for j, other := range out {
			if other.Destination.Bucket == rule.Destination.Bucket {
				if cloud.Or(rule.Priority, 0) > cloud.Or(other.Priority, 0) {
					out[j] = rule
				}
				continue next
			}
		}
		out = append(out, rule)
	}
	return out
}

func replicates(rule *api.ReplicationRule, o *Object) bool {
	f := filter{prefix: cloud.Or(rule.Prefix, "")}
	if q := rule.Filter; q != nil {
		f.prefix = cloud.Or(q.Prefix, "")
		if q.Tag != nil {
			f.tags = []api.Tag{*q.Tag}
		}
		if q.And != nil {
			f.prefix, f.tags = cloud.Or(q.And.Prefix, ""), q.And.Tags
		}
	}
	return f.match(o)
}
