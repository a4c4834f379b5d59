package scale

import (
	"errors"
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// action is a scheduled action of a group. StartTime is when it runs next.
type action struct {
	Account, Region, Group, Name string
	api.ScheduledUpdateGroupAction
}

var actions = &store.Table[action]{
	Name: "autoscaling.action",
	Key:  func(a *action) store.Key { return store.K(a.Account, a.Region, a.Group, a.Name) },
}

func (a *action) key() store.Key { return store.K(a.Account, a.Region, a.Group, a.Name) }

// Most scheduled actions of a group, and most of one batch.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
const (
	mostActions = 125
	mostBatch   = 50
)

func errNoAction(name string) *cloud.Error {
	return group.Invalid("Scheduled action name not found - no scheduled action found with the name: %s", name)
}

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html
func putScheduledUpdateGroupAction(c *cloud.Call, tx store.Tx, in *api.PutScheduledUpdateGroupActionInput) (*cloud.Empty, error) {
	if in.Time != nil && in.StartTime != nil && !in.Time.Equal(*in.StartTime) {
		return nil, group.Invalid("Time and StartTime must have the same value when both are specified")
	}
	start := in.StartTime
	if start == nil {
		start = in.Time
	}
	g, err := group.Find(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	return &cloud.Empty{}, putAction(c, tx, g, &api.ScheduledUpdateGroupActionRequest{
		ScheduledActionName: in.ScheduledActionName, StartTime: start, EndTime: in.EndTime, Recurrence: in.Recurrence,
		MinSize: in.MinSize, MaxSize: in.MaxSize, DesiredCapacity: in.DesiredCapacity, TimeZone: in.TimeZone,
	})
}

// putAction writes an action, in the place of one of the same name.
func putAction(c *cloud.Call, tx store.Tx, g *group.Group, in *api.ScheduledUpdateGroupActionRequest) error {
	first, err := checkAction(c, in)
	if err != nil {
		return err
	}
	a := &action{Account: g.Account, Region: g.Region, Group: g.Name, Name: in.ScheduledActionName}
	id, n := c.Rand().UUID(), 0
	for other := range actions.Scan(tx, g.Account, g.Region, g.Name) {
		n++
		if other.Name == a.Name {
			id, n = "", n-1
			a.ScheduledActionARN = other.ScheduledActionARN
		} else if other.StartTime.Equal(first) {
			return api.ErrAlreadyExistsFault.New("A scheduled action already exists for the time %s: %s", first.UTC().Format(time.RFC3339), other.Name)
		}
	}
	if n >= mostActions {
		return api.ErrLimitExceededFault.New("ScheduledActions limit exceeded for AutoScalingGroup: %s. The limit is %d", g.Name, mostActions)
	}
	if id != "" {
		a.ScheduledActionARN = new(c.ARN("autoscaling", "scheduledUpdateGroupAction:"+id+":autoScalingGroupName/"+g.Name+":scheduledActionName/"+a.Name))
	}
	a.ScheduledUpdateGroupAction = api.ScheduledUpdateGroupAction{
		AutoScalingGroupName: &g.Name, ScheduledActionName: &a.Name, ScheduledActionARN: a.ScheduledActionARN,
		Time: &first, StartTime: &first, EndTime: in.EndTime, Recurrence: in.Recurrence, TimeZone: in.TimeZone,
		MinSize: in.MinSize, MaxSize: in.MaxSize, DesiredCapacity: in.DesiredCapacity,
	}
	if in.Recurrence != nil && in.TimeZone == nil {
		a.TimeZone = new("Etc/UTC")
	}
	actions.Put(tx, a)
	tx.After(first, scheduleController, a.key())
	return nil
}

// checkAction refuses what cannot be scheduled; it tells when the action runs
// first.
func checkAction(c *cloud.Call, in *api.ScheduledUpdateGroupActionRequest) (first time.Time, err error) {
	low, high := cloud.Or(in.MinSize, 0), cloud.Or(in.MaxSize, cloud.Or(in.MinSize, 0))
	switch {
	case in.MinSize == nil && in.MaxSize == nil && in.DesiredCapacity == nil:
		return first, group.Invalid("At least one of MinSize, MaxSize or DesiredCapacity must be specified")
	case low < 0 || high < 0 || cloud.Or(in.DesiredCapacity, 0) < 0:
		return first, group.Invalid("MinSize, MaxSize and DesiredCapacity must be greater than or equal to 0")
	case high < low:
		return first, group.Invalid("Max bound, %d, must be greater than or equal to min bound, %d", high, low)
	case in.DesiredCapacity != nil && (*in.DesiredCapacity < low || in.MaxSize != nil && *in.DesiredCapacity > high):
		return first, group.Invalid("Desired capacity:%d must be between the specified min size:%d and max size:%d", *in.DesiredCapacity, low, high)
	case in.StartTime == nil && in.Recurrence == nil:
		return first, group.Invalid("Either StartTime or Recurrence must be specified")
	case in.StartTime != nil && in.StartTime.Before(c.Now):
		return first, group.Invalid("Given start time is in the past")
	case in.EndTime != nil && in.EndTime.Before(c.Now):
		return first, group.Invalid("Given end time is in the past")
	case in.EndTime != nil && in.StartTime != nil && !in.StartTime.Before(*in.EndTime):
		return first, group.Invalid("Start time must be before end time")
	case in.Recurrence == nil:
		return *in.StartTime, nil
	}
	times, err := parseRecurrence(*in.Recurrence, in.TimeZone)
	if err != nil {
		return first, err
	}
	if in.StartTime != nil { // it begins then, whatever the recurrence says
		return *in.StartTime, nil
	}
	first = times.after(c.Now)
	if first.IsZero() || in.EndTime != nil && first.After(*in.EndTime) {
		return first, group.Invalid("Given recurrence string: %s has no time before the end", *in.Recurrence)
	}
	return first, nil
}

func batchPutScheduledUpdateGroupAction(c *cloud.Call, tx store.Tx, in *api.BatchPutScheduledUpdateGroupActionInput) (*api.BatchPutScheduledUpdateGroupActionOutput, error) {
	g, err := group.Find(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if len(in.ScheduledUpdateGroupActions) > mostBatch {
		return nil, group.Invalid("The number of scheduled actions in a batch must not exceed %d", mostBatch)
	}
	out := &api.BatchPutScheduledUpdateGroupActionOutput{FailedScheduledUpdateGroupActions: []api.FailedScheduledUpdateGroupActionRequest{}}
	for _, a := range in.ScheduledUpdateGroupActions {
		if err := putAction(c, tx, g, &a); err != nil {
			failed, err := failure(a.ScheduledActionName, err)
			if err != nil {
				return nil, err
			}
			out.FailedScheduledUpdateGroupActions = append(out.FailedScheduledUpdateGroupActions, failed)
		}
	}
	return out, nil
}

// failure is how a batch tells of one that failed; other errors fail it all.
func failure(name string, err error) (api.FailedScheduledUpdateGroupActionRequest, error) {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return api.FailedScheduledUpdateGroupActionRequest{}, err
	}
	return api.FailedScheduledUpdateGroupActionRequest{ScheduledActionName: name, ErrorCode: &e.Code, ErrorMessage: &e.Message}, nil
}

func deleteScheduledAction(c *cloud.Call, tx store.Tx, in *api.DeleteScheduledActionInput) (*cloud.Empty, error) {
	if _, err := group.Find(c, tx, in.AutoScalingGroupName); err != nil {
		return nil, err
	}
	if !actions.Has(tx, c.Account, c.Region, in.AutoScalingGroupName, in.ScheduledActionName) {
		return nil, errNoAction(in.ScheduledActionName)
	}
	actions.Delete(tx, c.Account, c.Region, in.AutoScalingGroupName, in.ScheduledActionName)
	return &cloud.Empty{}, nil
}

func batchDeleteScheduledAction(c *cloud.Call, tx store.Tx, in *api.BatchDeleteScheduledActionInput) (*api.BatchDeleteScheduledActionOutput, error) {
	if _, err := group.Find(c, tx, in.AutoScalingGroupName); err != nil {
		return nil, err
	}
	if len(in.ScheduledActionNames) > mostBatch {
		return nil, group.Invalid("The number of scheduled actions in a batch must not exceed %d", mostBatch)
	}
	out := &api.BatchDeleteScheduledActionOutput{FailedScheduledActions: []api.FailedScheduledUpdateGroupActionRequest{}}
	for _, name := range in.ScheduledActionNames {
		if !actions.Has(tx, c.Account, c.Region, in.AutoScalingGroupName, name) {
			e := errNoAction(name)
			out.FailedScheduledActions = append(out.FailedScheduledActions, api.FailedScheduledUpdateGroupActionRequest{ScheduledActionName: name, ErrorCode: &e.Code, ErrorMessage: &e.Message})
			continue
		}
		actions.Delete(tx, c.Account, c.Region, in.AutoScalingGroupName, name)
	}
	return out, nil
}

func describeScheduledActions(c *cloud.Call, r store.Reader, in *api.DescribeScheduledActionsInput) (*api.DescribeScheduledActionsOutput, error) {
	limit, err := pageSize(in.MaxRecords)
	if err != nil {
		return nil, err
	}
	prefix := store.K(c.Account, c.Region)
	if in.AutoScalingGroupName != nil {
		if _, err := group.Find(c, r, *in.AutoScalingGroupName); err != nil {
			return nil, err
		}
		prefix = append(prefix, *in.AutoScalingGroupName)
	}
	page, next, ok := actions.Page(r, prefix, cloud.Or(in.NextToken, ""), limit, func(a *action) bool {
		if len(in.ScheduledActionNames) > 0 { // then AWS does not look at the times
			return slices.Contains(in.ScheduledActionNames, a.Name) || slices.Contains(in.ScheduledActionNames, *a.ScheduledActionARN)
		}
		return (in.StartTime == nil || !a.StartTime.Before(*in.StartTime)) && (in.EndTime == nil || !a.StartTime.After(*in.EndTime))
	})
	if !ok {
		return nil, errToken(in.NextToken)
	}
	out := &api.DescribeScheduledActionsOutput{ScheduledUpdateGroupActions: []api.ScheduledUpdateGroupAction{}, NextToken: optional(next)}
	for _, a := range page {
		out.ScheduledUpdateGroupActions = append(out.ScheduledUpdateGroupActions, a.ScheduledUpdateGroupAction)
	}
	return out, nil
}
