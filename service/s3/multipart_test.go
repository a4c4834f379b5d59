package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const mib = 1 << 20

// uploadOf begins an upload and sends the parts.
func uploadOf(t testing.TB, s *sdk.Client, in *sdk.CreateMultipartUploadInput, data ...[]byte) (id *string, done []types.CompletedPart) {
	t.Helper()
	ctx := context.Background()
	id = must(s.CreateMultipartUpload(ctx, in))(t).UploadId
	for i, d := range data {
		n := int32(i + 1)
		p := must(s.UploadPart(ctx, &sdk.UploadPartInput{Bucket: in.Bucket, Key: in.Key, UploadId: id, PartNumber: &n, Body: bytes.NewReader(d), ChecksumAlgorithm: in.ChecksumAlgorithm}))(t)
		done = append(done, types.CompletedPart{PartNumber: &n, ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32, ChecksumCRC32C: p.ChecksumCRC32C,
			ChecksumCRC64NVME: p.ChecksumCRC64NVME, ChecksumSHA1: p.ChecksumSHA1, ChecksumSHA256: p.ChecksumSHA256})
	}
	return id, done
}

func TestMultipartUpload(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	data := pattern(11*mib + 5)
	a, b, c := data[:5*mib], data[5*mib:10*mib+3], data[10*mib+3:]
	in := &sdk.CreateMultipartUploadInput{Bucket: new("bucket"), Key: new("big"), ContentType: new("text/x"), Metadata: map[string]string{"m": "v"}, Tagging: new("t=1"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32}
	id, done := uploadOf(t, s, in, a, b, c)
	if list := must(s.ListMultipartUploads(ctx, &sdk.ListMultipartUploadsInput{Bucket: new("bucket")}))(t); len(list.Uploads) != 1 || *list.Uploads[0].UploadId != *id {
		t.Errorf("uploads: %v", list.Uploads)
	}
	first := must(s.ListParts(ctx, &sdk.ListPartsInput{Bucket: new("bucket"), Key: new("big"), UploadId: id, MaxParts: new(int32(2))}))(t)
	if len(first.Parts) != 2 || !*first.IsTruncated || *first.NextPartNumberMarker != "2" || *first.Parts[1].Size != int64(len(b)) {
		t.Errorf("first page of parts: %+v", first)
	}
	complete := &sdk.CompleteMultipartUploadInput{Bucket: new("bucket"), Key: new("big"), UploadId: id, MultipartUpload: &types.CompletedMultipartUpload{Parts: done}}
	out := must(s.CompleteMultipartUpload(ctx, complete))(t)
	h := md5.New()
	for _, p := range [][]byte{a, b, c} {
		sum := md5.Sum(p)
		h.Write(sum[:])
	}
	if want := fmt.Sprintf(`"%s-3"`, hex.EncodeToString(h.Sum(nil))); *out.ETag != want {
		t.Errorf("ETag %s, want %s", *out.ETag, want)
	}
	if out.ChecksumCRC32 == nil || !strings.HasSuffix(*out.ChecksumCRC32, "-3") || out.ChecksumType != types.ChecksumTypeComposite {
		t.Errorf("checksum %v, %v", out.ChecksumCRC32, out.ChecksumType)
	}
	got := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("big")}))(t)
	if !bytes.Equal(readAll(t, got.Body), data) || *got.ContentType != "text/x" || got.Metadata["m"] != "v" || *got.TagCount != 1 {
		t.Error("the object is not what was uploaded")
	}
	part := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("big"), PartNumber: new(int32(2))}))(t)
	if !bytes.Equal(readAll(t, part.Body), b) || *part.PartsCount != 3 || *part.ContentRange != fmt.Sprintf("bytes %d-%d/%d", len(a), len(a)+len(b)-1, len(data)) {
		t.Errorf("part 2: %v of %v", *part.ContentRange, *part.PartsCount)
	}
	_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("big"), PartNumber: new(int32(4))})
	wantCode(t, err, "InvalidPartNumber")
	across := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("big"), Range: new(fmt.Sprintf("bytes=%d-%d", len(a)-10, len(a)+len(b)+9))}))(t)
	if !bytes.Equal(readAll(t, across.Body), data[len(a)-10:len(a)+len(b)+10]) {
		t.Error("a range across parts is wrong")
	}
	attr := must(s.GetObjectAttributes(ctx, &sdk.GetObjectAttributesInput{Bucket: new("bucket"), Key: new("big"), ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesObjectParts, types.ObjectAttributesChecksum}}))(t)
	if *attr.ObjectParts.TotalPartsCount != 3 || len(attr.ObjectParts.Parts) != 3 || attr.ObjectParts.Parts[2].ChecksumCRC32 == nil || strings.Contains(*attr.Checksum.ChecksumCRC32, "-") {
		t.Errorf("attributes: %+v", attr.ObjectParts)
	}
	if again := must(s.CompleteMultipartUpload(ctx, complete))(t); *again.ETag != *out.ETag {
		t.Error("completing again answers something else")
	}
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("big")}))(t)
	nothingLeft(t, w.View)
}

// Without a composite, the checksum is that of the whole object.
func TestMultipartFullObjectChecksum(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	data := pattern(5*mib + 1000)
	for _, name := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc64nvme} {
		in := &sdk.CreateMultipartUploadInput{Bucket: new("bucket"), Key: new("k"), ChecksumAlgorithm: name, ChecksumType: types.ChecksumTypeFullObject}
		id, done := uploadOf(t, s, in, data[:5*mib], data[5*mib:])
		multi := must(s.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: id, MpuObjectSize: new(int64(len(data))), MultipartUpload: &types.CompletedMultipartUpload{Parts: done}}))(t)
		single := must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("single"), Body: bytes.NewReader(data), ChecksumAlgorithm: name}))(t)
		if multi.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%s: type %s", name, multi.ChecksumType)
		}
		for _, pair := range [][2]*string{{multi.ChecksumCRC32, single.ChecksumCRC32}, {multi.ChecksumCRC64NVME, single.ChecksumCRC64NVME}} {
			if (pair[0] == nil) != (pair[1] == nil) || pair[0] != nil && *pair[0] != *pair[1] {
				t.Errorf("%s: %v and %v", name, pair[0], pair[1])
			}
		}
	}
	_, err := s.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: new("bucket"), Key: new("k"), ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumType: types.ChecksumTypeFullObject})
	wantCode(t, err, "InvalidRequest")
}

func TestMultipartErrors(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	in := &sdk.CreateMultipartUploadInput{Bucket: new("bucket"), Key: new("k"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32}
	id, done := uploadOf(t, s, in, []byte("small"), []byte("last"))
	complete := func(parts ...types.CompletedPart) error {
		_, err := s.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		return err
	}
	wantCode(t, complete(done...), "EntityTooSmall")
	wantCode(t, complete(done[1], done[0]), "InvalidPartOrder")
	wrong := done[0]
	wrong.ETag = new(`"00000000000000000000000000000000"`)
	wantCode(t, complete(wrong), "InvalidPart")
	missing := done[0]
	missing.PartNumber = new(int32(7))
	wantCode(t, complete(missing), "InvalidPart")
	bare := types.CompletedPart{PartNumber: done[0].PartNumber, ETag: done[0].ETag}
	wantCode(t, complete(bare), "InvalidRequest")
	wantCode(t, complete(), "MalformedXML")
	_, err := s.UploadPart(ctx, &sdk.UploadPartInput{Bucket: in.Bucket, Key: in.Key, UploadId: id, PartNumber: new(int32(10_001)), Body: strings.NewReader("x")})
	wantCode(t, err, "InvalidArgument")
	_, err = s.UploadPart(ctx, &sdk.UploadPartInput{Bucket: in.Bucket, Key: in.Key, UploadId: id, PartNumber: new(int32(3)), Body: strings.NewReader("x"), ChecksumAlgorithm: types.ChecksumAlgorithmSha1})
	wantCode(t, err, "InvalidRequest")
	_, err = s.UploadPart(ctx, &sdk.UploadPartInput{Bucket: in.Bucket, Key: new("other"), UploadId: id, PartNumber: new(int32(1)), Body: strings.NewReader("x")})
	wantCode(t, err, "NoSuchUpload")
	must(s.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: id}))(t)
	_, err = s.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: id})
	wantCode(t, err, "NoSuchUpload")
	nothingLeft(t, w.View)
}

func TestUploadPartCopy(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	data := pattern(6 * mib)
	put(t, s, "bucket", "source", string(data))
	id := must(s.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: new("bucket"), Key: new("k")}))(t).UploadId
	copyPart := func(n int32, span string) (*sdk.UploadPartCopyOutput, error) {
		return s.UploadPartCopy(ctx, &sdk.UploadPartCopyInput{Bucket: new("bucket"), Key: new("k"), UploadId: id, PartNumber: &n, CopySource: new("bucket/source"), CopySourceRange: &span})
	}
	one := must(copyPart(1, fmt.Sprintf("bytes=0-%d", 5*mib-1)))(t)
	two := must(copyPart(2, fmt.Sprintf("bytes=%d-%d", 5*mib, 6*mib-1)))(t)
	_, err := copyPart(3, fmt.Sprintf("bytes=0-%d", 6*mib))
	wantCode(t, err, "InvalidArgument")
	must(s.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{Bucket: new("bucket"), Key: new("k"), UploadId: id, MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{
		{PartNumber: new(int32(1)), ETag: one.CopyPartResult.ETag}, {PartNumber: new(int32(2)), ETag: two.CopyPartResult.ETag}}}}))(t)
	if get(t, s, "bucket", "k") != string(data) {
		t.Error("the copy differs")
	}
}
