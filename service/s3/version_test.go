package s3

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"pileus/store"
)

func versioning(t testing.TB, s *sdk.Client, bucket string, status types.BucketVersioningStatus) {
	t.Helper()
	must(s.PutBucketVersioning(context.Background(), &sdk.PutBucketVersioningInput{Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: status}}))(t)
}

// versionsOf are a key's versions, newest first, as id:latest, with a ! before
// delete markers.
func versionsOf(t testing.TB, s *sdk.Client, bucket string) []string {
	t.Helper()
	out := must(s.ListObjectVersions(context.Background(), &sdk.ListObjectVersionsInput{Bucket: &bucket}))(t)
	var list []string
	for _, v := range out.Versions {
		list = append(list, aws.ToString(v.VersionId))
	}
	for _, m := range out.DeleteMarkers {
		list = append(list, "!"+aws.ToString(m.VersionId))
	}
	return list
}

func TestVersionsStayAndMarkersHide(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "k", "null version")
	versioning(t, s, "bucket", types.BucketVersioningStatusEnabled)
	v1 := put(t, s, "bucket", "k", "one")
	w.Advance(time.Second)
	v2 := put(t, s, "bucket", "k", "two")
	if v1 == v2 || len(v1) != 32 || get(t, s, "bucket", "k") != "two" {
		t.Fatalf("versions %q and %q", v1, v2)
	}
	for id, want := range map[string]string{"null": "null version", v1: "one", v2: "two"} {
		out := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: &id}))(t)
		if got := string(readAll(t, out.Body)); got != want || *out.VersionId != id {
			t.Errorf("version %s is %q, want %q", id, got, want)
		}
	}
	gone := must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k")}))(t)
	if !*gone.DeleteMarker || *gone.VersionId == v2 {
		t.Errorf("delete answers %v, %v", gone.DeleteMarker, *gone.VersionId)
	}
	_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k")})
	wantCode(t, err, "NoSuchKey")
	var re *smithyhttp.ResponseError
	if errors.As(err, &re); re.Response.Header.Get("X-Amz-Delete-Marker") != "true" {
		t.Error("the answer does not tell of the delete marker")
	}
	_, err = s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: gone.VersionId})
	wantCode(t, err, "MethodNotAllowed")
	_, err = s.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: gone.VersionId})
	if !errors.As(err, &re) || re.HTTPStatusCode() != http.StatusMethodNotAllowed || re.Response.Header.Get("Allow") != "DELETE" {
		t.Errorf("HEAD of a marker: %v", err)
	}
	// Without the marker the object is back; without its latest version, the one before.
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: gone.VersionId}))(t)
	if get(t, s, "bucket", "k") != "two" {
		t.Error("the object is not back")
	}
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: &v2}))(t)
	if get(t, s, "bucket", "k") != "one" {
		t.Error("the older version is not the latest")
	}
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: new("null")}))(t)
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: &v1}))(t)
	if list := versionsOf(t, s, "bucket"); len(list) != 0 {
		t.Errorf("left: %v", list)
	}
	_, err = s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: &v1})
	wantCode(t, err, "NoSuchVersion")
	_, err = s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: new("rubbish")})
	wantCode(t, err, "InvalidArgument")
	nothingLeft(t, w.View)
}

// nothingLeft fails the test if content or records of objects are left.
func nothingLeft(t *testing.T, view func(func(store.Reader))) {
	t.Helper()
	view(func(r store.Reader) {
		for range objects.Scan(r) {
			t.Error("an object is left")
		}
		for range versions.Scan(r) {
			t.Error("a version is left")
		}
		for range parts.Scan(r) {
			t.Error("a list of parts is left")
		}
		for range uploadParts.Scan(r) {
			t.Error("a part is left")
		}
		for k := range r.Scan(store.Range{From: []byte("~blob"), To: []byte("~bloc")}) {
			t.Errorf("content is left: %q", k)
		}
	})
}

func TestSuspendedVersioningReplacesTheNullVersion(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	versioning(t, s, "bucket", types.BucketVersioningStatusEnabled)
	v1 := put(t, s, "bucket", "k", "one")
	versioning(t, s, "bucket", types.BucketVersioningStatusSuspended)
	if id := put(t, s, "bucket", "k", "null a"); id != "null" {
		t.Fatalf("version %q, want null", id)
	}
	put(t, s, "bucket", "k", "null b")
	if list := strings.Join(versionsOf(t, s, "bucket"), " "); list != "null "+v1 {
		t.Fatalf("versions %s", list)
	}
	versioning(t, s, "bucket", types.BucketVersioningStatusEnabled)
	v2 := put(t, s, "bucket", "k", "two")
	versioning(t, s, "bucket", types.BucketVersioningStatusSuspended)
	// The null version is a noncurrent one now; a null marker takes its place.
	out := must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k")}))(t)
	if *out.VersionId != "null" || !*out.DeleteMarker {
		t.Errorf("delete answers %v", *out.VersionId)
	}
	if list := strings.Join(versionsOf(t, s, "bucket"), " "); list != v2+" "+v1+" !null" {
		t.Errorf("versions %s", list)
	}
	for _, id := range []string{"null", v1, v2} {
		must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: &id}))(t)
	}
	nothingLeft(t, w.View)
}

// Whatever is done to a key, the flags of its latest version tell the truth
// about the older ones.
func TestLatestVersionKnowsTheOlderOnes(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	steps := []string{"put", "enable", "put", "put", "suspend", "put", "put", "enable", "put", "delete", "drop 1", "suspend", "delete", "put", "drop 2", "drop 0", "drop null", "enable", "put", "drop 0", "drop 0", "drop 0"}
	for i, step := range steps {
		w.Advance(time.Second)
		switch step {
		case "put":
			put(t, s, "bucket", "k", step)
		case "enable":
			versioning(t, s, "bucket", types.BucketVersioningStatusEnabled)
		case "suspend":
			versioning(t, s, "bucket", types.BucketVersioningStatusSuspended)
		case "delete":
			must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k")}))(t)
		default:
			id := "null"
			if n := step[len(step)-1]; n >= '0' && n <= '9' {
				ids := idsOf(w.View)
				if int(n-'0') >= len(ids) {
					continue
				}
				id = ids[n-'0']
			}
			must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: &id}))(t)
		}
		checkFlags(t, w.View, i, step)
	}
}

// idsOf are the versions of the key k, newest first.
func idsOf(view func(func(store.Reader))) (ids []string) {
	view(func(r store.Reader) {
		if o, ok := objects.Get(r, "bucket", "k"); ok {
			ids = append(ids, o.VersionID())
		}
		for v := range versions.Scan(r, "bucket", "k") {
			ids = append(ids, v.VersionID())
		}
	})
	return ids
}

func checkFlags(t *testing.T, view func(func(store.Reader)), i int, step string) {
	t.Helper()
	view(func(r store.Reader) {
		top, ok := objects.Get(r, "bucket", "k")
		older, null, last := 0, int64(0), int64(1<<62)
		for v := range versions.Scan(r, "bucket", "k") {
			older++
			if v.isNull() {
				null = v.Seq
			}
			if v.Noncurrent.IsZero() || v.Older || v.NullSeq != 0 || v.Seq >= last || ok && v.Seq >= top.Seq {
				t.Errorf("step %d, %s: older version %+v", i, step, v)
			}
			last = v.Seq
		}
		if !ok {
			if older != 0 {
				t.Errorf("step %d, %s: %d versions without a latest", i, step, older)
			}
			return
		}
		if top.Older != (older > 0) || top.NullSeq != null || !top.Noncurrent.IsZero() {
			t.Errorf("step %d, %s: latest says older %v, null %d; there are %d, null %d", i, step, top.Older, top.NullSeq, older, null)
		}
	})
}
