package iam

import (
	"slices"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/policy"
	"pileus/store"
)

// contextKeys are the condition keys that policy documents refer to, in
// conditions and as variables, each once.
func contextKeys(documents []string) ([]string, error) {
	names := []string{}
	for _, text := range documents {
		doc, err := policy.Parse(text, policy.Identity)
		if err != nil {
			return nil, api.ErrInvalidInput.New("Invalid policy: %s", err)
		}
		for _, name := range doc.ContextKeys() {
			if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

func getContextKeysForCustomPolicy(_ *cloud.Call, _ store.Reader, in *api.GetContextKeysForCustomPolicyInput) (*api.GetContextKeysForPolicyResponse, error) {
	names, err := contextKeys(in.PolicyInputList)
	return &api.GetContextKeysForPolicyResponse{ContextKeyNames: names}, err
}

func getContextKeysForPrincipalPolicy(c *cloud.Call, r store.Reader, in *api.GetContextKeysForPrincipalPolicyInput) (*api.GetContextKeysForPolicyResponse, error) {
	s, err := sourcePolicies(c, r, in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	documents := slices.Clone(in.PolicyInputList)
	for _, p := range s.set.Identity {
		documents = append(documents, p.Doc.Text)
	}
	names, err := contextKeys(documents)
	return &api.GetContextKeysForPolicyResponse{ContextKeyNames: names}, err
}
