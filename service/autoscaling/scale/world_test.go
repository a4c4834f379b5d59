package scale_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/all"
	"pileus/ami"
	api "pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane/sim"
	"pileus/service/autoscaling"
)

const name = "web"

// world is a cloud with a group "web" of t3.micro.
type world struct{ *nodetest.World }

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldWith(t, node.Options{})
}

func newWorldWith(t testing.TB, o node.Options) *world {
	t.Helper()
	modules := []string{"ec2", "iam", "sts", "cloudwatch", "elbv2"}
	o.Plane, o.Rehearse, o.Seed = sim.New(t.TempDir()), true, 1
	o.Modules = func(parts node.Parts) []cloud.Module {
		list := slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool { return !slices.Contains(modules, m.API.Name) })
		return append(list, autoscaling.Module())
	}
	return &world{nodetest.Start(t, o)}
}

// group makes the group and lets its instances come into service.
func (w *world) group(low, high, desired int32, change func(*api.CreateAutoScalingGroupInput)) {
	w.T.Helper()
	nodetest.Do(w.World, &ec2.CreateLaunchTemplate, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: name, LaunchTemplateData: ec2.RequestLaunchTemplateData{
		ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro"),
	}})
	in := &api.CreateAutoScalingGroupInput{
		AutoScalingGroupName: name, MinSize: low, MaxSize: high, DesiredCapacity: &desired, AvailabilityZones: []string{"us-east-1a", "us-east-1b"},
		LaunchTemplate: &api.LaunchTemplateSpecification{LaunchTemplateName: new(name), Version: new("1")},
	}
	if change != nil {
		change(in)
	}
	nodetest.Do(w.World, &api.CreateAutoScalingGroup, in)
	w.settle()
}

// settle gives instances the time to start.
func (w *world) settle() {
	w.T.Helper()
	w.Drain()
	w.Advance(20 * time.Second)
	w.Drain()
}

func (w *world) described() api.AutoScalingGroup {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeAutoScalingGroups, &api.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}}).AutoScalingGroups[0]
}

// sizes are the desired capacity and what is in service.
func (w *world) sizes() (desired, serving int) {
	w.T.Helper()
	g := w.described()
	for _, i := range g.Instances {
		if i.LifecycleState == api.LifecycleStateInService {
			serving++
		}
	}
	return int(g.DesiredCapacity), serving
}

func (w *world) wantDesired(what string, n int) {
	w.T.Helper()
	if desired, _ := w.sizes(); desired != n {
		w.T.Fatalf("%s: the desired capacity is %d, want %d", what, desired, n)
	}
}

// put makes a policy of the group.
func (w *world) put(in *api.PutScalingPolicyInput) *api.PutScalingPolicyOutput {
	w.T.Helper()
	in.AutoScalingGroupName = name
	return nodetest.Do(w.World, &api.PutScalingPolicy, in)
}

// byAlarm executes a policy as an alarm does.
func (w *world) byAlarm(policy string, value, threshold float64) error {
	w.T.Helper()
	c := w.Call().AsService("cloudwatch.amazonaws.com", "arn:aws:cloudwatch:us-east-1:000000000000:alarm:hot")
	_, err := api.ExecutePolicy.Call(c, &api.ExecutePolicyInput{AutoScalingGroupName: new(name), PolicyName: policy, MetricValue: &value, BreachThreshold: &threshold})
	return err
}

// cpu publishes a minute's CPU of the group.
func (w *world) cpu(v float64) {
	w.T.Helper()
	nodetest.Do(w.World, &cloudwatch.PutMetricData, &cloudwatch.PutMetricDataInput{Namespace: "Test", MetricData: []cloudwatch.MetricDatum{{MetricName: "cpu", Timestamp: new(w.Now()), Value: &v}}})
}

func fails(t testing.TB, err error, code, message string) {
	t.Helper()
	var e *cloud.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message) {
		t.Errorf("got %v; want %s: %s", err, code, message)
	}
}
