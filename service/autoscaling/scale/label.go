package scale

import (
	"slices"
	"strings"

	api "pileus/api/autoscaling"
	"pileus/api/elbv2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// checkLabel checks the ResourceLabel of a predefined metric: the end of a load
// balancer's ARN and that of a target group which the group is attached to.
func checkLabel(g *group.Group, needed bool, kind string, label *string) error {
	switch {
	case !needed && label != nil:
		return group.Invalid("ResourceLabel cannot be specified for the predefined metric type %s", kind)
	case !needed:
		return nil
	case label == nil:
		return group.Invalid("ResourceLabel must be specified for the predefined metric type %s", kind)
	}
	balancer, target, ok := splitLabel(*label)
	if !ok {
		return group.Invalid("The resource label %s is invalid. It must be in the form app/my-alb/778d41231b141a0f/targetgroup/my-alb-target-group/943f017f100becff", *label)
	}
	if !slices.ContainsFunc(g.Balancers, func(s group.Source) bool { return strings.HasSuffix(s.ID, ":"+target) }) {
		return group.Invalid("Target group %s of load balancer %s is not attached to the Auto Scaling group %s", target, balancer, g.Name)
	}
	return nil
}

// splitLabel takes app/lb/id/targetgroup/name/id apart.
func splitLabel(label string) (balancer, target string, ok bool) {
	f := strings.Split(label, "/")
	if len(f) != 6 || f[0] != "app" || f[3] != "targetgroup" {
		return "", "", false
	}
	return strings.Join(f[:3], "/"), strings.Join(f[3:], "/"), true
}

// labels are the resource labels that a request for a policy has.
func labels(in *api.PutScalingPolicyInput) (list []string) {
	add := func(label *string) {
		if label != nil {
			list = append(list, *label)
		}
	}
	if t := in.TargetTrackingConfiguration; t != nil && t.PredefinedMetricSpecification != nil {
		add(t.PredefinedMetricSpecification.ResourceLabel)
	}
	if t := in.PredictiveScalingConfiguration; t != nil {
		for _, m := range t.MetricSpecifications {
			if p := m.PredefinedMetricPairSpecification; p != nil {
				add(p.ResourceLabel)
			}
			if p := m.PredefinedLoadMetricSpecification; p != nil {
				add(p.ResourceLabel)
			}
			if p := m.PredefinedScalingMetricSpecification; p != nil {
				add(p.ResourceLabel)
			}
		}
	}
	return list
}

// routed refuses a label whose load balancer sends nothing to the target group.
// The target group is one of the group's.
func routed(c *cloud.Call, tx store.Tx, g *group.Group, label string) error {
	balancer, target, _ := splitLabel(label)
	at := slices.IndexFunc(g.Balancers, func(s group.Source) bool { return strings.HasSuffix(s.ID, ":"+target) })
	if at < 0 {
		return nil
	}
	as := identity.AsAccount(within(c, tx))
	out, err := elbv2.DescribeTargetGroups.Call(as, &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{g.Balancers[at].ID}})
	if err != nil {
		return err
	}
	for _, t := range out.TargetGroups {
		if slices.ContainsFunc(t.LoadBalancerArns, func(arn string) bool { return strings.HasSuffix(arn, ":loadbalancer/"+balancer) }) {
			return nil
		}
	}
	return group.Invalid("The load balancer does not route traffic to the target group.")
}
