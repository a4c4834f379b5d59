package elb

import (
	"errors"
	"fmt"

	"pileus/cloud"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/store"
)

// sight is what the engine was told of a load balancer's instances.
type sight struct {
	print string            // what there was, to tell whether it is the same
	zones map[string]string // of instances
	group string            // the one whose health counts
}

// converge is the controller: it has the engine and the DNS names follow the
// record, or ends the load balancer whose record is gone.
func (s *service) converge(c *cloud.Call, key store.Key) error {
	account, _ := key[0].(string)
	region, _ := key[1].(string)
	name, _ := key[2].(string)
	c = c.In(account, region)
	var b *balancer
	if err := c.View(func(r store.Reader) error {
		b, _ = balancers.Get(r, key...)
		return nil
	}); err != nil {
		return err
	}
	if b == nil {
		gone := balancer{Account: account, Region: region, Name: name}
		s.forget(gone.arn())
		return s.data.Remove(c, gone.arn())
	}
	seen, err := s.apply(c, b)
	s.mu.Lock()
	s.seen[b.arn()] = seen
	s.mu.Unlock()
	return errors.Join(err, s.publish(c, b))
}

func (s *service) forget(arn string) {
	s.logs.Take(arn)
	s.mu.Lock()
	delete(s.seen, arn)
	s.mu.Unlock()
}

// apply tells the engine.
func (s *service) apply(c *cloud.Call, b *balancer) (seen sight, err error) {
	machines, err := machinesOf(c, b.everyone())
	if err != nil {
		return seen, err
	}
	seen = sight{zones: map[string]string{}, group: b.checkedGroup()}
	for id, m := range machines {
		seen.zones[id] = m.Zone
	}
	var d lb.Balancer
	err = c.View(func(r store.Reader) (err error) {
		seen.print = b.print(r, machines)
		d, err = b.desired(c, r, machines)
		return err
	})
	return seen, errors.Join(err, s.data.Apply(c, d))
}

// everyone are all instances that the engine knows.
func (b *balancer) everyone() []string {
	list := append([]string(nil), b.Instances...)
	for _, d := range b.Draining {
		list = append(list, d.Instance)
	}
	return list
}

// print tells apart states of what is not in the record and the engine has to
// follow: instances, and zones.
func (b *balancer) print(r store.Reader, machines map[string]machine) string {
	var off []bool
	for _, n := range b.Nodes {
		off = append(off, n.Desired(r).Off)
	}
	return fmt.Sprint(machines, off)
}

// publish has the load balancer's name lead to those of its nodes that serve.
func (s *service) publish(c *cloud.Call, b *balancer) error {
	serves := map[string]bool{}
	for _, n := range s.data.Nodes(b.arn()) {
		serves[n.Zone] = n.Serving
	}
	var answers []attach.Answer
	for _, n := range b.Nodes {
		if serving, known := serves[n.Zone]; serving || !known {
			answers = append(answers, n.Answers())
		}
	}
	return c.Update(func(tx store.Tx) error {
		if now, ok := balancers.Get(tx, b.key()...); !ok || now.ID != b.ID {
			return nil // it went, or was made anew, meanwhile
		}
		attach.Publish(tx, b.DNSName, b.arn(), false, answers)
		return nil
	})
}
