// Package refresh is instance refreshes: a group's instances are replaced, a
// few at a time, by such as are launched from what the group has now.
//
//	record.go   refreshes, and how they are described
//	start.go    StartInstanceRefresh, and what it refuses
//	stop.go     cancellation and rollback
//	roll.go     the controller, which replaces
//	survey.go   what a group looks like to it
//	inplace.go  root volumes replaced instead of instances
//	config.go   what a group launches, before and after
package refresh

import (
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// New makes the room, and gives it its say about groups.
func New(k *group.Keeper) group.Room {
	r := &room{keeper: k}
	k.Hooks.Changed = append(k.Hooks.Changed, changed)
	k.Hooks.Deleted = append(k.Hooks.Deleted, forget)
	return group.Room{
		Operations: []cloud.Binding{
			api.CancelInstanceRefresh.Update(cancelInstanceRefresh),
			api.DescribeInstanceRefreshes.View(describeInstanceRefreshes),
			api.RollbackInstanceRefresh.Update(rollbackInstanceRefresh),
			api.StartInstanceRefresh.Update(startInstanceRefresh).Partial("the group is described with the desired configuration from the beginning, not from the end; no rollback of ReplaceRootVolume"),
		},
		Access:      access(),
		Controllers: []cloud.Controller{{Name: controller, Reconcile: r.reconcile}},
	}
}

// room drives refreshes through the keeper of groups.
type room struct{ keeper *group.Keeper }

const controller = "autoscaling.refresh"

// changed has the controller look at a refresh when an instance of its group
// changes.
func changed(c *cloud.Call, tx store.Tx, g *group.Group, _ *group.Instance, _ string) {
	if _, ok := running(tx, g); ok {
		tx.After(time.Time{}, controller, g.Key())
	}
}

func forget(_ *cloud.Call, tx store.Tx, g *group.Group) error {
	refreshes.DeleteAll(tx, g.Account, g.Region, g.Name)
	return nil
}
