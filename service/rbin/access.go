package rbin

import (
	"maps"
	"strings"

	api "pileus/api/rbin"
	"pileus/cloud"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsrecyclebin.html
func access() []cloud.Access {
	return []cloud.Access{
		api.CreateRule.Decides([]string{"rbin:CreateRule", "rbin:TagResource"}, checkCreate),
		api.ListRules.Decides([]string{"rbin:ListRules"}, func(c *cloud.Call, _ store.Reader, in *api.ListRulesInput) ([]cloud.Check, error) {
			keys := cloud.Keys{"rbin:request/resourcetype": {in.ResourceType}}
			return []cloud.Check{{Action: "rbin:ListRules", Resource: cloud.Resource{ARN: c.ARN("rbin", "rule/*")}, Keys: keys}}, nil
		}),
		onRule(&api.GetRule, func(in *api.GetRuleInput) string { return in.Identifier }, nil),
		onRule(&api.UpdateRule, func(in *api.UpdateRuleInput) string { return in.Identifier }, nil),
		onRule(&api.DeleteRule, func(in *api.DeleteRuleInput) string { return in.Identifier }, nil),
		onRule(&api.LockRule, func(in *api.LockRuleInput) string { return in.Identifier }, nil),
		onRule(&api.UnlockRule, func(in *api.UnlockRuleInput) string { return in.Identifier }, nil),
		onRule(&api.TagResource, func(in *api.TagResourceInput) string { return idOf(in.ResourceArn) }, func(in *api.TagResourceInput) cloud.Keys { return cloud.TagKeys(tagMap(in.Tags)) }),
		onRule(&api.UntagResource, func(in *api.UntagResourceInput) string { return idOf(in.ResourceArn) }, func(in *api.UntagResourceInput) cloud.Keys {
			return cloud.Keys{"aws:tagkeys": in.TagKeys}
		}),
		onRule(&api.ListTagsForResource, func(in *api.ListTagsForResourceInput) string { return idOf(in.ResourceArn) }, nil),
	}
}

func idOf(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// onRule declares an operation on one rule.
func onRule[In, Out any](o *cloud.Op[In, Out], id func(In) string, keys func(In) cloud.Keys) cloud.Access {
	action := "rbin:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		check := cloud.Check{Action: action, Resource: cloud.Resource{ARN: c.ARN("rbin", "rule/"+id(in))}, Keys: cloud.Keys{}}
		if keys != nil {
			maps.Copy(check.Keys, keys(in))
		}
		if x, err := find(c, r, id(in)); err == nil {
			check.Resource.Tags = x.Tags
			check.Keys["rbin:attribute/resourcetype"] = []string{x.Type}
		}
		return []cloud.Check{check}, nil
	})
}

func checkCreate(c *cloud.Call, _ store.Reader, in *api.CreateRuleInput) ([]cloud.Check, error) {
	keys := cloud.TagKeys(tagMap(in.Tags))
	keys["rbin:request/resourcetype"] = []string{in.ResourceType}
	res := cloud.Resource{ARN: c.ARN("rbin", "rule/*")}
	checks := []cloud.Check{{Action: "rbin:CreateRule", Resource: res, Keys: keys}}
	if len(in.Tags) > 0 {
		checks = append(checks, cloud.Check{Action: "rbin:TagResource", Resource: res, Keys: keys})
	}
	return checks, nil
}

// tagMap is a request's tags by key.
func tagMap(tags []api.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}
