package sts_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"pileus/all"
	"pileus/clock"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/store"
)

const (
	account = nodetest.Account
	other   = "222222222222"
	admin   = "arn:aws:iam::aws:policy/AdministratorAccess"
)

func world(t *testing.T) *nodetest.World {
	t.Helper()
	return nodetest.With(t, all.Modules)
}

// client speaks to STS as somebody.
func client(w *nodetest.World, k nodetest.Keys) *sdk.Client { return sdk.NewFromConfig(w.ConfigAs(k)) }

// role makes a role with a trust policy and returns its ARN.
func role(w *nodetest.World, in, name, trust string, more ...func(*identity.Role)) string {
	w.T.Helper()
	r := &identity.Role{Account: in, Name: name, Path: "/", ID: identity.NewID(identity.RoleID, in, w.Gate().Rand()),
		ARN: "arn:aws:iam::" + in + ":role/" + name, Created: w.Now(), MaxSession: 3600}
	for _, f := range more {
		f(r)
	}
	w.Update(func(tx store.Tx) {
		identity.EnsureAccount(tx, in, "test", w.Now())
		pinned, err := identity.PinPrincipals(tx, trust)
		if err != nil {
			w.T.Fatal(err)
		}
		r.Trust = pinned
		identity.Roles.Put(tx, r)
	})
	return r.ARN
}

// trusting is a trust policy for a principal, with further actions and a
// condition.
func trusting(principal, condition string, actions ...string) string {
	if len(actions) == 0 {
		actions = []string{"sts:AssumeRole"}
	}
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal +
		`,"Action":["` + strings.Join(actions, `","`) + `"]` + condition + `}]}`
}

func byAccount(id string) string { return `{"AWS":"arn:aws:iam::` + id + `:root"}` }

// allow is a policy that allows actions on one resource.
func allow(resource string, actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"` + resource + `"}]}`
}

func session(c *types.Credentials) nodetest.Keys {
	return nodetest.Keys{AccessKey: *c.AccessKeyId, Secret: *c.SecretAccessKey, Token: *c.SessionToken}
}

// assume is AssumeRole with nothing but the name of the session.
func assume(w *nodetest.World, k nodetest.Keys, arn string, more ...func(*sdk.AssumeRoleInput)) (*sdk.AssumeRoleOutput, error) {
	in := &sdk.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("s1")}
	for _, f := range more {
		f(in)
	}
	return client(w, k).AssumeRole(w.T.Context(), in)
}

func whoami(w *nodetest.World, k nodetest.Keys) string {
	w.T.Helper()
	out, err := client(w, k).GetCallerIdentity(w.T.Context(), &sdk.GetCallerIdentityInput{})
	if err != nil {
		w.T.Fatal(err)
	}
	return *out.Arn + " " + *out.UserId
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks an error's code and a part of its message; an empty code
// means that there must be no error.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Errorf("got %v, want %s: %s", err, code, text)
		return
	}
	if e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text) {
		t.Errorf("got %s: %s\nwant %s: %s", e.ErrorCode(), e.ErrorMessage(), code, text)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestCallerIdentityOfEachKind(t *testing.T) {
	w := world(t)
	equal(t, "root", whoami(w, nodetest.Keys{AccessKey: "test", Secret: "test"}), "arn:aws:iam::"+account+":root "+account)
	equal(t, "12 digits", whoami(w, nodetest.Keys{AccessKey: other, Secret: "test"}), "arn:aws:iam::"+other+":root "+other)
	u := w.User("alice", nodetest.Allow("sts:*"))
	equal(t, "user", whoami(w, u), "arn:aws:iam::"+account+":user/alice "+u.Principal.ID)
	token := must(client(w, u).GetSessionToken(t.Context(), &sdk.GetSessionTokenInput{}))(t)
	equal(t, "user in a session", whoami(w, session(token.Credentials)), "arn:aws:iam::"+account+":user/alice "+u.Principal.ID)
	f := must(client(w, u).GetFederationToken(t.Context(), &sdk.GetFederationTokenInput{Name: aws.String("bob")}))(t)
	equal(t, "federated user", whoami(w, session(f.Credentials)), "arn:aws:sts::"+account+":federated-user/bob "+account+":bob")
	arn := role(w, account, "r", trusting(byAccount(account), ""))
	out := must(assume(w, u, arn))(t)
	equal(t, "role", whoami(w, session(out.Credentials)), "arn:aws:sts::"+account+":assumed-role/r/s1 "+*out.AssumedRoleUser.AssumedRoleId)
	if !strings.HasPrefix(*out.AssumedRoleUser.AssumedRoleId, "AROA") || !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") || len(*out.Credentials.AccessKeyId) != 20 {
		t.Errorf("ids %s, %s", *out.AssumedRoleUser.AssumedRoleId, *out.Credentials.AccessKeyId)
	}
	if got := out.Credentials.Expiration.Sub(clock.Machine()).Minutes(); got < 58 || got > 60 {
		t.Errorf("expires in %v minutes, want 60", got)
	}
}

func TestWhoMayAssumeARole(t *testing.T) {
	w := world(t)
	may := w.User("may", allow("arn:aws:iam::*:role/*", "sts:AssumeRole"))
	mayNot := w.User("maynot", "")
	foreign := w.UserIn(other, "foreign", nodetest.Allow("sts:AssumeRole"))
	foreignNot := w.UserIn(other, "foreignnot", "")
	byUser := func(k nodetest.Keys) string { return `{"AWS":"` + k.Principal.ARN + `"}` }
	here, there := role(w, account, "here", trusting(byAccount(account), "")), role(w, account, "there", trusting(byAccount(other), ""))
	named := role(w, account, "named", trusting(byUser(mayNot), ""))
	namedThere := role(w, account, "namedthere", trusting(byUser(foreignNot), ""))
	nobody := role(w, account, "nobody", trusting(`{"Service":"ec2.amazonaws.com"}`, ""))
	missing := "arn:aws:iam::" + account + ":role/missing"
	for name, test := range map[string]struct {
		who     nodetest.Keys
		role    string
		allowed bool
	}{
		"both sides allow":                     {may, here, true},
		"the account is trusted, not the user": {mayNot, here, false},
		"the role trusts the user itself":      {mayNot, named, true},
		"another user of the same account":     {may, named, false},
		"cross-account, both sides allow":      {foreign, there, true},
		"cross-account, trust alone":           {foreignNot, namedThere, false},
		"cross-account, not trusted":           {foreign, here, false},
		"a role that trusts a service":         {may, nobody, false},
		"a role that does not exist":           {may, missing, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := assume(w, test.who, test.role)
			if test.allowed {
				refused(t, err, "", "")
				return
			}
			want := "User: " + test.who.Principal.ARN + " is not authorized to perform: sts:AssumeRole on resource: " + test.role
			refused(t, err, "AccessDenied", want)
			if err != nil && strings.Contains(err.Error(), "because") {
				t.Errorf("the refusal tells more than it should: %v", err)
			}
		})
	}
	_, err := assume(w, nodetest.Keys{AccessKey: "test", Secret: "test"}, here)
	refused(t, err, "AccessDenied", "Roles may not be assumed by root accounts.")
	_, err = assume(w, may, "arn:aws:iam::"+account+":user/may")
	refused(t, err, "ValidationError", "Request ARN is invalid")
}
