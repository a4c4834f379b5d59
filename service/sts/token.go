package sts

import (
	"time"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/store"
)

const (
	defaultTokenLife = 43200 // seconds
	rootTokenLimit   = 3600
)

// tokenLife is how long the tokens of users and root users last. Root users
// get an hour at most, however much they ask for.
func tokenLife(p *cloud.Principal, asked *int32) time.Duration {
	seconds := cloud.Or(asked, defaultTokenLife)
	if p.Kind == cloud.Root {
		seconds = min(seconds, rootTokenLimit)
	}
	return time.Duration(seconds) * time.Second
}

// longTerm refuses callers who are in a session already.
func longTerm(p *cloud.Principal, op string) error {
	if p.HasSession || p.Kind != cloud.User && p.Kind != cloud.Root {
		return errWithSession(op)
	}
	return nil
}

// getSessionToken gives the caller temporary credentials of its own, which
// remember whether they were asked for with MFA.
func getSessionToken(c *cloud.Call, tx store.Tx, in *api.GetSessionTokenInput) (*api.GetSessionTokenOutput, error) {
	if err := longTerm(c.Principal, "GetSessionToken"); err != nil {
		return nil, err
	}
	p := *c.Principal
	f, err := factorOf(in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	if f != nil {
		if err := f.use(c, tx); err != nil {
			return nil, err
		}
		p.MFA, p.MFASince = true, machine(c)
	}
	return &api.GetSessionTokenOutput{Credentials: issue(c, tx, &p, tokenLife(&p, in.DurationSeconds))}, nil
}

func federatedARN(c *cloud.Call, name string) string {
	return "arn:" + c.Partition + ":sts::" + c.Principal.Account + ":federated-user/" + name
}

// federationChecks is the access of GetFederationToken.
func federationChecks(c *cloud.Call, _ store.Reader, in *api.GetFederationTokenInput) ([]cloud.Check, error) {
	if err := longTerm(c.Principal, "GetFederationToken"); err != nil {
		return nil, err
	}
	tags, err := newTagging(c.Principal, in.Tags, nil)
	if err != nil {
		return nil, err
	}
	a := &assumption{action: "sts:GetFederationToken", resource: cloud.Resource{ARN: federatedARN(c, in.Name)}, tags: tags, life: in.DurationSeconds}
	checks := a.checks()
	for i := range checks {
		delete(checks[i].Keys, "sts:rolesessionname")
	}
	return checks, nil
}

// getFederationToken gives credentials to somebody whom the caller vouches
// for. They may do what the caller may and the policies passed here allow.
func getFederationToken(c *cloud.Call, tx store.Tx, in *api.GetFederationTokenInput) (*api.GetFederationTokenOutput, error) {
	if err := longTerm(c.Principal, "GetFederationToken"); err != nil {
		return nil, err
	}
	tags, err := newTagging(c.Principal, in.Tags, nil)
	if err != nil {
		return nil, err
	}
	l, err := passed{in.Policy, in.PolicyArns, tags}.pack(tx, c.Principal.Account)
	if err != nil {
		return nil, err
	}
	caller := c.Principal
	p := &cloud.Principal{
		Kind: cloud.FederatedUser, Account: caller.Account, Name: in.Name, ARN: federatedARN(c, in.Name),
		ID: caller.Account + ":" + in.Name, UserARN: caller.ARN, Tags: tags.over(caller.Tags),
		SessionPolicy: l.policy, SessionPolicyARNs: l.arns,
	}
	return &api.GetFederationTokenOutput{
		Credentials:      issue(c, tx, p, tokenLife(caller, in.DurationSeconds)),
		FederatedUser:    &api.FederatedUser{FederatedUserId: p.ID, Arn: p.ARN},
		PackedPolicySize: l.percent,
	}, nil
}
