package iam

import (
	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// Outbound identity federation lets an account's principals have tokens that
// others can verify (id_roles_providers_outbound). STS signs them and serves
// the keys; here it is switched on and off.

func errOutboundOff() error {
	return api.ErrFeatureDisabled.New("Outbound web identity federation is not enabled for your account.")
}

func errOutboundOn() error {
	return api.ErrFeatureEnabled.New("Outbound web identity federation is already enabled for your account.")
}

// enableOutboundWebIdentityFederation makes the account's keys the first time,
// outside of the transaction because that takes long.
func enableOutboundWebIdentityFederation(c *cloud.Call, _ *cloud.Empty) (*api.EnableOutboundWebIdentityFederationOutput, error) {
	var known bool
	err := c.View(func(r store.Reader) error {
		x, ok := identity.TokenIssuers.Get(r, c.Account)
		if known = ok; ok && x.Enabled {
			return errOutboundOn()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var made *identity.TokenIssuer
	if !known {
		if made, err = identity.NewTokenIssuer(c.Account, c.Rand().UUID(), c.Now); err != nil {
			return nil, err
		}
	}
	var at string
	err = c.Update(func(tx store.Tx) error {
		x, ok := identity.TokenIssuers.Get(tx, c.Account)
		switch {
		case ok && x.Enabled:
			return errOutboundOn()
		case !ok:
			x = made
		}
		x.Enabled = true
		identity.TokenIssuers.Put(tx, x)
		at = x.URL(c.Cloud.Endpoint())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.EnableOutboundWebIdentityFederationOutput{IssuerIdentifier: &at}, nil
}

// enabledIssuer is the account's issuer, unless it is switched off.
func enabledIssuer(c *cloud.Call, r store.Reader) (*identity.TokenIssuer, error) {
	x, ok := identity.TokenIssuers.Get(r, c.Account)
	if !ok || !x.Enabled {
		return nil, errOutboundOff()
	}
	return x, nil
}

func disableOutboundWebIdentityFederation(c *cloud.Call, tx store.Tx, _ *cloud.Empty) (*cloud.Empty, error) {
	x, err := enabledIssuer(c, tx)
	if err != nil {
		return nil, err
	}
	x.Enabled = false
	identity.TokenIssuers.Put(tx, x)
	return new(cloud.Empty), nil
}

func getOutboundWebIdentityFederationInfo(c *cloud.Call, r store.Reader, _ *cloud.Empty) (*api.GetOutboundWebIdentityFederationInfoOutput, error) {
	x, err := enabledIssuer(c, r)
	if err != nil {
		return nil, err
	}
	return &api.GetOutboundWebIdentityFederationInfoOutput{IssuerIdentifier: new(x.URL(c.Cloud.Endpoint())), JwtVendingEnabled: &x.Enabled}, nil
}
