package refresh_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/ami"
	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/node/nodetest"
)

// mixed is a policy for two types, with one image.
func mixed(image string) *api.MixedInstancesPolicy {
	return &api.MixedInstancesPolicy{LaunchTemplate: &api.LaunchTemplate{LaunchTemplateSpecification: version("1"), Overrides: []api.LaunchTemplateOverrides{
		{InstanceType: new("t3.micro"), ImageId: &image}, {InstanceType: new("t3.small"), ImageId: &image},
	}}}
}

// copied is an image like another.
func (w *world) copied(id string) string {
	w.T.Helper()
	out := nodetest.Do(w.World, &ec2.CopyImage, &ec2.CopyImageInput{Name: "copy", SourceImageId: id, SourceRegion: nodetest.Region})
	w.Advance(time.Minute)
	return *out.ImageId
}

func (w *world) ids() (ids []string) {
	w.T.Helper()
	for _, i := range w.described().Instances {
		ids = append(ids, i.InstanceId)
	}
	slices.Sort(ids)
	return ids
}

// TestRootVolumesAreReplaced refreshes a group whose instances stay, and get
// another root volume.
func TestRootVolumesAreReplaced(t *testing.T) {
	w := newWorld(t)
	old := ami.All()[0].ID(nodetest.Region)
	w.group(4, 8, 4, func(in *api.CreateAutoScalingGroupInput) {
		in.LaunchTemplate, in.MixedInstancesPolicy = nil, mixed(old)
	})
	before, image := w.ids(), w.copied(old)
	nodetest.Do(w.World, &api.PutLifecycleHook, &api.PutLifecycleHookInput{AutoScalingGroupName: name, LifecycleHookName: "down", LifecycleTransition: new("autoscaling:EC2_INSTANCE_TERMINATING"), DefaultResult: new("CONTINUE"), HeartbeatTimeout: new(int32(30))})
	in := &api.StartInstanceRefreshInput{AutoScalingGroupName: name, Strategy: new("ReplaceRootVolume"), DesiredConfiguration: &api.DesiredConfiguration{MixedInstancesPolicy: mixed(image)},
		Preferences: &api.RefreshPreferences{InstanceWarmup: new(int32(30)), MinHealthyPercentage: new(int32(50))}}
	nodetest.Do(w.World, &api.StartInstanceRefresh, in)
	if s := *w.refresh().Strategy; s != "ReplaceRootVolume" {
		t.Errorf("strategy %s", s)
	}
	states := map[string]bool{}
	w.until("Successful", 20*time.Minute, func() {
		serving := 0
		for _, i := range w.described().Instances {
			if states[i.LifecycleState] = true; i.LifecycleState == api.LifecycleStateInService {
				serving++
			}
		}
		if serving < 2 {
			t.Errorf("%d serve", serving)
		}
	})
	// ReplacingRootVolume:Proceed lasts as long as the task of EC2, which may
	// be over before anyone looks; that there were tasks tells of it below.
	if !states["ReplacingRootVolume:Wait"] || states["Terminating"] {
		t.Errorf("states %v", states)
	}
	if now := w.ids(); !slices.Equal(before, now) {
		t.Errorf("instances were %v, are %v", before, now)
	}
	for _, i := range w.described().Instances {
		if *i.ImageId != image || i.LifecycleState != api.LifecycleStateInService {
			t.Errorf("%s has %s and is %s", i.InstanceId, *i.ImageId, i.LifecycleState)
		}
	}
	done := 0
	for _, task := range nodetest.Do(w.World, &ec2.DescribeReplaceRootVolumeTasks, &ec2.DescribeReplaceRootVolumeTasksInput{}).ReplaceRootVolumeTasks {
		if *task.TaskState == ec2.ReplaceRootVolumeTaskStateSucceeded && *task.ImageId == image {
			done++
		}
	}
	if done != 4 {
		t.Errorf("%d root volumes were replaced", done)
	}
	list := nodetest.Do(w.World, &api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{AutoScalingGroupName: new(name)}).Activities
	if n := len(slices.DeleteFunc(list, func(a api.Activity) bool {
		return !strings.Contains(a.Cause, "was selected for root volume replacement.") || a.StatusCode != "Successful"
	})); n != 4 {
		t.Errorf("%d activities tell of it", n)
	}

	// With skip matching nothing is left to do.
	in.Preferences.SkipMatching = new(true)
	nodetest.Do(w.World, &api.StartInstanceRefresh, in)
	w.Drain()
	w.wantStatus("again", "Successful", 100)
}

func TestWhereRootVolumesAreNotReplaced(t *testing.T) {
	w := newWorld(t)
	old := ami.All()[0].ID(nodetest.Region)
	w.group(1, 2, 1, func(in *api.CreateAutoScalingGroupInput) {
		in.LaunchTemplate, in.MixedInstancesPolicy = nil, mixed(old)
	})
	for words, edit := range map[string]func(*api.StartInstanceRefreshInput){
		"with a mixed instances policy": func(in *api.StartInstanceRefreshInput) { in.DesiredConfiguration = nil },
		"specify an InstanceType and an ImageId": func(in *api.StartInstanceRefreshInput) {
			in.DesiredConfiguration.MixedInstancesPolicy.LaunchTemplate.Overrides[1].ImageId = nil
		},
		"$Latest and $Default": func(in *api.StartInstanceRefreshInput) {
			in.DesiredConfiguration.MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification = version("$Latest")
		},
		"not in the mixed instances policy": func(in *api.StartInstanceRefreshInput) {
			in.DesiredConfiguration.MixedInstancesPolicy.LaunchTemplate.Overrides = in.DesiredConfiguration.MixedInstancesPolicy.LaunchTemplate.Overrides[1:]
		},
		"AutoRollback is not supported": func(in *api.StartInstanceRefreshInput) {
			in.Preferences = &api.RefreshPreferences{AutoRollback: new(true)}
		},
	} {
		in := &api.StartInstanceRefreshInput{AutoScalingGroupName: name, Strategy: new("ReplaceRootVolume"), DesiredConfiguration: &api.DesiredConfiguration{MixedInstancesPolicy: mixed(old)}}
		edit(in)
		_, err := nodetest.Try(w.World, &api.StartInstanceRefresh, in)
		fails(t, err, "ValidationError", words)
	}
}

// A refresh that is cancelled need not be waited for.
func TestCancelledAtOnce(t *testing.T) {
	w := newWorld(t)
	w.group(2, 4, 2, nil)
	w.start(&api.RefreshPreferences{MinHealthyPercentage: new(int32(100)), MaxHealthyPercentage: new(int32(150))})
	w.Drain()
	nodetest.Do(w.World, &api.CancelInstanceRefresh, &api.CancelInstanceRefreshInput{AutoScalingGroupName: name, WaitForTransitioningInstances: new(false)})
	if x := w.refresh(); *x.Status != "Cancelled" || x.EndTime == nil {
		t.Errorf("%s", *x.Status)
	}
	w.Advance(10 * time.Minute)
	if _, micro, all := w.census(); micro < 1 || all != 2 {
		t.Errorf("%d old ones, %d in all", micro, all)
	}
}
