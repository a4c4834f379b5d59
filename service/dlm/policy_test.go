package dlm

import (
	"errors"
	"strings"
	"testing"

	api "pileus/api/dlm"
	"pileus/cloud"
	"pileus/node/nodetest"
)

const roleARN = "arn:aws:iam::000000000000:role/dlm"

func fails(t *testing.T, err error, code, message string) {
	t.Helper()
	var e *cloud.Error
	switch {
	case err == nil && code == "":
	case !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message):
		t.Errorf("got %v; want %s: %s", err, code, message)
	}
}

// daily is a policy that keeps three snapshots.
func daily() *api.CreateLifecyclePolicyInput {
	return &api.CreateLifecyclePolicyInput{
		ExecutionRoleArn: roleARN, Description: "daily", State: "ENABLED",
		PolicyDetails: &api.PolicyDetails{
			ResourceTypes: []string{"VOLUME"}, TargetTags: []api.Tag{{Key: "backup", Value: "yes"}},
			Schedules: []api.Schedule{{
				Name: new("every day"), CreateRule: &api.CreateRule{Interval: new(int32(24)), IntervalUnit: new("HOURS"), Times: []string{"03:00"}},
				RetainRule: &api.RetainRule{Count: new(int32(3))},
			}},
		},
	}
}

func TestPolicies(t *testing.T) {
	w := nodetest.New(t, Module())
	in := daily()
	in.Tags = map[string]string{"team": "a"}
	id := *nodetest.Do(w, &api.CreateLifecyclePolicy, in).PolicyId
	p := nodetest.Do(w, &api.GetLifecyclePolicy, &api.GetLifecyclePolicyInput{PolicyId: id}).Policy
	if *p.State != "ENABLED" || *p.Description != "daily" || *p.PolicyDetails.Schedules[0].RetainRule.Count != 3 || p.Tags["team"] != "a" || !strings.HasSuffix(*p.PolicyArn, ":policy/"+id) {
		t.Errorf("policy: %+v", p)
	}
	for _, test := range []struct {
		in *api.GetLifecyclePoliciesInput
		n  int
	}{
		{&api.GetLifecyclePoliciesInput{}, 1}, {&api.GetLifecyclePoliciesInput{State: new("DISABLED")}, 0},
		{&api.GetLifecyclePoliciesInput{TargetTags: []string{"backup=yes"}}, 1}, {&api.GetLifecyclePoliciesInput{TargetTags: []string{"backup=no"}}, 0},
		{&api.GetLifecyclePoliciesInput{ResourceTypes: []string{"INSTANCE"}}, 0}, {&api.GetLifecyclePoliciesInput{PolicyIds: []string{id}}, 1},
		{&api.GetLifecyclePoliciesInput{DefaultPolicyType: new("ALL")}, 0},
	} {
		if n := len(nodetest.Do(w, &api.GetLifecyclePolicies, test.in).Policies); n != test.n {
			t.Errorf("%+v: %d policies", test.in, n)
		}
	}
	nodetest.Do(w, &api.UpdateLifecyclePolicy, &api.UpdateLifecyclePolicyInput{PolicyId: id, State: new("DISABLED"), Description: new("off")})
	if p := nodetest.Do(w, &api.GetLifecyclePolicy, &api.GetLifecyclePolicyInput{PolicyId: id}).Policy; *p.State != "DISABLED" || *p.Description != "off" {
		t.Errorf("updated: %s, %s", *p.State, *p.Description)
	}
	nodetest.Do(w, &api.UpdateLifecyclePolicy, &api.UpdateLifecyclePolicyInput{PolicyId: id, PolicyDetails: &api.PolicyDetails{TargetTags: []api.Tag{{Key: "backup", Value: "no"}}}})
	changed := nodetest.Do(w, &api.GetLifecyclePolicy, &api.GetLifecyclePolicyInput{PolicyId: id}).Policy.PolicyDetails
	if changed.TargetTags[0].Value != "no" || len(changed.Schedules) != 1 || len(changed.ResourceTypes) != 1 || *changed.PolicyType != "EBS_SNAPSHOT_MANAGEMENT" {
		t.Errorf("changed: %+v", changed)
	}
	nodetest.Do(w, &api.TagResource, &api.TagResourceInput{ResourceArn: *p.PolicyArn, Tags: map[string]string{"b": "c"}})
	nodetest.Do(w, &api.UntagResource, &api.UntagResourceInput{ResourceArn: *p.PolicyArn, TagKeys: []string{"team"}})
	if tags := nodetest.Do(w, &api.ListTagsForResource, &api.ListTagsForResourceInput{ResourceArn: *p.PolicyArn}).Tags; len(tags) != 1 || tags["b"] != "c" {
		t.Errorf("tags: %v", tags)
	}
	nodetest.Do(w, &api.DeleteLifecyclePolicy, &api.DeleteLifecyclePolicyInput{PolicyId: id})
	_, err := nodetest.Try(w, &api.GetLifecyclePolicy, &api.GetLifecyclePolicyInput{PolicyId: id})
	fails(t, err, "ResourceNotFoundException", id)
}

func TestDefaultPolicy(t *testing.T) {
	w := nodetest.New(t, Module())
	in := &api.CreateLifecyclePolicyInput{ExecutionRoleArn: roleARN, Description: "default", State: "ENABLED", DefaultPolicy: new("VOLUME")}
	id := *nodetest.Do(w, &api.CreateLifecyclePolicy, in).PolicyId
	p := nodetest.Do(w, &api.GetLifecyclePolicy, &api.GetLifecyclePolicyInput{PolicyId: id}).Policy
	if !*p.DefaultPolicy || *p.PolicyDetails.CreateInterval != 1 || *p.PolicyDetails.RetainInterval != 7 || p.PolicyDetails.Schedules != nil {
		t.Errorf("policy: %+v", p.PolicyDetails)
	}
	_, err := nodetest.Try(w, &api.CreateLifecyclePolicy, in)
	fails(t, err, "InvalidRequestException", "default policy")
}

func TestInvalidPolicies(t *testing.T) {
	w := nodetest.New(t, Module())
	for name, change := range map[string]func(*api.CreateLifecyclePolicyInput){
		"no details":  func(in *api.CreateLifecyclePolicyInput) { in.PolicyDetails = nil },
		"no tags":     func(in *api.CreateLifecyclePolicyInput) { in.PolicyDetails.TargetTags = nil },
		"no schedule": func(in *api.CreateLifecyclePolicyInput) { in.PolicyDetails.Schedules = nil },
		"interval": func(in *api.CreateLifecyclePolicyInput) {
			in.PolicyDetails.Schedules[0].CreateRule.Interval = new(int32(5))
		},
		"cron": func(in *api.CreateLifecyclePolicyInput) {
			in.PolicyDetails.Schedules[0].CreateRule = &api.CreateRule{CronExpression: new("cron(0 12 * * * *)")}
		},
		"both": func(in *api.CreateLifecyclePolicyInput) {
			in.PolicyDetails.Schedules[0].CreateRule.CronExpression = new("cron(0 12 * * ? *)")
		},
		"nothing kept": func(in *api.CreateLifecyclePolicyInput) { in.PolicyDetails.Schedules[0].RetainRule = nil },
		"kept twice": func(in *api.CreateLifecyclePolicyInput) {
			in.PolicyDetails.Schedules[0].RetainRule.Interval = new(int32(5))
		},
		"no zones": func(in *api.CreateLifecyclePolicyInput) {
			in.PolicyDetails.Schedules[0].FastRestoreRule = &api.FastRestoreRule{Count: new(int32(1))}
		},
		"zones twice": func(in *api.CreateLifecyclePolicyInput) {
			in.PolicyDetails.Schedules[0].FastRestoreRule = &api.FastRestoreRule{Count: new(int32(1)), AvailabilityZones: []string{"us-east-1a"}, AvailabilityZoneIds: []string{"use1-az1"}}
		},
		"same name": func(in *api.CreateLifecyclePolicyInput) {
			in.PolicyDetails.Schedules = append(in.PolicyDetails.Schedules, in.PolicyDetails.Schedules[0])
		},
		"event":           func(in *api.CreateLifecyclePolicyInput) { in.PolicyDetails.PolicyType = new("EVENT_BASED_POLICY") },
		"images of disks": func(in *api.CreateLifecyclePolicyInput) { in.PolicyDetails.PolicyType = new("IMAGE_MANAGEMENT") },
		"scripts": func(in *api.CreateLifecyclePolicyInput) {
			in.PolicyDetails.Schedules[0].CreateRule.Scripts = []api.Script{{ExecutionHandler: "doc"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := daily()
			change(in)
			_, err := nodetest.Try(w, &api.CreateLifecyclePolicy, in)
			fails(t, err, "InvalidRequestException", "")
			if err == nil {
				t.Error("it was taken")
			}
		})
	}
}

// TestWhoMay runs each operation with no permission, with all but one of those
// that it needs, and with exactly those.
func TestWhoMay(t *testing.T) {
	type trial func(c *cloud.Call, id, arn string) error
	cases := map[string]struct {
		actions []string
		try     trial
	}{
		"CreateLifecyclePolicy": {[]string{"dlm:CreateLifecyclePolicy", "iam:PassRole"}, func(c *cloud.Call, _, _ string) error {
			_, err := api.CreateLifecyclePolicy.Call(c, daily())
			return err
		}},
		"GetLifecyclePolicy": {nil, func(c *cloud.Call, id, _ string) error {
			_, err := api.GetLifecyclePolicy.Call(c, &api.GetLifecyclePolicyInput{PolicyId: id})
			return err
		}},
		"GetLifecyclePolicies": {nil, func(c *cloud.Call, _, _ string) error {
			_, err := api.GetLifecyclePolicies.Call(c, &api.GetLifecyclePoliciesInput{})
			return err
		}},
		"UpdateLifecyclePolicy": {[]string{"dlm:UpdateLifecyclePolicy", "iam:PassRole"}, func(c *cloud.Call, id, _ string) error {
			_, err := api.UpdateLifecyclePolicy.Call(c, &api.UpdateLifecyclePolicyInput{PolicyId: id, ExecutionRoleArn: new(roleARN)})
			return err
		}},
		"DeleteLifecyclePolicy": {nil, func(c *cloud.Call, id, _ string) error {
			_, err := api.DeleteLifecyclePolicy.Call(c, &api.DeleteLifecyclePolicyInput{PolicyId: id})
			return err
		}},
		"TagResource": {nil, func(c *cloud.Call, _, arn string) error {
			_, err := api.TagResource.Call(c, &api.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"a": "b"}})
			return err
		}},
		"UntagResource": {nil, func(c *cloud.Call, _, arn string) error {
			_, err := api.UntagResource.Call(c, &api.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}})
			return err
		}},
		"ListTagsForResource": {nil, func(c *cloud.Call, _, arn string) error {
			_, err := api.ListTagsForResource.Call(c, &api.ListTagsForResourceInput{ResourceArn: arn})
			return err
		}},
	}
	for _, op := range api.Service.Ops {
		x, ok := cases[op.Name]
		if !ok {
			t.Errorf("%s has no case", op.Name)
			continue
		}
		actions := x.actions
		if actions == nil {
			actions = []string{"dlm:" + op.Name}
		}
		t.Run(op.Name, func(t *testing.T) {
			w := nodetest.New(t, Module())
			id := *nodetest.Do(w, &api.CreateLifecyclePolicy, daily()).PolicyId
			arn := *nodetest.Do(w, &api.GetLifecyclePolicy, &api.GetLifecyclePolicyInput{PolicyId: id}).Policy.PolicyArn
			fails(t, x.try(w.As(w.User("none", "")), id, arn), "AccessDeniedException", "dlm:"+op.Name)
			for i := range actions {
				rest := append(append([]string{"sqs:SendMessage"}, actions[:i]...), actions[i+1:]...)
				fails(t, x.try(w.As(w.User("nearly", nodetest.Allow(rest...))), id, arn), "AccessDeniedException", actions[i])
			}
			if err := x.try(w.As(w.User("allowed", nodetest.Allow(actions...))), id, arn); err != nil {
				t.Errorf("allowed: %v", err)
			}
		})
	}
}
