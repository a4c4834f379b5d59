package refresh

import (
	"cmp"
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// refresh is an instance refresh of a group.
type refresh struct {
	Account, Region, Group, ID string
	Strategy                   string // "" for Rolling
	Status, Reason             string
	Started, Ended             time.Time
	Preferences                api.RefreshPreferences // with all defaults
	Desired                    *api.DesiredConfiguration
	Before, Set                config // what the group launched before, and what since

	// Todo are the instances that are to be replaced, as they were at the start;
	// in a rollback those that the refresh has launched. Kept were there at the
	// start.
	Todo, Kept []string
	Left       int32 // of Todo, with what is launched for them and not warm yet
	WarmTodo   []string
	WarmLeft   int32

	Passed   int       // checkpoints
	Resume   time.Time // when the pause at a checkpoint ends; zero outside of one
	Progress time.Time // when Left last changed
	Waiting  time.Time // since when only protected or standby instances are left

	Back  *api.RollbackDetails
	Baked time.Time // when its bake time is over; zero before all is replaced
}

// refreshes by group, the newest first.
var refreshes = &store.Table[refresh]{
	Name: "autoscaling.refresh",
	Key: func(x *refresh) store.Key {
		return store.K(x.Account, x.Region, x.Group, -x.Started.UnixNano(), x.ID)
	},
}

// Kept for six weeks.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeInstanceRefreshes.html
const kept = 6 * 7 * 24 * time.Hour

// running is the refresh of a group that is not over.
func running(r store.Reader, g *group.Group) (*refresh, bool) {
	for x := range refreshes.Scan(r, g.Account, g.Region, g.Name) {
		return x, !x.over()
	}
	return nil, false
}

// over tells whether nothing more will happen.
func (x *refresh) over() bool { return !x.Ended.IsZero() }

// back tells whether the refresh is being undone.
func (x *refresh) back() bool { return x.Back != nil }

// percent is how much of a number of instances is done.
func percent(all int, left int32) int32 {
	if all == 0 {
		return 100
	}
	return int32(all-min(int(left), all)) * 100 / int32(all)
}

// complete is PercentageComplete. In a rollback it goes down to zero again.
func (x *refresh) complete() int32 {
	switch {
	case x.back():
		was := cloud.Or(x.Back.PercentageCompleteOnRollback, 0)
		return was - was*percent(len(x.Todo), x.Left)/100
	case x.Status == api.InstanceRefreshStatusSuccessful:
		return 100
	}
	return percent(len(x.Todo), x.Left)
}

// details are the progress of the group and of its warm pool, if that has any.
func (x *refresh) details() *api.InstanceRefreshProgressDetails {
	if len(x.WarmTodo) == 0 {
		return nil
	}
	return &api.InstanceRefreshProgressDetails{
		LivePoolProgress: &api.InstanceRefreshLivePoolProgress{PercentageComplete: new(x.complete()), InstancesToUpdate: new(x.Left)},
		WarmPoolProgress: &api.InstanceRefreshWarmPoolProgress{PercentageComplete: new(percent(len(x.WarmTodo), x.WarmLeft)), InstancesToUpdate: new(x.WarmLeft)},
	}
}

// describe is the refresh on the wire.
func (x *refresh) describe() api.InstanceRefresh {
	out := api.InstanceRefresh{
		InstanceRefreshId: &x.ID, AutoScalingGroupName: &x.Group, Status: &x.Status, Strategy: new(cmp.Or(x.Strategy, api.RefreshStrategyRolling)),
		PercentageComplete: new(x.complete()), InstancesToUpdate: new(x.Left),
		ProgressDetails: x.details(), Preferences: &x.Preferences, DesiredConfiguration: x.Desired, RollbackDetails: x.Back,
	}
	if x.Reason != "" {
		out.StatusReason = &x.Reason
	}
	if x.Status != api.InstanceRefreshStatusPending {
		out.StartTime = &x.Started
	}
	if x.over() {
		out.EndTime = &x.Ended
	}
	return out
}

func describeInstanceRefreshes(c *cloud.Call, r store.Reader, in *api.DescribeInstanceRefreshesInput) (*api.DescribeInstanceRefreshesOutput, error) {
	g, err := group.Find(c, r, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	limit := cloud.Or(in.MaxRecords, 50)
	if limit < 1 || limit > 100 {
		return nil, group.Invalid("The value of MaxRecords must be between 1 and 100")
	}
	page, next, ok := refreshes.Page(r, store.K(g.Account, g.Region, g.Name), cloud.Or(in.NextToken, ""), int(limit), func(x *refresh) bool {
		return (len(in.InstanceRefreshIds) == 0 || slices.Contains(in.InstanceRefreshIds, x.ID)) && (!x.over() || c.Now.Sub(x.Ended) < kept)
	})
	if !ok {
		return nil, api.ErrInvalidNextToken.New("The token '%s' is invalid.", cloud.Or(in.NextToken, ""))
	}
	out := &api.DescribeInstanceRefreshesOutput{InstanceRefreshes: []api.InstanceRefresh{}}
	if next != "" {
		out.NextToken = &next
	}
	for _, x := range page {
		out.InstanceRefreshes = append(out.InstanceRefreshes, x.describe())
	}
	return out, nil
}
