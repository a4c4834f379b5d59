package group

import (
	"errors"
	"slices"

	"pileus/api/elb"
	"pileus/api/elbv2"
	"pileus/cloud"
	"pileus/identity"
)

// Types of sources.
const (
	classic     = "elb"
	targetGroup = "elbv2"
	lattice     = "vpc-lattice"
)

// States of sources.
const (
	sourceAdding    = "Adding"
	sourceAdded     = "Added"
	sourceInService = "InService"
	sourceRemoving  = "Removing"
)

// source is one of the group's by its id; nil where it is not or is on its way
// out.
func (g *Group) source(id string) *Source {
	for n := range g.Balancers {
		if b := &g.Balancers[n]; b.ID == id && b.State != sourceRemoving {
			return b
		}
	}
	return nil
}

// unregistered are the sources in which an instance has no place yet.
func (s *scene) unregistered(i *Instance) (list []Source) {
	for _, b := range s.Balancers {
		if b.State != sourceRemoving && !slices.ContainsFunc(i.Registered, func(p Registration) bool { return p.Source == b.ID }) {
			list = append(list, b)
		}
	}
	return list
}

// detached are an instance's places in sources that the group has no more.
func (s *scene) detached(i *Instance) (list []Registration) {
	for _, p := range i.Registered {
		if s.source(p.Source) == nil {
			list = append(list, p)
		}
	}
	return list
}

// everywhere tells whether all instances in service have a place in a source.
func (s *scene) everywhere(id string) bool {
	for _, i := range s.members {
		if i.Serving() && !i.placed(id) {
			return false
		}
	}
	return true
}

// anywhere tells whether one has.
func (s *scene) anywhere(id string) bool {
	return slices.ContainsFunc(s.members, func(i *Instance) bool { return i.placed(id) })
}

func (i *Instance) placed(id string) bool {
	return slices.ContainsFunc(i.Registered, func(p Registration) bool { return p.Source == id })
}

// register gives an instance its place in the sources that lack it, and takes
// it out of those that the group has no more. It answers all its places.
func (k *Keeper) register(c *cloud.Call, s *scene, i *Instance) ([]Registration, error) {
	places := slices.Clone(i.Registered)
	for _, b := range s.unregistered(i) {
		p := Registration{Source: b.ID, Skipped: s.Suspended("AddToLoadBalancer")}
		if !p.Skipped {
			refused, err := settled(join(c, b.ID, i.ID))
			if err != nil {
				return nil, err
			}
			p.Skipped = refused
		}
		places = append(places, p)
	}
	for _, p := range s.detached(i) {
		if _, err := k.depart(c, p, i.ID); err != nil {
			return nil, err
		}
		places = slices.DeleteFunc(places, func(o Registration) bool { return o == p })
	}
	return places, nil
}

// deregister takes an instance out of all its sources; done tells that none has
// requests of it under way any more.
func (k *Keeper) deregister(c *cloud.Call, i *Instance) (done bool, err error) {
	done = true
	for _, p := range i.Registered {
		out, err := k.depart(c, p, i.ID)
		if err != nil {
			return false, err
		}
		done = done && out
	}
	return done, nil
}

// depart takes an instance out of one source.
func (k *Keeper) depart(c *cloud.Call, p Registration, id string) (done bool, err error) {
	if p.Skipped {
		return true, nil
	}
	draining, known, err := k.inTraffic(c, p.Source, id)
	if err != nil || !known {
		return err == nil, err
	}
	if draining {
		return false, nil
	}
	if _, err := settled(leaveSource(c, p.Source, id)); err != nil {
		return false, err
	}
	draining, known, err = k.inTraffic(c, p.Source, id)
	return !known && !draining, err
}

// settled sorts the errors of load balancers: what a client is refused for, a
// source that is gone say, is settled and will not be better the next time.
func settled(err error) (refused bool, _ error) {
	var e *cloud.Error
	if errors.As(err, &e) && !e.Server {
		return true, nil
	}
	return false, err
}

func isTargetGroup(id string) bool { _, ok := cloud.ParseARN(id); return ok }

func join(c *cloud.Call, source, id string) error {
	as := identity.AsAccount(c)
	if isTargetGroup(source) {
		_, err := elbv2.RegisterTargets.Call(as, &elbv2.RegisterTargetsInput{TargetGroupArn: source, Targets: []elbv2.TargetDescription{{Id: id}}})
		return err
	}
	_, err := elb.RegisterInstancesWithLoadBalancer.Call(as, &elb.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: source, Instances: []elb.Instance{{InstanceId: &id}}})
	return err
}

func leaveSource(c *cloud.Call, source, id string) error {
	as := identity.AsAccount(c)
	if isTargetGroup(source) {
		_, err := elbv2.DeregisterTargets.Call(as, &elbv2.DeregisterTargetsInput{TargetGroupArn: source, Targets: []elbv2.TargetDescription{{Id: id}}})
		return err
	}
	_, err := elb.DeregisterInstancesFromLoadBalancer.Call(as, &elb.DeregisterInstancesFromLoadBalancerInput{LoadBalancerName: source, Instances: []elb.Instance{{InstanceId: &id}}})
	return err
}

// What a classic load balancer says of instances that leave it, and have left.
const (
	drainingFromClassic = "Instance deregistration currently in progress."
	unknownToClassic    = "Instance is not currently registered with the LoadBalancer."
)

// inTraffic tells whether a source knows an instance, and whether it has it
// finish its requests.
func (k *Keeper) inTraffic(c *cloud.Call, source, id string) (draining, known bool, err error) {
	as := identity.AsAccount(c)
	if !isTargetGroup(source) {
		out, err := elb.DescribeInstanceHealth.Call(as, &elb.DescribeInstanceHealthInput{LoadBalancerName: source})
		if refused, err := settled(err); refused || err != nil {
			return false, false, err
		}
		for _, st := range out.InstanceStates {
			if text := cloud.Or(st.Description, ""); cloud.Or(st.InstanceId, "") == id && text != unknownToClassic {
				return text == drainingFromClassic, true, nil
			}
		}
		return false, false, nil
	}
	out, err := elbv2.DescribeTargetHealth.Call(as, &elbv2.DescribeTargetHealthInput{TargetGroupArn: source})
	if refused, err := settled(err); refused || err != nil {
		return false, false, err
	}
	for _, d := range out.TargetHealthDescriptions {
		if d.Target != nil && d.Target.Id == id {
			return d.TargetHealth != nil && cloud.Or(d.TargetHealth.State, "") == elbv2.TargetHealthStateEnumDraining, true, nil
		}
	}
	return false, false, nil
}

// failing are the instances of a source that its health checks have found
// unhealthy, and whether it serves any.
func failing(c *cloud.Call, source string) (ill map[string]bool, serves bool, err error) {
	as := identity.AsAccount(c)
	ill = map[string]bool{}
	if !isTargetGroup(source) {
		out, err := elb.DescribeInstanceHealth.Call(as, &elb.DescribeInstanceHealthInput{LoadBalancerName: source})
		if refused, err := settled(err); refused || err != nil {
			return ill, false, err
		}
		for _, st := range out.InstanceStates {
			serves = serves || cloud.Or(st.State, "") == sourceInService
			if cloud.Or(st.State, "") == "OutOfService" && cloud.Or(st.ReasonCode, "") == "Instance" {
				ill[cloud.Or(st.InstanceId, "")] = true
			}
		}
		return ill, serves, nil
	}
	out, err := elbv2.DescribeTargetHealth.Call(as, &elbv2.DescribeTargetHealthInput{TargetGroupArn: source})
	if refused, err := settled(err); refused || err != nil {
		return ill, false, err
	}
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		state := cloud.Or(d.TargetHealth.State, "")
		serves = serves || state == elbv2.TargetHealthStateEnumHealthy
		if state == elbv2.TargetHealthStateEnumUnhealthy {
			ill[d.Target.Id] = true
		}
	}
	return ill, serves, nil
}
