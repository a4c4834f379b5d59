package scale_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/node/nodetest"
)

func (w *world) schedule(in *api.PutScheduledUpdateGroupActionInput) {
	w.T.Helper()
	in.AutoScalingGroupName = name
	nodetest.Do(w.World, &api.PutScheduledUpdateGroupAction, in)
}

func (w *world) actions() []api.ScheduledUpdateGroupAction {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeScheduledActions, &api.DescribeScheduledActionsInput{AutoScalingGroupName: new(name)}).ScheduledUpdateGroupActions
}

func TestOneTime(t *testing.T) {
	w := newWorld(t)
	w.group(0, 3, 0, nil)
	start := w.Now().Add(time.Hour)
	w.schedule(&api.PutScheduledUpdateGroupActionInput{ScheduledActionName: "up", StartTime: &start, MinSize: new(int32(1)), MaxSize: new(int32(6)), DesiredCapacity: new(int32(2))})
	w.Advance(time.Hour - time.Second)
	w.wantDesired("before its time", 0)
	w.Advance(time.Second)
	g := w.described()
	if g.MinSize != 1 || g.MaxSize != 6 || g.DesiredCapacity != 2 {
		t.Errorf("after its time: %d, %d, %d", g.MinSize, g.MaxSize, g.DesiredCapacity)
	}
	if list := w.actions(); len(list) != 0 {
		t.Errorf("it is still there: %+v", list)
	}
	w.settle()
	if _, serving := w.sizes(); serving != 2 {
		t.Errorf("%d serve", serving)
	}
	acts := nodetest.Do(w.World, &api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{AutoScalingGroupName: new(name)}).Activities
	if !hasCause(acts, "At 2026-01-01T01:00:20Z the scheduled action up executed. Setting min size from 0 to 1. Setting max size from 3 to 6. Setting desired capacity from 0 to 2.") {
		t.Errorf("no activity tells of it: %s", acts[0].Cause)
	}
}

func TestRecurring(t *testing.T) {
	w := newWorld(t)
	w.group(0, 9, 0, nil)
	end := w.Now().Add(50 * time.Hour)
	w.schedule(&api.PutScheduledUpdateGroupActionInput{ScheduledActionName: "morning", Recurrence: new("0 8 * * *"), DesiredCapacity: new(int32(3)), EndTime: &end})
	w.schedule(&api.PutScheduledUpdateGroupActionInput{ScheduledActionName: "evening", Recurrence: new("0 20 * * *"), TimeZone: new("Europe/Berlin"), DesiredCapacity: new(int32(1))})
	list := w.actions()
	if *list[1].StartTime != time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC) || *list[0].StartTime != time.Date(2026, 1, 1, 19, 0, 0, 0, time.UTC) || *list[1].TimeZone != "Etc/UTC" {
		t.Errorf("first times: %+v", list)
	}
	w.Advance(8 * time.Hour)
	w.wantDesired("in the morning", 3)
	w.Advance(11 * time.Hour)
	w.wantDesired("in the evening", 1)
	if at := *w.actions()[0].StartTime; at != time.Date(2026, 1, 2, 19, 0, 0, 0, time.UTC) {
		t.Errorf("the next evening is %v", at)
	}
	nodetest.Do(w.World, &api.SuspendProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: name, ScalingProcesses: []string{"ScheduledActions"}})
	w.Advance(13 * time.Hour)
	w.wantDesired("suspended", 1)
	nodetest.Do(w.World, &api.ResumeProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: name})
	w.Advance(48 * time.Hour)
	if list := w.actions(); len(list) != 1 || *list[0].ScheduledActionName != "evening" {
		t.Errorf("after the end: %+v", list)
	}
}

// An action with both is performed at its start, and then as it recurs.
func TestRecurringFromAStart(t *testing.T) {
	w := newWorld(t)
	w.group(0, 9, 0, nil)
	start := w.Now().Add(90 * time.Minute)
	w.schedule(&api.PutScheduledUpdateGroupActionInput{ScheduledActionName: "morning", StartTime: &start, Recurrence: new("0 8 * * *"), DesiredCapacity: new(int32(3))})
	if at := *w.actions()[0].StartTime; !at.Equal(start) {
		t.Errorf("it starts at %v, want %v", at, start)
	}
	w.Advance(2 * time.Hour)
	w.wantDesired("after the start", 3)
	if at := *w.actions()[0].StartTime; at.Hour() != 8 || at.Minute() != 0 {
		t.Errorf("then it recurs at %v", at)
	}
}

func TestActionChecks(t *testing.T) {
	w := newWorld(t)
	w.group(0, 3, 0, nil)
	soon, later := w.Now().Add(time.Hour), w.Now().Add(2*time.Hour)
	for _, x := range []struct {
		in            api.PutScheduledUpdateGroupActionInput
		code, message string
	}{
		{api.PutScheduledUpdateGroupActionInput{StartTime: new(w.Now().Add(-time.Second)), MinSize: new(int32(1))}, "ValidationError", "Given start time is in the past"},
		{api.PutScheduledUpdateGroupActionInput{StartTime: &soon}, "ValidationError", "At least one of"},
		{api.PutScheduledUpdateGroupActionInput{MinSize: new(int32(1))}, "ValidationError", "StartTime or Recurrence"},
		{api.PutScheduledUpdateGroupActionInput{StartTime: &later, EndTime: &soon, Recurrence: new("0 0 * * *"), MinSize: new(int32(1))}, "ValidationError", "before end time"},
		{api.PutScheduledUpdateGroupActionInput{StartTime: &soon, MinSize: new(int32(3)), MaxSize: new(int32(2))}, "ValidationError", "Max bound, 2, must be greater than or equal to min bound, 3"},
		{api.PutScheduledUpdateGroupActionInput{StartTime: &soon, MinSize: new(int32(1)), MaxSize: new(int32(2)), DesiredCapacity: new(int32(5))}, "ValidationError", "Desired capacity:5 must be between the specified min size:1 and max size:2"},
		{api.PutScheduledUpdateGroupActionInput{Recurrence: new("every day"), MinSize: new(int32(1))}, "ValidationError", "Given recurrence string"},
		{api.PutScheduledUpdateGroupActionInput{Recurrence: new("0 0 * * *"), TimeZone: new("Nowhere"), MinSize: new(int32(1))}, "ValidationError", "time zone"},
		{api.PutScheduledUpdateGroupActionInput{Time: &soon, StartTime: &later, MinSize: new(int32(1))}, "ValidationError", "Time and StartTime"},
	} {
		x.in.AutoScalingGroupName, x.in.ScheduledActionName = name, "a"
		_, err := nodetest.Try(w.World, &api.PutScheduledUpdateGroupAction, &x.in)
		fails(t, err, x.code, x.message)
	}
	w.schedule(&api.PutScheduledUpdateGroupActionInput{ScheduledActionName: "a", StartTime: &soon, MinSize: new(int32(1))})
	_, err := nodetest.Try(w.World, &api.PutScheduledUpdateGroupAction, &api.PutScheduledUpdateGroupActionInput{AutoScalingGroupName: name, ScheduledActionName: "b", StartTime: &soon, MinSize: new(int32(1))})
	fails(t, err, "AlreadyExists", "")
	_, err = nodetest.Try(w.World, &api.DeleteScheduledAction, &api.DeleteScheduledActionInput{AutoScalingGroupName: name, ScheduledActionName: "b"})
	fails(t, err, "ValidationError", "Scheduled action name not found")
}

func TestBatches(t *testing.T) {
	w := newWorld(t)
	w.group(0, 3, 0, nil)
	made := 0
	for made < 125 {
		in := &api.BatchPutScheduledUpdateGroupActionInput{AutoScalingGroupName: name}
		for range min(50, 125-made) {
			in.ScheduledUpdateGroupActions = append(in.ScheduledUpdateGroupActions, api.ScheduledUpdateGroupActionRequest{
				ScheduledActionName: fmt.Sprintf("a%03d", made), StartTime: new(w.Now().Add(time.Duration(made+1) * time.Hour)), MinSize: new(int32(1)),
			})
			made++
		}
		if out := nodetest.Do(w.World, &api.BatchPutScheduledUpdateGroupAction, in); len(out.FailedScheduledUpdateGroupActions) != 0 {
			t.Fatalf("failed: %+v", out.FailedScheduledUpdateGroupActions)
		}
	}
	out := nodetest.Do(w.World, &api.BatchPutScheduledUpdateGroupAction, &api.BatchPutScheduledUpdateGroupActionInput{AutoScalingGroupName: name, ScheduledUpdateGroupActions: []api.ScheduledUpdateGroupActionRequest{
		{ScheduledActionName: "more", Recurrence: new("0 0 * * *"), MinSize: new(int32(1))}, {ScheduledActionName: "a000", StartTime: new(w.Now().Add(999 * time.Hour)), MinSize: new(int32(2))},
	}})
	if f := out.FailedScheduledUpdateGroupActions; len(f) != 1 || f[0].ScheduledActionName != "more" || *f[0].ErrorCode != "LimitExceeded" || !strings.Contains(*f[0].ErrorMessage, "125") {
		t.Errorf("one too many: %+v", f)
	}
	page := nodetest.Do(w.World, &api.DescribeScheduledActions, &api.DescribeScheduledActionsInput{AutoScalingGroupName: new(name), MaxRecords: new(int32(100))})
	rest := nodetest.Do(w.World, &api.DescribeScheduledActions, &api.DescribeScheduledActionsInput{AutoScalingGroupName: new(name), MaxRecords: new(int32(100)), NextToken: page.NextToken})
	if len(page.ScheduledUpdateGroupActions) != 100 || len(rest.ScheduledUpdateGroupActions) != 25 || *page.ScheduledUpdateGroupActions[0].MinSize != 2 {
		t.Errorf("pages of %d and %d", len(page.ScheduledUpdateGroupActions), len(rest.ScheduledUpdateGroupActions))
	}
	some := nodetest.Do(w.World, &api.DescribeScheduledActions, &api.DescribeScheduledActionsInput{AutoScalingGroupName: new(name), StartTime: new(w.Now().Add(90 * time.Minute)), EndTime: new(w.Now().Add(4 * time.Hour))})
	if len(some.ScheduledUpdateGroupActions) != 3 {
		t.Errorf("between times: %d", len(some.ScheduledUpdateGroupActions))
	}
	gone := nodetest.Do(w.World, &api.BatchDeleteScheduledAction, &api.BatchDeleteScheduledActionInput{AutoScalingGroupName: name, ScheduledActionNames: []string{"a001", "none"}})
	if f := gone.FailedScheduledActions; len(f) != 1 || f[0].ScheduledActionName != "none" || *f[0].ErrorCode != "ValidationError" {
		t.Errorf("deleted: %+v", f)
	}
}
