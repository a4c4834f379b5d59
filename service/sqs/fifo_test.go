package sqs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	api "pileus/api/sqs"
	"pileus/node/nodetest"
)

func TestGroupsBlockWhileInFlight(t *testing.T) {
	w, _ := world(t)
	url := create(w, "q.fifo", "VisibilityTimeout", "30")
	for i := range 4 {
		sendTo(w, url, "a", "a"+strconv.Itoa(i))
	}
	sendTo(w, url, "b", "b0")
	first := receive(w, url, 2)
	if got := bodies(first); got != "a0 a1" {
		t.Fatalf("first receive %q", got)
	}
	if got := bodies(receive(w, url, 10)); got != "b0" {
		t.Fatalf("while group a is in flight: %q, want b0", got)
	}
	fails(t, remove(w, url, first[0]), "", "")
	if got := bodies(receive(w, url, 10)); got != "" {
		t.Fatalf("with a1 still in flight: %q", got)
	}
	fails(t, remove(w, url, first[1]), "", "")
	rest := receive(w, url, 10)
	if got := bodies(rest); got != "a2 a3" {
		t.Fatalf("after both were deleted: %q", got)
	}
	w.Advance(30 * time.Second)
	fails(t, remove(w, url, rest[0]), "InvalidParameterValue", "The receipt handle has expired.")
	if got := bodies(receive(w, url, 10)); got != "a2 a3" && got != "b0 a2 a3" {
		t.Fatalf("after the timeout: %q", got)
	}
}

func TestDeduplication(t *testing.T) {
	for name, test := range map[string]struct {
		attributes []string
		dedup      *string
		group2     string
		body2      string
		twice      bool // the second is a message of its own
	}{
		"same id, other body":              {dedup: new("x"), group2: "a", body2: "two"},
		"same id, other group":             {dedup: new("x"), group2: "b", body2: "one"},
		"scope of the group":               {attributes: []string{"DeduplicationScope", "messageGroup"}, dedup: new("x"), group2: "b", body2: "one", twice: true},
		"same content":                     {attributes: []string{"ContentBasedDeduplication", "true"}, group2: "a", body2: "one"},
		"other content":                    {attributes: []string{"ContentBasedDeduplication", "true"}, group2: "a", body2: "two", twice: true},
		"same content in a group's scope":  {attributes: []string{"ContentBasedDeduplication", "true", "DeduplicationScope", "messageGroup", "FifoThroughputLimit", "perMessageGroupId"}, group2: "a", body2: "one"},
		"same content, explicit id passes": {attributes: []string{"ContentBasedDeduplication", "true"}, dedup: new("x"), group2: "a", body2: "two"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := world(t)
			url := create(w, "q.fifo", test.attributes...)
			put := func(group, body string) *api.SendMessageOutput {
				return nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: body, MessageGroupId: &group, MessageDeduplicationId: test.dedup})
			}
			one := put("a", "one")
			m := receive(w, url, 1)
			fails(t, remove(w, url, m[0]), "", "") // deduplication outlives the message
			w.Advance(5*time.Minute - 1)
			two := put(test.group2, test.body2)
			if same := *one.MessageId == *two.MessageId && *one.SequenceNumber == *two.SequenceNumber; same == test.twice {
				t.Errorf("answered %s %s, then %s %s", *one.MessageId, *one.SequenceNumber, *two.MessageId, *two.SequenceNumber)
			}
			if got := len(receive(w, url, 10)); got != map[bool]int{true: 1}[test.twice] {
				t.Errorf("received %d", got)
			}
			if test.twice {
				return
			}
			w.Advance(1)
			if three := put("a", "one"); *three.MessageId == *one.MessageId {
				t.Error("still a duplicate after five minutes")
			}
		})
	}
}

func TestReceiveAttempts(t *testing.T) {
	w, _ := world(t)
	url := create(w, "q.fifo")
	for i := range 3 {
		sendTo(w, url, "g", strconv.Itoa(i))
	}
	try := func(id string) []api.Message {
		return nodetest.Do(w, &api.ReceiveMessage, &api.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: new(int32(2)), ReceiveRequestAttemptId: &id}).Messages
	}
	first := try("x")
	w.Advance(20 * time.Second)
	again := try("x")
	if bodies(first) != "0 1" || bodies(again) != "0 1" || *first[0].ReceiptHandle != *again[0].ReceiptHandle {
		t.Fatalf("%q, then %q", bodies(first), bodies(again))
	}
	w.Advance(20 * time.Second) // the repeat has hidden them anew
	if got := bodies(try("y")); got != "" {
		t.Errorf("another attempt got %q", got)
	}
	fails(t, remove(w, url, first[0]), "", "")
	fails(t, remove(w, url, first[1]), "", "")
	if got := bodies(try("x")); got != "2" {
		t.Errorf("after deletion the attempt got %q", got)
	}
}

func TestSequenceNumbersGrow(t *testing.T) {
	w, _ := world(t)
	url := create(w, "q.fifo")
	last := ""
	for i := range 50 {
		n := *sendTo(w, url, strconv.Itoa(i%3), strconv.Itoa(i)).SequenceNumber
		if len(n) != 20 || n <= last {
			t.Fatalf("%s after %s", n, last)
		}
		last = n
		if i == 25 {
			nodetest.Do(w, &api.PurgeQueue, &api.PurgeQueueInput{QueueUrl: url})
		}
	}
}

// fifoModel is a FIFO queue as its documentation describes it.
type fifoModel struct {
	groups map[string][]*modelMessage
	dedup  map[string]time.Time
}

type modelMessage struct {
	body   string
	until  time.Time // in flight until
	handle string
}

func (f *fifoModel) blocked(group string, now time.Time) bool {
	return slices.ContainsFunc(f.groups[group], func(m *modelMessage) bool { return m.until.After(now) })
}

// TestFIFOAgainstModel does what clients do, at random, and holds every answer
// to the model: order within groups, groups that are blocked, nothing lost,
// nothing twice.
func TestFIFOAgainstModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			w, _ := world(t)
			url := create(w, "q.fifo", "VisibilityTimeout", "20")
			f := &fifoModel{groups: map[string][]*modelMessage{}, dedup: map[string]time.Time{}}
			for step := range 300 {
				f.step(t, w, url, random, step)
				if t.Failed() {
					return
				}
			}
			f.drain(t, w, url)
		})
	}
}

func (f *fifoModel) step(t *testing.T, w *nodetest.World, url string, random *rand.Rand, step int) {
	t.Helper()
	switch n := random.IntN(10); {
	case n < 4:
		group, id := "g"+strconv.Itoa(random.IntN(4)), strconv.Itoa(random.IntN(60))
		body := fmt.Sprintf("%s/%d", group, step)
		nodetest.Do(w, &api.SendMessage, &api.SendMessageInput{QueueUrl: url, MessageBody: body, MessageGroupId: &group, MessageDeduplicationId: &id})
		if at, ok := f.dedup[id]; ok && w.Now().Before(at.Add(5*time.Minute)) {
			return
		}
		f.dedup[id] = w.Now()
		f.groups[group] = append(f.groups[group], &modelMessage{body: body})
	case n < 7:
		f.received(t, receive(w, url, int32(1+random.IntN(10))), w.Now(), 20*time.Second)
	case n < 8:
		w.Advance(time.Duration(random.IntN(15)) * time.Second)
	default:
		group := "g" + strconv.Itoa(random.IntN(4))
		for i, m := range f.groups[group] {
			if m.handle == "" || random.IntN(2) == 0 {
				continue
			}
			f.touch(t, w, url, group, i, n == 8, random)
			return
		}
	}
}

// touch deletes a message that was received, or changes its timeout.
func (f *fifoModel) touch(t *testing.T, w *nodetest.World, url, group string, i int, delete bool, random *rand.Rand) {
	t.Helper()
	m := f.groups[group][i]
	flying := m.until.After(w.Now())
	if delete {
		err := remove(w, url, api.Message{ReceiptHandle: &m.handle})
		if flying != (err == nil) {
			t.Fatalf("delete of %s, in flight %v: %v", m.body, flying, err)
		}
		if flying {
			f.groups[group] = slices.Delete(f.groups[group], i, i+1)
		}
		return
	}
	seconds := int32(random.IntN(40))
	err := hide(w, url, api.Message{ReceiptHandle: &m.handle}, seconds)
	if flying != (err == nil) {
		t.Fatalf("change of %s, in flight %v: %v", m.body, flying, err)
	}
	if flying {
		m.until = w.Now().Add(time.Duration(seconds) * time.Second)
	}
}

func (f *fifoModel) received(t *testing.T, got []api.Message, now time.Time, timeout time.Duration) {
	t.Helper()
	next := map[string]int{}
	for _, g := range got {
		group := g.Attributes["MessageGroupId"]
		if next[group] == 0 && f.blocked(group, now) {
			t.Fatalf("%s comes from a group that is in flight", *g.Body)
		}
		list := f.groups[group]
		if i := next[group]; i >= len(list) || list[i].body != *g.Body {
			t.Fatalf("%s is not message %d of its group", *g.Body, i)
		}
		m := list[next[group]]
		next[group]++
		m.handle = *g.ReceiptHandle
		defer func() { m.until = now.Add(timeout) }()
	}
	if len(got) == 0 {
		for group, list := range f.groups {
			if len(list) > 0 && !f.blocked(group, now) {
				t.Fatalf("received nothing, and %s can be received", list[0].body)
			}
		}
	}
}

// drain receives and deletes everything, in order.
func (f *fifoModel) drain(t *testing.T, w *nodetest.World, url string) {
	t.Helper()
	w.Advance(time.Minute)
	for {
		got := receive(w, url, 10)
		if len(got) == 0 {
			break
		}
		for _, m := range got {
			group := m.Attributes["MessageGroupId"]
			if len(f.groups[group]) == 0 || f.groups[group][0].body != *m.Body {
				t.Fatalf("drained %s out of order", *m.Body)
			}
			f.groups[group] = f.groups[group][1:]
			fails(t, remove(w, url, m), "", "")
		}
	}
	for group, list := range f.groups {
		if len(list) > 0 {
			t.Errorf("group %s has lost %d messages", group, len(list))
		}
	}
	if n := numbers(w, url); n != "0 0 0" {
		t.Errorf("numbers %s at the end", n)
	}
}
