package organizations

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

const policyQuota = 1000 // of each type

func lower(kind string) string { return strings.ToLower(kind) }

func summary(p *identity.OrgPolicy) api.PolicySummary {
	return api.PolicySummary{Id: &p.ID, Arn: &p.ARN, Name: &p.Name, Description: &p.Description, Type: &p.Type, AwsManaged: &p.AWSManaged}
}

func policyView(p *identity.OrgPolicy) *api.Policy {
	return &api.Policy{PolicySummary: new(summary(p)), Content: &p.Content}
}

func findPolicy(c *cloud.Call, r store.Reader, id string) (*identity.Organization, *identity.OrgPolicy, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, nil, err
	}
	p, ok := identity.OrgPolicies.Get(r, org.ID, id)
	if !ok {
		return nil, nil, errNoPolicy()
	}
	return org, p, nil
}

// ownPolicy is a policy that may be changed: not one of AWS's.
func ownPolicy(c *cloud.Call, r store.Reader, id string) (*identity.Organization, *identity.OrgPolicy, error) {
	org, p, err := findPolicy(c, r, id)
	if err == nil && p.AWSManaged {
		err = errInput(api.InvalidInputExceptionReasonImmutablePolicy, "You specified a policy that is managed by AWS and can't be modified.")
	}
	return org, p, err
}

// checkContent sees that a document is one of the type.
func checkContent(kind, content string) error {
	t := typeOf(kind)
	if utf8.RuneCountInString(content) > t.size {
		return errConstraint(api.ConstraintViolationExceptionReasonPolicyContentLimitExceeded, "You have exceeded the maximum policy size: %d characters.", t.size)
	}
	malformed := api.ErrMalformedPolicyDocument.New("The provided policy document does not meet the requirements of the specified policy type.")
	switch kind {
	case api.PolicyTypeServiceControlPolicy:
		if _, err := policy.Parse(content, policy.SCP); err != nil {
			return malformed
		}
	case api.PolicyTypeResourceControlPolicy:
		if doc, err := policy.Parse(content, policy.RCP); err != nil || policy.CheckRCP(doc) != nil {
			return malformed
		}
	default:
		var doc map[string]map[string]any
		if json.Unmarshal([]byte(content), &doc) != nil || len(doc) == 0 {
			return malformed
		}
		if _, ok := doc[t.element]; t.element != "" && (!ok || len(doc) != 1) {
			return malformed
		}
	}
	return nil
}

// checkPolicyName sees that no other policy of the type has the name.
func checkPolicyName(r store.Reader, org, kind, id, name string) error {
	n := 0
	for p := range identity.OrgPolicies.Scan(r, org) {
		switch {
		case p.Type != kind || p.ID == id:
		case p.Name == name:
			return api.ErrDuplicatePolicy.New("A policy with the same name already exists.")
		default:
			n++
		}
	}
	if n >= policyQuota {
		return errConstraint(api.ConstraintViolationExceptionReasonPolicyNumberLimitExceeded, "You have exceeded the number of policies that you can have in an organization.")
	}
	return nil
}

func createPolicy(c *cloud.Call, tx store.Tx, in *api.CreatePolicyInput) (*api.CreatePolicyOutput, error) {
	org, err := own(c, tx)
	if err != nil {
		return nil, err
	}
	if !org.AllFeatures {
		return nil, api.ErrPolicyTypeNotAvailableForOrganization.New("You can't use the specified policy type with the feature set currently enabled for this organization.")
	}
	if err := checkContent(in.Type, in.Content); err != nil {
		return nil, err
	}
	if err := checkPolicyName(tx, org.ID, in.Type, "", in.Name); err != nil {
		return nil, err
	}
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	id := newID(c.Rand(), "p-", 8)
	p := &identity.OrgPolicy{Organization: org.ID, ID: id, Type: in.Type, Name: in.Name, Description: in.Description,
		ARN: policyARN(c, org, in.Type, id), Content: in.Content, Tags: tags}
	identity.OrgPolicies.Put(tx, p)
	return &api.CreatePolicyOutput{Policy: policyView(p)}, nil
}

func describePolicy(c *cloud.Call, r store.Reader, in *api.DescribePolicyInput) (*api.DescribePolicyOutput, error) {
	_, p, err := findPolicy(c, r, in.PolicyId)
	if err != nil {
		return nil, err
	}
	return &api.DescribePolicyOutput{Policy: policyView(p)}, nil
}

func updatePolicy(c *cloud.Call, tx store.Tx, in *api.UpdatePolicyInput) (*api.UpdatePolicyOutput, error) {
	org, p, err := ownPolicy(c, tx, in.PolicyId)
	if err != nil {
		return nil, err
	}
	if in.Name != nil {
		if err := checkPolicyName(tx, org.ID, p.Type, p.ID, *in.Name); err != nil {
			return nil, err
		}
		p.Name = *in.Name
	}
	if in.Content != nil {
		if err := checkContent(p.Type, *in.Content); err != nil {
			return nil, err
		}
		p.Content = *in.Content
	}
	p.Description = cloud.Or(in.Description, p.Description)
	identity.OrgPolicies.Put(tx, p)
	identity.Touch(tx, identity.OrganizationScope)
	return &api.UpdatePolicyOutput{Policy: policyView(p)}, nil
}

func deletePolicy(c *cloud.Call, tx store.Tx, in *api.DeletePolicyInput) (*cloud.Empty, error) {
	org, p, err := ownPolicy(c, tx, in.PolicyId)
	if err != nil {
		return nil, err
	}
	for range identity.OrgAttachments.Index(tx, "policy", org.ID, p.ID) {
		return nil, api.ErrPolicyInUse.New("The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.")
	}
	identity.OrgPolicies.Delete(tx, org.ID, p.ID)
	return new(cloud.Empty), nil
}

func listPolicies(c *cloud.Call, r store.Reader, in *api.ListPoliciesInput) (*api.ListPoliciesOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	list, next, err := page(identity.OrgPolicies, r, store.K(org.ID), in.NextToken, in.MaxResults,
		func(p *identity.OrgPolicy) bool { return p.Type == in.Filter })
	return &api.ListPoliciesOutput{Policies: views(list, summary), NextToken: next}, err
}
