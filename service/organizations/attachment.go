package organizations

import (
	"slices"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// pair is a policy and a target of one organization.
func pair(c *cloud.Call, r store.Reader, policyID, target string) (*identity.OrgAttachment, error) {
	org, p, err := findPolicy(c, r, policyID)
	if err != nil {
		return nil, err
	}
	if _, ok := find(c, r, org, target); !ok {
		return nil, errNoTarget()
	}
	if !slices.Contains(org.Enabled, p.Type) {
		return nil, errNotEnabled()
	}
	return &identity.OrgAttachment{Organization: org.ID, Target: target, Type: p.Type, Policy: p.ID}, nil
}

// attachments is how many policies of the type the target has.
func attachments(r store.Reader, a *identity.OrgAttachment) (n int) {
	for range identity.OrgAttachments.Scan(r, a.Organization, a.Target, a.Type) {
		n++
	}
	return n
}

func attached(r store.Reader, a *identity.OrgAttachment) bool {
	return identity.OrgAttachments.Has(r, a.Organization, a.Target, a.Type, a.Policy)
}

func attachPolicy(c *cloud.Call, tx store.Tx, in *api.AttachPolicyInput) (*cloud.Empty, error) {
	a, err := pair(c, tx, in.PolicyId, in.TargetId)
	if err != nil {
		return nil, err
	}
	if attached(tx, a) {
		return nil, api.ErrDuplicatePolicyAttachment.New("The selected policy is already attached to the specified target.")
	}
	if limit := typeOf(a.Type).attached; attachments(tx, a) >= limit {
		return nil, errConstraint(api.ConstraintViolationExceptionReasonMaxPolicyTypeAttachmentLimitExceeded,
			"You have attached the maximum number of policies to the specified target: %d.", limit)
	}
	identity.OrgAttachments.Put(tx, a)
	identity.Touch(tx, identity.OrganizationScope)
	return new(cloud.Empty), nil
}

func detachPolicy(c *cloud.Call, tx store.Tx, in *api.DetachPolicyInput) (*cloud.Empty, error) {
	a, err := pair(c, tx, in.PolicyId, in.TargetId)
	if err != nil {
		return nil, err
	}
	t := typeOf(a.Type)
	switch {
	case !attached(tx, a):
		return nil, api.ErrPolicyNotAttached.New("The specified policy is not attached to the specified target.")
	case t.fixed && a.Policy == "p-"+t.standard:
		return nil, errInput(api.InvalidInputExceptionReasonNonDetachablePolicy, "You can't detach this AWS managed policy.")
	case t.standard != "" && attachments(tx, a) == 1:
		return nil, errConstraint(api.ConstraintViolationExceptionReasonMinPolicyTypeAttachmentLimitExceeded,
			"You cannot remove the last policy attached to the specified target. You must have at least one attached at all times.")
	}
	identity.OrgAttachments.Delete(tx, a.Organization, a.Target, a.Type, a.Policy)
	identity.Touch(tx, identity.OrganizationScope)
	return new(cloud.Empty), nil
}

func listPoliciesForTarget(c *cloud.Call, r store.Reader, in *api.ListPoliciesForTargetInput) (*api.ListPoliciesForTargetOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	if _, ok := find(c, r, org, in.TargetId); !ok {
		return nil, errNoTarget()
	}
	list, next, err := page(identity.OrgAttachments, r, store.K(org.ID, in.TargetId, in.Filter), in.NextToken, in.MaxResults, nil)
	out := &api.ListPoliciesForTargetOutput{Policies: []api.PolicySummary{}, NextToken: next}
	for _, a := range list {
		if p, ok := identity.OrgPolicies.Get(r, org.ID, a.Policy); ok {
			out.Policies = append(out.Policies, summary(p))
		}
	}
	return out, err
}

func listTargetsForPolicy(c *cloud.Call, r store.Reader, in *api.ListTargetsForPolicyInput) (*api.ListTargetsForPolicyOutput, error) {
	org, p, err := findPolicy(c, r, in.PolicyId)
	if err != nil {
		return nil, err
	}
	list, next, err := pageIndex(identity.OrgAttachments, r, "policy", store.K(org.ID, p.ID), in.NextToken, in.MaxResults, nil)
	out := &api.ListTargetsForPolicyOutput{Targets: []api.PolicyTargetSummary{}, NextToken: next}
	for _, a := range list {
		if n, ok := find(c, r, org, a.Target); ok {
			out.Targets = append(out.Targets, api.PolicyTargetSummary{TargetId: &n.id, Arn: &n.arn, Name: &n.name, Type: &n.kind})
		}
	}
	return out, err
}
