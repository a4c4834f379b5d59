package sqs

import (
	"strconv"
	"testing"
	"time"

	api "pileus/api/sqs"
	"pileus/node/nodetest"
)

// deadLetters makes a queue with a dead-letter queue that has n messages from
// it, and returns the URLs of both.
func deadLetters(w *nodetest.World, suffix string, n int) (url, dead string) {
	dead = create(w, "dead"+suffix)
	url = create(w, "jobs"+suffix, "VisibilityTimeout", "0", "RedrivePolicy", `{"deadLetterTargetArn":"`+arnOf("dead"+suffix)+`","maxReceiveCount":"1"}`)
	for i := range n {
		if suffix == "" {
			send(w, url, strconv.Itoa(i))
		} else {
			sendTo(w, url, "g"+strconv.Itoa(i%2), strconv.Itoa(i))
		}
	}
	for len(receive(w, url, 10)) > 0 {
	}
	return url, dead
}

func tasks(w *nodetest.World, name string) []api.ListMessageMoveTasksResultEntry {
	w.T.Helper()
	return nodetest.Do(w, &api.ListMessageMoveTasks, &api.ListMessageMoveTasksInput{SourceArn: arnOf(name), MaxResults: new(int32(10))}).Results
}

func TestMoveBackToSource(t *testing.T) {
	for _, suffix := range []string{"", ".fifo"} {
		t.Run("queue"+suffix, func(t *testing.T) {
			w, _ := world(t)
			url, dead := deadLetters(w, suffix, 25)
			if n := numbers(w, dead); n != "25 0 0" {
				t.Fatalf("dead letters %s", n)
			}
			nodetest.Do(w, &api.StartMessageMoveTask, &api.StartMessageMoveTaskInput{SourceArn: arnOf("dead" + suffix)})
			w.Drain()
			list := tasks(w, "dead"+suffix)
			if len(list) != 1 || *list[0].Status != "COMPLETED" || *list[0].ApproximateNumberOfMessagesMoved != 25 || *list[0].ApproximateNumberOfMessagesToMove != 25 || list[0].TaskHandle != nil {
				t.Errorf("task %+v", list)
			}
			if a, b := numbers(w, url), numbers(w, dead); a != "25 0 0" || b != "0 0 0" {
				t.Errorf("source has %s, dead-letter queue %s", a, b)
			}
			last := map[string]int{}
			for _, m := range receive(w, url, 10) {
				n, _ := strconv.Atoi(*m.Body)
				if g := m.Attributes["MessageGroupId"]; suffix != "" && n < last[g] {
					t.Errorf("%d after %d in its group", n, last[g])
				} else {
					last[g] = n
				}
				if m.Attributes["ApproximateReceiveCount"] != "1" {
					t.Errorf("a moved message counts as received %s times", m.Attributes["ApproximateReceiveCount"])
				}
			}
		})
	}
}

func TestMoveWithRateAndCancel(t *testing.T) {
	w, _ := world(t)
	_, dead := deadLetters(w, "", 10)
	to := create(w, "elsewhere")
	handle := nodetest.Do(w, &api.StartMessageMoveTask, &api.StartMessageMoveTaskInput{
		SourceArn: arnOf("dead"), DestinationArn: new(arnOf("elsewhere")), MaxNumberOfMessagesPerSecond: new(int32(2)),
	}).TaskHandle
	_, err := nodetest.Try(w, &api.StartMessageMoveTask, &api.StartMessageMoveTaskInput{SourceArn: arnOf("dead")})
	fails(t, err, "InvalidParameterValue", "There is already a task running.")
	w.Drain()
	for i, n := range []string{"2 0 0", "4 0 0", "6 0 0"} {
		if got := numbers(w, to); got != n {
			t.Errorf("after %d seconds %s were moved, want %s", i, got, n)
		}
		w.Advance(time.Second)
	}
	if l := tasks(w, "dead"); *l[0].Status != "RUNNING" || *l[0].TaskHandle != *handle || *l[0].MaxNumberOfMessagesPerSecond != 2 || *l[0].DestinationArn != arnOf("elsewhere") {
		t.Errorf("running task %+v", l[0])
	}
	if n := *nodetest.Do(w, &api.CancelMessageMoveTask, &api.CancelMessageMoveTaskInput{TaskHandle: *handle}).ApproximateNumberOfMessagesMoved; n != 8 {
		t.Errorf("cancelled after %d, want 8", n)
	}
	w.Advance(10 * time.Second)
	if got := numbers(w, dead); got != "2 0 0" || *tasks(w, "dead")[0].Status != "CANCELLED" {
		t.Errorf("after cancellation %s are left, status %s", got, *tasks(w, "dead")[0].Status)
	}
	_, err = nodetest.Try(w, &api.CancelMessageMoveTask, &api.CancelMessageMoveTaskInput{TaskHandle: *handle})
	fails(t, err, "AWS.SimpleQueueService.UnsupportedOperation", "Only active tasks")
}

func TestMoveFailures(t *testing.T) {
	w, _ := world(t)
	url, dead := deadLetters(w, "", 3)
	to := create(w, "elsewhere")
	for name, test := range map[string]struct {
		in         api.StartMessageMoveTaskInput
		code, text string
	}{
		"no such source":        {api.StartMessageMoveTaskInput{SourceArn: arnOf("none")}, "ResourceNotFoundException", "SourceArn"},
		"no dead-letter queue":  {api.StartMessageMoveTaskInput{SourceArn: arnOf("jobs")}, "InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue."},
		"no such destination":   {api.StartMessageMoveTaskInput{SourceArn: arnOf("dead"), DestinationArn: new(arnOf("none"))}, "ResourceNotFoundException", "DestinationArn"},
		"too fast":              {api.StartMessageMoveTaskInput{SourceArn: arnOf("dead"), MaxNumberOfMessagesPerSecond: new(int32(501))}, "InvalidParameterValue", "501"},
		"an ARN of another API": {api.StartMessageMoveTaskInput{SourceArn: "arn:aws:s3:::dead"}, "InvalidParameterValue", "SourceArn"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := nodetest.Try(w, &api.StartMessageMoveTask, &test.in)
			fails(t, err, test.code, test.text)
		})
	}
	for name, test := range map[string]struct{ handle, code, text string }{
		"garbage":  {"garbage", "InvalidParameterValue", "Value for parameter TaskHandle is invalid."},
		"no queue": {"eyJ0YXNrSWQiOiJ4Iiwic291cmNlQXJuIjoiYXJuOmF3czpzcXM6dXMtZWFzdC0xOjAwMDAwMDAwMDAwMDpub25lIn0=", "ResourceNotFoundException", "SourceArn"},
		"no task":  {mustHandle(t, &moveTask{Account: nodetest.Account, Region: nodetest.Region, Name: "dead", ID: "x"}), "ResourceNotFoundException", "Task does not exist."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := nodetest.Try(w, &api.CancelMessageMoveTask, &api.CancelMessageMoveTaskInput{TaskHandle: test.handle})
			fails(t, err, test.code, test.text)
		})
	}
	t.Run("destination goes away", func(t *testing.T) {
		nodetest.Do(w, &api.StartMessageMoveTask, &api.StartMessageMoveTaskInput{SourceArn: arnOf("dead"), DestinationArn: new(arnOf("elsewhere")), MaxNumberOfMessagesPerSecond: new(int32(1))})
		w.Drain()
		nodetest.Do(w, &api.DeleteQueue, &api.DeleteQueueInput{QueueUrl: to})
		w.Advance(5 * time.Second)
		if l := tasks(w, "dead"); *l[0].Status != "FAILED" || *l[0].FailureReason != "AWS.SimpleQueueService.NonExistentQueue" || *l[0].ApproximateNumberOfMessagesMoved != 1 {
			t.Errorf("task %+v", l[0])
		}
		if got := numbers(w, dead); got != "2 0 0" {
			t.Errorf("%s are left", got)
		}
	})
	t.Run("a message without a source", func(t *testing.T) {
		w.Advance(time.Second) // a later task comes first in the list
		send(w, dead, "sent here")
		nodetest.Do(w, &api.StartMessageMoveTask, &api.StartMessageMoveTaskInput{SourceArn: arnOf("dead")})
		w.Drain()
		if l := tasks(w, "dead"); *l[0].Status != "FAILED" || *l[0].FailureReason != "CouldNotDetermineMessageSource" {
			t.Errorf("task %s: %v", *l[0].Status, *l[0].FailureReason)
		}
		if a, b := numbers(w, url), numbers(w, dead); a != "2 0 0" || b != "1 0 0" {
			t.Errorf("source has %s, dead-letter queue %s", a, b)
		}
	})
}

func mustHandle(t *testing.T, x *moveTask) string {
	s, err := x.handle()
	if err != nil {
		t.Fatal(err)
	}
	return s
}
