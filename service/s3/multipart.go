package s3

import (
	"encoding/base32"
	"encoding/binary"
	"time"

	"pileus/blob"
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// Upload is a multipart upload under way.
type Upload struct {
	Bucket string `cbor:"1,keyasint"`
	Key    string `cbor:"2,keyasint"`
	ID     string `cbor:"3,keyasint"` // sorts by time of initiation
	// Object is the record of the object to be, without what only its
	// content will tell.
	Object    []byte    `cbor:"4,keyasint"`
	Initiated time.Time `cbor:"5,keyasint"`
	Initiator string    `cbor:"6,keyasint"` // ARN
	Algorithm string    `cbor:"7,keyasint"` // of the checksum
	Asked     bool      `cbor:"8,keyasint"` // the client named it
	Composite bool      `cbor:"9,keyasint"`
}

var uploads = &store.Table[Upload]{
	Name: "s3.upload",
	Key:  func(u *Upload) store.Key { return store.K(u.Bucket, u.Key, u.ID) },
}

// Part is a part of an upload under way.
type Part struct {
	Bucket   string    `cbor:"1,keyasint"`
	Key      string    `cbor:"2,keyasint"`
	Upload   string    `cbor:"3,keyasint"`
	Number   int32     `cbor:"4,keyasint"`
	Size     int64     `cbor:"5,keyasint"`
	ETag     string    `cbor:"6,keyasint"` // without quotes
	Sum      string    `cbor:"7,keyasint"` // in the upload's algorithm, base64
	Modified time.Time `cbor:"8,keyasint"`
	Body     blob.Ref  `cbor:"9,keyasint"`
}

var uploadParts = &store.Table[Part]{
	Name: "s3.part",
	Key:  func(p *Part) store.Key { return store.K(p.Bucket, p.Key, p.Upload, p.Number) },
}

// object is the record of the object to be.
func (u *Upload) object() (*Object, error) {
	o := new(Object)
	return o, o.ParseRecord(u.Object)
}

// newUploadID makes an id that sorts by time.
func newUploadID(c *cloud.Call) string {
	var b [25]byte
	binary.BigEndian.PutUint64(b[:], uint64(c.Now.UnixNano()))
	binary.BigEndian.PutUint64(b[8:], c.Rand().Uint64())
	binary.BigEndian.PutUint64(b[16:], c.Rand().Uint64())
	return base32.HexEncoding.EncodeToString(b[:])
}

// findUpload is an upload under way.
func findUpload(r store.Reader, bucket, key, id string) (*Upload, error) {
	if p, isPoint := findPoint(r, bucket); isPoint {
		bucket = p.Bucket
	}
	u, ok := uploads.Get(r, bucket, key, id)
	if !ok {
		return nil, errNoSuchUpload(id)
	}
	return u, nil
}

func createMultipartUpload(c *cloud.Call, tx store.Tx, in *api.CreateMultipartUploadInput) (*api.CreateMultipartUploadOutput, error) {
	b, err := findBucket(tx, in.Bucket)
	if err != nil {
		return nil, err
	}
	u := &upload{
		object: &Object{Key: in.Key, Modified: c.Now},
		lock:   lockProperties{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus},
		acl:    aclRequest{canned: in.ACL, fullControl: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
	}
	p := properties{in.ContentType, in.CacheControl, in.ContentDisposition, in.ContentEncoding, in.ContentLanguage,
		in.Expires, in.WebsiteRedirectLocation, in.StorageClass, in.Metadata}
	if err := u.read(c, in.Key, &p, in.Tagging); err != nil {
		return nil, err
	}
	if u.key, err = readEncryption(in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext,
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5); err != nil {
		return nil, err
	}
	if err := u.ask(tx, in.Bucket); err != nil {
		return nil, err
	}
	o := u.object
	if err := settleClass(b, o); err != nil {
		return nil, err
	}
	o.CustomerKeyMD5 = u.key.digest
	if u.lock.given() { // the bucket's default counts from completion
		if err := u.lock.read(c, b, o); err != nil {
			return nil, err
		}
	}
	if o.Owner, o.ACL, err = objectACL(c, tx, b, &u.acl); err != nil {
		return nil, err
	}
	up := &Upload{Bucket: b.Name, Key: in.Key, ID: newUploadID(c), Initiated: c.Now, Initiator: c.Principal.ARN}
	if err := up.chooseSum(in.ChecksumAlgorithm, in.ChecksumType); err != nil {
		return nil, err
	}
	up.Object = o.AppendRecord(nil)
	uploads.Insert(tx, up)
	tx.OnCommit(func() { meter(c, b, "InitiateMultipartUpload", tier1) })
	out := &api.CreateMultipartUploadOutput{Bucket: &in.Bucket, Key: &in.Key, UploadId: &up.ID, RequestCharged: charged(c, b)}
	out.AbortDate, out.AbortRuleId = abortAnswer(b, up)
	if up.Asked {
		out.ChecksumAlgorithm, out.ChecksumType = &up.Algorithm, up.kind()
	}
	out.ServerSideEncryption, out.SSECustomerAlgorithm, out.SSECustomerKeyMD5 = sseAnswer(o.CustomerKeyMD5)
	return out, nil
}

// chooseSum settles the upload's checksum: what the client asks for, or S3's
// default.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html (multipart)
func (u *Upload) chooseSum(name, kind *string) error {
	if name == nil {
		if kind != nil {
			return errInvalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		u.Algorithm = defaultSum
		return nil
	}
	a := findAlgorithm(*name)
	if a == nil {
		return errSumAlgorithm()
	}
	u.Algorithm, u.Asked, u.Composite = a.name, true, !a.whole
	if kind != nil {
		if !oneOf(*kind, kindWhole, kindParts) {
			return errInvalidRequest("Value for x-amz-checksum-type header is invalid.")
		}
		u.Composite = *kind == kindParts
	}
	if u.Composite && !a.composite || !u.Composite && a.combine == nil {
		return errInvalidRequest("The %s checksum type cannot be used with the %s checksum algorithm.", *u.kind(), lower(a.name))
	}
	return nil
}

// kind is the checksum's type as answers show it.
func (u *Upload) kind() *string {
	if u.Composite {
		return new(kindParts)
	}
	return new(kindWhole)
}

func abortMultipartUpload(c *cloud.Call, tx store.Tx, in *api.AbortMultipartUploadInput) (*api.AbortMultipartUploadOutput, error) {
	b, err := findBucket(tx, in.Bucket)
	if err != nil {
		return nil, err
	}
	u, err := findUpload(tx, b.Name, in.Key, in.UploadId)
	if err != nil {
		return nil, err
	}
	if in.IfMatchInitiatedTime != nil && !u.Initiated.Truncate(time.Second).Equal(in.IfMatchInitiatedTime.Truncate(time.Second)) {
		return nil, errPrecondition("x-amz-if-match-initiated-time")
	}
	abortUpload(c, tx, u)
	return &api.AbortMultipartUploadOutput{RequestCharged: charged(c, b)}, nil
}

// abortUpload forgets an upload and the content of its parts.
func abortUpload(c *cloud.Call, tx store.Tx, u *Upload) {
	for p := range uploadParts.Scan(tx, u.Bucket, u.Key, u.ID) {
		dropPart(c, tx, p)
	}
	uploadParts.DeleteAll(tx, u.Bucket, u.Key, u.ID)
	uploads.Delete(tx, u.Bucket, u.Key, u.ID)
}

// dropPart removes the content of a part that goes for good; its record is the
// caller's to remove.
func dropPart(c *cloud.Call, tx store.Tx, p *Part) {
	c.Cloud.Blobs().Delete(tx, p.Body)
	hold(c, tx, p.Bucket, "", p.Size, -1)
}
