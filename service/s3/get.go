package s3

import (
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func getObject(c *cloud.Call, r store.Reader, in *api.GetObjectInput) (*api.GetObjectOutput, error) {
	b, o, s, err := findToRead(c, r, in)
	if err != nil {
		return nil, err
	}
	if b.archived(o, c.Now) {
		return nil, errArchived(b, o, c.Now)
	}
	key, err := readCustomerKey(in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	out := describe(c, b, o, s)
	sumAnswer(r, in, o, s, out)
	if err := overrideHeaders(c, in, out); err != nil {
		return nil, err
	}
	if out.Body, err = c.Cloud.Blobs().Open(c, r, o.Body, key.key, s.from, s.length); err != nil {
		return nil, err
	}
	noteAccess(c, o)
	noteRead(c, b, o)
	meterObject(c, b, o, "GetObject", tier2)
	meterOut(c, b, o, "GetObject", s.length)
	return out, nil
}

func headObject(c *cloud.Call, r store.Reader, in *api.HeadObjectInput) (*api.HeadObjectOutput, error) {
	get := &api.GetObjectInput{
		Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId, PartNumber: in.PartNumber, Range: in.Range, ChecksumMode: in.ChecksumMode,
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModifiedSince: in.IfModifiedSince, IfUnmodifiedSince: in.IfUnmodifiedSince,
		SSECustomerAlgorithm: in.SSECustomerAlgorithm, SSECustomerKey: in.SSECustomerKey, SSECustomerKeyMD5: in.SSECustomerKeyMD5,
		ResponseCacheControl: in.ResponseCacheControl, ResponseContentDisposition: in.ResponseContentDisposition,
		ResponseContentEncoding: in.ResponseContentEncoding, ResponseContentLanguage: in.ResponseContentLanguage,
		ResponseContentType: in.ResponseContentType, ResponseExpires: in.ResponseExpires,
	}
	b, o, s, err := findToRead(c, r, get)
	if err != nil {
		return nil, err
	}
	out := describe(c, b, o, s)
	sumAnswer(r, get, o, s, out)
	if err := overrideHeaders(c, get, out); err != nil {
		return nil, err
	}
	meterObject(c, b, o, "HeadObject", tier2)
	head := headOf(out)
	head.ArchiveStatus = b.archiveStatus(o, c.Now)
	return head, nil
}

// findToRead is the version that a GET or HEAD means and the part of it that
// is asked for, after every condition of the request.
func findToRead(c *cloud.Call, r store.Reader, in *api.GetObjectInput) (*Bucket, *Object, span, error) {
	b, o, err := findIn(c, r, in.Bucket, in.Key, in.VersionId, method(c, "GET"))
	if err != nil {
		return nil, nil, span{}, err
	}
	key, err := readCustomerKey(in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5)
	if err != nil {
		return nil, nil, span{}, err
	}
	if err := key.unlock(o); err != nil {
		return nil, nil, span{}, err
	}
	q := condition{match: in.IfMatch, noneMatch: in.IfNoneMatch, modifiedSince: in.IfModifiedSince, unmodSince: in.IfUnmodifiedSince}
	if err := q.check(o); err != nil {
		return nil, nil, span{}, err
	}
	s, err := findSpan(c, r, in, o)
	return b, o, s, err
}

// findSpan is the part of the object that the request asks for.
func findSpan(c *cloud.Call, r store.Reader, in *api.GetObjectInput, o *Object) (span, error) {
	switch {
	case in.PartNumber != nil && in.Range != nil:
		return span{}, errInvalidRequest("Cannot specify both Range header and partNumber query parameter")
	case in.PartNumber != nil:
		_, s, err := findPart(r, o, *in.PartNumber)
		return s, err
	case in.Range != nil && rangeStands(c, o):
		s, ok, err := parseRange(*in.Range, o.Size)
		if err != nil {
			return span{}, err
		}
		if ok {
			return s, nil
		}
	}
	return whole(o), nil
}

// rangeStands tells whether If-Range, if there is one, still names the object.
func rangeStands(c *cloud.Call, o *Object) bool {
	if c.HTTP == nil || c.HTTP.Request == nil {
		return true
	}
	header := c.HTTP.Request.Header.Get("If-Range")
	if header == "" {
		return true
	}
	return matchesETag(header, o.ETag) || header == httpTime(o.Modified)
}

// findPart is one part of a multipart object; any other has one part.
func findPart(r store.Reader, o *Object, number int32) (PartInfo, span, error) {
	if number < 1 || number > maxParts {
		return PartInfo{}, span{}, errInvalidRequest("Part number must be an integer between 1 and 10000, inclusive")
	}
	if o.Parts == 0 {
		if number > 1 {
			return PartInfo{}, span{}, errPartNumber(number, 1)
		}
		return PartInfo{Number: 1, Size: o.Size, Sum: o.Sum.Value}, span{0, o.Size, o.Size > 0}, nil
	}
	var from int64
	if list, ok := parts.Get(r, o.Bucket, o.Key, o.Seq); ok {
		for i, p := range list.Parts {
			if int32(i+1) == number {
				return p, span{from, p.Size, p.Size > 0}, nil
			}
			from += p.Size
		}
	}
	return PartInfo{}, span{}, errPartNumber(number, o.Parts)
}

// described is an answer to a read and the texts that it points to, in one
// piece of memory.
type described struct {
	out                                    api.GetObjectOutput
	acceptRanges, etag, version, sse, span string
	length                                 int64
	tags                                   int32
}

// describe is the answer to a read, without the content.
func describe(c *cloud.Call, b *Bucket, o *Object, s span) *api.GetObjectOutput {
	d := &described{acceptRanges: "bytes", etag: quote(o.ETag), sse: "AES256", length: s.length, tags: int32(len(o.Tags))}
	out := &d.out
	out.AcceptRanges, out.ETag, out.ContentLength, out.LastModified = &d.acceptRanges, &d.etag, &d.length, &o.Modified
	out.ContentType, out.CacheControl = some(&o.ContentType), some(&o.CacheControl)
	out.ContentDisposition, out.ContentEncoding, out.ContentLanguage = some(&o.ContentDisposition), some(&o.ContentEncoding), some(&o.ContentLanguage)
	out.WebsiteRedirectLocation, out.StorageClass, out.ReplicationStatus = some(&o.Redirect), some(&o.Class), some(&o.Replication)
	out.Metadata, out.Expiration, out.Restore, out.RequestCharged = metaAnswer(o.Meta), expirationAnswer(b, o), o.restoreAnswer(c.Now), charged(c, b)
	out.ObjectLockMode, out.ObjectLockRetainUntilDate, out.ObjectLockLegalHoldStatus = lockAnswer(b, o)
	if o.CustomerKeyMD5 == "" {
		out.ServerSideEncryption = &d.sse
	} else {
		out.SSECustomerAlgorithm, out.SSECustomerKeyMD5 = &d.sse, &o.CustomerKeyMD5
	}
	if b.Versioning != "" {
		d.version = o.VersionID()
		out.VersionId = &d.version
	}
	if s.part {
		d.span = s.header(o.Size)
		out.ContentRange = &d.span
	}
	if d.tags > 0 {
		out.TagCount = &d.tags
	}
	if o.Expires != "" {
		if out.Expires = expiresAnswer(o.Expires); out.Expires == nil && c.HTTP != nil {
			c.HTTP.Header.Set("Expires", o.Expires)
		}
	}
	return out
}

// restoreAnswer is x-amz-restore.
func (o *Object) restoreAnswer(now time.Time) *string {
	switch {
	case o.Restored.After(now):
		return new(`ongoing-request="false", expiry-date="` + httpTime(o.Restored) + `"`)
	case !o.Restoring.IsZero():
		return new(`ongoing-request="true"`)
	}
	return nil
}

// sumAnswer adds the checksum that x-amz-checksum-mode asks for, and what a
// request by part number is told of the parts.
func sumAnswer(r store.Reader, in *api.GetObjectInput, o *Object, s span, out *api.GetObjectOutput) {
	if in.PartNumber != nil && o.Parts > 0 {
		out.PartsCount = new(int32(o.Parts))
	}
	if in.ChecksumMode == nil || *in.ChecksumMode != "ENABLED" || o.Sum.Algorithm == "" {
		return
	}
	sum := o.Sum
	switch {
	case in.PartNumber != nil && o.Parts > 0:
		p, _, err := findPart(r, o, *in.PartNumber)
		if err != nil {
			return
		}
		sum.Value = p.Sum
	case s.length != o.Size:
		return // there is no checksum of a range
	}
	getSums(out).set(sum)
	out.ChecksumType = o.Sum.Kind()
}

// overrideHeaders applies the response-... parameters, which only signed
// requests may have.
func overrideHeaders(c *cloud.Call, in *api.GetObjectInput, out *api.GetObjectOutput) error {
	given := false
	for _, x := range [...]struct{ from, to **string }{
		{&in.ResponseCacheControl, &out.CacheControl}, {&in.ResponseContentDisposition, &out.ContentDisposition},
		{&in.ResponseContentEncoding, &out.ContentEncoding}, {&in.ResponseContentLanguage, &out.ContentLanguage},
		{&in.ResponseContentType, &out.ContentType},
	} {
		if *x.from != nil {
			*x.to, given = *x.from, true
		}
	}
	if in.ResponseExpires != nil {
		out.Expires, given = in.ResponseExpires, true
	}
	if given && c.Principal.Kind == cloud.Anonymous {
		return errInvalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
	}
	return nil
}

// headOf is the answer to HEAD, which is that to GET without content.
func headOf(g *api.GetObjectOutput) *api.HeadObjectOutput {
	h := &api.HeadObjectOutput{
		AcceptRanges: g.AcceptRanges, Expiration: g.Expiration, Restore: g.Restore, LastModified: g.LastModified,
		ContentLength: g.ContentLength, ContentRange: g.ContentRange, ETag: g.ETag, VersionId: g.VersionId,
		CacheControl: g.CacheControl, ContentDisposition: g.ContentDisposition, ContentEncoding: g.ContentEncoding,
		ContentLanguage: g.ContentLanguage, ContentType: g.ContentType, Expires: g.Expires,
		WebsiteRedirectLocation: g.WebsiteRedirectLocation, ServerSideEncryption: g.ServerSideEncryption, Metadata: g.Metadata,
		SSECustomerAlgorithm: g.SSECustomerAlgorithm, SSECustomerKeyMD5: g.SSECustomerKeyMD5, StorageClass: g.StorageClass,
		RequestCharged: g.RequestCharged, ReplicationStatus: g.ReplicationStatus, PartsCount: g.PartsCount, TagCount: g.TagCount,
		ObjectLockMode: g.ObjectLockMode, ObjectLockRetainUntilDate: g.ObjectLockRetainUntilDate,
		ObjectLockLegalHoldStatus: g.ObjectLockLegalHoldStatus, ChecksumType: g.ChecksumType,
	}
	from, to := getSums(g), headSums(h)
	for i := range from {
		*to[i] = *from[i]
	}
	return h
}
