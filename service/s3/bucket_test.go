package s3

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"pileus/node/nodetest"
)

func TestBucketNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"abc": true, "a.b-c": true, "0ab": true, strings.Repeat("a", 63): true, "a-.b": true,
		"ab": false, strings.Repeat("a", 64): false, "Abc": false, "a_b": false, "-ab": false, "ab-": false, ".ab": false, "ab.": false,
		"a..b": false, "192.168.5.4": false, "xn--abc": false, "sthree-abc": false, "amzn-s3-demo-x": false, "abc-s3alias": false,
		"abc--ol-s3": false, "abc.mrap": false, "abc--x-s3": false, "äbc": false, "a b": false,
	} {
		if err := checkBucketName(name); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func regional(w *nodetest.World, region string) *sdk.Client {
	cfg := w.Config()
	cfg.Region = region
	return sdk.NewFromConfig(cfg, func(o *sdk.Options) { o.UsePathStyle = true })
}

func constraint(region string) *types.CreateBucketConfiguration {
	return &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
}

func TestWhereBucketsAreMade(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	frankfurt := regional(w, "eu-central-1")
	for _, test := range []struct {
		name   string
		client *sdk.Client
		config *types.CreateBucketConfiguration
		code   string
	}{
		{"virginia", s, nil, ""},
		{"virginia-named", s, constraint("us-east-1"), "InvalidLocationConstraint"},
		{"from-virginia", s, constraint("eu-west-1"), ""},
		{"nowhere", s, constraint("mars-1"), "InvalidLocationConstraint"},
		{"frankfurt", frankfurt, constraint("eu-central-1"), ""},
		{"frankfurt-unnamed", frankfurt, nil, "IllegalLocationConstraintException"},
		{"frankfurt-other", frankfurt, constraint("eu-west-1"), "IllegalLocationConstraintException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.client.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: &test.name, CreateBucketConfiguration: test.config})
			if test.code != "" {
				wantCode(t, err, test.code)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
	for bucket, want := range map[string]string{"virginia": "", "from-virginia": "eu-west-1", "frankfurt": "eu-central-1"} {
		if out := must(s.GetBucketLocation(ctx, &sdk.GetBucketLocationInput{Bucket: &bucket}))(t); string(out.LocationConstraint) != want {
			t.Errorf("%s lies in %q, want %q", bucket, out.LocationConstraint, want)
		}
	}
	// A client of another region is told where to go.
	_, err := s.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: new("frankfurt")})
	wantCode(t, err, "PermanentRedirect")
	var re *smithyhttp.ResponseError
	if errors.As(err, &re); re.HTTPStatusCode() != http.StatusMovedPermanently || re.Response.Header.Get("X-Amz-Bucket-Region") != "eu-central-1" {
		t.Errorf("redirect: %d, %v", re.HTTPStatusCode(), re.Response.Header)
	}
	_, err = s.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: new("frankfurt")})
	if !errors.As(err, &re) || re.Response.Header.Get("X-Amz-Bucket-Region") != "eu-central-1" {
		t.Errorf("HEAD: %v", err)
	}
	if h := must(frankfurt.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: new("frankfurt")}))(t); *h.BucketRegion != "eu-central-1" {
		t.Errorf("HEAD answers %s", *h.BucketRegion)
	}
}

func TestBucketNamesAreTakenOnce(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "mine")
	makeBucket(t, s, "mine") // us-east-1 has always answered 200
	frankfurt := regional(w, "eu-central-1")
	must(frankfurt.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: new("mine-too"), CreateBucketConfiguration: constraint("eu-central-1")}))(t)
	_, err := frankfurt.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: new("mine-too"), CreateBucketConfiguration: constraint("eu-central-1")})
	wantCode(t, err, "BucketAlreadyOwnedByYou")
	other := w.UserIn("111122223333", "bob", nodetest.Allow("s3:*"))
	_, err = clientAs(w, &other).CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: new("mine")})
	wantCode(t, err, "BucketAlreadyExists")
	_, err = clientAs(w, &other).HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: new("mine")})
	var re *smithyhttp.ResponseError
	if !errors.As(err, &re) || re.HTTPStatusCode() != http.StatusForbidden {
		t.Errorf("HEAD of another's bucket: %v", err)
	}
	_, err = s.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: new("mine"), ExpectedBucketOwner: new("111122223333")})
	wantCode(t, err, "AccessDenied")
}

func TestBucketsGoWhenTheyAreEmpty(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "k", "x")
	_, err := s.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: new("bucket")})
	wantCode(t, err, "BucketNotEmpty")
	versioning(t, s, "bucket", types.BucketVersioningStatusEnabled)
	marker := must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k")}))(t).VersionId
	_, err = s.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: new("bucket")})
	wantCode(t, err, "BucketNotEmpty")
	for _, id := range []*string{marker, new("null")} {
		must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: id}))(t)
	}
	uploadOf(t, s, &sdk.CreateMultipartUploadInput{Bucket: new("bucket"), Key: new("k")}, []byte("part"))
	must(s.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: new("bucket")}))(t)
	nothingLeft(t, w.View)
	_, err = s.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: new("bucket")})
	wantCode(t, err, "NoSuchBucket")
}

func TestListBuckets(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	for _, name := range []string{"alpha", "beta-1", "beta-2", "gamma"} {
		makeBucket(t, s, name)
	}
	must(s.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: new("beta-3"), CreateBucketConfiguration: constraint("eu-west-1")}))(t)
	other := w.UserIn("111122223333", "bob", nodetest.Allow("s3:*"))
	makeBucket(t, clientAs(w, &other), "others")
	for _, test := range []struct {
		in   sdk.ListBucketsInput
		want string
	}{
		{sdk.ListBucketsInput{}, "alpha beta-1 beta-2 beta-3 gamma"},
		{sdk.ListBucketsInput{Prefix: new("beta")}, "beta-1 beta-2 beta-3"},
		{sdk.ListBucketsInput{BucketRegion: new("eu-west-1")}, "beta-3"},
		{sdk.ListBucketsInput{MaxBuckets: new(int32(2))}, "alpha beta-1 | beta-2 beta-3 | gamma"},
		{sdk.ListBucketsInput{MaxBuckets: new(int32(2)), Prefix: new("beta")}, "beta-1 beta-2 | beta-3"},
	} {
		var got []string
		for {
			out := must(s.ListBuckets(ctx, &test.in))(t)
			var names []string
			for _, b := range out.Buckets {
				names = append(names, *b.Name)
			}
			got = append(got, strings.Join(names, " "))
			if test.in.ContinuationToken = out.ContinuationToken; out.ContinuationToken == nil {
				break
			}
		}
		if text := strings.Join(got, " | "); text != test.want {
			t.Errorf("got %s, want %s", text, test.want)
		}
	}
	_, err := s.ListBuckets(ctx, &sdk.ListBucketsInput{MaxBuckets: aws.Int32(10_001)})
	wantCode(t, err, "InvalidArgument")
}
