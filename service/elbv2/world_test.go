package elbv2_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pileus/all"
	apiec2 "pileus/api/ec2"
	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
)

// world is a cloud with what load balancers need, and a VPC over two zones.
type world struct {
	*nodetest.World
	vpc, subnetA, subnetB string
}

func only(names ...string) func(node.Parts) []cloud.Module {
	return func(p node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(p), func(m cloud.Module) bool { return !slices.Contains(names, m.API.Name) })
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return inWorld(nodetest.With(t, only("ec2", "elbv2", "iam", "s3")))
}

func inWorld(n *nodetest.World) *world {
	w := &world{World: n}
	w.vpc = *nodetest.Do(n, &apiec2.CreateVpc, &apiec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc.VpcId
	w.subnetA, w.subnetB = w.subnet("10.0.0.0/24", "us-east-1a"), w.subnet("10.0.1.0/24", "us-east-1b")
	id := *nodetest.Do(n, &apiec2.CreateInternetGateway, &apiec2.CreateInternetGatewayInput{}).InternetGateway.InternetGatewayId
	nodetest.Do(n, &apiec2.AttachInternetGateway, &apiec2.AttachInternetGatewayInput{InternetGatewayId: id, VpcId: w.vpc})
	return w
}

func (w *world) subnet(cidr, zone string) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &apiec2.CreateSubnet, &apiec2.CreateSubnetInput{VpcId: w.vpc, CidrBlock: &cidr, AvailabilityZone: &zone}).Subnet.SubnetId
}

// balancer makes a load balancer over both zones and has it come up.
func (w *world) balancer(name string) api.LoadBalancer {
	w.T.Helper()
	nodetest.Do(w.World, &api.CreateLoadBalancer, &api.CreateLoadBalancerInput{Name: name, Subnets: []string{w.subnetA, w.subnetB}})
	w.Drain()
	return w.describe(name)
}

// network makes a network load balancer in one zone.
func (w *world) network(name string) api.LoadBalancer {
	w.T.Helper()
	nodetest.Do(w.World, &api.CreateLoadBalancer, &api.CreateLoadBalancerInput{Name: name, Type: new("network"), Scheme: new("internal"), Subnets: []string{w.subnetA}})
	w.Drain()
	return w.describe(name)
}

func (w *world) describe(name string) api.LoadBalancer {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{Names: []string{name}}).LoadBalancers[0]
}

// group makes a target group of addresses.
func (w *world) group(name, protocol string) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.CreateTargetGroup, &api.CreateTargetGroupInput{
		Name: name, Protocol: &protocol, Port: new(int32(80)), VpcId: &w.vpc, TargetType: new("ip"),
	}).TargetGroups[0].TargetGroupArn
}

// says is an action that answers with a text.
func says(text string) []api.Action {
	return []api.Action{{Type: "fixed-response", FixedResponseConfig: &api.FixedResponseActionConfig{StatusCode: "200", MessageBody: &text}}}
}

// leads is an action that leads to a group.
func leads(group string) []api.Action {
	return []api.Action{{Type: "forward", TargetGroupArn: &group}}
}

// listener makes a listener of HTTP.
func (w *world) listener(balancer string, port int32, actions []api.Action) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.CreateListener, &api.CreateListenerInput{LoadBalancerArn: balancer, Protocol: new("HTTP"), Port: &port, DefaultActions: actions}).Listeners[0].ListenerArn
}

// rule makes a rule about a path.
func (w *world) rule(listener string, priority int32, path string, actions []api.Action) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.CreateRule, &api.CreateRuleInput{ListenerArn: listener, Priority: priority, Conditions: path4(path), Actions: actions}).Rules[0].RuleArn
}

func path4(path string) []api.RuleCondition {
	return []api.RuleCondition{{Field: new("path-pattern"), Values: []string{path}}}
}

// wants fails the test unless err has the code and its message contains text.
// An empty code wants no error.
func wants(t testing.TB, err error, code, text string) {
	t.Helper()
	var e *cloud.Error
	switch {
	case code == "" && err == nil:
	case !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, text):
		t.Errorf("got %v, want %s with %q", err, code, text)
	}
}
