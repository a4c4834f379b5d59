package dlm

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dlm"
	"github.com/aws/aws-sdk-go-v2/service/dlm/types"

	"pileus/node/nodetest"
)

// TestSDK goes through the operations with AWS's own client.
func TestSDK(t *testing.T) {
	w := nodetest.New(t, Module())
	ctx := t.Context()
	client := dlm.NewFromConfig(w.Config())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := client.CreateLifecyclePolicy(ctx, &dlm.CreateLifecyclePolicyInput{
		ExecutionRoleArn: new(roleARN), Description: new("daily"), State: types.SettablePolicyStateValuesEnabled,
		PolicyDetails: &types.PolicyDetails{
			ResourceTypes: []types.ResourceTypeValues{types.ResourceTypeValuesVolume}, TargetTags: []types.Tag{{Key: new("backup"), Value: new("yes")}},
			Schedules: []types.Schedule{{
				Name: new("s"), CreateRule: &types.CreateRule{Interval: new(int32(12)), IntervalUnit: types.IntervalUnitValuesHours, Times: []string{"09:00"}},
				RetainRule: &types.RetainRule{Count: new(int32(5))},
			}},
		},
	})
	must(err)
	got, err := client.GetLifecyclePolicy(ctx, &dlm.GetLifecyclePolicyInput{PolicyId: p.PolicyId})
	must(err)
	if s := got.Policy.PolicyDetails.Schedules; got.Policy.State != types.GettablePolicyStateValuesEnabled || *s[0].CreateRule.Interval != 12 || *s[0].RetainRule.Count != 5 {
		t.Errorf("policy: %+v", got.Policy)
	}
	list, err := client.GetLifecyclePolicies(ctx, &dlm.GetLifecyclePoliciesInput{TargetTags: []string{"backup=yes"}})
	must(err)
	if len(list.Policies) != 1 {
		t.Errorf("%d policies", len(list.Policies))
	}
	_, err = client.TagResource(ctx, &dlm.TagResourceInput{ResourceArn: got.Policy.PolicyArn, Tags: map[string]string{"a": "b"}})
	must(err)
	_, err = client.UpdateLifecyclePolicy(ctx, &dlm.UpdateLifecyclePolicyInput{PolicyId: p.PolicyId, State: types.SettablePolicyStateValuesDisabled})
	must(err)
	_, err = client.DeleteLifecyclePolicy(ctx, &dlm.DeleteLifecyclePolicyInput{PolicyId: p.PolicyId})
	must(err)
	_, err = client.GetLifecyclePolicy(ctx, &dlm.GetLifecyclePolicyInput{PolicyId: p.PolicyId})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) || *missing.Code != "RESOURCE_NOT_FOUND" {
		t.Errorf("get what was deleted: %v", err)
	}
}
