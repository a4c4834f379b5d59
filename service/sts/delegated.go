package sts

import (
	"time"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// delegatedChecks is the access of GetDelegatedAccessToken.
func delegatedChecks(c *cloud.Call, _ store.Reader, _ *api.GetDelegatedAccessTokenInput) ([]cloud.Check, error) {
	if p := c.Principal; p.HasSession && p.Kind != cloud.AssumedRole {
		return nil, errWithSession("GetDelegatedAccessToken")
	}
	return []cloud.Check{{Action: "sts:GetDelegatedAccessToken", Resource: cloud.Resource{ARN: "*"}}}, nil
}

// getDelegatedAccessToken exchanges the token of an accepted delegation request
// for the approver's access, narrowed by the policy that was asked for. The
// token can be exchanged until the delegated access ends; all credentials end
// with it.
func getDelegatedAccessToken(c *cloud.Call, tx store.Tx, in *api.GetDelegatedAccessTokenInput) (*api.GetDelegatedAccessTokenOutput, error) {
	d, ok := identity.DelegationByToken(tx, in.TradeInToken)
	if !ok || d.Requestor != c.Account || d.Approver == nil {
		return nil, errDenied("The trade-in token is not valid for this account.")
	}
	left := d.TokenUntil.Sub(machine(c))
	if left < time.Second {
		return nil, api.ErrExpiredTradeInToken.New("The trade-in token has expired.")
	}
	l, err := passed{policy: &d.Policy}.pack(tx, d.OwnerAccount)
	if err != nil {
		return nil, err
	}
	p := *d.Approver
	p.SessionPolicy = l.policy
	return &api.GetDelegatedAccessTokenOutput{Credentials: issue(c, tx, &p, left), PackedPolicySize: l.percent, AssumedPrincipal: &p.ARN}, nil
}
