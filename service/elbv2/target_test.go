package elbv2_test

import (
	"testing"
	"time"

	apiec2 "pileus/api/ec2"
	api "pileus/api/elbv2"
	"pileus/node/nodetest"
)

// state is how the targets of a group are: state and reason of each.
func (w *world) state(group string) (list []string) {
	w.T.Helper()
	for _, d := range nodetest.Do(w.World, &api.DescribeTargetHealth, &api.DescribeTargetHealthInput{TargetGroupArn: group}).TargetHealthDescriptions {
		s := *d.TargetHealth.State
		if d.TargetHealth.Reason != nil {
			s += " " + *d.TargetHealth.Reason
		}
		list = append(list, s)
	}
	return list
}

// TestTargets: what a target is told to be while it is registered, used, taken
// out and gone.
func TestTargets(t *testing.T) {
	w := newWorld(t)
	b, g := w.balancer("web"), w.group("g", "HTTP")
	address := []api.TargetDescription{{Id: "10.0.0.77"}}
	nodetest.Do(w.World, &api.RegisterTargets, &api.RegisterTargetsInput{TargetGroupArn: g, Targets: address})
	is := func(want string) {
		t.Helper()
		w.Drain()
		got := w.state(g)
		if want == "" && len(got) == 0 {
			return
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("the target is %q, want %q", got, want)
		}
	}
	is("unused Target.NotInUse")
	w.listener(*b.LoadBalancerArn, 80, leads(g))
	w.Drain()
	if got := w.state(g); len(got) != 1 || got[0] == "unused Target.NotInUse" {
		t.Errorf("with a listener the target is %q", got)
	}
	nodetest.Do(w.World, &api.DeregisterTargets, &api.DeregisterTargetsInput{TargetGroupArn: g, Targets: address})
	is("draining Target.DeregistrationInProgress")
	w.Advance(299 * time.Second)
	is("draining Target.DeregistrationInProgress")
	w.Advance(2 * time.Second)
	is("")
	_, err := nodetest.Try(w.World, &api.DeregisterTargets, &api.DeregisterTargetsInput{TargetGroupArn: g, Targets: address})
	wants(t, err, "InvalidTarget", "not registered")
}

// TestWhatCannotBeATarget: the answers to targets that make no sense.
func TestWhatCannotBeATarget(t *testing.T) {
	w := newWorld(t)
	g := w.group("g", "HTTP")
	instances := *nodetest.Do(w.World, &api.CreateTargetGroup, &api.CreateTargetGroupInput{Name: "i", Protocol: new("HTTP"), Port: new(int32(80)), VpcId: &w.vpc}).TargetGroups[0].TargetGroupArn
	function := *nodetest.Do(w.World, &api.CreateTargetGroup, &api.CreateTargetGroupInput{Name: "f", TargetType: new("lambda")}).TargetGroups[0].TargetGroupArn
	for name, row := range map[string]struct {
		group      string
		target     api.TargetDescription
		code, text string
	}{
		"not an address":          {g, api.TargetDescription{Id: "web"}, "ValidationError", "not a valid IPv4 or IPv6 address"},
		"of the internet":         {g, api.TargetDescription{Id: "8.8.8.8"}, "InvalidTarget", "8.8.8.8"},
		"of another network":      {g, api.TargetDescription{Id: "192.168.7.7"}, "InvalidTarget", "Availability Zone 'all'"},
		"of another one, rightly": {g, api.TargetDescription{Id: "192.168.7.7", AvailabilityZone: new("all")}, "", ""},
		"not an instance":         {instances, api.TargetDescription{Id: "10.0.0.7"}, "ValidationError", "Instance ID '10.0.0.7' is not valid"},
		"an instance of nobody":   {instances, api.TargetDescription{Id: "i-0123456789abcdef0"}, "InvalidTarget", "i-0123456789abcdef0"},
		"not a function":          {function, api.TargetDescription{Id: "f"}, "InvalidTarget", "not a valid Lambda function ARN"},
		"a function":              {function, api.TargetDescription{Id: "arn:aws:lambda:us-east-1:000000000000:function:f"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := nodetest.Try(w.World, &api.RegisterTargets, &api.RegisterTargetsInput{TargetGroupArn: row.group, Targets: []api.TargetDescription{row.target}})
			wants(t, err, row.code, row.text)
		})
	}
}

// TestWhatIsInUse: what a load balancer leads to stays, and belongs to it alone.
func TestWhatIsInUse(t *testing.T) {
	w := newWorld(t)
	b, other, g := w.balancer("web"), w.balancer("other"), w.group("g", "HTTP")
	streams := w.group("s", "TCP")
	l := w.listener(*b.LoadBalancerArn, 80, leads(g))
	_, err := nodetest.Try(w.World, &api.DeleteTargetGroup, &api.DeleteTargetGroupInput{TargetGroupArn: g})
	wants(t, err, "ResourceInUse", "is currently in use by a listener or a rule")
	listen := func(b *string, port int32, protocol string, actions []api.Action) error {
		_, err := nodetest.Try(w.World, &api.CreateListener, &api.CreateListenerInput{LoadBalancerArn: *b, Port: &port, Protocol: &protocol, DefaultActions: actions})
		return err
	}
	wants(t, listen(other.LoadBalancerArn, 80, "HTTP", leads(g)), "TargetGroupAssociationLimit", g)
	wants(t, listen(b.LoadBalancerArn, 80, "HTTP", says("x")), "DuplicateListener", "A listener already exists on this port for this load balancer")
	wants(t, listen(b.LoadBalancerArn, 81, "TCP", leads(g)), "UnsupportedProtocol", "TCP")
	wants(t, listen(b.LoadBalancerArn, 81, "HTTP", leads(streams)), "IncompatibleProtocols", "")
	wants(t, listen(b.LoadBalancerArn, 443, "HTTPS", leads(g)), "ValidationError", "A certificate must be specified for HTTPS listeners")
	wants(t, listen(b.LoadBalancerArn, 82, "HTTP", []api.Action{{Type: "authenticate-oidc", Order: new(int32(1))}, leads(g)[0]}), "InvalidLoadBalancerAction", "authenticate-oidc")
	net := w.network("net")
	wants(t, listen(net.LoadBalancerArn, 80, "UDP", leads(streams)), "IncompatibleProtocols", "The listener protocol 'UDP' is not supported with a target group with the target protocol 'TCP'")
	wants(t, listen(net.LoadBalancerArn, 80, "TCP", leads(streams)), "", "")
	wants(t, listen(net.LoadBalancerArn, 80, "TCP", says("x")), "DuplicateListener", "")
	nodetest.Do(w.World, &api.DeleteListener, &api.DeleteListenerInput{ListenerArn: l})
	nodetest.Do(w.World, &api.DeleteTargetGroup, &api.DeleteTargetGroupInput{TargetGroupArn: g})
	_, err = nodetest.Try(w.World, &apiec2.DeleteVpc, &apiec2.DeleteVpcInput{VpcId: w.vpc})
	wants(t, err, "DependencyViolation", "")
}
