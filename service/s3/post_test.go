package s3

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"pileus/clock"
	"pileus/node"
	"pileus/node/nodetest"
)

// formOf is a browser's request: fields in order, then the file.
func formOf(t testing.TB, w *nodetest.World, bucket string, fields [][2]string, name, content string) *http.Request {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, f := range fields {
		if err := m.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	part := must(m.CreateFormFile("file", name))(t)
	part.Write([]byte(content))
	m.Close()
	r := must(http.NewRequest("POST", w.Endpoint+"/"+bucket, &b))(t)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return r
}

// chain is HMAC-SHA256 of each text under the result of the one before, which
// is how a signature of version 4 comes about.
func chain(key string, texts ...string) []byte {
	sum := []byte(key)
	for _, text := range texts {
		h := hmac.New(sha256.New, sum)
		h.Write([]byte(text))
		sum = h.Sum(nil)
	}
	return sum
}

func TestBrowserUpload(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	now := clock.Machine().UTC()
	stamp := now.Format("20060102T150405Z")
	scope := node.DefaultKey + "/" + now.Format("20060102") + "/us-east-1/s3/aws4_request"
	policy, err := json.Marshal(map[string]any{
		"expiration": now.Add(3600e9).Format("2006-01-02T15:04:05.000Z"),
		"conditions": []any{
			map[string]string{"bucket": "bucket"}, []any{"starts-with", "$key", "up/"}, []any{"content-length-range", 3, 20},
			map[string]string{"x-amz-algorithm": "AWS4-HMAC-SHA256"}, map[string]string{"x-amz-credential": scope}, map[string]string{"x-amz-date": stamp},
			[]any{"starts-with", "$Content-Type", "text/"}, []any{"starts-with", "$x-amz-meta-by", ""}, []any{"starts-with", "$success_action_status", ""},
			[]any{"starts-with", "$tagging", ""},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString(policy)
	signature := hex.EncodeToString(chain("AWS4"+node.DefaultSecret, now.Format("20060102"), "us-east-1", "s3", "aws4_request", encoded))
	fields := func(more ...[2]string) [][2]string {
		return append([][2]string{{"key", "up/${filename}"}, {"Content-Type", "text/plain"}, {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"}, {"X-Amz-Credential", scope},
			{"X-Amz-Date", stamp}, {"Policy", encoded}, {"X-Amz-Signature", signature}}, more...)
	}
	r := formOf(t, w, "bucket", fields([2]string{"x-amz-meta-by", "me"}, [2]string{"success_action_status", "201"},
		[2]string{"tagging", "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"}), `C:\docs\a.txt`, "content")
	status, body, h := send(t, r)
	if status != 201 || !strings.Contains(body, "<Key>up/a.txt</Key>") || !strings.Contains(h.Get("Location"), "/bucket/up/a.txt") {
		t.Fatalf("%d %s %v", status, body, h)
	}
	out := must(s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("up/a.txt")}))(t)
	if got := string(readAll(t, out.Body)); got != "content" || *out.ContentType != "text/plain" || out.Metadata["by"] != "me" || *out.TagCount != 1 {
		t.Errorf("%q, %v, %v", got, *out.ContentType, out.Metadata)
	}
	for _, test := range []struct {
		name, content, code string
		fields              [][2]string
	}{
		{"too large", strings.Repeat("x", 21), "EntityTooLarge", fields()},
		{"too small", "x", "EntityTooSmall", fields()},
		{"extra field", "content", "AccessDenied", fields([2]string{"x-amz-meta-other", "x"})},
		{"wrong key", "content", "AccessDenied", append([][2]string{{"key", "down/x"}}, fields()[1:]...)},
		{"wrong signature", "content", "SignatureDoesNotMatch", append(fields()[:6], [2]string{"X-Amz-Signature", strings.Repeat("0", 64)})},
		{"no key", "content", "InvalidArgument", fields()[1:]},
		{"anonymous", "content", "AccessDenied", [][2]string{{"key", "up/x"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body, _ := send(t, formOf(t, w, "bucket", test.fields, "x", test.content))
			if status < 400 || !strings.Contains(body, "<Code>"+test.code+"</Code>") {
				t.Errorf("%d %s, want %s", status, body, test.code)
			}
		})
	}
	r = formOf(t, w, "bucket", fields(), "b", "content")
	if status, body, _ := send(t, r); status != http.StatusNoContent || body != "" {
		t.Errorf("default answer: %d %s", status, body)
	}
}
