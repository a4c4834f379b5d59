package organizations

import (
	"maps"
	"slices"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// describeEffectivePolicy is what all policies of a type on the way from the
// root to an account come to.
func describeEffectivePolicy(c *cloud.Call, r store.Reader, in *api.DescribeEffectivePolicyInput) (*api.DescribeEffectivePolicyOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	target := cloud.Or(in.TargetId, c.Account)
	if m, ok := identity.Members.Get(r, target); !ok || m.Organization != org.ID {
		return nil, errNoTarget()
	}
	if !slices.Contains(org.Enabled, in.PolicyType) {
		return nil, errNoEffective()
	}
	content, _, ok := effective(r, org, target, in.PolicyType)
	if !ok {
		return nil, errNoEffective()
	}
	return &api.DescribeEffectivePolicyOutput{EffectivePolicy: &api.EffectivePolicy{
		PolicyContent: &content, LastUpdatedTimestamp: &c.Now, TargetId: &target, PolicyType: &in.PolicyType,
	}}, nil
}

func errNoEffective() error {
	return api.ErrEffectivePolicyNotFound.New("If you ran this action on the management account, this policy type is not enabled. If you ran the action on a member account, the account doesn't have an effective policy of this type.")
}
