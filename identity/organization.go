package identity

import (
	"time"

	"pileus/policy"
	"pileus/store"
)

// Organization is a set of accounts under one management account.
type Organization struct {
	ID, ARN            string               // o-...
	Management         string               // account id
	RootID             string               // r-...
	AllFeatures        bool                 // "ALL"; false: "CONSOLIDATED_BILLING"
	Enabled            []string             // policy types enabled on the root: "SERVICE_CONTROL_POLICY"
	Services           map[string]time.Time // services with trusted access, since when
	Created            time.Time
	RootTags           Tags
	ResourcePolicy     string
	ResourcePolicyID   string
	ResourcePolicyTags Tags
	// RootFeatures are those of IAM that reach into member accounts' root
	// users: "RootCredentialsManagement", "RootSessions" (sts:AssumeRoot).
	RootFeatures []string
}

// Member is an account's place in an organization.
type Member struct {
	Account, Organization string
	Parent                string // root or OU id
	Name, Email           string
	Status                string // "ACTIVE", "SUSPENDED", "PENDING_CLOSURE"
	Method                string // "CREATED", "INVITED"
	Joined                time.Time
	Tags                  Tags
}

// Unit is an organizational unit.
type Unit struct {
	Organization, ID, Parent, Name, ARN string
	Tags                                Tags
}

// OrgPolicy is a policy of an organization, of any type.
type OrgPolicy struct {
	Organization, ID, Type, Name, Description, ARN, Content string
	AWSManaged                                              bool
	Tags                                                    Tags
}

// OrgAttachment puts an OrgPolicy on a root, unit or account.
type OrgAttachment struct{ Organization, Target, Type, Policy string }

// The organization's tables. Whoever writes them calls Touch(tx,
// OrganizationScope) in the same transaction.
var (
	Organizations = &store.Table[Organization]{
		Name: "identity.org",
		Key:  func(o *Organization) store.Key { return store.K(o.ID) },
		Memo: 64,
	}
	Members = &store.Table[Member]{
		Name: "identity.orgmember",
		Key:  func(m *Member) store.Key { return store.K(m.Account) },
		Indexes: map[string]func(*Member) store.Key{
			"parent": func(m *Member) store.Key { return store.K(m.Organization, m.Parent) },
		},
		Memo: 1024,
	}
	Units = &store.Table[Unit]{
		Name: "identity.orgunit",
		Key:  func(u *Unit) store.Key { return store.K(u.Organization, u.ID) },
		Indexes: map[string]func(*Unit) store.Key{
			"parent": func(u *Unit) store.Key { return store.K(u.Organization, u.Parent) },
		},
	}
	OrgPolicies = &store.Table[OrgPolicy]{
		Name: "identity.orgpolicy",
		Key:  func(p *OrgPolicy) store.Key { return store.K(p.Organization, p.ID) },
	}
	OrgAttachments = &store.Table[OrgAttachment]{
		Name: "identity.orgattachment",
		Key: func(a *OrgAttachment) store.Key {
			return store.K(a.Organization, a.Target, a.Type, a.Policy)
		},
		Indexes: map[string]func(*OrgAttachment) store.Key{
			"policy": func(a *OrgAttachment) store.Key { return store.K(a.Organization, a.Policy) },
		},
	}
)

// The types of policy that bind what accounts may do, and what may be done
// with their resources.
const (
	ServiceControl  = "SERVICE_CONTROL_POLICY"
	ResourceControl = "RESOURCE_CONTROL_POLICY"
)

// Path is the chain of targets from the organization's root down to the
// account, root first; nil when the account is in no organization.
func Path(r store.Reader, account string) (*Organization, []string) {
	m, ok := Members.Get(r, account)
	if !ok {
		return nil, nil
	}
	org, ok := Organizations.Get(r, m.Organization)
	if !ok {
		return nil, nil
	}
	path := []string{account}
	for at := m.Parent; at != ""; {
		path = append([]string{at}, path...)
		u, ok := Units.Get(r, org.ID, at)
		if !ok {
			break
		}
		at = u.Parent
	}
	return org, path
}

// orgControls are the policies of a type that bind the account, level by
// level. The management account is never bound.
func orgControls(r store.Reader, account, typ string, kind policy.Kind) [][]policy.Attached {
	org, path := Path(r, account)
	if org == nil || org.Management == account || !contains(org.Enabled, typ) {
		return nil
	}
	var levels [][]policy.Attached
	for _, target := range path {
		level := []policy.Attached{}
		for a := range OrgAttachments.Scan(r, org.ID, target, typ) {
			if p, ok := OrgPolicies.Peek(r, org.ID, a.Policy); ok {
				level = append(level, compiled(p.ARN, p.Content, kind))
			} else {
				level = append(level, unreadable(a.Policy, "it does not exist", kind))
			}
		}
		levels = append(levels, level)
	}
	return levels
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// Delegate is a member account that administers a service for its
// organization.
type Delegate struct {
	Organization, Account, Service string
	Since                          time.Time
}

// Delegates are the delegated administrators.
var Delegates = &store.Table[Delegate]{
	Name: "identity.orgdelegate",
	Key:  func(d *Delegate) store.Key { return store.K(d.Organization, d.Account, d.Service) },
}

// IsDelegated tells whether the account administers the service ("" for any)
// for its organization.
func IsDelegated(r store.Reader, organization, account, service string) bool {
	for d := range Delegates.Scan(r, organization, account) {
		if service == "" || d.Service == service {
			return true
		}
	}
	return false
}
