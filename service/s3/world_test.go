package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"pileus/node/nodetest"
)

// objectWorld is a cloud with S3 and a client of AWS's SDK for it, as root.
func objectWorld(t testing.TB) (*nodetest.World, *sdk.Client) {
	t.Helper()
	w := nodetest.New(t, Module())
	return w, clientAs(w, nil)
}

// clientAs is a client with the keys, or root's.
func clientAs(w *nodetest.World, k *nodetest.Keys) *sdk.Client {
	cfg := w.Config()
	if k != nil {
		cfg = w.ConfigAs(*k)
	}
	return sdk.NewFromConfig(cfg, func(o *sdk.Options) {
		o.UsePathStyle = true
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported // as config.LoadDefaultConfig has it
	})
}

// must fails the test on an error and is the value.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantCode fails the test unless err is a service error with the code.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

func makeBucket(t testing.TB, s *sdk.Client, name string) {
	t.Helper()
	must(s.CreateBucket(context.Background(), &sdk.CreateBucketInput{Bucket: &name}))(t)
}

// put puts an object and is its version id, "" without one.
func put(t testing.TB, s *sdk.Client, bucket, key, body string) string {
	t.Helper()
	out := must(s.PutObject(context.Background(), &sdk.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}))(t)
	if out.VersionId == nil {
		return ""
	}
	return *out.VersionId
}

func get(t testing.TB, s *sdk.Client, bucket, key string) string {
	t.Helper()
	out := must(s.GetObject(context.Background(), &sdk.GetObjectInput{Bucket: &bucket, Key: &key}))(t)
	return string(readAll(t, out.Body))
}

func readAll(t testing.TB, r io.ReadCloser) []byte {
	t.Helper()
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pattern is n bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// rawBody reads an answer that no client made sense of.
func rawBody(t testing.TB, res *http.Response) string {
	t.Helper()
	return string(bytes.TrimSpace(readAll(t, res.Body)))
}
