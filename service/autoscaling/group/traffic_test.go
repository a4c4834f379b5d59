package group_test

import (
	"slices"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/api/elb"
	"pileus/api/elbv2"
	"pileus/node/nodetest"
)

// targets makes a target group and answers its ARN.
func (w *world) targets(name string) string {
	w.T.Helper()
	vpc := nodetest.Do(w.World, &ec2.DescribeVpcs, &ec2.DescribeVpcsInput{}).Vpcs[0].VpcId
	arn := *nodetest.Do(w.World, &elbv2.CreateTargetGroup, &elbv2.CreateTargetGroupInput{Name: name, Protocol: new("HTTP"), Port: new(int32(80)), VpcId: vpc}).TargetGroups[0].TargetGroupArn
	nodetest.Do(w.World, &elbv2.ModifyTargetGroupAttributes, &elbv2.ModifyTargetGroupAttributesInput{TargetGroupArn: arn, Attributes: []elbv2.TargetGroupAttribute{{Key: new("deregistration_delay.timeout_seconds"), Value: new("20")}}})
	return arn
}

// registered are the instances of a target group that are not on their way out.
func (w *world) registered(arn string) (ids []string) {
	w.T.Helper()
	for _, d := range nodetest.Do(w.World, &elbv2.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: arn}).TargetHealthDescriptions {
		if *d.TargetHealth.State != "draining" {
			ids = append(ids, d.Target.Id)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestTargetGroupsFollowTheGroup(t *testing.T) {
	w := newWorld(t)
	one, two := w.targets("one"), w.targets("two")
	w.create(group("g", 1, 5, desired(2), func(in *api.CreateAutoScalingGroupInput) {
		in.TargetGroupARNs, in.HealthCheckType = []string{one}, new("ELB")
	}))
	if ids := w.serving("g", 2); !slices.Equal(w.registered(one), ids) {
		t.Errorf("registered %v, in service %v", w.registered(one), ids)
	}
	if st := nodetest.Do(w.World, &api.DescribeLoadBalancerTargetGroups, &api.DescribeLoadBalancerTargetGroupsInput{AutoScalingGroupName: "g"}).LoadBalancerTargetGroups; len(st) != 1 || *st[0].State != "Added" {
		t.Errorf("states: %+v", st)
	}

	nodetest.Do(w.World, &api.AttachLoadBalancerTargetGroups, &api.AttachLoadBalancerTargetGroupsInput{AutoScalingGroupName: "g", TargetGroupARNs: []string{two}})
	w.settle()
	if ids := w.serving("g", 2); !slices.Equal(w.registered(two), ids) {
		t.Errorf("registered with the second %v, in service %v", w.registered(two), ids)
	}

	w.set("g", 1)
	w.Advance(time.Minute)
	if ids := w.serving("g", 1); !slices.Equal(w.registered(one), ids) || len(w.machines()) != 1 {
		t.Errorf("registered %v, in service %v, %d machines", w.registered(one), ids, len(w.machines()))
	}

	nodetest.Do(w.World, &api.DetachLoadBalancerTargetGroups, &api.DetachLoadBalancerTargetGroupsInput{AutoScalingGroupName: "g", TargetGroupARNs: []string{one}})
	w.Advance(time.Minute)
	if got := w.registered(one); len(got) != 0 {
		t.Errorf("registered after the detachment: %v", got)
	}
	if st := nodetest.Do(w.World, &api.DescribeTrafficSources, &api.DescribeTrafficSourcesInput{AutoScalingGroupName: "g"}).TrafficSources; len(st) != 1 || *st[0].Identifier != two {
		t.Errorf("sources: %+v", st)
	}

	nodetest.Do(w.World, &api.SuspendProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: "g", ScalingProcesses: []string{"AddToLoadBalancer"}})
	w.set("g", 2)
	w.settle()
	w.serving("g", 2)
	nodetest.Do(w.World, &api.ResumeProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: "g"})
	w.settle()
	if got := w.registered(two); len(got) != 1 {
		t.Errorf("registered %v: what was launched while that was suspended stays out", got)
	}
	refused(w, "ValidationError", "not found", &api.AttachLoadBalancerTargetGroups, &api.AttachLoadBalancerTargetGroupsInput{AutoScalingGroupName: "g", TargetGroupARNs: []string{one + "0"}})
}

func TestClassicLoadBalancersFollowTheGroup(t *testing.T) {
	w := newWorld(t)
	var subnets []string
	for _, s := range nodetest.Do(w.World, &ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets {
		if *s.AvailabilityZone == "us-east-1a" || *s.AvailabilityZone == "us-east-1b" {
			subnets = append(subnets, *s.SubnetId)
		}
	}
	nodetest.Do(w.World, &elb.CreateLoadBalancer, &elb.CreateLoadBalancerInput{LoadBalancerName: "web", Subnets: subnets, Listeners: []elb.Listener{{Protocol: "HTTP", LoadBalancerPort: 80, InstancePort: 80}}})
	w.create(group("g", 1, 5, desired(2), func(in *api.CreateAutoScalingGroupInput) { in.LoadBalancerNames = []string{"web"} }))
	registered := func() (ids []string) {
		for _, i := range nodetest.Do(w.World, &elb.DescribeLoadBalancers, &elb.DescribeLoadBalancersInput{LoadBalancerNames: []string{"web"}}).LoadBalancerDescriptions[0].Instances {
			ids = append(ids, *i.InstanceId)
		}
		slices.Sort(ids)
		return ids
	}
	if ids := w.serving("g", 2); !slices.Equal(registered(), ids) {
		t.Errorf("registered %v, in service %v", registered(), ids)
	}
	w.set("g", 1)
	w.Advance(10 * time.Minute)
	if ids := w.serving("g", 1); !slices.Equal(registered(), ids) || len(w.machines()) != 1 {
		t.Errorf("registered %v, in service %v, %d machines", registered(), ids, len(w.machines()))
	}
	nodetest.Do(w.World, &api.DetachLoadBalancers, &api.DetachLoadBalancersInput{AutoScalingGroupName: "g", LoadBalancerNames: []string{"web"}})
	w.Advance(10 * time.Minute)
	if got := registered(); len(got) != 0 {
		t.Errorf("registered after the detachment: %v", got)
	}
	refused(w, "ValidationError", "Provided Load Balancers may not be valid.", &api.AttachLoadBalancers, &api.AttachLoadBalancersInput{AutoScalingGroupName: "g", LoadBalancerNames: []string{"none"}})
}

// BenchmarkMonth is what a month of the clock costs with a group at rest.
func BenchmarkMonth(b *testing.B) {
	w := newWorld(b)
	w.create(group("g", 10, 10))
	for b.Loop() {
		w.Advance(30 * 24 * time.Hour)
	}
}
