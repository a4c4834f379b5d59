package s3_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const day = 24 * time.Hour

func (s *stage) lifecycle(bucket string, rules ...types.LifecycleRule) {
	s.T.Helper()
	must(s.T)(s.tryLifecycle(bucket, rules...))
}

func (s *stage) tryLifecycle(bucket string, rules ...types.LifecycleRule) (*sdk.PutBucketLifecycleConfigurationOutput, error) {
	for i := range rules {
		if rules[i].Status == "" {
			rules[i].Status = types.ExpirationStatusEnabled
		}
		if rules[i].Filter == nil {
			rules[i].Filter = &types.LifecycleRuleFilter{Prefix: new("")}
		}
	}
	return s.PutBucketLifecycleConfiguration(s.T.Context(), &sdk.PutBucketLifecycleConfigurationInput{
		Bucket: &bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
	})
}

// versions lists all versions of a bucket, latest first: key, whether it is a
// delete marker, storage class.
func (s *stage) versions(bucket string) string {
	s.T.Helper()
	out, err := s.ListObjectVersions(s.T.Context(), &sdk.ListObjectVersionsInput{Bucket: &bucket})
	if err != nil {
		s.T.Fatal(err)
	}
	var list []string
	for _, v := range out.Versions {
		list = append(list, *v.Key+":"+string(v.StorageClass))
	}
	for _, v := range out.DeleteMarkers {
		list = append(list, *v.Key+":marker")
	}
	return strings.Join(list, " ")
}

func expireAfter(days int32) *types.LifecycleExpiration {
	return &types.LifecycleExpiration{Days: &days}
}

// Objects expire at the midnight after their days have passed.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html#intro-lifecycle-rules-number-of-days
func TestLifecycleExpiresByDays(t *testing.T) {
	s := newStage(t)
	b := s.bucket("days")
	s.lifecycle(b, types.LifecycleRule{ID: new("thirty"), Filter: &types.LifecycleRuleFilter{Prefix: new("log/")}, Expiration: expireAfter(30)})
	s.Advance(10 * time.Hour)
	out := s.put(b, "log/a", "1")
	s.put(b, "keep", "1")
	if want := `expiry-date="Sun, 01 Feb 2026 00:00:00 GMT", rule-id="thirty"`; out.Expiration == nil || *out.Expiration != want {
		t.Errorf("x-amz-expiration is %v, want %s", out.Expiration, want)
	}
	head, err := s.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: &b, Key: new("log/a")})
	if must(t)(head, err); head.Expiration == nil || *head.Expiration != *out.Expiration {
		t.Errorf("HEAD: x-amz-expiration is %v", head.Expiration)
	}
	s.Advance(30*day + 13*time.Hour)
	if got := s.keys(b); got != "keep log/a" {
		t.Errorf("an hour before: %s", got)
	}
	s.put(b, "log/b", "1")
	s.Advance(time.Hour)
	if got := s.keys(b); got != "keep log/b" {
		t.Errorf("at midnight: %s", got)
	}
	s.Advance(31 * day)
	if got := s.keys(b); got != "keep" {
		t.Errorf("a month later: %s", got)
	}
}

func TestLifecycleExpiresByDateTagAndSize(t *testing.T) {
	s := newStage(t)
	b := s.bucket("filters")
	date := s.Now().Add(5 * day)
	s.lifecycle(b,
		types.LifecycleRule{ID: new("date"), Filter: &types.LifecycleRuleFilter{Prefix: new("d/")}, Expiration: &types.LifecycleExpiration{Date: &date}},
		types.LifecycleRule{ID: new("tag"), Filter: &types.LifecycleRuleFilter{Tag: &types.Tag{Key: new("t"), Value: new("1")}}, Expiration: expireAfter(1)},
		types.LifecycleRule{ID: new("size"), Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{Prefix: new("s/"), ObjectSizeGreaterThan: new(int64(3)), ObjectSizeLessThan: new(int64(6))}}, Expiration: expireAfter(2)},
		types.LifecycleRule{ID: new("off"), Status: types.ExpirationStatusDisabled, Filter: &types.LifecycleRuleFilter{Prefix: new("")}, Expiration: expireAfter(1)},
	)
	s.put(b, "d/1", "")
	s.put(b, "tagged", "", func(in *sdk.PutObjectInput) { in.Tagging = new("t=1&u=2") })
	s.put(b, "other", "", func(in *sdk.PutObjectInput) { in.Tagging = new("t=2") })
	for n := range 8 {
		s.put(b, fmt.Sprint("s/", n), strings.Repeat("x", n))
	}
	s.Advance(day)
	if got := s.keys(b); got != "d/1 other s/0 s/1 s/2 s/3 s/4 s/5 s/6 s/7" {
		t.Errorf("after a day: %s", got)
	}
	s.Advance(day)
	if got := s.keys(b); got != "d/1 other s/0 s/1 s/2 s/3 s/6 s/7" {
		t.Errorf("after two days: %s", got)
	}
	// A tag that an object gets later counts at the next midnight.
	must(t)(s.PutObjectTagging(t.Context(), &sdk.PutObjectTaggingInput{Bucket: &b, Key: new("other"), Tagging: &types.Tagging{TagSet: []types.Tag{{Key: new("t"), Value: new("1")}}}}))
	s.Advance(3 * day)
	if got := s.keys(b); got != "s/0 s/1 s/2 s/3 s/6 s/7" {
		t.Errorf("at the date: %s", got)
	}
}

// A versioned bucket gets a delete marker first; then its versions go, and at
// last the marker that hides nothing.
func TestLifecycleOfVersions(t *testing.T) {
	s := newStage(t)
	b := s.bucket("versions")
	s.version(b)
	s.lifecycle(b,
		types.LifecycleRule{ID: new("expire"), Filter: &types.LifecycleRuleFilter{Prefix: new("x")}, Expiration: expireAfter(10),
			NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: new(int32(5)), NewerNoncurrentVersions: new(int32(1))}},
		types.LifecycleRule{ID: new("old"), Filter: &types.LifecycleRuleFilter{Prefix: new("")}, NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: new(int32(20))}},
		types.LifecycleRule{ID: new("markers"), Filter: &types.LifecycleRuleFilter{Prefix: new("")}, Expiration: &types.LifecycleExpiration{ExpiredObjectDeleteMarker: new(true)}},
	)
	for _, body := range []string{"1", "2", "3"} {
		s.put(b, "x", body)
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{4 * day, "x:STANDARD x:STANDARD x:STANDARD"},
		{day, "x:STANDARD x:STANDARD"},          // the second noncurrent one is five days old
		{4 * day, "x:STANDARD x:STANDARD"},      // day 9
		{day, "x:STANDARD x:STANDARD x:marker"}, // day 10: expired
		{5 * day, "x:STANDARD x:marker"},        // day 15: one noncurrent version is kept
		{14 * day, "x:STANDARD x:marker"},       // day 29
		{day, ""},                               // day 30: the other rule removes it, and the marker after it
	} {
		s.Advance(step.after)
		if got := s.versions(b); got != step.want {
			t.Errorf("%v: %q, want %q", s.Now(), got, step.want)
		}
	}
}

// Objects go down the waterfall, large ones by default.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
func TestLifecycleTransitions(t *testing.T) {
	s := newStage(t)
	b := s.bucket("classes")
	large := strings.Repeat("x", 128<<10)
	to := func(days int32, class types.TransitionStorageClass) types.Transition {
		return types.Transition{Days: &days, StorageClass: class}
	}
	s.lifecycle(b,
		types.LifecycleRule{ID: new("down"), Filter: &types.LifecycleRuleFilter{Prefix: new("a/")}, Transitions: []types.Transition{
			to(30, types.TransitionStorageClassStandardIa), to(60, types.TransitionStorageClassGlacier), to(180, types.TransitionStorageClassDeepArchive)}},
		types.LifecycleRule{ID: new("small too"), Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{Prefix: new("b/"), ObjectSizeGreaterThan: new(int64(0))}}, Transitions: []types.Transition{
			to(1, types.TransitionStorageClassGlacierIr)}},
	)
	s.put(b, "a/large", large)
	s.put(b, "a/small", "x")
	s.put(b, "b/small", "x")
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{29 * day, "a/large:STANDARD a/small:STANDARD b/small:GLACIER_IR"},
		{day, "a/large:STANDARD_IA a/small:STANDARD b/small:GLACIER_IR"},
		{30 * day, "a/large:GLACIER a/small:STANDARD b/small:GLACIER_IR"},
		{120 * day, "a/large:DEEP_ARCHIVE a/small:STANDARD b/small:GLACIER_IR"},
	} {
		s.Advance(step.after)
		if got := s.versions(b); got != step.want {
			t.Errorf("%v: %s, want %s", s.Now(), got, step.want)
		}
	}
	wantCode(t, "InvalidObjectState")(s.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: &b, Key: new("a/large")}))
}

func TestLifecycleAbortsUploads(t *testing.T) {
	s := newStage(t)
	b := s.bucket("uploads")
	s.lifecycle(b, types.LifecycleRule{ID: new("abort"), AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: new(int32(7))}})
	s.Advance(time.Hour)
	up, err := s.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: &b, Key: new("x")})
	must(t)(up, err)
	if up.AbortDate == nil || !up.AbortDate.Equal(time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)) || *up.AbortRuleId != "abort" {
		t.Errorf("x-amz-abort-date %v, rule %v", up.AbortDate, up.AbortRuleId)
	}
	count := func() int {
		out, err := s.ListMultipartUploads(t.Context(), &sdk.ListMultipartUploadsInput{Bucket: &b})
		must(t)(out, err)
		return len(out.Uploads)
	}
	s.Advance(7 * day)
	if count() != 1 {
		t.Error("aborted too early")
	}
	if s.Advance(23 * time.Hour); count() != 0 {
		t.Error("not aborted")
	}
}

func TestLifecycleIsChecked(t *testing.T) {
	s := newStage(t)
	b := s.bucket("rules")
	prefix := func(p string) *types.LifecycleRuleFilter { return &types.LifecycleRuleFilter{Prefix: &p} }
	days := func(n int32, class types.TransitionStorageClass) types.Transition {
		return types.Transition{Days: &n, StorageClass: class}
	}
	noon := s.Now().Add(12 * time.Hour)
	for name, test := range map[string]struct {
		rules      []types.LifecycleRule
		code, text string
	}{
		"no action":      {[]types.LifecycleRule{{}}, "InvalidRequest", "At least one action needs to be specified in a rule"},
		"zero days":      {[]types.LifecycleRule{{Expiration: expireAfter(0)}}, "InvalidArgument", "'Days' for Expiration action must be a positive integer"},
		"noon":           {[]types.LifecycleRule{{Expiration: &types.LifecycleExpiration{Date: &noon}}}, "InvalidArgument", "'Date' must be at midnight GMT"},
		"days and date":  {[]types.LifecycleRule{{Expiration: &types.LifecycleExpiration{Date: &noon, Days: new(int32(1))}}}, "MalformedXML", ""},
		"same id":        {[]types.LifecycleRule{{ID: new("a"), Filter: prefix("a"), Expiration: expireAfter(1)}, {ID: new("a"), Filter: prefix("b"), Expiration: expireAfter(1)}}, "InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule"},
		"overlap":        {[]types.LifecycleRule{{Filter: prefix("a"), Expiration: expireAfter(1)}, {Filter: prefix("a"), Expiration: expireAfter(2)}}, "InvalidRequest", "Found overlapping prefixes 'a' and 'a' for same action type 'Expiration'"},
		"early IA":       {[]types.LifecycleRule{{Transitions: []types.Transition{days(29, types.TransitionStorageClassStandardIa)}}}, "InvalidArgument", "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'"},
		"class twice":    {[]types.LifecycleRule{{Transitions: []types.Transition{days(40, types.TransitionStorageClassGlacier), days(80, types.TransitionStorageClassGlacier)}}}, "InvalidRequest", "'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter '(prefix=)'"},
		"expires first":  {[]types.LifecycleRule{{Expiration: expireAfter(10), Transitions: []types.Transition{days(20, types.TransitionStorageClassGlacier)}}}, "InvalidArgument", "'Days' in the Expiration action for filter '(prefix=)' must be greater than 'Days' in the Transition action"},
		"up the fall":    {[]types.LifecycleRule{{Transitions: []types.Transition{days(10, types.TransitionStorageClassDeepArchive), days(50, types.TransitionStorageClassGlacier)}}}, "InvalidArgument", ""},
		"thirty days":    {[]types.LifecycleRule{{Transitions: []types.Transition{days(30, types.TransitionStorageClassStandardIa), days(40, types.TransitionStorageClassGlacier)}}}, "InvalidArgument", ""},
		"marker and tag": {[]types.LifecycleRule{{Filter: &types.LifecycleRuleFilter{Tag: &types.Tag{Key: new("a"), Value: new("b")}}, Expiration: &types.LifecycleExpiration{ExpiredObjectDeleteMarker: new(true)}}}, "InvalidRequest", ""},
		"abort and tag":  {[]types.LifecycleRule{{Filter: &types.LifecycleRuleFilter{Tag: &types.Tag{Key: new("a"), Value: new("b")}}, AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: new(int32(1))}}}, "InvalidRequest", ""},
		"newer":          {[]types.LifecycleRule{{NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: new(int32(1)), NewerNoncurrentVersions: new(int32(101))}}}, "InvalidArgument", ""},
		"sizes":          {[]types.LifecycleRule{{Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{ObjectSizeGreaterThan: new(int64(5)), ObjectSizeLessThan: new(int64(5))}}, Expiration: expireAfter(1)}}, "InvalidRequest", ""},
	} {
		_, err := s.tryLifecycle(b, test.rules...)
		if code(err) != test.code || !strings.Contains(fmt.Sprint(err), test.text) {
			t.Errorf("%s: %v, want %s %s", name, err, test.code, test.text)
		}
	}
	many := make([]types.LifecycleRule, 1001)
	for i := range many {
		many[i] = types.LifecycleRule{Filter: prefix(fmt.Sprint(i)), Expiration: expireAfter(1)}
	}
	wantCode(t, "InvalidRequest")(s.tryLifecycle(b, many...))
	s.lifecycle(b, many[:1000]...)
	out, err := s.GetBucketLifecycleConfiguration(t.Context(), &sdk.GetBucketLifecycleConfigurationInput{Bucket: &b})
	must(t)(out, err)
	if len(out.Rules) != 1000 || *out.Rules[0].ID == "" || out.TransitionDefaultMinimumObjectSize != types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k {
		t.Errorf("%d rules, minimum %s", len(out.Rules), out.TransitionDefaultMinimumObjectSize)
	}
	must(t)(s.DeleteBucketLifecycle(t.Context(), &sdk.DeleteBucketLifecycleInput{Bucket: &b}))
	wantCode(t, "NoSuchLifecycleConfiguration")(s.GetBucketLifecycleConfiguration(t.Context(), &sdk.GetBucketLifecycleConfigurationInput{Bucket: &b}))
}

// restore asks for a restore and is the status of the answer.
func (s *stage) restore(in *sdk.RestoreObjectInput) int {
	s.T.Helper()
	out, err := s.RestoreObject(s.T.Context(), in)
	must(s.T)(out, err)
	return awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response).StatusCode
}

// Restores take their time, and their copies have an end.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html
func TestRestore(t *testing.T) {
	s := newStage(t)
	b := s.bucket("archive")
	for _, test := range []struct {
		class           types.StorageClass
		tier            types.Tier
		earliest, limit time.Duration
	}{
		{types.StorageClassGlacier, types.TierExpedited, time.Minute, 5 * time.Minute},
		{types.StorageClassGlacier, types.TierStandard, 3 * time.Hour, 5 * time.Hour},
		{types.StorageClassGlacier, types.TierBulk, 5 * time.Hour, 12 * time.Hour},
		{types.StorageClassDeepArchive, types.TierStandard, 12*time.Hour - 1, 12 * time.Hour},
		{types.StorageClassDeepArchive, types.TierBulk, 48*time.Hour - 1, 48 * time.Hour},
	} {
		t.Run(string(test.class)+" "+string(test.tier), func(t *testing.T) {
			key := string(test.class) + string(test.tier)
			s.put(b, key, "cold", func(in *sdk.PutObjectInput) { in.StorageClass = test.class })
			get := &sdk.GetObjectInput{Bucket: &b, Key: &key}
			wantCode(t, "InvalidObjectState")(s.GetObject(t.Context(), get))
			restore := &sdk.RestoreObjectInput{Bucket: &b, Key: &key, RestoreRequest: &types.RestoreRequest{Days: new(int32(2)), GlacierJobParameters: &types.GlacierJobParameters{Tier: test.tier}}}
			if got := s.restore(restore); got != http.StatusAccepted {
				t.Errorf("a restore that begins answers %d", got)
			}
			wantCode(t, "RestoreAlreadyInProgress")(s.RestoreObject(t.Context(), restore))
			head, err := s.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: &b, Key: &key})
			if must(t)(head, err); head.Restore == nil || *head.Restore != `ongoing-request="true"` {
				t.Errorf("x-amz-restore is %v", head.Restore)
			}
			s.Advance(test.earliest)
			wantCode(t, "InvalidObjectState")(s.GetObject(t.Context(), get))
			s.Advance(test.limit - test.earliest)
			must(t)(s.GetObject(t.Context(), get))
			head, err = s.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: &b, Key: &key})
			if must(t)(head, err); head.Restore == nil || !strings.HasPrefix(*head.Restore, `ongoing-request="false", expiry-date="`) {
				t.Errorf("x-amz-restore is %v", head.Restore)
			}
			if got := s.restore(restore); got != http.StatusOK { // the copy is kept longer
				t.Errorf("a restore of what is restored answers %d", got)
			}
			s.Advance(3*day + time.Second)
			wantCode(t, "InvalidObjectState")(s.GetObject(t.Context(), get))
		})
	}
	s.put(b, "warm", "")
	wantCode(t, "InvalidObjectState")(s.RestoreObject(t.Context(), &sdk.RestoreObjectInput{Bucket: &b, Key: new("warm"), RestoreRequest: &types.RestoreRequest{Days: new(int32(1))}}))
	s.put(b, "deep", "", func(in *sdk.PutObjectInput) { in.StorageClass = types.StorageClassDeepArchive })
	wantCode(t, "InvalidArgument")(s.RestoreObject(t.Context(), &sdk.RestoreObjectInput{Bucket: &b, Key: new("deep"), RestoreRequest: &types.RestoreRequest{Days: new(int32(1)), GlacierJobParameters: &types.GlacierJobParameters{Tier: types.TierExpedited}}}))
}
