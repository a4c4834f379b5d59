package sqs

import (
	"math"
	"strings"
	"time"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/store"
)

// quarantine is how long the name of a deleted queue is not free, and how long
// after a purge the next one may be.
const quarantine = 60 * time.Second

func (s *service) createQueue(c *cloud.Call, tx store.Tx, in *api.CreateQueueInput) (*api.CreateQueueOutput, error) {
	q, err := wanted(c, tx, in)
	if err != nil {
		return nil, err
	}
	defer s.usedOnCommit(c, "CreateQueue", tx, q)
	if have, ok := q.name().find(tx); ok {
		if name, same := same(have, q, in.Attributes); !same {
			return nil, errQueueExists(name)
		}
		return &api.CreateQueueOutput{QueueUrl: new(have.url(c))}, nil
	}
	if g, ok := goners.Get(tx, q.Account, q.Region, q.Name); ok {
		if c.Now.Before(g.At.Add(quarantine)) {
			return nil, errDeletedNow
		}
		goners.Delete(tx, q.Account, q.Region, q.Name)
	}
	if err := checkTags(nil, in.Tags); err != nil {
		return nil, err
	}
	q.Tags = in.Tags
	q.ID = int64(c.Rand().Uint64() & math.MaxInt64)
	s.put(tx, q)
	return &api.CreateQueueOutput{QueueUrl: new(q.url(c))}, nil
}

// wanted is the queue that CreateQueue describes.
func wanted(c *cloud.Call, r store.Reader, in *api.CreateQueueInput) (*queue, error) {
	attributes := make(map[string]string, len(in.Attributes))
	fifo := false
	for name, text := range in.Attributes {
		if name != "FifoQueue" {
			attributes[name] = text
			continue
		}
		var ok bool
		if fifo, ok = parseBool(text); !ok {
			return nil, errAttributeValue("FifoQueue")
		}
		if !fifo {
			return nil, errAttributeName("FifoQueue")
		}
	}
	if err := checkName(in.QueueName, fifo); err != nil {
		return nil, err
	}
	q := newQueue(c, in.QueueName, fifo)
	return q, apply(c, r, q, attributes)
}

func (s *service) deleteQueue(c *cloud.Call, tx store.Tx, in *api.DeleteQueueInput) (*cloud.Empty, error) {
	q, err := lookup(c, tx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	queues.Delete(tx, q.Account, q.Region, q.Name)
	tx.OnCommit(s.changed)
	goners.Put(tx, &gone{q.Account, q.Region, q.Name, c.Now})
	tx.After(time.Time{}, dropController, store.K(q.ID))
	tx.After(c.Now.Add(quarantine), forgetController, q.name().key())
	s.usedOnCommit(c, "DeleteQueue", tx, q)
	tx.OnCommit(func() { s.forget(q.name()) })
	return &cloud.Empty{}, nil
}

func (s *service) getQueueUrl(c *cloud.Call, r store.Reader, in *api.GetQueueUrlInput) (*api.GetQueueUrlOutput, error) {
	n := queueName{cloud.Or(in.QueueOwnerAWSAccountId, c.Account), c.Region, in.QueueName}
	q, ok := n.find(r)
	if !ok {
		return nil, errNoQueue
	}
	s.used(c, "GetQueueUrl", q, 1)
	return &api.GetQueueUrlOutput{QueueUrl: new(q.url(c))}, nil
}

var errToken = invalid("Invalid or expired next token.")

// page reads the members with which lists are paged. Without MaxResults a list
// has at most a thousand queues and no next page.
func page(max *int32, next *string) (limit int, token string, err error) {
	limit = int(cloud.Or(max, 1000))
	if limit < 1 || limit > 1000 {
		return 0, "", badNumber(*max, "MaxResults", "MaxResults must be an integer between 1 and 1000.")
	}
	if next != nil && max == nil {
		return 0, "", invalid("MaxResults is a mandatory parameter when you provide a value for NextToken.")
	}
	return limit, cloud.Or(next, ""), nil
}

func (s *service) listQueues(c *cloud.Call, r store.Reader, in *api.ListQueuesInput) (*api.ListQueuesOutput, error) {
	limit, token, err := page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	prefix := cloud.Or(in.QueueNamePrefix, "")
	list, next, ok := queues.Page(r, store.K(c.Account, c.Region), token, limit, func(q *queue) bool {
		return strings.HasPrefix(q.Name, prefix)
	})
	if !ok {
		return nil, errToken
	}
	out := &api.ListQueuesOutput{QueueUrls: urls(c, list)}
	if next != "" && in.MaxResults != nil {
		out.NextToken = &next
	}
	s.usedBy(c, "ListQueues", c.Account, "", nil, standardRequests, 1)
	return out, nil
}

func urls(c *cloud.Call, list []*queue) []string {
	out := make([]string, len(list))
	for i, q := range list {
		out[i] = q.url(c)
	}
	return out
}

func (s *service) getQueueAttributes(c *cloud.Call, in *api.GetQueueAttributesInput) (out *api.GetQueueAttributesOutput, err error) {
	var q *queue
	err = c.View(func(r store.Reader) (err error) {
		q, err = lookup(c, r, in.QueueUrl)
		return err
	})
	if err != nil {
		return nil, err
	}
	all, err := q.attributes(in.AttributeNames, func() (tally, error) { return count(c, q) })
	if err != nil {
		return nil, err
	}
	s.used(c, "GetQueueAttributes", q, 1)
	return &api.GetQueueAttributesOutput{Attributes: all}, nil
}

func (s *service) setQueueAttributes(c *cloud.Call, tx store.Tx, in *api.SetQueueAttributesInput) (*cloud.Empty, error) {
	have, err := lookup(c, tx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	q := have.edit()
	attributes := in.Attributes
	if text, ok := attributes["FifoQueue"]; ok {
		// What cannot change may be repeated.
		if on, valid := parseBool(text); !valid || on != q.FIFO || !q.FIFO {
			return nil, errAttributeName("FifoQueue")
		}
		attributes = make(map[string]string, len(in.Attributes))
		for k, v := range in.Attributes {
			if k != "FifoQueue" {
				attributes[k] = v
			}
		}
	}
	if err := apply(c, tx, q, attributes); err != nil {
		return nil, err
	}
	q.Modified = c.Now
	s.put(tx, q)
	if q.Retention < have.Retention {
		tx.After(time.Time{}, sweepController, q.name().key())
	}
	s.usedOnCommit(c, "SetQueueAttributes", tx, q)
	return &cloud.Empty{}, nil
}
