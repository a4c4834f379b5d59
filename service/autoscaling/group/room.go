package group

import (
	"context"
	"iter"

	"pileus/cloud"
	"pileus/store"
)

// Room is a part of Auto Scaling: a set of operations with what they need.
// What is not needed is left nil.
type Room struct {
	Operations  []cloud.Binding
	Access      []cloud.Access
	Controllers []cloud.Controller
	Deliveries  []cloud.Delivery
	Start       func(ctx context.Context, c cloud.Cloud) error
	Count       func(r store.Reader) map[string]int
	Metrics     func(c *cloud.Call) iter.Seq[cloud.Metric]
	Reset       func()
}

// Keeper keeps groups: it is the controller, with what it is told by others.
type Keeper struct {
	// Hooks are set when the rooms are put together.
	Hooks Hooks
}

// Hooks are where other rooms have their say about groups.
type Hooks struct {
	// Changed sees each change of an instance's lifecycle state, in the
	// transaction that makes it. i is as it is now; State is "" in from for a
	// new instance, and Terminated or Detached in i for one that is forgotten.
	Changed []func(c *cloud.Call, tx store.Tx, g *Group, i *Instance, from string)
	// Updated sees each group that was created or updated by its user.
	Updated []func(c *cloud.Call, tx store.Tx, g *Group) error
	// Busy may refuse the deletion of a group, which is not forced: a warm pool
	// has instances, an instance refresh is under way.
	Busy []func(c *cloud.Call, tx store.Tx, g *Group) error
	// Deleted removes what belongs to a group that goes: policies, actions.
	Deleted []func(c *cloud.Call, tx store.Tx, g *Group) error
	// Reuse is asked, once an instance that leaves because the group shrinks is
	// out of service, whether it goes back to the warm pool instead of being
	// terminated. nil: never.
	Reuse func(c *cloud.Call, tx store.Tx, g *Group, i *Instance) bool
	// Next sees each run of a group's controller, last of all.
	Next []func(c *cloud.Call, g *Group) error
}

// New makes a keeper.
func New() *Keeper { return &Keeper{} }

// Room is the room as the module takes it.
func (k *Keeper) Room() Room {
	return Room{}
}
