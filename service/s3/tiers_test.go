package s3_test

import (
	"io"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Objects that nobody reads go to the archive tiers that are configured for
// them; reading keeps them from it, and a restore brings them back.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intelligent-tiering-overview.html
func TestArchiveTiers(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b := s.bucket("tiers")
	tiered := func(in *sdk.PutObjectInput) { in.StorageClass = types.StorageClassIntelligentTiering }
	large := strings.Repeat("x", 128<<10)
	for _, key := range []string{"cold/a", "cold/deep", "cold/read", "warm/a"} {
		s.put(b, key, large, tiered)
	}
	s.put(b, "cold/small", "x", tiered)
	s.put(b, "cold/standard", large)
	must(t)(s.PutBucketIntelligentTieringConfiguration(ctx, &sdk.PutBucketIntelligentTieringConfigurationInput{Bucket: &b, Id: new("cold"),
		IntelligentTieringConfiguration: &types.IntelligentTieringConfiguration{Id: new("cold"), Status: types.IntelligentTieringStatusEnabled,
			Filter: &types.IntelligentTieringFilter{Prefix: new("cold/")},
			Tierings: []types.Tiering{{AccessTier: types.IntelligentTieringAccessTierArchiveAccess, Days: new(int32(90))},
				{AccessTier: types.IntelligentTieringAccessTierDeepArchiveAccess, Days: new(int32(180))}}}}))
	read := func(key string) error {
		out, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: &key})
		if err != nil {
			return err
		}
		defer out.Body.Close()
		_, err = io.Copy(io.Discard, out.Body)
		return err
	}
	status := func(key string) types.ArchiveStatus {
		t.Helper()
		head, err := s.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &b, Key: &key})
		must(t)(head, err)
		return head.ArchiveStatus
	}
	s.Advance(60 * day)
	if err := read("cold/read"); err != nil {
		t.Fatal(err)
	}
	s.Advance(31 * day)
	for key, want := range map[string]types.ArchiveStatus{"cold/a": "ARCHIVE_ACCESS", "cold/read": "", "warm/a": "", "cold/small": "", "cold/standard": ""} {
		if got := status(key); got != want {
			t.Errorf("%s after 91 days: %q, want %q", key, got, want)
		}
	}
	wantCode(t, "InvalidObjectState")(nil, read("cold/a"))
	_, err := s.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: &b, Key: new("copy"), CopySource: new(b + "/cold/a")})
	wantCode(t, "InvalidObjectState")(nil, err)
	_, err = s.SelectObjectContent(ctx, &sdk.SelectObjectContentInput{Bucket: &b, Key: new("cold/a"), Expression: new("SELECT * FROM S3Object"), ExpressionType: types.ExpressionTypeSql,
		InputSerialization: &types.InputSerialization{CSV: &types.CSVInput{}}, OutputSerialization: &types.OutputSerialization{CSV: &types.CSVOutput{}}})
	wantCode(t, "InvalidObjectState")(nil, err)
	if err := read("cold/read"); err != nil {
		t.Error(err)
	}
	restore := func(key string, tier types.Tier, days *int32) error {
		_, err := s.RestoreObject(ctx, &sdk.RestoreObjectInput{Bucket: &b, Key: &key,
			RestoreRequest: &types.RestoreRequest{Days: days, GlacierJobParameters: &types.GlacierJobParameters{Tier: tier}}})
		return err
	}
	wantCode(t, "InvalidRequest")(nil, restore("cold/a", types.TierStandard, new(int32(1))))
	wantCode(t, "ObjectAlreadyInActiveTierError")(nil, restore("cold/read", types.TierStandard, nil))
	if err := restore("cold/a", types.TierStandard, nil); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "RestoreAlreadyInProgress")(nil, restore("cold/a", types.TierStandard, nil))
	s.Advance(3*time.Hour - time.Second)
	wantCode(t, "InvalidObjectState")(nil, read("cold/a"))
	s.Advance(2 * time.Hour)
	if err := read("cold/a"); err != nil || status("cold/a") != "" {
		t.Errorf("after the restore: %v, %q", err, status("cold/a"))
	}
	s.Advance(90 * day)
	if got := status("cold/a"); got != "ARCHIVE_ACCESS" {
		t.Errorf("90 days after the restore it is in %q", got)
	}
	if got := status("cold/deep"); got != "DEEP_ARCHIVE_ACCESS" {
		t.Errorf("after 181 days it is in %q", got)
	}
	wantCode(t, "InvalidArgument")(nil, restore("cold/deep", types.TierExpedited, nil))
	if err := restore("cold/deep", types.TierBulk, nil); err != nil {
		t.Fatal(err)
	}
	s.Advance(48 * time.Hour)
	if err := read("cold/deep"); err != nil {
		t.Error(err)
	}
}
