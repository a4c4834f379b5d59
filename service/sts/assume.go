package sts

import (
	"strconv"
	"strings"
	"time"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

const (
	defaultLife = 3600 // seconds
	chainLimit  = 3600
)

// roleOf is the role with the ARN; the check of a role that does not exist is
// refused as that of one that trusts nobody, so that names cannot be probed.
func roleOf(r store.Reader, arn string) (*identity.Role, cloud.Resource, error) {
	a, ok := cloud.ParseARN(arn)
	if !ok || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/") || !identity.IsAccountID(a.Account) {
		return nil, cloud.Resource{}, errARN()
	}
	res := cloud.Resource{ARN: arn, Account: a.Account, Trust: true}
	role, ok := identity.RoleByARN(r, arn)
	if account, known := identity.Accounts.Get(r, a.Account); !ok || known && !account.Closed.IsZero() {
		return nil, res, nil
	}
	res.Tags = role.Tags.Map()
	if doc, err := policy.Cached(role.Trust, policy.Trust); err == nil {
		res.Policies = []policy.Attached{{ID: "trust policy of role " + role.Name, Doc: doc}}
	}
	return role, res, nil
}

// assumption is a request for a role, whoever makes it.
type assumption struct {
	action         string // "sts:AssumeRole"
	resource       cloud.Resource
	session        string
	tags           *tagging
	sourceIdentity string // requested, or the one that the caller's session has
	life           *int32
	more           cloud.Keys
}

// checks are the permissions that it takes: to assume the role, and to bring
// tags or a source identity along.
func (a *assumption) checks() []cloud.Check {
	keys := cloud.Keys{"sts:rolesessionname": {a.session}}
	for k, v := range a.more {
		keys[k] = v
	}
	for k, v := range a.resource.Tags {
		keys["iam:resourcetag/"+strings.ToLower(k)] = []string{v}
	}
	if a.life != nil {
		keys["sts:durationseconds"] = []string{strconv.Itoa(int(*a.life))}
	}
	if a.sourceIdentity != "" {
		keys["sts:sourceidentity"] = []string{a.sourceIdentity}
	}
	actions := []string{a.action}
	if a.tags != nil && len(a.tags.requested) > 0 {
		a.tags.keys(keys)
		actions = append(actions, "sts:TagSession")
	}
	if a.tags != nil && len(a.tags.transitive) > 0 {
		keys["sts:transitivetagkeys"] = a.tags.transitive
	}
	if a.sourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	out := make([]cloud.Check, 0, len(actions))
	for _, action := range actions {
		out = append(out, cloud.Check{Action: action, Resource: a.resource, Keys: keys})
	}
	return out
}

// assumeRoleChecks is the access of AssumeRole.
func assumeRoleChecks(c *cloud.Call, r store.Reader, in *api.AssumeRoleInput) ([]cloud.Check, error) {
	if err := mayAssume(c.Principal); err != nil {
		return nil, err
	}
	_, res, err := roleOf(r, in.RoleArn)
	if err != nil {
		return nil, err
	}
	tags, err := newTagging(c.Principal, in.Tags, in.TransitiveTagKeys)
	if err != nil {
		return nil, err
	}
	identity, err := sourceIdentity(c.Principal, in.SourceIdentity)
	if err != nil {
		return nil, err
	}
	a := &assumption{action: "sts:AssumeRole", resource: res, session: in.RoleSessionName, tags: tags,
		sourceIdentity: identity, life: in.DurationSeconds, more: cloud.Keys{}}
	if in.ExternalId != nil {
		a.more["sts:externalid"] = []string{*in.ExternalId}
	}
	f, err := factorOf(in.SerialNumber, in.TokenCode)
	if err != nil {
		return nil, err
	}
	if f != nil {
		if err := f.verify(c, r); err != nil {
			return nil, err
		}
		a.more["aws:multifactorauthpresent"] = []string{"true"}
		a.more["aws:multifactorauthage"] = []string{"0"}
	}
	return a.checks(), nil
}

func mayAssume(p *cloud.Principal) error {
	switch p.Kind {
	case cloud.Root:
		return errRootAssumes()
	case cloud.FederatedUser:
		return errWithSession("AssumeRole")
	}
	return nil
}

// sourceIdentity is the one of the new session: once set it stays through a
// chain of roles (id_credentials_temp_control-access_monitor).
func sourceIdentity(p *cloud.Principal, requested *string) (string, error) {
	switch {
	case requested == nil:
		return p.SourceIdentity, nil
	case p.SourceIdentity != "" && p.SourceIdentity != *requested:
		return "", errDenied("The source identity of the calling session cannot be changed.")
	}
	return *requested, nil
}

// lifeOf is how long the session of a role lasts. Chained sessions end after
// an hour (id_roles_terms-and-concepts, role chaining).
func lifeOf(role *identity.Role, asked *int32, chained bool) (time.Duration, error) {
	seconds := cloud.Or(asked, defaultLife)
	switch {
	case chained && seconds > chainLimit:
		return 0, errValidation("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case seconds > max(role.MaxSession, defaultLife):
		return 0, errValidation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return time.Duration(seconds) * time.Second, nil
}

// sessionOf is the principal of a session of the role.
func sessionOf(c *cloud.Call, role *identity.Role, name string, tags *tagging, l *limits) *cloud.Principal {
	return &cloud.Principal{
		Kind: cloud.AssumedRole, Account: role.Account, Name: name,
		ARN:     "arn:" + c.Partition + ":sts::" + role.Account + ":assumed-role/" + role.Name + "/" + name,
		ID:      role.ID + ":" + name,
		RoleARN: role.ARN, RoleName: role.Name, ServiceLinked: role.ServiceLinked != "",
		Tags: tags.over(role.Tags.Map()), TransitiveTags: tags.transitive,
		SessionPolicy: l.policy, SessionPolicyARNs: l.arns,
	}
}

func assumedUser(p *cloud.Principal) *api.AssumedRoleUser {
	return &api.AssumedRoleUser{AssumedRoleId: p.ID, Arn: p.ARN}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func assumeRole(c *cloud.Call, tx store.Tx, in *api.AssumeRoleInput) (*api.AssumeRoleOutput, error) {
	role, _, err := roleOf(tx, in.RoleArn)
	if err != nil {
		return nil, err
	}
	if role == nil { // gone since it was authorised, or authorisation is off
		return nil, errDenied("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.Principal.ARN, in.RoleArn)
	}
	caller := c.Principal
	life, err := lifeOf(role, in.DurationSeconds, caller.Kind == cloud.AssumedRole)
	if err != nil {
		return nil, err
	}
	tags, err := newTagging(caller, in.Tags, in.TransitiveTagKeys)
	if err != nil {
		return nil, err
	}
	l, err := passed{in.Policy, in.PolicyArns, tags}.pack(tx, role.Account)
	if err != nil {
		return nil, err
	}
	if len(in.ProvidedContexts) > 0 {
		return nil, errParameter("Context providers are not supported: there is no IAM Identity Center here.")
	}
	p := sessionOf(c, role, in.RoleSessionName, tags, l)
	if p.SourceIdentity, err = sourceIdentity(caller, in.SourceIdentity); err != nil {
		return nil, err
	}
	if caller.Kind == cloud.AssumedRole {
		p.ChainDepth = caller.ChainDepth
	}
	p.ChainDepth++
	f, err := factorOf(in.SerialNumber, in.TokenCode)
	if err == nil && f != nil {
		err = f.use(c, tx)
	}
	if err != nil {
		return nil, err
	}
	return &api.AssumeRoleOutput{
		Credentials: issue(c, tx, p, life), AssumedRoleUser: assumedUser(p),
		PackedPolicySize: l.percent, SourceIdentity: optional(p.SourceIdentity),
	}, nil
}
