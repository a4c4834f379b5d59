package s3

import (
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func putObject(c *cloud.Call, in *api.PutObjectInput) (*api.PutObjectOutput, error) {
	u, err := preparePut(c, in)
	if err != nil {
		return nil, err
	}
	event := eventPut
	if c.HTTP != nil && c.HTTP.AuthType == "POST" {
		event = eventPost
	}
	b, err := u.save(c, in.Bucket, event)
	if err != nil {
		return nil, err
	}
	o := u.object
	meterObject(c, b, o, "PutObject", tier1)
	out := &api.PutObjectOutput{ETag: new(quote(o.ETag)), VersionId: versionAnswer(b, o), ChecksumType: o.Sum.Kind(),
		Expiration: expirationAnswer(b, o), RequestCharged: charged(c, b)}
	putOutSums(out).set(o.Sum)
	out.ServerSideEncryption, out.SSECustomerAlgorithm, out.SSECustomerKeyMD5 = sseAnswer(o.CustomerKeyMD5)
	return out, nil
}

// upload is what a request says of the object that it makes, checked as far
// as that is possible before its content is read.
type upload struct {
	object    *Object
	key       customerKey
	lock      lockProperties
	acl       aclRequest
	condition writeCondition
	intake    *intake
}

func preparePut(c *cloud.Call, in *api.PutObjectInput) (*upload, error) {
	u := &upload{
		object:    &Object{Key: in.Key, Modified: c.Now},
		lock:      lockProperties{in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ObjectLockLegalHoldStatus},
		acl:       aclRequest{canned: in.ACL, fullControl: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		condition: writeCondition{in.IfMatch, in.IfNoneMatch},
	}
	p := properties{in.ContentType, in.CacheControl, in.ContentDisposition, in.ContentEncoding, in.ContentLanguage,
		in.Expires, in.WebsiteRedirectLocation, in.StorageClass, in.Metadata}
	if err := u.read(c, in.Key, &p, in.Tagging); err != nil {
		return nil, err
	}
	if in.WriteOffsetBytes != nil {
		return nil, errHeaderUnbuilt("x-amz-write-offset-bytes", "Appending is for directory buckets")
	}
	request, err := readSumRequest(c, in.ChecksumAlgorithm, putSums(in))
	if err != nil {
		return nil, err
	}
	if u.lock.given() && c.HTTP != nil && in.ContentMD5 == nil && !request.asked {
		return nil, errInvalidRequest("Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters")
	}
	u.key, err = readEncryption(in.ServerSideEncryption, in.SSEKMSKeyId, in.SSEKMSEncryptionContext,
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	if u.asks() {
		if err := c.View(func(r store.Reader) error { return u.ask(r, in.Bucket) }); err != nil {
			return nil, err
		}
	}
	u.intake, err = newIntake(c, in.Body, in.ContentLength, in.ContentMD5, request, maxPut)
	return u, err
}

// asks tells whether the bucket, or what it holds, can refuse the upload.
func (u *upload) asks() bool {
	return u.key.key != nil || u.lock.given() || u.condition.match != nil || u.condition.noneMatch != nil
}

// ask has the bucket decide before the content is read. The transaction that
// writes decides again.
func (u *upload) ask(r store.Reader, bucket string) error {
	b, err := findBucket(r, bucket)
	switch {
	case err != nil:
		return err
	case u.lock.given() && !b.LockEnabled():
		return errNoLockConfig
	case u.key.key != nil && blocksCustomerKeys(b):
		return errNoCustomerKeys
	}
	return u.condition.check(r, b, u.object.Key)
}

// read checks what every way of making an object has.
func (u *upload) read(c *cloud.Call, key string, p *properties, tagging *string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := u.condition.valid(); err != nil {
		return err
	}
	if err := p.read(c, u.object); err != nil {
		return err
	}
	tags, err := readTagHeader(tagging)
	u.object.Tags = tags
	return err
}

// save stores the content first, beside the state, and then names it in one
// transaction, so that an upload that breaks off leaves nothing.
func (u *upload) save(c *cloud.Call, bucket, event string) (b *Bucket, err error) {
	content, err := u.intake.store(u.key.key)
	if err != nil {
		return nil, err
	}
	defer content.Discard()
	o := u.object
	o.Size, o.ETag, o.Sum = u.intake.read, u.intake.etag, u.intake.sum
	o.CustomerKeyMD5 = u.key.digest
	err = c.Update(func(tx store.Tx) error {
		if b, err = findBucket(tx, bucket); err != nil {
			return err
		}
		if err := u.condition.check(tx, b, o.Key); err != nil {
			return err
		}
		o.Body = content.Commit(tx)
		return u.commit(c, tx, b, event)
	})
	return b, err
}

// commit makes the object the latest version of its key. It may run again.
func (u *upload) commit(c *cloud.Call, tx store.Tx, b *Bucket, event string) (err error) {
	o := u.object
	if err := settleClass(b, o); err != nil {
		return err
	}
	if err := u.lock.read(c, b, o); err != nil {
		return err
	}
	if o.Owner, o.ACL, err = objectACL(c, tx, b, &u.acl); err != nil {
		return err
	}
	putVersion(c, tx, b, o)
	emitEvent(c, tx, b, o, event)
	return nil
}
