package group_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/node/nodetest"
)

func retaining(in *api.CreateAutoScalingGroupInput) {
	in.InstanceLifecyclePolicy = &api.InstanceLifecyclePolicy{RetentionTriggers: &api.RetentionTriggers{TerminateHookAbandon: new("retain")}}
}

// TestAbandonedTerminationsAreRetained follows an instance whose termination
// hook is abandoned: it stays beside the group's capacity until somebody ends it.
func TestAbandonedTerminationsAreRetained(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 0, 3, desired(1), retaining))
	w.hook("down", "TERMINATING", func(in *api.PutLifecycleHookInput) { in.HeartbeatTimeout = new(int32(30)) })
	id := w.serving("g", 1)[0]
	end := func(down bool) error {
		_, err := nodetest.Try(w.World, &api.TerminateInstanceInAutoScalingGroup, &api.TerminateInstanceInAutoScalingGroupInput{InstanceId: &id, ShouldDecrementDesiredCapacity: down})
		return err
	}
	if err := end(false); err != nil {
		t.Fatal(err)
	}
	w.Advance(2 * time.Minute) // the heartbeat times out: ABANDON
	if got := w.in("g", "Terminating:Retained"); !slices.Equal(got, []string{id}) {
		t.Fatalf("retained: %v: %s", got, w.tell("g"))
	}
	w.serving("g", 1)
	if len(w.machines()) != 2 {
		t.Errorf("%d machines", len(w.machines()))
	}
	if a := w.activities("g"); !slices.ContainsFunc(a, func(a api.Activity) bool {
		return *a.Description == "Terminating EC2 instance: "+id && a.StatusCode == "Cancelled"
	}) {
		t.Errorf("no activity was cancelled: %s", w.tell("g"))
	}
	if err := end(true); err == nil || !strings.Contains(err.Error(), "retained") {
		t.Errorf("ended with a decrement: %v", err)
	}
	refused(w, "ValidationError", "retained", &api.DetachInstances, &api.DetachInstancesInput{AutoScalingGroupName: "g", InstanceIds: []string{id}, ShouldDecrementDesiredCapacity: true})
	refused(w, "ValidationError", "retains instances", &api.DeleteAutoScalingGroup, &api.DeleteAutoScalingGroupInput{AutoScalingGroupName: "g", ForceDelete: new(true)})

	// Its end is asked of the hooks anew.
	if err := end(false); err != nil {
		t.Fatal(err)
	}
	w.Advance(5 * time.Second)
	nodetest.Do(w.World, &api.CompleteLifecycleAction, &api.CompleteLifecycleActionInput{AutoScalingGroupName: "g", LifecycleHookName: "down", InstanceId: &id, LifecycleActionResult: "CONTINUE"})
	w.settle()
	if g := w.get("g"); len(g.Instances) != 1 || len(w.machines()) != 1 || *g.InstanceLifecyclePolicy.RetentionTriggers.TerminateHookAbandon != "retain" {
		t.Errorf("afterwards: %s", w.tell("g"))
	}
}

func TestDeletionProtection(t *testing.T) {
	w := newWorld(t)
	protect := func(level string) {
		nodetest.Do(w.World, &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: "g", DeletionProtection: &level})
	}
	end := func(force bool) *api.DeleteAutoScalingGroupInput {
		return &api.DeleteAutoScalingGroupInput{AutoScalingGroupName: "g", ForceDelete: &force}
	}
	w.create(group("g", 0, 1, func(in *api.CreateAutoScalingGroupInput) { in.DeletionProtection = new("prevent-all-deletion") }))
	if got := *w.get("g").DeletionProtection; got != "prevent-all-deletion" {
		t.Errorf("protection is %s", got)
	}
	refused(w, "ValidationError", "deletion protection", &api.DeleteAutoScalingGroup, end(false))
	protect("prevent-force-deletion")
	refused(w, "ValidationError", "prevent-force-deletion", &api.DeleteAutoScalingGroup, end(true))
	nodetest.Do(w.World, &api.DeleteAutoScalingGroup, end(false))
	w.create(group("g", 0, 1))
	if got := *w.get("g").DeletionProtection; got != "none" {
		t.Errorf("protection is %s", got)
	}
	nodetest.Do(w.World, &api.DeleteAutoScalingGroup, end(true))
}

func TestZonesByTheirIds(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 1, 2, func(in *api.CreateAutoScalingGroupInput) {
		in.AvailabilityZones, in.AvailabilityZoneIds = nil, []string{w.get(w.spare()).AvailabilityZoneIds[1]}
	}))
	g := w.get("g")
	if !slices.Equal(g.AvailabilityZones, []string{"us-east-1b"}) || len(g.AvailabilityZoneIds) != 1 || *g.Instances[0].AvailabilityZoneId != g.AvailabilityZoneIds[0] {
		t.Errorf("%v %v", g.AvailabilityZones, g.AvailabilityZoneIds)
	}
	refused(w, "ValidationError", "both AvailabilityZones and AvailabilityZoneIds", &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: "g", AvailabilityZones: g.AvailabilityZones, AvailabilityZoneIds: g.AvailabilityZoneIds})
	refused(w, "ValidationError", "Invalid availability zone ids: [us-east-1a]", &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: "g", AvailabilityZoneIds: []string{"us-east-1a"}})
	refused(w, "ValidationError", "Operator is not available", &api.CreateAutoScalingGroup, group("h", 0, 1, func(in *api.CreateAutoScalingGroupInput) { in.Operator = &api.Operator{Principal: "x"} }))
	out := nodetest.Do(w.World, &api.DescribeAutoScalingGroups, &api.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"g"}, IncludeInstances: new(false)})
	if len(out.AutoScalingGroups[0].Instances) != 0 {
		t.Errorf("instances: %v", out.AutoScalingGroups[0].Instances)
	}
}

func TestTerminatingSeveralInstances(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 1, 4, desired(3)))
	ids := w.serving("g", 3)
	in := &api.TerminateInstanceInAutoScalingGroupInput{AutoScalingGroupName: new("g"), InstanceIds: ids, ShouldDecrementDesiredCapacity: true}
	refused(w, "ValidationError", "will violate group's min size constraint", &api.TerminateInstanceInAutoScalingGroup, in)
	refused(w, "ValidationError", "AutoScalingGroupName must be specified", &api.TerminateInstanceInAutoScalingGroup, &api.TerminateInstanceInAutoScalingGroupInput{InstanceIds: ids})
	refused(w, "ValidationError", "InstanceId", &api.TerminateInstanceInAutoScalingGroup, &api.TerminateInstanceInAutoScalingGroupInput{})
	in.InstanceIds = ids[:2]
	out := nodetest.Do(w.World, &api.TerminateInstanceInAutoScalingGroup, in)
	if len(out.Activities) != 2 || out.Activity != nil || !strings.Contains(out.Activities[1].Cause, "shrinking the capacity from 2 to 1.") {
		t.Errorf("%+v", out.Activities)
	}
	w.settle()
	if got := w.serving("g", 1); got[0] != ids[2] {
		t.Errorf("%v is left", got)
	}
}

func TestActivitiesByTimeAndStatus(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 0, 4, desired(1)))
	w.Advance(time.Hour)
	w.set("g", 2)
	half := w.Now().Add(-30 * time.Minute).UTC()
	w.settle()
	find := func(filters ...api.Filter) int {
		return len(nodetest.Do(w.World, &api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{AutoScalingGroupName: new("g"), Filters: filters}).Activities)
	}
	since := api.Filter{Name: new("StartTimeLowerBound"), Values: []string{half.Format(time.RFC3339)}}
	until := api.Filter{Name: new("StartTimeUpperBound"), Values: []string{half.Format("2006-01-02T15:04:05")}}
	for n, want := range map[int]int{
		find(since): 1, find(until): 1, find(since, until): 0, find(): 2,
	} {
		if n != want {
			t.Errorf("%d activities, want %d", n, want)
		}
	}
	if n := find(api.Filter{Name: new("Status"), Values: []string{"Failed", "Cancelled"}}); n != 0 {
		t.Errorf("%d have failed", n)
	}
	if n := find(api.Filter{Name: new("Status"), Values: []string{"Successful"}}); n != 2 {
		t.Errorf("%d were successful", n)
	}
	refused(w, "ValidationError", "in combination with the AutoScalingGroupName", &api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{Filters: []api.Filter{{Name: new("Status"), Values: []string{"Failed"}}}})
	refused(w, "ValidationError", "not an ISO 8601 timestamp", &api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{Filters: []api.Filter{{Name: new("StartTimeLowerBound"), Values: []string{"yesterday"}}}})
}
