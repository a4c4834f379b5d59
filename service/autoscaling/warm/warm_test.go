package warm_test

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
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane/sim"
	"pileus/service/autoscaling"
)

const name = "web"

// world is a cloud with a group "web".
type world struct{ *nodetest.World }

func newWorld(t testing.TB) *world {
	t.Helper()
	modules := []string{"ec2", "iam", "sts", "cloudwatch"}
	return &world{nodetest.Start(t, node.Options{Plane: sim.New(t.TempDir()), Rehearse: true, Seed: 1, Modules: func(parts node.Parts) []cloud.Module {
		list := slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool { return !slices.Contains(modules, m.API.Name) })
		return append(list, autoscaling.Module())
	}})}
}

func (w *world) group(low, high, desired int32) {
	w.T.Helper()
	data := ec2.RequestLaunchTemplateData{ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro")}
	nodetest.Do(w.World, &ec2.CreateLaunchTemplate, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: name, LaunchTemplateData: data})
	nodetest.Do(w.World, &api.CreateAutoScalingGroup, &api.CreateAutoScalingGroupInput{
		AutoScalingGroupName: name, MinSize: low, MaxSize: high, DesiredCapacity: &desired, AvailabilityZones: []string{"us-east-1a", "us-east-1b"},
		LaunchTemplate: &api.LaunchTemplateSpecification{LaunchTemplateName: new(name), Version: new("1")},
	})
	w.settle()
}

func (w *world) settle() {
	w.T.Helper()
	w.Drain()
	w.Advance(time.Minute)
	w.Drain()
}

func (w *world) pool() *api.DescribeWarmPoolOutput {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeWarmPool, &api.DescribeWarmPoolInput{AutoScalingGroupName: name})
}

func (w *world) put(in api.PutWarmPoolInput) {
	w.T.Helper()
	in.AutoScalingGroupName = name
	nodetest.Do(w.World, &api.PutWarmPool, &in)
	w.settle()
}

func (w *world) desire(n int32) {
	w.T.Helper()
	nodetest.Do(w.World, &api.SetDesiredCapacity, &api.SetDesiredCapacityInput{AutoScalingGroupName: name, DesiredCapacity: n})
	w.settle()
}

// want checks how many serve, and how many wait in the pool in a state.
func (w *world) want(what string, serving int, state string, waiting int) {
	w.T.Helper()
	n := 0
	g := nodetest.Do(w.World, &api.DescribeAutoScalingGroups, &api.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}}).AutoScalingGroups[0]
	for _, i := range g.Instances {
		if i.LifecycleState == api.LifecycleStateInService {
			n++
		}
	}
	var states []string
	for _, i := range w.pool().Instances {
		states = append(states, i.LifecycleState)
	}
	if n != serving || len(states) != waiting || slices.ContainsFunc(states, func(s string) bool { return s != state }) {
		w.T.Fatalf("%s: %d serve and %v wait; want %d, and %d in %s", what, n, states, serving, waiting, state)
	}
}

// running is in which state EC2 has an instance.
func (w *world) running(id string) string {
	w.T.Helper()
	out := nodetest.Do(w.World, &ec2.DescribeInstances, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	return *out.Reservations[0].Instances[0].State.Name
}

func fails(t testing.TB, err error, code, message string) {
	t.Helper()
	var e *cloud.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message) {
		t.Errorf("got %v; want %s: %s", err, code, message)
	}
}

func TestPool(t *testing.T) {
	w := newWorld(t)
	w.group(1, 5, 2)
	w.put(api.PutWarmPoolInput{})
	w.want("beside two of five", 2, "Warmed:Stopped", 3)
	out := w.pool()
	if c := out.WarmPoolConfiguration; *c.MinSize != 0 || *c.PoolState != "Stopped" || c.MaxGroupPreparedCapacity != nil {
		t.Errorf("configuration: %+v", c)
	}
	if s := w.running(out.Instances[0].InstanceId); s != "stopped" {
		t.Errorf("an instance of the pool is %s", s)
	}
	w.desire(4)
	w.want("after scaling out", 4, "Warmed:Stopped", 1)
	for _, i := range out.Instances {
		if slices.ContainsFunc(w.pool().Instances, func(p api.Instance) bool { return p.InstanceId == i.InstanceId }) {
			continue
		}
		if s := w.running(i.InstanceId); s != "running" {
			t.Errorf("an instance that came out of the pool is %s", s)
		}
	}
	w.put(api.PutWarmPoolInput{MinSize: new(int32(2)), MaxGroupPreparedCapacity: new(int32(4))})
	w.want("with a minimum", 4, "Warmed:Stopped", 2)
	w.desire(1)
	w.want("after scaling in", 1, "Warmed:Stopped", 3)
	w.put(api.PutWarmPoolInput{MaxGroupPreparedCapacity: new(int32(2))})
	w.want("with less prepared", 1, "Warmed:Stopped", 1)
}

func TestRunningPool(t *testing.T) {
	w := newWorld(t)
	w.group(0, 3, 1)
	w.put(api.PutWarmPoolInput{PoolState: new("Running")})
	w.want("in a pool that runs", 1, "Warmed:Running", 2)
	if s := w.running(w.pool().Instances[0].InstanceId); s != "running" {
		t.Errorf("an instance of the pool is %s", s)
	}
	w.desire(3)
	w.want("after scaling out", 3, "", 0)
}

func TestReuse(t *testing.T) {
	w := newWorld(t)
	w.group(1, 3, 3)
	w.put(api.PutWarmPoolInput{InstanceReusePolicy: &api.InstanceReusePolicy{ReuseOnScaleIn: new(true)}})
	w.want("before", 3, "", 0)
	before := map[string]bool{}
	for _, r := range nodetest.Do(w.World, &ec2.DescribeInstances, &ec2.DescribeInstancesInput{}).Reservations {
		before[*r.Instances[0].InstanceId] = true
	}
	w.desire(1)
	w.settle()
	w.want("after scaling in", 1, "Warmed:Stopped", 2)
	for _, i := range w.pool().Instances {
		if !before[i.InstanceId] {
			t.Errorf("%s is new, not one that was given up", i.InstanceId)
		}
	}
}

func TestHooksOfPool(t *testing.T) {
	w := newWorld(t)
	w.group(0, 1, 0)
	nodetest.Do(w.World, &api.PutLifecycleHook, &api.PutLifecycleHookInput{AutoScalingGroupName: name, LifecycleHookName: "prepare", LifecycleTransition: new("autoscaling:EC2_INSTANCE_LAUNCHING"), HeartbeatTimeout: new(int32(600)), DefaultResult: new("CONTINUE")})
	w.put(api.PutWarmPoolInput{})
	w.want("while the hook is asked", 0, "Warmed:Pending:Wait", 1)
	nodetest.Do(w.World, &api.CompleteLifecycleAction, &api.CompleteLifecycleActionInput{AutoScalingGroupName: name, LifecycleHookName: "prepare", InstanceId: new(w.pool().Instances[0].InstanceId), LifecycleActionResult: "CONTINUE"})
	w.settle()
	w.want("once it has answered", 0, "Warmed:Stopped", 1)
}

func TestDeletePool(t *testing.T) {
	w := newWorld(t)
	w.group(0, 3, 0)
	_, err := nodetest.Try(w.World, &api.DeleteWarmPool, &api.DeleteWarmPoolInput{AutoScalingGroupName: name})
	fails(t, err, "ValidationError", "No warm pool")
	w.put(api.PutWarmPoolInput{})
	_, err = nodetest.Try(w.World, &api.DeleteAutoScalingGroup, &api.DeleteAutoScalingGroupInput{AutoScalingGroupName: name})
	fails(t, err, "ResourceInUse", "")
	id := w.pool().Instances[0].InstanceId
	// A hook keeps the instances, and so the pool, until it has been answered.
	nodetest.Do(w.World, &api.PutLifecycleHook, &api.PutLifecycleHookInput{AutoScalingGroupName: name, LifecycleHookName: "leave", LifecycleTransition: new("autoscaling:EC2_INSTANCE_TERMINATING"), HeartbeatTimeout: new(int32(600))})
	nodetest.Do(w.World, &api.DeleteWarmPool, &api.DeleteWarmPoolInput{AutoScalingGroupName: name})
	if c := w.pool().WarmPoolConfiguration; c == nil || *c.Status != "PendingDelete" {
		t.Errorf("while it goes: %+v", c)
	}
	_, err = nodetest.Try(w.World, &api.PutWarmPool, &api.PutWarmPoolInput{AutoScalingGroupName: name})
	fails(t, err, "ValidationError", "being deleted")
	w.settle()
	for _, i := range w.pool().Instances {
		nodetest.Do(w.World, &api.CompleteLifecycleAction, &api.CompleteLifecycleActionInput{AutoScalingGroupName: name, LifecycleHookName: "leave", InstanceId: &i.InstanceId, LifecycleActionResult: "CONTINUE"})
	}
	nodetest.Do(w.World, &api.DeleteLifecycleHook, &api.DeleteLifecycleHookInput{AutoScalingGroupName: name, LifecycleHookName: "leave"})
	w.settle()
	if out := w.pool(); out.WarmPoolConfiguration != nil || len(out.Instances) != 0 || w.running(id) != "terminated" {
		t.Errorf("after its end: %+v, %s", out, w.running(id))
	}
	w.put(api.PutWarmPoolInput{})
	nodetest.Do(w.World, &api.DeleteWarmPool, &api.DeleteWarmPoolInput{AutoScalingGroupName: name, ForceDelete: new(true)})
	if c := w.pool().WarmPoolConfiguration; c != nil {
		t.Errorf("after its forced end: %+v", c)
	}
	w.settle()
	w.want("a while later", 0, "", 0)
	w.put(api.PutWarmPoolInput{})
	nodetest.Do(w.World, &api.DeleteAutoScalingGroup, &api.DeleteAutoScalingGroupInput{AutoScalingGroupName: name, ForceDelete: new(true)})
	w.settle()
	_, err = nodetest.Try(w.World, &api.DescribeWarmPool, &api.DescribeWarmPoolInput{AutoScalingGroupName: name})
	fails(t, err, "ValidationError", "not found")
}

func TestPoolChecks(t *testing.T) {
	w := newWorld(t)
	w.group(0, 3, 0)
	_, err := nodetest.Try(w.World, &api.PutWarmPool, &api.PutWarmPoolInput{AutoScalingGroupName: name, MinSize: new(int32(3)), MaxGroupPreparedCapacity: new(int32(2))})
	fails(t, err, "ValidationError", "MaxGroupPreparedCapacity")
	_, err = nodetest.Try(w.World, &api.PutWarmPool, &api.PutWarmPoolInput{AutoScalingGroupName: name, PoolState: new("Lukewarm")})
	fails(t, err, "ValidationError", "Stopped")
	nodetest.Do(w.World, &ec2.CreateLaunchTemplateVersion, &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateName: new(name), SourceVersion: new("1"), LaunchTemplateData: ec2.RequestLaunchTemplateData{
		InstanceMarketOptions: &ec2.LaunchTemplateInstanceMarketOptionsRequest{MarketType: new("spot")}}})
	for version, want := range map[string]string{"1": "", "2": "Spot Instances"} {
		nodetest.Do(w.World, &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: name, LaunchTemplate: &api.LaunchTemplateSpecification{LaunchTemplateName: new(name), Version: &version}})
		if _, err := nodetest.Try(w.World, &api.PutWarmPool, &api.PutWarmPoolInput{AutoScalingGroupName: name}); want != "" {
			fails(t, err, "ValidationError", want)
		} else if err != nil {
			t.Errorf("on demand: %v", err)
		}
	}
	nodetest.Do(w.World, &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: name, LaunchTemplate: &api.LaunchTemplateSpecification{LaunchTemplateName: new(name), Version: new("1")}})
	_, err = nodetest.Try(w.World, &api.DescribeWarmPool, &api.DescribeWarmPoolInput{AutoScalingGroupName: name, NextToken: new("!")})
	fails(t, err, "InvalidNextToken", "")
	for op, try := range map[string]func(c *cloud.Call) error{
		"PutWarmPool": func(c *cloud.Call) error {
			_, err := api.PutWarmPool.Call(c, &api.PutWarmPoolInput{AutoScalingGroupName: name})
			return err
		},
		"DescribeWarmPool": func(c *cloud.Call) error {
			_, err := api.DescribeWarmPool.Call(c, &api.DescribeWarmPoolInput{AutoScalingGroupName: name})
			return err
		},
		"DeleteWarmPool": func(c *cloud.Call) error {
			nodetest.Do(w.World, &api.PutWarmPool, &api.PutWarmPoolInput{AutoScalingGroupName: name, MaxGroupPreparedCapacity: new(int32(0))})
			_, err := api.DeleteWarmPool.Call(c, &api.DeleteWarmPoolInput{AutoScalingGroupName: name, ForceDelete: new(true)})
			return err
		},
	} {
		fails(t, try(w.As(w.User("no-"+op, nodetest.Allow("autoscaling:Nothing")))), "AccessDenied", "autoscaling:"+op)
		if err := try(w.As(w.User("yes-"+op, nodetest.Allow("autoscaling:"+op)))); err != nil {
			t.Errorf("%s with leave: %v", op, err)
		}
	}
}
