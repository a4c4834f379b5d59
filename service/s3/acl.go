package s3

import (
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/store"

	api "pileus/api/s3"
)

// ACL is the access control list of a bucket or an object. The owner is not
// part of it: buckets and objects know theirs. Where there is none at all, the
// owner has full control and nobody else has anything.
type ACL struct {
	Grants []Grant `cbor:"1,keyasint,omitempty"`
}

// Grant gives one grantee one permission.
type Grant struct {
	// To is an account id, or one of AllUsers, AuthenticatedUsers and
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

// maxGrants is the limit of one list.
const maxGrants = 100

// group tells whether the grant is to a group instead of an account.
func (g Grant) group() bool { return oneOf(g.To, allUsers, authenticatedUsers, logDelivery) }

// public tells whether the list gives anything to more than named accounts.
func (a *ACL) public() bool {
	if a == nil {
		return false
	}
	for _, g := range a.Grants {
		if g.To == allUsers || g.To == authenticatedUsers {
			return true
		}
	}
	return false
}

// onlyOwner tells whether the list gives nothing to others than the owner.
func (a *ACL) onlyOwner(account string) bool {
	if a == nil {
		return true
	}
	for _, g := range a.Grants {
		if g.To != account {
			return false
		}
	}
	return true
}

// list is the ACL as the API shows it.
func (a *ACL) list(account string) []api.Grant {
	if a == nil {
		a = &ACL{Grants: []Grant{{account, "FULL_CONTROL"}}}
	}
	out := make([]api.Grant, 0, len(a.Grants))
	for _, g := range a.Grants {
		to := &api.Grantee{Type: "CanonicalUser"}
		switch {
		case g.To == logDelivery:
			to.Type, to.URI = "Group", new(logDeliveryURI)
		case g.group():
			to.Type, to.URI = "Group", new(groupURI+g.To)
		default:
			to.ID = new(identity.CanonicalID(g.To))
		}
		out = append(out, api.Grant{Grantee: to, Permission: &g.Permission})
	}
	return out
}

// aclRequest is what a request can say of an ACL: a canned one, grants in
// headers, or a list in the body.
type aclRequest struct {
	canned                                      *string
	body                                        *api.AccessControlPolicy
	fullControl, read, write, readACP, writeACP *string
}

// given tells whether the request says anything of an ACL.
func (q *aclRequest) given() bool { return q.canned != nil || q.body != nil || q.headers() }

func (q *aclRequest) headers() bool {
	return q.fullControl != nil || q.read != nil || q.write != nil || q.readACP != nil || q.writeACP != nil
}

// parse is the ACL that the request asks for; owner is the account that owns
// the resource, bucketOwner that of the bucket around it.
func (q *aclRequest) parse(r store.Reader, owner, bucketOwner string) (*ACL, error) {
	switch {
	case q.canned != nil && q.headers():
		return nil, errInvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
	case q.body != nil && (q.canned != nil || q.headers()):
		return nil, api.ErrUnexpectedContent.New("This request does not support content")
	case q.canned != nil:
		return cannedACL(*q.canned, owner, bucketOwner)
	case q.headers():
		return q.parseHeaders(r)
	case q.body != nil:
		return parseACL(r, q.body, owner)
	}
	return nil, nil
}

// cannedACL is an ACL by its name; nil is "private".
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
func cannedACL(name, owner, bucketOwner string) (*ACL, error) {
	with := func(grants ...Grant) (*ACL, error) {
		return &ACL{Grants: append([]Grant{{owner, "FULL_CONTROL"}}, grants...)}, nil
	}
	switch name {
	case "private":
		return nil, nil
	case "public-read":
		return with(Grant{allUsers, "READ"})
	case "public-read-write":
		return with(Grant{allUsers, "READ"}, Grant{allUsers, "WRITE"})
	case "authenticated-read":
		return with(Grant{authenticatedUsers, "READ"})
	case "log-delivery-write":
		return with(Grant{logDelivery, "WRITE"}, Grant{logDelivery, "READ_ACP"})
	case "bucket-owner-read", "bucket-owner-full-control":
		if owner == bucketOwner {
			return nil, nil
		}
		permission := "READ"
		if name == "bucket-owner-full-control" {
			permission = "FULL_CONTROL"
		}
		return with(Grant{bucketOwner, permission})
	case "aws-exec-read":
		return nil, errNotBuilt("pileus does not implement the canned ACL aws-exec-read.")
	}
	return nil, errArgument("x-amz-acl", name, "")
}

// parseHeaders reads x-amz-grant-read: id="...", uri="...", emailAddress="...".
func (q *aclRequest) parseHeaders(r store.Reader) (*ACL, error) {
	a := new(ACL)
	for _, h := range []struct {
		value            *string
		name, permission string
	}{
		{q.fullControl, "x-amz-grant-full-control", "FULL_CONTROL"},
		{q.read, "x-amz-grant-read", "READ"},
		{q.write, "x-amz-grant-write", "WRITE"},
		{q.readACP, "x-amz-grant-read-acp", "READ_ACP"},
		{q.writeACP, "x-amz-grant-write-acp", "WRITE_ACP"},
	} {
		if h.value == nil {
			continue
		}
		for grantee := range strings.SplitSeq(*h.value, ",") {
			kind, value, ok := strings.Cut(strings.TrimSpace(grantee), "=")
			if !ok {
				return nil, errArgument(h.name, *h.value, "Argument format not recognized")
			}
			to, err := findGrantee(r, strings.TrimSpace(kind), strings.Trim(strings.TrimSpace(value), `"'`))
			if err != nil {
				return nil, err
			}
			a.Grants = append(a.Grants, Grant{to, h.permission})
		}
	}
	if len(a.Grants) > maxGrants {
		return nil, errInvalidRequest("The grants specified exceed the maximum of %d", maxGrants)
	}
	return a, nil
}

// parseACL reads a list from a request's body.
func parseACL(r store.Reader, in *api.AccessControlPolicy, owner string) (*ACL, error) {
	malformed := api.ErrMalformedACLError.New("The XML you provided was not well-formed or did not validate against our published schema")
	if in.Owner == nil || in.Owner.ID == nil || len(in.Grants) > maxGrants {
		return nil, malformed
	}
	if *in.Owner.ID != identity.CanonicalID(owner) {
		return nil, errAccessDenied
	}
	a := new(ACL)
	for _, g := range in.Grants {
		if g.Grantee == nil || g.Permission == nil || !oneOf(*g.Permission, "FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP") {
			return nil, malformed
		}
		kind, value := "", ""
		switch g.Grantee.Type {
		case "CanonicalUser":
			kind, value = "id", cloud.Or(g.Grantee.ID, "")
		case "Group":
			kind, value = "uri", cloud.Or(g.Grantee.URI, "")
		case "AmazonCustomerByEmail":
			kind, value = "emailAddress", cloud.Or(g.Grantee.EmailAddress, "")
		}
		to, err := findGrantee(r, kind, value)
		if err != nil {
			return nil, err
		}
		a.Grants = append(a.Grants, Grant{to, *g.Permission})
	}
	return a, nil
}

// findGrantee is Grant.To of a grantee as requests name it.
func findGrantee(r store.Reader, kind, value string) (string, error) {
	switch kind {
	case "id":
		if account, ok := accountOf(r, value); ok {
			return account, nil
		}
		return "", errArgument("CanonicalUser/ID", value, "Invalid id")
	case "uri":
		name, global := strings.CutPrefix(value, groupURI)
		if global && (name == allUsers || name == authenticatedUsers) {
			return name, nil
		}
		if value == logDeliveryURI {
			return logDelivery, nil
		}
		return "", errArgument("Group/URI", value, "Invalid group uri")
	case "emailAddress":
		for a := range identity.Accounts.Scan(r) {
			if strings.EqualFold(a.Email, value) && value != "" {
				return a.ID, nil
			}
		}
		return "", api.ErrUnresolvableGrantByEmailAddress.New("The e-mail address you provided does not match any account on record.")
	}
	return "", api.ErrMalformedACLError.New("The XML you provided was not well-formed or did not validate against our published schema")
}

// accountOf is the account that has the canonical user id.
func accountOf(r store.Reader, canonical string) (string, bool) {
	a, ok := identity.AccountByCanonicalID(r, canonical)
	if !ok {
		return "", false
	}
	return a.ID, true
}
