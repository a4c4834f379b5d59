package market_test

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
)

// world is a cloud with the modules that the market meets.
type world struct{ *nodetest.World }

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOver(t, sim.New(t.TempDir()))
}

func newWorldOver(t testing.TB, p plane.Plane) *world {
	t.Helper()
	return &world{nodetest.Start(t, node.Options{Plane: p, Rehearse: true, Seed: 1, Modules: func(parts node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool {
			return !slices.Contains([]string{"iam", "sts", "ec2", "s3"}, m.API.Name)
		})
	}})}
}

func image() string { return ami.All()[0].ID(nodetest.Region) }

// launchTemplate makes a launch template of t3.micro and answers its id.
func (w *world) launchTemplate(name string) string {
	w.T.Helper()
	out := nodetest.Do(w.World, &api.CreateLaunchTemplate, &api.CreateLaunchTemplateInput{
		LaunchTemplateName: name, LaunchTemplateData: api.RequestLaunchTemplateData{ImageId: new(image()), InstanceType: new("t3.micro")},
	})
	return *out.LaunchTemplate.LaunchTemplateId
}

// instances are those that are not gone, by id.
func (w *world) instances() []api.Instance {
	w.T.Helper()
	out := nodetest.Do(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{})
	var list []api.Instance
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			if *i.State.Name == "running" || *i.State.Name == "pending" {
				list = append(list, i)
			}
		}
	}
	return list
}

// code is an error's code; "" for none.
func code(err error) string {
	if e, ok := err.(*cloud.Error); ok {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
