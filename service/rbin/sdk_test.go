package rbin

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rbin"
	"github.com/aws/aws-sdk-go-v2/service/rbin/types"

	"pileus/node/nodetest"
)

// TestSDK goes through the operations with AWS's own client.
func TestSDK(t *testing.T) {
	w := nodetest.New(t, Module())
	ctx := t.Context()
	client := rbin.NewFromConfig(w.Config())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := client.CreateRule(ctx, &rbin.CreateRuleInput{
		ResourceType: types.ResourceTypeEbsSnapshot, Description: new("a week"), Tags: []types.Tag{{Key: new("a"), Value: new("b")}},
		RetentionPeriod: &types.RetentionPeriod{RetentionPeriodUnit: types.RetentionPeriodUnitDays, RetentionPeriodValue: aws.Int32(7)},
	})
	must(err)
	if r.Status != types.RuleStatusAvailable {
		t.Errorf("status %s", r.Status)
	}
	list, err := client.ListRules(ctx, &rbin.ListRulesInput{ResourceType: types.ResourceTypeEbsSnapshot})
	must(err)
	if len(list.Rules) != 1 || *list.Rules[0].Identifier != *r.Identifier {
		t.Errorf("%d rules", len(list.Rules))
	}
	_, err = client.TagResource(ctx, &rbin.TagResourceInput{ResourceArn: r.RuleArn, Tags: []types.Tag{{Key: new("c"), Value: new("d")}}})
	must(err)
	tags, err := client.ListTagsForResource(ctx, &rbin.ListTagsForResourceInput{ResourceArn: r.RuleArn})
	must(err)
	if len(tags.Tags) != 2 {
		t.Errorf("%d tags", len(tags.Tags))
	}
	_, err = client.LockRule(ctx, &rbin.LockRuleInput{Identifier: r.Identifier, LockConfiguration: &types.LockConfiguration{UnlockDelay: &types.UnlockDelay{UnlockDelayUnit: types.UnlockDelayUnitDays, UnlockDelayValue: aws.Int32(7)}}})
	must(err)
	_, err = client.DeleteRule(ctx, &rbin.DeleteRuleInput{Identifier: r.Identifier})
	var conflict *types.ConflictException
	if !errors.As(err, &conflict) || conflict.Reason != types.ConflictExceptionReasonInvalidRuleState {
		t.Errorf("delete a locked rule: %v", err)
	}
	_, err = client.GetRule(ctx, &rbin.GetRuleInput{Identifier: new("0123456789a")})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("get what is not there: %v", err)
	}
}
