package vpc

import (
	"context"
	"fmt"
	"sync"
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// networkController brings the data plane to what the state says of one VPC.
const networkController = "ec2.network"

// touch asks for the controller: something of the VPC has changed.
func touch(c *cloud.Call, tx store.Tx, vpc string) {
	if vpc != "" {
		tx.After(time.Time{}, networkController, store.K(c.Account, c.Region, vpc))
		touchJoined(c, tx, vpc)
	}
}

// line lets one apply of a VPC run at a time, and one wait that stands for all
// that ask meanwhile.
type line struct {
	run  sync.Mutex // held while an apply runs
	next *round     // not begun yet; guarded by Room.mu
}

type round struct {
	done  chan struct{}
	err   error
	asked int // by how many; guarded by Room.mu
}

// Converge returns once packets obey the state as it was at the call, or later.
// It reads committed state, so it is not for the inside of a transaction.
func (s *Room) Converge(c *cloud.Call, vpc string) error {
	s.mu.Lock()
	l := s.lines[vpc]
	if l == nil {
		l = &line{}
		s.lines[vpc] = l
	}
	r := l.next
	leads := r == nil
	if leads {
		r = &round{done: make(chan struct{})}
		l.next = r
	}
	r.asked++
	s.mu.Unlock()
	if !leads {
		select {
		case <-r.done:
			return r.err
		case <-c.Done():
			return c.Err()
		}
	}
	l.run.Lock()
	s.mu.Lock()
	l.next = nil // who comes now may have seen more than this round will
	s.mu.Unlock()
	defer l.run.Unlock()
	defer close(r.done)
	// Others wait for this round: it does not end with its leader's request.
	r.err = s.apply(context.WithoutCancel(c), c, vpc)
	return r.err
}

// apply tells the data plane what the VPC is now.
func (s *Room) apply(ctx context.Context, c *cloud.Call, id string) error {
	var want plane.VPC
	var exists bool
	err := c.Cloud.DB().View(ctx, func(r store.Reader) error {
		want, exists = desired(c, r, id)
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	_, made := s.made[id]
	s.mu.Unlock()
	if !exists {
		if err := s.plane.RemoveVPC(ctx, id); err != nil {
			return fmt.Errorf("remove network %s: %w", id, err)
		}
		s.mu.Lock()
		delete(s.made, id)
		s.mu.Unlock()
		return nil
	}
	// A VPC in which nothing is has nothing to be in the kernel: accounts have
	// a default VPC in every region that they only looked at.
	if !made && !inhabited(want) {
		return nil
	}
	if err := s.plane.ApplyVPC(ctx, want); err != nil {
		return fmt.Errorf("make network %s: %w", id, err)
	}
	s.mu.Lock()
	s.made[id] = struct{}{}
	s.mu.Unlock()
	return nil
}

// reconcile is the controller: the network first, then what waited for it.
func (s *Room) reconcile(c *cloud.Call, key store.Key) error {
	account, region, id := key[0].(string), key[1].(string), key[2].(string)
	c = c.In(account, region)
	if err := s.Converge(c, id); err != nil {
		return err
	}
	if err := s.watchFlows(c, id); err != nil {
		return err
	}
	return s.settle(c, id)
}

// adopt is the controller that runs once at start: networks that an earlier
// process left are brought up to date, or removed where the state does not know
// them.
func (s *Room) adopt(c *cloud.Call, _ store.Key) error {
	left, err := s.plane.VPCs(c)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	err = c.View(func(r store.Reader) error {
		for v := range vpcs.Scan(r) {
			known[v.ID] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range left {
		if !known[id] {
			if err := s.plane.RemoveVPC(c, id); err != nil {
				return fmt.Errorf("remove network %s: %w", id, err)
			}
			continue
		}
		s.mu.Lock()
		s.made[id] = struct{}{}
		s.mu.Unlock()
	}
	return c.Update(func(tx store.Tx) error {
		for v := range vpcs.Scan(tx) {
			touch(c.In(v.Account, v.Region), tx, v.ID)
		}
		return nil
	})
}
