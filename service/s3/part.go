package s3

import (
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func uploadPart(c *cloud.Call, in *api.UploadPartInput) (*api.UploadPartOutput, error) {
	up, key, err := openUpload(c, in.Bucket, in.Key, in.UploadId, in.PartNumber, in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	request, err := readSumRequest(c, in.ChecksumAlgorithm, partSums(in))
	if err != nil {
		return nil, err
	}
	also, err := up.partSum(c, &request)
	if err != nil {
		return nil, err
	}
	content, err := newIntake(c, in.Body, in.ContentLength, in.ContentMD5, request, maxPut)
	if err != nil {
		return nil, err
	}
	content.also = also
	b, p, err := up.savePart(c, in.PartNumber, content, key)
	if err != nil {
		return nil, err
	}
	meter(c, b, "UploadPart", tier1)
	out := &api.UploadPartOutput{ETag: new(quote(p.ETag)), RequestCharged: charged(c, b)}
	if up.Asked || request.asked {
		partOutSums(out).set(content.sum)
	}
	out.ServerSideEncryption, out.SSECustomerAlgorithm, out.SSECustomerKeyMD5 = sseAnswer(key.digest)
	return out, nil
}

// partSum settles which checksums of a part to work out: the upload's, and the
// one that the request brings if the upload was begun without naming any, as
// clients do that add checksums by themselves.
func (u *Upload) partSum(c *cloud.Call, request *sumRequest) (also *algorithm, err error) {
	own := findAlgorithm(u.Algorithm)
	mismatch := func(actual string) error {
		return errInvalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", lower(u.Algorithm), actual)
	}
	switch {
	case !request.asked && u.Asked && u.Composite && c.HTTP != nil:
		return nil, mismatch("null")
	case !request.asked:
		request.algorithm = own
	case u.Asked && request.algorithm != own:
		return nil, mismatch(lower(request.algorithm.name))
	case request.algorithm != own:
		return own, nil
	}
	return nil, nil
}

func uploadPartCopy(c *cloud.Call, in *api.UploadPartCopyInput) (*api.UploadPartCopyOutput, error) {
	up, key, err := openUpload(c, in.Bucket, in.Key, in.UploadId, in.PartNumber, in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	q := copyRequest{
		header: in.CopySource, expectedOwner: in.ExpectedSourceBucketOwner, span: in.CopySourceRange,
		condition: condition{match: in.CopySourceIfMatch, noneMatch: in.CopySourceIfNoneMatch,
			modifiedSince: in.CopySourceIfModifiedSince, unmodSince: in.CopySourceIfUnmodifiedSince},
		algorithm: in.CopySourceSSECustomerAlgorithm, key: in.CopySourceSSECustomerKey, keyMD5: in.CopySourceSSECustomerKeyMD5,
	}
	src, err := q.open(c)
	if err != nil {
		return nil, err
	}
	defer src.content.Close()
	content := src.intake(c, up.Algorithm)
	b, p, err := up.savePart(c, in.PartNumber, content, key)
	if err != nil {
		return nil, err
	}
	meter(c, b, "UploadPartCopy", tier1)
	out := &api.UploadPartCopyOutput{
		CopySourceVersionId: versionAnswer(src.bucket, src.object), RequestCharged: charged(c, b),
		CopyPartResult: &api.CopyPartResult{ETag: new(quote(p.ETag)), LastModified: &p.Modified},
	}
	if up.Asked {
		copyPartSums(out.CopyPartResult).set(content.sum)
	}
	out.ServerSideEncryption, out.SSECustomerAlgorithm, out.SSECustomerKeyMD5 = sseAnswer(key.digest)
	return out, nil
}

// openUpload is the upload that a part is for, after the checks that need no
// content. Parts of an SSE-C upload need the key that it was begun with.
func openUpload(c *cloud.Call, bucket, objectKey, id string, number int32, algorithm, key, keyMD5 *string) (up *Upload, k customerKey, err error) {
	if number < 1 || number > maxParts {
		return nil, k, errArgument("partNumber", itoa(number), "Part number must be an integer between 1 and 10000, inclusive")
	}
	if k, err = readCustomerKey(algorithm, key, keyMD5); err != nil {
		return nil, k, err
	}
	err = c.View(func(r store.Reader) error {
		b, err := findBucket(r, bucket)
		if err != nil {
			return err
		}
		if up, err = findUpload(r, b.Name, objectKey, id); err != nil {
			return err
		}
		o, err := up.object()
		if err != nil {
			return err
		}
		switch {
		case o.CustomerKeyMD5 != "" && k.key == nil:
			return errInvalidRequest("The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.")
		case o.CustomerKeyMD5 != k.digest:
			return errSSEMismatch
		}
		return nil
	})
	return up, k, err
}

// savePart stores a part's content and names it, in the place of what the
// number had before.
func (u *Upload) savePart(c *cloud.Call, number int32, content *intake, key customerKey) (b *Bucket, p *Part, err error) {
	pending, err := content.store(key.key)
	if err != nil {
		return nil, nil, err
	}
	defer pending.Discard()
	err = c.Update(func(tx store.Tx) error {
		if b, err = findBucket(tx, u.Bucket); err != nil {
			return err
		}
		if _, err := findUpload(tx, u.Bucket, u.Key, u.ID); err != nil {
			return err
		}
		if old, ok := uploadParts.Get(tx, u.Bucket, u.Key, u.ID, number); ok {
			dropPart(c, tx, old)
		}
		sum := content.sum
		if content.also != nil {
			sum = content.more
		}
		p = &Part{Bucket: u.Bucket, Key: u.Key, Upload: u.ID, Number: number, Size: content.read,
			ETag: content.etag, Sum: sum.Value, Modified: c.Now, Body: pending.Commit(tx)}
		hold(c, tx, p.Bucket, "", p.Size, 1)
		uploadParts.Insert(tx, p)
		return nil
	})
	return b, p, err
}

func lower(s string) string { return strings.ToLower(s) }
