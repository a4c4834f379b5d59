package s3

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/clock"
	"pileus/node/nodetest"
	"pileus/sigv4"
)

const dirName = "data--use1-az4--x-s3"

func directory(name string) *sdk.CreateBucketInput {
	zone := strings.Split(name, "--")[1]
	return &sdk.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{
		Location: &types.LocationInfo{Type: types.LocationTypeAvailabilityZone, Name: &zone},
		Bucket:   &types.BucketInfo{Type: types.BucketTypeDirectory, DataRedundancy: types.DataRedundancySingleAvailabilityZone},
	}}
}

// withoutSessions is a client that signs with its own keys, which is how the
// region's endpoint for what configures directory buckets is asked.
func withoutSessions(o *sdk.Options) { o.DisableS3ExpressSessionAuth = new(true) }

// directoryWorld is a cloud with a directory bucket and AWS's client, which
// makes sessions for it by itself.
func directoryWorld(t *testing.T) (*nodetest.World, *sdk.Client) {
	t.Helper()
	w := nodetest.New(t, Module())
	s := sdk.NewFromConfig(w.Config())
	must(s.CreateBucket(t.Context(), directory(dirName)))(t)
	return w, s
}

func TestDirectoryBucketNames(t *testing.T) {
	w := nodetest.New(t, Module())
	s := sdk.NewFromConfig(w.Config())
	for name, code := range map[string]string{
		"data--use1-az4--x-s3":                       "",
		"data--use1-az4--x-s3 ":                      "InvalidBucketName",
		"Data--use1-az4--x-s3":                       "InvalidBucketName",
		"da.ta--use1-az4--x-s3":                      "InvalidBucketName",
		"data--euw1-az1--x-s3":                       "InvalidRequest", // a zone of another region
		"data2--use1-lax1-az1--x":                    "InvalidRequest", // the configuration of a directory bucket under another's name
		strings.Repeat("a", 48) + "--use1-az4--x-s3": "InvalidBucketName",
	} {
		_, err := s.CreateBucket(t.Context(), directory(name))
		if code == "" && err != nil || code != "" && (err == nil || !strings.Contains(err.Error(), code)) {
			t.Errorf("%q: %v, want %q", name, err, code)
		}
	}
	in := directory("more--use1-az4--x-s3")
	in.CreateBucketConfiguration = nil
	_, err := s.CreateBucket(t.Context(), in)
	wantCode(t, err, "InvalidRequest")
	for region, prefix := range map[string]string{"us-east-1": "use1", "ap-northeast-1": "apne1", "ap-southeast-2": "apse2", "eu-central-1": "euc1", "us-west-2": "usw2", "eu-north-1": "eun1"} {
		if got := zonePrefix(region); got != prefix {
			t.Errorf("zones of %s begin with %s, want %s", region, got, prefix)
		}
	}
}

func TestDirectoryBucketsAreListedApart(t *testing.T) {
	w, _ := directoryWorld(t)
	makeBucket(t, clientAs(w, nil), "plain")
	s := sdk.NewFromConfig(w.Config(), withoutSessions)
	must(s.CreateBucket(t.Context(), directory("b--use1-az4--x-s3")))(t)
	first := must(s.ListDirectoryBuckets(t.Context(), &sdk.ListDirectoryBucketsInput{MaxDirectoryBuckets: new(int32(1))}))(t)
	if len(first.Buckets) != 1 || *first.Buckets[0].Name != "b--use1-az4--x-s3" || first.ContinuationToken == nil {
		t.Fatalf("the first page is %+v", first)
	}
	if arn := first.Buckets[0].BucketArn; arn == nil || *arn != "arn:aws:s3express:us-east-1:000000000000:bucket/b--use1-az4--x-s3" {
		t.Errorf("its ARN is %v", arn)
	}
	next := must(s.ListDirectoryBuckets(t.Context(), &sdk.ListDirectoryBucketsInput{ContinuationToken: first.ContinuationToken}))(t)
	if len(next.Buckets) != 1 || *next.Buckets[0].Name != dirName {
		t.Errorf("the second page is %+v", next.Buckets)
	}
	if all := must(s.ListBuckets(t.Context(), &sdk.ListBucketsInput{}))(t); len(all.Buckets) != 1 || *all.Buckets[0].Name != "plain" {
		t.Errorf("ListBuckets has %+v", all.Buckets)
	}
}

func TestDirectoryBucketHoldsObjects(t *testing.T) {
	_, s := directoryWorld(t)
	put(t, s, dirName, "a/one", "1")
	put(t, s, dirName, "two", "2")
	if got := get(t, s, dirName, "a/one"); got != "1" {
		t.Errorf("read %q", got)
	}
	head := must(s.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: new(dirName), Key: new("two")}))(t)
	if head.StorageClass != types.StorageClassExpressOnezone {
		t.Errorf("its storage class is %q", head.StorageClass)
	}
	page := must(s.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: new(dirName), Delimiter: new("/")}))(t)
	if len(page.Contents) != 1 || len(page.CommonPrefixes) != 1 || *page.CommonPrefixes[0].Prefix != "a/" {
		t.Errorf("listed %+v, %+v", page.Contents, page.CommonPrefixes)
	}
	up := must(s.CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: new(dirName), Key: new("parts")}))(t)
	part := must(s.UploadPart(t.Context(), &sdk.UploadPartInput{Bucket: new(dirName), Key: new("parts"), UploadId: up.UploadId, PartNumber: new(int32(1)), Body: strings.NewReader("whole")}))(t)
	must(s.CompleteMultipartUpload(t.Context(), &sdk.CompleteMultipartUploadInput{Bucket: new(dirName), Key: new("parts"), UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: part.ETag, PartNumber: new(int32(1))}}}}))(t)
	must(s.RenameObject(t.Context(), &sdk.RenameObjectInput{Bucket: new(dirName), Key: new("moved"), RenameSource: new(dirName + "/parts")}))(t)
	got := must(s.GetObject(t.Context(), &sdk.GetObjectInput{Bucket: new(dirName), Key: new("moved"), PartNumber: new(int32(1))}))(t)
	if b := readAll(t, got.Body); string(b) != "whole" || *got.PartsCount != 1 {
		t.Errorf("part 1 of what was moved is %q", b)
	}
	out := must(s.DeleteObjects(t.Context(), &sdk.DeleteObjectsInput{Bucket: new(dirName), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: new("two")}, {Key: new("moved")}, {Key: new("a/one")}}}}))(t)
	if len(out.Deleted) != 3 || len(out.Errors) != 0 {
		t.Errorf("deleted %+v, not %+v", out.Deleted, out.Errors)
	}
	must(s.DeleteBucket(t.Context(), &sdk.DeleteBucketInput{Bucket: new(dirName)}))(t)
}

func TestWhatDirectoryBucketsRefuse(t *testing.T) {
	w, s := directoryWorld(t)
	b := new(dirName)
	ctx := t.Context()
	for name, x := range map[string]struct {
		code string
		call func() error
	}{
		"versioning": {"MethodNotAllowed", func() error {
			_, err := s.PutBucketVersioning(ctx, &sdk.PutBucketVersioningInput{Bucket: b, VersioningConfiguration: &types.VersioningConfiguration{Status: "Enabled"}})
			return err
		}},
		"tagging": {"MethodNotAllowed", func() error {
			_, err := s.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: b, Key: new("k")})
			return err
		}},
		"listing V1": {"MethodNotAllowed", func() error {
			_, err := s.ListObjects(ctx, &sdk.ListObjectsInput{Bucket: b})
			return err
		}},
		"an ACL": {"NotImplemented", func() error {
			_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: b, Key: new("k"), ACL: "private"})
			return err
		}},
		"tags": {"NotImplemented", func() error {
			_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: b, Key: new("k"), Tagging: new("a=b")})
			return err
		}},
		"a storage class": {"InvalidStorageClass", func() error {
			_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: b, Key: new("k"), StorageClass: "GLACIER"})
			return err
		}},
		"a prefix that is no directory": {"InvalidRequest", func() error {
			_, err := s.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: b, Prefix: new("a")})
			return err
		}},
		"another delimiter": {"InvalidRequest", func() error {
			_, err := s.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: b, Delimiter: new("-")})
			return err
		}},
	} {
		if err := x.call(); err == nil || !strings.Contains(err.Error(), x.code) {
			t.Errorf("%s: %v, want %s", name, err, x.code)
		}
	}
	plain := clientAs(w, nil)
	makeBucket(t, plain, "plain")
	put(t, plain, "plain", "key", "x")
	_, err := plain.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("plain"), Key: new("k"), StorageClass: types.StorageClassExpressOnezone})
	wantCode(t, err, "InvalidStorageClass")
	_, err = plain.RenameObject(ctx, &sdk.RenameObjectInput{Bucket: new("plain"), Key: new("k"), RenameSource: new("plain/key")})
	wantCode(t, err, "MethodNotAllowed")
	_, err = plain.GetObjectTorrent(ctx, &sdk.GetObjectTorrentInput{Bucket: new("plain"), Key: new("key")})
	wantCode(t, err, "MethodNotAllowed")
}

func TestRenameObject(t *testing.T) {
	_, s := directoryWorld(t)
	put(t, s, dirName, "from", "content")
	put(t, s, dirName, "there", "other")
	etag := must(s.HeadObject(t.Context(), &sdk.HeadObjectInput{Bucket: new(dirName), Key: new("from")}))(t).ETag
	rename := func(key string, more func(*sdk.RenameObjectInput)) error {
		in := &sdk.RenameObjectInput{Bucket: new(dirName), Key: &key, RenameSource: new(dirName + "/from")}
		if more != nil {
			more(in)
		}
		_, err := s.RenameObject(t.Context(), in)
		return err
	}
	for i, c := range []struct {
		key, code string
		more      func(*sdk.RenameObjectInput)
	}{
		{"there", "PreconditionFailed", func(in *sdk.RenameObjectInput) { in.DestinationIfNoneMatch = new("*") }},
		{"there", "PreconditionFailed", func(in *sdk.RenameObjectInput) { in.DestinationIfMatch = etag }},
		{"new", "NoSuchKey", func(in *sdk.RenameObjectInput) { in.DestinationIfMatch = etag }},
		{"new", "PreconditionFailed", func(in *sdk.RenameObjectInput) { in.SourceIfMatch = new(`"other"`) }},
		{"new", "PreconditionFailed", func(in *sdk.RenameObjectInput) { in.SourceIfNoneMatch = etag }},
		{"new", "InvalidArgument", func(in *sdk.RenameObjectInput) { in.RenameSource = new("other--use1-az4--x-s3/from") }},
		{"new/", "InvalidRequest", nil},
		{"new", "NoSuchKey", func(in *sdk.RenameObjectInput) { in.RenameSource = new(dirName + "/none") }},
	} {
		if err := rename(c.key, c.more); err == nil || !strings.Contains(err.Error(), c.code) {
			t.Errorf("%d: %v, want %s", i, err, c.code)
		}
	}
	token := func(in *sdk.RenameObjectInput) { in.ClientToken, in.SourceIfMatch = new("once"), etag }
	for range 2 { // the second is the same request sent again
		if err := rename("there", token); err != nil {
			t.Fatal(err)
		}
	}
	if err := rename("elsewhere", token); err == nil || !strings.Contains(err.Error(), "IdempotencyParameterMismatch") {
		t.Errorf("a token that was used for something else: %v", err)
	}
	if got := get(t, s, dirName, "there"); got != "content" {
		t.Errorf("read %q under the new key", got)
	}
	page := must(s.ListObjectsV2(t.Context(), &sdk.ListObjectsV2Input{Bucket: new(dirName)}))(t)
	if len(page.Contents) != 1 {
		t.Errorf("%d objects are left", len(page.Contents))
	}
}

// A session is for the objects of its bucket, in its mode, until its time is
// over, and needs its token.
func TestSessionsAreHeldToTheirBucket(t *testing.T) {
	w, s := directoryWorld(t)
	must(s.CreateBucket(t.Context(), directory("other--use1-az4--x-s3")))(t)
	makeBucket(t, clientAs(w, nil), "plain")
	put(t, s, dirName, "key", "x")
	out := must(s.CreateSession(t.Context(), &sdk.CreateSessionInput{Bucket: new(dirName), SessionMode: types.SessionModeReadOnly}))(t)
	k := sigv4.Credential{AccessKey: *out.Credentials.AccessKeyId, Secret: *out.Credentials.SecretAccessKey}
	ask := func(method, path, token string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, w.Endpoint+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("X-Amz-S3session-Token", token)
		}
		sigv4.Sign(r, k, nodetest.Region, "s3express", clock.Machine(), "")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	token := *out.Credentials.SessionToken
	for i, c := range []struct {
		method, path, token string
		status              int
		says                string
	}{
		{"GET", "/" + dirName + "/key", token, 200, "x"},
		{"GET", "/" + dirName + "?list-type=2", token, 200, "<Key>key</Key>"},
		{"GET", "/" + dirName + "/key", "", 403, "InvalidAccessKeyId"},
		{"GET", "/" + dirName + "/key", token + "x", 400, "InvalidToken"},
		{"PUT", "/" + dirName + "/new", token, 403, "AccessDenied"}, // it may only read
		{"GET", "/other--use1-az4--x-s3/key", token, 403, "AccessDenied"},
		{"GET", "/plain?list-type=2", token, 403, "AccessDenied"},
		{"DELETE", "/" + dirName, token, 403, "AccessDenied"},
		{"GET", "/", token, 403, "AccessDenied"},
	} {
		if status, body := ask(c.method, c.path, c.token); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%d: %s %s: %d %s", i, c.method, c.path, status, body)
		}
	}
}

func TestDirectoryAccess(t *testing.T) {
	w, s := directoryWorld(t)
	put(t, s, dirName, "key", "x")
	arn := "arn:aws:s3express:us-east-1:000000000000:bucket/" + dirName
	statement := func(resource, action, condition string) string {
		return fmt.Sprintf(`{"Effect":"Allow","Action":"s3express:%s","Resource":"%s"%s}`, action, resource, condition)
	}
	read := func(ctx context.Context, s *sdk.Client) error {
		_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new(dirName), Key: new("key")})
		return err
	}
	write := func(ctx context.Context, s *sdk.Client) error {
		_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new(dirName), Key: new("key"), Body: bytes.NewReader([]byte("x"))})
		return err
	}
	control := []func(*sdk.Options){withoutSessions}
	for i, c := range []struct {
		policy  string
		call    func(context.Context, *sdk.Client) error
		allowed bool
		options []func(*sdk.Options)
	}{
		{statement(arn, "CreateSession", ""), read, true, nil},
		{statement(arn, "CreateSession", ""), write, true, nil},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, read, false, nil},
		{statement(arn, "CreateSession", `,"Condition":{"StringEquals":{"s3express:SessionMode":"ReadOnly"}}`), write, false, nil},
		{statement(arn, "DeleteBucket", ""), read, false, nil},
		{statement("*", "ListAllMyDirectoryBuckets", ""), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.ListDirectoryBuckets(ctx, &sdk.ListDirectoryBucketsInput{})
			return err
		}, true, control},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, func(ctx context.Context, s *sdk.Client) error {
			_, err := s.ListDirectoryBuckets(ctx, &sdk.ListDirectoryBucketsInput{})
			return err
		}, false, control},
		{statement(arn, "PutBucketPolicy", ""), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: new(dirName), Policy: new(policyOf(
				`{"Effect":"Deny","Principal":"*","Action":"s3express:CreateSession","Resource":"` + arn + `"}`))})
			return err
		}, true, control},
		{statement(arn, "CreateSession", ""), read, false, nil}, // by the policy that was just put
	} {
		keys := w.User(fmt.Sprintf("user%d", i), policyOf(c.policy))
		err := c.call(t.Context(), sdk.NewFromConfig(w.ConfigAs(keys), c.options...))
		if c.allowed && err != nil || !c.allowed && (err == nil || !strings.Contains(err.Error(), "AccessDenied")) {
			t.Errorf("%d: %v, want allowed %v", i, err, c.allowed)
		}
	}
}
