package organizations

import (
	"reflect"
	"strings"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

// reach says whose an operation is. What is in an organization belongs to its
// management account: others ask as any account asks for a resource of
// another, and it is the organization's resource policy that may let them.
type reach uint8

const (
	// management is for the management account and those whom the resource
	// policy names.
	management reach = iota
	// reading is for delegated administrators too.
	reading
	// everyone may call about itself: DescribeOrganization, its handshakes.
	everyone
)

// accessTable says for each operation whose it is and what it acts on.
func accessTable() []cloud.Access {
	return []cloud.Access{
		on(&api.AcceptHandshake, everyone, func(in *api.AcceptHandshakeInput) []string { return []string{in.HandshakeId} }),
		on(&api.AttachPolicy, management, func(in *api.AttachPolicyInput) []string { return []string{in.PolicyId, in.TargetId} }),
		on(&api.CancelHandshake, management, func(in *api.CancelHandshakeInput) []string { return []string{in.HandshakeId} }),
		on(&api.CloseAccount, management, func(in *api.CloseAccountInput) []string { return []string{in.AccountId} }),
		on(&api.CreateAccount, management, nil),
		on(&api.CreateGovCloudAccount, management, nil),
		on(&api.CreateOrganization, everyone, nil),
		on(&api.CreateOrganizationalUnit, management, func(in *api.CreateOrganizationalUnitInput) []string { return []string{in.ParentId} }),
		on(&api.CreatePolicy, management, nil),
		on(&api.DeclineHandshake, everyone, func(in *api.DeclineHandshakeInput) []string { return []string{in.HandshakeId} }),
		on(&api.DeleteOrganization, management, nil),
		on(&api.DeleteOrganizationalUnit, management, func(in *api.DeleteOrganizationalUnitInput) []string { return []string{in.OrganizationalUnitId} }),
		on(&api.DeletePolicy, management, func(in *api.DeletePolicyInput) []string { return []string{in.PolicyId} }),
		on(&api.DeleteResourcePolicy, management, nil),
		on(&api.DeregisterDelegatedAdministrator, management, func(in *api.DeregisterDelegatedAdministratorInput) []string { return []string{in.AccountId} }),
		on(&api.DescribeAccount, reading, func(in *api.DescribeAccountInput) []string { return []string{in.AccountId} }),
		on(&api.DescribeCreateAccountStatus, reading, nil),
		api.DescribeEffectivePolicy.Decides([]string{"organizations:DescribeEffectivePolicy"}, effectivePolicyChecks),
		on(&api.DescribeHandshake, everyone, func(in *api.DescribeHandshakeInput) []string { return []string{in.HandshakeId} }),
		on(&api.DescribeOrganization, everyone, nil),
		on(&api.DescribeOrganizationalUnit, reading, func(in *api.DescribeOrganizationalUnitInput) []string { return []string{in.OrganizationalUnitId} }),
		on(&api.DescribePolicy, reading, func(in *api.DescribePolicyInput) []string { return []string{in.PolicyId} }),
		on(&api.DescribeResourcePolicy, reading, nil),
		on(&api.DescribeResponsibilityTransfer, management, func(in *api.DescribeResponsibilityTransferInput) []string { return []string{in.Id} }),
		on(&api.DetachPolicy, management, func(in *api.DetachPolicyInput) []string { return []string{in.PolicyId, in.TargetId} }),
		on(&api.DisableAWSServiceAccess, management, nil),
		on(&api.DisablePolicyType, management, func(in *api.DisablePolicyTypeInput) []string { return []string{in.RootId} }),
		on(&api.EnableAWSServiceAccess, management, nil),
		on(&api.EnableAllFeatures, management, nil),
		on(&api.EnablePolicyType, management, func(in *api.EnablePolicyTypeInput) []string { return []string{in.RootId} }),
		on(&api.InviteAccountToOrganization, management, nil),
		on(&api.InviteOrganizationToTransferResponsibility, management, nil),
		on(&api.LeaveOrganization, everyone, nil),
		on(&api.ListAWSServiceAccessForOrganization, reading, nil),
		on(&api.ListAccounts, reading, nil),
		on(&api.ListAccountsForParent, reading, func(in *api.ListAccountsForParentInput) []string { return []string{in.ParentId} }),
		on(&api.ListAccountsWithInvalidEffectivePolicy, reading, nil),
		on(&api.ListChildren, reading, func(in *api.ListChildrenInput) []string { return []string{in.ParentId} }),
		on(&api.ListCreateAccountStatus, reading, nil),
		on(&api.ListDelegatedAdministrators, reading, nil),
		on(&api.ListDelegatedServicesForAccount, reading, func(in *api.ListDelegatedServicesForAccountInput) []string { return []string{in.AccountId} }),
		on(&api.ListEffectivePolicyValidationErrors, reading, func(in *api.ListEffectivePolicyValidationErrorsInput) []string { return []string{in.AccountId} }),
		on(&api.ListHandshakesForAccount, everyone, nil),
		on(&api.ListHandshakesForOrganization, reading, nil),
		on(&api.ListInboundResponsibilityTransfers, management, nil),
		on(&api.ListOrganizationalUnitsForParent, reading, func(in *api.ListOrganizationalUnitsForParentInput) []string { return []string{in.ParentId} }),
		on(&api.ListOutboundResponsibilityTransfers, management, nil),
		on(&api.ListParents, reading, func(in *api.ListParentsInput) []string { return []string{in.ChildId} }),
		on(&api.ListPolicies, reading, nil),
		on(&api.ListPoliciesForTarget, reading, func(in *api.ListPoliciesForTargetInput) []string { return []string{in.TargetId} }),
		on(&api.ListRoots, reading, nil),
		on(&api.ListTagsForResource, reading, func(in *api.ListTagsForResourceInput) []string { return []string{in.ResourceId} }),
		on(&api.ListTargetsForPolicy, reading, func(in *api.ListTargetsForPolicyInput) []string { return []string{in.PolicyId} }),
		on(&api.MoveAccount, management, func(in *api.MoveAccountInput) []string {
			return []string{in.AccountId, in.SourceParentId, in.DestinationParentId}
		}),
		on(&api.PutResourcePolicy, management, nil),
		on(&api.RegisterDelegatedAdministrator, management, func(in *api.RegisterDelegatedAdministratorInput) []string { return []string{in.AccountId} }),
		on(&api.RemoveAccountFromOrganization, management, func(in *api.RemoveAccountFromOrganizationInput) []string { return []string{in.AccountId} }),
		on(&api.TagResource, management, func(in *api.TagResourceInput) []string { return []string{in.ResourceId} }),
		on(&api.TerminateResponsibilityTransfer, management, func(in *api.TerminateResponsibilityTransferInput) []string { return []string{in.Id} }),
		on(&api.UntagResource, management, func(in *api.UntagResourceInput) []string { return []string{in.ResourceId} }),
		on(&api.UpdateOrganizationalUnit, management, func(in *api.UpdateOrganizationalUnitInput) []string { return []string{in.OrganizationalUnitId} }),
		on(&api.UpdatePolicy, management, func(in *api.UpdatePolicyInput) []string { return []string{in.PolicyId} }),
		on(&api.UpdateResponsibilityTransfer, management, func(in *api.UpdateResponsibilityTransferInput) []string { return []string{in.Id} }),
	}
}

// on declares an operation that needs the action of its name on the things
// whose ids its input has; nil where there are none.
func on[In, Out any](o *cloud.Op[In, Out], by reach, ids func(In) []string) cloud.Access {
	action := "organizations:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		var list []string
		if ids != nil {
			list = ids(in)
		}
		return checks(c, r, action, by, keysOf(in), list...), nil
	})
}

// effectivePolicyChecks is the access of DescribeEffectivePolicy: accounts may
// ask about themselves.
func effectivePolicyChecks(c *cloud.Call, r store.Reader, in *api.DescribeEffectivePolicyInput) ([]cloud.Check, error) {
	target, by := cloud.Or(in.TargetId, c.Account), reading
	if target == c.Account {
		by = everyone
	}
	return checks(c, r, "organizations:DescribeEffectivePolicy", by, keysOf(in), target), nil
}

func checks(c *cloud.Call, r store.Reader, action string, by reach, keys cloud.Keys, ids ...string) []cloud.Check {
	org, _ := identity.Path(r, c.Account)
	if len(ids) == 0 {
		return []cloud.Check{{Action: action, Resource: owned(c, r, org, by, "*"), Keys: keys}}
	}
	var out []cloud.Check
	for _, id := range ids {
		res := owned(c, r, org, by, arnOf(c, r, org, id))
		if org != nil {
			if t, ok := taggedThing(r, org, id); ok {
				res.Tags = t.tags.Map()
			}
		}
		out = append(out, cloud.Check{Action: action, Resource: res, Keys: keys})
	}
	return out
}

// owned is a resource of the organization as the caller meets it: its own
// where the operation is for callers like it, else the management account's.
func owned(c *cloud.Call, r store.Reader, org *identity.Organization, by reach, arn string) cloud.Resource {
	res := cloud.Resource{ARN: arn}
	if org == nil || org.Management == c.Account || by == everyone {
		return res
	}
	if by == reading && identity.IsDelegated(r, org.ID, c.Account, "") {
		return res
	}
	res.Account = org.Management
	if org.ResourcePolicy != "" {
		if doc, err := policy.Cached(org.ResourcePolicy, policy.ResourceBased); err == nil {
			res.Policies = []policy.Attached{{ID: "resource policy of organization " + org.ID, Doc: doc}}
		}
	}
	return res
}

// keysOf are the condition keys that an input's members carry.
func keysOf(in any) cloud.Keys {
	k := cloud.Keys{}
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		switch v.Type().Field(i).Name {
		case "PolicyType", "Type", "Filter":
			if f.Kind() == reflect.String {
				k["organizations:policytype"] = []string{f.String()}
			}
		case "ServicePrincipal":
			if f.Kind() == reflect.Pointer {
				f = f.Elem()
			}
			if f.IsValid() {
				k["organizations:serviceprincipal"] = []string{f.String()}
			}
		case "Tags":
			for _, t := range f.Interface().([]api.Tag) {
				k["aws:requesttag/"+strings.ToLower(t.Key)] = []string{t.Value}
				k["aws:tagkeys"] = append(k["aws:tagkeys"], t.Key)
			}
		case "TagKeys":
			k["aws:tagkeys"] = f.Interface().([]string)
		}
	}
	return k
}

// denied words the refusal of accounts that an operation is not for: nothing
// that they could write into their own policies would help.
func denied(_ *cloud.Call, _ *cloud.OpInfo, e *cloud.Error) *cloud.Error {
	if strings.Contains(e.Message, "because no resource-based policy allows") {
		return errAccess()
	}
	return e
}
