package sqs

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"

	api "pileus/api/sqs"
	"pileus/node/nodetest"
)

// await returns once n receivers wait at the queue.
func await(t *testing.T, s *service, name string, n int) {
	t.Helper()
	l := s.line(queueName{nodetest.Account, nodetest.Region, name})
	for {
		l.mu.Lock()
		have := len(l.polls.list)
		l.mu.Unlock()
		if have == n {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("the test has ended")
		}
	}
}

// poll has n receivers wait and returns what they got, one by one.
func poll(t *testing.T, w *nodetest.World, s *service, name, url string, n int) <-chan string {
	t.Helper()
	got := make(chan string, n)
	for range n {
		go func() {
			out, err := api.ReceiveMessage.Call(w.Call(), &api.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: new(int32(20))})
			if err != nil {
				got <- err.Error()
				return
			}
			got <- bodies(out.Messages)
		}()
	}
	await(t, s, name, n)
	return got
}

func TestLongPollWakes(t *testing.T) {
	for name, test := range map[string]struct {
		before func(w *nodetest.World, url string)
		wakes  func(w *nodetest.World, url string)
	}{
		"a message is sent": {
			before: func(*nodetest.World, string) {},
			wakes:  func(w *nodetest.World, url string) { send(w, url, "x") },
		},
		"a delay ends": {
			before: func(w *nodetest.World, url string) {
				nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: "x", DelaySeconds: new(int32(60))})
			},
			wakes: func(w *nodetest.World, _ string) { w.Advance(time.Minute) },
		},
		"a delay ends that began while waiting": {
			before: func(*nodetest.World, string) {},
			wakes: func(w *nodetest.World, url string) {
				nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: "x", DelaySeconds: new(int32(60))})
				w.Advance(time.Minute)
			},
		},
		"a visibility timeout ends": {
			before: func(w *nodetest.World, url string) {
				send(w, url, "x")
				receive(w, url, 1)
			},
			wakes: func(w *nodetest.World, _ string) { w.Advance(30 * time.Second) },
		},
		"a dead letter arrives": {
			before: func(w *nodetest.World, url string) {
				jobs := create(w, "jobs", "VisibilityTimeout", "0", "RedrivePolicy", `{"deadLetterTargetArn":"`+arnOf("q")+`","maxReceiveCount":"1"}`)
				send(w, jobs, "x")
				receive(w, jobs, 1)
			},
			wakes: func(w *nodetest.World, _ string) { receive(w, w.Endpoint+"/"+nodetest.Account+"/jobs", 1) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := world(t)
			url := create(w, "q")
			test.before(w, url)
			got := poll(t, w, s, "q", url, 1)
			test.wakes(w, url)
			if body := <-got; body != "x" {
				t.Errorf("the poll got %q", body)
			}
		})
	}
}

func TestLongPollOfGroups(t *testing.T) {
	w, s := world(t)
	url := create(w, "q.fifo")
	sendTo(w, url, "g", "one")
	sendTo(w, url, "g", "two")
	m := receive(w, url, 1)
	got := poll(t, w, s, "q.fifo", url, 1)
	fails(t, remove(w, url, m[0]), "", "")
	if body := <-got; body != "two" {
		t.Errorf("the poll got %q after the group was free", body)
	}
}

func TestEachMessageWakesOne(t *testing.T) {
	w, s := world(t)
	url := create(w, "q")
	got := poll(t, w, s, "q", url, 20)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { send(w, url, string(rune('a'+i))) })
	}
	seen := map[string]bool{}
	for range 20 {
		seen[<-got] = true
	}
	all.Wait()
	if len(seen) != 20 {
		t.Errorf("20 polls got %v", seen)
	}
}

// TestLongPollThatBeganEarlier has a message come between a call's beginning
// and its first look, which is not due yet by the call's own time.
func TestLongPollThatBeganEarlier(t *testing.T) {
	w, s := world(t)
	url := create(w, "q")
	c := w.Call()
	w.Advance(time.Second)
	send(w, url, "x")
	out, err := s.receiveMessage(c, &api.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: new(int32(1))})
	if err != nil || bodies(out.Messages) != "x" {
		t.Errorf("received %v, %v", out, err)
	}
}

func TestLongPollEnds(t *testing.T) {
	t.Run("with its client", func(t *testing.T) {
		w, s := world(t)
		url := create(w, "q")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := sdk.NewFromConfig(w.Config()).ReceiveMessage(ctx, &sdk.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 20})
			done <- err
		}()
		await(t, s, "q", 1)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the client has %v", err)
		}
		await(t, s, "q", 0)
		send(w, url, "x")
		if got := bodies(receive(w, url, 1)); got != "x" {
			t.Errorf("received %q: a poll that had ended took the message", got)
		}
	})
	t.Run("with the cloud", func(t *testing.T) {
		w, s := world(t)
		url := create(w, "q")
		got := poll(t, w, s, "q", url, 3)
		w.Gate().BeginStop()
		for range 3 {
			if body := <-got; body != "" {
				t.Errorf("the poll got %q", body)
			}
		}
	})
	t.Run("with the queue", func(t *testing.T) {
		w, s := world(t)
		url := create(w, "q")
		got := poll(t, w, s, "q", url, 1)
		nodetest.Do(w, &api.DeleteQueue, &api.DeleteQueueInput{QueueUrl: url})
		if text := <-got; text != errNoQueue.Error() {
			t.Errorf("the poll got %q", text)
		}
	})
	t.Run("after its time", func(t *testing.T) {
		w, _ := world(t)
		url := create(w, "q", "ReceiveMessageWaitTimeSeconds", "1")
		begun := w.Clock().Machine()
		out, err := sdk.NewFromConfig(w.Config()).ReceiveMessage(t.Context(), &sdk.ReceiveMessageInput{QueueUrl: aws.String(url)})
		if took := w.Clock().Machine().Sub(begun); err != nil || len(out.Messages) > 0 || took < time.Second {
			t.Errorf("%v, %v after %v", out, err, took)
		}
	})
}
