package s3

import (
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func getBucketLogging(c *cloud.Call, r store.Reader, in *api.GetBucketLoggingInput) (*api.GetBucketLoggingOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	return &api.GetBucketLoggingOutput{LoggingEnabled: b.Logging}, nil
}

func putBucketLogging(c *cloud.Call, tx store.Tx, in *api.PutBucketLoggingInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		q := in.BucketLoggingStatus.LoggingEnabled
		if q != nil {
			if err := checkLogging(tx, b, q); err != nil {
				return err
			}
		}
		b.Logging = q
		return nil
	})
}

func checkLogging(r store.Reader, b *Bucket, q *api.LoggingEnabled) error {
	target, ok := buckets.Get(r, q.TargetBucket)
	switch {
	case !ok:
		return api.ErrInvalidTargetBucketForLogging.New("The target bucket for logging does not exist").With("TargetBucket", q.TargetBucket)
	case target.Account != b.Account:
		return api.ErrInvalidTargetBucketForLogging.New("The owner for the bucket to be logged and the target bucket must be the same.").With("TargetBucket", q.TargetBucket)
	case target.Region != b.Region:
		return api.ErrCrossLocationLoggingProhibited.New("Cross S3 location logging not allowed. ").With("SourceBucketLocation", b.Region).With("TargetBucketLocation", target.Region)
	case len(q.TargetGrants) > 0 && target.ACLsDisabled():
		return errInvalidRequest("Target grants are not supported: the target bucket has the BucketOwnerEnforced setting for Object Ownership.")
	}
	if f := q.TargetObjectKeyFormat; f != nil {
		if (f.SimplePrefix == nil) == (f.PartitionedPrefix == nil) {
			return errMalformedXML
		}
		if p := f.PartitionedPrefix; p != nil && !oneOf(cloud.Or(p.PartitionDateSource, ""), "EventTime", "DeliveryTime") {
			return errMalformedXML
		}
	}
	for _, g := range q.TargetGrants {
		if _, err := logGrantee(r, g.Grantee); err != nil {
			return err
		}
		if !oneOf(cloud.Or(g.Permission, ""), "FULL_CONTROL", "READ", "WRITE") {
			return errMalformedXML
		}
	}
	return nil
}

// logGrantee is a grantee as grant headers name it.
func logGrantee(r store.Reader, g *api.Grantee) (string, error) {
	if g == nil {
		return "", errMalformedXML
	}
	for _, x := range []struct {
		kind  string
		value *string
	}{{"id", g.ID}, {"uri", g.URI}, {"emailAddress", g.EmailAddress}} {
		if x.value != nil {
			_, err := findGrantee(r, x.kind, *x.value)
			return x.kind + `="` + *x.value + `"`, err
		}
	}
	return "", errMalformedXML
}

// logGrants are the grants of delivered logs, as headers.
func logGrants(r store.Reader, grants []api.TargetGrant) (full, read *string) {
	add := func(to *string, grantee string) *string {
		if to != nil {
			grantee = *to + ", " + grantee
		}
		return &grantee
	}
	for _, g := range grants {
		grantee, err := logGrantee(r, g.Grantee)
		if err != nil {
			continue // an account that is gone
		}
		switch cloud.Or(g.Permission, "") {
		case "FULL_CONTROL":
			full = add(full, grantee)
		case "READ":
			read = add(read, grantee)
		}
	}
	return full, read
}

// logKey is the key of a log object that is delivered now.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html#server-log-keyname-format
func logKey(c *cloud.Call, b *Bucket) string {
	at := c.Now.UTC()
	name := at.Format("2006-01-02-15-04-05-") + strings.ToUpper(c.Rand().String(16, "0123456789abcdef"))
	if f := b.Logging.TargetObjectKeyFormat; f != nil && f.PartitionedPrefix != nil {
		return b.Logging.TargetPrefix + b.Account + "/" + b.Region + "/" + b.Name + "/" + at.Format("2006/01/02/") + name
	}
	return b.Logging.TargetPrefix + name
}
