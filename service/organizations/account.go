package organizations

import (
	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// accountQuota is the highest to which AWS raises an organization's.
const accountQuota = 10_000

// join makes an account a member, at the root.
func join(c *cloud.Call, tx store.Tx, org *identity.Organization, account, method string, tags identity.Tags) {
	identity.Members.Put(tx, &identity.Member{
		Account: account, Organization: org.ID, Parent: org.RootID, Name: nameOf(tx, account), Email: emailOf(tx, account),
		Status: api.AccountStatusActive, Method: method, Joined: c.Now, Tags: tags,
	})
	attachDefaults(tx, org, account)
	identity.Touch(tx, identity.OrganizationScope)
}

// part is the end of a membership.
func part(tx store.Tx, m *identity.Member) {
	identity.OrgAttachments.DeleteAll(tx, m.Organization, m.Account)
	identity.Members.Delete(tx, m.Account)
	identity.Touch(tx, identity.OrganizationScope)
}

func accountView(c *cloud.Call, r store.Reader, org *identity.Organization, m *identity.Member) api.Account {
	return api.Account{
		Id: &m.Account, Arn: new(accountARN(c, org, m.Account)), Email: &m.Email, Name: &m.Name, Status: &m.Status, State: &m.Status,
		JoinedMethod: &m.Method, JoinedTimestamp: &m.Joined, Paths: []string{pathOf(r, org, m.Account)},
	}
}

// findMember is an account of the caller's organization, to look at.
func findMember(c *cloud.Call, r store.Reader, id string) (*identity.Organization, *identity.Member, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, nil, err
	}
	m, ok := identity.Members.Get(r, id)
	if !ok || m.Organization != org.ID {
		return nil, nil, errNoAccount()
	}
	d := *m
	return org, &d, nil
}

func describeAccount(c *cloud.Call, r store.Reader, in *api.DescribeAccountInput) (*api.DescribeAccountOutput, error) {
	org, m, err := findMember(c, r, in.AccountId)
	if err != nil {
		return nil, err
	}
	return &api.DescribeAccountOutput{Account: new(accountView(c, r, org, m))}, nil
}

func listAccounts(c *cloud.Call, r store.Reader, in *api.ListAccountsInput) (*api.ListAccountsOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	list, next, err := pageIndex(identity.Members, r, "parent", store.K(org.ID), in.NextToken, in.MaxResults, nil)
	return &api.ListAccountsOutput{
		Accounts: views(list, func(m *identity.Member) api.Account { return accountView(c, r, org, m) }), NextToken: next,
	}, err
}

func listAccountsForParent(c *cloud.Call, r store.Reader, in *api.ListAccountsForParentInput) (*api.ListAccountsForParentOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	if _, err := findParent(c, r, org, in.ParentId); err != nil {
		return nil, err
	}
	list, next, err := pageIndex(identity.Members, r, "parent", store.K(org.ID, in.ParentId), in.NextToken, in.MaxResults, nil)
	return &api.ListAccountsForParentOutput{
		Accounts: views(list, func(m *identity.Member) api.Account { return accountView(c, r, org, m) }), NextToken: next,
	}, err
}

func moveAccount(c *cloud.Call, tx store.Tx, in *api.MoveAccountInput) (*cloud.Empty, error) {
	org, m, err := findMember(c, tx, in.AccountId)
	if err != nil {
		return nil, err
	}
	if _, err := findParent(c, tx, org, in.SourceParentId); err != nil || m.Parent != in.SourceParentId {
		return nil, api.ErrSourceParentNotFound.New("You specified a source parent that doesn't exist.")
	}
	if _, err := findParent(c, tx, org, in.DestinationParentId); err != nil {
		return nil, api.ErrDestinationParentNotFound.New("You specified a destination parent that doesn't exist.")
	}
	if in.DestinationParentId == m.Parent {
		return nil, api.ErrDuplicateAccount.New("That account is already present in the specified destination.")
	}
	m.Parent = in.DestinationParentId
	identity.Members.Put(tx, m)
	identity.Touch(tx, identity.OrganizationScope)
	return new(cloud.Empty), nil
}

// mayPart refuses the accounts that cannot leave. What AWS asks of an account
// that was created in the organization (a payment method, an agreement, a
// phone number) every account has here.
func mayPart(r store.Reader, org *identity.Organization, account string) error {
	switch {
	case account == org.Management:
		return api.ErrMasterCannotLeaveOrganization.New("The management account can't leave the organization. To delete the organization, remove all member accounts first.")
	case identity.IsDelegated(r, org.ID, account, ""):
		return errConstraint(api.ConstraintViolationExceptionReasonCannotRemoveDelegatedAdministratorFromOrg,
			"You cannot remove an account that is registered as a delegated administrator for a service. Deregister it first.")
	}
	return nil
}

func removeAccountFromOrganization(c *cloud.Call, tx store.Tx, in *api.RemoveAccountFromOrganizationInput) (*cloud.Empty, error) {
	org, m, err := findMember(c, tx, in.AccountId)
	if err != nil {
		return nil, err
	}
	if err := mayPart(tx, org, m.Account); err != nil {
		return nil, err
	}
	part(tx, m)
	return new(cloud.Empty), nil
}

func leaveOrganization(c *cloud.Call, tx store.Tx, _ *cloud.Empty) (*cloud.Empty, error) {
	org, err := own(c, tx)
	if err != nil {
		return nil, err
	}
	if err := mayPart(tx, org, c.Account); err != nil {
		return nil, err
	}
	m, _ := identity.Members.Get(tx, c.Account)
	part(tx, m)
	return new(cloud.Empty), nil
}
