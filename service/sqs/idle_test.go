package sqs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"pileus/clock"
	"pileus/node/nodetest"
)

// TestIdlePollsAreSmall has a thousand clients wait over HTTP and weighs them.
func TestIdlePollsAreSmall(t *testing.T) {
	w, s := world(t)
	url := create(w, "q")
	request := signedPoll(t, w, url)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	// With net/http's buffers and its grown stack it would be 25 MiB.
	const n, limit = 1000, 18 << 20
	for range n {
		c, err := net.Dial("tcp", strings.TrimPrefix(w.Endpoint, "http://"))
		if err == nil {
			_, err = c.Write(request)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	await(t, s, "q", n)
	runtime.GC()
	runtime.ReadMemStats(&after)
	heap, stacks := after.HeapAlloc-before.HeapAlloc, after.StackInuse-before.StackInuse
	t.Logf("heap %d KiB, stacks %d KiB for %d polls, %d goroutines", heap>>10, stacks>>10, n, runtime.NumGoroutine())
	if heap+stacks > limit {
		t.Errorf("%d polls take %d KiB", n, (heap+stacks)>>10)
	}
}

// signedPoll is the bytes of a request that waits for twenty seconds.
func signedPoll(t *testing.T, w *nodetest.World, url string, change ...func(*http.Request)) []byte {
	r := signed(t, w, "ReceiveMessage", []byte(`{"QueueUrl":"`+url+`","WaitTimeSeconds":20}`), change...)
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// signed is a request as AWS's clients make it, but for what change does to it
// before it is signed.
func signed(t testing.TB, w *nodetest.World, operation string, body []byte, change ...func(*http.Request)) *http.Request {
	r, err := http.NewRequest("POST", w.Endpoint, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	for _, f := range change {
		f(r)
	}
	sum := sha256.Sum256(body)
	keys, err := w.Config().Credentials.Retrieve(context.Background())
	if err == nil {
		err = v4.NewSigner().SignHTTP(context.Background(), keys, r, hex.EncodeToString(sum[:]), "sqs", nodetest.Region, clock.Machine())
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
