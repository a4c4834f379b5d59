package s3

// ACL is the access control list of a bucket or an object. The owner is not
// part of it: buckets and objects know theirs.
type ACL struct {
	Grants []Grant `cbor:"1,keyasint,omitempty"`
}

// Grant gives one grantee one permission.
type Grant struct {
	// To is a canonical user id, or one of AllUsers, AuthenticatedUsers and
	// LogDelivery.
	To         string `cbor:"1,keyasint,omitempty"`
	Permission string `cbor:"2,keyasint,omitempty"` // FULL_CONTROL, READ, WRITE, READ_ACP, WRITE_ACP
}

// The groups that can be granted access, and where their names stand in XML.
const (
	allUsers           = "AllUsers"
	authenticatedUsers = "AuthenticatedUsers"
	logDelivery        = "LogDelivery"

	groupURI       = "http://acs.amazonaws.com/groups/global/"
	logDeliveryURI = "http://acs.amazonaws.com/groups/s3/LogDelivery"
)
