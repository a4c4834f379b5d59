package elbv2

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/store"
)

// weighted is a target group and its share.
type weighted struct {
	arn    string
	weight int
}

// weights are the groups to which a forward action leads, however it names them.
func weights(a api.Action) (list []weighted) {
	if a.ForwardConfig != nil && len(a.ForwardConfig.TargetGroups) > 0 {
		for _, t := range a.ForwardConfig.TargetGroups {
			list = append(list, weighted{cloud.Or(t.TargetGroupArn, ""), int(cloud.Or(t.Weight, 1))})
		}
		return list
	}
	if a.TargetGroupArn != nil {
		list = append(list, weighted{*a.TargetGroupArn, 1})
	}
	return list
}

// frame is where actions shall be: a listener of a load balancer.
type frame struct {
	c        *cloud.Call
	r        store.Reader
	b        *balancer
	protocol string
}

// actions checks a list of actions and returns it complete, in its order. before
// is what was there until now.
func (x frame) actions(list, before []api.Action) ([]api.Action, error) {
	if len(list) == 0 {
		return nil, invalid("An action must be specified")
	}
	if len(list) > maxActions {
		return nil, api.ErrTooManyActions.New("The maximum number of actions on a rule has been reached")
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b api.Action) int { return cmp.Compare(cloud.Or(a.Order, last), cloud.Or(b.Order, last)) })
	for n := range list {
		final := list[n].Type == "forward" || list[n].Type == "redirect" || list[n].Type == "fixed-response"
		switch {
		case final && n < len(list)-1:
			return nil, api.ErrInvalidLoadBalancerAction.New("The action '%s' must be performed last", list[n].Type)
		case !final && n == len(list)-1 && x.b.Type == application:
			return nil, api.ErrInvalidLoadBalancerAction.New("The last action must be of type 'forward', 'redirect' or 'fixed-response'")
		case !final && n > 0:
			return nil, api.ErrInvalidLoadBalancerAction.New("Only one action can authenticate users or validate tokens, and it must be performed first")
		}
		if x.b.Type == network && list[n].Type != "forward" {
			return nil, api.ErrInvalidLoadBalancerAction.New("The action '%s' is not supported for load balancers with type 'network'", list[n].Type)
		}
		var err error
		switch list[n].Type {
		case "forward":
			err = x.forward(&list[n])
		case "redirect":
			err = redirect(&list[n])
		case "fixed-response":
			err = fixed(&list[n])
		default:
			err = x.auth(&list[n], before)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, x.count(list)
}

// forward checks an action that leads to target groups.
func (x frame) forward(a *api.Action) error {
	list := weights(*a)
	switch {
	case len(list) == 0:
		return invalid("You must specify a target group for the action type 'forward'")
	case a.TargetGroupArn != nil && (len(list) > 1 || list[0].arn != *a.TargetGroupArn):
		return invalid("You cannot specify both a target group ARN and a target group list in the same action")
	case len(list) > maxGroupsOfAction:
		return api.ErrTooManyTargetGroups.New("The maximum number of target groups on an action has been reached")
	}
	config := &api.ForwardActionConfig{TargetGroupStickinessConfig: &api.TargetGroupStickinessConfig{Enabled: new(false)}}
	if f := a.ForwardConfig; f != nil && f.TargetGroupStickinessConfig != nil {
		s := *f.TargetGroupStickinessConfig
		if on := cloud.Or(s.Enabled, false); on {
			if d := cloud.Or(s.DurationSeconds, 0); d < 1 || d > 604800 {
				return invalid("Target group stickiness duration must be between '1' and '604800' seconds inclusive")
			}
		}
		s.Enabled = new(cloud.Or(s.Enabled, false))
		config.TargetGroupStickinessConfig = &s
	}
	seen := map[string]bool{}
	for _, w := range list {
		if seen[w.arn] {
			return invalid("The target group '%s' is specified more than once", w.arn)
		}
		if w.weight < 0 || w.weight > 999 {
			return invalid("Target group weight '%d' must be between '0' and '999' inclusive", w.weight)
		}
		seen[w.arn] = true
		if err := x.checkGroup(w.arn); err != nil {
			return err
		}
		config.TargetGroups = append(config.TargetGroups, api.TargetGroupTuple{TargetGroupArn: new(w.arn), Weight: new(int32(w.weight))})
	}
	a.ForwardConfig = config
	if len(list) == 1 {
		a.TargetGroupArn = new(list[0].arn)
	}
	return nil
}

// carries tells which protocols of groups a listener of a network load balancer
// can lead to.
var carries = map[string][]string{"TCP": {"TCP", "TCP_UDP"}, "TLS": {"TLS", "TCP"}, "UDP": {"UDP", "TCP_UDP"}, "TCP_UDP": {"TCP_UDP"}}

// checkGroup tells why the load balancer cannot lead to a group.
func (x frame) checkGroup(arn string) error {
	g, err := findGroup(x.c, x.r, arn)
	if err != nil {
		return err
	}
	if x.b.Type == application && !g.isHTTP() {
		return api.ErrIncompatibleProtocols.New("The protocol '%s' of target group '%s' is not supported for load balancers with type 'application'", g.Protocol, arn)
	}
	if x.b.Type == network && !slices.Contains(carries[x.protocol], g.Protocol) {
		return api.ErrIncompatibleProtocols.New("The listener protocol '%s' is not supported with a target group with the target protocol '%s'", x.protocol, g.Protocol)
	}
	if g.VPC != "" && g.VPC != x.b.VPC {
		return api.ErrInvalidConfigurationRequest.New("The following target groups are not in the same VPC as the load balancer '%s': %s", x.b.ARN, arn)
	}
	for _, other := range usersOf(x.r, g) {
		if other.ARN != x.b.ARN {
			return api.ErrTargetGroupAssociationLimit.New("The following target groups cannot be associated with more than one load balancer: %s", arn)
		}
	}
	return nil
}

// count tells whether the load balancer leads to too many groups with these.
func (x frame) count(list []api.Action) error {
	all := uses(x.r, x.b)
	for arn := range forwards(list) {
		all[arn] = true
	}
	if len(all) > maxGroupsOf(x.b.Type) {
		return api.ErrTooManyUniqueTargetGroupsPerLoadBalancer.New("The maximum number of unique target groups per load balancer has been reached on load balancer '%s'", x.b.ARN)
	}
	return nil
}

// redirect completes a redirect with what stays as it is.
func redirect(a *api.Action) error {
	if a.RedirectConfig == nil {
		return invalid("A redirect action must have a redirect configuration")
	}
	c := *a.RedirectConfig
	if c.Protocol == nil && c.Host == nil && c.Port == nil && c.Path == nil && c.Query == nil {
		return api.ErrInvalidLoadBalancerAction.New("The redirect configuration is not valid because it creates a loop")
	}
	fill := func(p **string, keep string) {
		if *p == nil {
			*p = &keep
		}
	}
	fill(&c.Protocol, "#{protocol}")
	fill(&c.Host, "#{host}")
	fill(&c.Port, "#{port}")
	fill(&c.Path, "/#{path}")
	fill(&c.Query, "#{query}")
	if p := *c.Port; p != "#{port}" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return invalid("Redirect port '%s' must be an integer between 1 and 65535 or '#{port}'", p)
		}
	}
	if !strings.HasPrefix(*c.Path, "/") {
		return invalid("Redirect path '%s' must begin with a '/' character", *c.Path)
	}
	if *c.Protocol == "#{protocol}" && *c.Host == "#{host}" && *c.Port == "#{port}" && *c.Path == "/#{path}" && *c.Query == "#{query}" {
		return api.ErrInvalidLoadBalancerAction.New("The redirect configuration is not valid because it creates a loop")
	}
	a.RedirectConfig = &c
	return nil
}

func fixed(a *api.Action) error {
	if a.FixedResponseConfig == nil {
		return invalid("A fixed-response action must have a fixed-response configuration")
	}
	c := *a.FixedResponseConfig
	if c.ContentType == nil {
		c.ContentType = new("text/plain")
	}
	if !slices.Contains([]string{"text/plain", "text/css", "text/html", "application/javascript", "application/json"}, *c.ContentType) {
		return invalid("Fixed-response content type '%s' must be one of 'text/plain', 'text/css', 'text/html', 'application/javascript', 'application/json'", *c.ContentType)
	}
	a.FixedResponseConfig = &c
	return nil
}
