package sqs

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"

	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/trail"
)

// rawClient is a connection on which a test sends bytes of its own.
type rawClient struct {
	net.Conn
	t       *testing.T
	answers *bufio.Reader
}

func dial(t *testing.T, w *nodetest.World) *rawClient {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(w.Endpoint, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &rawClient{c, t, bufio.NewReader(c)}
}

func (c *rawClient) write(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// answer is the next one with a body, and its body.
func (c *rawClient) answer() (*http.Response, string) {
	c.t.Helper()
	for {
		res, err := http.ReadResponse(c.answers, nil)
		if err != nil {
			c.t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			c.t.Fatal(err)
		}
		if res.StatusCode != http.StatusContinue {
			return res, string(b)
		}
	}
}

// got expects an answer with the message and the headers of every answer.
func (c *rawClient) got(message string) *http.Response {
	c.t.Helper()
	res, body := c.answer()
	has := strings.Contains(body, `"Body":"`+message+`"`)
	if message == "" {
		has = body == "{}"
	}
	if res.StatusCode != 200 || !has || res.Header.Get("X-Amzn-Requestid") == "" || res.Header.Get("Date") == "" {
		c.t.Errorf("answered %s %v %q, want %q", res.Status, res.Header, body, message)
	}
	return res
}

func (c *rawClient) ended() {
	c.t.Helper()
	if b, err := c.answers.ReadByte(); err != io.EOF {
		c.t.Errorf("the connection goes on: %q, %v", b, err)
	}
}

// TestConnectionsThatWait has connections of every kind wait twice.
func TestConnectionsThatWait(t *testing.T) {
	first := func(line string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.Replace(b, []byte("HTTP/1.1\r\n"), []byte(line), 1) }
	}
	for name, test := range map[string]struct {
		change func(*http.Request)
		sent   func([]byte) []byte
		ends   bool // with the first answer
	}{
		"HTTP/1.1":                 {},
		"Connection: close":        {sent: first("HTTP/1.1\r\nConnection: close\r\n"), ends: true},
		"HTTP/1.0":                 {sent: first("HTTP/1.0\r\n"), ends: true},
		"HTTP/1.0, kept":           {sent: first("HTTP/1.0\r\nConnection: keep-alive\r\n")},
		"Expect: 100-continue":     {sent: first("HTTP/1.1\r\nExpect: 100-continue\r\n")},
		"a body of unknown length": {change: func(r *http.Request) { r.ContentLength = -1 }},
	} {
		if test.change == nil {
			test.change = func(*http.Request) {}
		}
		if test.sent == nil {
			test.sent = func(b []byte) []byte { return b }
		}
		t.Run(name, func(t *testing.T) {
			w, s := world(t)
			url := create(w, "q")
			c := dial(t, w)
			for range 2 {
				c.write(test.sent(signedPoll(t, w, url, test.change)))
				await(t, s, "q", 1)
				send(w, url, "x")
				c.got("x")
				if test.ends {
					c.ended()
					return
				}
			}
		})
	}
}

// TestRequestsBehindAWait come in one go with the request that waits, or while
// it does; they are answered after it.
func TestRequestsBehindAWait(t *testing.T) {
	for name, together := range map[string]bool{"together": true, "later": false} {
		t.Run(name, func(t *testing.T) {
			w, s := world(t)
			url := create(w, "q")
			c := dial(t, w)
			request := signedPoll(t, w, url)
			if together {
				c.write(bytes.Repeat(request, 3))
			} else {
				c.write(request)
				await(t, s, "q", 1)
				c.write(request)
				c.write(request)
			}
			for _, body := range []string{"one", "two", "three"} {
				await(t, s, "q", 1)
				send(w, url, body)
				c.got(body)
			}
		})
	}
}

func TestClientsThatLeaveAWait(t *testing.T) {
	w, s := world(t)
	url := create(w, "q")
	for range 3 {
		c := dial(t, w)
		c.write(signedPoll(t, w, url))
		await(t, s, "q", 1)
		c.Close()
		await(t, s, "q", 0)
	}
	send(w, url, "x")
	if got := bodies(receive(w, url, 1)); got != "x" {
		t.Errorf("received %q: somebody who had left has it", got)
	}
}

func TestStopAnswersThoseThatWait(t *testing.T) {
	w, s := world(t)
	url := create(w, "q")
	request := signedPoll(t, w, url)
	silent := dial(t, w)
	silent.write(request)
	await(t, s, "q", 1)
	send(w, url, "x")
	silent.got("x")
	clients := make([]*rawClient, 200)
	for i := range clients {
		clients[i] = dial(t, w)
		clients[i].write(request)
	}
	await(t, s, "q", len(clients))
	if err := w.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		if res := c.got(""); !res.Close {
			t.Errorf("a cloud that ends says %v", res.Header)
		}
		c.ended()
	}
	silent.ended()
}

func TestSnapshotAnswersThoseThatWait(t *testing.T) {
	var s *service
	w := nodetest.Start(t, node.Options{SnapshotDir: t.TempDir(), Modules: func(node.Parts) []cloud.Module {
		s = newService()
		return []cloud.Module{s.module()}
	}})
	url := create(w, "q")
	if _, err := w.Save(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	clients := make([]*rawClient, 20)
	for i := range clients {
		clients[i] = dial(t, w)
		clients[i].write(signedPoll(t, w, url))
	}
	await(t, s, "q", len(clients))
	if _, err := w.Load(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		c.got("")
	}
	c := dial(t, w)
	c.write(signedPoll(t, w, url))
	await(t, s, "q", 1)
	send(w, url, "after")
	c.got("after")
}

// TestFaultsBeforeAWait strike as they do elsewhere.
func TestFaultsBeforeAWait(t *testing.T) {
	w, s := world(t)
	url := create(w, "q")
	strike := func(what string) {
		res, err := http.Post(w.Endpoint+"/_pileus/faults", "application/json",
			strings.NewReader(`{"service":"sqs","operation":"ReceiveMessage","rate":1,"count":1,`+what+`}`))
		if err != nil || res.StatusCode != http.StatusCreated {
			t.Fatalf("%v %v", res, err)
		}
		res.Body.Close()
	}
	strike(`"latency":"10ms"`)
	c := dial(t, w)
	c.write(signedPoll(t, w, url))
	await(t, s, "q", 1)
	send(w, url, "x")
	c.got("x")
	strike(`"reset":true`)
	c.write(signedPoll(t, w, url))
	if _, err := c.answers.ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a reset ends in %v", err)
	}
}

// TestWaitsOfClients has AWS's own client wait, over plain HTTP and TLS.
func TestWaitsOfClients(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/1.1 over TLS", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			w, s := world(t)
			url := create(w, "q")
			cfg := w.Config()
			if protocol != "HTTP/1.1" {
				cfg.BaseEndpoint = new("https://" + strings.TrimPrefix(w.Endpoint, "http://"))
				cfg.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: protocol == "HTTP/2.0"}}
			}
			c := sdk.NewFromConfig(cfg)
			for _, body := range []string{"one", "two", ""} {
				wait := int32(20)
				if body == "" {
					wait = 1
				}
				done := make(chan string)
				go func() {
					out, err := c.ReceiveMessage(t.Context(), &sdk.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: wait})
					switch {
					case err != nil:
						done <- err.Error()
					case len(out.Messages) > 0:
						done <- *out.Messages[0].Body
					default:
						done <- ""
					}
				}()
				await(t, s, "q", 1)
				if body != "" {
					send(w, url, body)
				}
				if got := <-done; got != body {
					t.Errorf("received %q, want %q", got, body)
				}
			}
			events, err := w.Trail().Last(t.Context(), 10, trail.Filter{Operation: "ReceiveMessage", External: true})
			if err != nil || len(events) != 3 {
				t.Fatalf("the trail has %d events, %v", len(events), err)
			}
			for _, e := range events {
				if e.Status != 200 || e.Latency <= 0 || e.UserAgent == "" || len(e.Resources) != 1 {
					t.Errorf("the trail has %+v", e)
				}
			}
		})
	}
}
