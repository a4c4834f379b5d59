package vpc

import (
	"context"
	"fmt"
	"reflect"
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
		for a := range groupVPCs.Index(tx, "own", c.Account, c.Region, vpc) {
			tx.After(time.Time{}, networkController, store.K(c.Account, c.Region, a.VPC))
		}
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
	asked int  // by how many; guarded by Room.mu
	all   bool // apply also what this process applied already; guarded by Room.mu
}

// network is a VPC that the data plane has.
type network struct {
	account, region string
	is              *plane.VPC // as this process applied it; nil: an earlier one did
}

// Converge returns once packets obey the state as it was at the call, or later.
// It reads committed state, so it is not for the inside of a transaction.
func (s *Room) Converge(c *cloud.Call, vpc string) error { return s.converge(c, vpc, true) }

func (s *Room) converge(c *cloud.Call, vpc string, all bool) error {
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
	r.all = r.all || all
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
	all = r.all
	s.mu.Unlock()
	defer l.run.Unlock()
	defer close(r.done)
	// Others wait for this round: it does not end with its leader's request.
	r.err = s.apply(context.WithoutCancel(c), c, vpc, all)
	return r.err
}

// apply tells the data plane what the VPC is now; where all is false, only if
// this process has not told it the same before.
func (s *Room) apply(ctx context.Context, c *cloud.Call, id string, all bool) error {
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
	old, made := s.made[id]
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
	if !all && old.is != nil && reflect.DeepEqual(*old.is, want) {
		return nil
	}
	if err := s.plane.ApplyVPC(ctx, want); err != nil {
		return fmt.Errorf("make network %s: %w", id, err)
	}
	s.mu.Lock()
	s.made[id] = network{c.Account, c.Region, &want}
	s.mu.Unlock()
	return nil
}

// prompt has a binding answer only once packets obey what it changed: in the
// networks of the caller's that the data plane has. The wake-up that was left
// is what must happen; this happens sooner.
func (s *Room) prompt(b cloud.Binding) cloud.Binding {
	if b.Mode != cloud.Writes {
		return b
	}
	return b.Then(func(c *cloud.Call, r store.Reader, _ any) func() {
		var changed []string
		for _, id := range s.madeBy(c.Account, c.Region) {
			if _, ok := store.Appointment(r, networkController, store.K(c.Account, c.Region, id)); ok {
				changed = append(changed, id)
			}
		}
		return func() {
			for _, id := range changed {
				// What fails here the controller meets again, and tells.
				_ = s.converge(c, id, false)
			}
		}
	})
}

// madeBy are the ids of an account's VPCs of a region that the data plane has.
func (s *Room) madeBy(account, region string) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range s.made {
		if n.account == account && n.region == region {
			ids = append(ids, id)
		}
	}
	return ids
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
	known := map[string]network{}
	err = c.View(func(r store.Reader) error {
		for v := range vpcs.Scan(r) {
			known[v.ID] = network{account: v.Account, region: v.Region}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range left {
		n, ok := known[id]
		if !ok {
			if err := s.plane.RemoveVPC(c, id); err != nil {
				return fmt.Errorf("remove network %s: %w", id, err)
			}
			continue
		}
		s.mu.Lock()
		s.made[id] = n
		s.mu.Unlock()
	}
	return c.Update(func(tx store.Tx) error {
		for v := range vpcs.Scan(tx) {
			touch(c.In(v.Account, v.Region), tx, v.ID)
		}
		return nil
	})
}
