package s3

import (
	"context"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestObjectLock(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	must(s.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: new("locked"), ObjectLockEnabledForBucket: new(true)}))(t)
	bucket := new("locked")
	drop := func(key, id string, bypass bool) error {
		_, err := s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: bucket, Key: &key, VersionId: &id, BypassGovernanceRetention: &bypass})
		return err
	}
	lock := func(key string, mode types.ObjectLockMode) string {
		return *must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader("x"), ObjectLockMode: mode, ObjectLockRetainUntilDate: new(w.Now().AddDate(0, 0, 10))}))(t).VersionId
	}
	governed, strict := lock("governed", types.ObjectLockModeGovernance), lock("strict", types.ObjectLockModeCompliance)
	wantCode(t, drop("governed", governed, false), "AccessDenied")
	wantCode(t, drop("strict", strict, true), "AccessDenied")
	// A delete marker is always possible.
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: bucket, Key: new("strict")}))(t)

	retain := func(key, id string, mode types.ObjectLockRetentionMode, days int, bypass bool) error {
		_, err := s.PutObjectRetention(ctx, &sdk.PutObjectRetentionInput{Bucket: bucket, Key: &key, VersionId: &id, BypassGovernanceRetention: &bypass,
			Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: new(w.Now().AddDate(0, 0, days))}})
		return err
	}
	wantCode(t, retain("strict", strict, types.ObjectLockRetentionModeCompliance, 5, true), "AccessDenied")
	wantCode(t, retain("strict", strict, types.ObjectLockRetentionModeGovernance, 20, true), "AccessDenied")
	if err := retain("strict", strict, types.ObjectLockRetentionModeCompliance, 20, false); err != nil {
		t.Errorf("prolonging compliance: %v", err)
	}
	wantCode(t, retain("governed", governed, types.ObjectLockRetentionModeGovernance, 5, false), "AccessDenied")
	if err := retain("governed", governed, types.ObjectLockRetentionModeGovernance, 5, true); err != nil {
		t.Errorf("shortening governance with bypass: %v", err)
	}
	wantCode(t, retain("governed", governed, types.ObjectLockRetentionModeGovernance, -1, true), "InvalidArgument")

	hold := func(status types.ObjectLockLegalHoldStatus) {
		t.Helper()
		must(s.PutObjectLegalHold(ctx, &sdk.PutObjectLegalHoldInput{Bucket: bucket, Key: new("governed"), VersionId: &governed, LegalHold: &types.ObjectLockLegalHold{Status: status}}))(t)
	}
	hold(types.ObjectLockLegalHoldStatusOn)
	wantCode(t, drop("governed", governed, true), "AccessDenied")
	h := must(s.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: bucket, Key: new("governed")}))(t)
	if h.ObjectLockLegalHoldStatus != types.ObjectLockLegalHoldStatusOn || h.ObjectLockMode != types.ObjectLockModeGovernance {
		t.Errorf("HEAD: %v, %v", h.ObjectLockLegalHoldStatus, h.ObjectLockMode)
	}
	hold(types.ObjectLockLegalHoldStatusOff)
	if err := drop("governed", governed, true); err != nil {
		t.Errorf("bypass: %v", err)
	}
	w.Advance(19 * 24 * time.Hour)
	wantCode(t, drop("strict", strict, false), "AccessDenied")
	w.Advance(2 * 24 * time.Hour)
	if err := drop("strict", strict, false); err != nil {
		t.Errorf("after the retention: %v", err)
	}
}

func TestDefaultRetention(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	bucket := new("locked")
	must(s.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: bucket, ObjectLockEnabledForBucket: new(true)}))(t)
	must(s.PutObjectLockConfiguration(ctx, &sdk.PutObjectLockConfigurationInput{Bucket: bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{
		ObjectLockEnabled: types.ObjectLockEnabledEnabled, Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeCompliance, Days: new(int32(3))}}}}))(t)
	id := put(t, s, *bucket, "k", "x")
	got := must(s.GetObjectRetention(ctx, &sdk.GetObjectRetentionInput{Bucket: bucket, Key: new("k")}))(t).Retention
	if got.Mode != types.ObjectLockRetentionModeCompliance || !got.RetainUntilDate.Equal(w.Now().AddDate(0, 0, 3)) {
		t.Errorf("retention %v until %v", got.Mode, got.RetainUntilDate)
	}
	_, err := s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: bucket, Key: new("k"), VersionId: &id})
	wantCode(t, err, "AccessDenied")
	w.Advance(3*24*time.Hour + time.Second)
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: bucket, Key: new("k"), VersionId: &id}))(t)
}

func TestLockNeedsABucketForIt(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "plain")
	_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("plain"), Key: new("k"), Body: strings.NewReader("x"), ObjectLockMode: types.ObjectLockModeGovernance, ObjectLockRetainUntilDate: new(w.Now().AddDate(1, 0, 0))})
	wantCode(t, err, "InvalidRequest")
	put(t, s, "plain", "k", "x")
	_, err = s.GetObjectRetention(ctx, &sdk.GetObjectRetentionInput{Bucket: new("plain"), Key: new("k")})
	wantCode(t, err, "InvalidRequest")
}
