package refresh_test

import (
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
)

// A refresh whose instances cannot be launched gives up after an hour, or goes
// back to what the group had.
func TestNothingCanBeLaunched(t *testing.T) {
	for _, x := range []struct {
		rollback bool
		status   string
	}{{false, "Failed"}, {true, "RollbackSuccessful"}} {
		w := newWorld(t)
		w.group(2, 4, 2, nil)
		nodetest.Do(w.World, &ec2.CreateLaunchTemplateVersion, &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateName: new(name), SourceVersion: new("1"), LaunchTemplateData: ec2.RequestLaunchTemplateData{SecurityGroupIds: []string{"sg-0123456789abcdef0"}}})
		nodetest.Do(w.World, &api.StartInstanceRefresh, &api.StartInstanceRefreshInput{
			AutoScalingGroupName: name, DesiredConfiguration: &api.DesiredConfiguration{LaunchTemplate: version("3")}, Preferences: &api.RefreshPreferences{MinHealthyPercentage: new(int32(50)), AutoRollback: &x.rollback},
		})
		begun := w.Now()
		for *w.refresh().Status != x.status && w.Now().Sub(begun) < 3*time.Hour {
			w.Advance(time.Minute)
			w.Drain()
		}
		r := w.refresh()
		took := w.Now().Sub(begun)
		if *r.Status != x.status || took < time.Hour || took > 90*time.Minute {
			t.Errorf("after %v: %s, %s", took, *r.Status, cloud.Or(r.StatusReason, ""))
		}
		if x.rollback && (r.RollbackDetails == nil || !strings.Contains(*r.RollbackDetails.RollbackReason, "one hour")) || !x.rollback && !strings.Contains(cloud.Or(r.StatusReason, ""), "one hour") {
			t.Errorf("described: %+v", r)
		}
		w.Advance(15 * time.Minute)
		if _, micro, all := w.census(); micro != 2 || all != 2 {
			t.Errorf("%s: %d serve of %d: the group has its own configuration again", x.status, micro, all)
		}
	}
}
