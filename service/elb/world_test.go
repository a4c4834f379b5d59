package elb_test

import (
	"slices"
	"testing"
	"time"

	"pileus/all"
	"pileus/ami"
	apiec2 "pileus/api/ec2"
	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// world is a cloud with a load balancer and an instance in each of two zones
// of the default VPC.
type world struct {
	*nodetest.World
	subnets   []string // of us-east-1a and us-east-1b
	instances []string
}

func newWorld(t *testing.T) *world { return newWorldOn(t, sim.New(t.TempDir())) }

func newWorldOn(t *testing.T, p plane.Plane) *world {
	modules := []string{"ec2", "elb", "iam", "s3"}
	w := &world{World: nodetest.Start(t, node.Options{Plane: p, Rehearse: true, Seed: 1, Modules: func(p node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(p), func(m cloud.Module) bool { return !slices.Contains(modules, m.API.Name) })
	}})}
	for _, z := range []string{"us-east-1a", "us-east-1b"} {
		out := nodetest.Do(w.World, &apiec2.DescribeSubnets, &apiec2.DescribeSubnetsInput{Filters: []apiec2.Filter{{Name: new("availability-zone"), Values: []string{z}}}})
		w.subnets = append(w.subnets, *out.Subnets[0].SubnetId)
	}
	return w
}

// launch starts an instance in each zone.
func (w *world) launch() {
	w.T.Helper()
	for _, s := range w.subnets {
		out := nodetest.Do(w.World, &apiec2.RunInstances, &apiec2.RunInstancesInput{ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1, SubnetId: &s})
		w.instances = append(w.instances, *out.Instances[0].InstanceId)
	}
	w.Drain()
	w.Advance(20 * time.Second)
	w.Drain()
}

func http(port int32) api.Listener {
	return api.Listener{Protocol: "HTTP", LoadBalancerPort: port, InstancePort: 8080}
}

// create makes a load balancer in both zones.
func (w *world) create(name string, listeners ...api.Listener) string {
	w.T.Helper()
	if len(listeners) == 0 {
		listeners = []api.Listener{http(80)}
	}
	out := nodetest.Do(w.World, &api.CreateLoadBalancer, &api.CreateLoadBalancerInput{LoadBalancerName: name, Listeners: listeners, Subnets: w.subnets})
	w.Drain()
	return *out.DNSName
}

func (w *world) describe(name string) api.LoadBalancerDescription {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{LoadBalancerNames: []string{name}}).LoadBalancerDescriptions[0]
}

// register registers the world's instances.
func (w *world) register(name string, ids ...string) {
	w.T.Helper()
	in := &api.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: name}
	for _, id := range ids {
		in.Instances = append(in.Instances, api.Instance{InstanceId: &id})
	}
	nodetest.Do(w.World, &api.RegisterInstancesWithLoadBalancer, in)
	w.Drain()
}

// health is how the instances are, by id: "state reason text".
func (w *world) health(name string, ids ...string) map[string]string {
	w.T.Helper()
	in := &api.DescribeInstanceHealthInput{LoadBalancerName: name}
	for _, id := range ids {
		in.Instances = append(in.Instances, api.Instance{InstanceId: &id})
	}
	out := map[string]string{}
	for _, s := range nodetest.Do(w.World, &api.DescribeInstanceHealth, in).InstanceStates {
		out[*s.InstanceId] = *s.State + "/" + *s.ReasonCode + "/" + *s.Description
	}
	return out
}
