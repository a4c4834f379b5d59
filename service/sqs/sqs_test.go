package sqs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/store"
)

type storeReader = store.Reader

// world is a cloud with queues alone, and the service behind them.
func world(t testing.TB) (*nodetest.World, *service) {
	s := newService()
	return nodetest.New(t, s.module()), s
}

// create makes a queue with attributes, given as name and value in turn, and
// returns its URL.
func create(w *nodetest.World, name string, attributes ...string) string {
	w.T.Helper()
	in := &api.CreateQueueInput{QueueName: name, Attributes: pairs(attributes)}
	if strings.HasSuffix(name, ".fifo") {
		in.Attributes["FifoQueue"] = "true"
	}
	return *nodetest.Do(w, &api.CreateQueue, in).QueueUrl
}

func pairs(list []string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}

func arnOf(name string) string {
	return queueName{nodetest.Account, nodetest.Region, name}.arn()
}

func send(w *nodetest.World, url, body string) *api.SendMessageOutput {
	w.T.Helper()
	return nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: body})
}

func sendTo(w *nodetest.World, url, group, body string) *api.SendMessageOutput {
	w.T.Helper()
	return nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: body, MessageGroupId: &group, MessageDeduplicationId: new(body)})
}

// receive takes up to n messages with all that is known of them.
func receive(w *nodetest.World, url string, n int32) []api.Message {
	w.T.Helper()
	return nodetest.Do(w, &api.ReceiveMessage, &api.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: &n,
		MessageSystemAttributeNames: []string{"All"}, MessageAttributeNames: []string{"All"}}).Messages
}

func bodies(list []api.Message) string {
	var out []string
	for _, m := range list {
		out = append(out, *m.Body)
	}
	return strings.Join(out, " ")
}

func remove(w *nodetest.World, url string, m api.Message) error {
	_, err := nodetest.Try(w, &api.DeleteMessage, &api.DeleteMessageInput{QueueUrl: url, ReceiptHandle: *m.ReceiptHandle})
	return err
}

func hide(w *nodetest.World, url string, m api.Message, seconds int32) error {
	_, err := nodetest.Try(w, &api.ChangeMessageVisibility, &api.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: *m.ReceiptHandle, VisibilityTimeout: seconds})
	return err
}

// numbers are the approximate numbers: visible, not visible, delayed.
func numbers(w *nodetest.World, url string) string {
	w.T.Helper()
	a := nodetest.Do(w, &api.GetQueueAttributes, &api.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []string{"All"}}).Attributes
	return a["ApproximateNumberOfMessages"] + " " + a["ApproximateNumberOfMessagesNotVisible"] + " " + a["ApproximateNumberOfMessagesDelayed"]
}

// fails holds err to the code and the text; to none where the code is empty.
func fails(t testing.TB, err error, code, text string) {
	t.Helper()
	var e *cloud.Error
	switch {
	case code == "" && err == nil:
	case !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, text):
		t.Errorf("error %v\nwant %s: ... %s", err, code, text)
	}
}

func TestVisibilityTimeout(t *testing.T) {
	for _, name := range []string{"jobs", "jobs.fifo"} {
		t.Run(name, func(t *testing.T) {
			w, _ := world(t)
			url := create(w, name, "VisibilityTimeout", "30", "MessageRetentionPeriod", "3600")
			if strings.HasSuffix(name, ".fifo") {
				sendTo(w, url, "g", "hi")
			} else {
				send(w, url, "hi")
			}
			for i, step := range []struct {
				after   time.Duration
				want    string
				numbers string
			}{
				{0, "hi", "0 1 0"},
				{29 * time.Second, "", "0 1 0"},
				{1 * time.Second, "hi", "0 1 0"},
				{30 * time.Second, "hi", "0 1 0"},
				{time.Hour, "", "0 0 0"}, // retention
			} {
				w.Advance(step.after)
				if got := bodies(receive(w, url, 10)); got != step.want {
					t.Errorf("step %d: received %q, want %q", i, got, step.want)
				}
				if got := numbers(w, url); got != step.numbers {
					t.Errorf("step %d: numbers %s, want %s", i, got, step.numbers)
				}
			}
		})
	}
}

func TestDelay(t *testing.T) {
	w, _ := world(t)
	url := create(w, "late", "DelaySeconds", "60", "VisibilityTimeout", "3600")
	send(w, url, "queue's")
	nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: "own", DelaySeconds: new(int32(10))})
	nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: "none", DelaySeconds: new(int32(0))})
	if n := numbers(w, url); n != "1 0 2" {
		t.Errorf("numbers %s, want 1 0 2", n)
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "none"}, {9 * time.Second, ""}, {time.Second, "own"}, {49 * time.Second, ""}, {time.Second, "queue's"}} {
		w.Advance(step.after)
		if got := bodies(receive(w, url, 10)); got != step.want {
			t.Errorf("after %v: received %q, want %q", step.after, got, step.want)
		}
	}
}

func TestChangeVisibility(t *testing.T) {
	for _, name := range []string{"jobs", "jobs.fifo"} {
		t.Run(name, func(t *testing.T) {
			w, _ := world(t)
			url := create(w, name)
			in := &api.SendMessageInput{QueueUrl: url, MessageBody: "hi"}
			if strings.HasSuffix(name, ".fifo") {
				in.MessageGroupId, in.MessageDeduplicationId = new("g"), new("d")
			}
			nodetest.Do(w, &api.SendMessage, in)
			m := receive(w, url, 1)[0]
			fails(t, hide(w, url, m, 100), "", "")
			w.Advance(99 * time.Second)
			if got := bodies(receive(w, url, 1)); got != "" {
				t.Errorf("an extended message was received: %q", got)
			}
			fails(t, hide(w, url, m, 43200), "InvalidParameterValue", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
			fails(t, hide(w, url, m, 43201), "InvalidParameterValue", "43201")
			fails(t, hide(w, url, m, 0), "", "")
			fails(t, hide(w, url, m, 10), "InvalidParameterValue", "Message does not exist or is not available for visibility timeout change.")
			again := receive(w, url, 1)
			if bodies(again) != "hi" || again[0].Attributes["ApproximateReceiveCount"] != "2" {
				t.Fatalf("after the end of the timeout: %+v", again)
			}
			fails(t, hide(w, url, m, 10), "InvalidParameterValue", "Message does not exist")
			fails(t, hide(w, url, again[0], 3000), "", "")
			fails(t, remove(w, url, again[0]), "", "")
			if n := numbers(w, url); n != "0 0 0" {
				t.Errorf("after deletion numbers are %s", n)
			}
		})
	}
}

func TestReceiptsOfEarlierReceives(t *testing.T) {
	w, _ := world(t)
	url := create(w, "jobs")
	send(w, url, "hi")
	first := receive(w, url, 1)[0]
	w.Advance(30 * time.Second)
	second := receive(w, url, 1)[0]
	fails(t, remove(w, url, first), "", "") // succeeds and deletes nothing
	if n := numbers(w, url); n != "0 1 0" {
		t.Errorf("an old handle has deleted: %s", n)
	}
	w.Advance(time.Minute) // visible again, and not received since
	fails(t, remove(w, url, second), "", "")
	if n := numbers(w, url); n != "0 0 0" {
		t.Errorf("the last handle has not deleted: %s", n)
	}
	other := create(w, "other")
	fails(t, remove(w, other, second), "ReceiptHandleIsInvalid", "not a valid receipt handle")
	second.ReceiptHandle = new("garbage")
	fails(t, remove(w, url, second), "ReceiptHandleIsInvalid", "garbage")
}

func TestReceiveWithoutHiding(t *testing.T) {
	w, _ := world(t)
	url := create(w, "peek")
	send(w, url, "a")
	seen := map[string]bool{}
	for range 4 {
		got := nodetest.Do(w, &api.ReceiveMessage, &api.ReceiveMessageInput{QueueUrl: url, VisibilityTimeout: new(int32(0))}).Messages
		if bodies(got) != "a" {
			t.Fatalf("received %q, want a", bodies(got))
		}
		if seen[*got[0].ReceiptHandle] {
			t.Errorf("two receives gave the same handle")
		}
		seen[*got[0].ReceiptHandle] = true
	}
	last := receive(w, url, 1)[0]
	fails(t, remove(w, url, last), "", "")
	if n := numbers(w, url); n != "0 0 0" {
		t.Errorf("numbers %s after deletion", n)
	}
}

func TestDeadLetters(t *testing.T) {
	for _, suffix := range []string{"", ".fifo"} {
		t.Run("queue"+suffix, func(t *testing.T) {
			w, _ := world(t)
			dead := create(w, "dead"+suffix)
			url := create(w, "jobs"+suffix, "VisibilityTimeout", "10", "RedrivePolicy", `{"deadLetterTargetArn":"`+arnOf("dead"+suffix)+`","maxReceiveCount":"2"}`)
			in := &api.SendMessageInput{QueueUrl: url, MessageBody: "bad"}
			if suffix != "" {
				in.MessageGroupId, in.MessageDeduplicationId = new("g"), new("d")
			}
			id := *nodetest.Do(w, &api.SendMessage, in).MessageId
			for range 2 {
				if bodies(receive(w, url, 1)) != "bad" {
					t.Fatal("not received")
				}
				w.Advance(10 * time.Second)
			}
			if got := bodies(receive(w, url, 1)); got != "" {
				t.Errorf("received %q a third time", got)
			}
			if n := numbers(w, url); n != "0 0 0" {
				t.Errorf("source has %s", n)
			}
			m := receive(w, dead, 1)
			if len(m) != 1 || *m[0].MessageId != id || m[0].Attributes["DeadLetterQueueSourceArn"] != arnOf("jobs"+suffix) || m[0].Attributes["ApproximateReceiveCount"] != "3" {
				t.Errorf("dead letter %+v", m)
			}
			sources := nodetest.Do(w, &api.ListDeadLetterSourceQueues, &api.ListDeadLetterSourceQueuesInput{QueueUrl: dead}).QueueUrls
			if !slices.Equal(sources, []string{url}) {
				t.Errorf("sources %v", sources)
			}
		})
	}
}

func TestInFlightLimit(t *testing.T) {
	w, s := world(t)
	s.flightLimit = 3
	url := create(w, "busy")
	for i := range 5 {
		send(w, url, strconv.Itoa(i))
	}
	got := receive(w, url, 10)
	if len(got) != 3 {
		t.Fatalf("received %d, want the limit of 3", len(got))
	}
	_, err := nodetest.Try(w, &api.ReceiveMessage, &api.ReceiveMessageInput{QueueUrl: url})
	fails(t, err, "OverLimit", "in flight")
	fails(t, remove(w, url, got[0]), "", "")
	if n := len(receive(w, url, 10)); n != 1 {
		t.Errorf("received %d after one was deleted, want 1", n)
	}
	w.Advance(30 * time.Second)
	if n := len(receive(w, url, 10)); n != 3 {
		t.Errorf("received %d after the timeout, want 3", n)
	}
}

func TestPurge(t *testing.T) {
	w, _ := world(t)
	url := create(w, "q")
	for i := range 5 {
		send(w, url, strconv.Itoa(i))
	}
	m := receive(w, url, 2)
	nodetest.Do(w, &api.PurgeQueue, &api.PurgeQueueInput{QueueUrl: url})
	if n := numbers(w, url); n != "0 0 0" {
		t.Errorf("numbers %s", n)
	}
	fails(t, remove(w, url, m[0]), "", "")
	_, err := nodetest.Try(w, &api.PurgeQueue, &api.PurgeQueueInput{QueueUrl: url})
	fails(t, err, "AWS.SimpleQueueService.PurgeQueueInProgress", "Only one PurgeQueue operation on q is allowed every 60 seconds.")
	send(w, url, "new")
	w.Advance(time.Minute)
	if got := bodies(receive(w, url, 10)); got != "new" {
		t.Errorf("received %q", got)
	}
	nodetest.Do(w, &api.PurgeQueue, &api.PurgeQueueInput{QueueUrl: url})
}

func TestDeleteQueue(t *testing.T) {
	w, s := world(t)
	url := create(w, "q")
	send(w, url, "old")
	nodetest.Do(w, &api.DeleteQueue, &api.DeleteQueueInput{QueueUrl: url})
	_, err := nodetest.Try(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: "x"})
	fails(t, err, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
	_, err = nodetest.Try(w, &api.CreateQueue, &api.CreateQueueInput{QueueName: "q"})
	fails(t, err, "AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60 seconds")
	w.Advance(time.Minute)
	create(w, "q")
	if got := bodies(receive(w, url, 10)); got != "" {
		t.Errorf("the new queue has %q", got)
	}
	w.Drain()
	if n := rows(w); n != "1 0" {
		t.Errorf("queues and rows left: %s", n)
	}
	if len(s.all()) != 1 {
		t.Errorf("%d lines, want one", len(s.all()))
	}
}

// rows are how many queues there are, and rows of their messages.
func rows(w *nodetest.World) string {
	left := 0
	qs := 0
	w.View(func(r storeReader) {
		for range queues.Scan(r) {
			qs++
		}
		for range messages.Scan(r) {
			left++
		}
		for range sequences.Scan(r) {
			left++
		}
		for range groups.Scan(r) {
			left++
		}
		for range turns.Scan(r) {
			left++
		}
		for range payloads.Scan(r) {
			left++
		}
		for range twins.Scan(r) {
			left++
		}
		for range moves.Scan(r) {
			left++
		}
		for range goners.Scan(r) {
			left++
		}
	})
	return fmt.Sprint(qs, left)
}
