package s3

import (
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// createChecks: the bucket does not exist yet, so what counts is the account
// that makes it. Settings that come along need their own permissions.
func createChecks(c *cloud.Call, r store.Reader, in *api.CreateBucketInput) ([]cloud.Check, error) {
	keys := requestKeys(c, nil, nil)
	w := writing{acl: aclRequest{in.ACL, nil, in.GrantFullControl, in.GrantRead, in.GrantWrite, in.GrantReadACP, in.GrantWriteACP}}
	w.keys(c, keys)
	addKey(keys, "s3:x-amz-object-ownership", in.ObjectOwnership)
	if q := in.CreateBucketConfiguration; q != nil {
		addKey(keys, "s3:locationconstraint", q.LocationConstraint)
		for _, t := range q.Tags {
			keys["aws:requesttag/"+t.Key] = []string{t.Value}
			keys["aws:tagkeys"] = append(keys["aws:tagkeys"], t.Key)
		}
	}
	list := []string{"s3:CreateBucket"}
	if w.acl.given() {
		list = append(list, "s3:PutBucketAcl")
	}
	if in.ObjectOwnership != nil {
		list = append(list, "s3:PutBucketOwnershipControls")
	}
	if cloud.Or(in.ObjectLockEnabledForBucket, false) {
		list = append(list, "s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning")
	}
	if q := in.CreateBucketConfiguration; q != nil && len(q.Tags) > 0 {
		list = append(list, "s3:TagResource")
	}
	return each(list, cloud.Resource{ARN: (&Bucket{Name: in.Bucket, Account: c.Account, Region: c.Region}).ARN(), Account: c.Account}, keys), nil
}

// each is a check of every action with the same resource and keys.
func each(actions []string, resource cloud.Resource, keys cloud.Keys) []cloud.Check {
	checks := make([]cloud.Check, len(actions))
	for i, a := range actions {
		checks[i] = cloud.Check{Action: a, Resource: resource, Keys: keys}
	}
	return checks
}

func listBucketsChecks(c *cloud.Call, _ store.Reader, _ *api.ListBucketsInput) ([]cloud.Check, error) {
	return []cloud.Check{{Action: "s3:ListAllMyBuckets", Resource: cloud.Resource{ARN: "*", Account: c.Account}, Keys: requestKeys(c, nil, nil)}}, nil
}

// locationChecks leaves the region open: it is what the request asks for.
func locationChecks(c *cloud.Call, r store.Reader, in *api.GetBucketLocationInput) ([]cloud.Check, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if err := checkOwner(b, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return []cloud.Check{{Action: "s3:GetBucketLocation", Resource: bucketResource(r, b), Keys: requestKeys(c, b, nil)}}, nil
}

func attributesChecks(c *cloud.Call, r store.Reader, in *api.GetObjectAttributesInput) ([]cloud.Check, error) {
	return onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.check(c, r, "Get", "", "Attributes")
}

func putTaggingChecks(c *cloud.Call, r store.Reader, in *api.PutObjectTaggingInput) ([]cloud.Check, error) {
	checks, err := onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.check(c, r, "Put", "Tagging")
	if err == nil {
		tagKeys(checks[0].Keys, tagMap(in.Tagging.TagSet))
	}
	return checks, err
}

func retentionChecks(c *cloud.Call, r store.Reader, in *api.PutObjectRetentionInput) ([]cloud.Check, error) {
	checks, err := onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.one(c, r, "s3:PutObjectRetention")
	if err != nil {
		return nil, err
	}
	if q := in.Retention; q != nil {
		addKey(checks[0].Keys, "s3:object-lock-mode", q.Mode)
		if q.RetainUntilDate != nil {
			retentionKeys(c, checks[0].Keys, *q.RetainUntilDate)
		}
	}
	return withBypass(checks, in.BypassGovernanceRetention), nil
}

func legalHoldChecks(c *cloud.Call, r store.Reader, in *api.PutObjectLegalHoldInput) ([]cloud.Check, error) {
	checks, err := onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.one(c, r, "s3:PutObjectLegalHold")
	if err == nil && in.LegalHold != nil {
		addKey(checks[0].Keys, "s3:object-lock-legal-hold", in.LegalHold.Status)
	}
	return checks, err
}

// withBypass adds what x-amz-bypass-governance-retention needs.
func withBypass(checks []cloud.Check, bypass *bool) []cloud.Check {
	if !cloud.Or(bypass, false) {
		return checks
	}
	more := checks[0]
	more.Action = "s3:BypassGovernanceRetention"
	return append(checks, more)
}

// writeChecks asks for what making an object at a key needs.
func (w *writing) checks(c *cloud.Call, r store.Reader, bucket, key string, expectedOwner, payer *string) ([]cloud.Check, error) {
	checks, err := onKey(c, r, "s3:PutObject", bucket, key, expectedOwner, payer)
	if err != nil {
		return nil, err
	}
	w.keys(c, checks[0].Keys)
	if w.ifMatch != nil { // it tells of the object that is there
		more := checks[0]
		more.Action = "s3:GetObject"
		checks = append(checks, more)
	}
	for _, a := range w.actions(c)[1:] {
		more := checks[0]
		more.Action = a
		checks = append(checks, more)
	}
	return checks, nil
}

func putChecks(c *cloud.Call, r store.Reader, in *api.PutObjectInput) ([]cloud.Check, error) {
	tags, err := readTagHeader(in.Tagging)
	if err != nil {
		return nil, err
	}
	w := writing{
		acl: aclRequest{canned: in.ACL, fullControl: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		sse: in.ServerSideEncryption, kmsKey: in.SSEKMSKeyId, customerAlgorithm: in.SSECustomerAlgorithm,
		class: in.StorageClass, redirect: in.WebsiteRedirectLocation, tags: tags, ifMatch: in.IfMatch, ifNoneMatch: in.IfNoneMatch,
		lock: lockProperties{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus},
	}
	return w.checks(c, r, in.Bucket, in.Key, in.ExpectedBucketOwner, in.RequestPayer)
}

func createUploadChecks(c *cloud.Call, r store.Reader, in *api.CreateMultipartUploadInput) ([]cloud.Check, error) {
	tags, err := readTagHeader(in.Tagging)
	if err != nil {
		return nil, err
	}
	w := writing{
		acl: aclRequest{canned: in.ACL, fullControl: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		sse: in.ServerSideEncryption, kmsKey: in.SSEKMSKeyId, customerAlgorithm: in.SSECustomerAlgorithm,
		class: in.StorageClass, redirect: in.WebsiteRedirectLocation, tags: tags,
		lock: lockProperties{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus},
	}
	return w.checks(c, r, in.Bucket, in.Key, in.ExpectedBucketOwner, in.RequestPayer)
}

// sourceChecks asks for reading a copy's source; tags, for reading its tags as
// well, which only sources that have some need.
func sourceChecks(c *cloud.Call, r store.Reader, header string, expectedOwner, payer *string, tags bool) ([]cloud.Check, *Object, error) {
	s, err := parseSource(header)
	if err != nil {
		return nil, nil, err
	}
	q := onObject{s.bucket, s.key, s.version, expectedOwner, payer}
	_, o, _, err := q.openAnywhere(c, r)
	if err != nil {
		return nil, nil, err
	}
	what := []string{""}
	if tags && o != nil && len(o.Tags) > 0 {
		what = append(what, "Tagging")
	}
	checks, err := q.check(c.In(c.Account, regionOf(r, s.bucket, c.Region)), r, "Get", what...)
	return checks, o, err
}

// openAnywhere is open for a source, which may lie in another region than the
// request is signed for.
func (q onObject) openAnywhere(c *cloud.Call, r store.Reader) (*Bucket, *Object, cloud.Keys, error) {
	return q.open(c.In(c.Account, regionOf(r, q.bucket, c.Region)), r)
}

func regionOf(r store.Reader, bucket, otherwise string) string {
	if b, err := findBucket(r, bucket); err == nil {
		return b.Region
	}
	return otherwise
}

func copyChecks(c *cloud.Call, r store.Reader, in *api.CopyObjectInput) ([]cloud.Check, error) {
	replaceTags, err := directive("tagging", in.TaggingDirective)
	if err != nil {
		return nil, err
	}
	checks, o, err := sourceChecks(c, r, in.CopySource, in.ExpectedSourceBucketOwner, in.RequestPayer, !replaceTags)
	if err != nil {
		return nil, err
	}
	tags, err := readTagHeader(in.Tagging)
	if err != nil {
		return nil, err
	}
	if !replaceTags && o != nil {
		tags = o.Tags
	}
	w := writing{
		acl: aclRequest{canned: in.ACL, fullControl: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		sse: in.ServerSideEncryption, kmsKey: in.SSEKMSKeyId, customerAlgorithm: in.SSECustomerAlgorithm,
		class: in.StorageClass, redirect: in.WebsiteRedirectLocation, tags: tags, ifMatch: in.IfMatch, ifNoneMatch: in.IfNoneMatch,
		lock:       lockProperties{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus},
		copySource: &in.CopySource, metadataDirective: in.MetadataDirective,
	}
	more, err := w.checks(c, r, in.Bucket, in.Key, in.ExpectedBucketOwner, in.RequestPayer)
	return append(checks, more...), err
}

func partCopyChecks(c *cloud.Call, r store.Reader, in *api.UploadPartCopyInput) ([]cloud.Check, error) {
	checks, _, err := sourceChecks(c, r, in.CopySource, in.ExpectedSourceBucketOwner, in.RequestPayer, false)
	if err != nil {
		return nil, err
	}
	w := writing{copySource: &in.CopySource}
	more, err := w.checks(c, r, in.Bucket, in.Key, in.ExpectedBucketOwner, in.RequestPayer)
	return append(checks, more...), err
}

func deleteChecks(c *cloud.Call, r store.Reader, in *api.DeleteObjectInput) ([]cloud.Check, error) {
	q := onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}
	checks, err := q.deletion(c, r, in.BypassGovernanceRetention)
	if err == nil && in.IfMatch != nil {
		more := checks[0]
		more.Action = "s3:GetObject"
		checks = append(checks, more)
	}
	return checks, err
}

// deletion asks for deleting an object or a version of it. Deleting what is
// not there is no error, so nothing more is needed for it.
func (q onObject) deletion(c *cloud.Call, r store.Reader, bypass *bool) ([]cloud.Check, error) {
	action := "s3:DeleteObject"
	if q.version != nil {
		action = "s3:DeleteObjectVersion"
	}
	b, _, keys, err := q.open(c, r)
	if err != nil {
		return nil, err
	}
	checks := []cloud.Check{{Action: action, Resource: objectResource(r, b, q.key, nil), Keys: keys}}
	return withBypass(checks, bypass), nil
}

// deleteManyChecks asks for nothing yet: each entry is decided for itself, by
// the handler.
func deleteManyChecks(c *cloud.Call, r store.Reader, in *api.DeleteObjectsInput) ([]cloud.Check, error) {
	b, err := openBucket(c, r, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return nil, checkPayer(c, b, in.RequestPayer)
}

// deleteEntryChecks are those of one entry of DeleteObjects.
func deleteEntryChecks(c *cloud.Call, in *api.DeleteObjectsInput, entry *api.ObjectIdentifier) (checks []cloud.Check, err error) {
	err = c.View(func(r store.Reader) error {
		q := onObject{in.Bucket, entry.Key, entry.VersionId, in.ExpectedBucketOwner, in.RequestPayer}
		checks, err = q.deletion(c, r, in.BypassGovernanceRetention)
		if p, ok := findPoint(r, in.Bucket); ok && err == nil {
			checks = pointChecks(r, p, checks)
		}
		if isDirectory(in.Bucket) && err == nil {
			checks, err = heldTo(c, zonal(checks, sessionAction))
		}
		return err
	})
	return checks, err
}
