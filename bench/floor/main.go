// Command floor is what the benchmark measures everything against: a bare
// net/http server that verifies Signature Version 4 and answers. It keeps no
// state and does no work, so no server with semantics can be faster, and a
// figure divided by its figure says how close one comes.
package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"pileus/clock"
	"pileus/sigv4"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1")
	flag.Parse()
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(*port))
	if err != nil {
		slog.Error("cannot listen", "error", err)
		os.Exit(1)
	}
	fmt.Println("Ready.")
	slog.Error("stopped", "error", http.Serve(l, newFloor()))
	os.Exit(1)
}

// floor answers; everything it needs is made beforehand.
type floor struct {
	keys  *sigv4.Keys
	bytes []byte // what objects consist of
	list  []byte // a page of 1,000 keys
}

func newFloor() *floor {
	return &floor{keys: sigv4.NewKeys(64), bytes: make([]byte, 16<<20), list: page(1000)}
}

// page is a ListObjectsV2 answer of n keys.
func page(n int) []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bench-list</Name><Prefix></Prefix><KeyCount>1000</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>`)
	for i := range n {
		fmt.Fprintf(&b, `<Contents><Key>list/%06d</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>0</Size><StorageClass>STANDARD</StorageClass></Contents>`, i)
	}
	b.WriteString(`</ListBucketResult>`)
	return []byte(b.String())
}

// maxBody is the largest body read whole, as it is outside of S3.
const maxBody = 2 << 20

// ServeHTTP verifies the signature and answers. The secret of a key is the key
// itself.
func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	auth, err := sigv4.Parse(r)
	if err != nil || auth == nil {
		http.Error(w, "credentials needed", http.StatusForbidden)
		return
	}
	o := sigv4.Options{Now: clock.Machine(), Keys: f.keys, Family: sigv4.JSON}
	if auth.Service == "s3" {
		o.Family = sigv4.S3
	} else if o.Body, err = whole(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	res, err := auth.Verify(r, auth.AccessKey, o)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	switch auth.Service {
	case "s3":
		f.object(w, r, res)
	case "sqs":
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		answer(w, queueAnswers[strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")])
	default:
		w.Header().Set("Content-Type", "text/xml")
		answer(w, userAnswer)
	}
}

func whole(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 || r.ContentLength > maxBody {
		return nil, fmt.Errorf("a body of %d bytes", r.ContentLength)
	}
	b := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, b)
	return b, err
}

// object answers S3: a PUT is read to its end, a GET sends as many bytes as
// the key's first part says ("/bucket/4096/name"), a bucket lists.
func (f *floor) object(w http.ResponseWriter, r *http.Request, res *sigv4.Result) {
	switch r.Method {
	case http.MethodPut:
		body, err := res.Body(r)
		if err == nil {
			_, err = io.Copy(io.Discard, body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
	case http.MethodGet:
		_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if key == "" {
			w.Header().Set("Content-Type", "application/xml")
			answer(w, f.list)
			return
		}
		size, _, _ := strings.Cut(key, "/")
		n, err := strconv.Atoi(size)
		if err != nil || n < 0 || n > len(f.bytes) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "binary/octet-stream")
		w.Header().Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
		w.Header().Set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
		answer(w, f.bytes[:n])
	}
}

func answer(w http.ResponseWriter, b []byte) {
	h := w.Header()
	h.Set("x-amzn-RequestId", "00000000-0000-0000-0000-000000000000")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	if _, err := w.Write(b); err != nil {
		slog.Debug("client gone", "error", err)
	}
}

// queueAnswers are SQS's answers in the shape and size of real ones.
var queueAnswers = map[string][]byte{
	"CreateQueue":      []byte(`{"QueueUrl":"http://127.0.0.1/000000000000/bench"}`),
	"SendMessage":      []byte(`{"MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592","MessageId":"5fea7756-0ea4-451a-a703-a558b933e274"}`),
	"SendMessageBatch": []byte(`{"Failed":[],"Successful":[` + strings.TrimSuffix(strings.Repeat(`{"Id":"0","MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592","MessageId":"5fea7756-0ea4-451a-a703-a558b933e274"},`, 10), ",") + `]}`),
	"ReceiveMessage":   []byte(`{"Messages":[{"Body":"` + strings.Repeat("x", 256) + `","MD5OfBody":"5d41402abc4b2a76b9719d911017c592","MessageId":"5fea7756-0ea4-451a-a703-a558b933e274","ReceiptHandle":"` + strings.Repeat("h", 160) + `"}]}`),
	"DeleteMessage":    []byte(`{}`),
}

// userAnswer serves every IAM call of the benchmark: a user and an access key.
var userAnswer = []byte(`<GetUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetUserResult><User><Path>/</Path><UserName>bench</UserName><UserId>AIDAAAAAAAAAAAAAAAAAA</UserId><Arn>arn:aws:iam::000000000000:user/bench</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></User><AccessKey><AccessKeyId>AKIAFLOOR</AccessKeyId><SecretAccessKey>AKIAFLOOR</SecretAccessKey></AccessKey></GetUserResult><ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata></GetUserResponse>`)
