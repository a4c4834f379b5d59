package instance_test

import (
	"slices"
	"testing"

	"pileus/all"
	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
)

// world is a cloud with IAM, STS and the rooms of EC2 that instances need.
type world struct {
	*nodetest.World
	plane *sim.Plane
	room  *instance.Room
}

func newWorld(t testing.TB) *world { return newWorldOver(t, sim.New(t.TempDir()), nil) }

// newWorldOver makes a cloud over a plane, which p wraps if it is given.
func newWorldOver(t testing.TB, s *sim.Plane, p plane.Plane) *world {
	t.Helper()
	w := &world{plane: s}
	if p == nil {
		p = s
	}
	w.World = nodetest.Start(t, node.Options{Plane: p, Rehearse: true, Seed: 1, Modules: func(parts node.Parts) []cloud.Module {
		mods := slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool { return !slices.Contains([]string{"iam", "sts"}, m.API.Name) })
		var ec2 cloud.Module
		ec2, w.room = module(parts.Plane)
		return append(mods, ec2)
	}})
	return w
}

func module(p plane.Plane) (cloud.Module, *instance.Room) {
	return moduleWith(p, instance.Catalogue{})
}

func moduleWith(p plane.Plane, images instance.Images) (cloud.Module, *instance.Room) {
	n, v := vpc.New(p), ebs.New(p)
	room := instance.New(p, n, v, images)
	networks := resource.Room{Controllers: n.Controllers(), Start: n.Start, Reset: n.Reset, Stored: n.Stored}
	return resource.Module(networks, v.Room(), room.Room()), room
}

// image is a built-in image in the world's region whose instances tell metadata
// without a token, too.
func image() string { return imageThat(func(i ami.Image) bool { return !i.IMDSv2 }) }

func imageThat(is func(ami.Image) bool) string {
	all := ami.All()
	return all[slices.IndexFunc(all, is)].ID(nodetest.Region)
}

// run launches instances and waits until they run.
func (w *world) run(n int32, edits ...func(*api.RunInstancesInput)) []api.Instance {
	w.T.Helper()
	in := &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: n, MaxCount: n}
	for _, edit := range edits {
		edit(in)
	}
	out := nodetest.Do(w.World, &api.RunInstances, in)
	w.Drain()
	return out.Instances
}

// get describes one instance.
func (w *world) get(id string) api.Instance {
	w.T.Helper()
	out := nodetest.Do(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{id}})
	return out.Reservations[0].Instances[0]
}

func (w *world) state(id string) string { return *w.get(id).State.Name }

// want fails the test unless an operation is refused with a code.
func want[In, Out any](w *world, code string, op *cloud.Op[In, Out], in In) {
	w.T.Helper()
	_, err := nodetest.Try(w.World, op, in)
	e, ok := err.(*cloud.Error)
	switch {
	case code == "" && err != nil:
		w.T.Errorf("%s: %v", op.Name, err)
	case code != "" && (!ok || e.Code != code):
		w.T.Errorf("%s: %v, want %s", op.Name, err, code)
	}
}
