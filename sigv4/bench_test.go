package sigv4

import (
	"io"
	"strings"
	"testing"
)

// BenchmarkVerify is what every signed request pays: parse and prove.
func BenchmarkVerify(b *testing.B) {
	keys := NewKeys(16)
	body := `{"QueueUrl":"http://localhost:4566/000000000000/q","MessageBody":"hello"}`
	for name, family := range map[string]Family{"json": JSON, "s3": S3} {
		b.Run(name, func(b *testing.B) {
			service := map[Family]string{S3: "s3", JSON: "sqs"}[family]
			r := signed(b, "POST", "http://localhost:4566/bucket/some/key.txt?x-id=PutObject", service, body, "Content-Type", "application/x-amz-json-1.0", "X-Amz-Target", "AmazonSQS.SendMessage")
			o := Options{Now: exampleTime, Family: family, Keys: keys, Body: []byte(body)}
			b.ReportAllocs()
			for b.Loop() {
				a, err := Parse(r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := a.Verify(r, exampleSecret, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkChunks decodes and verifies AWS's example upload.
func BenchmarkChunks(b *testing.B) {
	r, body := exampleUpload(b, true)
	b.SetBytes(66560)
	b.ReportAllocs()
	res, err := mustParse(b, r).Verify(r, exampleSecret, Options{Now: exampleTime})
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 32<<10)
	for b.Loop() {
		r.Body = io.NopCloser(strings.NewReader(body))
		in, err := res.Body(r)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = in.Read(buf)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}
