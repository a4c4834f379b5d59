package sqs

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	api "pileus/api/sqs"
	"pileus/clock"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
)

// fast is a cloud as users run it: on disk, with the machine's clock.
func fast(b *testing.B) *nodetest.World {
	return nodetest.Start(b, node.Options{
		Modules: func(node.Parts) []cloud.Module { return []cloud.Module{Module()} },
		DataDir: b.TempDir(), Clock: clock.New(),
	})
}

var benchBody = strings.Repeat("pileus benchmark", 16)

// fill sends n messages in batches of ten.
func fill(b *testing.B, w *nodetest.World, url string, n int) {
	in := &api.SendMessageBatchInput{QueueUrl: url}
	for i := range batchLimit {
		in.Entries = append(in.Entries, api.SendMessageBatchRequestEntry{Id: strconv.Itoa(i), MessageBody: benchBody})
	}
	var left atomic.Int64
	left.Store(int64(n / batchLimit))
	done := make(chan error, 32)
	for range cap(done) {
		go func() {
			for left.Add(-1) >= 0 {
				if _, err := api.SendMessageBatch.Call(w.Call(), in); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	w := fast(b)
	url := create(w, "bench")
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := api.SendMessage.Call(w.Call(), &api.SendMessageInput{QueueUrl: url, MessageBody: benchBody}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkSendBatch(b *testing.B) {
	w := fast(b)
	url := create(w, "bench")
	b.ReportAllocs()
	b.ResetTimer()
	fill(b, w, url, b.N)
}

func BenchmarkSendFIFO(b *testing.B) {
	w := fast(b)
	url := create(w, "bench.fifo")
	var n atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := strconv.FormatInt(n.Add(1), 10)
			in := &api.SendMessageInput{QueueUrl: url, MessageBody: benchBody, MessageGroupId: new(id[len(id)-1:]), MessageDeduplicationId: &id}
			if _, err := api.SendMessage.Call(w.Call(), in); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkReceiveDelete(b *testing.B) {
	for _, backlog := range []int{10, 1_000_000} {
		b.Run(strconv.Itoa(backlog), func(b *testing.B) {
			w := fast(b)
			url := create(w, "bench", "VisibilityTimeout", "600")
			fill(b, w, url, backlog+b.N+1000)
			b.SetParallelism(8)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					out, err := api.ReceiveMessage.Call(w.Call(), &api.ReceiveMessageInput{QueueUrl: url})
					if err != nil || len(out.Messages) != 1 {
						b.Errorf("%v, %v", out, err)
						return
					}
					if _, err := api.DeleteMessage.Call(w.Call(), &api.DeleteMessageInput{QueueUrl: url, ReceiptHandle: *out.Messages[0].ReceiptHandle}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkServeSend is the path of a request without the network and the disk.
func BenchmarkServeSend(b *testing.B) {
	w := nodetest.Start(b, node.Options{
		Modules: func(node.Parts) []cloud.Module { return []cloud.Module{Module()} }, Clock: clock.New(),
	})
	url := create(w, "bench")
	body := []byte(`{"QueueUrl":"` + url + `","MessageBody":"` + benchBody + `"}`)
	request := signed(b, w, "SendMessage", body)
	b.ReportAllocs()
	for b.Loop() {
		r := *request
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := discard{header: http.Header{}}
		w.ServeHTTP(&answer, &r)
		if answer.status != 200 {
			b.Fatal(answer.status)
		}
	}
}

// discard is an answer that nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// BenchmarkPollWakes has one connection wait for each message that is sent.
func BenchmarkPollWakes(b *testing.B) {
	w := nodetest.Start(b, node.Options{
		Modules: func(node.Parts) []cloud.Module { return []cloud.Module{Module()} }, Clock: clock.New(),
	})
	url := create(w, "bench")
	var poll bytes.Buffer
	if err := signed(b, w, "ReceiveMessage", []byte(`{"QueueUrl":"`+url+`","WaitTimeSeconds":20}`)).Write(&poll); err != nil {
		b.Fatal(err)
	}
	c, err := net.Dial("tcp", strings.TrimPrefix(w.Endpoint, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(poll.Bytes()); err != nil {
			b.Fatal(err)
		}
		if _, err := api.SendMessage.Call(w.Call(), &api.SendMessageInput{QueueUrl: url, MessageBody: benchBody}); err != nil {
			b.Fatal(err)
		}
		res, err := http.ReadResponse(answers, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
		}
		if err != nil || res.StatusCode != 200 {
			b.Fatal(res, err)
		}
	}
}
