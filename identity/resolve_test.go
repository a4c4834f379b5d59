package identity_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pileus/cloud"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/policy"
	"pileus/store"
)

const (
	account = "111111111111"
	head    = "arn:aws:iam::" + account + ":"
)

var born = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func statement(effect, action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":%q,"Resource":"*"}]}`, effect, action)
}

func allow(action string) string { return statement("Allow", action) }
func deny(action string) string  { return statement("Deny", action) }

// user is alice, a user in the group "ops" with nothing granted.
func user() *identity.User {
	return &identity.User{Account: account, Name: "alice", Path: "/", ID: "AIDAALICE", ARN: head + "user/alice", Created: born, Groups: []string{"ops"}}
}

func role() *identity.Role {
	return &identity.Role{Account: account, Name: "web", Path: "/", ID: "AROAWEB", ARN: head + "role/web", Created: born}
}

func session(r *identity.Role, policies ...string) *cloud.Principal {
	p := &cloud.Principal{Kind: cloud.AssumedRole, Account: account, Name: "s", ARN: "arn:aws:sts::" + account + ":assumed-role/web/s",
		RoleARN: r.ARN, RoleName: r.Name, ID: r.ID + ":s", HasSession: true}
	if len(policies) > 0 {
		p.SessionPolicy, p.SessionPolicyARNs = policies[0], policies[1:]
	}
	return p
}

func managed(name, document string) *identity.Managed {
	return &identity.Managed{Account: account, Name: name, Path: "/", ID: "ANPA" + name, ARN: head + "policy/" + name, Created: born,
		Versions: []identity.PolicyVersion{{ID: "v1", Document: document, Created: born}}, Default: "v1", NextVersion: 2}
}

// inOrganization puts the account under the unit of an organization that the
// account 999999999999 manages, with policies on the root, the unit and the
// account.
func inOrganization(tx store.Tx, onRoot, onUnit, onAccount string) {
	identity.Organizations.Put(tx, &identity.Organization{ID: "o-1", Management: "999999999999", RootID: "r-1", AllFeatures: true, Enabled: []string{identity.ServiceControl}})
	identity.Units.Put(tx, &identity.Unit{Organization: "o-1", ID: "ou-1", Parent: "r-1"})
	identity.Members.Put(tx, &identity.Member{Organization: "o-1", Account: account, Parent: "ou-1", Status: "ACTIVE"})
	for target, content := range map[string]string{"r-1": onRoot, "ou-1": onUnit, account: onAccount} {
		if content == "" {
			continue
		}
		p := &identity.OrgPolicy{Organization: "o-1", ID: "p-" + target, Type: identity.ServiceControl, ARN: "arn:aws:organizations::999999999999:policy/p-" + target, Content: content}
		identity.OrgPolicies.Put(tx, p)
		identity.OrgAttachments.Put(tx, &identity.OrgAttachment{Organization: "o-1", Target: target, Type: p.Type, Policy: p.ID})
	}
	identity.Touch(tx, identity.OrganizationScope)
}

// may evaluates one action on everything for a principal as it is resolved.
func may(w *nodetest.World, x *identity.Resolver, p *cloud.Principal, action string) (d policy.Decision, text string) {
	w.View(func(r store.Reader) {
		v := x.Policies(r, p)
		req := &policy.Request{Action: action, Resource: "*", ResourceAccount: account, Now: w.Now(), Keys: policy.Keys{},
			Principal: policy.Principal{Kind: p.Kind.String(), ARN: p.ARN, Account: p.Account, RoleARN: p.RoleARN, UserARN: p.UserARN, ID: p.ID}}
		d = policy.Evaluate(req, &v.Policies)
		text = policy.Explain(req, &v.Policies).Text()
	})
	return d, text
}

// TestResolve: which of a principal's policies count.
func TestResolve(t *testing.T) {
	const broken = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny"`
	cases := []struct {
		name string
		put  func(tx store.Tx) *cloud.Principal
		want map[string]bool
	}{
		{"an inline policy of the user", func(tx store.Tx) *cloud.Principal {
			u := user()
			u.Inline = map[string]string{"p": allow("s3:*")}
			identity.Users.Put(tx, u)
			return identity.UserPrincipal(u)
		}, map[string]bool{"s3:GetObject": true, "sqs:SendMessage": false}},
		{"a policy of one of its groups, inline and attached", func(tx store.Tx) *cloud.Principal {
			u := user()
			identity.Users.Put(tx, u)
			identity.Policies.Put(tx, managed("queues", allow("sqs:*")))
			identity.Groups.Put(tx, &identity.Group{Account: account, Name: "Ops", ARN: head + "group/Ops",
				Grants: identity.Grants{Inline: map[string]string{"p": allow("s3:*")}, Attached: []string{head + "policy/queues"}}})
			return identity.UserPrincipal(u)
		}, map[string]bool{"s3:GetObject": true, "sqs:SendMessage": true, "sns:Publish": false}},
		{"an AWS-managed policy", func(tx store.Tx) *cloud.Principal {
			u := user()
			u.Attached = []string{"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}
			identity.Users.Put(tx, u)
			return identity.UserPrincipal(u)
		}, map[string]bool{"s3:GetObject": true, "s3:PutObject": false}},
		{"a boundary limits", func(tx store.Tx) *cloud.Principal {
			u := user()
			u.Inline, u.Boundary = map[string]string{"p": allow("*")}, head+"policy/fence"
			identity.Users.Put(tx, u)
			identity.Policies.Put(tx, managed("fence", allow("s3:*")))
			return identity.UserPrincipal(u)
		}, map[string]bool{"s3:GetObject": true, "sqs:SendMessage": false}},
		{"a boundary that is gone allows nothing", func(tx store.Tx) *cloud.Principal {
			u := user()
			u.Inline, u.Boundary = map[string]string{"p": allow("*")}, head+"policy/gone"
			identity.Users.Put(tx, u)
			return identity.UserPrincipal(u)
		}, map[string]bool{"s3:GetObject": false}},
		{"session policies narrow a role", func(tx store.Tx) *cloud.Principal {
			r := role()
			r.Inline = map[string]string{"p": allow("s3:*")}
			identity.Roles.Put(tx, r)
			return session(r, allow("s3:GetObject"), "arn:aws:iam::aws:policy/AmazonSQSFullAccess")
		}, map[string]bool{"s3:GetObject": true, "s3:PutObject": false, "sqs:SendMessage": false}},
		{"a session of a role that was made anew", func(tx store.Tx) *cloud.Principal {
			r := role()
			r.Inline = map[string]string{"p": allow("*")}
			identity.Roles.Put(tx, r)
			old := role()
			old.ID = "AROAOLD"
			return session(old)
		}, map[string]bool{"s3:GetObject": false}},
		{"a user that was made anew", func(tx store.Tx) *cloud.Principal {
			u := user()
			u.Inline = map[string]string{"p": allow("*")}
			identity.Users.Put(tx, u)
			old := user()
			old.ID = "AIDAOLD"
			return identity.UserPrincipal(old)
		}, map[string]bool{"s3:GetObject": false}},
		{"a federation token has no more than the user who asked for it", func(tx store.Tx) *cloud.Principal {
			u := user()
			u.Inline = map[string]string{"p": allow("s3:*")}
			identity.Users.Put(tx, u)
			return &cloud.Principal{Kind: cloud.FederatedUser, Account: account, Name: "bob", ARN: "arn:aws:sts::" + account + ":federated-user/bob",
				UserARN: u.ARN, ID: account + ":bob", HasSession: true, SessionPolicy: allow("*")}
		}, map[string]bool{"s3:GetObject": true, "sqs:SendMessage": false}},
		{"every level of service control policies must allow", func(tx store.Tx) *cloud.Principal {
			inOrganization(tx, allow("*"), allow("s3:*"), allow("s3:Get*"))
			return identity.RootPrincipal(account)
		}, map[string]bool{"s3:GetObject": true, "s3:PutObject": false, "sqs:SendMessage": false}},
		{"a level without a policy allows nothing", func(tx store.Tx) *cloud.Principal {
			inOrganization(tx, allow("*"), "", allow("*"))
			return identity.RootPrincipal(account)
		}, map[string]bool{"s3:GetObject": false}},
		{"service control policies leave service-linked roles alone", func(tx store.Tx) *cloud.Principal {
			inOrganization(tx, deny("*"), deny("*"), deny("*"))
			r := role()
			r.Inline, r.ServiceLinked = map[string]string{"p": allow("s3:*")}, "autoscaling.amazonaws.com"
			identity.Roles.Put(tx, r)
			p := session(r)
			p.ServiceLinked = true
			return p
		}, map[string]bool{"s3:GetObject": true}},
		{"an inline policy that cannot be read closes", func(tx store.Tx) *cloud.Principal {
			u := user()
			u.Inline = map[string]string{"good": allow("*"), "bad": broken}
			identity.Users.Put(tx, u)
			return identity.UserPrincipal(u)
		}, map[string]bool{"s3:GetObject": false}},
		{"an attached policy that is gone closes", func(tx store.Tx) *cloud.Principal {
			u := user()
			u.Inline, u.Attached = map[string]string{"p": allow("*")}, []string{head + "policy/gone"}
			identity.Users.Put(tx, u)
			return identity.UserPrincipal(u)
		}, map[string]bool{"s3:GetObject": false}},
		{"a policy of a group that cannot be read closes", func(tx store.Tx) *cloud.Principal {
			u := user()
			u.Inline = map[string]string{"p": allow("*")}
			identity.Users.Put(tx, u)
			identity.Groups.Put(tx, &identity.Group{Account: account, Name: "ops", ARN: head + "group/ops", Grants: identity.Grants{Inline: map[string]string{"p": broken}}})
			return identity.UserPrincipal(u)
		}, map[string]bool{"s3:GetObject": false}},
		{"a session policy that cannot be read closes", func(tx store.Tx) *cloud.Principal {
			r := role()
			r.Inline = map[string]string{"p": allow("*")}
			identity.Roles.Put(tx, r)
			return session(r, broken, "arn:aws:iam::aws:policy/AdministratorAccess")
		}, map[string]bool{"s3:GetObject": false}},
		{"a service control policy that cannot be read closes, for root too", func(tx store.Tx) *cloud.Principal {
			inOrganization(tx, allow("*"), broken, allow("*"))
			return identity.RootPrincipal(account)
		}, map[string]bool{"s3:GetObject": false}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := nodetest.New(t)
			var p *cloud.Principal
			w.Update(func(tx store.Tx) {
				identity.EnsureAccount(tx, account, "test", born)
				p = c.put(tx)
			})
			for action, want := range c.want {
				if d, text := may(w, identity.NewResolver(10), p, action); d.Allowed != want {
					t.Errorf("%s: allowed %v, want %v\n%s", action, d.Allowed, want, text)
				}
			}
		})
	}
}

// TestUnreadableIsTold: the trace of a refusal names the policy that could not
// be read, and why.
func TestUnreadableIsTold(t *testing.T) {
	w := nodetest.New(t)
	u := user()
	u.Inline = map[string]string{"bad": `{"Version":"2012-10-17"}`}
	w.Update(func(tx store.Tx) { identity.Users.Put(tx, u) })
	d, text := may(w, identity.NewResolver(1), identity.UserPrincipal(u), "s3:GetObject")
	if d.Reason != policy.ExplicitDeny || !strings.Contains(text, "inline policy bad of user alice (cannot be read: ") {
		t.Errorf("%v\n%s", d.Reason, text)
	}
}

// TestChangesCountAtOnce: a principal that the resolver remembers is read
// again after every kind of change that concerns it.
func TestChangesCountAtOnce(t *testing.T) {
	w := nodetest.New(t)
	u, x := user(), identity.NewResolver(10)
	group := &identity.Group{Account: account, Name: "ops", ARN: head + "group/ops"}
	queues := managed("queues", allow("s3:*"))
	w.Update(func(tx store.Tx) {
		identity.EnsureAccount(tx, account, "test", born)
		identity.Users.Put(tx, u)
		identity.Groups.Put(tx, group)
		identity.Policies.Put(tx, queues)
	})
	p := identity.UserPrincipal(u)
	steps := []struct {
		name   string
		change func(tx store.Tx)
		want   bool
	}{
		{"nothing granted", func(store.Tx) {}, false},
		{"a policy attached to the user", func(tx store.Tx) {
			u.Attached = []string{queues.ARN}
			identity.Users.Put(tx, u)
		}, false},
		{"another default version", func(tx store.Tx) {
			queues.Versions = append(queues.Versions, identity.PolicyVersion{ID: "v2", Document: allow("sqs:*")})
			queues.Default = "v2"
			identity.Policies.Put(tx, queues)
		}, true},
		{"a denial in a group", func(tx store.Tx) {
			group.Inline = map[string]string{"p": deny("sqs:*")}
			identity.Groups.Put(tx, group)
		}, false},
		{"out of the group", func(tx store.Tx) {
			u.Groups = nil
			identity.Users.Put(tx, u)
		}, true},
		{"into an organization that denies", func(tx store.Tx) { inOrganization(tx, allow("*"), allow("*"), deny("sqs:*")) }, false},
		{"that policy taken off again", func(tx store.Tx) {
			identity.OrgPolicies.Put(tx, &identity.OrgPolicy{Organization: "o-1", ID: "p-" + account, Type: identity.ServiceControl, Content: allow("*")})
			identity.Touch(tx, identity.OrganizationScope)
		}, true},
		{"the user is gone", func(tx store.Tx) { identity.Users.Delete(tx, account, "alice") }, false},
	}
	for _, s := range steps {
		w.Update(s.change)
		if d, text := may(w, x, p, "sqs:SendMessage"); d.Allowed != s.want {
			t.Errorf("%s: allowed %v, want %v\n%s", s.name, d.Allowed, s.want, text)
		}
	}
}

// TestKey: what an access key leads to.
func TestKey(t *testing.T) {
	w := nodetest.New(t)
	u, x := user(), identity.NewResolver(2)
	key := &identity.AccessKey{ID: "AKIAALICE", Secret: "secret", Account: account, User: "Alice", Created: born}
	w.Update(func(tx store.Tx) {
		identity.Users.Put(tx, u)
		identity.PutKey(tx, key)
		identity.PutSession(tx, &identity.Session{ID: "ASIA1", Secret: "other", Token: "token", Principal: *session(role())})
	})
	find := func(id string) (v *identity.Resolved, ok bool) {
		w.View(func(r store.Reader) { v, ok = x.Key(r, id) })
		return v, ok
	}
	if v, ok := find("AKIAALICE"); !ok || v.Principal.ARN != u.ARN || v.Secret != "secret" || v.Inactive {
		t.Errorf("key: %v %+v", ok, v)
	}
	if v, ok := find("ASIA1"); !ok || v.Token != "token" || v.Principal.RoleName != "web" {
		t.Errorf("session: %v %+v", ok, v)
	}
	if v, ok := find(account); ok {
		t.Errorf("a key that does not exist: %+v", v)
	}
	w.Update(func(tx store.Tx) { identity.EnsureAccount(tx, account, "test", born) })
	if v, ok := find(account); !ok || !v.Policies.Root {
		t.Errorf("the account's id is its root's key: %v %+v", ok, v)
	}
	w.Update(func(tx store.Tx) { key.Inactive = true; identity.PutKey(tx, key) })
	if v, _ := find("AKIAALICE"); !v.Inactive {
		t.Error("switched off, but still active")
	}
	w.Update(func(tx store.Tx) { identity.DeleteKey(tx, key) })
	if _, ok := find("AKIAALICE"); ok {
		t.Error("deleted, but still known")
	}
}
