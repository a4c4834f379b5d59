package elb

import (
	"context"
	"time"

	"pileus/cloud"
	"pileus/lb"
	"pileus/store"
)

// watchEvery is how often it is looked whether instances have changed, by the
// machine's time. That they fail is found by their health checks; this is how
// those that stop, start and move are followed.
const watchEvery = 2 * time.Second

// toldHealth takes note that a target's health changed: the name may have to
// lead elsewhere.
func (s *service) toldHealth(id, _ string, _ lb.TargetHealth) {
	if _, ok := keyOf(id); !ok {
		return
	}
	s.mu.Lock()
	s.touched[id] = true
	s.mu.Unlock()
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// follow wakes the controller for load balancers whose targets changed.
func (s *service) follow(ctx context.Context, c cloud.Cloud) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.signal:
		}
		s.mu.Lock()
		ids := s.touched
		s.touched = map[string]bool{}
		s.mu.Unlock()
		s.wake(ctx, c, ids)
	}
}

// wake asks for the controller.
func (s *service) wake(ctx context.Context, c cloud.Cloud, ids map[string]bool) {
	if len(ids) == 0 {
		return
	}
	err := c.DB().Update(ctx, func(tx store.Tx) error {
		for id := range ids {
			if key, ok := keyOf(id); ok {
				tx.After(time.Time{}, balancerController, key)
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		s.log.Error("classic load balancers do not follow their instances", "err", err)
	}
}

// watch looks at the instances of load balancers from time to time.
func (s *service) watch(ctx context.Context, c cloud.Cloud) {
	for c.Clock().Wait(ctx, watchEvery) == nil {
		changed, err := s.changed(ctx, c)
		if err != nil && ctx.Err() == nil {
			s.log.Error("instances of classic load balancers cannot be looked at", "err", err)
			continue
		}
		s.wake(ctx, c, changed)
	}
}

// changed are the load balancers whose instances are not what the engine knows.
func (s *service) changed(ctx context.Context, c cloud.Cloud) (map[string]bool, error) {
	out := map[string]bool{}
	err := c.DB().View(ctx, func(r store.Reader) error {
		for b := range balancers.Scan(r) {
			call := &cloud.Call{Context: ctx, Cloud: c, Account: b.Account, Region: b.Region, Partition: "aws", Now: c.Clock().Now(), Snapshot: r}
			machines, err := machinesOf(call, b.everyone())
			if err != nil {
				return err
			}
			s.mu.Lock()
			seen, ok := s.seen[b.arn()]
			s.mu.Unlock()
			if ok && seen.print != b.print(r, machines) {
				out[b.arn()] = true
			}
		}
		return nil
	})
	return out, err
}
