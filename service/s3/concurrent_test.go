package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/node/nodetest"
	"pileus/store"
)

// Of many who create a key if it is not there, one does.
func TestOneOfManyCreates(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: strings.NewReader(fmt.Sprint(i)), IfNoneMatch: new("*")})
			if err == nil {
				won.Add(1)
			} else if !strings.Contains(err.Error(), "PreconditionFailed") {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d have created the key", won.Load())
	}
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k")}))(t)
	nothingLeft(t, w.View)
}

// Writers of one key leave one object, whole, and no content of the others.
func TestConcurrentWritersOfOneKey(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 5 {
				put(t, s, "bucket", "k", strings.Repeat(fmt.Sprint(i), 50_000))
			}
		})
	}
	all.Wait()
	if got := get(t, s, "bucket", "k"); len(got) != 50_000 || strings.Trim(got, got[:1]) != "" {
		t.Errorf("%d bytes, of several writers", len(got))
	}
	w.View(func(r store.Reader) {
		n := 0
		for range r.Scan(store.Range{From: []byte("~blob.file/"), To: []byte("~blob.file0")}) {
			n++
		}
		if n > 1 {
			t.Errorf("content of %d writers is kept", n)
		}
	})
}

func TestMultipartWithCustomerKey(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	raw := pattern(32)
	sum := md5.Sum(raw)
	alg, key, digest := new("AES256"), new(base64.StdEncoding.EncodeToString(raw)), new(base64.StdEncoding.EncodeToString(sum[:]))
	up := must(s.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: new("bucket"), Key: new("k"), SSECustomerAlgorithm: alg, SSECustomerKey: key, SSECustomerKeyMD5: digest}))(t)
	data := pattern(5*mib + 99)
	var done []types.CompletedPart
	for i, d := range [][]byte{data[:5*mib], data[5*mib:]} {
		in := &sdk.UploadPartInput{Bucket: new("bucket"), Key: new("k"), UploadId: up.UploadId, PartNumber: new(int32(i + 1)), Body: bytes.NewReader(d)}
		_, err := s.UploadPart(ctx, in)
		wantCode(t, err, "InvalidRequest")
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5, in.Body = alg, key, digest, bytes.NewReader(d)
		done = append(done, types.CompletedPart{PartNumber: in.PartNumber, ETag: must(s.UploadPart(ctx, in))(t).ETag})
	}
	must(s.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{Bucket: new("bucket"), Key: new("k"), UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done}}))(t)
	out := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), SSECustomerAlgorithm: alg, SSECustomerKey: key, SSECustomerKeyMD5: digest}))(t)
	if !bytes.Equal(readAll(t, out.Body), data) {
		t.Error("the object is not what was uploaded")
	}
	_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k")})
	wantCode(t, err, "InvalidRequest")
	must(s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: new("bucket"), Key: new("k")}))(t)
	nothingLeft(t, w.View)
}

func TestRequesterPays(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "k", "x")
	other := w.UserIn("111122223333", "bob", nodetest.Allow("s3:*"))
	must(s.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: new("bucket"), Policy: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}`)}))(t)
	bob := clientAs(w, &other)
	must(bob.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k")}))(t).Body.Close()
	must(s.PutBucketRequestPayment(ctx, &sdk.PutBucketRequestPaymentInput{Bucket: new("bucket"), RequestPaymentConfiguration: &types.RequestPaymentConfiguration{Payer: types.PayerRequester}}))(t)
	_, err := bob.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k")})
	wantCode(t, err, "AccessDenied")
	out := must(bob.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k"), RequestPayer: types.RequestPayerRequester}))(t)
	out.Body.Close()
	if out.RequestCharged != types.RequestChargedRequester {
		t.Errorf("charged %q", out.RequestCharged)
	}
	must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k")}))(t).Body.Close()
}
