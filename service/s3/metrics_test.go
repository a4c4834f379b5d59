package s3

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/node/nodetest"
)

// published sums up what a cloud publishes now, by metric and its second
// dimension.
func published(w *nodetest.World) map[string]float64 {
	all := map[string]float64{}
	for m := range w.Gate().Measure(w.Call()) {
		for i, v := range m.Values {
			if m.Counts != nil {
				v *= m.Counts[i]
			}
			all[m.Dimensions[1].Value+" "+m.Name] += v
		}
	}
	return all
}

func TestStorageMetrics(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "shop")
	for key, class := range map[string]types.StorageClass{"a": "", "b": "", "c": types.StorageClassStandardIa} {
		must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: aws.String("shop"), Key: &key, StorageClass: class, Body: strings.NewReader("0123456789")}))(t)
	}
	w.Advance(time.Hour)
	if got := published(w); len(got) != 0 {
		t.Errorf("in the middle of a day: %v", got)
	}
	w.Advance(23 * time.Hour)
	got := published(w)
	for name, want := range map[string]float64{"StandardStorage BucketSizeBytes": 20, "StandardIAStorage BucketSizeBytes": 10, "StandardIASizeOverhead BucketSizeBytes": smallObject - 10, "AllStorageTypes NumberOfObjects": 3} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if again := published(w); len(again) != 0 {
		t.Errorf("a day is published twice: %v", again)
	}
}

func TestRequestMetrics(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "shop")
	for id, f := range map[string]types.MetricsFilter{"all": nil, "img": &types.MetricsFilterMemberPrefix{Value: "img/"}} {
		must(s.PutBucketMetricsConfiguration(ctx, &sdk.PutBucketMetricsConfigurationInput{Bucket: aws.String("shop"), Id: &id, MetricsConfiguration: &types.MetricsConfiguration{Id: &id, Filter: f}}))(t)
	}
	counted := func(n float64) map[string]float64 { // requests are counted once they were answered
		sum := map[string]float64{}
		for range 1000 {
			w.Advance(time.Minute)
			for name, v := range published(w) {
				sum[name] += v
			}
			if sum["all AllRequests"] >= n {
				break
			}
		}
		return sum
	}
	must(s.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: aws.String("shop")}))(t)
	if got := counted(1); got["all HeadRequests"] != 1 {
		t.Errorf("HeadBucket was counted as %v", got)
	}
	for _, key := range []string{"img/a", "img/b", "doc"} {
		must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: aws.String("shop"), Key: &key, Body: strings.NewReader("0123456789")}))(t)
	}
	if got := published(w); len(got) != 0 {
		t.Errorf("a minute that has not ended: %v", got)
	}
	body := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: aws.String("shop"), Key: aws.String("img/a")}))(t).Body
	body.Close()
	_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: aws.String("shop"), Key: aws.String("nothing")})
	wantCode(t, err, "NoSuchKey")
	must(s.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: aws.String("shop")}))(t)
	got := counted(6)
	for name, want := range map[string]float64{
		"all AllRequests": 6, "all PutRequests": 3, "all GetRequests": 2, "all ListRequests": 1, "all 4xxErrors": 1, "all 5xxErrors": 0,
		"img AllRequests": 3, "img PutRequests": 2, "img GetRequests": 1, "img 4xxErrors": 0, "img BytesDownloaded": 10,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if again := published(w); len(again) != 0 {
		t.Errorf("requests are published twice: %v", again)
	}
}
