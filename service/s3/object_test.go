package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func TestPutAndGetEverySize(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	for _, size := range []int{0, 1, 4096, 32 << 10, 300 << 10, 5<<20 + 7} {
		data := pattern(size)
		sum := md5.Sum(data)
		in := must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("key"), Body: bytes.NewReader(data), Metadata: map[string]string{"Color": "blue"}}))(t)
		if want := `"` + hex.EncodeToString(sum[:]) + `"`; *in.ETag != want {
			t.Errorf("%d bytes: ETag %s, want %s", size, *in.ETag, want)
		}
		out := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("key"), ChecksumMode: types.ChecksumModeEnabled}))(t)
		if !bytes.Equal(readAll(t, out.Body), data) {
			t.Errorf("%d bytes come back changed", size)
		}
		if *out.ContentLength != int64(size) || *out.ContentType != "application/octet-stream" || out.Metadata["color"] != "blue" {
			t.Errorf("%d bytes: %d, %s, %v", size, *out.ContentLength, *out.ContentType, out.Metadata)
		}
		if out.ChecksumCRC32 == nil || out.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%d bytes: checksum %v, %v", size, out.ChecksumCRC32, out.ChecksumType)
		}
		if out.ServerSideEncryption != types.ServerSideEncryptionAes256 || out.VersionId != nil {
			t.Errorf("%d bytes: %v, version %v", size, out.ServerSideEncryption, out.VersionId)
		}
	}
}

func TestHeadersComeBack(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	expires := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: strings.NewReader("x"), ContentType: new("text/plain"),
		CacheControl: new("max-age=5"), ContentDisposition: new("attachment"), ContentEncoding: new("gzip"), ContentLanguage: new("de"),
		Expires: &expires, WebsiteRedirectLocation: new("/other"), StorageClass: types.StorageClassStandardIa, Tagging: new("a=1&b=2"),
		Metadata: map[string]string{"name": "=?UTF-8?B?w7xiZXI=?="}}))(t)
	h := must(s.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: new("bucket"), Key: new("k")}))(t)
	for name, pair := range map[string][2]string{
		"Content-Type": {*h.ContentType, "text/plain"}, "Cache-Control": {*h.CacheControl, "max-age=5"},
		"Content-Disposition": {*h.ContentDisposition, "attachment"}, "Content-Encoding": {*h.ContentEncoding, "gzip"},
		"Content-Language": {*h.ContentLanguage, "de"}, "Expires": {*h.ExpiresString, "Tue, 01 Jan 2030 00:00:00 GMT"},
		"redirect": {*h.WebsiteRedirectLocation, "/other"}, "class": {string(h.StorageClass), "STANDARD_IA"},
		"metadata": {h.Metadata["name"], "=?UTF-8?b?w7xiZXI=?="}, "Accept-Ranges": {*h.AcceptRanges, "bytes"},
	} {
		if !strings.EqualFold(pair[0], pair[1]) {
			t.Errorf("%s is %q, want %q", name, pair[0], pair[1])
		}
	}
	g := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), ResponseContentType: new("image/png"), ResponseCacheControl: new("no-store")}))(t)
	if *g.ContentType != "image/png" || *g.CacheControl != "no-store" || *g.TagCount != 2 {
		t.Errorf("overrides: %s, %s, %d tags", *g.ContentType, *g.CacheControl, *g.TagCount)
	}
}

func TestRangesOverHTTP(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	data := pattern(200_000)
	put(t, s, "bucket", "k", string(data))
	for header, want := range map[string][]byte{
		"bytes=0-9": data[:10], "bytes=199990-": data[199990:], "bytes=-5": data[199995:], "bytes=65530-131080": data[65530:131081],
	} {
		out := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), Range: &header}))(t)
		if !bytes.Equal(readAll(t, out.Body), want) || *out.ContentLength != int64(len(want)) || !strings.HasSuffix(*out.ContentRange, "/200000") {
			t.Errorf("%s: %d bytes, %s", header, *out.ContentLength, *out.ContentRange)
		}
	}
	_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), Range: new("bytes=200000-")})
	wantCode(t, err, "InvalidRange")
	out := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), Range: new("bytes=0-1,5-6")}))(t)
	if out.ContentRange != nil || len(readAll(t, out.Body)) != len(data) {
		t.Error("several ranges should answer the whole object")
	}
}

func TestErrorsOfReads(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("nothing")})
	var none *types.NoSuchKey
	if !errors.As(err, &none) || none.ErrorMessage() != "The specified key does not exist." {
		t.Errorf("missing key: %v", err)
	}
	_, err = s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("no-such-bucket"), Key: new("k")})
	wantCode(t, err, "NoSuchBucket")
	_, err = s.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: new("bucket"), Key: new("nothing")})
	var re *smithyhttp.ResponseError
	if !errors.As(err, &re) || re.HTTPStatusCode() != http.StatusNotFound {
		t.Errorf("HEAD of a missing key: %v", err)
	}
	etag := *must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: strings.NewReader("x")}))(t).ETag
	_, err = s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), IfNoneMatch: &etag})
	if !errors.As(err, &re) || re.HTTPStatusCode() != http.StatusNotModified || re.Response.Header.Get("Etag") != etag {
		t.Errorf("If-None-Match: %v", err)
	}
	_, err = s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), IfMatch: new(`"other"`)})
	wantCode(t, err, "PreconditionFailed")
}

func TestConditionalWrites(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	write := func(match, noneMatch *string) (*sdk.PutObjectOutput, error) {
		return s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: strings.NewReader("x"), IfMatch: match, IfNoneMatch: noneMatch})
	}
	_, err := write(new(`"x"`), nil)
	wantCode(t, err, "NoSuchKey")
	etag := must(write(nil, new("*")))(t).ETag
	_, err = write(nil, new("*"))
	wantCode(t, err, "PreconditionFailed")
	must(write(etag, nil))(t)
	_, err = write(new(`"x"`), nil)
	wantCode(t, err, "PreconditionFailed")
	_, err = write(nil, new(`"x"`))
	wantCode(t, err, "NotImplemented")

	_, err = s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), IfMatch: new(`"x"`)})
	wantCode(t, err, "PreconditionFailed")
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), IfMatch: etag}))(t)
	_, err = s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), IfMatch: etag})
	wantCode(t, err, "NoSuchKey")
}

func TestEveryChecksumAlgorithm(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	for _, name := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256} {
		data := pattern(70_000)
		must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: bytes.NewReader(data), ChecksumAlgorithm: name}))(t)
		out := must(s.GetObjectAttributes(ctx, &sdk.GetObjectAttributesInput{Bucket: new("bucket"), Key: new("k"),
			ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesChecksum, types.ObjectAttributesEtag, types.ObjectAttributesObjectSize, types.ObjectAttributesStorageClass}}))(t)
		h := findAlgorithm(string(name)).make()
		h.Write(data)
		want := base64.StdEncoding.EncodeToString(h.Sum(nil))
		got := map[types.ChecksumAlgorithm]*string{types.ChecksumAlgorithmCrc32: out.Checksum.ChecksumCRC32, types.ChecksumAlgorithmCrc32c: out.Checksum.ChecksumCRC32C,
			types.ChecksumAlgorithmCrc64nvme: out.Checksum.ChecksumCRC64NVME, types.ChecksumAlgorithmSha1: out.Checksum.ChecksumSHA1, types.ChecksumAlgorithmSha256: out.Checksum.ChecksumSHA256}
		if got[name] == nil || *got[name] != want {
			t.Errorf("%s: stored %v, want %s", name, got[name], want)
		}
		if *out.ObjectSize != int64(len(data)) || out.StorageClass != types.StorageClassStandard || strings.Contains(*out.ETag, `"`) {
			t.Errorf("%s: attributes %d, %s, %s", name, *out.ObjectSize, out.StorageClass, *out.ETag)
		}
	}
	_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("bad"), Body: strings.NewReader("x"), ChecksumSHA256: new("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")})
	wantCode(t, err, "BadDigest")
	_, err = s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("bad"), Body: strings.NewReader("x"), ChecksumCRC32: new("rubbish")})
	wantCode(t, err, "InvalidRequest")
	_, err = s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("bad"), Body: strings.NewReader("x"), ContentMD5: new("1B2M2Y8AsgTpgAmY7PhCfg==")})
	wantCode(t, err, "BadDigest")
	_, err = s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("bad"), Body: strings.NewReader("x"), ContentMD5: new("rubbish")})
	wantCode(t, err, "InvalidDigest")
	_, err = s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("bad")})
	wantCode(t, err, "NoSuchKey")
}

func TestObjectTags(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "k", "x")
	tags := func(n int) *types.Tagging {
		set := &types.Tagging{TagSet: []types.Tag{}}
		for i := range n {
			set.TagSet = append(set.TagSet, types.Tag{Key: new(string(rune('a' + i))), Value: new("v")})
		}
		return set
	}
	must(s.PutObjectTagging(ctx, &sdk.PutObjectTaggingInput{Bucket: new("bucket"), Key: new("k"), Tagging: tags(10)}))(t)
	if out := must(s.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: new("bucket"), Key: new("k")}))(t); len(out.TagSet) != 10 || *out.TagSet[0].Key != "a" {
		t.Errorf("tags: %v", out.TagSet)
	}
	_, err := s.PutObjectTagging(ctx, &sdk.PutObjectTaggingInput{Bucket: new("bucket"), Key: new("k"), Tagging: tags(11)})
	wantCode(t, err, "BadRequest")
	_, err = s.PutObjectTagging(ctx, &sdk.PutObjectTaggingInput{Bucket: new("bucket"), Key: new("k"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: new("aws:x"), Value: new("")}}}})
	wantCode(t, err, "InvalidTag")
	_, err = s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: strings.NewReader("x"), Tagging: new("a=1&a=2")})
	wantCode(t, err, "InvalidArgument")
	must(s.DeleteObjectTagging(ctx, &sdk.DeleteObjectTaggingInput{Bucket: new("bucket"), Key: new("k")}))(t)
	if out := must(s.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: new("bucket"), Key: new("k")}))(t); len(out.TagSet) != 0 {
		t.Errorf("tags after delete: %v", out.TagSet)
	}
}

func TestDeleteObjects(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "a", "x")
	put(t, s, "bucket", "b", "x")
	out := must(s.DeleteObjects(ctx, &sdk.DeleteObjectsInput{Bucket: new("bucket"), Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: new("a")}, {Key: new("never-there")}, {Key: new("b"), VersionId: new("rubbish")}}}}))(t)
	if len(out.Deleted) != 2 || len(out.Errors) != 1 || *out.Errors[0].Code != "InvalidArgument" && *out.Errors[0].Code != "NoSuchVersion" {
		t.Errorf("deleted %v, errors %v", out.Deleted, out.Errors)
	}
	out = must(s.DeleteObjects(ctx, &sdk.DeleteObjectsInput{Bucket: new("bucket"), Delete: &types.Delete{Quiet: new(true), Objects: []types.ObjectIdentifier{{Key: new("b")}}}}))(t)
	if len(out.Deleted) != 0 || len(out.Errors) != 0 {
		t.Errorf("quiet: %v, %v", out.Deleted, out.Errors)
	}
	many := make([]types.ObjectIdentifier, 1001)
	for i := range many {
		many[i].Key = new("k")
	}
	_, err := s.DeleteObjects(ctx, &sdk.DeleteObjectsInput{Bucket: new("bucket"), Delete: &types.Delete{Objects: many}})
	wantCode(t, err, "MalformedXML")
}

func TestEncryptionWithCustomerKeys(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	raw := pattern(32)
	sum := md5.Sum(raw)
	key, digest := base64.StdEncoding.EncodeToString(raw), base64.StdEncoding.EncodeToString(sum[:])
	other := pattern(33)[1:]
	otherSum := md5.Sum(other)
	data := pattern(100_000)
	must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: bytes.NewReader(data), SSECustomerAlgorithm: new("AES256"), SSECustomerKey: &key, SSECustomerKeyMD5: &digest}))(t)
	out := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), SSECustomerAlgorithm: new("AES256"), SSECustomerKey: &key, SSECustomerKeyMD5: &digest}))(t)
	if !bytes.Equal(readAll(t, out.Body), data) || *out.SSECustomerKeyMD5 != digest || out.ServerSideEncryption != "" {
		t.Error("content, digest or encryption is wrong")
	}
	_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k")})
	wantCode(t, err, "InvalidRequest")
	_, err = s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), SSECustomerAlgorithm: new("AES256"),
		SSECustomerKey: new(base64.StdEncoding.EncodeToString(other)), SSECustomerKeyMD5: new(base64.StdEncoding.EncodeToString(otherSum[:]))})
	wantCode(t, err, "AccessDenied")
	_, err = s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("k2"), Body: strings.NewReader("x"), SSECustomerAlgorithm: new("AES256"), SSECustomerKey: &key, SSECustomerKeyMD5: new("1B2M2Y8AsgTpgAmY7PhCfg==")})
	wantCode(t, err, "InvalidArgument")
	_, err = s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("k2"), Body: strings.NewReader("x"), ServerSideEncryption: types.ServerSideEncryptionAwsKms})
	wantCode(t, err, "NotImplemented")

	// A copy may change the key that seals the content.
	must(s.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: new("bucket"), Key: new("plain"), CopySource: new("bucket/k"),
		CopySourceSSECustomerAlgorithm: new("AES256"), CopySourceSSECustomerKey: &key, CopySourceSSECustomerKeyMD5: &digest}))(t)
	if get(t, s, "bucket", "plain") != string(data) {
		t.Error("the copy differs")
	}
	_ = w
}
