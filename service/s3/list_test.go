package s3

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/store"
)

// seed writes records of objects without content.
func seed(w *nodetest.World, bucket string, keys ...string) {
	w.Update(func(tx store.Tx) {
		for i, k := range keys {
			objects.Insert(tx, &Object{Bucket: bucket, Key: k, Seq: int64(i + 1), Modified: w.Now(), Owner: nodetest.Account, ETag: "e", Size: int64(i)})
		}
	})
}

// pages lists a bucket with V2, page by page: keys, and prefixes in brackets.
func pages(t *testing.T, s *sdk.Client, in *sdk.ListObjectsV2Input) (all [][]string) {
	t.Helper()
	for {
		out := must(s.ListObjectsV2(context.Background(), in))(t)
		var page []string
		for _, o := range out.Contents {
			page = append(page, *o.Key)
		}
		for _, p := range out.CommonPrefixes {
			page = append(page, "["+*p.Prefix+"]")
		}
		if int(*out.KeyCount) != len(page) {
			t.Errorf("KeyCount %d of %v", *out.KeyCount, page)
		}
		all = append(all, page)
		if !*out.IsTruncated {
			return all
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

func TestListObjectsV2(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	makeBucket(t, s, "bucket2") // its keys must not show
	seed(w, "bucket2", "a", "zz")
	seed(w, "bucket", "a", "a/1", "a/2", "a/b/3", "a0", "b/", "b/x", "c", "über/1", "über/2", "~")
	for _, test := range []struct {
		name string
		in   sdk.ListObjectsV2Input
		want string
	}{
		{"all", sdk.ListObjectsV2Input{}, "a a/1 a/2 a/b/3 a0 b/ b/x c ~ über/1 über/2"},
		{"delimiter", sdk.ListObjectsV2Input{Delimiter: new("/")}, "a a0 c ~ [a/] [b/] [über/]"},
		{"prefix", sdk.ListObjectsV2Input{Prefix: new("a/")}, "a/1 a/2 a/b/3"},
		{"prefix and delimiter", sdk.ListObjectsV2Input{Prefix: new("a/"), Delimiter: new("/")}, "a/1 a/2 [a/b/]"},
		{"prefix of a prefix", sdk.ListObjectsV2Input{Prefix: new("a"), Delimiter: new("/")}, "a a0 [a/]"},
		{"folder marker", sdk.ListObjectsV2Input{Prefix: new("b/"), Delimiter: new("/")}, "b/ b/x"},
		{"long delimiter", sdk.ListObjectsV2Input{Delimiter: new("/b/")}, "a a/1 a/2 a0 b/ b/x c ~ über/1 über/2 [a/b/]"},
		{"start after", sdk.ListObjectsV2Input{StartAfter: new("b/")}, "b/x c ~ über/1 über/2"},
		{"start after what is not there", sdk.ListObjectsV2Input{StartAfter: new("a1")}, "b/ b/x c ~ über/1 über/2"},
		{"pages", sdk.ListObjectsV2Input{MaxKeys: new(int32(3))}, "a a/1 a/2 | a/b/3 a0 b/ | b/x c ~ | über/1 über/2"},
		{"pages of prefixes", sdk.ListObjectsV2Input{MaxKeys: new(int32(2)), Delimiter: new("/")}, "a [a/] | a0 [b/] | c ~ | [über/]"},
		{"one by one", sdk.ListObjectsV2Input{MaxKeys: new(int32(1)), Delimiter: new("/"), Prefix: new("a")}, "a | [a/] | a0"},
		{"nothing", sdk.ListObjectsV2Input{Prefix: new("zz")}, ""},
		{"none wanted", sdk.ListObjectsV2Input{MaxKeys: new(int32(0))}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.in.Bucket = new("bucket")
			var got []string
			for _, p := range pages(t, s, &test.in) {
				got = append(got, strings.Join(p, " "))
			}
			if text := strings.Join(got, " | "); text != test.want {
				t.Errorf("\n got %s\nwant %s", text, test.want)
			}
		})
	}
	ctx := context.Background()
	_, err := s.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: new("bucket"), ContinuationToken: new("rubbish")})
	wantCode(t, err, "InvalidArgument")
	_, err = s.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: new("bucket"), MaxKeys: new(int32(-1))})
	wantCode(t, err, "InvalidArgument")
	out := must(s.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: new("bucket"), EncodingType: types.EncodingTypeUrl, Prefix: new("über/"), FetchOwner: new(true)}))(t)
	if *out.Contents[0].Key != "%C3%BCber/1" || *out.Prefix != "%C3%BCber/" || *out.Contents[0].Owner.ID != identity.CanonicalID(nodetest.Account) {
		t.Errorf("encoded: %s, %s, %v", *out.Contents[0].Key, *out.Prefix, out.Contents[0].Owner)
	}
}

func TestListObjectsV1Markers(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	seed(w, "bucket", "a", "d/1", "d/2", "e/1", "f")
	var got []string
	in := &sdk.ListObjectsInput{Bucket: new("bucket"), Delimiter: new("/"), MaxKeys: new(int32(1))}
	for {
		out := must(s.ListObjects(ctx, in))(t)
		for _, o := range out.Contents {
			got = append(got, *o.Key)
		}
		for _, p := range out.CommonPrefixes {
			got = append(got, *p.Prefix)
		}
		if !*out.IsTruncated {
			break
		}
		in.Marker = out.NextMarker
	}
	if want := []string{"a", "d/", "e/", "f"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if out := must(s.ListObjects(ctx, &sdk.ListObjectsInput{Bucket: new("bucket"), MaxKeys: new(int32(2))}))(t); out.NextMarker != nil || !*out.IsTruncated {
		t.Error("without a delimiter there is no NextMarker")
	}
}

// A page of folders seeks from folder to folder.
func TestListingSkipsWhatAPrefixHides(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	var keys []string
	for i := range 3 {
		for j := range 2000 {
			keys = append(keys, fmt.Sprintf("%d/%05d", i, j))
		}
	}
	seed(w, "bucket", keys...)
	w.View(func(r store.Reader) {
		c := &countingReader{Reader: r}
		p := &page{delimiter: "/", limit: 1000}
		walk(c, objects, "bucket", p, currentKey, func(o *Object) bool { return p.take(o.Key) })
		if len(p.prefixes) != 3 || c.rows > 10 {
			t.Errorf("%d prefixes cost %d rows", len(p.prefixes), c.rows)
		}
	})
}

type countingReader struct {
	store.Reader
	rows int
}

func (c *countingReader) Scan(rg store.Range) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		for k, v := range c.Reader.Scan(rg) {
			c.rows++
			if !yield(k, v) {
				return
			}
		}
	}
}

func TestListVersionsInPages(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	versioning(t, s, "bucket", types.BucketVersioningStatusEnabled)
	var want []string
	for _, k := range []string{"a", "b", "c"} {
		var ids []string
		for range 3 {
			ids = append(ids, k+put(t, s, "bucket", k, "x"))
		}
		slices.Reverse(ids)
		want = append(want, ids...)
	}
	for size := range int32(10) {
		var got []string
		latest := 0
		in := &sdk.ListObjectVersionsInput{Bucket: new("bucket"), MaxKeys: new(size + 1)}
		for {
			out := must(s.ListObjectVersions(ctx, in))(t)
			for _, v := range out.Versions {
				got = append(got, *v.Key+*v.VersionId)
				if *v.IsLatest {
					latest++
				}
			}
			if !*out.IsTruncated {
				break
			}
			in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
		}
		if !slices.Equal(got, want) || latest != 3 {
			t.Errorf("pages of %d: %d latest, %v", size+1, latest, got)
		}
	}
	if out := must(s.ListObjectVersions(ctx, &sdk.ListObjectVersionsInput{Bucket: new("bucket"), KeyMarker: new("a")}))(t); *out.Versions[0].Key != "b" {
		t.Errorf("a key marker alone leads to %s", *out.Versions[0].Key)
	}
	_, err := s.ListObjectVersions(ctx, &sdk.ListObjectVersionsInput{Bucket: new("bucket"), VersionIdMarker: new("null")})
	wantCode(t, err, "InvalidArgument")
}

func TestListUploadsInPages(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	for _, k := range []string{"a", "a", "b/1", "b/2", "c"} {
		must(s.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: new("bucket"), Key: &k}))(t)
	}
	var got []string
	in := &sdk.ListMultipartUploadsInput{Bucket: new("bucket"), Delimiter: new("/"), MaxUploads: new(int32(1))}
	for {
		out := must(s.ListMultipartUploads(ctx, in))(t)
		for _, u := range out.Uploads {
			got = append(got, *u.Key)
		}
		for _, p := range out.CommonPrefixes {
			got = append(got, *p.Prefix)
		}
		if !*out.IsTruncated {
			break
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
	if want := []string{"a", "a", "b/", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func BenchmarkListThousand(b *testing.B) {
	w, s := objectWorld(b)
	makeBucket(b, s, "bucket")
	w.Update(func(tx store.Tx) {
		for i := range 1000 {
			o := plainObject()
			o.Bucket, o.Key = "bucket", fmt.Sprintf("photos/2026/%06d.jpg", i)
			objects.Insert(tx, o)
		}
	})
	b.ReportAllocs()
	w.View(func(r store.Reader) {
		for b.Loop() {
			p := &page{limit: 1000}
			bucket, _ := buckets.Get(r, "bucket")
			if n := len(listing(w.Call(), r, bucket, p, encoder{}, false, nil)); n != 1000 {
				b.Fatal(n)
			}
		}
	})
}
