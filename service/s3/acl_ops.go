package s3

import (
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func getBucketAcl(c *cloud.Call, r store.Reader, in *api.GetBucketAclInput) (*api.GetBucketAclOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	return &api.GetBucketAclOutput{Owner: owner(b.Account), Grants: b.ACL.list(b.Account)}, nil
}

func putBucketAcl(c *cloud.Call, tx store.Tx, in *api.PutBucketAclInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		q := &aclRequest{in.ACL, in.AccessControlPolicy, in.GrantFullControl, in.GrantRead, in.GrantWrite, in.GrantReadACP, in.GrantWriteACP}
		if !q.given() {
			return api.ErrMissingSecurityHeader.New("Your request was missing a required header").With("MissingHeaderName", "x-amz-acl")
		}
		if b.ACLsDisabled() {
			return errNoACLs()
		}
		acl, err := q.parse(tx, b.Account, b.Account)
		if err != nil {
			return err
		}
		if acl.public() && blocks(tx, b).acls {
			return errBlocked(c, "s3:PutBucketAcl", b.ARN(), "access control lists (ACLs)", "BlockPublicAcls")
		}
		b.ACL = acl
		return nil
	})
}

func getObjectAcl(c *cloud.Call, r store.Reader, in *api.GetObjectAclInput) (*api.GetObjectAclOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	o, err := findObject(r, b, in.Key, in.VersionId, "GET")
	if err != nil {
		return nil, err
	}
	if b.ACLsDisabled() {
		return &api.GetObjectAclOutput{Owner: owner(b.Account), Grants: (*ACL)(nil).list(b.Account)}, nil
	}
	return &api.GetObjectAclOutput{Owner: owner(o.Owner), Grants: o.ACL.list(o.Owner)}, nil
}

func putObjectAcl(c *cloud.Call, tx store.Tx, in *api.PutObjectAclInput) (*api.PutObjectAclOutput, error) {
	b, err := findBucket(tx, in.Bucket)
	if err != nil {
		return nil, err
	}
	o, err := findObject(tx, b, in.Key, in.VersionId, "PUT")
	if err != nil {
		return nil, err
	}
	q := &aclRequest{in.ACL, in.AccessControlPolicy, in.GrantFullControl, in.GrantRead, in.GrantWrite, in.GrantReadACP, in.GrantWriteACP}
	if !q.given() {
		return nil, api.ErrMissingSecurityHeader.New("Your request was missing a required header").With("MissingHeaderName", "x-amz-acl")
	}
	if b.ACLsDisabled() {
		return nil, errNoACLs()
	}
	acl, err := q.parse(tx, o.Owner, b.Account)
	if err != nil {
		return nil, err
	}
	if acl.public() && blocks(tx, b).acls {
		return nil, errBlocked(c, "s3:PutObjectAcl", b.KeyARN(o.Key), "access control lists (ACLs)", "BlockPublicAcls")
	}
	changed := *o
	changed.ACL = acl
	updateVersion(tx, &changed)
	emitEvent(c, tx, b, &changed, eventACLPut)
	return &api.PutObjectAclOutput{}, nil
}

// objectACL is the owner and the ACL of an object that the caller writes.
// Where ACLs are disabled the bucket's owner owns it, and only requests that
// give that owner full control may speak of ACLs.
func objectACL(c *cloud.Call, r store.Reader, b *Bucket, q *aclRequest) (account string, acl *ACL, err error) {
	account = c.Principal.Account
	if account == "" || b.ACLsDisabled() {
		account = b.Account
	}
	if !q.given() {
		return account, nil, nil
	}
	if b.OwnerPreferred() && q.canned != nil && *q.canned == "bucket-owner-full-control" {
		account = b.Account
	}
	if acl, err = q.parse(r, account, b.Account); err != nil {
		return "", nil, err
	}
	if b.ACLsDisabled() {
		if q.canned != nil && *q.canned != "bucket-owner-full-control" || !acl.onlyOwner(b.Account) {
			return "", nil, errNoACLs()
		}
		return account, nil, nil
	}
	if acl.public() && blocks(r, b).acls {
		return "", nil, errBlocked(c, "s3:PutObject", b.ARN()+"/*", "access control lists (ACLs)", "BlockPublicAcls")
	}
	return account, acl, nil
}

// ownershipRule is the ownership that the controls set.
func ownershipRule(rules []api.OwnershipControlsRule) (string, error) {
	if len(rules) != 1 || !oneOf(rules[0].ObjectOwnership, "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter") {
		return "", errMalformedXML
	}
	return rules[0].ObjectOwnership, nil
}

func getBucketOwnershipControls(c *cloud.Call, r store.Reader, in *api.GetBucketOwnershipControlsInput) (*api.GetBucketOwnershipControlsOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Ownership == "" {
		return nil, missing(api.ErrOwnershipControlsNotFoundError, b, "The bucket ownership controls were not found")
	}
	return &api.GetBucketOwnershipControlsOutput{OwnershipControls: &api.OwnershipControls{
		Rules: []api.OwnershipControlsRule{{ObjectOwnership: b.Ownership}},
	}}, nil
}

func putBucketOwnershipControls(c *cloud.Call, tx store.Tx, in *api.PutBucketOwnershipControlsInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		ownership, err := ownershipRule(in.OwnershipControls.Rules)
		if err != nil {
			return err
		}
		if ownership == "BucketOwnerEnforced" && !b.ACL.onlyOwner(b.Account) {
			return errEnforcedWithACL()
		}
		b.Ownership = ownership
		return nil
	})
}

func deleteBucketOwnershipControls(c *cloud.Call, tx store.Tx, in *api.DeleteBucketOwnershipControlsInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		b.Ownership = ""
		return nil
	})
}
