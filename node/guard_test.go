package node_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"pileus/node"
)

// TestWebPagesCannotSteer sends what browsers send: for a page of this cloud,
// for one of another site, and for one whose name was made to resolve here.
func TestWebPagesCannotSteer(t *testing.T) {
	w := begin(t, node.Options{Hostname: "cloud.example.org"})
	for _, c := range []struct {
		name, method, path string
		header             []string
		status             int
	}{
		{"curl", "POST", "/_pileus/reset", nil, 200},
		{"a container's name", "POST", "/_pileus/reset", []string{"Host", "pileus:4566"}, 200},
		{"localhost", "POST", "/_pileus/reset", []string{"Host", "LOCALHOST:4566"}, 200},
		{"IPv6", "POST", "/_pileus/reset", []string{"Host", "[::1]:4566"}, 200},
		{"LocalStack's domain", "POST", "/_pileus/reset", []string{"Host", "localhost.localstack.cloud:4566"}, 200},
		{"the host name it was given", "POST", "/_pileus/reset", []string{"Host", "cloud.example.org"}, 200},
		{"Docker's name of the host", "POST", "/_pileus/reset", []string{"Host", "host.docker.internal:4566"}, 200},
		{"its own page", "POST", "/_pileus/reset", []string{"Host", "localhost:4566", "Origin", "http://localhost:4566", "Sec-Fetch-Site", "same-origin"}, 200},

		{"another site", "POST", "/_pileus/reset", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
		{"another site, older browser", "POST", "/_pileus/reset", []string{"Origin", "https://evil.example"}, 403},
		{"a sandboxed frame", "POST", "/_pileus/reset", []string{"Origin", "null"}, 403},
		{"another port of this machine", "POST", "/_pileus/reset", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"moto's reset", "POST", "/moto-api/reset", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"LocalStack's reset", "POST", "/_localstack/state/reset", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"faults", "DELETE", "/_pileus/faults", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"the clock", "POST", "/_pileus/clock/freeze", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"the end", "POST", "/_pileus/down", []string{"Sec-Fetch-Site", "cross-site"}, 403},

		{"a rebound name", "POST", "/_pileus/reset", []string{"Host", "evil.example:4566"}, 403},
		{"a rebound name, same origin to the browser", "POST", "/_pileus/reset", []string{"Host", "evil.example", "Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin"}, 403},
		{"reading the trail by a rebound name", "GET", "/_pileus/trail", []string{"Host", "evil.example"}, 403},
		{"an address in a name", "GET", "/_pileus/trail", []string{"Host", "127.0.0.1.evil.example"}, 403},
		{"health by any name", "GET", "/_localstack/health", []string{"Host", "pileus.cluster.example"}, 200},
	} {
		if status, answer := w.ask(c.method, c.path, "", c.header...); status != c.status {
			t.Errorf("%s: %s %s answers %d, want %d: %s", c.name, c.method, c.path, status, c.status, answer)
		}
	}
	select {
	case <-w.node.Asked():
		t.Error("a web page stopped the cloud")
	default:
	}
}

// TestBucketsDoNotCollide has objects where the paths that steer the cloud are.
func TestBucketsDoNotCollide(t *testing.T) {
	w := inMemory(t)
	w.bucket()
	w.put("_pileus/status", []byte("mine"))
	w.put("_pileus/reset", []byte("mine too"))
	for _, path := range []string{"/_pileus/status", "/_pileus/reset"} {
		url, err := s3.NewPresignClient(w.client(), func(o *s3.PresignOptions) {
			o.ClientOptions = append(o.ClientOptions, func(o *s3.Options) { o.UsePathStyle = false; o.BaseEndpoint = new("http://s3.localhost") })
		}).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: new("test"), Key: new(strings.TrimPrefix(path, "/"))})
		w.check(err)
		target := strings.TrimPrefix(url.URL, "http://test.s3.localhost")
		if status, answer := w.ask("GET", target, "", "Host", "test.s3.localhost"); status != 200 || !strings.HasPrefix(answer, "mine") {
			t.Errorf("GET %s of a bucket's host: %d %s", path, status, answer)
		}
	}
	// A POST without a signature to a bucket's host is S3's to refuse.
	if status, _ := w.ask("POST", "/_pileus/reset", "", "Host", "test.s3.localhost"); status == 200 {
		t.Error("an object's POST emptied the cloud")
	}
	w.holds("_pileus/reset", []byte("mine too"))

	t.Log("moto-api is a fine name for a bucket")
	_, err := w.client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: new("moto-api")})
	w.check(err)
	_, err = w.client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: new("moto-api"), Key: new("reset"), Body: strings.NewReader("x")})
	w.check(err)
	_, err = w.client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: new("moto-api"), Key: new("reset")})
	w.check(err)
	up, err := w.client().CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: new("moto-api"), Key: new("reset")})
	if err != nil || up.UploadId == nil {
		t.Errorf("an upload to moto-api/reset: %v", err)
	}
	if status, _ := w.ask(http.MethodGet, "/_pileus/nothing", ""); status != 404 {
		t.Errorf("what is not there answers %d", status)
	}
}
