package sqs

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/store"
)

// reception is what a receiver asks for.
type reception struct {
	max     int
	hide    *int32 // seconds
	wait    *int32
	attempt string
	system  []string
	names   []string
}

func readReception(in *api.ReceiveMessageInput) (*reception, error) {
	r := &reception{
		max: int(cloud.Or(in.MaxNumberOfMessages, 1)), hide: in.VisibilityTimeout, wait: in.WaitTimeSeconds,
		attempt: cloud.Or(in.ReceiveRequestAttemptId, ""), names: in.MessageAttributeNames,
	}
	if r.max < 1 || r.max > batchLimit {
		return nil, badNumber(int32(r.max), "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
	}
	if r.hide != nil && (*r.hide < 0 || *r.hide > maxVisibility) {
		return nil, badNumber(*r.hide, "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")
	}
	if r.wait != nil && (*r.wait < 0 || *r.wait > maxWait) {
		return nil, badNumber(*r.wait, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
	}
	if in.ReceiveRequestAttemptId != nil {
		if err := checkID("ReceiveRequestAttemptId", r.attempt); err != nil {
			return nil, err
		}
	}
	known := api.Service.Enum("MessageSystemAttributeName")
	for _, name := range slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames) {
		if !slices.Contains(known, name) {
			return nil, errAttributeName(name)
		}
		r.system = append(r.system, name)
	}
	return r, nil
}

// receiveMessage takes messages, and waits for some where it is asked to.
func (s *service) receiveMessage(c *cloud.Call, in *api.ReceiveMessageInput) (*api.ReceiveMessageOutput, error) {
	r, err := readReception(in)
	if err != nil {
		return nil, err
	}
	n, err := addressed(c, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	p := &receiver{reception: r, svc: s, name: n, begun: c.Cloud.Clock().Machine()}
	out, w, err := p.try(c)
	if w == nil {
		return out, err
	}
	return cloud.Later(c, func(c *cloud.Call) (out *api.ReceiveMessageOutput, err error) {
		for w != nil {
			if !w.wait(c) {
				return s.received(c, r, p.got), nil
			}
			if out, w, err = p.try(c); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

// receiver is a receive that may wait.
type receiver struct {
	*reception
	svc   *service
	name  queueName
	begun time.Time // of the machine
	got   taken     // by the last try
}

// try takes messages. Where there are none and time is left, the caller is to
// wait with w and to try again, later.
func (p *receiver) try(c *cloud.Call) (out *api.ReceiveMessageOutput, w *waiter, err error) {
	d := *c
	for w == nil {
		l := p.svc.line(p.name)
		version := l.version()
		// What was announced before, and will not be again, is due by now; by
		// the time at which the call began it need not be.
		d.Now = c.Cloud.Clock().Now()
		if p.got, err = p.svc.take(&d, p.name, p.reception); err != nil {
			return nil, nil, err
		}
		if len(p.got.messages) == 0 && p.got.looked > 0 {
			continue // none of them was fit: there may be more
		}
		wait := time.Duration(p.got.queue.Wait) * time.Second
		if p.wait != nil {
			wait = time.Duration(*p.wait) * time.Second
		}
		if p.got.full && wait == 0 {
			return nil, nil, errOverLimit
		}
		left := wait - c.Cloud.Clock().Machine().Sub(p.begun)
		if len(p.got.messages) > 0 || left <= 0 || c.Tx != nil {
			return p.svc.received(c, p.reception, p.got), nil, nil
		}
		if w, err = l.enlist(c, version, left); err != nil {
			return nil, nil, err
		}
	}
	return nil, w, nil
}

// taken is what one try to receive has brought.
type taken struct {
	queue    *queue
	messages []*message
	looked   int  // slots that were used up
	full     bool // too many messages are in flight
}

// take tries to receive, once.
func (s *service) take(c *cloud.Call, n queueName, r *reception) (t taken, err error) {
	err = s.run(n, &work{c: c, want: r.max, do: func(b *batch) error {
		t = taken{queue: b.q}
		hide := b.q.VisibilityTimeout
		if r.hide != nil {
			hide = int(*r.hide)
		}
		timeout := time.Duration(hide) * time.Second
		if r.attempt != "" && !b.q.FIFO {
			return wrongType(r.attempt, "ReceiveRequestAttemptId")
		}
		if r.attempt != "" {
			if t.messages = b.repeated(r.attempt, c.Now, timeout); len(t.messages) > 0 {
				return nil
			}
		}
		room := min(r.max, b.room-b.taken+b.landed)
		if room <= 0 {
			t.full = !b.q.FIFO
			return nil
		}
		looked := b.looked
		if b.q.FIFO {
			t.messages = b.takeGroups(c.Now, room, timeout)
			b.noteAttempt(r.attempt, t.messages, c.Now)
		} else {
			t.messages = b.take(c.Now, room, timeout)
		}
		t.looked = b.looked - looked
		for _, m := range t.messages {
			m.content(b.tx)
		}
		return nil
	}})
	return t, err
}

// attempt remembers what a receive with an attempt id has got, so that the
// same again gets it again, should the answer have been lost on the way.
type attempt struct {
	Queue, Bucket int64
	ID            string
	At            time.Time
	Messages      []attempted
}

type attempted struct {
	Group   string
	Seq     int64
	Receipt time.Time
}

var attempts = &store.Table[attempt]{
	Name: "sqs.attempt",
	Key:  func(a *attempt) store.Key { return store.K(a.Queue, a.Bucket, a.ID) },
}

func (b *batch) noteAttempt(id string, got []*message, now time.Time) {
	if id == "" || len(got) == 0 {
		return
	}
	a := &attempt{Queue: b.q.ID, Bucket: bucket(now), ID: id, At: now}
	for _, m := range got {
		a.Messages = append(a.Messages, attempted{m.Group, m.Seq, m.Receipt})
	}
	attempts.Insert(b.tx, a)
}

// repeated is what an earlier receive with the same attempt id has got, hidden
// anew, as long as all of it is still in flight.
func (b *batch) repeated(id string, now time.Time, hide time.Duration) (got []*message) {
	var a *attempt
	for i := range int64(2) {
		if x, ok := attempts.Get(b.tx, b.q.ID, bucket(now)-i, id); ok && now.Before(x.At.Add(dedupTime)) {
			a = x
			break
		}
	}
	if a == nil {
		return nil
	}
	for _, x := range a.Messages {
		m, ok := sequences.Get(b.tx, b.q.ID, x.Group, x.Seq)
		if !ok || !m.Receipt.Equal(x.Receipt) || !m.Visible.After(now) || m.checkTotal(now, hide) != nil {
			return nil
		}
	}
	for _, x := range a.Messages {
		h := handle{queue: b.q.ID, receipt: x.Receipt, group: x.Group, seq: x.Seq}
		if b.concealSequenced(h, "", now, hide) != nil {
			return nil
		}
		if m, ok := sequences.Get(b.tx, b.q.ID, x.Group, x.Seq); ok {
			m.content(b.tx)
			got = append(got, m)
		}
	}
	return got
}

// received makes the answer.
func (s *service) received(c *cloud.Call, r *reception, t taken) *api.ReceiveMessageOutput {
	out := &api.ReceiveMessageOutput{}
	size := 0
	for _, m := range t.messages {
		size += m.size()
		out.Messages = append(out.Messages, m.answer(r))
	}
	s.used(c, "ReceiveMessage", t.queue, chunks(size))
	s.activity.received(t.queue, len(t.messages))
	return out
}

// answer is the message as its receiver sees it.
func (m *message) answer(r *reception) api.Message {
	a := api.Message{
		MessageId: &m.ID, ReceiptHandle: new(m.handle()),
		Body: &m.Body, MD5OfBody: new(digest(m.Body)),
		Attributes: m.system(r.system),
	}
	chosen := choose(m.Attributes, r.names)
	a.MD5OfMessageAttributes = digestAttributes(chosen)
	for i := range chosen {
		x := &chosen[i]
		if a.MessageAttributes == nil {
			a.MessageAttributes = make(map[string]api.MessageAttributeValue, len(chosen))
		}
		v := api.MessageAttributeValue{DataType: x.Type}
		if x.binary() {
			v.BinaryValue = []byte(x.Value)
		} else {
			v.StringValue = &x.Value
		}
		a.MessageAttributes[x.Name] = v
	}
	return a
}

// choose picks attributes by their names: all of them, those with a prefix
// ("order.*"), or single ones.
func choose(all []attribute, names []string) (chosen []attribute) {
	if len(names) == 0 {
		return nil
	}
	for i := range all {
		if slices.ContainsFunc(names, func(n string) bool { return matches(all[i].Name, n) }) {
			chosen = append(chosen, all[i])
		}
	}
	return chosen
}

func matches(name, wanted string) bool {
	if wanted == "All" || wanted == name {
		return true
	}
	prefix, ok := strings.CutSuffix(wanted, ".*")
	return ok && strings.HasPrefix(name, prefix)
}

// system are the system attributes that were asked for.
func (m *message) system(wanted []string) map[string]string {
	if len(wanted) == 0 {
		return nil
	}
	all := slices.Contains(wanted, "All")
	out := map[string]string{}
	put := func(name, value string) {
		if value != "" && (all || slices.Contains(wanted, name)) {
			out[name] = value
		}
	}
	put("SenderId", m.Sender)
	put("SentTimestamp", millis(m.Sent))
	put("ApproximateReceiveCount", strconv.Itoa(m.Receives))
	put("ApproximateFirstReceiveTimestamp", millis(m.First))
	put("MessageGroupId", m.Group)
	put("MessageDeduplicationId", m.Dedup)
	put("AWSTraceHeader", m.Trace)
	put("DeadLetterQueueSourceArn", m.Source)
	if m.Seq != 0 {
		put("SequenceNumber", sequence(m.Seq))
	}
	return out
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func itoa(n int32) string { return strconv.FormatInt(int64(n), 10) }

// chunks is how many requests SQS bills for a payload: one for each 64 KiB
// that it has begun.
func chunks(size int) float64 { return max(1, math.Ceil(float64(size)/(64<<10))) }
