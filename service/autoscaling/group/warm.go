package group

import (
	api "pileus/api/autoscaling"
)

// How the warm pool and the keeper share their work. The room of warm pools
// says how many instances the pool is to have: it calls LaunchWarm for what it
// lacks, and Terminate for what it has too much, from Hooks.Next. The keeper
// takes each through its lifecycle (Warmed:Pending, hooks, then Warmed:Stopped,
// Warmed:Running or Warmed:Hibernated as the configuration's PoolState says),
// and takes what a group lacks out of the pool before it launches anything.

// Pooled tells whether the instance waits in the warm pool, ready to be taken.
func (i *Instance) Pooled() bool {
	switch i.State {
	case api.LifecycleStateWarmedStopped, api.LifecycleStateWarmedRunning, api.LifecycleStateWarmedHibernated:
		return i.Warm && i.Leaving == nil
	}
	return false
}
