package sqs

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/store"
)

// draft is a message that is to be sent, as far as it can be checked without
// its queue.
type draft struct {
	message
	delay        *int32
	group, dedup *string
}

// sent is what became of a draft.
type sent struct {
	id  string
	seq int64
}

// draft checks one entry of a request and makes a draft of it.
func (s *service) draft(c *cloud.Call, e *api.SendMessageBatchRequestEntry) (*draft, error) {
	if err := checkBody(e.MessageBody); err != nil {
		return nil, err
	}
	attributes, err := readAttributes(e.MessageAttributes)
	if err != nil {
		return nil, err
	}
	trace, err := readTrace(e.MessageSystemAttributes)
	if err != nil {
		return nil, err
	}
	if e.DelaySeconds != nil && (*e.DelaySeconds < 0 || *e.DelaySeconds > maxDelay) {
		return nil, badNumber(*e.DelaySeconds, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
	}
	d := &draft{delay: e.DelaySeconds, group: e.MessageGroupId, dedup: e.MessageDeduplicationId}
	if err := checkGivenID("MessageGroupId", d.group); err != nil {
		return nil, err
	}
	if err := checkGivenID("MessageDeduplicationId", d.dedup); err != nil {
		return nil, err
	}
	d.message = message{
		ID: s.uuid(), Order: s.order(c.Now), Node: s.node,
		Sent: c.Now, Sender: sender(c.Principal), Trace: trace,
		Body: e.MessageBody, Attributes: attributes,
	}
	return d, nil
}

// sender is SenderId: the unique id of who sent the message.
func sender(p *cloud.Principal) string {
	switch {
	case p.ID != "":
		return p.ID
	case p.Kind == cloud.ServicePrincipal:
		return p.Name
	}
	return p.Account
}

// check holds a draft to what its queue asks for.
func (d *draft) check(q *queue) error {
	if d.size() > q.MaxSize {
		return errTooLong(q.MaxSize)
	}
	switch {
	case !q.FIFO && d.dedup != nil:
		return wrongType(*d.dedup, "MessageDeduplicationId")
	case !q.FIFO:
		return nil
	case cloud.Or(d.delay, 0) != 0:
		return wrongType(itoa(*d.delay), "DelaySeconds")
	case d.group == nil:
		return errMissing("MessageGroupId")
	case d.dedup == nil && !q.ContentDedup:
		return errNoDedup
	}
	return nil
}

// send puts a draft into the queue. In a FIFO queue one that was sent within
// the last five minutes is not put there again: it is answered as it was then.
func (b *batch) send(d *draft, now time.Time) (sent, error) {
	if err := d.check(b.q); err != nil {
		return sent{}, err
	}
	m := d.message
	delay := b.q.Delay
	if d.delay != nil && !b.q.FIFO {
		delay = int(*d.delay)
	}
	m.Visible = now.Add(time.Duration(delay) * time.Second)
	m.Group = cloud.Or(d.group, "")
	if !b.q.FIFO {
		b.insert(b.q, &m)
		return sent{id: m.ID}, nil
	}
	m.Dedup = cloud.Or(d.dedup, "")
	if d.dedup == nil {
		h := sha256.Sum256([]byte(m.Body))
		m.Dedup = hex.EncodeToString(h[:])
	}
	if twin, ok := findTwin(b.tx, b.q, &m, now); ok {
		return sent{twin.ID, twin.Seq}, nil
	}
	b.insert(b.q, &m)
	noteTwin(b.tx, b.q, &m, now)
	return sent{m.ID, m.Seq}, nil
}

// twin remembers a message that was sent to a FIFO queue, so that it is not
// accepted again. Its rows lie in buckets of time, of which old ones are
// removed as a whole.
type twin struct {
	Queue, Bucket int64
	Group         string // where the scope of deduplication is the group
	Dedup         string
	At            time.Time
	ID            string
	Seq           int64
}

var twins = &store.Table[twin]{
	Name: "sqs.twin",
	Key:  func(t *twin) store.Key { return store.K(t.Queue, t.Bucket, t.Group, t.Dedup) },
}

// dedupTime is how long a message is remembered.
const dedupTime = 5 * time.Minute

func bucket(t time.Time) int64 { return t.Unix() / int64(dedupTime/time.Second) }

func scope(q *queue, m *message) string {
	if q.DedupScope == "messageGroup" {
		return m.Group
	}
	return ""
}

func findTwin(r store.Reader, q *queue, m *message, now time.Time) (*twin, bool) {
	for i := range int64(2) {
		t, ok := twins.Get(r, q.ID, bucket(now)-i, scope(q, m), m.Dedup)
		if ok && now.Before(t.At.Add(dedupTime)) {
			return t, true
		}
	}
	return nil, false
}

func noteTwin(tx store.Tx, q *queue, m *message, now time.Time) {
	twins.Insert(tx, &twin{q.ID, bucket(now), scope(q, m), m.Dedup, now, m.ID, m.Seq})
}

func (s *service) sendMessage(c *cloud.Call, in *api.SendMessageInput) (*api.SendMessageOutput, error) {
	n, err := addressed(c, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	d, err := s.draft(c, &api.SendMessageBatchRequestEntry{
		MessageBody: in.MessageBody, DelaySeconds: in.DelaySeconds,
		MessageAttributes: in.MessageAttributes, MessageSystemAttributes: in.MessageSystemAttributes,
		MessageDeduplicationId: in.MessageDeduplicationId, MessageGroupId: in.MessageGroupId,
	})
	if err != nil {
		return nil, err
	}
	out := &api.SendMessageOutput{
		MD5OfMessageBody:             new(digest(d.Body)),
		MD5OfMessageAttributes:       digestAttributes(d.Attributes),
		MD5OfMessageSystemAttributes: digestTrace(d.Trace),
	}
	var put struct {
		sent
		q *queue
	}
	err = s.run(n, &work{c: c, size: d.size(), do: func(b *batch) (err error) {
		put.q = b.q
		put.sent, err = b.send(d, c.Now)
		return err
	}})
	if err != nil {
		return nil, err
	}
	out.MessageId = &put.id
	if put.q.FIFO {
		out.SequenceNumber = new(sequence(put.seq))
	}
	s.used(c, "SendMessage", put.q, chunks(d.size()))
	s.activity.sent(put.q, d.size())
	return out, nil
}

func digestTrace(trace string) *string {
	if trace == "" {
		return nil
	}
	return digestAttributes([]attribute{{"AWSTraceHeader", "String", trace}})
}

func (s *service) sendMessageBatch(c *cloud.Call, in *api.SendMessageBatchInput) (*api.SendMessageBatchOutput, error) {
	n, err := addressed(c, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkBatch("SendMessageBatchRequestEntry", len(in.Entries), func(i int) string { return in.Entries[i].Id }); err != nil {
		return nil, err
	}
	drafts := make([]*draft, len(in.Entries))
	errs := make([]error, len(in.Entries))
	total := 0
	for i := range in.Entries {
		if drafts[i], errs[i] = s.draft(c, &in.Entries[i]); errs[i] == nil {
			total += drafts[i].size()
		}
	}
	if total > maxSize {
		return nil, errBatchTooLong(maxSize, total)
	}
	res := make([]sent, len(drafts))
	failed := make([]error, len(drafts))
	var q *queue
	err = s.run(n, &work{c: c, size: total, do: func(b *batch) error {
		q = b.q
		copy(failed, errs)
		if q.FIFO { // these two are refused for the batch as a whole
			for _, d := range drafts {
				switch {
				case d == nil:
				case d.group == nil:
					return invalid("The request must contain the parameter MessageGroupId.")
				case d.dedup == nil && !q.ContentDedup:
					return errNoDedup
				}
			}
		}
		for i, d := range drafts {
			if d != nil {
				res[i], failed[i] = b.send(d, c.Now)
			}
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	s.used(c, "SendMessageBatch", q, chunks(total))
	for i, d := range drafts {
		if d != nil && failed[i] == nil {
			s.activity.sent(q, d.size())
		}
	}
	return batchSent(q, in, drafts, res, failed), nil
}

func batchSent(q *queue, in *api.SendMessageBatchInput, drafts []*draft, res []sent, failed []error) *api.SendMessageBatchOutput {
	out := &api.SendMessageBatchOutput{}
	for i := range in.Entries {
		id := in.Entries[i].Id
		if failed[i] != nil {
			out.Failed = append(out.Failed, failure(id, failed[i]))
			continue
		}
		e := api.SendMessageBatchResultEntry{
			Id: id, MessageId: res[i].id,
			MD5OfMessageBody:             digest(drafts[i].Body),
			MD5OfMessageAttributes:       digestAttributes(drafts[i].Attributes),
			MD5OfMessageSystemAttributes: digestTrace(drafts[i].Trace),
		}
		if q.FIFO {
			e.SequenceNumber = new(sequence(res[i].seq))
		}
		out.Successful = append(out.Successful, e)
	}
	return out
}

// run has work done on a queue.
func (s *service) run(n queueName, w *work) error {
	err := s.line(n).run(w)
	if err == errNoQueue {
		s.forget(n)
	}
	return err
}
