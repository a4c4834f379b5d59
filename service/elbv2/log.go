package elbv2

import (
	"time"

	"pileus/cloud"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/store"
)

// logController writes the files of one load balancer's logs.
const logController = "elbv2.log"

// logEvery is how often files are written.
const logEvery = 5 * time.Minute

// recorded takes a log record from the data path.
func (s *elb) recorded(balancer string, r lb.Record) {
	if isOurs(balancer) {
		s.logs.Add(balancer, r)
	}
}

// scheduleLogs has files written from now on, if a log is on.
func (b *balancer) scheduleLogs(c *cloud.Call, tx store.Tx) {
	_, access := b.logs(false)
	_, connections := b.logs(true)
	if access || connections {
		tx.After(attach.NextFile(c.Now, logEvery), logController, balancers.Key(b))
	}
}

// deliver writes what was gathered to the buckets. What cannot be written is
// lost: AWS, too, delivers as well as it can.
func (s *elb) deliver(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	var b *balancer
	err := c.View(func(r store.Reader) error {
		b, _ = balancers.Get(r, key...)
		return nil
	})
	if err != nil || b == nil {
		return err
	}
	until := c.Now.Truncate(logEvery)
	for file, lines := range s.logs.Take(b.ARN) {
		bucket, on := b.logs(file.Kind == "connection")
		if !on {
			continue
		}
		// A bucket that is gone or closed gets no files, and that is all.
		_ = bucket.Send(c, until, file.Node, lines)
	}
	return c.Update(func(tx store.Tx) error {
		if now, ok := balancers.Get(tx, key...); ok {
			now.scheduleLogs(c, tx)
		}
		return nil
	})
}
