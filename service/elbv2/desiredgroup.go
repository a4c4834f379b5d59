package elbv2

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	apiec2 "pileus/api/ec2"
	"pileus/cloud"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/store"
)

// world is what targets are looked up in.
type world struct {
	instances map[string]instance
	subnets   []subnetRange
}

// subnetRange is where addresses of a zone are.
type subnetRange struct {
	prefix netip.Prefix
	zone   string
}

// lookAround finds what a load balancer's targets are.
func lookAround(c *cloud.Call, r store.Reader, b *balancer) (*world, error) {
	var list []*group
	for arn := range uses(r, b) {
		if g, ok := groups.Get(r, b.Account, b.Region, arn); ok {
			list = append(list, g)
		}
	}
	return lookFor(c, r, list...)
}

// lookFor finds what the targets of groups are.
func lookFor(c *cloud.Call, r store.Reader, list ...*group) (*world, error) {
	w := &world{}
	var ids []string
	vpcs := map[string]bool{}
	for _, g := range list {
		for t := range targetsOf(r, g) {
			switch g.Kind {
			case ofInstances:
				ids = append(ids, t.ID)
			case ofAddresses:
				vpcs[g.VPC] = true
			}
		}
	}
	slices.Sort(ids)
	var err error
	if w.instances, err = instancesOf(c, slices.Compact(ids)); err != nil {
		return nil, err
	}
	for vpc := range vpcs {
		if err := w.addSubnets(c, vpc); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *world) addSubnets(c *cloud.Call, vpc string) error {
	out, err := apiec2.DescribeSubnets.Call(attach.As(c), &apiec2.DescribeSubnetsInput{Filters: []apiec2.Filter{{Name: new("vpc-id"), Values: []string{vpc}}}})
	if err != nil {
		return err
	}
	for _, s := range out.Subnets {
		ranges := []string{cloud.Or(s.CidrBlock, "")}
		for _, six := range s.Ipv6CidrBlockAssociationSet {
			ranges = append(ranges, cloud.Or(six.Ipv6CidrBlock, ""))
		}
		for _, text := range ranges {
			if p, err := netip.ParsePrefix(text); err == nil {
				w.subnets = append(w.subnets, subnetRange{p, cloud.Or(s.AvailabilityZone, "")})
			}
		}
	}
	return nil
}

// zoneOf is the zone of an address; "all" where it is in no subnet.
func (w *world) zoneOf(a netip.Addr) string {
	for _, s := range w.subnets {
		if s.prefix.Contains(a) {
			return s.zone
		}
	}
	return "all"
}

// group is a target group as the data path takes it.
func (w *world) group(r store.Reader, b *balancer, g *group) *lb.Group {
	on := func(key string) bool { return g.attribute(key) == "true" }
	d := &lb.Group{
		ID: g.ARN, Name: resourceOf(g.ARN), Protocol: g.Protocol, Version: g.Version, Check: g.Check.desired(g),
		Algorithm: g.attribute("load_balancing.algorithm.type"), Anomaly: g.attribute("load_balancing.algorithm.anomaly_mitigation") == "on",
		SlowStart: seconds(g.attribute("slow_start.duration_seconds")), Drain: seconds(g.attribute("deregistration_delay.timeout_seconds")),
		EndOnDrain:     on("deregistration_delay.connection_termination.enabled"),
		PreserveClient: !g.isHTTP() && on("preserve_client_ip.enabled"), ProxyProtocol: on("proxy_protocol_v2.enabled"),
		EndUnhealthy: !g.isHTTP() && on("target_health_state.unhealthy.connection_termination.enabled"),
		DNSCount:     amount(g.attribute("target_group_health.dns_failover.minimum_healthy_targets.count")),
		DNSPercent:   amount(g.attribute("target_group_health.dns_failover.minimum_healthy_targets.percentage")),
		RouteCount:   amount(g.attribute("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count")),
		RoutePercent: amount(g.attribute("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage")),
		MultiValue:   on("lambda.multi_value_headers.enabled"),
	}
	if v := g.attribute("load_balancing.cross_zone.enabled"); v == "true" || v == "false" {
		d.CrossZone = new(v == "true")
	}
	if on("stickiness.enabled") {
		d.Sticky = g.sticky()
	}
	if g.Kind == ofLambda {
		d.Function = noLambda
	}
	for t := range targetsOf(r, g) {
		d.Targets = append(d.Targets, w.targets(r, b, g, t)...)
	}
	return d
}

// noLambda is what every function answers in a cloud without Lambda.
func noLambda(*http.Request) (*http.Response, error) {
	return nil, errors.New("this cloud has no Lambda")
}

func (g *group) sticky() lb.Stickiness {
	s := lb.Stickiness{Type: g.attribute("stickiness.type")}
	switch s.Type {
	case "lb_cookie":
		s.Duration = seconds(g.attribute("stickiness.lb_cookie.duration_seconds"))
	case "app_cookie":
		s.Duration, s.Cookie = seconds(g.attribute("stickiness.app_cookie.duration_seconds")), g.attribute("stickiness.app_cookie.cookie_name")
	}
	return s
}

// desired is how targets are checked as the data path takes it.
func (k check) desired(g *group) lb.Check {
	d := lb.Check{
		Off: !k.Enabled, Protocol: k.Protocol, Path: k.Path, Matcher: k.HTTP, Healthy: int(k.Healthy), Unhealthy: int(k.Failing),
		Interval: seconds(itoa(k.Interval)), Timeout: seconds(itoa(k.Timeout)),
	}
	if g.Version == "GRPC" {
		d.Matcher = k.GRPC
	}
	if k.Port != trafficPort {
		d.Port = uint16(amount(k.Port))
	}
	return d
}

// zoned joins a target's id with a zone, where one target has several
// addresses: a load balancer behind another.
const zoned = "@"

// targets are what a target is to the data path: one address, or one in each
// zone of a load balancer that is a target.
func (w *world) targets(r store.Reader, b *balancer, g *group, t *target) []lb.Target {
	d := lb.Target{ID: t.ID, Port: uint16(t.Port), Zone: t.Zone, Draining: t.Draining}
	switch g.Kind {
	case ofInstances:
		i := w.instances[t.ID]
		d.Zone, d.Addr = i.zone, i.v4
		if g.IPType == "ipv6" {
			d.Addr = i.v6
		}
		d.Down, d.DownText = i.down()
	case ofAddresses:
		d.Addr, _ = netip.ParseAddr(t.ID) // it was checked
		if d.Zone == "" {
			d.Zone = w.zoneOf(d.Addr)
		}
	case ofBalancers:
		return behind(r, t, d)
	}
	if d.Down == "" && d.Zone != "" && d.Zone != "all" && !slices.ContainsFunc(b.Nodes, func(n attach.Node) bool { return n.Zone == d.Zone }) {
		d.Down, d.DownText = "Target.NotInUse", "Target is in an Availability Zone that is not enabled for the load balancer"
	}
	s, ok := sightings.Get(r, b.ARN, g.ARN, t.ID, t.Port)
	if ok && s.Since.After(t.Since) {
		d.Known = s.State
	}
	return []lb.Target{d}
}

// down is why an instance can get nothing; "" where it can.
func (i instance) down() (reason, text string) {
	switch i.state {
	case "running":
		return "", ""
	case "pending": // it is being started: checks find out when it answers
		return "", ""
	case "":
		return "Target.InvalidState", "Target is in the terminated state"
	}
	return "Target.InvalidState", "Target is in the " + i.state + " state"
}

// behind are the nodes of a load balancer that is a target itself.
func behind(r store.Reader, t *target, d lb.Target) (list []lb.Target) {
	b, ok := balancers.Get(r, t.Account, t.Region, t.ID)
	if !ok {
		return nil
	}
	for _, n := range b.Nodes {
		x := d
		x.ID, x.Zone, x.Addr = t.ID+zoned+n.Zone, n.Zone, n.Private
		list = append(list, x)
	}
	return list
}

// owner is the id under which a target of the data path was registered.
func owner(id string) string {
	before, _, _ := strings.Cut(id, zoned)
	return before
}
