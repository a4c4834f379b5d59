package s3_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"pileus/node/nodetest"
	"pileus/service/s3"
)

// stage is a cloud with S3 and AWS's own client, as root.
type stage struct {
	*nodetest.World
	*sdk.Client
}

func newStage(t *testing.T) *stage {
	t.Helper()
	w := nodetest.New(t, s3.Module())
	return &stage{w, client(w.Config())}
}

func client(c aws.Config) *sdk.Client {
	return sdk.NewFromConfig(c, func(o *sdk.Options) { o.UsePathStyle = true })
}

// bucket makes a bucket; options change the request.
func (s *stage) bucket(name string, options ...func(*sdk.CreateBucketInput)) string {
	s.T.Helper()
	in := &sdk.CreateBucketInput{Bucket: &name}
	for _, o := range options {
		o(in)
	}
	if _, err := s.CreateBucket(s.T.Context(), in); err != nil {
		s.T.Fatalf("create bucket %s: %v", name, err)
	}
	return name
}

// open makes a bucket that public access blocks and ownership do not limit.
func (s *stage) open(name string) string {
	s.T.Helper()
	s.bucket(name, func(in *sdk.CreateBucketInput) { in.ObjectOwnership = types.ObjectOwnershipObjectWriter })
	must(s.T)(s.DeletePublicAccessBlock(s.T.Context(), &sdk.DeletePublicAccessBlockInput{Bucket: &name}))
	return name
}

func (s *stage) put(bucket, key, body string, options ...func(*sdk.PutObjectInput)) *sdk.PutObjectOutput {
	s.T.Helper()
	in := &sdk.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}
	for _, o := range options {
		o(in)
	}
	out, err := s.PutObject(s.T.Context(), in)
	if err != nil {
		s.T.Fatalf("put %s/%s: %v", bucket, key, err)
	}
	return out
}

func (s *stage) version(bucket string) {
	s.T.Helper()
	must(s.T)(s.PutBucketVersioning(s.T.Context(), &sdk.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}))
}

// keys lists the keys of a bucket.
func (s *stage) keys(bucket string) string {
	s.T.Helper()
	out, err := s.ListObjectsV2(s.T.Context(), &sdk.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		s.T.Fatalf("list %s: %v", bucket, err)
	}
	var list []string
	for _, o := range out.Contents {
		list = append(list, *o.Key)
	}
	return strings.Join(list, " ")
}

// must fails the test on an error, whatever else was returned.
func must(t testing.TB) func(out any, err error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// code is the error code of an answer; "" for none.
func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func wantCode(t testing.TB, want string) func(out any, err error) {
	return func(_ any, err error) {
		t.Helper()
		if got := code(err); got != want {
			t.Errorf("error is %q (%v), want %q", got, err, want)
		}
	}
}

// fetch sends a plain HTTP request to a host name of the cloud.
func (s *stage) fetch(method, host, path string, header ...string) (*http.Response, string) {
	s.T.Helper()
	req, err := http.NewRequestWithContext(s.T.Context(), method, s.Endpoint+path, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return resp, string(body)
}

// in is a client of another region.
func (s *stage) in(region string) *sdk.Client {
	c := s.Config()
	c.Region = region
	return client(c)
}
