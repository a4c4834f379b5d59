package elbv2

import (
	"strings"
	"time"

	"pileus/cloud"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/privatelink"
	"pileus/store"
)

const (
	// balancerController brings the data path to what is kept of one load
	// balancer.
	balancerController = privatelink.BalancerController
	// adoptController looks at all of them once, at start.
	adoptController = "elbv2.adopt"
	// nameController makes a load balancer's name lead to those of its nodes
	// that serve.
	nameController = "elbv2.name"
)

// again is when a load balancer is looked at anew that could not be brought up:
// its network is made at the same time.
const again = 200 * time.Millisecond

// isOurs tells the ids of this service's load balancers from classic ones.
func isOurs(id string) bool {
	return strings.Contains(id, ":loadbalancer/app/") || strings.Contains(id, ":loadbalancer/net/")
}

// adopt has every load balancer looked at.
func (s *elb) adopt(c *cloud.Call, _ store.Key) error {
	return c.Update(func(tx store.Tx) error {
		for b := range balancers.Scan(tx) {
			touch(tx, b)
		}
		return nil
	})
}

// converge brings one load balancer to what is kept of it.
func (s *elb) converge(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	arn := key[2].(string)
	var want *lb.Balancer
	var links []privatelink.Link
	err := c.View(func(r store.Reader) (err error) {
		inside := *c
		inside.Snapshot = r
		want = nil
		b, ok := balancers.Get(r, key...)
		if ok {
			links = doors(r, b)
			want, err = s.desired(&inside, r, b)
		}
		return err
	})
	if err != nil {
		return err
	}
	if want == nil {
		return s.data.Remove(c, arn)
	}
	failure := s.data.Apply(c, *want)
	return c.Update(func(tx store.Tx) error {
		b, ok := balancers.Get(tx, key...)
		if !ok {
			return nil
		}
		if failure != nil {
			tx.After(c.Now.Add(again), balancerController, key)
			s.answer(tx, b)
			return nil
		}
		privatelink.Answered(tx, links)
		if b.State == provisioning {
			up := b.clone()
			up.State = active
			balancers.Put(tx, up)
		}
		s.answer(tx, b)
		return nil
	})
}

// publish is answer, when the health of targets has changed.
func (s *elb) publish(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		if b, ok := balancers.Get(tx, key...); ok {
			s.answer(tx, b)
		}
		return nil
	})
}

// answer makes a load balancer's name lead to the nodes that serve. Where none
// does, all are answered: better a chance than none.
func (s *elb) answer(tx store.Tx, b *balancer) {
	serving := map[string]bool{}
	for _, n := range s.data.Nodes(b.ARN) {
		serving[n.Zone] = n.Serving
	}
	var all, some []attach.Answer
	for _, n := range b.Nodes {
		a := n.Answers()
		all = append(all, a)
		if on, known := serving[n.Zone]; on || !known {
			some = append(some, a)
		}
	}
	if len(some) == 0 {
		some = all
	}
	attach.Publish(tx, b.DNS, b.ARN, b.Type == network, some)
}
