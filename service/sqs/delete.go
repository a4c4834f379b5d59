package sqs

import (
	"errors"
	"time"

	api "pileus/api/sqs"
	"pileus/cloud"
)

func (s *service) deleteMessage(c *cloud.Call, in *api.DeleteMessageInput) (*cloud.Empty, error) {
	return s.one(c, "DeleteMessage", in.QueueUrl, func(b *batch) error { return b.delete(in.ReceiptHandle, c.Now) })
}

func (s *service) changeMessageVisibility(c *cloud.Call, in *api.ChangeMessageVisibilityInput) (*cloud.Empty, error) {
	return s.one(c, "ChangeMessageVisibility", in.QueueUrl, func(b *batch) error {
		return b.change(in.ReceiptHandle, c.Now, in.VisibilityTimeout)
	})
}

// one does work on one message.
func (s *service) one(c *cloud.Call, op, url string, do func(b *batch) error) (*cloud.Empty, error) {
	n, err := addressed(c, url)
	if err != nil {
		return nil, err
	}
	var q *queue
	err = s.run(n, &work{c: c, do: func(b *batch) error {
		q = b.q
		return do(b)
	}})
	if err != nil {
		return nil, err
	}
	s.used(c, op, q, 1)
	if op == "DeleteMessage" {
		s.activity.deleted(q, 1)
	}
	return &cloud.Empty{}, nil
}

func (b *batch) delete(text string, now time.Time) error {
	h, err := parseHandle(b.q, text)
	if err != nil {
		return err
	}
	if b.q.FIFO {
		return b.deleteSequenced(h, text, now)
	}
	b.forgetMessage(h, now)
	return nil
}

func (b *batch) change(text string, now time.Time, seconds int32) error {
	if seconds < 0 || seconds > maxVisibility {
		return badNumber(seconds, "VisibilityTimeout", "Must be between 0 and 43200.")
	}
	h, err := parseHandle(b.q, text)
	if err != nil {
		return err
	}
	hide := time.Duration(seconds) * time.Second
	if b.q.FIFO {
		return b.concealSequenced(h, text, now, hide)
	}
	return b.conceal(h, text, now, hide)
}

func (s *service) deleteMessageBatch(c *cloud.Call, in *api.DeleteMessageBatchInput) (*api.DeleteMessageBatchOutput, error) {
	out := &api.DeleteMessageBatchOutput{}
	id := func(i int) string { return in.Entries[i].Id }
	failed, err := s.many(c, "DeleteMessageBatch", in.QueueUrl, len(in.Entries), id, func(b *batch, i int) error {
		return b.delete(in.Entries[i].ReceiptHandle, c.Now)
	})
	if err != nil {
		return nil, err
	}
	for i := range in.Entries {
		if failed[i] != nil {
			out.Failed = append(out.Failed, failure(id(i), failed[i]))
		} else {
			out.Successful = append(out.Successful, api.DeleteMessageBatchResultEntry{Id: id(i)})
		}
	}
	return out, nil
}

func (s *service) changeMessageVisibilityBatch(c *cloud.Call, in *api.ChangeMessageVisibilityBatchInput) (*api.ChangeMessageVisibilityBatchOutput, error) {
	out := &api.ChangeMessageVisibilityBatchOutput{}
	id := func(i int) string { return in.Entries[i].Id }
	failed, err := s.many(c, "ChangeMessageVisibilityBatch", in.QueueUrl, len(in.Entries), id, func(b *batch, i int) error {
		if in.Entries[i].VisibilityTimeout == nil {
			return errMissing("VisibilityTimeout")
		}
		return b.change(in.Entries[i].ReceiptHandle, c.Now, *in.Entries[i].VisibilityTimeout)
	})
	if err != nil {
		return nil, err
	}
	for i := range in.Entries {
		if failed[i] != nil {
			out.Failed = append(out.Failed, failure(id(i), failed[i]))
		} else {
			out.Successful = append(out.Successful, api.ChangeMessageVisibilityBatchResultEntry{Id: id(i)})
		}
	}
	return out, nil
}

// many does work on each of a batch's messages; failed has the errors of those
// that it could not be done on.
func (s *service) many(c *cloud.Call, op, url string, n int, id func(int) string, do func(b *batch, i int) error) (failed []error, err error) {
	name, err := addressed(c, url)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(op+"RequestEntry", n, id); err != nil {
		return nil, err
	}
	failed = make([]error, n)
	var q *queue
	err = s.run(name, &work{c: c, do: func(b *batch) error {
		q = b.q
		for i := range n {
			failed[i] = do(b, i)
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	s.used(c, op, q, 1)
	if op == "DeleteMessageBatch" {
		done := 0
		for _, e := range failed {
			if e == nil {
				done++
			}
		}
		s.activity.deleted(q, done)
	}
	return failed, nil
}

// failure is the entry of a batch's answer for what failed.
func failure(id string, err error) api.BatchResultErrorEntry {
	e := api.BatchResultErrorEntry{Id: id, Code: "InternalError", Message: new(err.Error())}
	var x *cloud.Error
	if errors.As(err, &x) {
		e.Code, e.Message, e.SenderFault = x.Code, &x.Message, !x.Server
	}
	return e
}
