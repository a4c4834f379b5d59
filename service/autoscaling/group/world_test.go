package group_test

import (
	"io"
	"net/http"
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
)

// world is a cloud with the services that groups meet.
type world struct {
	*nodetest.World
	plane *sim.Plane
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{plane: sim.New(t.TempDir())}
	w.World = nodetest.Start(t, node.Options{Plane: w.plane, Rehearse: true, Seed: 1, Modules: func(parts node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool {
			return !slices.Contains([]string{"iam", "sts", "ec2", "sqs", "autoscaling", "elb", "elbv2"}, m.API.Name)
		})
	}})
	nodetest.Do(w.World, &api.CreateLaunchConfiguration, configuration("lc"))
	return w
}

func image() string { return ami.All()[0].ID(nodetest.Region) }

func configuration(name string) *api.CreateLaunchConfigurationInput {
	return &api.CreateLaunchConfigurationInput{LaunchConfigurationName: name, ImageId: new(image()), InstanceType: new("t3.micro")}
}

// group is a request for a group over the region's zones a and b.
func group(name string, least, most int32, edits ...func(*api.CreateAutoScalingGroupInput)) *api.CreateAutoScalingGroupInput {
	in := &api.CreateAutoScalingGroupInput{
		AutoScalingGroupName: name, LaunchConfigurationName: new("lc"), MinSize: least, MaxSize: most,
		AvailabilityZones: []string{nodetest.Region + "a", nodetest.Region + "b"},
	}
	for _, edit := range edits {
		edit(in)
	}
	return in
}

func desired(n int32) func(*api.CreateAutoScalingGroupInput) {
	return func(in *api.CreateAutoScalingGroupInput) { in.DesiredCapacity = &n }
}

// create makes a group and waits until it is as it is wanted.
func (w *world) create(in *api.CreateAutoScalingGroupInput) {
	w.T.Helper()
	nodetest.Do(w.World, &api.CreateAutoScalingGroup, in)
	w.settle()
}

// settle lets everything happen that takes seconds.
func (w *world) settle() {
	w.T.Helper()
	w.Advance(30 * time.Second)
}

// get describes a group.
func (w *world) get(name string) api.AutoScalingGroup {
	w.T.Helper()
	out := nodetest.Do(w.World, &api.DescribeAutoScalingGroups, &api.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if len(out.AutoScalingGroups) != 1 {
		w.T.Fatalf("%d groups are called %s", len(out.AutoScalingGroups), name)
	}
	return out.AutoScalingGroups[0]
}

// in are the ids of a group's instances in a lifecycle state.
func (w *world) in(name, state string) (ids []string) {
	w.T.Helper()
	for _, i := range w.get(name).Instances {
		if i.LifecycleState == state {
			ids = append(ids, i.InstanceId)
		}
	}
	return ids
}

// serving are the instances in service, which must be n.
func (w *world) serving(name string, n int) []string {
	w.T.Helper()
	ids := w.in(name, api.LifecycleStateInService)
	if len(ids) != n {
		w.T.Fatalf("%d instances of %s are in service, want %d: %s", len(ids), name, n, w.tell(name))
	}
	return ids
}

// tell says how a group is, for failures.
func (w *world) tell(name string) string {
	var b strings.Builder
	g := w.get(name)
	for _, i := range g.Instances {
		b.WriteString("\n  " + i.InstanceId + " " + i.AvailabilityZone + " " + i.LifecycleState + " " + i.HealthStatus)
	}
	for n, a := range w.activities(name) {
		if n == 12 {
			break
		}
		b.WriteString("\n  " + a.StatusCode + ": " + *a.Description + " | " + a.Cause + " | " + cloud.Or(a.StatusMessage, ""))
	}
	return b.String()
}

// activities of a group, the latest first.
func (w *world) activities(name string) []api.Activity {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{AutoScalingGroupName: &name}).Activities
}

// machines are the instances that EC2 has and that are not gone.
func (w *world) machines() (list []ec2.Instance) {
	w.T.Helper()
	for _, r := range nodetest.Do(w.World, &ec2.DescribeInstances, &ec2.DescribeInstancesInput{}).Reservations {
		for _, i := range r.Instances {
			if *i.State.Name == "running" || *i.State.Name == "pending" {
				list = append(list, i)
			}
		}
	}
	return list
}

// kill terminates an instance behind its group's back.
func (w *world) kill(id string) {
	w.T.Helper()
	nodetest.Do(w.World, &ec2.TerminateInstances, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
}

// set sets the desired capacity of a group.
func (w *world) set(name string, n int32) {
	w.T.Helper()
	nodetest.Do(w.World, &api.SetDesiredCapacity, &api.SetDesiredCapacityInput{AutoScalingGroupName: name, DesiredCapacity: n})
}

// refused fails the test unless an operation is refused with a code and words.
func refused[In, Out any](w *world, code, words string, op *cloud.Op[In, Out], in In) {
	w.T.Helper()
	_, err := nodetest.Try(w.World, op, in)
	e, ok := err.(*cloud.Error)
	if !ok || e.Code != code || !strings.Contains(e.Message, words) {
		w.T.Errorf("%s: %v, want %s with %q", op.Name, err, code, words)
	}
}

// send sends a request to the cloud's own doors: faults, interruptions.
func (w *world) send(method, path, body string) {
	w.T.Helper()
	r, err := http.NewRequestWithContext(w.T.Context(), method, w.Endpoint+path, strings.NewReader(body))
	if err != nil {
		w.T.Fatal(err)
	}
	out, err := http.DefaultClient.Do(r)
	if err != nil {
		w.T.Fatal(err)
	}
	defer out.Body.Close()
	if out.StatusCode >= 300 {
		text, _ := io.ReadAll(out.Body)
		w.T.Fatalf("%s %s: %s %s", method, path, out.Status, text)
	}
}
