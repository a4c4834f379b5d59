package scale_test

import (
	"strings"
	"testing"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/api/elbv2"
	"pileus/node/nodetest"
)

// A policy on the requests of a load balancer names it, and the target group
// between it and the Auto Scaling group.
func TestRequestsPerTarget(t *testing.T) {
	w := newWorld(t)
	subnets := nodetest.Do(w.World, &ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets
	target := *nodetest.Do(w.World, &elbv2.CreateTargetGroup, &elbv2.CreateTargetGroupInput{Name: "web", Protocol: new("HTTP"), Port: new(int32(80)), VpcId: subnets[0].VpcId}).TargetGroups[0].TargetGroupArn
	balancer := *nodetest.Do(w.World, &elbv2.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: "front", Subnets: []string{*subnets[0].SubnetId, *subnets[1].SubnetId}}).LoadBalancers[0].LoadBalancerArn
	w.Drain()
	w.group(0, 2, 0, func(in *api.CreateAutoScalingGroupInput) { in.TargetGroupARNs = []string{target} })
	_, front, _ := strings.Cut(balancer, ":loadbalancer/")
	behind := target[strings.Index(target, "targetgroup/"):]
	in := tracking(1000)
	in.TargetTrackingConfiguration.PredefinedMetricSpecification = &api.PredefinedMetricSpecification{PredefinedMetricType: "ALBRequestCountPerTarget", ResourceLabel: new(front + "/" + behind)}
	_, err := nodetest.Try(w.World, &api.PutScalingPolicy, in)
	fails(t, err, "ValidationError", "The load balancer does not route traffic to the target group.")
	nodetest.Do(w.World, &elbv2.CreateListener, &elbv2.CreateListenerInput{LoadBalancerArn: balancer, Protocol: new("HTTP"), Port: new(int32(80)), DefaultActions: []elbv2.Action{{Type: "forward", TargetGroupArn: &target}}})
	w.put(in)
	a := w.alarms()["High"]
	seen := map[string]string{}
	for _, d := range a.Dimensions {
		seen[d.Name] = d.Value
	}
	if *a.Namespace != "AWS/ApplicationELB" || *a.MetricName != "RequestCountPerTarget" || *a.Statistic != "Sum" || seen["TargetGroup"] != behind || seen["LoadBalancer"] != front {
		t.Errorf("alarm: %+v", a)
	}
}
