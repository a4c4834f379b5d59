package warm

import (
	"cmp"
	"fmt"
	"slices"

	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// size is how many instances a group's pool is to have: what the prepared
// capacity leaves beside the desired one, and at least the minimum.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html
func size(g *group.Group) int {
	if g.WarmPool == nil || g.Deleting || leaving(g) {
		return 0
	}
	prepared := cloud.Or(g.WarmPool.MaxGroupPreparedCapacity, g.Max)
	return int(max(prepared-g.Desired, cloud.Or(g.WarmPool.MinSize, 0), 0))
}

// members are the instances of a pool, the oldest first, and what the group has
// beside it.
func members(r store.Reader, g *group.Group) (pool []*group.Instance, live, staying int) {
	for i := range group.Instances(r, g) {
		switch {
		case i.Warm:
			if staying++; i.Leaving == nil && !i.Retained() {
				pool = append(pool, i)
			}
		case i.Active():
			live += int(i.Weight)
		}
	}
	slices.SortFunc(pool, func(a, b *group.Instance) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return pool, live, staying
}

// keep brings a pool to its size, after the group itself has been cared for.
func (r *room) keep(c *cloud.Call, seen *group.Group) error {
	if seen.WarmPool == nil {
		return nil
	}
	for {
		var g *group.Group
		var pool []*group.Instance
		lack := 0
		err := c.Update(func(tx store.Tx) error {
			now, ok := group.Groups.Get(tx, seen.Key()...)
			if g, lack = nil, 0; !ok || now.ID != seen.ID || now.WarmPool == nil {
				return nil
			}
			g = now
			var live, staying int
			pool, live, staying = members(tx, g)
			if leaving(g) && staying == 0 {
				d := g.Clone()
				d.WarmPool = nil
				group.Put(tx, d)
				return nil
			}
			if live < int(g.Desired) { // the group itself comes first
				return nil
			}
			lack = size(g) - len(pool) - returning(tx, g)
			r.trim(c, tx, g, pool, len(pool)-size(g))
			return nil
		})
		if err != nil || g == nil || lack <= 0 || c.Now.Before(g.Retry) || g.Suspended("Launch") {
			return err
		}
		cause := fmt.Sprintf("At %s an instance was started in response to a difference between desired and actual capacity, increasing the warm pool capacity from %d to %d.", stamp(c.Now), len(pool), len(pool)+1)
		if err := r.keeper.LaunchWarm(c, g, cause); err != nil {
			return err
		}
		if err := c.View(func(rd store.Reader) error {
			after, _, _ := members(rd, g)
			lack = len(after) - len(pool)
			return nil
		}); err != nil || lack <= 0 { // what EC2 refuses is tried again later
			return err
		}
	}
}

// returning is how many instances are on their way from the group to its pool.
func returning(r store.Reader, g *group.Group) (n int) {
	for i := range group.Instances(r, g) {
		if !i.Warm && i.Leaving != nil && i.Leaving.Shrinks && !i.Leaving.Ended && reuses(g) {
			n++
		}
	}
	return n
}

// reuses tells whether instances go back to a group's pool.
func reuses(g *group.Group) bool {
	return g.WarmPool != nil && g.WarmPool.InstanceReusePolicy != nil && cloud.Or(g.WarmPool.InstanceReusePolicy.ReuseOnScaleIn, false)
}

// trim ends instances that a pool has too many of, those that are not ready
// first.
func (r *room) trim(c *cloud.Call, tx store.Tx, g *group.Group, pool []*group.Instance, excess int) {
	if g.Suspended("Terminate") {
		return
	}
	slices.SortStableFunc(pool, func(a, b *group.Instance) int {
		switch {
		case a.Ready() == b.Ready():
			return 0
		case b.Ready():
			return -1
		}
		return 1
	})
	for n := range max(0, min(excess, len(pool))) {
		cause := fmt.Sprintf("At %s an instance was taken out of the warm pool in response to a difference between desired and actual capacity, shrinking the warm pool capacity from %d to %d.", stamp(c.Now), len(pool)-n, len(pool)-n-1)
		r.keeper.Terminate(c, tx, pool[n], false, cause)
	}
}

// reuse tells whether an instance that the group gives up goes back to the
// pool: where that is the policy and the pool has room for it.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceReusePolicy.html
func reuse(_ *cloud.Call, tx store.Tx, g *group.Group, i *group.Instance) bool {
	if !reuses(g) || i.Health != "Healthy" {
		return false
	}
	pool, _, _ := members(tx, g)
	return len(pool) < size(g)
}
