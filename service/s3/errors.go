package s3

import (
	"net/http"
	"strconv"
	"time"

	api "pileus/api/s3"
	"pileus/cloud"
)

// Errors that the model does not declare. Codes, texts and further elements
// are S3's own.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
var (
	errIncompleteBody   = cloud.Errorf(400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	errMissingLength    = cloud.Errorf(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	errMalformedXML     = cloud.Errorf(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	errInvalidDigest    = cloud.Errorf(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
	errAccessDenied     = cloud.Errorf(403, "AccessDenied", "Access Denied")
	errLocked           = cloud.Errorf(403, "AccessDenied", "Access Denied because object protected by object lock.")
	errNotModified      = cloud.Errorf(304, "NotModified", "Not Modified")
	errPartOrder        = cloud.Errorf(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.")
	errTooManyTags      = cloud.Errorf(400, "BadRequest", "Object tags cannot be greater than 10")
	errTagKey           = cloud.Errorf(400, "InvalidTag", "The TagKey you have provided is invalid")
	errTagValue         = cloud.Errorf(400, "InvalidTag", "The TagValue you have provided is invalid")
	errTagTwice         = cloud.Errorf(400, "InvalidTag", "Cannot provide multiple Tags with the same key")
	errSSEAlgorithm     = cloud.Errorf(400, "InvalidArgument", "The encryption method specified is not supported")
	errSSEMismatch      = cloud.Errorf(400, "InvalidRequest", "The provided encryption parameters did not match the ones used originally.")
	errSSENeeded        = cloud.Errorf(400, "InvalidRequest", "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
	errSSENotApplicable = cloud.Errorf(400, "InvalidRequest", "The encryption parameters are not applicable to this object.")
	errCopyToItself     = cloud.Errorf(400, "InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	errCopyTooLarge     = cloud.Errorf(400, "InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(maxCopy))
	errNoCustomerKeys   = cloud.Errorf(403, "AccessDenied", "This bucket does not allow server-side encryption with customer-provided keys (SSE-C).")
	errNoLockConfig     = cloud.Errorf(400, "InvalidRequest", "Bucket is missing Object Lock Configuration")
	errNoObjectLock     = cloud.Errorf(404, "NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration")
	errNoKMS            = cloud.Errorf(501, "NotImplemented", "pileus has no KMS yet: server-side encryption with KMS keys (aws:kms, aws:kms:dsse) cannot be used. SSE-S3 (AES256) and SSE-C can.")
)

func errNoSuchBucket(name string) *cloud.Error {
	return api.ErrNoSuchBucket.New("The specified bucket does not exist").With("BucketName", name)
}

func errNoSuchKey(key string) *cloud.Error {
	return api.ErrNoSuchKey.New("The specified key does not exist.").With("Key", key)
}

func errNoSuchVersion(key, version string) *cloud.Error {
	return cloud.Errorf(404, "NoSuchVersion", "The specified version does not exist.").With("Key", key).With("VersionId", version)
}

// errDeleted is the answer to a read of a key whose latest version is a delete
// marker.
func errDeleted(o *Object) *cloud.Error {
	return errNoSuchKey(o.Key).Head("X-Amz-Delete-Marker", "true").Head("X-Amz-Version-Id", o.VersionID())
}

// errIsMarker is the answer to a read of a delete marker by its version id.
func errIsMarker(o *Object, method string) *cloud.Error {
	return errMethod(method, "DeleteMarker").Head("X-Amz-Delete-Marker", "true").Head("X-Amz-Version-Id", o.VersionID()).
		Head("Allow", "DELETE").Head("Last-Modified", o.Modified.Format(http.TimeFormat))
}

func errMethod(method, resource string) *cloud.Error {
	return cloud.Errorf(405, "MethodNotAllowed", "The specified method is not allowed against this resource.").
		With("Method", method).With("ResourceType", resource)
}

func errPrecondition(condition string) *cloud.Error {
	return cloud.Errorf(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold").With("Condition", condition)
}

func errRange(requested string, size int64) *cloud.Error {
	return cloud.Errorf(416, "InvalidRange", "The requested range is not satisfiable").
		With("RangeRequested", requested).With("ActualObjectSize", strconv.FormatInt(size, 10)).
		Head("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
}

func errPartNumber(number int32, count int) *cloud.Error {
	return cloud.Errorf(416, "InvalidPartNumber", "The requested partnumber is not satisfiable").
		With("PartNumberRequested", strconv.Itoa(int(number))).With("ActualPartCount", strconv.Itoa(count))
}

func errBadMD5(expected, calculated string) *cloud.Error {
	return cloud.Errorf(400, "BadDigest", "The Content-MD5 you specified did not match what we received.").
		With("ExpectedDigest", expected).With("CalculatedDigest", calculated)
}

func errBadChecksum(algorithm string) *cloud.Error {
	return cloud.Errorf(400, "BadDigest", "The %s you specified did not match the calculated checksum.", algorithm)
}

func errInvalidRequest(format string, a ...any) *cloud.Error {
	return cloud.Errorf(400, "InvalidRequest", format, a...)
}

func errArgument(name, value, format string, a ...any) *cloud.Error {
	return cloud.Errorf(400, "InvalidArgument", format, a...).With("ArgumentName", name).With("ArgumentValue", value)
}

func errTooLarge(size, limit int64) *cloud.Error {
	e := cloud.Errorf(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	if size >= 0 {
		e = e.With("ProposedSize", strconv.FormatInt(size, 10))
	}
	return e.With("MaxSizeAllowed", strconv.FormatInt(limit, 10))
}

func errPartTooSmall(p *Part) *cloud.Error {
	return cloud.Errorf(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").
		With("ProposedSize", strconv.FormatInt(p.Size, 10)).With("MinSizeAllowed", strconv.Itoa(minPart)).
		With("PartNumber", strconv.Itoa(int(p.Number))).With("ETag", p.ETag)
}

func errKeyTooLong(key string) *cloud.Error {
	return cloud.Errorf(400, "KeyTooLongError", "Your key is too long").
		With("Size", strconv.Itoa(len(key))).With("MaxSizeAllowed", strconv.Itoa(maxKey))
}

func errMetadataTooLarge(size int) *cloud.Error {
	return cloud.Errorf(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").
		With("Size", strconv.Itoa(size)).With("MaxSizeAllowed", strconv.Itoa(maxMetadata))
}

func errNoSuchUpload(id string) *cloud.Error {
	return api.ErrNoSuchUpload.New("The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").With("UploadId", id)
}

func errInvalidPart(upload string, number int32, etag string) *cloud.Error {
	return cloud.Errorf(400, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.").
		With("UploadId", upload).With("PartNumber", strconv.Itoa(int(number))).With("ETag", etag)
}

func errBucketExists(name string) *cloud.Error {
	return api.ErrBucketAlreadyExists.New("The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.").With("BucketName", name)
}

func errBucketYours(name string) *cloud.Error {
	return api.ErrBucketAlreadyOwnedByYou.New("Your previous request to create the named bucket succeeded and you already own it.").With("BucketName", name)
}

func errBucketNotEmpty(b *Bucket) *cloud.Error {
	text := "The bucket you tried to delete is not empty"
	if b.Versioning != "" {
		text += ". You must delete all versions in the bucket."
	}
	return cloud.Errorf(409, "BucketNotEmpty", "%s", text).With("BucketName", b.Name)
}

func errBucketName(name string) *cloud.Error {
	return cloud.Errorf(400, "InvalidBucketName", "The specified bucket is not valid.").With("BucketName", name)
}

func errLocation(location string) *cloud.Error {
	return cloud.Errorf(400, "InvalidLocationConstraint", "The specified location-constraint is not valid").With("LocationConstraint", location)
}

func errLocationMismatch(location string) *cloud.Error {
	if location == "" {
		location = "unspecified"
	}
	return cloud.Errorf(400, "IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", location)
}

func errStorageClass(class string) *cloud.Error {
	return cloud.Errorf(400, "InvalidStorageClass", "The storage class you specified is not valid").With("StorageClassRequested", class)
}

func errArchived(b *Bucket, o *Object, now time.Time) *cloud.Error {
	return api.ErrInvalidObjectState.New("The operation is not valid for the object's storage class").
		Details(&api.InvalidObjectState{StorageClass: new(o.StorageClass()), AccessTier: b.archiveStatus(o, now)})
}

// errRedirect tells a client that signs for another region where the bucket
// lies: clients follow the header and the element.
func errRedirect(b *Bucket, endpoint string) *cloud.Error {
	return cloud.Errorf(301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.").
		With("Endpoint", endpoint).With("Bucket", b.Name).Head("X-Amz-Bucket-Region", b.Region)
}

func errWrongRegion(b *Bucket, region string) *cloud.Error {
	return cloud.Errorf(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region '%s' is wrong; expecting '%s'", region, b.Region).
		With("Region", b.Region).Head("X-Amz-Bucket-Region", b.Region)
}
