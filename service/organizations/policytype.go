package organizations

import (
	"slices"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// policyType is what is particular to one type of policy
// (orgs_reference_limits).
type policyType struct {
	size     int    // characters
	attached int    // policies per target
	element  string // the member that its documents have at the top; "" for IAM's grammar
	// standard is AWS's own policy, which everything has as long as nothing
	// else is attached.
	standard string
	content  string // of standard
	fixed    bool   // standard cannot be detached
}

const fullAccess = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// typeOf is the policy type with the name.
func typeOf(name string) policyType {
	switch name {
	case api.PolicyTypeServiceControlPolicy:
		return policyType{size: 5120, attached: 5, standard: "FullAWSAccess", content: fullAccess}
	case api.PolicyTypeResourceControlPolicy:
		return policyType{size: 5120, attached: 5, standard: "RCPFullAWSAccess", fixed: true,
			content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`}
	case api.PolicyTypeTagPolicy:
		return policyType{size: 10_000, attached: 10, element: "tags"}
	case api.PolicyTypeBackupPolicy:
		return policyType{size: 10_000, attached: 10, element: "plans"}
	case api.PolicyTypeAiservicesOptOutPolicy:
		return policyType{size: 2500, attached: 5, element: "services"}
	case api.PolicyTypeChatbotPolicy:
		return policyType{size: 10_000, attached: 5, element: "chatbot"}
	case api.PolicyTypeDeclarativePolicyEc2:
		return policyType{size: 10_000, attached: 10, element: "ec2_attributes"}
	case api.PolicyTypeSecurityhubPolicy:
		return policyType{size: 10_000, attached: 10, element: "securityhub"}
	case api.PolicyTypeInspectorPolicy:
		return policyType{size: 10_000, attached: 10, element: "inspector"}
	case api.PolicyTypeBedrockPolicy:
		return policyType{size: 10_000, attached: 10, element: "bedrock"}
	case api.PolicyTypeS3Policy:
		return policyType{size: 10_000, attached: 10, element: "s3_attributes"}
	case api.PolicyTypeUpgradeRolloutPolicy:
		return policyType{size: 10_000, attached: 10, element: "upgrade_rollout"}
	}
	return policyType{size: 10_000, attached: 10}
}

// putDefaults writes AWS's own policies for the organization.
func putDefaults(c *cloud.Call, tx store.Tx, org *identity.Organization) {
	for _, kind := range []string{api.PolicyTypeServiceControlPolicy, api.PolicyTypeResourceControlPolicy} {
		t := typeOf(kind)
		id := "p-" + t.standard
		identity.OrgPolicies.Put(tx, &identity.OrgPolicy{
			Organization: org.ID, ID: id, Type: kind, Name: t.standard, Description: "Allows access to every operation", Content: t.content, AWSManaged: true,
			ARN: "arn:" + c.Partition + ":organizations::aws:policy/" + lower(kind) + "/" + id,
		})
	}
}

// attachDefault puts AWS's policy of a type on a target.
func attachDefault(tx store.Tx, org *identity.Organization, kind, target string) {
	if t := typeOf(kind); t.standard != "" {
		identity.OrgAttachments.Put(tx, &identity.OrgAttachment{Organization: org.ID, Target: target, Type: kind, Policy: "p-" + t.standard})
	}
}

// attachDefaults gives a new node of the tree what every node begins with.
func attachDefaults(tx store.Tx, org *identity.Organization, target string) {
	if !org.AllFeatures {
		return
	}
	attachDefault(tx, org, api.PolicyTypeServiceControlPolicy, target)
	if slices.Contains(org.Enabled, api.PolicyTypeResourceControlPolicy) {
		attachDefault(tx, org, api.PolicyTypeResourceControlPolicy, target)
	}
}

func enablePolicyType(c *cloud.Call, tx store.Tx, in *api.EnablePolicyTypeInput) (*api.EnablePolicyTypeOutput, error) {
	org, err := change(c, tx)
	switch {
	case err != nil:
		return nil, err
	case in.RootId != org.RootID:
		return nil, errNoRoot()
	case !org.AllFeatures:
		return nil, api.ErrPolicyTypeNotAvailableForOrganization.New("You can't use the specified policy type with the feature set currently enabled for this organization.")
	case slices.Contains(org.Enabled, in.PolicyType):
		return nil, api.ErrPolicyTypeAlreadyEnabled.New("The specified policy type is already enabled.")
	}
	org.Enabled = append(org.Enabled, in.PolicyType)
	for _, id := range targets(tx, org) {
		attachDefault(tx, org, in.PolicyType, id)
	}
	save(tx, org)
	return &api.EnablePolicyTypeOutput{Root: rootView(c, org)}, nil
}

// disablePolicyType detaches all policies of the type: enabling it again
// begins anew.
func disablePolicyType(c *cloud.Call, tx store.Tx, in *api.DisablePolicyTypeInput) (*api.DisablePolicyTypeOutput, error) {
	org, err := change(c, tx)
	switch {
	case err != nil:
		return nil, err
	case in.RootId != org.RootID:
		return nil, errNoRoot()
	case !slices.Contains(org.Enabled, in.PolicyType):
		return nil, errNotEnabled()
	}
	org.Enabled = slices.DeleteFunc(org.Enabled, func(t string) bool { return t == in.PolicyType })
	for _, id := range targets(tx, org) {
		identity.OrgAttachments.DeleteAll(tx, org.ID, id, in.PolicyType)
	}
	save(tx, org)
	return &api.DisablePolicyTypeOutput{Root: rootView(c, org)}, nil
}

func errNotEnabled() error {
	return api.ErrPolicyTypeNotEnabled.New("This operation can be performed only for enabled policy types.")
}
