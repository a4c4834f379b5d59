package s3

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/node/nodetest"
	"pileus/store"
)

// counted is what stored says of the world, and summed what its records hold.
func counted(w *nodetest.World) (counted, summed map[string]int64) {
	counted, summed = map[string]int64{}, map[string]int64{}
	w.View(func(r store.Reader) {
		for u := range stored(r) {
			counted[u.Type] += int64(u.Quantity)
		}
		sum := Level{Bytes: summed}
		add := func(o *Object) {
			if p := classes[o.Class]; !o.Marker {
				size, small := p.billed(o.Size)
				sum.add(p.storage, size)
				sum.add(p.small, small)
			}
		}
		for o := range objects.Scan(r) {
			add(o)
		}
		for o := range versions.Scan(r) {
			add(o)
		}
		for p := range uploadParts.Scan(r) {
			sum.add(classes[""].storage, p.Size)
		}
	})
	return counted, summed
}

// Whatever is written, moved or deleted, what is billed is what is there.
func TestLevelsFollowEveryChange(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	b := new("bucket")
	makeBucket(t, s, "bucket")
	check := func(after string) {
		t.Helper()
		if got, want := counted(w); !maps.Equal(got, want) {
			t.Fatalf("after %s: %v is counted, %v is there", after, got, want)
		}
	}
	put(t, s, "bucket", "a", "12345")
	put(t, s, "bucket", "a", "1234567")
	check("an overwrite")
	must(s.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: b, Key: new("b"), CopySource: new("bucket/a"), StorageClass: types.StorageClassStandardIa}))(t)
	check("a copy")
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: b, Key: new("a")}))(t)
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: b, Key: new("a")}))(t)
	check("a deletion")
	must(s.PutBucketVersioning(ctx, &sdk.PutBucketVersioningInput{Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}))(t)
	first := put(t, s, "bucket", "v", "one")
	second := put(t, s, "bucket", "v", "two and")
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: b, Key: new("v")}))(t)
	check("three versions")
	for _, id := range []string{second, first} {
		must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: b, Key: new("v"), VersionId: &id}))(t)
		check("a version's end")
	}
	up := must(s.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: b, Key: new("m"), StorageClass: types.StorageClassGlacier}))(t)
	var part *sdk.UploadPartOutput
	for _, p := range []struct {
		number int32
		size   int
	}{{1, 10}, {2, 20}, {1, 30}} {
		part = must(s.UploadPart(ctx, &sdk.UploadPartInput{Bucket: b, Key: new("m"), UploadId: up.UploadId, PartNumber: &p.number, Body: bytes.NewReader(pattern(p.size))}))(t)
		check("a part")
	}
	must(s.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{Bucket: b, Key: new("m"), UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: new(int32(1)), ETag: part.ETag}}}}))(t)
	check("completion without a part")
	up = must(s.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: b, Key: new("m")}))(t)
	must(s.UploadPart(ctx, &sdk.UploadPartInput{Bucket: b, Key: new("m"), UploadId: up.UploadId, PartNumber: new(int32(1)), Body: strings.NewReader("part")}))(t)
	check("a part under way")
	must(s.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{Bucket: b, Key: new("m"), UploadId: up.UploadId}))(t)
	check("abortion")
	must(s.PutBucketLifecycleConfiguration(ctx, &sdk.PutBucketLifecycleConfigurationInput{Bucket: b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{
		Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{ObjectSizeGreaterThan: new(int64(0))},
		Transitions: []types.Transition{{Days: new(int32(60)), StorageClass: types.TransitionStorageClassDeepArchive}},
		Expiration:  &types.LifecycleExpiration{Days: new(int32(90))}, NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: new(int32(30))},
	}}}}))(t)
	w.Advance(70 * 24 * time.Hour)
	check("a transition")
	if got, _ := counted(w); got["TimedStorage-GDA-ByteHrs"] == 0 {
		t.Errorf("nothing was moved: %v", got)
	}
	w.Advance(70 * 24 * time.Hour)
	check("expiration")
	if got, _ := counted(w); len(got) != 0 {
		t.Errorf("%v is left", got)
	}
}

// Writers of one bucket count together.
func TestLevelsOfConcurrentWriters(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 12 {
				_, err := s.PutObject(context.Background(), &sdk.PutObjectInput{Bucket: new("bucket"), Key: new(fmt.Sprint((i*12 + j) % 20)), Body: strings.NewReader(strings.Repeat("x", i+j))})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got, want := counted(w); !maps.Equal(got, want) {
		t.Errorf("%v is counted, %v is there", got, want)
	}
}
