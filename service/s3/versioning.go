package s3

import (
	"strconv"
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/store"

	api "pileus/api/s3"
)

func getBucketVersioning(c *cloud.Call, r store.Reader, in *api.GetBucketVersioningInput) (*api.GetBucketVersioningOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	out := new(api.GetBucketVersioningOutput)
	if b.Versioning != "" {
		out.Status = &b.Versioning
	}
	if b.MFADelete {
		out.MFADelete = new("Enabled")
	}
	return out, nil
}

func putBucketVersioning(c *cloud.Call, tx store.Tx, in *api.PutBucketVersioningInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		status := cloud.Or(in.VersioningConfiguration.Status, "")
		mfa := cloud.Or(in.VersioningConfiguration.MFADelete, "")
		if status == "" {
			return api.ErrIllegalVersioningConfiguration.New("The Versioning element must be specified")
		}
		if !oneOf(status, "Enabled", "Suspended") || !oneOf(mfa, "", "Enabled", "Disabled") {
			return errMalformedXML
		}
		if status == "Suspended" && b.LockEnabled() {
			return api.ErrInvalidBucketState.New("An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		if status == "Suspended" && b.Replication != nil {
			return api.ErrInvalidBucketState.New("A replication configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		if mfa == "Enabled" && len(b.Lifecycle) > 0 {
			return errInvalidRequest("MFA Delete cannot be enabled on a bucket that has a lifecycle configuration.")
		}
		if b.MFADelete || mfa == "Enabled" {
			if err := checkMFA(c, tx, b, in.MFA); err != nil {
				return err
			}
		}
		b.Versioning = status
		if mfa != "" {
			b.MFADelete = mfa == "Enabled"
		}
		return nil
	})
}

func getObjectLockConfiguration(c *cloud.Call, r store.Reader, in *api.GetObjectLockConfigurationInput) (*api.GetObjectLockConfigurationOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.ObjectLock == nil {
		return nil, missing(api.ErrObjectLockConfigurationNotFoundError, b, "Object Lock configuration does not exist for this bucket")
	}
	return &api.GetObjectLockConfigurationOutput{ObjectLockConfiguration: b.ObjectLock}, nil
}

// putObjectLockConfiguration sets the default retention. Object lock can be
// switched on for a bucket that exists since November 2023, never off.
func putObjectLockConfiguration(c *cloud.Call, tx store.Tx, in *api.PutObjectLockConfigurationInput) (*api.PutObjectLockConfigurationOutput, error) {
	_, err := configure(tx, in.Bucket, func(b *Bucket) error {
		q := in.ObjectLockConfiguration
		if q == nil || cloud.Or(q.ObjectLockEnabled, "") != "Enabled" {
			return errMalformedXML
		}
		if !b.Versioned() {
			return api.ErrInvalidBucketState.New("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		if q.Rule != nil {
			if err := checkDefaultRetention(q.Rule.DefaultRetention); err != nil {
				return err
			}
		}
		b.ObjectLock = q
		return nil
	})
	return &api.PutObjectLockConfigurationOutput{}, err
}

// maxRetention is a hundred years, in days.
const maxRetention = 36500

func checkDefaultRetention(d *api.DefaultRetention) error {
	if d == nil || !oneOf(cloud.Or(d.Mode, ""), "GOVERNANCE", "COMPLIANCE") || (d.Days == nil) == (d.Years == nil) {
		return errMalformedXML
	}
	days := int(cloud.Or(d.Days, 0)) + int(cloud.Or(d.Years, 0))*365
	if days <= 0 {
		return api.ErrInvalidArgument.New("Default retention period must be a positive integer value.")
	}
	if days > maxRetention {
		return errArgument("Days", strconv.Itoa(days), "Default retention period too large. Must be at most %d days.", maxRetention)
	}
	return nil
}

// checkMFA accepts a code of a device of the root user of the bucket's account,
// "SERIAL CODE" as x-amz-mfa has it, from that root user alone, and uses it up.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/MultiFactorAuthenticationDelete.html
func checkMFA(c *cloud.Call, tx store.Tx, b *Bucket, header *string) error {
	serial, code, _ := strings.Cut(strings.TrimSpace(cloud.Or(header, "")), " ")
	if c.Principal.Kind != cloud.Root || c.Principal.Account != b.Account ||
		!identity.CheckMFA(tx, b.Account, "", serial, strings.TrimSpace(code), c.Cloud.Clock().Machine()) {
		return api.ErrAccessDenied.New("Mfa Authentication must be used for this request")
	}
	return nil
}
