package group

import (
	"cmp"
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// API is the activity as it is described.
func (a *Activity) API(c *cloud.Call) api.Activity {
	out := api.Activity{
		ActivityId: a.ID, AutoScalingGroupName: a.Group, Description: &a.Description, Cause: a.Cause, StartTime: a.Start,
		StatusCode: a.Status, StatusMessage: optional(a.Message), Progress: &a.Progress, Details: optional(a.Details),
		AutoScalingGroupARN: new((&Group{Account: a.Account, Region: a.Region, Name: a.Group, ID: a.GroupID}).ARN(c)),
	}
	if !a.End.IsZero() {
		out.EndTime = new(a.End.Truncate(time.Second)) // of ends, unlike starts, AWS tells whole seconds only
	}
	return out
}

// describeScalingActivities lists activities, the latest first.
func describeScalingActivities(c *cloud.Call, r store.Reader, in *api.DescribeScalingActivitiesInput) (*api.DescribeScalingActivitiesOutput, error) {
	deleted := cloud.Or(in.IncludeDeletedGroups, false)
	passes, err := activityFilter(in)
	if err != nil {
		return nil, err
	}
	prefix := store.K(c.Account, c.Region)
	if in.AutoScalingGroupName != nil {
		if _, err := Find(c, r, *in.AutoScalingGroupName); err != nil && !deleted {
			return nil, err
		}
		prefix = append(prefix, *in.AutoScalingGroupName)
	}
	live := map[string]bool{}
	for g := range Groups.Scan(r, c.Account, c.Region) {
		live[g.ID] = true
	}
	var all []api.Activity
	for a := range Activities.ScanReverse(r, prefix...) {
		old := over(a.Status) && c.Now.Sub(a.End) > activitiesKept
		if old || !live[a.GroupID] && !deleted || len(in.ActivityIds) > 0 && !slices.Contains(in.ActivityIds, a.ID) || !passes(a) {
			continue
		}
		d := a.API(c)
		if !live[a.GroupID] {
			d.AutoScalingGroupState = new("Deleted")
		}
		all = append(all, d)
	}
	if in.AutoScalingGroupName == nil {
		slices.SortStableFunc(all, func(a, b api.Activity) int { return b.StartTime.Compare(a.StartTime) })
	}
	list, next, err := page(all, cmp.Or(in.MaxRecords, new(int32(largestPage))), in.NextToken, func(a api.Activity) string { return a.ActivityId })
	return &api.DescribeScalingActivitiesOutput{Activities: list, NextToken: next}, err
}

// activityFilter is what a request's filters let pass.
func activityFilter(in *api.DescribeScalingActivitiesInput) (func(*Activity) bool, error) {
	var all []func(*Activity) bool
	for _, f := range in.Filters {
		switch name := cloud.Or(f.Name, ""); name {
		case "StartTimeLowerBound", "StartTimeUpperBound":
			bounds, err := timesOf(name, f.Values)
			if err != nil {
				return nil, err
			}
			least, most := slices.MinFunc(bounds, time.Time.Compare), slices.MaxFunc(bounds, time.Time.Compare)
			all = append(all, func(a *Activity) bool {
				return name == "StartTimeLowerBound" && !a.Start.Before(least) || name == "StartTimeUpperBound" && !a.Start.After(most)
			})
		case "Status":
			if in.AutoScalingGroupName == nil {
				return nil, Invalid("The Status filter can only be used in combination with the AutoScalingGroupName parameter.")
			}
			all = append(all, func(a *Activity) bool { return slices.Contains(f.Values, a.Status) })
		default:
			return nil, Invalid("Filter type %s is not correct. Allowed Filter types are: StartTimeLowerBound, StartTimeUpperBound, Status", name)
		}
	}
	return func(a *Activity) bool {
		return !slices.ContainsFunc(all, func(pass func(*Activity) bool) bool { return !pass(a) })
	}, nil
}

// timesOf are the times of a filter: of UTC where they have no zone.
func timesOf(name string, values []string) (list []time.Time, err error) {
	for _, v := range values {
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			t, err = time.Parse("2006-01-02T15:04:05", v)
		}
		if err != nil {
			return nil, Invalid("The value %s of the filter %s is not an ISO 8601 timestamp.", v, name)
		}
		list = append(list, t)
	}
	if len(list) == 0 {
		return nil, Invalid("The filter %s must have a value.", name)
	}
	return list, nil
}
