package s3

import (
	"io"
	"net/url"
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// source is what x-amz-copy-source names.
type source struct {
	bucket, key string
	version     *string
}

// parseSource reads bucket/key, with or without a slash before it and a
// versionId behind it, in URL encoding.
func parseSource(header string) (source, error) {
	invalid := errArgument("x-amz-copy-source", header, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	path, query, _ := strings.Cut(header, "?")
	path, err := url.PathUnescape(path)
	if err != nil {
		return source{}, invalid
	}
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || bucket == "" || key == "" {
		return source{}, invalid
	}
	s := source{bucket: bucket, key: key}
	if query != "" {
		id, ok := strings.CutPrefix(query, "versionId=")
		if !ok {
			return source{}, errArgument("x-amz-copy-source", header, "Unsupported copy source parameter.")
		}
		s.version = &id
	}
	return s, nil
}

// original is an opened source: content to copy and where it came from.
type original struct {
	bucket  *Bucket
	object  *Object
	content io.ReadCloser
	span    span
}

// copyRequest is what CopyObject and UploadPartCopy say of their source.
type copyRequest struct {
	header        string
	condition     condition
	expectedOwner *string
	span          *string // x-amz-copy-source-range
	algorithm     *string // SSE-C of the source
	key, keyMD5   *string
}

// open finds the source, checks every condition on it and opens its content,
// which stays readable when the object is deleted meanwhile.
func (q *copyRequest) open(c *cloud.Call) (*original, error) {
	s, err := parseSource(q.header)
	if err != nil {
		return nil, err
	}
	key, err := readCustomerKey(q.algorithm, q.key, q.keyMD5)
	if err != nil {
		return nil, err
	}
	src := new(original)
	err = c.View(func(r store.Reader) error {
		b, o, err := findIn(c, r, s.bucket, s.key, s.version, "GET")
		if err != nil {
			return err
		}
		src.bucket, src.object, src.span = b, o, whole(o)
		if err := q.check(c, b, o, key); err != nil {
			return err
		}
		if q.span != nil {
			if src.span, err = copyRange(*q.span, o); err != nil {
				return err
			}
		}
		if src.span.length > maxCopy {
			return errCopyTooLarge
		}
		src.content, err = c.Cloud.Blobs().Open(c, r, o.Body, key.key, src.span.from, src.span.length)
		return err
	})
	return src, err
}

func (q *copyRequest) check(c *cloud.Call, b *Bucket, o *Object, key customerKey) error {
	if err := checkOwner(b, q.expectedOwner); err != nil {
		return err
	}
	if err := key.unlock(o); err != nil {
		return err
	}
	q.condition.copying = true
	if err := q.condition.check(o); err != nil {
		return err
	}
	if b.archived(o, c.Now) {
		return errArchived(b, o, c.Now)
	}
	noteAccess(c, o)
	return nil
}

// intake reads the source's content as an upload's is read.
func (src *original) intake(c *cloud.Call, sum string) *intake {
	a := findAlgorithm(sum)
	if a == nil {
		a = findAlgorithm(defaultSum)
	}
	return &intake{call: c, src: src.content, size: src.span.length, limit: maxCopy, request: sumRequest{algorithm: a}}
}

func copyObject(c *cloud.Call, in *api.CopyObjectInput) (*api.CopyObjectOutput, error) {
	q := copyRequest{
		header: in.CopySource, expectedOwner: in.ExpectedSourceBucketOwner,
		condition: condition{match: in.CopySourceIfMatch, noneMatch: in.CopySourceIfNoneMatch,
			modifiedSince: in.CopySourceIfModifiedSince, unmodSince: in.CopySourceIfUnmodifiedSince},
		algorithm: in.CopySourceSSECustomerAlgorithm, key: in.CopySourceSSECustomerKey, keyMD5: in.CopySourceSSECustomerKeyMD5,
	}
	if in.ChecksumAlgorithm != nil && findAlgorithm(*in.ChecksumAlgorithm) == nil {
		return nil, errSumAlgorithm()
	}
	src, err := q.open(c)
	if err != nil {
		return nil, err
	}
	defer src.content.Close()
	u, err := prepareCopy(c, in, src)
	if err != nil {
		return nil, err
	}
	u.intake = src.intake(c, cloud.Or(in.ChecksumAlgorithm, src.object.Sum.Algorithm))
	b, err := u.save(c, in.Bucket, eventCopy)
	if err != nil {
		return nil, err
	}
	o := u.object
	meterObject(c, b, o, "CopyObject", tier1)
	out := &api.CopyObjectOutput{
		CopyObjectResult:    &api.CopyObjectResult{ETag: new(quote(o.ETag)), LastModified: &o.Modified, ChecksumType: o.Sum.Kind()},
		CopySourceVersionId: versionAnswer(src.bucket, src.object), VersionId: versionAnswer(b, o),
		Expiration: expirationAnswer(b, o), RequestCharged: charged(c, b),
	}
	copySums(out.CopyObjectResult).set(o.Sum)
	out.ServerSideEncryption, out.SSECustomerAlgorithm, out.SSECustomerKeyMD5 = sseAnswer(o.CustomerKeyMD5)
	return out, nil
}

// prepareCopy works out the record of the copy: what it takes from the source
// and what from the request.
func prepareCopy(c *cloud.Call, in *api.CopyObjectInput, src *original) (*upload, error) {
	u := &upload{
		object:    &Object{Key: in.Key, Modified: c.Now},
		lock:      lockProperties{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus},
		acl:       aclRequest{canned: in.ACL, fullControl: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		condition: writeCondition{in.IfMatch, in.IfNoneMatch},
	}
	replace, err := directive("metadata", in.MetadataDirective)
	if err != nil {
		return nil, err
	}
	replaceTags, err := directive("tagging", in.TaggingDirective)
	if err != nil {
		return nil, err
	}
	p := properties{in.ContentType, in.CacheControl, in.ContentDisposition, in.ContentEncoding, in.ContentLanguage,
		in.Expires, in.WebsiteRedirectLocation, in.StorageClass, in.Metadata}
	if err := u.read(c, in.Key, &p, in.Tagging); err != nil {
		return nil, err
	}
	if !replace {
		u.object.takeProperties(src.object)
	}
	if !replaceTags {
		u.object.Tags = src.object.Tags
	}
	u.key, err = readEncryption(in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext,
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	var b *Bucket
	err = c.View(func(r store.Reader) error {
		if b, err = findBucket(r, in.Bucket); err != nil {
			return err
		}
		return u.ask(r, in.Bucket)
	})
	if err != nil {
		return nil, err
	}
	o, old := u.object, src.object
	changed := replace || in.ServerSideEncryption != nil || u.key.digest != old.CustomerKeyMD5 || o.Class != old.Class && in.StorageClass != nil || in.WebsiteRedirectLocation != nil
	if src.bucket.Name == b.Name && old.Key == in.Key && old.current() && !changed {
		return nil, errCopyToItself
	}
	return u, nil
}

// takeProperties is x-amz-metadata-directive: COPY. The storage class and the
// website redirect are never copied.
func (o *Object) takeProperties(from *Object) {
	o.Meta = from.Meta
	o.ContentType, o.CacheControl, o.ContentDisposition = from.ContentType, from.CacheControl, from.ContentDisposition
	o.ContentEncoding, o.ContentLanguage, o.Expires = from.ContentEncoding, from.ContentLanguage, from.Expires
}

// directive reads COPY (the default) or REPLACE.
func directive(what string, value *string) (replace bool, err error) {
	switch v := cloud.Or(value, "COPY"); v {
	case "COPY", "REPLACE":
		return v == "REPLACE", nil
	default:
		return false, errArgument("x-amz-"+what+"-directive", v, "Unknown %s directive.", what)
	}
}
