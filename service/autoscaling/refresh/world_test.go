package refresh_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/all"
	"pileus/ami"
	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/clock"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane/sim"
	"pileus/service/autoscaling"
)

const name = "web"

// world is a cloud with a group "web".
type world struct {
	*nodetest.World
	o node.Options
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return begin(t, node.Options{Plane: sim.New(t.TempDir())})
}

func begin(t testing.TB, o node.Options) *world {
	t.Helper()
	o.Rehearse, o.Seed, o.Clock = true, 1, clock.Still(nodetest.Epoch)
	modules := []string{"ec2", "iam", "sts", "cloudwatch"}
	o.Modules = func(parts node.Parts) []cloud.Module {
		list := slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool { return !slices.Contains(modules, m.API.Name) })
		return append(list, autoscaling.Module())
	}
	return &world{nodetest.Start(t, o), o}
}

// restart ends the cloud and starts it again, with what it has written.
func (w *world) restart() {
	w.T.Helper()
	if err := w.Stop(w.T.Context()); err != nil {
		w.T.Fatal(err)
	}
	w.o.Seed++
	w.World = nodetest.Start(w.T, w.o)
}

// group makes the group, with a launch template that has two versions, and lets
// its instances come into service and warm.
func (w *world) group(low, high, desired int32, change func(*api.CreateAutoScalingGroupInput)) {
	w.T.Helper()
	data := ec2.RequestLaunchTemplateData{ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro")}
	nodetest.Do(w.World, &ec2.CreateLaunchTemplate, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: name, LaunchTemplateData: data})
	data.InstanceType = new("t3.small")
	nodetest.Do(w.World, &ec2.CreateLaunchTemplateVersion, &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateName: new(name), LaunchTemplateData: data})
	in := &api.CreateAutoScalingGroupInput{
		AutoScalingGroupName: name, MinSize: low, MaxSize: high, DesiredCapacity: &desired, AvailabilityZones: []string{"us-east-1a", "us-east-1b"},
		LaunchTemplate: version("1"), DefaultInstanceWarmup: new(int32(60)),
	}
	if change != nil {
		change(in)
	}
	nodetest.Do(w.World, &api.CreateAutoScalingGroup, in)
	w.Drain()
	w.Advance(2 * time.Minute)
	w.Drain()
}

func version(v string) *api.LaunchTemplateSpecification {
	return &api.LaunchTemplateSpecification{LaunchTemplateName: new(name), Version: &v}
}

func (w *world) described() api.AutoScalingGroup {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeAutoScalingGroups, &api.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}}).AutoScalingGroups[0]
}

// census is how many instances serve of each type, with all that are there.
func (w *world) census() (small, micro, all int) {
	w.T.Helper()
	for _, i := range w.described().Instances {
		all++
		if i.LifecycleState != api.LifecycleStateInService {
			continue
		}
		if *i.InstanceType == "t3.small" {
			small++
		} else {
			micro++
		}
	}
	return small, micro, all
}

// start begins a refresh to the second version of the template.
func (w *world) start(p *api.RefreshPreferences) string {
	w.T.Helper()
	out := nodetest.Do(w.World, &api.StartInstanceRefresh, &api.StartInstanceRefreshInput{AutoScalingGroupName: name, Preferences: p, DesiredConfiguration: &api.DesiredConfiguration{LaunchTemplate: version("2")}})
	return *out.InstanceRefreshId
}

func (w *world) refresh() api.InstanceRefresh {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeInstanceRefreshes, &api.DescribeInstanceRefreshesInput{AutoScalingGroupName: name}).InstanceRefreshes[0]
}

func (w *world) wantStatus(what, status string, percent int32) {
	w.T.Helper()
	x := w.refresh()
	if *x.Status != status || *x.PercentageComplete != percent {
		w.T.Fatalf("%s: %s at %d %% (%s), want %s at %d %%", what, *x.Status, *x.PercentageComplete, cloud.Or(x.StatusReason, ""), status, percent)
	}
}

// until lets time pass in steps until the refresh is over, at most for limit,
// and looks at the group after each.
func (w *world) until(status string, limit time.Duration, look func()) {
	w.T.Helper()
	for end := w.Now().Add(limit); ; w.Advance(5 * time.Second) {
		w.Drain()
		look()
		x := w.refresh()
		if *x.Status == status {
			return
		}
		if x.EndTime != nil || w.Now().After(end) {
			small, micro, all := w.census()
			w.T.Fatalf("%s at %d %%: %s; %d new, %d old, %d in all; want %s", *x.Status, *x.PercentageComplete, cloud.Or(x.StatusReason, ""), small, micro, all, status)
		}
	}
}

func fails(t testing.TB, err error, code, message string) {
	t.Helper()
	var e *cloud.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message) {
		t.Errorf("got %v; want %s: %s", err, code, message)
	}
}
