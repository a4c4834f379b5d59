package s3

import (
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func getObjectAttributes(c *cloud.Call, r store.Reader, in *api.GetObjectAttributesInput) (*api.GetObjectAttributesOutput, error) {
	b, o, err := findIn(c, r, in.Bucket, in.Key, in.VersionId, "GET")
	if err != nil {
		return nil, err
	}
	key, err := readCustomerKey(in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5)
	if err != nil {
		return nil, err
	}
	if err := key.unlock(o); err != nil {
		return nil, err
	}
	out := &api.GetObjectAttributesOutput{LastModified: &o.Modified, VersionId: versionAnswer(b, o), RequestCharged: charged(c, b)}
	for _, name := range in.ObjectAttributes {
		switch name {
		case "ETag":
			out.ETag = &o.ETag // the one place where S3 shows it without quotes
		case "StorageClass":
			out.StorageClass = new(o.StorageClass())
		case "ObjectSize":
			out.ObjectSize = &o.Size
		case "Checksum":
			if o.Sum.Algorithm != "" {
				out.Checksum = &api.Checksum{ChecksumType: o.Sum.Kind()}
				attributeSums(out.Checksum).set(withoutCount(o.Sum))
			}
		case "ObjectParts":
			if out.ObjectParts, err = attributeParts(r, o, in); err != nil {
				return nil, err
			}
		default:
			return nil, errArgument("x-amz-object-attributes", name, "Invalid attribute name specified.")
		}
	}
	meter(c, b, "GetObjectAttributes", tier2)
	return out, nil
}

// withoutCount is a composite checksum as GetObjectAttributes shows it:
// without the number of parts that it has elsewhere.
func withoutCount(s Checksum) Checksum {
	if s.Composite {
		s.Value = cutCount(s.Value)
	}
	return s
}

// attributeParts is a page of a multipart object's parts. S3 lists the parts
// one by one only where they have checksums that can be checked by themselves.
func attributeParts(r store.Reader, o *Object, in *api.GetObjectAttributesInput) (*api.GetObjectAttributesParts, error) {
	if o.Parts == 0 {
		return nil, nil
	}
	limit, marker := cloud.Or(in.MaxParts, maxList), cloud.Or(in.PartNumberMarker, 0)
	if limit < 0 {
		return nil, errArgument("x-amz-max-parts", itoa(limit), "Argument max-parts must be an integer between 0 and 2147483647")
	}
	limit = min(limit, maxList)
	out := &api.GetObjectAttributesParts{TotalPartsCount: new(int32(o.Parts)), PartNumberMarker: &marker, MaxParts: &limit, IsTruncated: new(false)}
	list, ok := parts.Get(r, o.Bucket, o.Key, o.Seq)
	if !ok || !o.Sum.Composite {
		return out, nil
	}
	for i := range list.Parts {
		p := &list.Parts[i]
		if p.Number <= marker {
			continue
		}
		if len(out.Parts) == int(limit) {
			*out.IsTruncated = true
			break
		}
		x := api.ObjectPart{PartNumber: &p.Number, Size: &p.Size}
		objectPartSums(&x).set(Checksum{Algorithm: o.Sum.Algorithm, Value: p.Sum})
		out.Parts = append(out.Parts, x)
		out.NextPartNumberMarker = &p.Number
	}
	return out, nil
}
