package sqs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "pileus/api/sqs"
	"pileus/clock"
	"pileus/cloud"
	"pileus/meter"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/store"
)

// TestKilledProcess looks at what a process leaves on the disk at a moment
// when it has answered everything, and starts another one from that.
func TestKilledProcess(t *testing.T) {
	dir := t.TempDir()
	at := func(dir string) *nodetest.World {
		return nodetest.Start(t, node.Options{DataDir: dir, Clock: clock.Still(nodetest.Epoch),
			Modules: func(node.Parts) []cloud.Module { return []cloud.Module{Module()} }})
	}
	w := at(filepath.Join(dir, "one"))
	url, fifo := create(w, "q"), create(w, "q.fifo")
	for i := range 30 {
		send(w, url, strconv.Itoa(i))
		sendTo(w, fifo, "g"+strconv.Itoa(i%3), strconv.Itoa(i))
	}
	taken, flying := receive(w, url, 10), receive(w, fifo, 5)
	for _, m := range taken[:4] {
		fails(t, remove(w, url, m), "", "")
	}
	fails(t, hide(w, url, taken[4], 600), "", "")
	if err := os.CopyFS(filepath.Join(dir, "two"), os.DirFS(filepath.Join(dir, "one"))); err != nil {
		t.Fatal(err)
	}

	w = at(filepath.Join(dir, "two"))
	url, fifo = w.Endpoint+"/"+nodetest.Account+"/q", w.Endpoint+"/"+nodetest.Account+"/q.fifo"
	if a, b := numbers(w, url), numbers(w, fifo); a != "20 6 0" || b != "25 5 0" {
		t.Errorf("after the restart the queues have %s and %s", a, b)
	}
	fails(t, remove(w, url, taken[4]), "", "") // handles outlive the process
	fails(t, remove(w, fifo, flying[0]), "", "")
	if dup := sendTo(w, fifo, "g0", "0"); *dup.MessageId == "" || numbers(w, fifo) != "25 4 0" {
		t.Errorf("deduplication did not outlive the process: %s", numbers(w, fifo))
	}
	w.Advance(time.Minute)
	for name, url := range map[string]string{"standard": url, "FIFO": fifo} {
		seen := map[string]bool{}
		for {
			got := receive(w, url, 10)
			if len(got) == 0 {
				break
			}
			for _, m := range got {
				if seen[*m.Body] {
					t.Errorf("%s: %s twice", name, *m.Body)
				}
				seen[*m.Body] = true
				fails(t, remove(w, url, m), "", "")
			}
		}
		if n := map[string]int{"standard": 25, "FIFO": 29}[name]; len(seen) != n {
			t.Errorf("%s: %d messages were left, want %d", name, len(seen), n)
		}
	}
}

// TestManyAtOnce has senders and receivers work on one queue at the same time,
// in two processes that share the store, as far as the queue can tell.
func TestManyAtOnce(t *testing.T) {
	for _, name := range []string{"q", "q.fifo"} {
		t.Run(name, func(t *testing.T) {
			w, one := world(t)
			url := create(w, name)
			processes := []*service{one, newService()}
			const senders, each = 4, 50
			var all sync.WaitGroup
			for i := range senders {
				all.Go(func() {
					for n := range each {
						body := fmt.Sprint(i, "-", n)
						in := &api.SendMessageInput{QueueUrl: url, MessageBody: body}
						if name != "q" {
							in.MessageGroupId, in.MessageDeduplicationId = new(strconv.Itoa(i)), &body
						}
						if _, err := processes[i%2].sendMessage(w.Call(), in); err != nil {
							t.Errorf("send: %v", err)
						}
					}
				})
			}
			var seen sync.Map
			var count atomic.Int64
			for i := range 4 {
				all.Go(func() {
					for count.Load() < senders*each && !t.Failed() {
						consume(t, w, processes[i%2], url, &seen, &count)
					}
				})
			}
			all.Wait()
			if n := numbers(w, url); n != "0 0 0" {
				t.Errorf("numbers %s at the end", n)
			}
		})
	}
}

// consume receives once, in one process, and deletes what it got.
func consume(t *testing.T, w *nodetest.World, s *service, url string, seen *sync.Map, count *atomic.Int64) {
	s.line(queueName{nodetest.Account, nodetest.Region, url[len(url)-len(filepath.Base(url)):]}).stir() // as listen does each second
	out, err := s.receiveMessage(w.Call(), &api.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: new(int32(10))})
	if err != nil {
		t.Errorf("receive: %v", err)
		return
	}
	for _, m := range out.Messages {
		if _, twice := seen.LoadOrStore(*m.Body, true); twice {
			t.Errorf("%s was received twice", *m.Body)
		}
		count.Add(1)
		if _, err := s.deleteMessage(w.Call(), &api.DeleteMessageInput{QueueUrl: url, ReceiptHandle: *m.ReceiptHandle}); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
}

func TestOtherProcessesWakePolls(t *testing.T) {
	w, s := world(t)
	url := create(w, "q")
	got := poll(t, w, s, "q", url, 1)
	if _, err := newService().sendMessage(w.Call(), &api.SendMessageInput{QueueUrl: url, MessageBody: "x"}); err != nil {
		t.Fatal(err)
	}
	if body := <-got; body != "x" {
		t.Errorf("the poll got %q", body)
	}
}

// TestSendWithinATransaction is what another service does that sends as a part
// of its own change.
func TestSendWithinATransaction(t *testing.T) {
	w, s := world(t)
	url, fifo := create(w, "q"), create(w, "q.fifo")
	got := poll(t, w, s, "q", url, 1)
	within := func(result error) {
		err := w.DB().Update(t.Context(), func(tx store.Tx) error {
			c := w.Call()
			c.Tx = tx
			for i := range 2 {
				if _, err := api.SendMessage.Call(c, &api.SendMessageInput{QueueUrl: url, MessageBody: "x" + strconv.Itoa(i)}); err != nil {
					return err
				}
				if _, err := api.SendMessage.Call(c, &api.SendMessageInput{QueueUrl: fifo, MessageBody: strconv.Itoa(i), MessageGroupId: new("g"), MessageDeduplicationId: new(strconv.Itoa(i))}); err != nil {
					return err
				}
			}
			return result
		})
		if err != result {
			t.Fatal(err)
		}
	}
	within(store.ErrClosed) // any error: the caller changes its mind
	if a, b := numbers(w, url), numbers(w, fifo); a != "0 0 0" || b != "0 0 0" {
		t.Errorf("messages outlived the transaction: %s and %s", a, b)
	}
	within(nil)
	if body := <-got; body != "x0" {
		t.Errorf("the poll got %q", body)
	}
	if a, b := bodies(receive(w, url, 10)), bodies(receive(w, fifo, 10)); a != "x1" || b != "0 1" {
		t.Errorf("received %q and %q", a, b)
	}
}

func TestSweep(t *testing.T) {
	for _, name := range []string{"q", "q.fifo"} {
		t.Run(name, func(t *testing.T) {
			w, _ := world(t)
			url := create(w, name, "MessageRetentionPeriod", "3600", "VisibilityTimeout", "10")
			for i := range 1200 {
				if name == "q" {
					send(w, url, strconv.Itoa(i))
				} else {
					sendTo(w, url, strconv.Itoa(i%7), strconv.Itoa(i))
				}
			}
			receive(w, url, 10)
			w.Advance(30 * time.Minute)
			if name == "q" {
				send(w, url, "late")
			} else {
				sendTo(w, url, "0", "late")
			}
			w.Advance(30*time.Minute + time.Second)
			if n := numbers(w, url); n != "1 0 0" {
				t.Errorf("numbers %s when all but the last are over", n)
			}
			w.Advance(time.Hour)
			if got := rows(w); got != "1 0" {
				t.Errorf("queues and rows %s in the end", got)
			}
			w.View(func(r store.Reader) {
				if at, ok := store.NextWake(r); ok {
					t.Errorf("a sweep is to come at %v, for nothing", at)
				}
			})
		})
	}
}

func TestShorterRetention(t *testing.T) {
	w, _ := world(t)
	url := create(w, "q")
	send(w, url, "x")
	w.Advance(2 * time.Minute)
	nodetest.Do(w, &api.SetQueueAttributes, &api.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"MessageRetentionPeriod": "60"}})
	w.Drain()
	if got := rows(w); got != "1 0" {
		t.Errorf("queues and rows %s", got)
	}
}

func TestRequestsAreMetered(t *testing.T) {
	w, _ := world(t)
	url, fifo := create(w, "q"), create(w, "q.fifo")
	nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: strings.Repeat("x", 65<<10)})
	receive(w, url, 1)
	receive(w, fifo, 1)
	res, err := http.Get(w.Endpoint + "/_pileus/bill?by=resource&from=2025-12-01&to=2026-02-01")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var bill meter.Bill
	if err := json.NewDecoder(res.Body).Decode(&bill); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, l := range bill.Lines {
		got[l.Group[0]+" "+l.Type] += l.Quantity
	}
	for what, n := range map[string]float64{arnOf("q") + " Requests-RBP": 5, arnOf("q.fifo") + " Requests-FIFO-RBP": 2} {
		if got[what] != n {
			t.Errorf("%s: %v, want %v (of %v)", what, got[what], n, got)
		}
	}
}

// TestPanicHoldsNobodyUp has a bug in one request's work: the requests after
// it go on.
func TestPanicHoldsNobodyUp(t *testing.T) {
	w, s := world(t)
	url := create(w, "q")
	l := s.line(queueName{nodetest.Account, nodetest.Region, "q"})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach its request")
			}
		}()
		l.run(&work{c: w.Call(), do: func(*batch) error { panic("by a bug") }})
	}()
	send(w, url, "x")
	if got := bodies(receive(w, url, 1)); got != "x" {
		t.Errorf("received %q", got)
	}
}
