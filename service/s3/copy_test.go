package s3

import (
	"context"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestCopyTakesWhatItIsToldTo(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "from")
	makeBucket(t, s, "into")
	must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("from"), Key: new("a b/ü+"), Body: strings.NewReader("content"), ContentType: new("text/x"), Metadata: map[string]string{"m": "1"}, Tagging: new("t=1")}))(t)
	source := new("from/a%20b/%C3%BC%2B")
	out := must(s.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: new("into"), Key: new("copy"), CopySource: source}))(t)
	if *out.CopyObjectResult.ETag != `"9a0364b9e99bb480dd25e1f0284c8555"` {
		t.Errorf("ETag %s", *out.CopyObjectResult.ETag)
	}
	h := must(s.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: new("into"), Key: new("copy")}))(t)
	if *h.ContentType != "text/x" || h.Metadata["m"] != "1" || *h.TagCount != 1 || get(t, s, "into", "copy") != "content" {
		t.Errorf("copied: %v, %v, %v", *h.ContentType, h.Metadata, h.TagCount)
	}
	must(s.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: new("into"), Key: new("copy"), CopySource: source, MetadataDirective: types.MetadataDirectiveReplace,
		Metadata: map[string]string{"n": "2"}, TaggingDirective: types.TaggingDirectiveReplace, StorageClass: types.StorageClassOnezoneIa}))(t)
	h = must(s.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: new("into"), Key: new("copy")}))(t)
	if h.Metadata["m"] != "" || h.Metadata["n"] != "2" || h.TagCount != nil || h.StorageClass != types.StorageClassOnezoneIa {
		t.Errorf("replaced: %v, %v, %v", h.Metadata, h.TagCount, h.StorageClass)
	}
}

func TestCopyErrors(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "k", "x")
	for _, test := range []struct {
		name, code string
		in         sdk.CopyObjectInput
	}{
		{"to itself", "InvalidRequest", sdk.CopyObjectInput{CopySource: new("bucket/k"), Key: new("k")}},
		{"no key", "InvalidArgument", sdk.CopyObjectInput{CopySource: new("bucket"), Key: new("c")}},
		{"no such key", "NoSuchKey", sdk.CopyObjectInput{CopySource: new("bucket/none"), Key: new("c")}},
		{"no such bucket", "NoSuchBucket", sdk.CopyObjectInput{CopySource: new("no-bucket/none"), Key: new("c")}},
		{"no such version", "InvalidArgument", sdk.CopyObjectInput{CopySource: new("bucket/k?versionId=x"), Key: new("c")}},
		{"condition", "PreconditionFailed", sdk.CopyObjectInput{CopySource: new("bucket/k"), CopySourceIfMatch: new("x"), Key: new("c")}},
		{"directive", "InvalidArgument", sdk.CopyObjectInput{CopySource: new("bucket/k"), MetadataDirective: "KEEP", Key: new("c")}},
		{"class", "InvalidStorageClass", sdk.CopyObjectInput{CopySource: new("bucket/k"), StorageClass: "COLD", Key: new("c")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.in.Bucket = new("bucket")
			_, err := s.CopyObject(ctx, &test.in)
			wantCode(t, err, test.code)
		})
	}
	must(s.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: new("bucket"), Key: new("k"), CopySource: new("bucket/k"), StorageClass: types.StorageClassStandardIa}))(t)
	must(s.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: new("bucket"), Key: new("k"), CopySource: new("/bucket/k"), MetadataDirective: types.MetadataDirectiveReplace}))(t)
}
