package group

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// retains tells whether the group keeps instances whose termination hooks are
// abandoned.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-lifecycle-policy.html
func (g *Group) retains() bool {
	p := g.Lifecycle
	return p != nil && p.RetentionTriggers != nil && cloud.Or(p.RetentionTriggers.TerminateHookAbandon, "") == api.RetentionActionRetain
}

// keeps tells whether an instance stays though its termination hooks were
// abandoned. What nobody has any more cannot be kept, nor a pool's that goes.
func (s *scene) keeps(i *Instance, see sight) bool {
	if !s.retains() || s.Deleting || i.Leaving == nil || i.Leaving.To != ToTerminate || i.Leaving.Failed || see.gone() {
		return false
	}
	return !i.Warm || s.WarmPool != nil && s.WarmPool.Status == nil
}

// retain keeps an instance from its end: it stays as it is, outside of the
// group's capacity, until somebody ends or detaches it.
func (k *Keeper) retain(c *cloud.Call, i *Instance, by string) error {
	return k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		End(c, tx, d.Activity, api.ScalingActivityStatusCodeCancelled, by)
		if d.Leaving.Shrinks {
			resized(c, tx, g, false)
		}
		d.Hooks, d.Leaving, d.Activity, d.Replacing = nil, nil, "", nil
		k.become(c, tx, g, d, warmed(d, api.LifecycleStateTerminatingRetained))
		return nil
	})
}
