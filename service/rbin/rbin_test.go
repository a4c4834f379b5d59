package rbin

import (
	"errors"
	"strings"
	"testing"
	"time"

	api "pileus/api/rbin"
	"pileus/cloud"
	"pileus/node/nodetest"
)

func fails(t *testing.T, err error, code, message string) {
	t.Helper()
	var e *cloud.Error
	switch {
	case err == nil && code == "":
	case !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message):
		t.Errorf("got %v; want %s: %s", err, code, message)
	}
}

func days(n int32) api.RetentionPeriod {
	return api.RetentionPeriod{RetentionPeriodUnit: "DAYS", RetentionPeriodValue: n}
}

func create(w *nodetest.World, in api.CreateRuleInput) string {
	w.T.Helper()
	if in.ResourceType == "" {
		in.ResourceType = "EBS_SNAPSHOT"
	}
	if in.RetentionPeriod.RetentionPeriodValue == 0 {
		in.RetentionPeriod = days(7)
	}
	return *nodetest.Do(w, &api.CreateRule, &in).Identifier
}

func TestRules(t *testing.T) {
	w := nodetest.New(t, Module())
	id := create(w, api.CreateRuleInput{Description: new("a week"), ResourceTags: []api.ResourceTag{{ResourceTagKey: "env", ResourceTagValue: new("prod")}}})
	other := create(w, api.CreateRuleInput{ResourceType: "EC2_IMAGE"})
	out := nodetest.Do(w, &api.GetRule, &api.GetRuleInput{Identifier: id})
	if *out.Description != "a week" || out.RetentionPeriod.RetentionPeriodValue != 7 || *out.Status != "available" || out.LockState != nil {
		t.Errorf("rule: %+v", out)
	}
	list := nodetest.Do(w, &api.ListRules, &api.ListRulesInput{ResourceType: "EBS_SNAPSHOT"})
	if len(list.Rules) != 1 || *list.Rules[0].Identifier != id {
		t.Errorf("list: %d", len(list.Rules))
	}
	for value, n := range map[string]int{"prod": 1, "test": 0} {
		list = nodetest.Do(w, &api.ListRules, &api.ListRulesInput{ResourceType: "EBS_SNAPSHOT", ResourceTags: []api.ResourceTag{{ResourceTagKey: "env", ResourceTagValue: &value}}})
		if len(list.Rules) != n {
			t.Errorf("env=%s: %d rules", value, len(list.Rules))
		}
	}
	excluded := []api.ResourceTag{{ResourceTagKey: "scratch"}}
	nodetest.Do(w, &api.UpdateRule, &api.UpdateRuleInput{Identifier: other, ExcludeResourceTags: excluded})
	if got := nodetest.Do(w, &api.GetRule, &api.GetRuleInput{Identifier: other}).ExcludeResourceTags; len(got) != 1 || got[0].ResourceTagKey != "scratch" {
		t.Errorf("excluded: %+v", got)
	}
	for key, n := range map[string]int{"scratch": 1, "other": 0} {
		if list := nodetest.Do(w, &api.ListRules, &api.ListRulesInput{ResourceType: "EC2_IMAGE", ExcludeResourceTags: []api.ResourceTag{{ResourceTagKey: key}}}); len(list.Rules) != n {
			t.Errorf("rules that exclude %s: %d", key, len(list.Rules))
		}
	}
	nodetest.Do(w, &api.UpdateRule, &api.UpdateRuleInput{Identifier: id, RetentionPeriod: new(days(30))})
	if n := nodetest.Do(w, &api.GetRule, &api.GetRuleInput{Identifier: id}).RetentionPeriod.RetentionPeriodValue; n != 30 {
		t.Errorf("%d days", n)
	}
	nodetest.Do(w, &api.DeleteRule, &api.DeleteRuleInput{Identifier: other})
	_, err := nodetest.Try(w, &api.GetRule, &api.GetRuleInput{Identifier: other})
	fails(t, err, "ResourceNotFoundException", "Rule not found.")
}

func TestInvalidRules(t *testing.T) {
	w := nodetest.New(t, Module())
	tag := api.ResourceTag{ResourceTagKey: "a", ResourceTagValue: new("b")}
	for name, in := range map[string]api.CreateRuleInput{
		"too long":           {ResourceType: "EBS_SNAPSHOT", RetentionPeriod: days(366)},
		"type":               {ResourceType: "BUCKET", RetentionPeriod: days(1)},
		"volumes too long":   {ResourceType: "EBS_VOLUME", RetentionPeriod: days(8)},
		"excluded of tagged": {ResourceType: "EBS_VOLUME", RetentionPeriod: days(1), ResourceTags: []api.ResourceTag{tag}, ExcludeResourceTags: []api.ResourceTag{tag}},
		"tags twice":         {ResourceType: "EBS_SNAPSHOT", RetentionPeriod: days(1), ResourceTags: []api.ResourceTag{tag, tag}},
		"tagged lock":        {ResourceType: "EBS_SNAPSHOT", RetentionPeriod: days(1), ResourceTags: []api.ResourceTag{tag}, LockConfiguration: delay(7)},
		"short delay":        {ResourceType: "EBS_SNAPSHOT", RetentionPeriod: days(1), LockConfiguration: delay(6)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := nodetest.Try(w, &api.CreateRule, &in)
			fails(t, err, "ValidationException", "")
			if err == nil {
				t.Error("it was taken")
			}
		})
	}
}

func delay(n int32) *api.LockConfiguration {
	return &api.LockConfiguration{UnlockDelay: api.UnlockDelay{UnlockDelayUnit: "DAYS", UnlockDelayValue: n}}
}

func TestLock(t *testing.T) {
	w := nodetest.New(t, Module())
	id := create(w, api.CreateRuleInput{LockConfiguration: delay(7)})
	state := func() string { return *nodetest.Do(w, &api.GetRule, &api.GetRuleInput{Identifier: id}).LockState }
	_, err := nodetest.Try(w, &api.DeleteRule, &api.DeleteRuleInput{Identifier: id})
	fails(t, err, "ConflictException", "locked")
	out := nodetest.Do(w, &api.UnlockRule, &api.UnlockRuleInput{Identifier: id})
	if *out.LockState != "pending_unlock" || !out.LockEndTime.Equal(w.Now().Add(7*day)) {
		t.Errorf("unlock: %s until %v", *out.LockState, out.LockEndTime)
	}
	_, err = nodetest.Try(w, &api.UpdateRule, &api.UpdateRuleInput{Identifier: id, Description: new("x")})
	fails(t, err, "ConflictException", "pending_unlock")
	w.Advance(7 * 24 * time.Hour)
	if s := state(); s != "unlocked" {
		t.Errorf("state: %s", s)
	}
	nodetest.Do(w, &api.LockRule, &api.LockRuleInput{Identifier: id, LockConfiguration: *delay(30)})
	if s := state(); s != "locked" {
		t.Errorf("state: %s", s)
	}
	if n := len(nodetest.Do(w, &api.ListRules, &api.ListRulesInput{ResourceType: "EBS_SNAPSHOT", LockState: new("locked")}).Rules); n != 1 {
		t.Errorf("%d locked rules", n)
	}
}

func TestTags(t *testing.T) {
	w := nodetest.New(t, Module())
	out := nodetest.Do(w, &api.CreateRule, &api.CreateRuleInput{ResourceType: "EBS_SNAPSHOT", RetentionPeriod: days(1), Tags: []api.Tag{{Key: "a", Value: "1"}}})
	nodetest.Do(w, &api.TagResource, &api.TagResourceInput{ResourceArn: *out.RuleArn, Tags: []api.Tag{{Key: "b", Value: "2"}}})
	nodetest.Do(w, &api.UntagResource, &api.UntagResourceInput{ResourceArn: *out.RuleArn, TagKeys: []string{"a"}})
	tags := nodetest.Do(w, &api.ListTagsForResource, &api.ListTagsForResourceInput{ResourceArn: *out.RuleArn}).Tags
	if len(tags) != 1 || tags[0].Key != "b" || tags[0].Value != "2" {
		t.Errorf("tags: %v", tags)
	}
}

func TestPages(t *testing.T) {
	w := nodetest.New(t, Module())
	for range 5 {
		create(w, api.CreateRuleInput{})
	}
	seen := map[string]bool{}
	in := &api.ListRulesInput{ResourceType: "EBS_SNAPSHOT", MaxResults: new(int32(2))}
	for range 3 {
		out := nodetest.Do(w, &api.ListRules, in)
		for _, r := range out.Rules {
			seen[*r.Identifier] = true
		}
		in.NextToken = out.NextToken
	}
	if len(seen) != 5 || in.NextToken != nil {
		t.Errorf("%d rules, then %v", len(seen), in.NextToken)
	}
	_, err := nodetest.Try(w, &api.ListRules, &api.ListRulesInput{ResourceType: "EBS_SNAPSHOT", NextToken: new("a")})
	fails(t, err, "ValidationException", "")
}

// TestWhoMay runs each operation with no permission and with the one that it
// needs.
func TestWhoMay(t *testing.T) {
	type trial func(c *cloud.Call, id, arn string) error
	cases := map[string]trial{
		"CreateRule": func(c *cloud.Call, _, _ string) error {
			_, err := api.CreateRule.Call(c, &api.CreateRuleInput{ResourceType: "EBS_SNAPSHOT", RetentionPeriod: days(1)})
			return err
		},
		"GetRule": func(c *cloud.Call, id, _ string) error {
			_, err := api.GetRule.Call(c, &api.GetRuleInput{Identifier: id})
			return err
		},
		"ListRules": func(c *cloud.Call, _, _ string) error {
			_, err := api.ListRules.Call(c, &api.ListRulesInput{ResourceType: "EBS_SNAPSHOT"})
			return err
		},
		"UpdateRule": func(c *cloud.Call, id, _ string) error {
			_, err := api.UpdateRule.Call(c, &api.UpdateRuleInput{Identifier: id})
			return err
		},
		"DeleteRule": func(c *cloud.Call, id, _ string) error {
			_, err := api.DeleteRule.Call(c, &api.DeleteRuleInput{Identifier: id})
			return err
		},
		"LockRule": func(c *cloud.Call, id, _ string) error {
			_, err := api.LockRule.Call(c, &api.LockRuleInput{Identifier: id, LockConfiguration: *delay(7)})
			return err
		},
		"UnlockRule": func(c *cloud.Call, id, _ string) error {
			_, err := api.UnlockRule.Call(c, &api.UnlockRuleInput{Identifier: id})
			return err
		},
		"TagResource": func(c *cloud.Call, _, arn string) error {
			_, err := api.TagResource.Call(c, &api.TagResourceInput{ResourceArn: arn, Tags: []api.Tag{{Key: "a", Value: "b"}}})
			return err
		},
		"UntagResource": func(c *cloud.Call, _, arn string) error {
			_, err := api.UntagResource.Call(c, &api.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}})
			return err
		},
		"ListTagsForResource": func(c *cloud.Call, _, arn string) error {
			_, err := api.ListTagsForResource.Call(c, &api.ListTagsForResourceInput{ResourceArn: arn})
			return err
		},
	}
	for _, op := range api.Service.Ops {
		if cases[op.Name] == nil {
			t.Errorf("%s has no case", op.Name)
			continue
		}
		t.Run(op.Name, func(t *testing.T) {
			w := nodetest.New(t, Module())
			in := api.CreateRuleInput{ResourceType: "EBS_SNAPSHOT", RetentionPeriod: days(1)}
			if op.Name == "UnlockRule" {
				in.LockConfiguration = delay(7)
			}
			out := nodetest.Do(w, &api.CreateRule, &in)
			fails(t, cases[op.Name](w.As(w.User("none", "")), *out.Identifier, *out.RuleArn), "AccessDeniedException", "rbin:"+op.Name)
			if err := cases[op.Name](w.As(w.User("allowed", nodetest.Allow("rbin:"+op.Name))), *out.Identifier, *out.RuleArn); err != nil {
				t.Errorf("allowed: %v", err)
			}
		})
	}
}
