package sqs

import (
	"pileus/cloud"
	"pileus/store"
)

// Usage types of the price list.
// https://aws.amazon.com/sqs/pricing/
const (
	standardRequests = "Requests-RBP"
	fifoRequests     = "Requests-FIFO-RBP"
)

// used counts requests to a queue, which its owner pays.
func (s *service) used(c *cloud.Call, op string, q *queue, requests float64) {
	s.activity.touch(q, c.Now)
	kind := standardRequests
	if q.FIFO {
		kind = fifoRequests
	}
	s.usedBy(c, op, q.Account, q.arn(), q.Tags, kind, requests)
}

func (s *service) usedBy(c *cloud.Call, op, account, resource string, tags map[string]string, kind string, requests float64) {
	c.Cloud.Meter(cloud.Usage{
		Account: account, Region: c.Region, Service: "AWSQueueService", Type: kind,
		Operation: op, Resource: resource, Quantity: requests, Tags: tags,
	})
}

// usedOnCommit counts one request once the transaction is there to stay.
func (s *service) usedOnCommit(c *cloud.Call, op string, tx store.Tx, q *queue) {
	tx.OnCommit(func() { s.used(c, op, q, 1) })
}
