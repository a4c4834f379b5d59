package organizations

import (
	"slices"
	"strings"
	"time"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// checkService sees that a name is that of an AWS service.
func checkService(principal string) error {
	if !strings.HasSuffix(principal, ".amazonaws.com") {
		return errInput(api.InvalidInputExceptionReasonUnrecognizedServicePrincipal, "You specified an unrecognized service principal.")
	}
	return nil
}

func enableAWSServiceAccess(c *cloud.Call, tx store.Tx, in *api.EnableAWSServiceAccessInput) (*cloud.Empty, error) {
	org, err := change(c, tx)
	if err != nil {
		return nil, err
	}
	if err := checkService(in.ServicePrincipal); err != nil {
		return nil, err
	}
	if !org.AllFeatures {
		return nil, errFeatures()
	}
	if _, ok := org.Services[in.ServicePrincipal]; !ok {
		if org.Services == nil {
			org.Services = map[string]time.Time{}
		}
		org.Services[in.ServicePrincipal] = c.Now
		save(tx, org)
	}
	return new(cloud.Empty), nil
}

func disableAWSServiceAccess(c *cloud.Call, tx store.Tx, in *api.DisableAWSServiceAccessInput) (*cloud.Empty, error) {
	org, err := change(c, tx)
	if err != nil {
		return nil, err
	}
	if err := checkService(in.ServicePrincipal); err != nil {
		return nil, err
	}
	for d := range identity.Delegates.Scan(tx, org.ID) {
		if d.Service == in.ServicePrincipal {
			return nil, errConstraint(api.ConstraintViolationExceptionReasonDelegatedAdministratorExistsForThisService,
				"You attempted to disable service access for a service that still has a delegated administrator. Deregister it first.")
		}
	}
	delete(org.Services, in.ServicePrincipal)
	save(tx, org)
	return new(cloud.Empty), nil
}

func listAWSServiceAccessForOrganization(c *cloud.Call, r store.Reader, in *api.ListAWSServiceAccessForOrganizationInput) (*api.ListAWSServiceAccessForOrganizationOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	names, next, err := cut(sortedKeys(org.Services), in.NextToken, in.MaxResults)
	return &api.ListAWSServiceAccessForOrganizationOutput{
		EnabledServicePrincipals: views(names, func(s string) api.EnabledServicePrincipal {
			return api.EnabledServicePrincipal{ServicePrincipal: &s, DateEnabled: new(org.Services[s])}
		}), NextToken: next,
	}, err
}

func registerDelegatedAdministrator(c *cloud.Call, tx store.Tx, in *api.RegisterDelegatedAdministratorInput) (*cloud.Empty, error) {
	org, m, err := findMember(c, tx, in.AccountId)
	if err != nil {
		return nil, err
	}
	if err := checkService(in.ServicePrincipal); err != nil {
		return nil, err
	}
	_, trusted := org.Services[in.ServicePrincipal]
	switch {
	case !org.AllFeatures:
		return nil, errFeatures()
	case m.Account == org.Management:
		return nil, errConstraint(api.ConstraintViolationExceptionReasonCannotRegisterMasterAsDelegatedAdministrator, "You cannot register master account/yourself as delegated administrator for your organization.")
	case m.Status != api.AccountStatusActive:
		return nil, errConstraint(api.ConstraintViolationExceptionReasonCannotRegisterSuspendedAccountAsDelegatedAdministrator, "You cannot register a suspended account as a delegated administrator.")
	case !trusted:
		return nil, errConstraint(api.ConstraintViolationExceptionReasonServiceAccessNotEnabled, "You attempted to register a delegated administrator before you enabled service access. Call the EnableAWSServiceAccess API first.")
	case identity.IsDelegated(tx, org.ID, m.Account, in.ServicePrincipal):
		return nil, api.ErrAccountAlreadyRegistered.New("The provided account is already a delegated administrator for your organization.")
	}
	identity.Delegates.Put(tx, &identity.Delegate{Organization: org.ID, Account: m.Account, Service: in.ServicePrincipal, Since: c.Now})
	identity.Touch(tx, identity.OrganizationScope)
	return new(cloud.Empty), nil
}

func deregisterDelegatedAdministrator(c *cloud.Call, tx store.Tx, in *api.DeregisterDelegatedAdministratorInput) (*cloud.Empty, error) {
	org, m, err := findMember(c, tx, in.AccountId)
	if err != nil {
		return nil, err
	}
	if err := checkService(in.ServicePrincipal); err != nil {
		return nil, err
	}
	if !identity.IsDelegated(tx, org.ID, m.Account, in.ServicePrincipal) {
		return nil, api.ErrAccountNotRegistered.New("The provided account is not a registered delegated administrator for your organization.")
	}
	identity.Delegates.Delete(tx, org.ID, m.Account, in.ServicePrincipal)
	identity.Touch(tx, identity.OrganizationScope)
	return new(cloud.Empty), nil
}

// delegation is an account with the services that it administers.
type delegation struct {
	member *identity.Member
	since  time.Time
}

func listDelegatedAdministrators(c *cloud.Call, r store.Reader, in *api.ListDelegatedAdministratorsInput) (*api.ListDelegatedAdministratorsOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	var all []delegation
	for d := range identity.Delegates.Scan(r, org.ID) {
		if in.ServicePrincipal != nil && d.Service != *in.ServicePrincipal {
			continue
		}
		i := slices.IndexFunc(all, func(x delegation) bool { return x.member.Account == d.Account })
		switch {
		case i >= 0 && d.Since.Before(all[i].since):
			all[i].since = d.Since
		case i < 0:
			if m, ok := identity.Members.Get(r, d.Account); ok {
				all = append(all, delegation{m, d.Since})
			}
		}
	}
	list, next, err := cut(all, in.NextToken, in.MaxResults)
	return &api.ListDelegatedAdministratorsOutput{
		DelegatedAdministrators: views(list, func(x delegation) api.DelegatedAdministrator {
			a := accountView(c, r, org, x.member)
			return api.DelegatedAdministrator{Id: a.Id, Arn: a.Arn, Email: a.Email, Name: a.Name, Status: a.Status, State: a.State,
				JoinedMethod: a.JoinedMethod, JoinedTimestamp: a.JoinedTimestamp, DelegationEnabledDate: &x.since}
		}), NextToken: next,
	}, err
}

func listDelegatedServicesForAccount(c *cloud.Call, r store.Reader, in *api.ListDelegatedServicesForAccountInput) (*api.ListDelegatedServicesForAccountOutput, error) {
	org, m, err := findMember(c, r, in.AccountId)
	if err != nil {
		return nil, err
	}
	if !identity.IsDelegated(r, org.ID, m.Account, "") {
		return nil, api.ErrAccountNotRegistered.New("The provided account is not a registered delegated administrator for your organization.")
	}
	list, next, err := page(identity.Delegates, r, store.K(org.ID, m.Account), in.NextToken, in.MaxResults, nil)
	return &api.ListDelegatedServicesForAccountOutput{
		DelegatedServices: views(list, func(d *identity.Delegate) api.DelegatedService {
			return api.DelegatedService{ServicePrincipal: &d.Service, DelegationEnabledDate: &d.Since}
		}), NextToken: next,
	}, err
}
