package sts

import (
	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// getCallerIdentity says who asks. Nothing can forbid it.
func getCallerIdentity(c *cloud.Call, _ store.Reader, _ *api.GetCallerIdentityInput) (*api.GetCallerIdentityOutput, error) {
	p := c.Principal
	return &api.GetCallerIdentityOutput{UserId: &p.ID, Account: &p.Account, Arn: &p.ARN}, nil
}

// getAccessKeyInfo says to which account an access key belongs: of a key that
// this cloud does not know, what its id tells.
func getAccessKeyInfo(_ *cloud.Call, r store.Reader, in *api.GetAccessKeyInfoInput) (*api.GetAccessKeyInfoOutput, error) {
	if k, ok := identity.AccessKeys.Get(r, in.AccessKeyId); ok {
		return &api.GetAccessKeyInfoOutput{Account: &k.Account}, nil
	}
	if s, ok := identity.Sessions.Get(r, in.AccessKeyId); ok {
		return &api.GetAccessKeyInfoOutput{Account: &s.Principal.Account}, nil
	}
	account, ok := identity.KeyAccount(in.AccessKeyId)
	if !ok {
		return nil, errValidation("Invalid Access Key ID: %s", in.AccessKeyId)
	}
	return &api.GetAccessKeyInfoOutput{Account: &account}, nil
}
