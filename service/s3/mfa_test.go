package s3_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/clock"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/store"
)

// MFA delete: the root user's device has to confirm the deletion of versions
// and every change of the versioning.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/MultiFactorAuthenticationDelete.html
func TestMFADelete(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b := s.bucket("careful")
	serial := "arn:aws:iam::" + nodetest.Account + ":mfa/root"
	device := &identity.MFADevice{Account: nodetest.Account, Serial: serial, Name: "root", Path: "/", Seed: []byte("12345678901234567890"), Created: s.Now(), Enabled: s.Now()}
	s.Update(func(tx store.Tx) { identity.MFADevices.Put(tx, device) })
	code := func() *string { return new(serial + " " + device.Code(clock.Machine())) }
	set := func(status types.BucketVersioningStatus, mfaDelete types.MFADelete, mfa *string) error {
		_, err := s.PutBucketVersioning(ctx, &sdk.PutBucketVersioningInput{Bucket: &b, MFA: mfa, VersioningConfiguration: &types.VersioningConfiguration{Status: status, MFADelete: mfaDelete}})
		return err
	}
	wantCode(t, "AccessDenied")(nil, set("Enabled", "Enabled", nil))
	wantCode(t, "AccessDenied")(nil, set("Enabled", "Enabled", new(serial+" 000000")))
	if err := set("Enabled", "Enabled", code()); err != nil {
		t.Fatal(err)
	}
	got, err := s.GetBucketVersioning(ctx, &sdk.GetBucketVersioningInput{Bucket: &b})
	if must(t)(got, err); got.MFADelete != types.MFADeleteStatusEnabled || got.Status != types.BucketVersioningStatusEnabled {
		t.Errorf("versioning is %+v", got)
	}
	put := s.put(b, "x", "1")
	wantCode(t, "AccessDenied")(nil, set("Suspended", "", nil))
	wantCode(t, "AccessDenied")(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b, Key: new("x"), VersionId: put.VersionId}))
	must(t)(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &b, Key: new("x")})) // a delete marker needs none
	_, err = s.tryLifecycle(b, types.LifecycleRule{Expiration: expireAfter(1)})
	wantCode(t, "InvalidRequest")(nil, err)
}
