package sts_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"pileus/api/ec2"
	"pileus/clock"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/policy"
	"pileus/rng"
	"pileus/service/sts"
	"pileus/store"
)

var root = nodetest.Keys{AccessKey: "test", Secret: "test"}

func TestLifeOfTokens(t *testing.T) {
	w := world(t)
	user := w.User("u", nodetest.Allow("sts:*"))
	for name, test := range map[string]struct {
		who   nodetest.Keys
		asked *int32
		want  time.Duration
	}{
		"user":               {user, nil, 12 * time.Hour},
		"user asks for more": {user, aws.Int32(129600), 36 * time.Hour},
		"root":               {root, nil, time.Hour},
		"root asks for more": {root, aws.Int32(7200), time.Hour},
		"root asks for less": {root, aws.Int32(900), 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(c *types.Credentials) {
				if left := c.Expiration.Sub(clock.Machine()); left > test.want || left < test.want-time.Minute {
					t.Errorf("%v left, want %v", left, test.want)
				}
			}
			check(must(client(w, test.who).GetSessionToken(t.Context(), &sdk.GetSessionTokenInput{DurationSeconds: test.asked}))(t).Credentials)
			check(must(client(w, test.who).GetFederationToken(t.Context(), &sdk.GetFederationTokenInput{Name: aws.String("bob"), DurationSeconds: test.asked}))(t).Credentials)
		})
	}
	_, err := client(w, user).GetSessionToken(t.Context(), &sdk.GetSessionTokenInput{DurationSeconds: aws.Int32(129601)})
	refused(t, err, "ValidationError", "durationSeconds")
}

// TestWhatTokensMayCall holds the table at the end of id_credentials_temp_request.
func TestWhatTokensMayCall(t *testing.T) {
	w := world(t)
	ctx := t.Context()
	user := w.User("u", nodetest.Allow("*"))
	arn := role(w, account, "r", trusting(byAccount(account), ""), grants(nodetest.Allow("*")))
	token := session(must(client(w, user).GetSessionToken(ctx, &sdk.GetSessionTokenInput{}))(t).Credentials)
	federated := session(must(client(w, user).GetFederationToken(ctx, &sdk.GetFederationTokenInput{Name: aws.String("bob"), Policy: aws.String(nodetest.Allow("*"))}))(t).Credentials)
	assumed := session(must(assume(w, user, arn))(t).Credentials)

	refused(t, listUsers(t, w, token), "InvalidClientTokenId", "")
	refused(t, listUsers(t, w, federated), "InvalidClientTokenId", "")
	refused(t, listUsers(t, w, assumed), "", "")
	_, err := assume(w, token, arn)
	refused(t, err, "", "")
	_, err = assume(w, federated, arn)
	refused(t, err, "AccessDenied", "Cannot call AssumeRole with session credentials")
	for name, k := range map[string]nodetest.Keys{"session token": token, "federation token": federated, "role": assumed} {
		_, err = client(w, k).GetSessionToken(ctx, &sdk.GetSessionTokenInput{})
		refused(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
		_, err = client(w, k).GetFederationToken(ctx, &sdk.GetFederationTokenInput{Name: aws.String("bob")})
		refused(t, err, "AccessDenied", "Cannot call GetFederationToken with session credentials")
		code := "AccessDenied"
		if name == "role" {
			code = ""
		}
		_, err = client(w, k).GetAccessKeyInfo(ctx, &sdk.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")})
		refused(t, err, code, "")
	}
}

func TestFederationTokenAsksForPermission(t *testing.T) {
	w := world(t)
	ask := func(k nodetest.Keys, name string, tags ...types.Tag) error {
		_, err := client(w, k).GetFederationToken(t.Context(), &sdk.GetFederationTokenInput{Name: &name, Tags: tags})
		return err
	}
	bob := "arn:aws:sts::" + account + ":federated-user/bob"
	refused(t, ask(w.User("none", ""), "bob"), "AccessDenied", "not authorized to perform: sts:GetFederationToken on resource: "+bob)
	may := w.User("may", allow(bob, "sts:GetFederationToken"))
	refused(t, ask(may, "bob"), "", "")
	refused(t, ask(may, "eve"), "AccessDenied", "federated-user/eve")
	refused(t, ask(may, "bob", types.Tag{Key: aws.String("a"), Value: aws.String("b")}), "AccessDenied", "sts:TagSession")
	refused(t, ask(may, "b b"), "ValidationError", "name")
}

func TestAccessKeyInfo(t *testing.T) {
	w := world(t)
	look := func(k nodetest.Keys, id string) (string, error) {
		out, err := client(w, k).GetAccessKeyInfo(t.Context(), &sdk.GetAccessKeyInfoInput{AccessKeyId: &id})
		if err != nil {
			return "", err
		}
		return *out.Account, nil
	}
	equal(t, "a key that nobody has", must(look(root, identity.NewKeyID("AKIA", "345678901234", rng.New())))(t), "345678901234")
	equal(t, "a user's", must(look(root, w.UserIn(other, "u", "").AccessKey))(t), other)
	_, err := look(root, "AKIA0000000000000000")
	refused(t, err, "ValidationError", "")
	_, err = look(w.User("none", ""), "AKIAIOSFODNN7EXAMPLE")
	refused(t, err, "AccessDenied", "sts:GetAccessKeyInfo")
}

// TestSessionsEndByTheMachinesTime jumps the cloud's clock, which ends no
// session, and finds one that really has expired refused.
func TestSessionsEndByTheMachinesTime(t *testing.T) {
	w := world(t)
	token := session(must(client(w, root).GetSessionToken(t.Context(), &sdk.GetSessionTokenInput{}))(t).Credentials)
	w.Advance(365 * 24 * time.Hour)
	equal(t, "a year later", whoami(w, token), "arn:aws:iam::"+account+":root "+account)
	w.Update(func(tx store.Tx) {
		s, _ := identity.Sessions.Get(tx, token.AccessKey)
		s.Principal.Expires = clock.Machine().Add(-time.Second)
		identity.Sessions.Put(tx, s)
		identity.Touch(tx, account)
	})
	_, err := client(w, token).GetCallerIdentity(t.Context(), &sdk.GetCallerIdentityInput{})
	refused(t, err, "ExpiredToken", "The security token included in the request is expired")
	w.Update(func(tx store.Tx) {
		equal(t, "expired ones", identity.ExpireSessions(tx, clock.Machine(), 100), 1)
		equal(t, "and then", identity.ExpireSessions(tx, clock.Machine(), 100), 0)
		identity.Touch(tx, account)
	})
	_, err = client(w, token).GetCallerIdentity(t.Context(), &sdk.GetCallerIdentityInput{})
	refused(t, err, "InvalidClientTokenId", "")
}

func TestRegionsEndpointsAreServed(t *testing.T) {
	w := world(t)
	user := w.User("u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}`)
	for region, code := range map[string]string{"eu-west-1": "", "us-east-1": "AccessDenied"} {
		cfg := w.ConfigAs(user)
		cfg.Region = region
		_, err := sdk.NewFromConfig(cfg).GetAccessKeyInfo(t.Context(), &sdk.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")})
		refused(t, err, code, "")
	}
}

// TestEncodedDenial has EC2 refuse something: its message carries the
// evaluation, which sts:DecodeAuthorizationMessage opens.
func TestEncodedDenial(t *testing.T) {
	start := cloud.Module{
		API: &ec2.Service,
		Operations: []cloud.Binding{ec2.StopInstances.Serve(func(*cloud.Call, *ec2.StopInstancesInput) (*ec2.StopInstancesOutput, error) {
			return new(ec2.StopInstancesOutput), nil
		})},
		Access: []cloud.Access{ec2.StopInstances.Needs("ec2:StopInstances", nil)},
	}
	w := nodetest.New(t, sts.Module(), start)
	user := w.User("u", `{"Version":"2012-10-17","Statement":[{"Sid":"Never","Effect":"Deny","Action":"ec2:Stop*","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	_, err := ec2.StopInstances.Call(w.As(user), &ec2.StopInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}})
	if err == nil {
		t.Fatal("allowed")
	}
	_, sealed, _ := strings.Cut(err.Error(), "Encoded authorization failure message: ")
	sealed = strings.TrimSuffix(sealed, ".")
	decode := func(k nodetest.Keys, message string) (string, error) {
		out, err := client(w, k).DecodeAuthorizationMessage(t.Context(), &sdk.DecodeAuthorizationMessageInput{EncodedMessage: &message})
		if err != nil {
			return "", err
		}
		return *out.DecodedMessage, nil
	}
	var got struct {
		Allowed, ExplicitDeny bool
		MatchedStatements     struct {
			Items []struct{ StatementID, Effect string }
		}
		Context struct {
			Principal struct{ ID, ARN string }
			Action    string
		}
	}
	text := must(decode(user, sealed))(t)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Allowed || !got.ExplicitDeny || len(got.MatchedStatements.Items) != 1 || got.MatchedStatements.Items[0].StatementID != "Never" ||
		got.Context.Principal.ARN != user.Principal.ARN || got.Context.Action != "ec2:StopInstances" {
		t.Errorf("decoded: %s", text)
	}
	for _, bad := range []string{"x", sealed[:len(sealed)-2] + "AA", strings.ToUpper(sealed)} {
		_, err = decode(user, bad)
		refused(t, err, "InvalidAuthorizationMessageException", "Message is not valid")
	}
	_, err = decode(w.User("none", ""), sealed)
	refused(t, err, "AccessDenied", "sts:DecodeAuthorizationMessage")
}

func TestEncodedDenialsStayWithinTheirCloud(t *testing.T) {
	a, b := world(t), world(t)
	req := &policy.Request{Action: "a:B", Principal: policy.Principal{ARN: "arn:aws:iam::" + account + ":user/u"}}
	var sealed string
	a.View(func(r store.Reader) { sealed = identity.EncodeDenial(r, req, policy.Decision{}) })
	b.View(func(r store.Reader) {
		if _, ok := identity.DecodeDenial(r, sealed); ok || sealed == "" {
			t.Errorf("another cloud opened %q", sealed)
		}
	})
}

func TestAssumeRoot(t *testing.T) {
	w := world(t)
	task := "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"
	features := []string{"RootSessions"}
	org := func() {
		w.Update(func(tx store.Tx) {
			identity.EnsureAccount(tx, other, "test", w.Now())
			identity.Organizations.Put(tx, &identity.Organization{ID: "o-1", Management: account, RootID: "r-1", AllFeatures: true, RootFeatures: features})
			for _, id := range []string{account, other} {
				identity.Members.Put(tx, &identity.Member{Account: id, Organization: "o-1", Parent: "r-1", Status: "ACTIVE"})
			}
			identity.Touch(tx, identity.OrganizationScope)
		})
	}
	org()
	boss := w.User("boss", nodetest.Allow("sts:AssumeRoot"))
	ask := func(k nodetest.Keys, target, task string) (*sdk.AssumeRootOutput, error) {
		return client(w, k).AssumeRoot(t.Context(), &sdk.AssumeRootInput{TargetPrincipal: &target, TaskPolicyArn: &types.PolicyDescriptorType{Arn: &task}})
	}
	out := must(ask(boss, other, task))(t)
	equal(t, "who", whoami(w, session(out.Credentials)), "arn:aws:iam::"+other+":root "+other)
	if left := out.Credentials.Expiration.Sub(clock.Machine()); left > 15*time.Minute {
		t.Errorf("%v left", left)
	}
	// The task policy limits even a root user.
	_, err := client(w, session(out.Credentials)).GetAccessKeyInfo(t.Context(), &sdk.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIAIOSFODNN7EXAMPLE")})
	refused(t, err, "AccessDenied", "")
	for name, test := range map[string]struct {
		who    nodetest.Keys
		target string
		task   string
		code   string
	}{
		"without permission":          {w.User("none", ""), other, task, "AccessDenied"},
		"of the management account":   {boss, account, task, "AccessDenied"},
		"of an account outside":       {boss, "333333333333", task, "AccessDenied"},
		"by a member":                 {w.UserIn(other, "u", nodetest.Allow("*")), account, task, "AccessDenied"},
		"by a root user":              {root, other, task, "AccessDenied"},
		"with a policy of its own":    {boss, other, admin, "ValidationError"},
		"of nothing that is a root":   {boss, "arn:aws:iam::" + other + ":user/x", task, "ValidationError"},
		"of the root user by its ARN": {boss, "arn:aws:iam::" + other + ":root", task, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(test.who, test.target, test.task)
			refused(t, err, test.code, "")
		})
	}
	features = nil
	org()
	_, err = ask(boss, other, task)
	refused(t, err, "AccessDenied", "sts:AssumeRoot")
}
