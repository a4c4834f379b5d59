package s3

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	bill "pileus/meter"
	"pileus/node/nodetest"
	"pileus/store"
)

// usage is what the bill counts, by type.
func usage(t *testing.T, w *nodetest.World) map[string]float64 {
	t.Helper()
	res := must(http.Get(w.Endpoint + "/_pileus/bill?to=2026-02"))(t)
	var b bill.Bill
	if err := json.Unmarshal([]byte(rawBody(t, res)), &b); err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, l := range b.Lines {
		found[l.Type] += l.Quantity
	}
	return found
}

func TestUsageIsMetered(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "k", strings.Repeat("x", 1<<20))
	for range 3 {
		get(t, s, "bucket", "k")
	}
	must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("cold"), Body: strings.NewReader("x"), StorageClass: types.StorageClassStandardIa}))(t)
	get(t, s, "bucket", "cold")
	must(s.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: new("bucket")}))(t)
	if _, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("none")}); err == nil {
		t.Fatal("there is a key none")
	}
	got := usage(t, w)
	for kind, want := range map[string]float64{
		"Requests-Tier1": 3, "Requests-Tier2": 3, "Requests-SIA-Tier1": 1, "Requests-SIA-Tier2": 1,
		"DataTransfer-Out-Bytes": (3*(1<<20) + 1.0) / (1 << 30), "Retrieval-SIA": 1.0 / (1 << 30),
	} {
		if math.Abs(got[kind]-want) > want*1e-6 {
			t.Errorf("%s is %v, want %v", kind, got[kind], want)
		}
	}
}

// A day of January is a 31st of its month.
func TestStorageIsMeteredByTheHour(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	w.Update(func(tx store.Tx) {
		for _, o := range []*Object{
			{Key: "standard", Size: 31 << 30}, {Key: "deep", Size: 62 << 30, Class: "DEEP_ARCHIVE"}, {Key: "small", Size: 100 << 10, Class: "STANDARD_IA"},
		} {
			o.Bucket, o.Seq, o.Modified, o.Owner = "bucket", 1, w.Now(), nodetest.Account
			place(w, tx, o)
		}
	})
	w.Advance(24 * time.Hour)
	got := usage(t, w)
	const small = 1024.0 / (1 << 30) / 31
	for kind, want := range map[string]float64{"TimedStorage-ByteHrs": 1, "TimedStorage-GDA-ByteHrs": 2, "TimedStorage-SIA-ByteHrs": 100 * small, "TimedStorage-SIA-SmObjects": 28 * small} {
		if math.Abs(got[kind]-want) > want/1e3 {
			t.Errorf("%s is %v GB-months, want %v", kind, got[kind], want)
		}
	}
	// What goes before its time is billed for the rest of it.
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("deep")}))(t)
	if got, want := usage(t, w)["EarlyDelete-GDA"], 62.0*179/31; math.Abs(got-want) > 0.01 {
		t.Errorf("EarlyDelete-GDA is %v GB-months, want %v", got, want)
	}
}

// Requests that configure or ask what is configured are billed as others are;
// those that delete are free.
func TestConfigurationRequestsAreMetered(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	b := new("bucket")
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "k", "x")
	before := usage(t, w)
	must(s.PutBucketTagging(ctx, &sdk.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: new("a"), Value: new("b")}}}}))(t)
	must(s.PutObjectTagging(ctx, &sdk.PutObjectTaggingInput{Bucket: b, Key: new("k"), Tagging: &types.Tagging{TagSet: []types.Tag{}}}))(t)
	must(s.PutBucketNotificationConfiguration(ctx, &sdk.PutBucketNotificationConfigurationInput{Bucket: b, NotificationConfiguration: &types.NotificationConfiguration{}}))(t)
	must(s.ListBucketInventoryConfigurations(ctx, &sdk.ListBucketInventoryConfigurationsInput{Bucket: b}))(t)
	must(s.ListBuckets(ctx, &sdk.ListBucketsInput{}))(t)
	must(s.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: b}))(t)
	must(s.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: b, Key: new("k")}))(t)
	must(s.DeleteBucketTagging(ctx, &sdk.DeleteBucketTaggingInput{Bucket: b}))(t)
	_, err := s.GetBucketTagging(ctx, &sdk.GetBucketTaggingInput{Bucket: b})
	wantCode(t, err, "NoSuchTagSet")
	after := usage(t, w)
	for kind, want := range map[string]float64{"Requests-Tier1": 5, "Requests-Tier2": 2} {
		if got := after[kind] - before[kind]; got != want {
			t.Errorf("%s grew by %v, want %v", kind, got, want)
		}
	}
}

// Moves between storage classes and retrievals have requests of their own.
func TestArchiveRequestsAreMetered(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	b := new("bucket")
	makeBucket(t, s, "bucket")
	must(s.PutBucketLifecycleConfiguration(ctx, &sdk.PutBucketLifecycleConfigurationInput{Bucket: b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{
		Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{ObjectSizeGreaterThan: new(int64(0))},
		Transitions: []types.Transition{{Days: new(int32(1)), StorageClass: types.TransitionStorageClassGlacier}},
	}}}}))(t)
	put(t, s, "bucket", "k", "x")
	w.Advance(3 * 24 * time.Hour)
	restore := &sdk.RestoreObjectInput{Bucket: b, Key: new("k"), RestoreRequest: &types.RestoreRequest{Days: new(int32(1)), Tier: types.TierExpedited}}
	must(s.RestoreObject(ctx, restore))(t)
	got := usage(t, w)
	for kind, want := range map[string]float64{"Requests-Tier3": 1, "Requests-Tier6": 1} {
		if got[kind] != want {
			t.Errorf("%s is %v, want %v", kind, got[kind], want)
		}
	}
}
