package elb

import (
	"slices"

	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/lb"
	"pileus/store"
)

// States of instances, and why.
const (
	inService    = "InService"
	outOfService = "OutOfService"
	byBalancer   = "ELB"
	byInstance   = "Instance"
	noReason     = "N/A"
)

// verdict is how an instance is.
type verdict struct{ state, reason, text string }

func (s *service) describeInstanceHealth(c *cloud.Call, r store.Reader, in *api.DescribeInstanceHealthInput) (*api.DescribeInstanceHealthOutput, error) {
	b, err := find(c, r, in.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	list := ids(in.Instances)
	if len(list) == 0 {
		list = slices.Clone(b.Instances)
		for _, d := range b.Draining {
			list = append(list, d.Instance)
		}
	}
	found, err := machinesOf(c, list)
	if err != nil {
		return nil, err
	}
	health := s.healthOf(b)
	out := &api.DescribeInstanceHealthOutput{InstanceStates: []api.InstanceState{}}
	for _, id := range list {
		m, ok := found[id]
		if !ok && !slices.Contains(b.Instances, id) {
			return nil, errNoInstance(id)
		}
		v := b.judge(c, id, m, health[id])
		out.InstanceStates = append(out.InstanceStates, api.InstanceState{InstanceId: &id, State: &v.state, ReasonCode: &v.reason, Description: &v.text})
	}
	return out, nil
}

// healthOf is what the engine knows of the instances.
func (s *service) healthOf(b *balancer) map[string]lb.TargetHealth {
	out := map[string]lb.TargetHealth{}
	for _, h := range s.data.Health(b.arn(), b.checkedGroup()) {
		out[h.ID] = h
	}
	return out
}

// judge tells how an instance is, in AWS's words.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/ts-elb-healthcheck.html
func (b *balancer) judge(c *cloud.Call, id string, m machine, h lb.TargetHealth) verdict {
	switch {
	case slices.ContainsFunc(b.Draining, func(d draining) bool { return d.Instance == id && c.Now.Before(d.Until) }):
		return verdict{inService, noReason, "Instance deregistration currently in progress."}
	case !slices.Contains(b.Instances, id):
		return verdict{outOfService, byInstance, "Instance is not currently registered with the LoadBalancer."}
	case m.State == "":
		return verdict{outOfService, byInstance, "Instance is in terminated state."}
	case m.State != "running" && m.State != "pending":
		return verdict{outOfService, byInstance, "Instance is in " + m.State + " state."}
	case !slices.Contains(b.zones(), m.Zone):
		return verdict{outOfService, byBalancer, "Instance is in the EC2 Availability Zone for which LoadBalancer is not configured to route traffic to."}
	}
	switch h.State {
	case "healthy":
		return verdict{inService, noReason, noReason}
	case "unhealthy":
		return verdict{outOfService, byInstance, "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."}
	}
	return verdict{outOfService, byBalancer, "Instance registration is still in progress."}
}
