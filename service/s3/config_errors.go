package s3

import (
	"slices"

	"pileus/cloud"

	api "pileus/api/s3"
)

// Errors of the configuration half, in AWS's words.

// missing is the answer of a sub-resource that is not configured.
func missing(kind *cloud.ErrorKind, b *Bucket, text string) *cloud.Error {
	return kind.New("%s", text).With("BucketName", b.Name)
}

func errPolicy(format string, a ...any) *cloud.Error { return api.ErrMalformedPolicy.New(format, a...) }

func errNoACLs() *cloud.Error {
	return api.ErrAccessControlListNotSupported.New("The bucket does not allow ACLs")
}

func errEnforcedWithACL() *cloud.Error {
	return api.ErrInvalidBucketAclWithObjectOwnership.New("Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
}

func errPublicACLOnCreate() *cloud.Error {
	return cloud.Errorf(400, "InvalidBucketAclWithBlockPublicAccessError", "Bucket cannot have public ACLs set with BlockPublicAccess enabled")
}

// errBlocked is the refusal of something public by a public access block.
func errBlocked(c *cloud.Call, action, resource, what, setting string) *cloud.Error {
	return api.ErrAccessDenied.New("User: %s is not authorized to perform: %s on resource: %q because public %s are prevented by the %s setting in S3 Block Public Access.",
		c.Principal.ARN, action, resource, what, setting)
}

func errNotBuilt(format string, a ...any) *cloud.Error {
	return api.ErrNotImplemented.New(format, a...)
}

// oneOf tells whether v is one of the values of an enumeration.
func oneOf(v string, values ...string) bool { return slices.Contains(values, v) }
