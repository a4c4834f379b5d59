package group_test

import (
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/node/nodetest"
)

func TestAGroupReachesItsSizeAndKeepsIt(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 1, 5, desired(3), func(in *api.CreateAutoScalingGroupInput) {
		in.Tags = []api.Tag{{Key: "team", Value: new("blue"), PropagateAtLaunch: new(true)}, {Key: "hidden", Value: new("x")}}
	}))
	ids := w.serving("g", 3)
	zones := map[string]int{}
	for _, m := range w.machines() {
		zones[*m.Placement.AvailabilityZone]++
		tags := map[string]string{}
		for _, tag := range m.Tags {
			tags[*tag.Key] = *tag.Value
		}
		if tags["aws:autoscaling:groupName"] != "g" || tags["team"] != "blue" || tags["hidden"] != "" {
			t.Errorf("tags of %s: %v", *m.InstanceId, tags)
		}
	}
	if zones["us-east-1a"]+zones["us-east-1b"] != 3 || zones["us-east-1a"] == 3 || zones["us-east-1b"] == 3 {
		t.Errorf("instances by zone: %v", zones)
	}

	w.kill(ids[0])
	w.settle()
	now := w.serving("g", 3)
	for _, id := range now {
		if id == ids[0] {
			t.Errorf("%s is in service though it was terminated", id)
		}
	}
	list := w.activities("g")
	if c := list[0].Cause; !strings.Contains(c, "an instance was launched in response to an unhealthy instance needing to be replaced") {
		t.Errorf("cause of the replacement: %s", c)
	}
	if c := list[1].Cause; !strings.Contains(c, "an EC2 health check indicating it has been terminated or stopped") || *list[1].Description != "Terminating EC2 instance: "+ids[0] {
		t.Errorf("%s: %s", *list[1].Description, c)
	}

	w.set("g", 1)
	w.settle()
	w.serving("g", 1)
	last := w.activities("g")[0]
	if !strings.Contains(last.Cause, "a user request explicitly set group desired capacity changing the desired capacity from 3 to 1.") ||
		!strings.Contains(last.Cause, "shrinking the capacity from 3 to 1.") || strings.Count(last.Cause, "was selected for termination.") != 2 {
		t.Errorf("cause: %s", last.Cause)
	}
	if last.StatusCode != "Successful" || last.EndTime == nil || *last.Progress != 100 {
		t.Errorf("activity: %+v", last)
	}
	if n := len(w.machines()); n != 1 {
		t.Errorf("%d machines", n)
	}
}

func TestStoppedAndCrashedInstancesAreReplaced(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 2, 2))
	ids := w.serving("g", 2)
	nodetest.Do(w.World, &ec2.StopInstances, &ec2.StopInstancesInput{InstanceIds: ids[:1], Force: new(true)})
	w.settle()
	for _, id := range w.serving("g", 2) {
		if id == ids[0] {
			t.Error("a stopped instance is in service")
		}
	}
}

func TestDeleting(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 0, 2, desired(2)))
	refused(w, "ResourceInUse", "while there are instances", &api.DeleteAutoScalingGroup, &api.DeleteAutoScalingGroupInput{AutoScalingGroupName: "g"})
	refused(w, "ResourceInUse", "attached to an AutoScalingGroup", &api.DeleteLaunchConfiguration, &api.DeleteLaunchConfigurationInput{LaunchConfigurationName: "lc"})
	nodetest.Do(w.World, &api.DeleteAutoScalingGroup, &api.DeleteAutoScalingGroupInput{AutoScalingGroupName: "g", ForceDelete: new(true)})
	w.settle()
	if n := len(w.machines()); n != 0 {
		t.Errorf("%d machines are left", n)
	}
	refused(w, "ValidationError", "AutoScalingGroup name not found - null", &api.SetDesiredCapacity, &api.SetDesiredCapacityInput{AutoScalingGroupName: "g"})
	nodetest.Do(w.World, &api.DeleteLaunchConfiguration, &api.DeleteLaunchConfigurationInput{LaunchConfigurationName: "lc"})
	old := nodetest.Do(w.World, &api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{AutoScalingGroupName: new("g"), IncludeDeletedGroups: new(true)})
	if len(old.Activities) != 4 || *old.Activities[0].AutoScalingGroupState != "Deleted" {
		t.Errorf("%d activities of the deleted group", len(old.Activities))
	}
	w.Advance(43 * 24 * time.Hour)
}
