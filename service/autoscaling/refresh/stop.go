package refresh

import (
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// active is the refresh of a group that is pending or in progress.
func active(c *cloud.Call, r store.Reader, name string) (*group.Group, *refresh, error) {
	g, err := group.Find(c, r, name)
	if err != nil {
		return nil, nil, err
	}
	x, ok := running(r, g)
	if !ok || x.Status == api.InstanceRefreshStatusCancelling {
		return nil, nil, api.ErrActiveInstanceRefreshNotFoundFault.New("No in progress or pending Instance Refresh found for Auto Scaling group %s", name)
	}
	return g, x, nil
}

// cancelInstanceRefresh stops a refresh. Replacements that have begun are
// finished first, unless nobody wants to wait for them.
func cancelInstanceRefresh(c *cloud.Call, tx store.Tx, in *api.CancelInstanceRefreshInput) (*api.CancelInstanceRefreshOutput, error) {
	g, x, err := active(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	x.Status, x.Reason = api.InstanceRefreshStatusCancelling, "Cancelled due to user request."
	if !cloud.Or(in.WaitForTransitioningInstances, true) {
		x.release(tx, g)
		x.end(c, api.InstanceRefreshStatusCancelled)
	}
	if !x.back() {
		x.restore(tx, g)
	}
	refreshes.Put(tx, x)
	tx.After(time.Time{}, controller, g.Key())
	return &api.CancelInstanceRefreshOutput{InstanceRefreshId: &x.ID}, nil
}

// release has the instances stay that were to be replaced and still serve.
func (x *refresh) release(tx store.Tx, g *group.Group) {
	for i := range group.Instances(tx, g) {
		if i.Replacing != nil && !i.Replacing.Balance && i.Leaving == nil {
			d := i.Clone()
			d.Replacing = nil
			group.Members.Put(tx, d)
		}
	}
	group.Wake(tx, g, time.Time{})
}

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RollbackInstanceRefresh.html
func rollbackInstanceRefresh(c *cloud.Call, tx store.Tx, in *api.RollbackInstanceRefreshInput) (*api.RollbackInstanceRefreshOutput, error) {
	g, x, err := active(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if x.back() {
		return nil, api.ErrIrreversibleInstanceRefreshFault.New("The instance refresh %s is already being rolled back.", x.ID)
	}
	if x.inPlace() {
		return nil, api.ErrIrreversibleInstanceRefreshFault.New("The instance refresh %s cannot be rolled back: it replaces root volumes.", x.ID)
	}
	if why := x.aliased(); why != "" {
		return nil, api.ErrIrreversibleInstanceRefreshFault.New("The instance refresh %s cannot be rolled back: %s.", x.ID, why)
	}
	x.undo(c, tx, g, "Rollback initiated by user request.")
	refreshes.Put(tx, x)
	return &api.RollbackInstanceRefreshOutput{InstanceRefreshId: &x.ID}, nil
}

// undo begins the rollback of a refresh: what it has launched is replaced by
// what the group had before.
func (x *refresh) undo(c *cloud.Call, tx store.Tx, g *group.Group, why string) {
	x.Back = &api.RollbackDetails{
		RollbackReason: &why, RollbackStartTime: &c.Now, PercentageCompleteOnRollback: new(x.complete()),
		InstancesToUpdateOnRollback: new(x.Left), ProgressDetailsOnRollback: x.details(),
	}
	x.restore(tx, g)
	x.Todo, x.WarmTodo = nil, nil
	for i := range group.Instances(tx, g) {
		switch {
		case i.Leaving != nil || i.Retained():
		case slices.Contains(x.Kept, i.ID):
			if i.Replacing != nil { // it stays after all
				d := i.Clone()
				d.Replacing = nil
				group.Members.Put(tx, d)
			}
		case i.Warm:
			x.WarmTodo = append(x.WarmTodo, i.ID)
		default:
			x.Todo = append(x.Todo, i.ID)
		}
	}
	x.Status, x.Reason = api.InstanceRefreshStatusRollbackInProgress, why
	x.Left, x.WarmLeft = int32(len(x.Todo)), int32(len(x.WarmTodo))
	x.Passed, x.Resume, x.Waiting, x.Baked, x.Progress = 0, time.Time{}, time.Time{}, time.Time{}, c.Now
	tx.After(time.Time{}, controller, g.Key())
	group.Wake(tx, g, time.Time{})
}
