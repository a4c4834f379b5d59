package node_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"pileus/all"
	"pileus/node"
)

// world is a node under test, which can be stopped and started again.
type world struct {
	*testing.T
	o    node.Options
	node *node.Node
}

// onDisk starts a node that keeps its state in a folder of the test's.
func onDisk(t *testing.T) *world {
	return begin(t, node.Options{DataDir: t.TempDir(), SnapshotDir: t.TempDir()})
}

// inMemory starts an ephemeral node.
func inMemory(t *testing.T) *world {
	return begin(t, node.Options{SnapshotDir: t.TempDir()})
}

func begin(t *testing.T, o node.Options) *world {
	t.Helper()
	if o.Modules == nil {
		o.Modules = all.Modules
	}
	w := &world{T: t, o: o}
	w.start()
	t.Cleanup(w.stop)
	return w
}

func (w *world) start() {
	w.Helper()
	n, err := node.Start(context.Background(), w.o)
	w.check(err)
	w.node = n
}

func (w *world) stop() {
	w.Helper()
	if w.node == nil {
		return
	}
	n := w.node
	w.node = nil
	w.check(n.Stop(context.Background()))
}

func (w *world) restart() {
	w.Helper()
	w.stop()
	w.start()
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// client is AWS's own, for S3.
func (w *world) client() *s3.Client {
	return s3.New(s3.Options{
		Region: node.DefaultRegion, BaseEndpoint: new(w.node.Endpoint()), UsePathStyle: true, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(node.DefaultKey, node.DefaultSecret, ""),
	})
}

// bucket makes the one that the test uses.
func (w *world) bucket() {
	w.Helper()
	_, err := w.client().CreateBucket(w.Context(), &s3.CreateBucketInput{Bucket: new("test")})
	w.check(err)
}

func (w *world) put(key string, content []byte) {
	w.Helper()
	_, err := w.client().PutObject(w.Context(), &s3.PutObjectInput{Bucket: new("test"), Key: &key, Body: bytes.NewReader(content)})
	w.check(err)
}

// get reads an object; missing tells that there is none.
func (w *world) get(key string) (content []byte, missing bool) {
	w.Helper()
	out, err := w.client().GetObject(w.Context(), &s3.GetObjectInput{Bucket: new("test"), Key: &key})
	var refused smithy.APIError
	if errors.As(err, &refused) && strings.HasPrefix(refused.ErrorCode(), "NoSuch") {
		return nil, true
	}
	w.check(err)
	defer out.Body.Close()
	content, err = io.ReadAll(out.Body)
	w.check(err)
	return content, false
}

// holds fails the test unless the object has the content.
func (w *world) holds(key string, content []byte) {
	w.Helper()
	if got, missing := w.get(key); missing || !bytes.Equal(got, content) {
		w.Errorf("%s: missing %v, %d bytes; want %d", key, missing, len(got), len(content))
	}
}

// lacks fails the test if the object is there.
func (w *world) lacks(key string) {
	w.Helper()
	if _, missing := w.get(key); !missing {
		w.Errorf("%s is there", key)
	}
}

// address is where the node listens, whatever it is called.
func (w *world) address() string {
	w.Helper()
	u, err := url.Parse(w.node.Endpoint())
	w.check(err)
	return "127.0.0.1:" + u.Port()
}

// ask sends a request to what steers the cloud.
func (w *world) ask(method, path, body string, header ...string) (status int, answer string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, "http://"+w.address()+path, strings.NewReader(body))
	w.check(err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	res, err := http.DefaultClient.Do(req)
	w.check(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	w.check(err)
	return res.StatusCode, string(b)
}

// large is content that is kept in a file of its own.
func large() []byte { return bytes.Repeat([]byte("all work and no play "), 20_000) }
