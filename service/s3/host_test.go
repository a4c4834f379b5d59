package s3_test

import (
	"net/http"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

// Clients that put the bucket straight before the domain reach it, and what is
// no bucket is a path as ever.
func TestBucketsOfLocalHostNames(t *testing.T) {
	s := newStage(t)
	b := s.open("photos")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]}]}`
	must(t)(s.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &policy}))
	s.put(b, "2026/cat", "meow")
	s.put(b, "photos/dog", "woof")
	for _, test := range []struct {
		host, path string
		status     int
		body       string
	}{
		{"photos.localhost:4566", "/2026/cat", 200, "meow"},
		{"photos.localhost.localstack.cloud:4566", "/2026/cat", 200, "meow"},
		{"photos.localhost", "/photos/dog", 200, "woof"},
		{"films.localhost", "/photos/2026/cat", 200, "meow"}, // there is no bucket films
		{"s3.localhost", "/photos/2026/cat", 200, "meow"},
		{"photos.localhost", "/none", 404, ""},
	} {
		resp, body := s.fetch(http.MethodGet, test.host, test.path)
		if resp.StatusCode != test.status || test.body != "" && body != test.body {
			t.Errorf("%s%s: %s %q, want %d %q", test.host, test.path, resp.Status, body, test.status, test.body)
		}
	}
}
