package organizations

import (
	"encoding/json"
	"slices"
	"strings"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// What is wrong with an effective policy: each document by itself was fine when
// it was taken, and their merging need not be.
const (
	keyInvalid  = "TAG_KEY_INVALID"
	typeInvalid = "ELEMENT_TYPE_INVALID"
)

// problem is a fault at a place in an effective policy.
type problem struct{ code, path, text string }

// problems finds the faults of an effective policy of a type.
func problems(kind, content string) (list []problem) {
	if kind != api.PolicyTypeTagPolicy {
		return nil
	}
	var doc struct{ Tags map[string]map[string]any }
	if json.Unmarshal([]byte(content), &doc) != nil {
		return []problem{{typeInvalid, "$.tags", "The tags of a tag policy must be objects."}}
	}
	for _, name := range sortedKeys(doc.Tags) {
		at := "$.tags." + name
		for _, element := range sortedKeys(doc.Tags[name]) {
			v := doc.Tags[name][element]
			switch s, isText := v.(string); {
			case element != "tag_key":
				if _, isList := v.([]any); !isList {
					if _, isObject := v.(map[string]any); !isObject {
						list = append(list, problem{typeInvalid, at + "." + element, element + " must be a list."})
					}
				}
			case !isText:
				list = append(list, problem{typeInvalid, at + ".tag_key", "tag_key must be one string."})
			case !strings.EqualFold(s, name):
				list = append(list, problem{keyInvalid, at + ".tag_key", "tag_key may differ from " + name + " in capitalization only."})
			}
		}
	}
	return list
}

// effective is what the policies of a type come to for an account, with those
// that had a part in it; ok is false where nothing is left.
func effective(r store.Reader, org *identity.Organization, account, kind string) (content string, from []*identity.OrgPolicy, ok bool) {
	_, path := identity.Path(r, account)
	var levels [][]string
	for _, at := range path {
		var level []string
		for a := range identity.OrgAttachments.Scan(r, org.ID, at, kind) {
			if p, ok := identity.OrgPolicies.Get(r, org.ID, a.Policy); ok {
				level = append(level, p.Content)
				from = append(from, p)
			}
		}
		levels = append(levels, level)
	}
	content, ok = merge(levels)
	return content, from, ok
}

func listEffectivePolicyValidationErrors(c *cloud.Call, r store.Reader, in *api.ListEffectivePolicyValidationErrorsInput) (*api.ListEffectivePolicyValidationErrorsOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	m, ok := identity.Members.Get(r, in.AccountId)
	switch {
	case !ok || m.Organization != org.ID:
		return nil, errNoAccount()
	case !slices.Contains(org.Enabled, in.PolicyType):
		return nil, errNoEffective()
	}
	content, from, ok := effective(r, org, in.AccountId, in.PolicyType)
	if !ok {
		return nil, errNoEffective()
	}
	page, next, err := cut(problems(in.PolicyType, content), in.NextToken, in.MaxResults)
	return &api.ListEffectivePolicyValidationErrorsOutput{AccountId: &in.AccountId, PolicyType: &in.PolicyType, EvaluationTimestamp: &c.Now,
		Path: new(accountView(c, r, org, m).Paths[0]), NextToken: next, EffectivePolicyValidationErrors: views(page, func(p problem) api.EffectivePolicyValidationError {
			return api.EffectivePolicyValidationError{ErrorCode: &p.code, ErrorMessage: &p.text, PathToError: &p.path, ContributingPolicies: p.contributors(from)}
		})}, err
}

// contributors are the ids of the policies that speak about the faulty element.
func (p problem) contributors(from []*identity.OrgPolicy) (ids []string) {
	part, _, _ := strings.Cut(strings.TrimPrefix(p.path, "$.tags."), ".")
	for _, x := range from {
		var doc struct{ Tags map[string]any }
		if json.Unmarshal([]byte(x.Content), &doc) != nil {
			continue
		}
		for name := range doc.Tags {
			if strings.EqualFold(name, part) && !slices.Contains(ids, x.ID) {
				ids = append(ids, x.ID)
			}
		}
	}
	return ids
}

func listAccountsWithInvalidEffectivePolicy(c *cloud.Call, r store.Reader, in *api.ListAccountsWithInvalidEffectivePolicyInput) (*api.ListAccountsWithInvalidEffectivePolicyOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(org.Enabled, in.PolicyType) {
		return nil, errNoEffective()
	}
	var bad []api.Account
	for m := range identity.Members.Index(r, "parent", org.ID) {
		if content, _, ok := effective(r, org, m.Account, in.PolicyType); ok && len(problems(in.PolicyType, content)) > 0 {
			bad = append(bad, accountView(c, r, org, m))
		}
	}
	page, next, err := cut(bad, in.NextToken, in.MaxResults)
	if page == nil {
		page = []api.Account{}
	}
	return &api.ListAccountsWithInvalidEffectivePolicyOutput{Accounts: page, PolicyType: &in.PolicyType, NextToken: next}, err
}
