package elbv2

import (
	"slices"
	"strconv"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/store"
)

func (s *elb) createRule(c *cloud.Call, tx store.Tx, in *api.CreateRuleInput) (*api.CreateRuleOutput, error) {
	l, err := findListener(c, tx, in.ListenerArn)
	if err != nil {
		return nil, err
	}
	b, err := findBalancer(c, tx, l.Balancer)
	if err != nil {
		return nil, err
	}
	if b.Type == network {
		return nil, api.ErrUnsupportedProtocol.New("Rules are not supported for listeners with the protocol '%s'", l.Protocol)
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	v := &rule{Account: c.Account, Region: c.Region, Listener: l.ARN, Balancer: b.ARN, ID: c.Rand().String(16, hex), Priority: in.Priority, Tags: tags, Made: c.Now}
	v.ARN = l.ruleARN(c, v.ID)
	if v.Conditions, err = conditions(in.Conditions); err != nil {
		return nil, err
	}
	if v.Actions, err = (frame{c, tx, b, l.Protocol}).actions(in.Actions, nil); err != nil {
		return nil, err
	}
	if err := needSigner(c, tx, v.Actions); err != nil {
		return nil, err
	}
	if v.Transforms, err = transforms(in.Transforms); err != nil {
		return nil, err
	}
	for o := range rulesOf(tx, l) {
		if o.Priority == v.Priority {
			return nil, api.ErrPriorityInUse.New("Priority '%d' is currently in use", v.Priority)
		}
	}
	n := 0
	for o := range rules.Index(tx, "balancer", b.Account, b.Region, b.ARN) {
		if !o.isDefault() {
			n++
		}
	}
	if n >= maxRules {
		return nil, api.ErrTooManyRules.New("The maximum number of rules has been reached")
	}
	rules.Insert(tx, v)
	touch(tx, b)
	return &api.CreateRuleOutput{Rules: []api.Rule{v.show(l)}}, nil
}

func (l *listener) ruleARN(c *cloud.Call, id string) string {
	return c.ARN(service, "listener-rule/"+resourceOf(l.ARN)[len("listener/"):]+"/"+id)
}

func (s *elb) modifyRule(c *cloud.Call, tx store.Tx, in *api.ModifyRuleInput) (*api.ModifyRuleOutput, error) {
	old, err := findRule(c, tx, in.RuleArn)
	if err != nil {
		return nil, err
	}
	if old.isDefault() {
		return nil, api.ErrOperationNotPermitted.New("Default rule '%s' cannot be modified", old.ARN)
	}
	l, err := findListener(c, tx, old.Listener)
	if err != nil {
		return nil, err
	}
	b, err := findBalancer(c, tx, l.Balancer)
	if err != nil {
		return nil, err
	}
	v := *old
	if len(in.Conditions) > 0 {
		if v.Conditions, err = conditions(in.Conditions); err != nil {
			return nil, err
		}
	}
	if len(in.Actions) > 0 {
		if v.Actions, err = (frame{c, tx, b, l.Protocol}).actions(in.Actions, old.Actions); err != nil {
			return nil, err
		}
		if err := needSigner(c, tx, v.Actions); err != nil {
			return nil, err
		}
	}
	if err := v.changeTransforms(in); err != nil {
		return nil, err
	}
	rules.Put(tx, &v)
	touch(tx, b)
	return &api.ModifyRuleOutput{Rules: []api.Rule{v.show(l)}}, nil
}

func (s *elb) deleteRule(c *cloud.Call, tx store.Tx, in *api.DeleteRuleInput) (*api.DeleteRuleOutput, error) {
	v, err := findRule(c, tx, in.RuleArn)
	if err != nil {
		return nil, err
	}
	if v.isDefault() {
		return nil, api.ErrOperationNotPermitted.New("Default rule '%s' cannot be deleted", v.ARN)
	}
	rules.Delete(tx, v.Account, v.Region, v.ARN)
	if b, ok := balancers.Get(tx, v.Account, v.Region, v.Balancer); ok {
		touch(tx, b)
	}
	return &api.DeleteRuleOutput{}, nil
}

func (s *elb) describeRules(c *cloud.Call, r store.Reader, in *api.DescribeRulesInput) (*api.DescribeRulesOutput, error) {
	if (in.ListenerArn == nil) == (len(in.RuleArns) == 0) {
		return nil, invalid("You must specify either listener rule ARNs or a listener ARN")
	}
	var list []*rule
	if in.ListenerArn != nil {
		l, err := findListener(c, r, *in.ListenerArn)
		if err != nil {
			return nil, err
		}
		list = slices.Collect(rulesOf(r, l))
	}
	for _, arn := range in.RuleArns {
		v, err := findRule(c, r, arn)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	list, next, err := page(list, in.Marker, in.PageSize, func(v *rule) string { return v.ARN })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeRulesOutput{Rules: []api.Rule{}, NextMarker: next}
	for _, v := range list {
		l, err := findListener(c, r, v.Listener)
		if err != nil {
			return nil, err
		}
		out.Rules = append(out.Rules, v.show(l))
	}
	return out, nil
}

// setRulePriorities gives rules other priorities, all at once, so that two can
// change places.
func (s *elb) setRulePriorities(c *cloud.Call, tx store.Tx, in *api.SetRulePrioritiesInput) (*api.SetRulePrioritiesOutput, error) {
	if len(in.RulePriorities) == 0 {
		return nil, invalid("At least one rule priority must be specified")
	}
	wanted := map[string]int32{}
	var list []*rule
	for _, p := range in.RulePriorities {
		v, err := findRule(c, tx, cloud.Or(p.RuleArn, ""))
		if err != nil {
			return nil, err
		}
		if v.isDefault() {
			return nil, api.ErrOperationNotPermitted.New("Default rule '%s' cannot be modified", v.ARN)
		}
		if p.Priority == nil {
			return nil, invalid("A priority must be specified for rule '%s'", v.ARN)
		}
		if _, twice := wanted[v.ARN]; twice {
			return nil, invalid("Rule '%s' is specified more than once", v.ARN)
		}
		wanted[v.ARN] = *p.Priority
		list = append(list, v)
	}
	l, err := findListener(c, tx, list[0].Listener)
	if err != nil {
		return nil, err
	}
	taken := map[int32]bool{}
	for v := range rulesOf(tx, l) {
		at := v.Priority
		if p, ok := wanted[v.ARN]; ok {
			at = p
		}
		if taken[at] {
			return nil, api.ErrPriorityInUse.New("Priority '%d' is currently in use", at)
		}
		taken[at] = true
	}
	out := &api.SetRulePrioritiesOutput{}
	for _, old := range list {
		if old.Listener != l.ARN {
			return nil, invalid("All rules must belong to the same listener")
		}
		v := *old
		v.Priority = wanted[v.ARN]
		rules.Put(tx, &v)
		out.Rules = append(out.Rules, v.show(l))
	}
	l.put(tx)
	return out, nil
}

// show is a rule as the API has it.
func (v *rule) show(l *listener) api.Rule {
	o := api.Rule{
		RuleArn: &v.ARN, Priority: new(strconv.Itoa(int(v.Priority))), IsDefault: new(v.isDefault()), Conditions: v.Conditions, Actions: shown(v.Actions), Transforms: v.Transforms,
	}
	if v.isDefault() {
		o.Priority, o.Conditions, o.Actions = new("default"), []api.RuleCondition{}, shown(l.Actions)
	}
	return o
}
