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
	Token     string     // the session token that must come with the request
	Inactive  bool       // the key is, or its account is closed
	Policies  policy.Set // Resource and Trust are for the caller to fill in, on a copy
	OrgID     string     // aws:PrincipalOrgID
	OrgPath   string     // aws:PrincipalOrgPaths
	Canonical string     // the account's canonical user id, as S3 policies name it
}

// Resolver finds principals and remembers them.
type Resolver struct {
	mu    sync.RWMutex
	known map[string]known
	// guards are the resource control policies of accounts.
	guards map[string]guard
	limit  int
}

type guard struct {
	organization []byte // version that it was read at
	levels       [][]policy.Attached
	epoch        uint64 // as that of known
}

type known struct {
	account, organization []byte // versions that it was read at
	scope                 string // the account whose version counts
	value                 *Resolved
	epoch                 uint64 // at which it was last found unchanged, and one more; 0: never
}

// Epoch is what Confirm wants: taken before the snapshot that Key reads.
func (x *Resolver) Epoch() uint64 { return epoch.Load() + 1 }

// Known is a credential that was confirmed in this epoch, for processes that
// alone write to their store.
func (x *Resolver) Known(id string, epoch uint64) (*Resolved, bool) {
	x.mu.RLock()
	k, ok := x.known["key/"+id]
	x.mu.RUnlock()
	return k.value, ok && k.epoch == epoch
}

// Confirm says that Key found v on a snapshot that was made after epoch.
func (x *Resolver) Confirm(id string, v *Resolved, epoch uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if k := x.known["key/"+id]; k.value == v {
		k.epoch = epoch
		x.known["key/"+id] = k
	}
}

// Forget forgets everyone, after the state was cleared.
func (x *Resolver) Forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.known)
	clear(x.guards)
}

// NewResolver remembers up to limit principals.
func NewResolver(limit int) *Resolver {
	return &Resolver{known: make(map[string]known), guards: make(map[string]guard), limit: limit}
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
	v, _ := x.cached(r, "arn/"+p.ARN+" "+p.ID, func() *Resolved { return resolve(r, p) })
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
	remember(x.known, x.limit, name, k)
	return v, true
}

// remember puts a value into a map that is kept below a limit.
func remember[T any](m map[string]T, limit int, name string, v T) {
	if len(m) >= limit {
		for old := range m { // any one: the map's order is random
			delete(m, old)
			break
		}
	}
	m[name] = v
}

// Guards are the resource control policies that bind what p may do with
// resources of the account, level by level from the root of the account's
// organization; nil where none do. They spare service-linked roles
// (orgs_manage_policies_rcps).
func (x *Resolver) Guards(r store.Reader, p *cloud.Principal, account string) [][]policy.Attached {
	if p.ServiceLinked {
		return nil
	}
	now := version(r, OrganizationScope)
	if now == nil {
		return nil // there has never been an organization
	}
	x.mu.RLock()
	g, ok := x.guards[account]
	x.mu.RUnlock()
	if ok && bytes.Equal(g.organization, now) {
		return g.levels
	}
	g = guard{organization: bytes.Clone(now), levels: orgControls(r, account, ResourceControl, policy.RCP)}
	x.mu.Lock()
	defer x.mu.Unlock()
	remember(x.guards, x.limit, account, g)
	return g.levels
}

// GuardsAt is Guards for processes that alone write to their store: what was
// found at an epoch is good as long as that lasts. r was made after Epoch was
// asked.
func (x *Resolver) GuardsAt(epoch uint64, r store.Reader, p *cloud.Principal, account string) [][]policy.Attached {
	if p.ServiceLinked {
		return nil
	}
	x.mu.RLock()
	g, ok := x.guards[account]
	x.mu.RUnlock()
	if ok && g.epoch == epoch {
		return g.levels
	}
	g = guard{levels: x.Guards(r, p, account), organization: bytes.Clone(version(r, OrganizationScope)), epoch: epoch}
	x.mu.Lock()
	defer x.mu.Unlock()
	remember(x.guards, x.limit, account, g)
	return g.levels
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
		u, ok := PeekUser(r, k.Account, k.User)
		if !ok {
			return nil
		}
		p = UserPrincipal(u)
	}
	v := resolve(r, p)
	v.Secret, v.Inactive = k.Secret, v.Inactive || k.Inactive
	return v
}

// RootPrincipal is an account's root user.
func RootPrincipal(account string) *cloud.Principal {
	return &cloud.Principal{Kind: cloud.Root, ARN: "arn:aws:iam::" + account + ":root", Account: account, Name: "root", ID: account}
}

// AsAccount is the call as its account itself, through a role that only AWS
// uses: for what an operation does as part of it, and its caller needs no
// permission of his own for.
func AsAccount(c *cloud.Call) *cloud.Call {
	p := RootPrincipal(c.Account)
	p.ServiceLinked = true
	return c.As(p)
}

// AsLinked is the call as the account through the service-linked role of a
// service ("elasticloadbalancing.amazonaws.com"): what it makes so is managed
// by that service.
func AsLinked(c *cloud.Call, service string) *cloud.Call {
	d := AsAccount(c)
	d.Principal.LinkedService = service
	return d
}

// UserPrincipal is a user with long-term credentials.
func UserPrincipal(u *User) *cloud.Principal {
	return &cloud.Principal{Kind: cloud.User, ARN: u.ARN, Account: u.Account, Name: u.Name, ID: u.ID, Tags: u.Tags.Map()}
}

// resolve collects the policies of a principal. A user or role that is gone
// leaves a principal that may do nothing, and so does one that was made anew
// under the same name: sessions and keys belong to the unique id.
func resolve(r store.Reader, p *cloud.Principal) *Resolved {
	v := &Resolved{Principal: p}
	switch p.Kind {
	case cloud.Root:
		v.Policies.Root = true
	case cloud.User:
		if u, ok := PeekUser(r, p.Account, p.Name); ok && u.ARN == p.ARN && u.ID == p.ID {
			collectUser(r, u, &v.Policies)
		}
	case cloud.AssumedRole:
		if role, ok := PeekRole(r, p.Account, p.RoleName); ok && role.ARN == p.RoleARN && sessionOf(p, role) {
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
		v.Policies.SCPs = orgControls(r, p.Account, ServiceControl, policy.SCP)
	}
	if a, ok := Accounts.Peek(r, p.Account); ok {
		v.Canonical = a.CanonicalID
		v.Inactive = !a.Closed.IsZero()
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

// sessionOf tells whether p is a session of the role as it is now: its id is
// the role's, a colon and the session's name.
func sessionOf(p *cloud.Principal, role *Role) bool {
	id, _, _ := strings.Cut(p.ID, ":")
	return id == role.ID
}

func collectUser(r store.Reader, u *User, s *policy.Set) {
	collect(r, "user "+u.Name, u.Account, &u.Grants, s)
	for _, name := range u.Groups {
		if g, ok := PeekGroup(r, u.Account, name); ok {
			collect(r, "group "+g.Name, u.Account, &g.Grants, s)
		}
	}
}

func collect(r store.Reader, owner, account string, g *Grants, s *policy.Set) {
	for _, name := range sortedKeys(g.Inline) {
		s.Identity = append(s.Identity, compiled("inline policy "+name+" of "+owner, g.Inline[name], policy.Identity))
	}
	for _, arn := range g.Attached {
		s.Identity = append(s.Identity, attached(r, account, arn, policy.Identity))
	}
	if g.Boundary != "" {
		s.Boundary = new(attached(r, account, g.Boundary, policy.Boundary))
	}
}

// closed stands for a policy that cannot be read. What it said is not known,
// and it may have denied: so it denies everything.
const closed = `{"Version":"2012-10-17","Statement":[{"Sid":"Unreadable","Effect":"Deny","Action":"*","Resource":"*"}]}`

// compiled is a document ready to be evaluated. One that cannot be read is
// replaced by a refusal of everything whose id, which every trace shows, says
// why.
func compiled(id, text string, kind policy.Kind) policy.Attached {
	doc, err := policy.Cached(text, kind)
	if err == nil {
		return policy.Attached{ID: id, Doc: doc}
	}
	return unreadable(id, err.Error(), kind)
}

func unreadable(id, why string, kind policy.Kind) policy.Attached {
	doc, err := policy.Cached(closed, kind)
	if err != nil {
		panic("identity: " + err.Error())
	}
	return policy.Attached{ID: id + " (cannot be read: " + why + ")", Doc: doc}
}

func attached(r store.Reader, account, arn string, kind policy.Kind) policy.Attached {
	text, ok := ManagedDocument(r, account, arn)
	if !ok {
		return unreadable(arn, "it does not exist", kind)
	}
	return compiled(arn, text, kind)
}

// ManagedDocument is the default version's text of a managed policy, AWS's or
// the account's own.
func ManagedDocument(r store.Reader, account, arn string) (string, bool) {
	if p, ok := AWSManaged(arn); ok {
		return p.Document, true
	}
	m, ok := Policies.Peek(r, account, arn)
	if !ok {
		return "", false
	}
	return m.Document(), true
}

// RootTasks is how the ARNs of the policies begin that sts:AssumeRoot takes.
const RootTasks = "arn:aws:iam::aws:policy/root-task/"

func collectSession(r store.Reader, p *cloud.Principal, s *policy.Set) {
	if p.SessionPolicy != "" {
		s.HasSession = true
		s.Session = append(s.Session, compiled("session policy", p.SessionPolicy, policy.Session))
	}
	for _, arn := range p.SessionPolicyARNs {
		// A root task only denies: what it leaves, the root user may do.
		if p.Kind != cloud.Root || !strings.HasPrefix(arn, RootTasks) {
			s.HasSession = true
		}
		s.Session = append(s.Session, attached(r, p.Account, arn, policy.Session))
	}
}

func userByARN(r store.Reader, account, arn string) (*User, bool) {
	a, ok := cloud.ParseARN(arn)
	if !ok {
		return nil, false
	}
	u, ok := PeekUser(r, account, lastElement(a.Resource))
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
