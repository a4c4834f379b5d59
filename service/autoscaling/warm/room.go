// Package warm is warm pools: instances that are prepared beside a group and
// come into service faster than new ones.
//
//	pool.go  the operations
//	keep.go  how many instances a pool has
package warm

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// New makes the room, and gives it its say about groups.
func New(k *group.Keeper) group.Room {
	r := &room{keeper: k}
	k.Hooks.Next = append(k.Hooks.Next, r.keep)
	k.Hooks.Busy = append(k.Hooks.Busy, busy)
	k.Hooks.Reuse = reuse
	return group.Room{
		Operations: []cloud.Binding{
			api.DeleteWarmPool.Update(r.deleteWarmPool),
			api.DescribeWarmPool.View(describeWarmPool),
			api.PutWarmPool.Update(putWarmPool),
		},
		Access: access(),
	}
}

// room keeps warm pools through the keeper of groups.
type room struct{ keeper *group.Keeper }

// busy refuses the deletion of a group whose pool has instances.
func busy(_ *cloud.Call, tx store.Tx, g *group.Group) error {
	if g.WarmPool == nil {
		return nil
	}
	return api.ErrResourceInUseFault.New("You cannot delete an AutoScalingGroup while there is a warm pool associated with it. Delete the warm pool of %s first, or use ForceDelete.", g.Name)
}

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
func access() []cloud.Access {
	return []cloud.Access{
		group.On(&api.DeleteWarmPool, func(in *api.DeleteWarmPoolInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.PutWarmPool, func(in *api.PutWarmPoolInput) string { return in.AutoScalingGroupName }, nil),
		api.DescribeWarmPool.Needs("autoscaling:DescribeWarmPool", nil),
	}
}
