package ssm

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/policy"
	"pileus/store"
)

// resourcePolicy shares an advanced parameter with other accounts.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-shared-parameters.html
type resourcePolicy struct{ ID, Text string }

func (q resourcePolicy) hash() string {
	sum := sha256.Sum256([]byte(q.Text))
	return hex.EncodeToString(sum[:])
}

func (q resourcePolicy) attached() []policy.Attached {
	doc, err := policy.Cached(q.Text, policy.ResourceBased)
	if err != nil {
		return nil
	}
	return []policy.Attached{{ID: "resource policy " + q.ID, Doc: doc}}
}

// shared is the parameter of an ARN, which must be the caller's.
func shared(c *cloud.Call, r store.Reader, arn string) (*parameter, error) {
	n, err := parseName(c, arn)
	if err != nil {
		return nil, err
	}
	p, ok := n.locate(r)
	if !ok || p.Account != c.Account {
		return nil, api.ErrResourceNotFound.New("The specified parameter to be shared could not be found.")
	}
	own := *p
	own.Policies = slices.Clone(p.Policies)
	return &own, nil
}

func putResourcePolicy(c *cloud.Call, tx store.Tx, in *api.PutResourcePolicyInput) (*api.PutResourcePolicyOutput, error) {
	p, err := shared(c, tx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if v, _ := p.version(tx, 0); v.Tier != api.ParameterTierAdvanced {
		return nil, api.ErrResourcePolicyInvalidParameter.New("The parameter must be in the advanced-parameter tier to be shared.")
	}
	if _, err := policy.Parse(in.Policy, policy.ResourceBased); err != nil {
		return nil, api.ErrMalformedResourcePolicyDocument.New("The specified policy document is malformed or invalid: %v", err)
	}
	q := resourcePolicy{ID: cloud.Or(in.PolicyId, ""), Text: in.Policy}
	if q.ID == "" {
		if len(p.Policies) > 0 {
			return nil, api.ErrResourcePolicyLimitExceeded.New("The PutResourcePolicy API action enforces two limits. A policy can't be greater than 1024 bytes in size. And only one policy can be attached to OpsItemGroup. Verify these limits and try again.")
		}
		q.ID = c.Rand().UUID()
		p.Policies = append(p.Policies, q)
	} else if err := p.replacePolicy(q, cloud.Or(in.PolicyHash, "")); err != nil {
		return nil, err
	}
	parameters.Put(tx, p)
	return &api.PutResourcePolicyOutput{PolicyId: &q.ID, PolicyHash: new(q.hash())}, nil
}

func (p *parameter) replacePolicy(q resourcePolicy, hash string) error {
	for i, old := range p.Policies {
		if old.ID != q.ID {
			continue
		}
		if old.hash() != hash {
			return api.ErrResourcePolicyConflict.New("The hash provided in the call doesn't match the stored hash. This exception is thrown when trying to update an obsolete policy version or when multiple requests to update a policy are sent.")
		}
		p.Policies[i] = q
		return nil
	}
	return api.ErrResourcePolicyNotFound.New("No policies with the specified policy ID and hash could be found.")
}

func deleteResourcePolicy(c *cloud.Call, tx store.Tx, in *api.DeleteResourcePolicyInput) (*api.DeleteResourcePolicyOutput, error) {
	p, err := shared(c, tx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for i, old := range p.Policies {
		if old.ID == in.PolicyId && old.hash() == in.PolicyHash {
			p.Policies = append(p.Policies[:i:i], p.Policies[i+1:]...)
			parameters.Put(tx, p)
			return &api.DeleteResourcePolicyOutput{}, nil
		}
	}
	return nil, api.ErrResourcePolicyNotFound.New("No policies with the specified policy ID and hash could be found.")
}

func getResourcePolicies(c *cloud.Call, r store.Reader, in *api.GetResourcePoliciesInput) (*api.GetResourcePoliciesOutput, error) {
	p, err := shared(c, r, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &api.GetResourcePoliciesOutput{Policies: []api.GetResourcePoliciesResponseEntry{}}
	for _, q := range p.Policies {
		out.Policies = append(out.Policies, api.GetResourcePoliciesResponseEntry{PolicyId: &q.ID, PolicyHash: new(q.hash()), Policy: &q.Text})
	}
	return out, nil
}
