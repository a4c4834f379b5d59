package instance_test

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// TestEventWindows follows a window as its calls show it: being made, then
// active, with its targets listed even where there are none.
func TestEventWindows(t *testing.T) {
	w := newWorld(t)
	made := nodetest.Do(w.World, &api.CreateInstanceEventWindow, &api.CreateInstanceEventWindowInput{CronExpression: new("* 0-4 * * *")}).InstanceEventWindow
	id := *made.InstanceEventWindowId
	tags := []api.Tag{{Key: new("team"), Value: new("a")}}
	bound := nodetest.Do(w.World, &api.AssociateInstanceEventWindow, &api.AssociateInstanceEventWindowInput{InstanceEventWindowId: id, AssociationTarget: api.InstanceEventWindowAssociationRequest{InstanceTags: tags}}).InstanceEventWindow
	renamed := nodetest.Do(w.World, &api.ModifyInstanceEventWindow, &api.ModifyInstanceEventWindowInput{InstanceEventWindowId: id, Name: new("nights")}).InstanceEventWindow
	for name, x := range map[string]*api.InstanceEventWindow{"made": made, "bound": bound, "renamed": renamed} {
		if a := x.AssociationTarget; *x.State != "creating" || a.InstanceIds == nil || a.DedicatedHostIds == nil {
			t.Errorf("%s: %s, for %+v", name, *x.State, a)
		}
	}
	if x := nodetest.Do(w.World, &api.DescribeInstanceEventWindows, &api.DescribeInstanceEventWindowsInput{}).InstanceEventWindows; len(x) != 1 || *x[0].State != "active" || len(x[0].AssociationTarget.Tags) != 1 {
		t.Errorf("described: %+v", x)
	}
}

// TestAffinityOfARunningInstance changes the affinity while the instance runs,
// which its host, tenancy and group would not let be changed.
func TestAffinityOfARunningInstance(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1)[0].InstanceId
	nodetest.Do(w.World, &api.ModifyInstancePlacement, &api.ModifyInstancePlacementInput{InstanceId: id, Affinity: new("default")})
	for _, in := range []api.ModifyInstancePlacementInput{{HostId: new("h-0123456789abcdef0")}, {Tenancy: new("host")}, {GroupName: new("")}, {PartitionNumber: new(int32(1))}} {
		in.InstanceId = id
		want(w, "IncorrectInstanceState", &api.ModifyInstancePlacement, &in)
	}
}

// TestTimesOfRootTasks reads when the replacement of a root volume began.
func TestTimesOfRootTasks(t *testing.T) {
	w := newWorld(t)
	task := nodetest.Do(w.World, &api.CreateReplaceRootVolumeTask, &api.CreateReplaceRootVolumeTaskInput{InstanceId: *w.run(1)[0].InstanceId}).ReplaceRootVolumeTask
	if at, err := time.Parse(time.RFC3339, *task.StartTime); err != nil || !at.Equal(w.Call().Now.Truncate(time.Second)) {
		t.Errorf("it began at %s (%v), it is %s", *task.StartTime, err, w.Call().Now)
	}
}
