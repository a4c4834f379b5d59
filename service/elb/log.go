package elb

import (
	"time"

	"pileus/cloud"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/store"
)

func minutes(n int32) time.Duration { return time.Duration(n) * time.Minute }

// toldRecord keeps a record until its file is written.
func (s *service) toldRecord(id string, r lb.Record) {
	if _, ok := keyOf(id); ok {
		s.logs.Add(id, r)
	}
}

// sendLogs is the controller that writes a load balancer's log files, one for
// each node that had something to tell, and asks to be run for the next.
func (s *service) sendLogs(c *cloud.Call, key store.Key) error {
	var b *balancer
	if err := c.View(func(r store.Reader) error {
		b, _ = balancers.Get(r, key...)
		return nil
	}); err != nil || b == nil || b.Log == nil {
		return err
	}
	c = c.In(b.Account, b.Region)
	every := minutes(b.Log.Interval)
	for f, lines := range s.logs.Take(b.arn()) {
		if err := b.bucket().Send(c, c.Now.Truncate(every), f.Node, lines); err != nil {
			s.log.Warn("an access log could not be written", "load balancer", b.arn(), "records lost", len(lines), "err", err)
		}
	}
	return c.Update(func(tx store.Tx) error {
		next := c.Now
		if end := c.Cloud.Clock().Heading(); end.After(next) {
			next = end // nothing is logged on the way of a jump
		}
		tx.After(attach.NextFile(next, every), logController, key)
		return nil
	})
}
