package s3

import (
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// objectAccess says what each operation of objectOperations needs, as
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
// and the operations' own pages have it.
func objectAccess() []cloud.Access {
	return []cloud.Access{
		api.CreateBucket.Decides(acts("CreateBucket PutBucketAcl PutBucketOwnershipControls PutBucketObjectLockConfiguration PutBucketVersioning TagResource"), createChecks),
		api.ListBuckets.Decides(acts("ListAllMyBuckets"), listBucketsChecks),
		api.DeleteBucket.Decides(acts("DeleteBucket"), func(c *cloud.Call, r store.Reader, in *api.DeleteBucketInput) ([]cloud.Check, error) {
			return bucketCheck(c, r, "s3:DeleteBucket", in.Bucket, in.ExpectedBucketOwner, nil, nil)
		}),
		api.HeadBucket.Decides(acts("ListBucket"), func(c *cloud.Call, r store.Reader, in *api.HeadBucketInput) ([]cloud.Check, error) {
			return bucketCheck(c, r, "s3:ListBucket", in.Bucket, in.ExpectedBucketOwner, nil, nil)
		}),
		api.GetBucketLocation.Decides(acts("GetBucketLocation"), locationChecks),

		api.ListObjects.Decides(acts("ListBucket"), func(c *cloud.Call, r store.Reader, in *api.ListObjectsInput) ([]cloud.Check, error) {
			return bucketCheck(c, r, "s3:ListBucket", in.Bucket, in.ExpectedBucketOwner, in.RequestPayer, listKeys(in.Prefix, in.Delimiter, in.MaxKeys))
		}),
		api.ListObjectsV2.Decides(acts("ListBucket"), func(c *cloud.Call, r store.Reader, in *api.ListObjectsV2Input) ([]cloud.Check, error) {
			return bucketCheck(c, r, "s3:ListBucket", in.Bucket, in.ExpectedBucketOwner, in.RequestPayer, listKeys(in.Prefix, in.Delimiter, in.MaxKeys))
		}),
		api.ListObjectVersions.Decides(acts("ListBucketVersions"), func(c *cloud.Call, r store.Reader, in *api.ListObjectVersionsInput) ([]cloud.Check, error) {
			return bucketCheck(c, r, "s3:ListBucketVersions", in.Bucket, in.ExpectedBucketOwner, in.RequestPayer, listKeys(in.Prefix, in.Delimiter, in.MaxKeys))
		}),
		api.ListMultipartUploads.Decides(acts("ListBucketMultipartUploads"), func(c *cloud.Call, r store.Reader, in *api.ListMultipartUploadsInput) ([]cloud.Check, error) {
			return bucketCheck(c, r, "s3:ListBucketMultipartUploads", in.Bucket, in.ExpectedBucketOwner, in.RequestPayer, listKeys(in.Prefix, in.Delimiter, in.MaxUploads))
		}),

		api.GetObject.Decides(acts("GetObject GetObjectVersion ListBucket"), func(c *cloud.Call, r store.Reader, in *api.GetObjectInput) ([]cloud.Check, error) {
			return onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.check(c, r, "Get", "")
		}),
		api.HeadObject.Decides(acts("GetObject GetObjectVersion ListBucket"), func(c *cloud.Call, r store.Reader, in *api.HeadObjectInput) ([]cloud.Check, error) {
			return onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.check(c, r, "Get", "")
		}),
		api.SelectObjectContent.Decides(acts("GetObject ListBucket"), func(c *cloud.Call, r store.Reader, in *api.SelectObjectContentInput) ([]cloud.Check, error) {
			return onObject{in.Bucket, in.Key, nil, in.ExpectedBucketOwner, nil}.check(c, r, "Get", "")
		}),
		api.GetObjectAttributes.Decides(acts("GetObject GetObjectVersion GetObjectAttributes GetObjectVersionAttributes ListBucket"), attributesChecks),
		api.GetObjectTagging.Decides(acts("GetObjectTagging GetObjectVersionTagging ListBucket"), func(c *cloud.Call, r store.Reader, in *api.GetObjectTaggingInput) ([]cloud.Check, error) {
			return onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.check(c, r, "Get", "Tagging")
		}),
		api.DeleteObjectTagging.Decides(acts("DeleteObjectTagging DeleteObjectVersionTagging"), func(c *cloud.Call, r store.Reader, in *api.DeleteObjectTaggingInput) ([]cloud.Check, error) {
			return onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, nil}.check(c, r, "Delete", "Tagging")
		}),
		api.PutObjectTagging.Decides(acts("PutObjectTagging PutObjectVersionTagging"), putTaggingChecks),

		api.GetObjectRetention.Decides(acts("GetObjectRetention"), func(c *cloud.Call, r store.Reader, in *api.GetObjectRetentionInput) ([]cloud.Check, error) {
			return onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.one(c, r, "s3:GetObjectRetention")
		}),
		api.PutObjectRetention.Decides(acts("PutObjectRetention BypassGovernanceRetention"), retentionChecks),
		api.GetObjectLegalHold.Decides(acts("GetObjectLegalHold"), func(c *cloud.Call, r store.Reader, in *api.GetObjectLegalHoldInput) ([]cloud.Check, error) {
			return onObject{in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner, in.RequestPayer}.one(c, r, "s3:GetObjectLegalHold")
		}),
		api.PutObjectLegalHold.Decides(acts("PutObjectLegalHold"), legalHoldChecks),

		api.PutObject.Decides(acts("PutObject PutObjectAcl PutObjectTagging PutObjectRetention PutObjectLegalHold GetObject"), putChecks),
		api.CopyObject.Decides(acts("PutObject PutObjectAcl PutObjectTagging PutObjectRetention PutObjectLegalHold GetObject GetObjectVersion GetObjectTagging GetObjectVersionTagging ListBucket"), copyChecks),
		api.DeleteObject.Decides(acts("DeleteObject DeleteObjectVersion BypassGovernanceRetention GetObject"), deleteChecks),
		api.DeleteObjects.Decides(acts("DeleteObject DeleteObjectVersion BypassGovernanceRetention"), deleteManyChecks),

		api.CreateMultipartUpload.Decides(acts("PutObject PutObjectAcl PutObjectTagging PutObjectRetention PutObjectLegalHold"), createUploadChecks),
		api.UploadPart.Decides(acts("PutObject"), func(c *cloud.Call, r store.Reader, in *api.UploadPartInput) ([]cloud.Check, error) {
			return onKey(c, r, "s3:PutObject", in.Bucket, in.Key, in.ExpectedBucketOwner, in.RequestPayer)
		}),
		api.UploadPartCopy.Decides(acts("PutObject GetObject GetObjectVersion ListBucket"), partCopyChecks),
		api.CompleteMultipartUpload.Decides(acts("PutObject"), func(c *cloud.Call, r store.Reader, in *api.CompleteMultipartUploadInput) ([]cloud.Check, error) {
			return onKey(c, r, "s3:PutObject", in.Bucket, in.Key, in.ExpectedBucketOwner, in.RequestPayer)
		}),
		api.AbortMultipartUpload.Decides(acts("AbortMultipartUpload"), func(c *cloud.Call, r store.Reader, in *api.AbortMultipartUploadInput) ([]cloud.Check, error) {
			return onKey(c, r, "s3:AbortMultipartUpload", in.Bucket, in.Key, in.ExpectedBucketOwner, in.RequestPayer)
		}),
		api.ListParts.Decides(acts("ListMultipartUploadParts"), func(c *cloud.Call, r store.Reader, in *api.ListPartsInput) ([]cloud.Check, error) {
			return onKey(c, r, "s3:ListMultipartUploadParts", in.Bucket, in.Key, in.ExpectedBucketOwner, in.RequestPayer)
		}),
	}
}

// bucketCheck asks for one action on a bucket.
func bucketCheck(c *cloud.Call, r store.Reader, action, bucket string, expectedOwner, payer *string, keys cloud.Keys) ([]cloud.Check, error) {
	b, err := openBucket(c, r, bucket, expectedOwner)
	if err != nil {
		return nil, err
	}
	if err := checkPayer(c, b, payer); err != nil {
		return nil, err
	}
	return []cloud.Check{{Action: action, Resource: bucketResource(r, b), Keys: requestKeys(c, b, keys)}}, nil
}

// onKey asks for one action on a key, whether there is an object or not.
func onKey(c *cloud.Call, r store.Reader, action, bucket, key string, expectedOwner, payer *string) ([]cloud.Check, error) {
	b, err := openBucket(c, r, bucket, expectedOwner)
	if err != nil {
		return nil, err
	}
	if err := checkPayer(c, b, payer); err != nil {
		return nil, err
	}
	return []cloud.Check{{Action: action, Resource: objectResource(r, b, key, nil), Keys: requestKeys(c, b, nil)}}, nil
}

// bucketResource is a bucket as authorisation sees it.
func bucketResource(r store.Reader, b *Bucket) cloud.Resource {
	return cloud.Resource{ARN: b.ARN(), Account: b.Account, Tags: b.TagMap(), Policies: resourcePolicies(r, b, nil)}
}

// onObject is a request that acts on one version of an object.
type onObject struct {
	bucket, key          string
	version              *string
	expectedOwner, payer *string
}

// open finds the bucket and the object; there need not be an object.
func (q onObject) open(c *cloud.Call, r store.Reader) (*Bucket, *Object, cloud.Keys, error) {
	b, err := openBucket(c, r, q.bucket, q.expectedOwner)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := checkPayer(c, b, q.payer); err != nil {
		return nil, nil, nil, err
	}
	var o *Object
	keys := requestKeys(c, b, nil)
	if q.version != nil {
		o, _ = findVersion(r, b, q.key, *q.version)
		keys["s3:versionid"] = []string{*q.version}
	} else if o, _ = latest(r, b, q.key); o != nil && o.Marker {
		o = nil
	}
	if o != nil {
		for k, v := range o.Tags {
			keys["s3:existingobjecttag/"+lower(k)] = []string{v}
		}
	}
	return b, o, keys, nil
}

// check asks for s3:VERBObjectWHAT or, of a request that names a version,
// s3:VERBObjectVersionWHAT. To be told that there is no such object takes
// leave to list the bucket too.
func (q onObject) check(c *cloud.Call, r store.Reader, verb string, what ...string) ([]cloud.Check, error) {
	b, o, keys, err := q.open(c, r)
	if err != nil {
		return nil, err
	}
	resource := objectResource(r, b, q.key, o)
	kind := "Object"
	if q.version != nil {
		kind = "ObjectVersion"
	}
	checks := make([]cloud.Check, 0, len(what)+1)
	for _, w := range what {
		checks = append(checks, cloud.Check{Action: "s3:" + verb + kind + w, Resource: resource, Keys: keys})
	}
	if o == nil {
		checks = append(checks, cloud.Check{Action: "s3:ListBucket", Resource: bucketResource(r, b), Keys: requestKeys(c, b, nil)})
	}
	return checks, nil
}

// one asks for an action whose name does not tell versions apart.
func (q onObject) one(c *cloud.Call, r store.Reader, action string) ([]cloud.Check, error) {
	b, o, keys, err := q.open(c, r)
	if err != nil {
		return nil, err
	}
	return []cloud.Check{{Action: action, Resource: objectResource(r, b, q.key, o), Keys: keys}}, nil
}
