package s3

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"

	api "pileus/api/s3"
)

// The handlers without the edge: what a request costs beside sockets,
// signatures and the wire. The world does not rehearse here.
func BenchmarkObjects(b *testing.B) {
	w := nodetest.Start(b, node.Options{Modules: func(node.Parts) []cloud.Module { return []cloud.Module{Module()} }, Seed: 1})
	c := w.Call()
	nodetest.Do(w, &api.CreateBucket, &api.CreateBucketInput{Bucket: "bucket"})
	for _, size := range []int{4 << 10, 1 << 20, 16 << 20} {
		data := pattern(size)
		b.Run(fmt.Sprintf("put-%dKiB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				putOnce(b, c, "key", data)
			}
		})
		putOnce(b, c, "key", data)
		b.Run(fmt.Sprintf("get-%dKiB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				out, err := api.GetObject.Call(c, &api.GetObjectInput{Bucket: "bucket", Key: "key"})
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, out.Body); err != nil || n != int64(size) {
					b.Fatal(n, err)
				}
				out.Body.Close()
			}
		})
	}
}

func putOnce(b *testing.B, c *cloud.Call, key string, data []byte) {
	_, err := api.PutObject.Call(c, &api.PutObjectInput{Bucket: "bucket", Key: key, Body: io.NopCloser(bytes.NewReader(data)), ContentLength: new(int64(len(data)))})
	if err != nil {
		b.Fatal(err)
	}
}
