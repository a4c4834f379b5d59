package identity

import (
	"time"

	"pileus/store"
)

// Grants are the permissions that hang on a user, group or role.
type Grants struct {
	Inline   map[string]string // policy name to document
	Attached []string          // ARNs of managed policies, in order of attachment
	Boundary string            // ARN of the permissions boundary; not for groups
}

// User is an IAM user.
type User struct {
	Account, Name, Path, ID, ARN string
	Created                      time.Time
	Tags                         Tags
	Grants
	Groups           []string
	Login            *Login
	PasswordLastUsed time.Time
	MFA              []string // serial numbers of enabled devices
}

// Login is a user's console password.
type Login struct {
	Hash          []byte   // bcrypt
	Previous      [][]byte // hashes of earlier passwords, newest first
	ResetRequired bool
	Created       time.Time
	Changed       time.Time
}

// Group is an IAM group.
type Group struct {
	Account, Name, Path, ID, ARN string
	Created                      time.Time
	Grants
}

// Role is an IAM role.
type Role struct {
	Account, Name, Path, ID, ARN string
	Created                      time.Time
	Description                  string
	Trust                        string // the trust policy document
	MaxSession                   int32  // seconds
	Tags                         Tags
	Grants
	ServiceLinked string // the service's host name, for service-linked roles
}

// Tags in the order in which they were given.
type Tags []Tag

// Tag is a key and its value.
type Tag struct{ Key, Value string }

// Map is the tags by key.
func (t Tags) Map() map[string]string {
	if len(t) == 0 {
		return nil
	}
	m := make(map[string]string, len(t))
	for _, x := range t {
		m[x.Key] = x.Value
	}
	return m
}

// Managed is a customer-managed policy.
type Managed struct {
	Account, Name, Path, ID, ARN string
	Description                  string
	Created, Updated             time.Time
	Versions                     []PolicyVersion // oldest first
	Default                      string          // "v3"
	NextVersion                  int
	Tags                         Tags
}

// PolicyVersion is one version of a managed policy.
type PolicyVersion struct {
	ID       string
	Document string
	Created  time.Time
}

// Document is the text of the default version.
func (m *Managed) Document() string {
	for i := range m.Versions {
		if m.Versions[i].ID == m.Default {
			return m.Versions[i].Document
		}
	}
	return ""
}

// Users, Groups and Roles are keyed by account and name, names in lower case
// because IAM compares them without regard to case; Policies by account and
// ARN. Users link to their groups ("group", name in lower case); all three
// link to their managed policies ("policy", ARN) and boundaries ("boundary",
// ARN).
var (
	Users = &records[User]{
		Table: store.Table[User]{
			Name: "identity.user",
			Key:  func(u *User) store.Key { return store.K(u.Account, fold(u.Name)) },
			Indexes: map[string]func(*User) store.Key{
				"id": func(u *User) store.Key { return store.K(u.ID) },
			},
		},
		links: func(u *User) []store.Key {
			links := u.Grants.links()
			for _, g := range u.Groups {
				links = append(links, store.K("group", fold(g)))
			}
			return links
		},
		counted: true,
	}
	Groups = &records[Group]{
		Table: store.Table[Group]{
			Name: "identity.group",
			Key:  func(g *Group) store.Key { return store.K(g.Account, fold(g.Name)) },
		},
		links:   func(g *Group) []store.Key { return g.Grants.links() },
		counted: true,
	}
	Roles = &records[Role]{
		Table: store.Table[Role]{
			Name: "identity.role",
			Key:  func(r *Role) store.Key { return store.K(r.Account, fold(r.Name)) },
			Indexes: map[string]func(*Role) store.Key{
				"id": func(r *Role) store.Key { return store.K(r.ID) },
			},
		},
		links:   func(r *Role) []store.Key { return r.Grants.links() },
		counted: true,
	}
	Policies = &records[Managed]{
		Table: store.Table[Managed]{
			Name: "identity.policy",
			Key:  func(m *Managed) store.Key { return store.K(m.Account, m.ARN) },
			Indexes: map[string]func(*Managed) store.Key{
				"name": func(m *Managed) store.Key { return store.K(m.Account, fold(m.Name)) },
			},
		},
		counted: true,
	}
)

// links lead from managed policies to those whom they are attached to.
func (g *Grants) links() []store.Key {
	links := make([]store.Key, 0, len(g.Attached)+1)
	for _, arn := range g.Attached {
		links = append(links, store.K("policy", arn))
	}
	if g.Boundary != "" {
		links = append(links, store.K("boundary", g.Boundary))
	}
	return links
}

// FindUser, FindGroup and FindRole look a principal up by its name, in any case.
func FindUser(r store.Reader, account, name string) (*User, bool) {
	return Users.Get(r, account, fold(name))
}

// FindGroup is the group with the name.
func FindGroup(r store.Reader, account, name string) (*Group, bool) {
	return Groups.Get(r, account, fold(name))
}

// FindRole is the role with the name.
func FindRole(r store.Reader, account, name string) (*Role, bool) {
	return Roles.Get(r, account, fold(name))
}

// PeekUser, PeekGroup and PeekRole are for those who only read: the record is
// shared and must not be changed.
func PeekUser(r store.Reader, account, name string) (*User, bool) {
	return Users.Peek(r, account, fold(name))
}

// PeekGroup is the group with the name, to read.
func PeekGroup(r store.Reader, account, name string) (*Group, bool) {
	return Groups.Peek(r, account, fold(name))
}

// PeekRole is the role with the name, to read.
func PeekRole(r store.Reader, account, name string) (*Role, bool) {
	return Roles.Peek(r, account, fold(name))
}
