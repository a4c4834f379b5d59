package fis

import (
	"pileus/api/sts"
	"pileus/cloud"
)

const serviceName = "fis.amazonaws.com"

// role is the call as the role that the experiment has in an account: its own,
// or what the account's configuration names. It must trust the service.
func (t *turn) role(account string) (*cloud.Call, error) {
	if c := t.roles[account]; c != nil {
		return c, nil
	}
	arn := ""
	if account == t.Account {
		arn = *t.RoleArn
	}
	for _, a := range t.Accounts {
		if a.ID == account {
			arn = a.Role
		}
	}
	if arn == "" {
		return nil, errInvalid("The experiment has no role in the account %s.", account)
	}
	as := t.c.In(account, t.Region).AsService(serviceName, *t.Arn)
	out, err := sts.AssumeRole.Call(as, &sts.AssumeRoleInput{RoleArn: arn, RoleSessionName: t.ID})
	if err != nil {
		return nil, err
	}
	_, who, err := t.c.Cloud.Credential(t.c, out.Credentials.AccessKeyId, out.Credentials.SessionToken)
	if err != nil {
		return nil, err
	}
	c := t.c.In(account, t.Region).As(who)
	t.roles[account] = c
	return c, nil
}
