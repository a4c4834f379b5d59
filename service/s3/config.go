package s3

import (
	"slices"
	"strings"

	api "pileus/api/s3"
)

// Config is everything that is configured of a bucket: its sub-resources, as
// the API's own types. It is a part of the bucket's record; what is not
// configured takes no room. A configuration is never changed in place, because
// records are shared: handlers copy the bucket and replace a field.
type Config struct {
	// Versioning is "", "Enabled" or "Suspended".
	Versioning string `cbor:"1,keyasint,omitempty"`
	// MFADelete is on: deleting a version or changing the versioning needs an
	// MFA code of the bucket's root user.
	MFADelete bool `cbor:"2,keyasint,omitempty"`
	// Policy is the bucket policy's text as it was put.
	Policy string `cbor:"3,keyasint,omitempty"`
	// ACL is nil where only the owner has access.
	ACL *ACL `cbor:"4,keyasint,omitempty"`
	// Ownership is "BucketOwnerEnforced", "BucketOwnerPreferred",
	// "ObjectWriter", or "" where ownership controls were deleted, which
	// means ObjectWriter.
	Ownership    string                                 `cbor:"5,keyasint,omitempty"`
	PublicAccess *api.PublicAccessBlockConfiguration    `cbor:"6,keyasint,omitempty"`
	Encryption   *api.ServerSideEncryptionConfiguration `cbor:"7,keyasint,omitempty"`
	Tags         []api.Tag                              `cbor:"8,keyasint,omitempty"`
	CORS         []api.CORSRule                         `cbor:"9,keyasint,omitempty"`
	Website      *api.WebsiteConfiguration              `cbor:"10,keyasint,omitempty"`
	Lifecycle    []api.LifecycleRule                    `cbor:"11,keyasint,omitempty"`
	// TransitionMinimum is the default minimum size of what transitions:
	// "all_storage_classes_128K" or "varies_by_storage_class".
	TransitionMinimum string                         `cbor:"12,keyasint,omitempty"`
	Replication       *api.ReplicationConfiguration  `cbor:"13,keyasint,omitempty"`
	Notification      *api.NotificationConfiguration `cbor:"14,keyasint,omitempty"`
	Logging           *api.LoggingEnabled            `cbor:"15,keyasint,omitempty"`
	ObjectLock        *api.ObjectLockConfiguration   `cbor:"16,keyasint,omitempty"`
	// RequestPayer is "" (the owner) or "Requester".
	RequestPayer string `cbor:"17,keyasint,omitempty"`
	// Accelerate is "", "Enabled" or "Suspended".
	Accelerate string `cbor:"18,keyasint,omitempty"`
	// Abac is "" or "Enabled": tags of the bucket take part in authorisation.
	Abac string `cbor:"19,keyasint,omitempty"`

	// Configurations that have an id, in its order.
	Inventory []api.InventoryConfiguration          `cbor:"20,keyasint,omitempty"`
	Analytics []api.AnalyticsConfiguration          `cbor:"21,keyasint,omitempty"`
	Metrics   []api.MetricsConfiguration            `cbor:"22,keyasint,omitempty"`
	Tiering   []api.IntelligentTieringConfiguration `cbor:"23,keyasint,omitempty"`
}

// newConfig is what a new bucket has since April 2023: ACLs disabled, public
// access blocked, SSE-S3.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
func newConfig() Config {
	return Config{
		Ownership:    "BucketOwnerEnforced",
		PublicAccess: blockAll(),
		Encryption:   defaultEncryption(),
	}
}

// blockAll is the public access block of a new bucket.
func blockAll() *api.PublicAccessBlockConfiguration {
	return &api.PublicAccessBlockConfiguration{
		BlockPublicAcls:       new(true),
		IgnorePublicAcls:      new(true),
		BlockPublicPolicy:     new(true),
		RestrictPublicBuckets: new(true),
	}
}

// Versioned tells whether new objects get version ids.
func (c *Config) Versioned() bool { return c.Versioning == "Enabled" }

// Suspended tells whether new objects overwrite the null version while older
// versions stay.
func (c *Config) Suspended() bool { return c.Versioning == "Suspended" }

// ACLsDisabled tells whether the bucket's owner owns every object in it and
// ACLs neither count nor can be set.
func (c *Config) ACLsDisabled() bool { return c.Ownership == "BucketOwnerEnforced" }

// OwnerPreferred tells whether objects written with the ACL
// bucket-owner-full-control become the bucket owner's.
func (c *Config) OwnerPreferred() bool { return c.Ownership == "BucketOwnerPreferred" }

// LockEnabled tells whether the bucket was made for object lock.
func (c *Config) LockEnabled() bool { return c.ObjectLock != nil }

// TagMap is the bucket's tags by key, for aws:ResourceTag conditions; they
// count only where attribute-based access control is switched on.
func (c *Config) TagMap() map[string]string {
	if c.Abac != "Enabled" {
		return nil
	}
	return tagMap(c.Tags)
}

// tagMap is a tag set by key.
func tagMap(tags []api.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

// withID is list with v in the place of the element whose id v has, in order
// of id. The list itself is left as it is.
func withID[T any](list []T, v T, id func(T) string) []T {
	out := slices.Clone(list)
	at, found := slices.BinarySearchFunc(out, id(v), func(x T, want string) int { return strings.Compare(id(x), want) })
	if found {
		out[at] = v
		return out
	}
	return slices.Insert(out, at, v)
}

// withoutID is list without the element that has the id; ok tells whether
// there was one.
func withoutID[T any](list []T, want string, id func(T) string) (out []T, ok bool) {
	for i, x := range list {
		if id(x) == want {
			return slices.Delete(slices.Clone(list), i, i+1), true
		}
	}
	return list, false
}

// findID is the element of the list that has the id.
func findID[T any](list []T, want string, id func(T) string) (*T, bool) {
	for i := range list {
		if id(list[i]) == want {
			return &list[i], true
		}
	}
	return nil, false
}
