package identity

import (
	"bytes"
	"strings"
	"sync"

	"pileus/cloud"
	"pileus/policy"
	"pileus/store"
)

// Resolved is a credential with everything that authorisation needs of its
// principal. It is shared: do not change it.
type Resolved struct {
	Principal *cloud.Principal
	Secret    string
	Token     string // the session token that must come with the request
	Inactive  bool
	Policies  policy.Set // Resource and Trust are for the caller to fill in, on a copy
	OrgID     string     // aws:PrincipalOrgID
	OrgPath   string     // aws:PrincipalOrgPaths
	Canonical string     // the account's canonical user id, as S3 policies name it
}

// Resolver finds principals and remembers them.
type Resolver struct {
	mu    sync.RWMutex
	known map[string]known
	limit int
}

type known struct {
	account, organization []byte // versions that it was read at
	scope                 string // the account whose version counts
	value                 *Resolved
}

// NewResolver remembers up to limit principals.
func NewResolver(limit int) *Resolver {
	return &Resolver{known: make(map[string]known), limit: limit}
}

// Key resolves an access key id; ok is false for one that is not known.
func (x *Resolver) Key(r store.Reader, id string) (*Resolved, bool) {
	return x.cached(r, "key/"+id, func() *Resolved { return keyed(r, id) })
}

// Policies are the identity-side policies of a principal that some service
// acts as, or that is simulated.
func (x *Resolver) Policies(r store.Reader, p *cloud.Principal) *Resolved {
	if p.Kind == cloud.Anonymous || p.Kind == cloud.ServicePrincipal {
		return &Resolved{Principal: p}
	}
	if p.HasSession { // session policies differ from session to session
		return resolve(r, p)
	}
	v, _ := x.cached(r, "arn/"+p.ARN, func() *Resolved { return resolve(r, p) })
	return v
}

func (x *Resolver) cached(r store.Reader, name string, load func() *Resolved) (*Resolved, bool) {
	x.mu.RLock()
	k, ok := x.known[name]
	x.mu.RUnlock()
	if ok && bytes.Equal(k.account, version(r, k.scope)) && bytes.Equal(k.organization, version(r, OrganizationScope)) {
		return k.value, true
	}
	v := load()
	if v == nil {
		return nil, false
	}
	k = known{scope: v.Principal.Account, value: v}
	k.account = bytes.Clone(version(r, k.scope))
	k.organization = bytes.Clone(version(r, OrganizationScope))
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.known) >= x.limit {
		for old := range x.known { // any one: the map's order is random
			delete(x.known, old)
			break
		}
	}
	x.known[name] = k
	return v, true
}

// keyed reads the principal of an access key, or nil.
func keyed(r store.Reader, id string) *Resolved {
	if s, ok := Sessions.Get(r, id); ok {
		v := resolve(r, &s.Principal)
		v.Secret, v.Token = s.Secret, s.Token
		return v
	}
	k, ok := AccessKeys.Get(r, id)
	if !ok {
		return nil
	}
	p := RootPrincipal(k.Account)
	if k.User != "" {
		u, ok := FindUser(r, k.Account, k.User)
		if !ok {
			return nil
		}
		p = UserPrincipal(u)
	}
	v := resolve(r, p)
	v.Secret, v.Inactive = k.Secret, k.Inactive
	return v
}

// RootPrincipal is an account's root user.
func RootPrincipal(account string) *cloud.Principal {
	return &cloud.Principal{Kind: cloud.Root, ARN: "arn:aws:iam::" + account + ":root", Account: account, Name: "root", ID: account}
}

// UserPrincipal is a user with long-term credentials.
func UserPrincipal(u *User) *cloud.Principal {
	return &cloud.Principal{Kind: cloud.User, ARN: u.ARN, Account: u.Account, Name: u.Name, ID: u.ID, Tags: u.Tags.Map()}
}

// resolve collects the policies of a principal. A user or role that is gone
// leaves a principal that may do nothing.
func resolve(r store.Reader, p *cloud.Principal) *Resolved {
	v := &Resolved{Principal: p}
	switch p.Kind {
	case cloud.Root:
		v.Policies.Root = true
	case cloud.User:
		if u, ok := FindUser(r, p.Account, p.Name); ok && u.ARN == p.ARN {
			collectUser(r, u, &v.Policies)
		}
	case cloud.AssumedRole:
		if role, ok := FindRole(r, p.Account, p.RoleName); ok && role.ARN == p.RoleARN {
			collect(r, "role "+role.Name, p.Account, &role.Grants, &v.Policies)
		}
	case cloud.FederatedUser:
		// A federation token has the permissions of the user who asked for
		// it, narrowed by the policies passed with it.
		if u, ok := userByARN(r, p.Account, p.UserARN); ok {
			collectUser(r, u, &v.Policies)
		} else {
			v.Policies.Root = p.UserARN == "arn:aws:iam::"+p.Account+":root"
		}
	}
	collectSession(r, p, &v.Policies)
	if !p.ServiceLinked {
		v.Policies.SCPs = serviceControls(r, p.Account)
	}
	if a, ok := Accounts.Get(r, p.Account); ok {
		v.Canonical = a.CanonicalID
	}
	if org, path := Path(r, p.Account); org != nil {
		v.OrgID = org.ID
		v.OrgPath = org.ID + "/"
		for _, at := range path[:len(path)-1] {
			v.OrgPath += at + "/"
		}
	}
	return v
}

func collectUser(r store.Reader, u *User, s *policy.Set) {
	collect(r, "user "+u.Name, u.Account, &u.Grants, s)
	for _, name := range u.Groups {
		if g, ok := FindGroup(r, u.Account, name); ok {
			collect(r, "group "+g.Name, u.Account, &g.Grants, s)
		}
	}
}

func collect(r store.Reader, owner, account string, g *Grants, s *policy.Set) {
	for _, name := range sortedKeys(g.Inline) {
		if doc, err := policy.Cached(g.Inline[name], policy.Identity); err == nil {
			s.Identity = append(s.Identity, policy.Attached{ID: "inline policy " + name + " of " + owner, Doc: doc})
		}
	}
	for _, arn := range g.Attached {
		if a, ok := attached(r, account, arn, policy.Identity); ok {
			s.Identity = append(s.Identity, a)
		}
	}
	if g.Boundary != "" {
		// A boundary that cannot be found allows nothing.
		a, ok := attached(r, account, g.Boundary, policy.Boundary)
		if !ok {
			a = policy.Attached{ID: g.Boundary, Doc: new(policy.Document)}
		}
		s.Boundary = &a
	}
}

func attached(r store.Reader, account, arn string, kind policy.Kind) (policy.Attached, bool) {
	text, ok := ManagedDocument(r, account, arn)
	if !ok {
		return policy.Attached{}, false
	}
	doc, err := policy.Cached(text, kind)
	if err != nil {
		return policy.Attached{}, false
	}
	return policy.Attached{ID: arn, Doc: doc}, true
}

// ManagedDocument is the default version's text of a managed policy, AWS's or
// the account's own.
func ManagedDocument(r store.Reader, account, arn string) (string, bool) {
	if p, ok := AWSManaged(arn); ok {
		return p.Document, true
	}
	m, ok := Policies.Get(r, account, arn)
	if !ok {
		return "", false
	}
	return m.Document(), true
}

func collectSession(r store.Reader, p *cloud.Principal, s *policy.Set) {
	if p.SessionPolicy != "" {
		s.HasSession = true
		if doc, err := policy.Cached(p.SessionPolicy, policy.Session); err == nil {
			s.Session = append(s.Session, policy.Attached{ID: "session policy", Doc: doc})
		}
	}
	for _, arn := range p.SessionPolicyARNs {
		s.HasSession = true
		if a, ok := attached(r, p.Account, arn, policy.Session); ok {
			s.Session = append(s.Session, a)
		}
	}
}

func userByARN(r store.Reader, account, arn string) (*User, bool) {
	a, ok := cloud.ParseARN(arn)
	if !ok {
		return nil, false
	}
	u, ok := FindUser(r, account, lastElement(a.Resource))
	return u, ok && u.ARN == arn
}

// lastElement is the name at the end of a resource's path.
func lastElement(resource string) string { return resource[strings.LastIndexByte(resource, '/')+1:] }

// GrantedBy are the policies of one user, group or role alone; owner names it
// in the policies' ids: "group admins".
func GrantedBy(r store.Reader, account, owner string, g *Grants) policy.Set {
	var s policy.Set
	collect(r, owner, account, g, &s)
	return s
}
