package group

import (
	"cmp"
	"slices"

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
		out.EndTime = &a.End
	}
	return out
}

// describeScalingActivities lists activities, the latest first.
func describeScalingActivities(c *cloud.Call, r store.Reader, in *api.DescribeScalingActivitiesInput) (*api.DescribeScalingActivitiesOutput, error) {
	deleted := cloud.Or(in.IncludeDeletedGroups, false)
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
		if old || !live[a.GroupID] && !deleted || len(in.ActivityIds) > 0 && !slices.Contains(in.ActivityIds, a.ID) {
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
	list, next, err := page(all, cmp.Or(in.MaxRecords, new(int32(largestPage))), in.NextToken)
	return &api.DescribeScalingActivitiesOutput{Activities: list, NextToken: next}, err
}
