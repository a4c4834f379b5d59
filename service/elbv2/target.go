package elbv2

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	apiec2 "pileus/api/ec2"
	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb/attach"
	"pileus/store"
)

// drainController takes targets out for good whose deregistration is over.
const drainController = "elbv2.drain"

func (s *elb) registerTargets(c *cloud.Call, tx store.Tx, in *api.RegisterTargetsInput) (*api.RegisterTargetsOutput, error) {
	g, err := findGroup(c, tx, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	if len(in.Targets) == 0 {
		return nil, invalid("At least one target must be specified")
	}
	have := count(targetsOf(tx, g))
	if err := g.checkTargets(c, tx, in.Targets); err != nil {
		return nil, err
	}
	for _, d := range in.Targets {
		t := &target{Account: c.Account, Region: c.Region, Group: g.ARN, ID: d.Id, Port: cloud.Or(d.Port, g.Port), Zone: cloud.Or(d.AvailabilityZone, ""), Since: c.Now}
		old, known := targets.Get(tx, t.Account, t.Region, t.Group, t.ID, t.Port)
		if known && old.Draining.IsZero() {
			continue
		}
		if !known {
			have++
		}
		targets.Put(tx, t)
	}
	switch {
	case g.Kind == ofLambda && have > 1:
		return nil, api.ErrTooManyTargets.New("You can register only one Lambda function with target group '%s'", g.ARN)
	case g.Kind == ofBalancers && have > 1:
		return nil, api.ErrTooManyTargets.New("You can register only one Application Load Balancer with target group '%s'", g.ARN)
	case have > maxTargets:
		return nil, api.ErrTooManyTargets.New("The maximum number of targets for target group '%s' has been reached", g.ARN)
	}
	touchUsers(tx, g)
	return &api.RegisterTargetsOutput{}, nil
}

// checkTargets tells which targets cannot be in the group.
func (g *group) checkTargets(c *cloud.Call, r store.Reader, list []api.TargetDescription) error {
	switch g.Kind {
	case ofInstances:
		return g.checkInstances(c, list)
	case ofAddresses:
		return g.checkAddresses(c, list)
	case ofLambda:
		for _, d := range list {
			if a, ok := cloud.ParseARN(d.Id); !ok || a.Service != "lambda" || !strings.HasPrefix(a.Resource, "function:") {
				return api.ErrInvalidTarget.New("'%s' is not a valid Lambda function ARN", d.Id)
			}
			if d.Port != nil {
				return invalid("Port cannot be specified for Lambda function targets")
			}
		}
		return nil
	}
	for _, d := range list {
		b, err := findBalancer(c, r, d.Id)
		switch {
		case err != nil:
			return api.ErrInvalidTarget.New("The following targets are not valid load balancers: '%s'", d.Id)
		case b.Type != application || b.VPC != g.VPC:
			return api.ErrInvalidTarget.New("The load balancer '%s' must be an Application Load Balancer in the VPC of the target group, '%s'", d.Id, g.VPC)
		case !slices.ContainsFunc(slices.Collect(listenersOf(r, b)), func(l *listener) bool { return l.Port == cloud.Or(d.Port, g.Port) }):
			return api.ErrInvalidTarget.New("The load balancer '%s' must have a listener on port '%d', the port of the target group", d.Id, cloud.Or(d.Port, g.Port))
		}
	}
	return nil
}

func (g *group) checkInstances(c *cloud.Call, list []api.TargetDescription) error {
	ids := make([]string, len(list))
	for n, d := range list {
		if !strings.HasPrefix(d.Id, "i-") {
			return invalid("Instance ID '%s' is not valid", d.Id)
		}
		ids[n] = d.Id
	}
	found, err := instancesOf(c, ids)
	if err != nil {
		return err
	}
	var stopped, elsewhere []string
	for _, id := range ids {
		i, ok := found[id]
		switch {
		case !ok:
			return api.ErrInvalidTarget.New("The following targets do not exist: '%s'", id)
		case i.state != "running" && i.state != "pending":
			stopped = append(stopped, "'"+id+"'")
		case i.vpc != g.VPC:
			elsewhere = append(elsewhere, "'"+id+"'")
		}
	}
	switch {
	case len(stopped) > 0:
		return api.ErrInvalidTarget.New("The following targets are not in a running state and cannot be registered: %s", strings.Join(stopped, ", "))
	case len(elsewhere) > 0:
		return api.ErrInvalidTarget.New("The following targets are not in the target group VPC '%s': %s", g.VPC, strings.Join(elsewhere, ", "))
	}
	return nil
}

// outside are ranges that targets may be in beside the VPC's own.
var outside = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
}

func (g *group) checkAddresses(c *cloud.Call, list []api.TargetDescription) error {
	ranges, err := rangesOf(c, g.VPC)
	if err != nil {
		return err
	}
	for _, d := range list {
		a, err := netip.ParseAddr(d.Id)
		if err != nil {
			return invalid("The IP address '%s' is not a valid IPv4 or IPv6 address", d.Id)
		}
		if a.Is4() != (g.IPType == "ipv4") {
			return api.ErrInvalidTarget.New("The IP address '%s' is not of the IP address type of the target group, '%s'", d.Id, g.IPType)
		}
		contains := func(p netip.Prefix) bool { return p.Contains(a) }
		inside := slices.ContainsFunc(ranges, contains)
		switch {
		case inside:
		case !slices.ContainsFunc(outside, contains):
			return api.ErrInvalidTarget.New("The IP address '%s' is not within the VPC CIDR blocks or the ranges 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, and 192.168.0.0/16", d.Id)
		case cloud.Or(d.AvailabilityZone, "") != "all":
			return api.ErrInvalidTarget.New("You must specify the Availability Zone 'all' for the IP address '%s', which is outside the VPC of the target group", d.Id)
		}
	}
	return nil
}

// rangesOf are the IP ranges of a VPC.
func rangesOf(c *cloud.Call, vpc string) (list []netip.Prefix, err error) {
	out, err := apiec2.DescribeVpcs.Call(attach.As(c), &apiec2.DescribeVpcsInput{VpcIds: []string{vpc}})
	if err != nil {
		return nil, err
	}
	for _, v := range out.Vpcs {
		for _, b := range v.CidrBlockAssociationSet {
			if p, err := netip.ParsePrefix(cloud.Or(b.CidrBlock, "")); err == nil {
				list = append(list, p)
			}
		}
		for _, b := range v.Ipv6CidrBlockAssociationSet {
			if p, err := netip.ParsePrefix(cloud.Or(b.Ipv6CidrBlock, "")); err == nil {
				list = append(list, p)
			}
		}
	}
	return list, nil
}

func (s *elb) deregisterTargets(c *cloud.Call, tx store.Tx, in *api.DeregisterTargetsInput) (*api.DeregisterTargetsOutput, error) {
	g, err := findGroup(c, tx, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	used := len(usersOf(tx, g)) > 0
	for _, d := range in.Targets {
		found := false
		for t := range targets.Index(tx, "id", c.Account, c.Region, d.Id, g.ARN) {
			if d.Port != nil && *d.Port != t.Port {
				continue
			}
			found = true
			g.drain(c, tx, t, used)
		}
		if !found {
			return nil, api.ErrInvalidTarget.New("The following targets are not registered with the target group '%s': '%s'", g.Name, d.Id)
		}
	}
	touchUsers(tx, g)
	return &api.DeregisterTargetsOutput{}, nil
}

// drain begins to take a target out: at once where no load balancer uses it.
func (g *group) drain(c *cloud.Call, tx store.Tx, t *target, used bool) {
	delay, _ := strconv.Atoi(g.attribute("deregistration_delay.timeout_seconds"))
	if !used || delay == 0 || g.Kind == ofLambda || g.Kind == ofBalancers {
		targets.Delete(tx, t.Account, t.Region, t.Group, t.ID, t.Port)
		return
	}
	if !t.Draining.IsZero() {
		return
	}
	d := *t
	d.Draining = c.Now
	targets.Put(tx, &d)
	tx.After(c.Now.Add(time.Duration(delay)*time.Second), drainController, store.K(t.Account, t.Region, t.Group))
}

// finishDraining removes targets of a group whose time is over.
func (s *elb) finishDraining(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	return c.Update(func(tx store.Tx) error {
		g, ok := groups.Get(tx, key...)
		if !ok {
			return nil
		}
		delay, _ := strconv.Atoi(g.attribute("deregistration_delay.timeout_seconds"))
		for _, t := range slices.Collect(targetsOf(tx, g)) {
			if t.Draining.IsZero() {
				continue
			}
			if at := t.Draining.Add(time.Duration(delay) * time.Second); at.After(c.Now) {
				tx.After(at, drainController, key)
				continue
			}
			targets.Delete(tx, t.Account, t.Region, t.Group, t.ID, t.Port)
		}
		touchUsers(tx, g)
		return nil
	})
}
