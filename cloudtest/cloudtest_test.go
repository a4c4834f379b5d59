package cloudtest_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/cloudtest"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestStart is how a test of somebody's program looks: a bucket whose old
// logs are gone when a month has passed.
func TestStart(t *testing.T) {
	c := cloudtest.Start(t)
	client := s3.NewFromConfig(c.Config(), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: new("logs")})
	check(t, err)
	_, err = client.PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{
		Bucket: new("logs"),
		LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{
			Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: new("")},
			Expiration: &types.LifecycleExpiration{Days: new(int32(30))},
		}}},
	})
	check(t, err)
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: new("logs"), Key: new("a"), Body: bytes.NewReader([]byte("x"))})
	check(t, err)
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: new("logs"), Key: new("a")})
	check(t, err)
	b, err := io.ReadAll(out.Body)
	check(t, err)
	if string(b) != "x" {
		t.Errorf("read %q", b)
	}
	c.Advance(32 * 24 * time.Hour)
	list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: new("logs")})
	check(t, err)
	if len(list.Contents) != 0 {
		t.Error("the object has outlived its rule")
	}
}

// TestCloudsAreApart runs two at once.
func TestCloudsAreApart(t *testing.T) {
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cloudtest.Start(t)
			client := s3.NewFromConfig(c.Config(), func(o *s3.Options) { o.UsePathStyle = true })
			_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: new("only-one")})
			check(t, err)
			list, err := client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
			check(t, err)
			if len(list.Buckets) != 1 {
				t.Errorf("%d buckets", len(list.Buckets))
			}
		})
	}
}

// TestUser has a policy that is enforced.
func TestUser(t *testing.T) {
	c := cloudtest.Start(t)
	keys := c.User("reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}}`)
	client := s3.NewFromConfig(c.ConfigAs(keys), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	check(t, err)
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: new("refused")}); err == nil {
		t.Error("a reader makes a bucket")
	}
}

// BenchmarkStart is a cloud's start and its end: what a test pays for having
// one of its own.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		check(b, cloudtest.Start(b).Stop(context.Background()))
	}
}
