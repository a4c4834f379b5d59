package sts

import (
	"maps"
	"time"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// outsider is an identity that an outside provider vouched for and that asks
// for a role. These operations carry no signature: the provider's token is
// their credential, so that whether they may is decided once it has been read,
// in the operation itself.
type outsider struct {
	op       *cloud.OpInfo
	provider string              // ARN: the Federated principal of trust policies
	keys     map[string][]string // condition keys while the role is assumed
	lasting  map[string][]string // those that the session keeps
	roleARN  string
	session  string
	tags     []api.Tag
	// transitive tag keys and source identity, as the provider set them
	transitive     []string
	sourceIdentity string
	policy         *string
	arns           []api.PolicyDescriptorType
	life           *int32
	until          time.Time // the session ends by then at the latest; zero: no limit
}

// principal is the caller as trust policies see it.
func (o *outsider) principal() *cloud.Principal {
	keys := maps.Clone(o.keys)
	keys["aws:federatedprovider"] = []string{o.provider}
	return &cloud.Principal{Kind: cloud.Anonymous, ID: "anonymous", FederatedBy: o.provider, FederatedKeys: keys}
}

// granted is a session that an outsider was given.
type granted struct {
	credentials *api.Credentials
	user        *api.AssumedRoleUser
	percent     *int32
}

// assume decides and, where the role trusts the provider, opens the session.
func (o *outsider) assume(c *cloud.Call) (*granted, error) {
	who := o.principal()
	tags, err := newTagging(who, o.tags, o.transitive)
	if err != nil {
		return nil, err
	}
	var resource cloud.Resource
	err = c.View(func(r store.Reader) (err error) {
		_, resource, err = roleOf(r, o.roleARN)
		return err
	})
	if err != nil {
		return nil, err
	}
	a := &assumption{action: "sts:" + o.op.Name, resource: resource, session: o.session, tags: tags, sourceIdentity: o.sourceIdentity, life: o.life}
	if err := c.Cloud.Authorise(c.As(who), o.op, a.checks()...); err != nil {
		return nil, err
	}
	var g *granted
	err = c.Update(func(tx store.Tx) error {
		g, err = o.open(c, tx, tags)
		return err
	})
	return g, err
}

func (o *outsider) open(c *cloud.Call, tx store.Tx, tags *tagging) (*granted, error) {
	role, _, err := roleOf(tx, o.roleARN)
	if err != nil {
		return nil, err
	}
	if role == nil {
		return nil, errNotAuthorized(o.op.Name)
	}
	life, err := lifeOf(role, o.life, false)
	if err != nil {
		return nil, err
	}
	if !o.until.IsZero() {
		life = min(life, o.until.Sub(machine(c)))
	}
	l, err := passed{o.policy, o.arns, tags}.pack(tx, role.Account)
	if err != nil {
		return nil, err
	}
	p := sessionOf(c, role, o.session, tags, l)
	p.FederatedBy, p.FederatedKeys = o.provider, o.lasting
	p.SourceIdentity = o.sourceIdentity
	p.ChainDepth = 1
	return &granted{issue(c, tx, p, life), assumedUser(p), l.percent}, nil
}

// accountOf is the account of a role's ARN.
func accountOf(roleARN string) (string, error) {
	a, ok := cloud.ParseARN(roleARN)
	if !ok || a.Service != "iam" || !identity.IsAccountID(a.Account) {
		return "", errARN()
	}
	return a.Account, nil
}
