package sigv4

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"pileus/cloud"
)

// The credentials and time of the examples that AWS publishes for S3.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
const (
	exampleKey    = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// arrive is a request as a server reads it.
func arrive(t testing.TB, raw string) *http.Request {
	t.Helper()
	head, body, _ := strings.Cut(raw, "\n\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustParse(t testing.TB, r *http.Request) *Auth {
	t.Helper()
	a, err := Parse(r)
	if err != nil || a == nil {
		t.Fatalf("Parse: %v, %v", a, err)
	}
	return a
}

func code(err error) string {
	var e *cloud.Error
	var f *Fault
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	case errors.As(err, &f):
		return f.In(S3).Code
	}
	return err.Error()
}

// TestPublished holds us to the signatures in AWS's documentation.
func TestPublished(t *testing.T) {
	const s3Credential = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
	const suiteCredential = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
	const suiteSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	suiteTime := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, c := range []struct {
		name, raw, secret string
		now               time.Time
		family            Family
	}{
		{"S3 GET object with range", "GET /test.txt HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\nRange: bytes=0-9\nx-amz-content-sha256: " + EmptyPayload + "\nx-amz-date: 20130524T000000Z\nAuthorization: " + s3Credential + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41\n\n", exampleSecret, exampleTime, S3},
		{"S3 PUT object, a dollar in the key, date in Date", "PUT /test$file.text HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\nDate: Fri, 24 May 2013 00:00:00 GMT\nx-amz-date: 20130524T000000Z\nx-amz-storage-class: REDUCED_REDUNDANCY\nx-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\nContent-Length: 21\nAuthorization: " + s3Credential + "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd\n\nWelcome to Amazon S3.", exampleSecret, exampleTime, S3},
		{"S3 GET lifecycle", "GET /?lifecycle HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\nx-amz-date: 20130524T000000Z\nx-amz-content-sha256: " + EmptyPayload + "\nAuthorization: " + s3Credential + "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543\n\n", exampleSecret, exampleTime, S3},
		{"S3 list, parameters out of order", "GET /?prefix=J&max-keys=2 HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\nx-amz-date: 20130524T000000Z\nx-amz-content-sha256: " + EmptyPayload + "\nAuthorization: " + s3Credential + "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7\n\n", exampleSecret, exampleTime, S3},
		{"S3 presigned GET", "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1\nHost: examplebucket.s3.amazonaws.com\n\n", exampleSecret, exampleTime.Add(23 * time.Hour), S3},
		{"suite: get-vanilla", "GET / HTTP/1.1\nHost: example.amazonaws.com\nX-Amz-Date: 20150830T123600Z\nAuthorization: " + suiteCredential + "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31\n\n", suiteSecret, suiteTime, Query},
		{"suite: get-vanilla-query-order-key-case", "GET /?Param2=value2&Param1=value1 HTTP/1.1\nHost: example.amazonaws.com\nX-Amz-Date: 20150830T123600Z\nAuthorization: " + suiteCredential + "SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500\n\n", suiteSecret, suiteTime, Query},
		{"suite: get-header-value-trim", "GET / HTTP/1.1\nHost: example.amazonaws.com\nMy-Header1:  value1\nMy-Header2:  \"a   b   c\"\nX-Amz-Date: 20150830T123600Z\nAuthorization: " + suiteCredential + "SignedHeaders=host;my-header1;my-header2;x-amz-date, Signature=acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736\n\n", suiteSecret, suiteTime, Query},
		{"suite: get-header-key-duplicate", "GET / HTTP/1.1\nHost: example.amazonaws.com\nMy-Header1: value2\nMy-Header1: value2\nMy-Header1: value1\nX-Amz-Date: 20150830T123600Z\nAuthorization: " + suiteCredential + "SignedHeaders=host;my-header1;x-amz-date, Signature=c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea\n\n", suiteSecret, suiteTime, Query},
		{"suite: normalize-path get-slashes", "GET //example// HTTP/1.1\nHost: example.amazonaws.com\nX-Amz-Date: 20150830T123600Z\nAuthorization: " + suiteCredential + "SignedHeaders=host;x-amz-date, Signature=9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84\n\n", suiteSecret, suiteTime, Query},
		{"suite: post-x-www-form-urlencoded", "POST / HTTP/1.1\nHost: example.amazonaws.com\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 13\nX-Amz-Date: 20150830T123600Z\nAuthorization: " + suiteCredential + "SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a\n\nParam1=value1", suiteSecret, suiteTime, Query},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := arrive(t, c.raw)
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			o := Options{Now: c.now, Family: c.family, Body: body}
			res, err := mustParse(t, r).Verify(r, c.secret, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := res.VerifyBytes(body); err != nil {
				t.Error(err)
			}
			if _, err := mustParse(t, r).Verify(r, c.secret+"x", o); code(err) != "SignatureDoesNotMatch" {
				t.Errorf("with another secret: %v", err)
			}
			r.Method = "DELETE"
			if _, err := mustParse(t, r).Verify(r, c.secret, o); code(err) != "SignatureDoesNotMatch" {
				t.Errorf("with another method: %v", err)
			}
		})
	}
}

// The published examples of streaming uploads: 65 KiB of "a" in chunks of 64
// KiB. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
func exampleChunks(signatures [3]string, trailer string) string {
	a := strings.Repeat("a", 65536)
	return "10000;chunk-signature=" + signatures[0] + "\r\n" + a + "\r\n" +
		"400;chunk-signature=" + signatures[1] + "\r\n" + a[:1024] + "\r\n" +
		"0;chunk-signature=" + signatures[2] + "\r\n" + trailer + "\r\n"
}

func exampleUpload(t testing.TB, trailers bool) (*http.Request, string) {
	const head = "PUT /examplebucket/chunkObject.txt HTTP/1.1\nHost: s3.amazonaws.com\nx-amz-date: 20130524T000000Z\nx-amz-storage-class: REDUCED_REDUNDANCY\nContent-Encoding: aws-chunked\nx-amz-decoded-content-length: 66560\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=content-encoding;"
	if !trailers {
		return arrive(t, head+"content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9\nContent-Length: 66824\nx-amz-content-sha256: "+StreamingSigned+"\n\n"),
			exampleChunks([3]string{"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}, "")
	}
	return arrive(t, head+"host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e\nTransfer-Encoding: chunked\nx-amz-trailer: x-amz-checksum-crc32c\nx-amz-content-sha256: "+StreamingTrailer+"\n\n"),
		exampleChunks([3]string{"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7", "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"},
			"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n")
}

// verified opens an upload's body after proving its head.
func verified(t testing.TB, r *http.Request, body string, now time.Time) *Body {
	t.Helper()
	res, err := mustParse(t, r).Verify(r, exampleSecret, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	r.Body = io.NopCloser(strings.NewReader(body))
	b, err := res.Body(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPublishedChunks(t *testing.T) {
	for _, trailers := range []bool{false, true} {
		r, body := exampleUpload(t, trailers)
		b := verified(t, r, body, exampleTime)
		early := b.Trailer()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, bytes.Repeat([]byte("a"), 66560)) || b.Len() != 66560 {
			t.Errorf("trailers %v: %d bytes, %v", trailers, len(got), err)
		}
		if want := map[bool]string{true: "sOO8/Q=="}[trailers]; early.Get("x-amz-checksum-crc32c") != want {
			t.Errorf("trailer %v", early)
		}
	}
}

// TestUnverified: without verification damaged signatures do no harm, damaged
// framing does.
func TestUnverified(t *testing.T) {
	for _, trailers := range []bool{false, true} {
		for from, want := range map[string]string{"0;chunk-signature=": "", "\r\n0;chunk-signature=": "IncompleteBody"} {
			r, body := exampleUpload(t, trailers)
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(body, from, "0;chunk-signature=0", 1)))
			b, err := Unverified(r).Body(r)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, b); code(err) != want || want == "" && n != 66560 {
				t.Errorf("%q: %d bytes, %v", from, n, err)
			}
		}
	}
}

// TestChunkDamage changes one thing at a time in AWS's examples.
func TestChunkDamage(t *testing.T) {
	for _, c := range []struct {
		name     string
		trailers bool
		from, to string
		want     string
	}{
		{"a byte of content", false, "aaaa\r\n400", "aaab\r\n400", "SignatureDoesNotMatch"},
		{"the last chunk's signature", false, "0;chunk-signature=b6", "0;chunk-signature=b7", "SignatureDoesNotMatch"},
		{"the size of a chunk", false, "400;", "3ff;", "IncompleteBody"},
		{"a size that is no number", false, "400;", "4x0;", "IncompleteBody"},
		{"a negative size", false, "400;", "-400;", "IncompleteBody"},
		{"a huge size", false, "400;", "fffffffffffffff;", "IncompleteBody"},
		{"a size beyond numbers", false, "400;", "10000000000000000400;", "IncompleteBody"},
		{"no signature", false, "400;chunk-signature=", "400;other=", "IncompleteBody"},
		{"an end in the middle", false, "aaaa\r\n0;chunk", "\x00cut", "IncompleteBody"},
		{"a missing last chunk", false, "\r\n0;chunk", "\r\n\x00cut", "IncompleteBody"},
		{"a trailer nobody announced", false, "449df9\r\n", "449df9\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n", "MalformedTrailerError"},
		{"a trailer's value", true, "sOO8", "sOO9", "SignatureDoesNotMatch"},
		{"another trailer's name", true, "checksum-crc32c:", "checksum-crc32:", "MalformedTrailerError"},
		{"no trailer signature", true, "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n", "", "MalformedTrailerError"},
		{"no trailer at all", true, "63f992\r\nx-amz", "63f992\r\n\x00cut", "MalformedTrailerError"},
		{"a line without a colon", true, "sOO8/Q==\r\n", "sOO8/Q==\r\nnonsense\r\n", "MalformedTrailerError"},
		{"lines ended as the manual draws them", true, "sOO8/Q==\r\n", "sOO8/Q==\n\r\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, body := exampleUpload(t, c.trailers)
			if !strings.Contains(body, c.from) {
				t.Fatalf("the example has no %q", c.from)
			}
			body, _, _ = strings.Cut(strings.Replace(body, c.from, c.to, 1), "\x00cut")
			n, err := io.Copy(io.Discard, verified(t, r, body, exampleTime))
			if code(err) != c.want {
				t.Errorf("%d bytes, %v; want %s", n, err, c.want)
			}
		})
	}
}
