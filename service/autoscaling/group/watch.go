package group

import (
	"context"
	"errors"
	"slices"
	"time"

	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// glance is how often health checks are looked at, of the machine's time. What
// EC2 does with instances, it tells by itself.
const glance = 2 * time.Second

// start begins to watch the health of instances.
func (k *Keeper) start(ctx context.Context, cl cloud.Cloud) error {
	cl.Go("health of Auto Scaling instances", func(ctx context.Context) {
		for cl.Clock().Wait(ctx, glance) == nil {
			_ = k.watch(ctx, cl) // the next look, or the group's own tick, finds what this one misses
		}
	})
	return nil
}

// watch has the controllers of those groups look that have an instance which is
// ill and not known to be.
func (k *Keeper) watch(ctx context.Context, cl cloud.Cloud) error {
	var groups []*Group
	err := cl.DB().View(ctx, func(r store.Reader) error {
		groups = slices.DeleteFunc(slices.Collect(Groups.Scan(r)), func(g *Group) bool { return g.Suspended("HealthCheck") || g.Deleting })
		return nil
	})
	if err != nil {
		return err
	}
	for _, g := range groups {
		err = errors.Join(err, k.watchOne(callFor(ctx, cl, g), g))
	}
	return err
}

// callFor is a call in a group's account and region.
func callFor(ctx context.Context, cl cloud.Cloud, g *Group) *cloud.Call {
	c := &cloud.Call{Context: ctx, Cloud: cl, Account: g.Account, Region: g.Region, Partition: "aws", Now: cl.Clock().Now()}
	return identity.AsAccount(c)
}

func (k *Keeper) watchOne(c *cloud.Call, g *Group) error {
	s, err := look(c, g.Key())
	if err != nil || s == nil {
		return err
	}
	ill, err := s.illness(c)
	if err != nil {
		return err
	}
	for _, i := range s.members {
		if i.Health == unhealthy {
			delete(ill, i.ID)
		}
	}
	risky, err := s.risky(c)
	if err != nil || len(ill)+len(risky) == 0 {
		return err
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		Wake(tx, g, time.Time{})
		return nil
	})
}
