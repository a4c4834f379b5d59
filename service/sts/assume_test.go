package sts_test

import (
	"crypto/sha512"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	api "pileus/api/sts"
	"pileus/clock"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/store"
)

// with sets one parameter of AssumeRole.
type with = func(*sdk.AssumeRoleInput)

func tagged(kv ...string) with {
	return func(in *sdk.AssumeRoleInput) {
		for i := 0; i < len(kv); i += 2 {
			in.Tags = append(in.Tags, types.Tag{Key: &kv[i], Value: &kv[i+1]})
		}
	}
}

func lasting(seconds int32) with {
	return func(in *sdk.AssumeRoleInput) { in.DurationSeconds = &seconds }
}

func inline(policy string) with { return func(in *sdk.AssumeRoleInput) { in.Policy = &policy } }

func grants(policy string) func(*identity.Role) {
	return func(r *identity.Role) { r.Inline = map[string]string{"p": policy} }
}

// listUsers asks IAM something, which stands for any other service.
func listUsers(t *testing.T, w *nodetest.World, k nodetest.Keys) error {
	_, err := iamsdk.NewFromConfig(w.ConfigAs(k)).ListUsers(t.Context(), &iamsdk.ListUsersInput{})
	return err
}

func TestConditionsOfTrust(t *testing.T) {
	w := world(t)
	me := w.User("me", nodetest.Allow("sts:*"))
	for name, test := range map[string]struct {
		condition string
		bad, good with
	}{
		"external id": {`{"StringEquals":{"sts:ExternalId":"42"}}`,
			func(in *sdk.AssumeRoleInput) { in.ExternalId = aws.String("43") },
			func(in *sdk.AssumeRoleInput) { in.ExternalId = aws.String("42") }},
		"session name": {`{"StringLike":{"sts:RoleSessionName":"${aws:username}"}}`,
			func(in *sdk.AssumeRoleInput) { in.RoleSessionName = aws.String("you") },
			func(in *sdk.AssumeRoleInput) { in.RoleSessionName = aws.String("me") }},
		"source identity": {`{"StringEquals":{"sts:SourceIdentity":"me"}}`,
			func(in *sdk.AssumeRoleInput) { in.SourceIdentity = aws.String("you") },
			func(in *sdk.AssumeRoleInput) { in.SourceIdentity = aws.String("me") }},
		"tag":            {`{"StringEquals":{"aws:RequestTag/Team":"blue"}}`, tagged("Team", "red"), tagged("team", "blue")},
		"tag keys":       {`{"ForAllValues:StringEquals":{"aws:TagKeys":["Team"]}}`, tagged("Team", "x", "Cost", "y"), tagged("Team", "x")},
		"transitive":     {`{"ForAnyValue:StringEquals":{"sts:TransitiveTagKeys":"a"}}`, tagged("a", "1"), func(in *sdk.AssumeRoleInput) { tagged("a", "1")(in); in.TransitiveTagKeys = []string{"a"} }},
		"region":         {`{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}`, nil, func(*sdk.AssumeRoleInput) {}},
		"MFA is missing": {`{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, func(*sdk.AssumeRoleInput) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			arn := role(w, account, strings.ReplaceAll(name, " ", ""), trusting(byAccount(account), test.condition, "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"))
			if test.bad != nil {
				_, err := assume(w, me, arn, test.bad)
				refused(t, err, "AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: "+arn)
			}
			if test.good != nil {
				_, err := assume(w, me, arn, test.good)
				refused(t, err, "", "")
			}
		})
	}
}

func TestTagsAndSourceIdentityNeedActionsOfTheirOwn(t *testing.T) {
	w := world(t)
	all := w.User("all", nodetest.Allow("sts:*"))
	some := w.User("some", nodetest.Allow("sts:AssumeRole"))
	open := role(w, account, "open", trusting(byAccount(account), "", "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"))
	closed := role(w, account, "closed", trusting(byAccount(account), ""))
	source := func(in *sdk.AssumeRoleInput) { in.SourceIdentity = aws.String("alice") }
	for _, test := range []struct {
		who  nodetest.Keys
		role string
		what with
		text string
	}{
		{all, open, tagged("a", "b"), ""},
		{all, closed, tagged("a", "b"), "sts:TagSession"},
		{some, open, tagged("a", "b"), "sts:TagSession"},
		{all, open, source, ""},
		{all, closed, source, "sts:SetSourceIdentity"},
		{some, open, source, "sts:SetSourceIdentity"},
	} {
		_, err := assume(w, test.who, test.role, test.what)
		if test.text == "" {
			refused(t, err, "", "")
		} else {
			refused(t, err, "AccessDenied", "is not authorized to perform: "+test.text)
		}
	}
}

func TestRulesOfTags(t *testing.T) {
	w := world(t)
	me := w.User("me", nodetest.Allow("sts:*"))
	arn := role(w, account, "r", trusting(byAccount(account), "", "sts:AssumeRole", "sts:TagSession"))
	many := make([]string, 0, 102)
	for i := range 51 {
		many = append(many, fmt.Sprint("k", i), "")
	}
	for name, test := range map[string]struct {
		what       with
		code, text string
	}{
		"twice the same key":   {tagged("a", "1", "A", "2"), "InvalidParameterValue", "Duplicate tag keys found"},
		"a key of AWS":         {tagged("aws:x", "1"), "InvalidParameterValue", "System tags"},
		"too many":             {tagged(many...), "ValidationError", ""},
		"transitive but unset": {func(in *sdk.AssumeRoleInput) { in.TransitiveTagKeys = []string{"a"} }, "InvalidParameterValue", "must be included in the requested tags"},
		"too large": {func(in *sdk.AssumeRoleInput) {
			for i := range 50 {
				tagged(fmt.Sprint("key", i), fmt.Sprintf("%x", sha512.Sum512([]byte{byte(i)})))(in)
			}
		}, "PackedPolicyTooLarge", "Packed size of session tags consumes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := assume(w, me, arn, test.what)
			refused(t, err, test.code, test.text)
		})
	}
}

func TestRoleChain(t *testing.T) {
	w := world(t)
	me := w.User("me", nodetest.Allow("sts:*"))
	long := func(r *identity.Role) { r.MaxSession = 43200 }
	all := []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}
	first := role(w, account, "first", trusting(byAccount(account), "", all...), long, grants(nodetest.Allow("sts:*")))
	// The second role trusts only sessions that carry the team on.
	second := role(w, account, "second", trusting(byAccount(account), `{"StringEquals":{"aws:PrincipalTag/team":"blue"}}`, all...), long,
		func(r *identity.Role) {
			r.Tags = identity.Tags{{Key: "Team", Value: "role's own"}, {Key: "kind", Value: "second"}}
		},
		grants(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*",
			"Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:PrincipalTag/kind":"second","aws:SourceIdentity":"alice"},"Null":{"aws:PrincipalTag/once":"true"}}}]}`))
	out := must(assume(w, me, first, tagged("team", "blue", "once", "x"), lasting(43200), func(in *sdk.AssumeRoleInput) {
		in.TransitiveTagKeys, in.SourceIdentity = []string{"team"}, aws.String("alice")
	}))(t)
	equal(t, "source identity", *out.SourceIdentity, "alice")
	k := session(out.Credentials)

	_, err := assume(w, k, second, lasting(3601))
	refused(t, err, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	_, err = assume(w, k, second, tagged("TEAM", "red"))
	refused(t, err, "InvalidParameterValue", "conflicts with a transitive tag key from the calling session")
	_, err = assume(w, k, second, func(in *sdk.AssumeRoleInput) { in.SourceIdentity = aws.String("bob") })
	refused(t, err, "AccessDenied", "source identity")
	next := must(assume(w, k, second))(t)
	equal(t, "source identity stays", aws.ToString(next.SourceIdentity), "alice")
	refused(t, listUsers(t, w, session(next.Credentials)), "", "")
	_, err = client(w, k).GetSessionToken(t.Context(), &sdk.GetSessionTokenInput{})
	refused(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
}

func TestDurationOfRoleSessions(t *testing.T) {
	w := world(t)
	me := w.User("me", nodetest.Allow("sts:*"))
	arn := role(w, account, "r", trusting(byAccount(account), ""), func(r *identity.Role) { r.MaxSession = 7200 })
	for seconds, code := range map[int32]string{899: "ValidationError", 900: "", 7200: "", 7201: "ValidationError"} {
		out, err := assume(w, me, arn, lasting(seconds))
		refused(t, err, code, "")
		if err == nil {
			if left := out.Credentials.Expiration.Sub(clock.Machine()); left > time.Duration(seconds)*time.Second || left < time.Duration(seconds-60)*time.Second {
				t.Errorf("%d seconds: %v left", seconds, left)
			}
		}
	}
	_, err := assume(w, me, arn, lasting(7201))
	refused(t, err, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
}

func TestSessionPolicies(t *testing.T) {
	w := world(t)
	me := w.User("me", nodetest.Allow("sts:*"))
	arn := role(w, account, "r", trusting(byAccount(account), ""), grants(nodetest.Allow("iam:ListUsers", "iam:ListRoles")))
	attach := func(list ...string) with {
		return func(in *sdk.AssumeRoleInput) {
			for _, a := range list {
				in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: aws.String(a)})
			}
		}
	}
	noise := func(n int) string { // hardly compresses
		list := make([]string, 0, n)
		for i := range n {
			list = append(list, fmt.Sprintf(`"x%x:y"`, 0x9e3779b97f4a7c15*uint64(i+1)))
		}
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":[` + strings.Join(list, ",") + `]}]}`
	}
	for name, test := range map[string]struct {
		what           with
		code, text     string // of AssumeRole
		usersForbidden bool
	}{
		"none":                       {func(*sdk.AssumeRoleInput) {}, "", "", false},
		"one that allows":            {inline(nodetest.Allow("iam:ListUsers")), "", "", false},
		"one that allows more":       {inline(nodetest.Allow("*")), "", "", false},
		"one that allows other":      {inline(nodetest.Allow("iam:ListRoles")), "", "", true},
		"managed":                    {attach(admin), "", "", false},
		"managed, or inline":         {func(in *sdk.AssumeRoleInput) { inline(nodetest.Allow("iam:ListRoles"))(in); attach(admin)(in) }, "", "", false},
		"no JSON":                    {inline(`{"Version":`), "MalformedPolicyDocument", "", false},
		"with a principal":           {inline(trusting(`"*"`, "")), "MalformedPolicyDocument", "", false},
		"too long":                   {inline(nodetest.Allow("a:b") + strings.Repeat(" ", 2048)), "PackedPolicyTooLarge", "", false},
		"too much once packed":       {inline(noise(130)), "PackedPolicyTooLarge", "", false},
		"managed, does not exist":    {attach("arn:aws:iam::" + account + ":policy/nope"), "ValidationError", "does not exist", false},
		"managed, of somebody else":  {attach("arn:aws:iam::" + other + ":policy/p"), "ValidationError", "", false},
		"more than ten managed ones": {attach(admin, admin, admin, admin, admin, admin, admin, admin, admin, admin, admin), "ValidationError", "policyArns", false},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := assume(w, me, arn, test.what)
			refused(t, err, test.code, test.text)
			if err != nil {
				return
			}
			code := ""
			if test.usersForbidden {
				code = "AccessDenied"
			}
			refused(t, listUsers(t, w, session(out.Credentials)), code, "")
		})
	}
	out := must(assume(w, me, arn, inline(nodetest.Allow("iam:ListUsers"))))(t)
	//lint:ignore SA1019 older clients read it
	if n := aws.ToInt32(out.PackedPolicySize); n < 3 || n > 12 {
		t.Errorf("packed size of a short policy: %d%%", n)
	}
}

func TestSecondFactor(t *testing.T) {
	w := world(t)
	me := w.User("me", nodetest.Allow("sts:AssumeRole", "iam:*"))
	d := &identity.MFADevice{Account: account, Serial: "arn:aws:iam::" + account + ":mfa/me", Name: "me", Path: "/", Seed: []byte("12345678901234567890"), Enabled: w.Now(), User: "me"}
	reset := func() { // a code can be used once only
		d.Used = 0
		w.Update(func(tx store.Tx) { identity.MFADevices.Put(tx, d) })
	}
	reset()
	code := func() string { return d.Code(clock.Machine()) }
	arn := role(w, account, "r", trusting(byAccount(account), `{"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":"60"}}`), grants(nodetest.Allow("iam:ListUsers")))
	factor := func(serial, code string) with {
		return func(in *sdk.AssumeRoleInput) { in.SerialNumber, in.TokenCode = &serial, &code }
	}
	now := code()
	must(assume(w, me, arn, factor(d.Serial, now)))(t)
	_, err := assume(w, me, arn, factor(d.Serial, now))
	refused(t, err, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
	reset()
	_, err = assume(w, me, arn, factor(d.Serial+"x", code()))
	refused(t, err, "AccessDenied", "unable to validate MFA code")
	_, err = assume(w, w.User("you", nodetest.Allow("sts:*")), arn, factor(d.Serial, code()))
	refused(t, err, "AccessDenied", "unable to validate MFA code")
	_, err = assume(w, me, arn, func(in *sdk.AssumeRoleInput) { in.SerialNumber = &d.Serial })
	refused(t, err, "AccessDenied", "must provide both MFA serial number and one time pass code.")

	// A session token remembers the factor: with it the role can be assumed,
	// and IAM be called.
	plain := must(client(w, me).GetSessionToken(t.Context(), &sdk.GetSessionTokenInput{}))(t)
	refused(t, listUsers(t, w, session(plain.Credentials)), "InvalidClientTokenId", "")
	_, err = assume(w, session(plain.Credentials), arn)
	refused(t, err, "AccessDenied", "")
	reset()
	strong := must(client(w, me).GetSessionToken(t.Context(), &sdk.GetSessionTokenInput{SerialNumber: &d.Serial, TokenCode: aws.String(code())}))(t)
	refused(t, listUsers(t, w, session(strong.Credentials)), "", "")
	must(assume(w, session(strong.Credentials), arn))(t)
}

// TestServicesAssumeRoles is how EC2 and Lambda get the credentials of the
// roles that they were given: as service principals, inside the process.
func TestServicesAssumeRoles(t *testing.T) {
	w := world(t)
	arn := role(w, account, "server", trusting(`{"Service":"ec2.amazonaws.com"}`, `{"StringEquals":{"aws:SourceAccount":"`+account+`"}}`), grants(nodetest.Allow("iam:ListUsers")))
	in := &api.AssumeRoleInput{RoleArn: arn, RoleSessionName: "i-0123456789abcdef0"}
	instance := "arn:aws:ec2:us-east-1:" + account + ":instance/i-0123456789abcdef0"
	out := must(api.AssumeRole.Call(w.Call().AsService("ec2.amazonaws.com", instance), in))(t)
	k := nodetest.Keys{AccessKey: out.Credentials.AccessKeyId, Secret: out.Credentials.SecretAccessKey, Token: out.Credentials.SessionToken}
	refused(t, listUsers(t, w, k), "", "")
	_, err := api.AssumeRole.Call(w.Call().AsService("lambda.amazonaws.com", instance), in)
	if !errors.Is(err, &cloud.Error{Code: "AccessDenied"}) {
		t.Errorf("another service: %v", err)
	}
}
