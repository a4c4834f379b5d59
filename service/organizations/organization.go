package organizations

import (
	"maps"
	"slices"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// own is the organization that the caller's account is in.
func own(c *cloud.Call, r store.Reader) (*identity.Organization, error) {
	m, ok := identity.Members.Get(r, c.Account)
	if !ok {
		return nil, errNotInUse()
	}
	org, ok := identity.Organizations.Get(r, m.Organization)
	if !ok {
		return nil, errNotInUse()
	}
	return org, nil
}

// change is a copy of the caller's organization that may be changed: records
// of tables with a memo are shared.
func change(c *cloud.Call, r store.Reader) (*identity.Organization, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	d := *org
	d.Enabled = slices.Clone(org.Enabled)
	d.RootTags = slices.Clone(org.RootTags)
	d.ResourcePolicyTags = slices.Clone(org.ResourcePolicyTags)
	d.Services = maps.Clone(org.Services)
	return &d, nil
}

// save writes the organization.
func save(tx store.Tx, org *identity.Organization) {
	identity.Organizations.Put(tx, org)
	identity.Touch(tx, identity.OrganizationScope)
}

// emailOf is an account's address; accounts that came into being with their
// first use never gave one.
func emailOf(r store.Reader, account string) string {
	if a, ok := identity.Accounts.Get(r, account); ok && a.Email != "" {
		return a.Email
	}
	return "account-" + account + "@example.com"
}

func nameOf(r store.Reader, account string) string {
	if a, ok := identity.Accounts.Get(r, account); ok {
		return a.Name
	}
	return account
}

func organizationView(c *cloud.Call, r store.Reader, org *identity.Organization) *api.Organization {
	features := api.OrganizationFeatureSetConsolidatedBilling
	types := []api.PolicyTypeSummary{}
	if org.AllFeatures {
		features = api.OrganizationFeatureSetAll
		// AWS's answer names this type alone, enabled on the root or not.
		types = append(types, api.PolicyTypeSummary{Type: new(identity.ServiceControl), Status: new(api.PolicyTypeStatusEnabled)})
	}
	return &api.Organization{
		Id: &org.ID, Arn: &org.ARN, FeatureSet: &features, MasterAccountId: &org.Management,
		MasterAccountArn:   new(accountARN(c, org, org.Management)),
		MasterAccountEmail: new(emailOf(r, org.Management)), AvailablePolicyTypes: types,
	}
}

func createOrganization(c *cloud.Call, tx store.Tx, in *api.CreateOrganizationInput) (*api.CreateOrganizationOutput, error) {
	if identity.Members.Has(tx, c.Account) {
		return nil, api.ErrAlreadyInOrganization.New("The AWS account is already a member of an organization.")
	}
	id := newID(c.Rand(), "o-", 10)
	org := &identity.Organization{
		ID: id, ARN: arnIn(c, c.Account, "organization/"+id), Management: c.Account, RootID: newID(c.Rand(), "r-", 4),
		AllFeatures: cloud.Or(in.FeatureSet, api.OrganizationFeatureSetAll) == api.OrganizationFeatureSetAll, Created: c.Now,
	}
	save(tx, org)
	if org.AllFeatures {
		putDefaults(c, tx, org)
		attachDefault(tx, org, identity.ServiceControl, org.RootID)
	}
	join(c, tx, org, c.Account, api.AccountJoinedMethodInvited, nil)
	return &api.CreateOrganizationOutput{Organization: organizationView(c, tx, org)}, nil
}

func describeOrganization(c *cloud.Call, r store.Reader, _ *cloud.Empty) (*api.DescribeOrganizationOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	return &api.DescribeOrganizationOutput{Organization: organizationView(c, r, org)}, nil
}

// deleteOrganization needs the organization to have nothing in it but the
// management account.
func deleteOrganization(c *cloud.Call, tx store.Tx, _ *cloud.Empty) (*cloud.Empty, error) {
	org, err := own(c, tx)
	if err != nil {
		return nil, err
	}
	for m := range identity.Members.Index(tx, "parent", org.ID) {
		if m.Account != org.Management {
			return nil, api.ErrOrganizationNotEmpty.New("To delete an organization you must first remove all member accounts (except the master).")
		}
	}
	for range identity.Units.Scan(tx, org.ID) {
		return nil, api.ErrOrganizationNotEmpty.New("To delete an organization you must first delete all of its organizational units.")
	}
	for p := range identity.OrgPolicies.Scan(tx, org.ID) {
		if !p.AWSManaged {
			return nil, api.ErrOrganizationNotEmpty.New("To delete an organization you must first delete all of its policies.")
		}
	}
	if transferring(c, tx, org) {
		return nil, errConstraint(api.ConstraintViolationExceptionReasonActiveResponsibilityTransferProcess, "You cannot delete organization due to an ongoing responsibility transfer process. For example, a pending invitation or an in-progress transfer.")
	}
	for h := range handshakes.Index(tx, "organization", org.ID) {
		if h.open() {
			h.State = api.HandshakeStateCanceled
			handshakes.Put(tx, h)
		}
	}
	identity.OrgPolicies.DeleteAll(tx, org.ID)
	identity.OrgAttachments.DeleteAll(tx, org.ID)
	identity.Delegates.DeleteAll(tx, org.ID)
	identity.Members.Delete(tx, org.Management)
	identity.Organizations.Delete(tx, org.ID)
	identity.Touch(tx, identity.OrganizationScope)
	return new(cloud.Empty), nil
}
