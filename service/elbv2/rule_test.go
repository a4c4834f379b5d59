package elbv2_test

import (
	"strings"
	"testing"

	api "pileus/api/elbv2"
	"pileus/node/nodetest"
)

// TestRegularExpressions: conditions with regular expressions decide about
// requests, next to those with values.
func TestRegularExpressions(t *testing.T) {
	w := newWorld(t)
	b := w.balancer("web")
	l := w.listener(*b.LoadBalancerArn, 80, says("default"))
	for n, k := range []api.RuleCondition{
		{Field: new("path-pattern"), PathPatternConfig: &api.PathPatternConditionConfig{RegexValues: []string{`^/v[0-9]+/`}}},
		{Field: new("path-pattern"), RegexValues: []string{`^/old$`}},
		{Field: new("http-header"), HttpHeaderConfig: &api.HttpHeaderConditionConfig{HttpHeaderName: new("User-Agent"), RegexValues: []string{`^Go-http-client/[0-9.]+$`}, Values: []string{"curl*"}}},
	} {
		conditions := []api.RuleCondition{k}
		if n == 2 {
			conditions = append(conditions, path4("/agent")...)
		}
		nodetest.Do(w.World, &api.CreateRule, &api.CreateRuleInput{ListenerArn: l, Priority: int32(n + 1), Conditions: conditions, Actions: says(string(rune('a' + n)))})
	}
	w.Drain()
	for path, want := range map[string]string{"/v12/x": "a", "/vx/": "default", "/old": "b", "/older": "default", "/agent": "c"} {
		if _, got := w.get(*b.DNSName, path); got != want {
			t.Errorf("%s answers %q, want %q", path, got, want)
		}
	}
	list := nodetest.Do(w.World, &api.DescribeRules, &api.DescribeRulesInput{ListenerArn: &l}).Rules
	if k := list[1].Conditions[0]; k.PathPatternConfig == nil || len(k.PathPatternConfig.RegexValues) != 1 || len(k.RegexValues) != 1 {
		t.Errorf("the older form is shown as %+v", k)
	}
}

// TestTransforms: what a rule makes of requests is kept, changed and taken away.
func TestTransforms(t *testing.T) {
	w := newWorld(t)
	b := w.balancer("web")
	l := w.listener(*b.LoadBalancerArn, 80, says("default"))
	url := func(regex, replace string) api.RuleTransform {
		return api.RuleTransform{Type: "url-rewrite", UrlRewriteConfig: &api.UrlRewriteConfig{Rewrites: []api.RewriteConfig{{Regex: regex, Replace: replace}}}}
	}
	host := api.RuleTransform{Type: "host-header-rewrite", HostHeaderRewriteConfig: &api.HostHeaderRewriteConfig{Rewrites: []api.RewriteConfig{{Regex: "^(.+)$", Replace: "in.$1"}}}}
	arn := w.rule(l, 1, "/x", says("x"))
	modify := func(list []api.RuleTransform, reset bool) ([]api.RuleTransform, error) {
		out, err := nodetest.Try(w.World, &api.ModifyRule, &api.ModifyRuleInput{RuleArn: arn, Transforms: list, ResetTransforms: &reset})
		if err != nil {
			return nil, err
		}
		return out.Rules[0].Transforms, nil
	}
	for name, row := range map[string]struct {
		list       []api.RuleTransform
		reset      bool
		code, text string
	}{
		"both":             {[]api.RuleTransform{host, url("^/a", "/b")}, false, "", ""},
		"one twice":        {[]api.RuleTransform{host, host}, false, "ValidationError", "only be specified once"},
		"lookahead":        {[]api.RuleTransform{url("(?=x)", "")}, false, "ValidationError", "is not valid"},
		"class of Unicode": {[]api.RuleTransform{url(`\p{L}+`, "")}, false, "ValidationError", "is not valid"},
		"too long":         {[]api.RuleTransform{url(strings.Repeat("x", 1025), "")}, false, "ValidationError", "1024"},
		"nothing to do":    {[]api.RuleTransform{{Type: "url-rewrite"}}, false, "ValidationError", "exactly one rewrite"},
		"another's":        {[]api.RuleTransform{{Type: "url-rewrite", HostHeaderRewriteConfig: host.HostHeaderRewriteConfig}}, false, "ValidationError", "url-rewrite"},
		"and reset":        {[]api.RuleTransform{host}, true, "ValidationError", "ResetTransforms"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := modify(row.list, row.reset)
			wants(t, err, row.code, row.text)
		})
	}
	shown := nodetest.Do(w.World, &api.DescribeRules, &api.DescribeRulesInput{RuleArns: []string{arn}}).Rules[0].Transforms
	if len(shown) != 2 || shown[1].UrlRewriteConfig.Rewrites[0].Replace != "/b" {
		t.Errorf("it is shown as %+v", shown)
	}
	if list, err := modify(nil, false); err != nil || len(list) != 2 {
		t.Errorf("unchanged: %v, %v", list, err)
	}
	if list, err := modify(nil, true); err != nil || len(list) != 0 {
		t.Errorf("after the reset: %v, %v", list, err)
	}
	w.Drain()
	if got := w.describe("web"); *got.State.Code != "active" {
		t.Errorf("the load balancer is %s", *got.State.Code)
	}
}

// TestConditionsThatCannotBe: limits of regular expressions in conditions.
func TestConditionsThatCannotBe(t *testing.T) {
	w := newWorld(t)
	l := w.listener(*w.balancer("web").LoadBalancerArn, 80, says("default"))
	paths := func(list ...string) api.RuleCondition {
		return api.RuleCondition{Field: new("path-pattern"), PathPatternConfig: &api.PathPatternConditionConfig{RegexValues: list}}
	}
	for name, row := range map[string]struct {
		k    api.RuleCondition
		text string
	}{
		"reference back": {paths(`(a)\1`), "is not valid"},
		"too long":       {paths(strings.Repeat("x", 129)), "128"},
		"too many":       {paths("a", "b", "c", "d", "e", "f"), "maximum number of condition values"},
		"nothing":        {paths(), "must be specified"},
		"of a method":    {api.RuleCondition{Field: new("http-request-method"), RegexValues: []string{"GET"}, HttpRequestMethodConfig: &api.HttpRequestMethodConditionConfig{Values: []string{"GET"}}}, "http-request-method"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := nodetest.Try(w.World, &api.CreateRule, &api.CreateRuleInput{ListenerArn: l, Priority: 1, Conditions: []api.RuleCondition{row.k}, Actions: says("x")})
			wants(t, err, "ValidationError", row.text)
		})
	}
}
