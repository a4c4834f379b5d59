package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"

	"pileus/blob"
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// completeMultipartUpload makes an object of the parts in one transaction that
// moves no content.
func completeMultipartUpload(c *cloud.Call, tx store.Tx, in *api.CompleteMultipartUploadInput) (*api.CompleteMultipartUploadOutput, error) {
	b, err := findBucket(tx, in.Bucket)
	if err != nil {
		return nil, err
	}
	q := writeCondition{in.IfMatch, in.IfNoneMatch}
	if err := q.valid(); err != nil {
		return nil, err
	}
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return nil, errMalformedXML
	}
	up, err := findUpload(tx, b.Name, in.Key, in.UploadId)
	if err != nil {
		if o, ok := completed(tx, b, in.Key, in.UploadId); ok {
			return completeAnswer(c, b, o), nil // again: the first answer may have been lost
		}
		return nil, err
	}
	if err := q.check(tx, b, in.Key); err != nil {
		return nil, err
	}
	o, err := up.object()
	if err != nil {
		return nil, err
	}
	if err := checkCompleteKey(in, o); err != nil {
		return nil, err
	}
	chosen, err := up.choose(tx, in.MultipartUpload.Parts)
	if err != nil {
		return nil, err
	}
	if err := up.assemble(c, tx, b, o, chosen, in); err != nil {
		return nil, err
	}
	emitEvent(c, tx, b, o, eventComplete)
	tx.OnCommit(func() { meterObject(c, b, o, "CompleteMultipartUpload", tier1) })
	return completeAnswer(c, b, o), nil
}

// checkCompleteKey compares SSE-C headers, where the client sends them again.
func checkCompleteKey(in *api.CompleteMultipartUploadInput, o *Object) error {
	k, err := readCustomerKey(in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5)
	if err == nil && k.key != nil && k.digest != o.CustomerKeyMD5 {
		err = errSSEMismatch
	}
	return err
}

// completed is the object that an upload became.
func completed(r store.Reader, b *Bucket, key, upload string) (*Object, bool) {
	o, ok := latest(r, b, key)
	if !ok || o.From == upload {
		return o, ok
	}
	if o.Older {
		for v := range versions.Scan(r, b.Name, key) {
			if v.Key == key && v.From == upload {
				return v, true
			}
		}
	}
	return nil, false
}

// choose finds the parts that the client lists, which must be in order, there,
// and large enough.
func (u *Upload) choose(r store.Reader, list []api.CompletedPart) ([]*Part, error) {
	if len(list) > maxParts {
		return nil, errMalformedXML
	}
	chosen := make([]*Part, len(list))
	last := int32(0)
	for i := range list {
		if list[i].PartNumber == nil || list[i].ETag == nil {
			return nil, errMalformedXML
		}
		n := *list[i].PartNumber
		if n <= last {
			return nil, errPartOrder.With("UploadId", u.ID)
		}
		last = n
		p, ok := uploadParts.Get(r, u.Bucket, u.Key, u.ID, n)
		if !ok || p.ETag != strings.Trim(*list[i].ETag, `"`) {
			return nil, errInvalidPart(u.ID, n, *list[i].ETag)
		}
		if err := u.checkPartSum(p, &list[i]); err != nil {
			return nil, err
		}
		chosen[i] = p
	}
	for _, p := range chosen[:len(chosen)-1] {
		if p.Size < minPart {
			return nil, errPartTooSmall(p)
		}
	}
	return chosen, nil
}

// checkPartSum compares the checksum that the client lists with a part. Where
// the object's checksum is made of the parts', each has to be listed.
func (u *Upload) checkPartSum(p *Part, listed *api.CompletedPart) error {
	given, err := completedPartSums(listed).get()
	if err != nil {
		return err
	}
	switch {
	case given.Algorithm == "" && u.Asked && u.Composite:
		return errInvalidRequest("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.", lower(u.Algorithm), p.Number)
	case given.Algorithm == "", !u.Asked && given.Algorithm != u.Algorithm:
		return nil
	case given.Algorithm != u.Algorithm || given.Value != p.Sum:
		return errInvalidPart(u.ID, p.Number, p.ETag)
	}
	return nil
}

// assemble writes the object and forgets the upload, with the parts that were
// not chosen.
func (u *Upload) assemble(c *cloud.Call, tx store.Tx, b *Bucket, o *Object, chosen []*Part, in *api.CompleteMultipartUploadInput) error {
	refs := make([]blob.Ref, len(chosen))
	infos := make([]PartInfo, len(chosen))
	used := make(map[int32]bool, len(chosen))
	digest := md5.New()
	for i, p := range chosen {
		refs[i], infos[i], used[p.Number] = p.Body, PartInfo{p.Number, p.Size, p.Sum}, true
		o.Size += p.Size
		sum, err := hex.DecodeString(p.ETag)
		if err != nil {
			return err
		}
		digest.Write(sum)
	}
	if o.Size > maxObject {
		return errTooLarge(o.Size, maxObject)
	}
	if in.MpuObjectSize != nil && *in.MpuObjectSize != o.Size {
		return errInvalidRequest("The provided 'x-amz-mp-object-size' header does not match what was computed.")
	}
	o.ETag = hex.EncodeToString(digest.Sum(nil)) + "-" + strconv.Itoa(len(chosen))
	o.Parts, o.From = len(chosen), u.ID
	if err := u.sum(o, infos, in); err != nil {
		return err
	}
	if o.LockMode == "" {
		o.LockMode, o.LockUntil = b.defaultRetention(c.Now)
	}
	for p := range uploadParts.Scan(tx, u.Bucket, u.Key, u.ID) {
		if used[p.Number] {
			hold(c, tx, p.Bucket, "", p.Size, -1) // of the upload: it becomes the object's
		} else {
			dropPart(c, tx, p)
		}
	}
	uploadParts.DeleteAll(tx, u.Bucket, u.Key, u.ID)
	uploads.Delete(tx, u.Bucket, u.Key, u.ID)
	o.Body = c.Cloud.Blobs().Concat(tx, refs...)
	putVersion(c, tx, b, o)
	parts.Insert(tx, &PartList{Bucket: o.Bucket, Key: o.Key, Seq: o.Seq, Parts: infos})
	return nil
}

// sum is the object's checksum from its parts', compared with what the client
// says it should be.
func (u *Upload) sum(o *Object, infos []PartInfo, in *api.CompleteMultipartUploadInput) error {
	value, err := combineSums(u.Algorithm, u.Composite, infos)
	if err != nil {
		return err
	}
	o.Sum = Checksum{Algorithm: u.Algorithm, Value: value, Composite: u.Composite}
	if in.ChecksumType != nil && *in.ChecksumType != *u.kind() {
		return errInvalidRequest("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", *u.kind())
	}
	given, err := completeSums(in).get()
	if err != nil || given.Algorithm == "" {
		return err
	}
	if given.Algorithm != u.Algorithm {
		return errInvalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", lower(u.Algorithm), lower(given.Algorithm))
	}
	if given.Value != value && given.Value != cutCount(value) {
		return errBadChecksum(lower(u.Algorithm))
	}
	return nil
}

// combineSums is the checksum of parts in order: the digest of their digests
// and their number, or what a checksum over the whole content would be.
func combineSums(name string, composite bool, infos []PartInfo) (string, error) {
	a := findAlgorithm(name)
	h := a.make()
	var crc uint64
	for i, p := range infos {
		raw, err := base64.StdEncoding.DecodeString(p.Sum)
		if err != nil {
			return "", err
		}
		if composite {
			h.Write(raw)
			continue
		}
		var wide [8]byte
		copy(wide[8-len(raw):], raw)
		next := binary.BigEndian.Uint64(wide[:])
		if i > 0 {
			next = a.combine(crc, next, p.Size)
		}
		crc = next
	}
	if composite {
		return base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(infos)), nil
	}
	var wide [8]byte
	binary.BigEndian.PutUint64(wide[:], crc)
	return base64.StdEncoding.EncodeToString(wide[8-a.size:]), nil
}

func completeAnswer(c *cloud.Call, b *Bucket, o *Object) *api.CompleteMultipartUploadOutput {
	base := c.Cloud.Endpoint()
	if c.HTTP != nil {
		base = c.HTTP.BaseURL
	}
	path := "/" + b.Name + "/" + escapeKey(o.Key)
	if c.HTTP != nil && strings.HasPrefix(c.HTTP.Host, b.Name+".") {
		path = "/" + escapeKey(o.Key)
	}
	out := &api.CompleteMultipartUploadOutput{
		Location: new(base + path), Bucket: &b.Name, Key: &o.Key, ETag: new(quote(o.ETag)), VersionId: versionAnswer(b, o),
		ChecksumType: o.Sum.Kind(), Expiration: expirationAnswer(b, o), RequestCharged: charged(c, b),
	}
	completeOutSums(out).set(o.Sum)
	out.ServerSideEncryption, _, _ = sseAnswer(o.CustomerKeyMD5)
	return out
}

// cutCount is a composite checksum without its number of parts.
func cutCount(value string) string {
	value, _, _ = strings.Cut(value, "-")
	return value
}

// escapeKey is a key as part of a URL's path.
func escapeKey(key string) string {
	return strings.ReplaceAll(url.PathEscape(key), "%2F", "/")
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }
