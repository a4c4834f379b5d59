package organizations

import (
	"strings"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

func resourcePolicyView(c *cloud.Call, r store.Reader, org *identity.Organization) *api.ResourcePolicy {
	return &api.ResourcePolicy{Content: &org.ResourcePolicy, ResourcePolicySummary: &api.ResourcePolicySummary{
		Id: &org.ResourcePolicyID, Arn: new(arnOf(c, r, org, org.ResourcePolicyID)),
	}}
}

// putResourcePolicy sets which member accounts may do what with the
// organization.
func putResourcePolicy(c *cloud.Call, tx store.Tx, in *api.PutResourcePolicyInput) (*api.PutResourcePolicyOutput, error) {
	org, err := change(c, tx)
	if err != nil {
		return nil, err
	}
	doc, err := policy.Parse(in.Content, policy.ResourceBased)
	if err != nil {
		return nil, errInput(api.InvalidInputExceptionReasonInvalidResourcePolicyJson, "The provided resource policy is not valid: %v", err)
	}
	for i := range doc.Statements {
		actions, _ := doc.Statements[i].Actions()
		for _, a := range actions {
			if !strings.HasPrefix(strings.ToLower(a), "organizations:") {
				return nil, errInput(api.InvalidInputExceptionReasonUnsupportedActionInResourcePolicy, "The resource policy has the unsupported action %s.", a)
			}
		}
	}
	if org.ResourcePolicyID == "" {
		org.ResourcePolicyID = newID(c.Rand(), "rp-", 8)
	}
	if org.ResourcePolicyTags, err = addTags(org.ResourcePolicyTags, in.Tags); err != nil {
		return nil, err
	}
	org.ResourcePolicy = in.Content
	save(tx, org)
	return &api.PutResourcePolicyOutput{ResourcePolicy: resourcePolicyView(c, tx, org)}, nil
}

func errNoResourcePolicy() error {
	return api.ErrResourcePolicyNotFound.New("We can't find a resource policy request with the parameter that you specified.")
}

func describeResourcePolicy(c *cloud.Call, r store.Reader, _ *cloud.Empty) (*api.DescribeResourcePolicyOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	if org.ResourcePolicy == "" {
		return nil, errNoResourcePolicy()
	}
	return &api.DescribeResourcePolicyOutput{ResourcePolicy: resourcePolicyView(c, r, org)}, nil
}

func deleteResourcePolicy(c *cloud.Call, tx store.Tx, _ *cloud.Empty) (*cloud.Empty, error) {
	org, err := change(c, tx)
	if err != nil {
		return nil, err
	}
	if org.ResourcePolicy == "" {
		return nil, errNoResourcePolicy()
	}
	org.ResourcePolicy, org.ResourcePolicyID, org.ResourcePolicyTags = "", "", nil
	save(tx, org)
	return new(cloud.Empty), nil
}
