package fis

import (
	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// account is another account that the experiments of a template reach into.
type account struct {
	Account, Region, Template string // of the template
	ID                        string // the other account
	Role, Description         string
}

var accounts = &store.Table[account]{
	Name: "fis.account",
	Key:  func(a *account) store.Key { return store.K(a.Account, a.Region, a.Template, a.ID) },
}

func accountsOf(r store.Reader, t *template) (list []*account) {
	for a := range accounts.Scan(r, t.Account, t.Region, t.ID) {
		list = append(list, a)
	}
	return list
}

func (a *account) shown() *api.TargetAccountConfiguration {
	out := &api.TargetAccountConfiguration{AccountId: new(a.ID), RoleArn: new(a.Role)}
	if a.Description != "" {
		out.Description = new(a.Description)
	}
	return out
}

func findAccount(c *cloud.Call, r store.Reader, template, id string) (*account, error) {
	if _, err := findTemplate(c, r, template); err != nil {
		return nil, err
	}
	a, ok := accounts.Get(r, c.Account, c.Region, template, id)
	if !ok {
		return nil, errNoAccount(id)
	}
	return a, nil
}

func createTargetAccountConfiguration(c *cloud.Call, tx store.Tx, in *api.CreateTargetAccountConfigurationInput) (*api.CreateTargetAccountConfigurationOutput, error) {
	t, err := findTemplate(c, tx, in.ExperimentTemplateId)
	if err != nil {
		return nil, err
	}
	a := &account{Account: c.Account, Region: c.Region, Template: t.ID, ID: in.AccountId, Role: in.RoleArn, Description: cloud.Or(in.Description, "")}
	if err := a.check(t); err != nil {
		return nil, err
	}
	if old, ok := accounts.Get(tx, a.Account, a.Region, a.Template, a.ID); ok && (in.ClientToken == nil || *old != *a) {
		return nil, api.ErrConflict.New("Target account configuration already exists: %s", a.ID)
	}
	if len(accountsOf(tx, t)) >= maxAccounts {
		return nil, errQuota("target account configurations", maxAccounts)
	}
	accounts.Put(tx, a)
	return &api.CreateTargetAccountConfigurationOutput{TargetAccountConfiguration: a.shown()}, nil
}

func (a *account) check(t *template) error {
	arn, ok := cloud.ParseARN(a.Role)
	switch {
	case cloud.Or(t.ExperimentOptions.AccountTargeting, "") != api.AccountTargetingMultiAccount:
		return errInvalid("The experiment template %s does not target several accounts.", t.ID)
	case !identity.IsAccountID(a.ID):
		return errInvalid("Invalid account id: %s", a.ID)
	case !ok || arn.Service != "iam" || arn.Account != a.ID:
		return errInvalid("The role %s is not one of the account %s.", a.Role, a.ID)
	}
	return nil
}

func getTargetAccountConfiguration(c *cloud.Call, r store.Reader, in *api.GetTargetAccountConfigurationInput) (*api.GetTargetAccountConfigurationOutput, error) {
	a, err := findAccount(c, r, in.ExperimentTemplateId, in.AccountId)
	if err != nil {
		return nil, err
	}
	return &api.GetTargetAccountConfigurationOutput{TargetAccountConfiguration: a.shown()}, nil
}

func listTargetAccountConfigurations(c *cloud.Call, r store.Reader, in *api.ListTargetAccountConfigurationsInput) (*api.ListTargetAccountConfigurationsOutput, error) {
	t, err := findTemplate(c, r, in.ExperimentTemplateId)
	if err != nil {
		return nil, err
	}
	out := &api.ListTargetAccountConfigurationsOutput{TargetAccountConfigurations: []api.TargetAccountConfigurationSummary{}}
	out.NextToken, err = page(accounts.Scan(r, t.Account, t.Region, t.ID), func(a *account) string { return a.ID }, in.MaxResults, in.NextToken, func(a *account) {
		out.TargetAccountConfigurations = append(out.TargetAccountConfigurations, api.TargetAccountConfigurationSummary(*a.shown()))
	})
	return out, err
}

func updateTargetAccountConfiguration(c *cloud.Call, tx store.Tx, in *api.UpdateTargetAccountConfigurationInput) (*api.UpdateTargetAccountConfigurationOutput, error) {
	a, err := findAccount(c, tx, in.ExperimentTemplateId, in.AccountId)
	if err != nil {
		return nil, err
	}
	a.Role, a.Description = cloud.Or(in.RoleArn, a.Role), cloud.Or(in.Description, a.Description)
	t, err := findTemplate(c, tx, in.ExperimentTemplateId)
	if err != nil {
		return nil, err
	}
	if err := a.check(t); err != nil {
		return nil, err
	}
	accounts.Put(tx, a)
	return &api.UpdateTargetAccountConfigurationOutput{TargetAccountConfiguration: a.shown()}, nil
}

func deleteTargetAccountConfiguration(c *cloud.Call, tx store.Tx, in *api.DeleteTargetAccountConfigurationInput) (*api.DeleteTargetAccountConfigurationOutput, error) {
	a, err := findAccount(c, tx, in.ExperimentTemplateId, in.AccountId)
	if err != nil {
		return nil, err
	}
	accounts.Delete(tx, a.Account, a.Region, a.Template, a.ID)
	return &api.DeleteTargetAccountConfigurationOutput{TargetAccountConfiguration: a.shown()}, nil
}

func getExperimentTargetAccountConfiguration(c *cloud.Call, r store.Reader, in *api.GetExperimentTargetAccountConfigurationInput) (*api.GetExperimentTargetAccountConfigurationOutput, error) {
	e, err := findExperiment(c, r, in.ExperimentId)
	if err != nil {
		return nil, err
	}
	for _, a := range e.Accounts {
		if a.ID == in.AccountId {
			return &api.GetExperimentTargetAccountConfigurationOutput{TargetAccountConfiguration: new(api.ExperimentTargetAccountConfiguration(*a.shown()))}, nil
		}
	}
	return nil, errNoAccount(in.AccountId)
}

func listExperimentTargetAccountConfigurations(c *cloud.Call, r store.Reader, in *api.ListExperimentTargetAccountConfigurationsInput) (*api.ListExperimentTargetAccountConfigurationsOutput, error) {
	e, err := findExperiment(c, r, in.ExperimentId)
	if err != nil {
		return nil, err
	}
	out := &api.ListExperimentTargetAccountConfigurationsOutput{TargetAccountConfigurations: []api.ExperimentTargetAccountConfigurationSummary{}}
	out.NextToken, err = page(each(e.Accounts), func(a *account) string { return a.ID }, nil, in.NextToken, func(a *account) {
		out.TargetAccountConfigurations = append(out.TargetAccountConfigurations, api.ExperimentTargetAccountConfigurationSummary(*a.shown()))
	})
	return out, err
}

// each yields the elements of a list.
func each[T any](list []T) func(yield func(*T) bool) {
	return func(yield func(*T) bool) {
		for i := range list {
			if !yield(&list[i]) {
				return
			}
		}
	}
}
