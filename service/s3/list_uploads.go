package s3

import (
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func listMultipartUploads(c *cloud.Call, r store.Reader, in *api.ListMultipartUploadsInput) (*api.ListMultipartUploadsOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	e, err := newEncoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	p, err := newPage(in.Prefix, in.Delimiter, in.MaxUploads, "max-uploads")
	if err != nil {
		return nil, err
	}
	key, id := cloud.Or(in.KeyMarker, ""), cloud.Or(in.UploadIdMarker, "")
	p.startAfter(key)
	if key != "" && id != "" {
		p.start = key
	}
	out := &api.ListMultipartUploadsOutput{Bucket: &b.Name, Prefix: e.maybe(in.Prefix), Delimiter: e.maybe(in.Delimiter), MaxUploads: new(int32(p.limit)),
		KeyMarker: e.text(key), UploadIdMarker: &id, EncodingType: in.EncodingType, RequestCharged: charged(c, b)}
	lastUpload := ""
	walk(r, uploads, b.Name, p, func(u *Upload) string { return u.Key }, func(u *Upload) bool {
		if u.Key == key && u.ID <= id {
			return true
		}
		if !p.take(u.Key) {
			return false
		}
		lastUpload = u.ID
		out.Uploads = append(out.Uploads, uploadEntry(u, e))
		return true
	})
	out.CommonPrefixes, out.IsTruncated = e.prefixes(p.prefixes), &p.truncated
	if p.truncated {
		out.NextKeyMarker = e.text(p.last)
		if len(p.prefixes) == 0 || p.prefixes[len(p.prefixes)-1] != p.last {
			out.NextUploadIdMarker = &lastUpload
		}
	}
	meter(c, b, "ListBucketMultipartUploads", tier1)
	return out, nil
}

func uploadEntry(u *Upload, e encoder) api.MultipartUpload {
	x := api.MultipartUpload{Key: e.text(u.Key), UploadId: new(u.ID), Initiated: new(u.Initiated), Initiator: &api.Initiator{ID: new(u.Initiator)}}
	if o, err := u.object(); err == nil {
		x.StorageClass, x.Owner = new(o.StorageClass()), owner(o.Owner)
	}
	if u.Asked {
		x.ChecksumAlgorithm, x.ChecksumType = new(u.Algorithm), u.kind()
	}
	return x
}

func listParts(c *cloud.Call, r store.Reader, in *api.ListPartsInput) (*api.ListPartsOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	u, err := findUpload(r, b.Name, in.Key, in.UploadId)
	if err != nil {
		return nil, err
	}
	p, err := newPage(nil, nil, in.MaxParts, "max-parts")
	if err != nil {
		return nil, err
	}
	o, err := u.object()
	if err != nil {
		return nil, err
	}
	marker := cloud.Or(in.PartNumberMarker, 0)
	out := &api.ListPartsOutput{Bucket: &b.Name, Key: &u.Key, UploadId: &u.ID, PartNumberMarker: &marker, MaxParts: new(int32(p.limit)),
		Initiator: &api.Initiator{ID: &u.Initiator}, Owner: owner(o.Owner), StorageClass: new(o.StorageClass()), RequestCharged: charged(c, b)}
	out.AbortDate, out.AbortRuleId = abortAnswer(b, u)
	if u.Asked {
		out.ChecksumAlgorithm, out.ChecksumType = &u.Algorithm, u.kind()
	}
	prefix := store.K(b.Name, u.Key, u.ID)
	for part := range uploadParts.ScanFrom(r, prefix, store.K(b.Name, u.Key, u.ID, marker+1)) {
		if !p.take("") {
			break
		}
		x := api.Part{PartNumber: &part.Number, LastModified: &part.Modified, ETag: new(quote(part.ETag)), Size: &part.Size}
		if u.Asked {
			listedPartSums(&x).set(Checksum{Algorithm: u.Algorithm, Value: part.Sum})
		}
		out.Parts = append(out.Parts, x)
		out.NextPartNumberMarker = &part.Number
	}
	out.IsTruncated = &p.truncated
	meter(c, b, "ListMultipartUploadParts", tier1)
	return out, nil
}
