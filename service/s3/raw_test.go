package s3

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/clock"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/store"
)

// signed is a request as root, with its path and body exactly as given.
func signed(t testing.TB, w *nodetest.World, method, path, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, w.Endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	path, r.URL.RawQuery, _ = strings.Cut(path, "?")
	r.URL.Opaque = "//" + r.URL.Host + path
	if r.URL.Path, err = url.PathUnescape(path); err != nil {
		t.Fatal(err)
	}
	r.URL.RawPath = path
	sum := sha256.Sum256([]byte(body))
	r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	err = signer.SignHTTP(context.Background(), aws.Credentials{AccessKeyID: node.DefaultKey, SecretAccessKey: node.DefaultSecret}, r,
		r.Header.Get("X-Amz-Content-Sha256"), "s3", nodetest.Region, clock.Machine())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// send sends a request and is its status and body.
func send(t testing.TB, r *http.Request) (int, string, http.Header) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, rawBody(t, res), res.Header
}

// digestOf is Content-MD5.
func digestOf(body string) string {
	sum := md5.Sum([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Keys are bytes: nothing in them is a path.
func TestKeysAreNotPaths(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	keys := []string{"../up", "a/../b", "//", "a//b", "/leading", "trailing/", ".", "..", "./x", "%2e%2e", "%2F", "a b+c&d=e?f#g", "ключ/键/🔑", "back\\slash", "quote\"'<>", strings.Repeat("k", 1024), strings.Repeat("ü", 512)}
	for i, key := range keys {
		path := "/bucket/" + strings.ReplaceAll(url.PathEscape(key), "%2F", "/")
		status, body, _ := send(t, signed(t, w, "PUT", path, fmt.Sprint("body ", i)))
		if status != http.StatusOK {
			t.Errorf("PUT %.40q: %d %s", key, status, body)
			continue
		}
		if status, body, _ = send(t, signed(t, w, "GET", path, "")); status != http.StatusOK || body != fmt.Sprint("body ", i) {
			t.Errorf("GET %.40q: %d %s", key, status, body)
		}
	}
	n := 0
	w.View(func(r store.Reader) {
		for o := range objects.Scan(r, "bucket") {
			if n++; !strings.Contains(strings.Join(keys, "\n"), o.Key) {
				t.Errorf("there is a key %q", o.Key)
			}
		}
	})
	if n != len(keys) {
		t.Errorf("%d keys are there, of %d", n, len(keys))
	}
	for _, key := range []string{strings.Repeat("k", 1025), strings.Repeat("ü", 513)} {
		if status, body, _ := send(t, signed(t, w, "PUT", "/bucket/"+url.PathEscape(key), "x")); status != 400 || !strings.Contains(body, "<Code>KeyTooLongError</Code>") {
			t.Errorf("%d bytes: %d %s", len(key), status, body)
		}
	}
	if status, body, _ := send(t, signed(t, w, "PUT", "/bucket/%ff%fe", "x")); status != 400 {
		t.Errorf("invalid UTF-8: %d %s", status, body)
	}
}

// Whatever goes wrong with a body, nothing is left of it.
func TestBadBodiesLeaveNothing(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	large := strings.Repeat("x", 400<<10) // beyond what is kept inline
	for _, test := range []struct {
		name, body, code string
		headers          []string
	}{
		{"wrong digest", large, "BadDigest", []string{"Content-Md5", "1B2M2Y8AsgTpgAmY7PhCfg=="}},
		{"malformed digest", large, "InvalidDigest", []string{"Content-Md5", "rubbish"}},
		{"wrong sha256", large, "XAmzContentSHA256Mismatch", []string{"X-Amz-Content-Sha256", strings.Repeat("0", 64)}},
		{"wrong checksum", large, "BadDigest", []string{"X-Amz-Checksum-Crc32", "AAAAAA=="}},
		{"malformed checksum", large, "InvalidRequest", []string{"X-Amz-Checksum-Crc32", "AA=="}},
		{"two checksums", large, "InvalidRequest", []string{"X-Amz-Checksum-Crc32", "AAAAAA==", "X-Amz-Checksum-Crc32c", "AAAAAA=="}},
		{"algorithm without checksum", large, "InvalidRequest", []string{"X-Amz-Sdk-Checksum-Algorithm", "CRC32"}},
		{"storage class", "x", "InvalidStorageClass", []string{"X-Amz-Storage-Class", "COLD"}},
		{"encryption", "x", "InvalidArgument", []string{"X-Amz-Server-Side-Encryption", "ROT13"}},
		{"KMS", "x", "NotImplemented", []string{"X-Amz-Server-Side-Encryption", "aws:kms"}},
		{"metadata", "x", "MetadataTooLarge", []string{"X-Amz-Meta-A", strings.Repeat("m", 2048)}},
		{"tags", "x", "BadRequest", []string{"X-Amz-Tagging", "a=&b=&c=&d=&e=&f=&g=&h=&i=&j=&k="}},
		{"redirect", "x", "InvalidRedirectLocation", []string{"X-Amz-Website-Redirect-Location", "ftp://x"}},
		{"ACL", "x", "InvalidArgument", []string{"X-Amz-Acl", "open-to-all"}},
		{"ACLs are off", "x", "AccessControlListNotSupported", []string{"X-Amz-Acl", "public-read"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := signed(t, w, "PUT", "/bucket/key", test.body, test.headers...)
			status, body, _ := send(t, r)
			if status < 400 || !strings.Contains(body, "<Code>"+test.code+"</Code>") {
				t.Errorf("%d %s, want %s", status, body, test.code)
			}
		})
	}
	nothingLeft(t, w.View)
}

// A client that goes away in the middle leaves nothing.
func TestShortBodies(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	for _, size := range []int{100, 500 << 10} {
		r := signed(t, w, "PUT", "/bucket/key", strings.Repeat("x", size), "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		conn, err := net.Dial("tcp", r.URL.Host)
		if err != nil {
			t.Fatal(err)
		}
		var head bytes.Buffer
		fmt.Fprintf(&head, "PUT /bucket/key HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", r.URL.Host, size)
		r.Header.Write(&head)
		head.WriteString("\r\n")
		conn.Write(head.Bytes())
		conn.Write(bytes.Repeat([]byte("x"), size/2))
		conn.(*net.TCPConn).CloseWrite()
		res, err := http.ReadResponse(bufio.NewReader(conn), r)
		if err == nil {
			if body := rawBody(t, res); !strings.Contains(body, "IncompleteBody") && !strings.Contains(body, "RequestTimeout") {
				t.Errorf("%d bytes: %d %s", size, res.StatusCode, body)
			}
		}
		conn.Close()
	}
	w.Drain()
	nothingLeft(t, w.View)
}

func TestErrorsSayWhatS3Says(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "key", "0123456789")
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		want                     []string
	}{
		{"missing key", "GET", "/bucket/none", "", nil, 404, []string{"<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>none</Key><RequestId>"}},
		{"missing bucket", "GET", "/no-bucket", "", nil, 404, []string{"<Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message><BucketName>no-bucket</BucketName>"}},
		{"range", "GET", "/bucket/key", "", []string{"Range", "bytes=10-"}, 416, []string{"<Code>InvalidRange</Code>", "<RangeRequested>bytes=10-</RangeRequested><ActualObjectSize>10</ActualObjectSize>"}},
		{"condition", "GET", "/bucket/key", "", []string{"If-Match", `"x"`}, 412, []string{"<Code>PreconditionFailed</Code>", "<Condition>If-Match</Condition>"}},
		{"malformed XML", "POST", "/bucket?delete", "<Delete><Object>", []string{"Content-Md5", digestOf("<Delete><Object>")}, 400, []string{"<Code>MalformedXML</Code><Message>The XML you provided was not well-formed or did not validate against our published schema</Message>"}},
		{"no digest", "POST", "/bucket?delete", "<Delete><Object><Key>key</Key></Object></Delete>", nil, 400, []string{"<Code>InvalidRequest</Code>", "Content-MD5"}},
		{"wrong digest", "POST", "/bucket?delete", "<Delete><Object><Key>key</Key></Object></Delete>", []string{"Content-Md5", digestOf("x")}, 400, []string{"<Code>BadDigest</Code>"}},
		{"wrong checksum", "POST", "/bucket?delete", "<Delete><Object><Key>key</Key></Object></Delete>", []string{"X-Amz-Checksum-Crc32", "AAAAAA=="}, 400, []string{"<Code>BadDigest</Code>"}},
		{"part number and range", "GET", "/bucket/key?partNumber=1", "", []string{"Range", "bytes=0-1"}, 400, []string{"<Code>InvalidRequest</Code>"}},
		{"no upload", "PUT", "/bucket/key?partNumber=1&uploadId=none", "x", nil, 404, []string{"<Code>NoSuchUpload</Code>", "<UploadId>none</UploadId>"}},
		{"max-keys", "GET", "/bucket?list-type=2&max-keys=many", "", nil, 400, []string{"<Code>InvalidArgument</Code>"}},
		{"encoding", "GET", "/bucket?encoding-type=rot13", "", nil, 400, []string{"<Code>InvalidArgument</Code>", "<ArgumentName>encoding-type</ArgumentName>"}},
		{"bucket name", "PUT", "/Bucket_1", "", nil, 400, []string{"<Code>InvalidBucketName</Code>", "<BucketName>Bucket_1</BucketName>"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, body, _ := send(t, signed(t, w, test.method, test.path, test.body, test.headers...))
			if status != test.status {
				t.Errorf("status %d, want %d: %s", status, test.status, body)
			}
			for _, part := range test.want {
				if !strings.Contains(body, part) {
					t.Errorf("%s\n\tlacks %s", body, part)
				}
			}
		})
	}
	status, body, _ := send(t, signed(t, w, "HEAD", "/bucket/none", ""))
	if status != 404 || body != "" {
		t.Errorf("HEAD: %d %q", status, body)
	}
	status, body, h := send(t, signed(t, w, "GET", "/bucket/key", "", "If-None-Match", "*"))
	if status != 304 || body != "" || h.Get("Etag") == "" {
		t.Errorf("not modified: %d %q %v", status, body, h)
	}
	status, body, h = send(t, signed(t, w, "GET", "/bucket/key", "", "Range", "bytes=2-4"))
	if status != 206 || body != "234" || h.Get("Content-Range") != "bytes 2-4/10" {
		t.Errorf("range: %d %q %v", status, body, h)
	}
	status, body, h = send(t, signed(t, w, "GET", "/bucket/key?partNumber=1", ""))
	if status != 206 || body != "0123456789" || h.Get("Content-Range") != "bytes 0-9/10" {
		t.Errorf("part 1 of one: %d %q %v", status, body, h)
	}
}

// Presigned requests need no headers; anonymous ones may not choose answers'.
func TestPresignedAndAnonymous(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "key", "content")
	p := must(sdk.NewPresignClient(s).PresignGetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("key"), ResponseContentType: new("text/css")}))(t)
	res := must(http.Get(p.URL))(t)
	if body := rawBody(t, res); body != "content" || res.Header.Get("Content-Type") != "text/css" {
		t.Errorf("presigned: %d %s", res.StatusCode, body)
	}
	res = must(http.Get(w.Endpoint + "/bucket/key"))(t)
	if body := rawBody(t, res); res.StatusCode != 403 || !strings.Contains(body, "<Message>Access Denied</Message>") {
		t.Errorf("anonymous: %d %s", res.StatusCode, body)
	}
	must(s.DeletePublicAccessBlock(ctx, &sdk.DeletePublicAccessBlockInput{Bucket: new("bucket")}))(t)
	must(s.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: new("bucket"), Policy: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}`)}))(t)
	res = must(http.Get(w.Endpoint + "/bucket/key"))(t)
	if body := rawBody(t, res); body != "content" {
		t.Errorf("public: %d %s", res.StatusCode, body)
	}
	res = must(http.Get(w.Endpoint + "/bucket/key?response-content-type=text/css"))(t)
	if body := rawBody(t, res); res.StatusCode != 400 || !strings.Contains(body, "InvalidRequest") {
		t.Errorf("anonymous override: %d %s", res.StatusCode, body)
	}
	// Who may not list learns not that there is no such key.
	res = must(http.Get(w.Endpoint + "/bucket/none"))(t)
	if body := rawBody(t, res); res.StatusCode != 403 {
		t.Errorf("missing key without s3:ListBucket: %d %s", res.StatusCode, body)
	}
}

func TestArchivedObjectsAreNotRead(t *testing.T) {
	_, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: strings.NewReader("x"), StorageClass: types.StorageClassDeepArchive}))(t)
	_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: new("bucket"), Key: new("k")})
	wantCode(t, err, "InvalidObjectState")
	_, err = s.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: new("bucket"), Key: new("c"), CopySource: new("bucket/k")})
	wantCode(t, err, "InvalidObjectState")
	if h := must(s.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: new("bucket"), Key: new("k")}))(t); h.StorageClass != types.StorageClassDeepArchive {
		t.Errorf("class %s", h.StorageClass)
	}
}

// A bucket may be the first part of the host instead of the path.
func TestVirtualHosts(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	makeBucket(t, s, "dotted.bucket.name")
	put(t, s, "bucket", "a/b", "content")
	put(t, s, "dotted.bucket.name", "a/b", "dotted")
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.Endpoint, "http://"))
	for host, want := range map[string]string{
		"bucket.s3.localhost.localstack.cloud": "content", "bucket.s3.us-east-1.localhost": "content", "bucket.s3.amazonaws.com": "content",
		"dotted.bucket.name.s3.localhost": "dotted", "s3.localhost": "",
	} {
		path := "/a/b"
		if want == "" {
			path, want = "/bucket/a/b", "content"
		}
		r := must(http.NewRequest("GET", w.Endpoint+path, nil))(t)
		r.Host = host + ":" + port
		r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
		err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: node.DefaultKey, SecretAccessKey: node.DefaultSecret}, r, "UNSIGNED-PAYLOAD", "s3", nodetest.Region, clock.Machine())
		if err != nil {
			t.Fatal(err)
		}
		if status, body, _ := send(t, r); status != 200 || body != want {
			t.Errorf("%s: %d %s", host, status, body)
		}
	}
}

// Chunked uploads carry their checksum behind the content.
func TestTrailingChecksums(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	upload := func(sum string) (int, string) {
		body := "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:" + sum + "\r\n\r\n"
		r := signed(t, w, "PUT", "/bucket/key", body, "X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding", "aws-chunked",
			"X-Amz-Decoded-Content-Length", "3", "X-Amz-Trailer", "x-amz-checksum-crc32")
		status, text, _ := send(t, r)
		return status, text
	}
	if status, text := upload("AAAAAA=="); status != 400 || !strings.Contains(text, "<Code>BadDigest</Code>") {
		t.Errorf("wrong: %d %s", status, text)
	}
	if status, text := upload("rubbish"); status != 400 || !strings.Contains(text, "<Code>InvalidRequest</Code>") {
		t.Errorf("malformed: %d %s", status, text)
	}
	nothingLeft(t, w.View)
	if status, text := upload("NSRBwg=="); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	h := must(s.HeadObject(context.Background(), &sdk.HeadObjectInput{Bucket: new("bucket"), Key: new("key"), ChecksumMode: types.ChecksumModeEnabled}))(t)
	if *h.ChecksumCRC32 != "NSRBwg==" || *h.ContentLength != 3 || h.ContentEncoding != nil {
		t.Errorf("%s, %d, %v", *h.ChecksumCRC32, *h.ContentLength, h.ContentEncoding)
	}
}

// What is too large is refused before any of it is read.
func TestTooLargeUploads(t *testing.T) {
	w, s := objectWorld(t)
	makeBucket(t, s, "bucket")
	r := signed(t, w, "PUT", "/bucket/key", "", "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	r.ContentLength = maxPut + 1
	r.Body = http.NoBody
	conn := must(net.Dial("tcp", r.URL.Host))(t)
	defer conn.Close()
	var head bytes.Buffer
	fmt.Fprintf(&head, "PUT /bucket/key HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", r.URL.Host, r.ContentLength)
	r.Header.Write(&head)
	head.WriteString("\r\n")
	conn.Write(head.Bytes())
	res := must(http.ReadResponse(bufio.NewReader(conn), r))(t)
	if body := rawBody(t, res); res.StatusCode != 400 || !strings.Contains(body, "<Code>EntityTooLarge</Code>") || !strings.Contains(body, "<MaxSizeAllowed>5368709120</MaxSizeAllowed>") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
