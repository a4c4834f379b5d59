package sts_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"pileus/clock"
	"pileus/identity"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/store"
)

// fetched is the JSON that an address answers with.
func fetched[T any](t *testing.T, at string) (out T) {
	t.Helper()
	res, err := http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s: %s %s", at, res.Status, res.Header.Get("Content-Type"))
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// readToken verifies a token as an outside service does: from the issuer's
// address alone.
func readToken(t *testing.T, at, text string, alg jose.SignatureAlgorithm) map[string]any {
	t.Helper()
	about := fetched[struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}](t, at+"/.well-known/openid-configuration")
	if about.Issuer != at {
		t.Fatalf("the issuer says that it is %s, not %s", about.Issuer, at)
	}
	keys := fetched[jose.JSONWebKeySet](t, about.Keys)
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{alg})
	if err != nil {
		t.Fatal(err)
	}
	key := keys.Key(token.Headers[0].KeyID)
	if len(key) != 1 || key[0].Algorithm != string(alg) || !key[0].IsPublic() {
		t.Fatalf("keys %v for %s", key, token.Headers[0].KeyID)
	}
	says := map[string]any{}
	if err := token.Claims(key[0].Key, &says); err != nil {
		t.Fatal(err)
	}
	return says
}

func TestWebIdentityTokenIsVerified(t *testing.T) {
	w := world(t)
	ctx := t.Context()
	iam := iamsdk.NewFromConfig(w.Config())
	at := *must(iam.EnableOutboundWebIdentityFederation(ctx, nil))(t).IssuerIdentifier
	_, err := iam.EnableOutboundWebIdentityFederation(ctx, nil)
	refused(t, err, "FeatureEnabled", "")
	k := w.User("alice", nodetest.Allow("sts:GetWebIdentityToken", "sts:TagGetWebIdentityToken"))
	w.Update(func(tx store.Tx) {
		identity.Organizations.Put(tx, &identity.Organization{ID: "o-1", Management: account, RootID: "r-1", AllFeatures: true})
		identity.Members.Put(tx, &identity.Member{Account: account, Organization: "o-1", Parent: "r-1", Status: "ACTIVE"})
		identity.Touch(tx, identity.OrganizationScope)
		u, _ := identity.FindUser(tx, account, "alice")
		u.Tags = identity.Tags{{Key: "team", Value: "blue"}}
		identity.Users.Put(tx, u)
	})
	for _, alg := range []string{"RS256", "ES384"} {
		before := clock.Machine().Unix()
		out := must(client(w, k).GetWebIdentityToken(ctx, &sdk.GetWebIdentityTokenInput{Audience: []string{"https://api.test"}, SigningAlgorithm: &alg,
			DurationSeconds: aws.Int32(900), Tags: []types.Tag{{Key: aws.String("job"), Value: aws.String("7")}}}))(t)
		says := readToken(t, at, *out.WebIdentityToken, jose.SignatureAlgorithm(alg))
		about, _ := says["https://sts.amazonaws.com/"].(map[string]any)
		for name, want := range map[string]any{"iss": at, "aud": "https://api.test", "sub": "arn:aws:iam::" + account + ":user/alice"} {
			if says[name] != want {
				t.Errorf("%s: %v, want %v", name, says[name], want)
			}
		}
		if life := says["exp"].(float64) - says["iat"].(float64); life != 900 || says["iat"].(float64) < float64(before) || says["jti"] == "" {
			t.Errorf("lives for %v from %v, id %v", life, says["iat"], says["jti"])
		}
		principal, _ := about["principal_tags"].(map[string]any)
		asked, _ := about["request_tags"].(map[string]any)
		if about["aws_account"] != account || about["source_region"] != node.DefaultRegion || about["principal_id"] != says["sub"] ||
			about["org_id"] != "o-1" || fmt.Sprint(about["ou_path"]) != "[o-1/r-1/]" || principal["team"] != "blue" || asked["job"] != "7" {
			t.Errorf("about the principal: %v", about)
		}
	}
	got := must(iam.GetOutboundWebIdentityFederationInfo(ctx, nil))(t)
	if *got.IssuerIdentifier != at || !got.JwtVendingEnabled {
		t.Errorf("info %+v", got)
	}
	must(iam.DisableOutboundWebIdentityFederation(ctx, nil))(t)
	_, err = iam.GetOutboundWebIdentityFederationInfo(ctx, nil)
	refused(t, err, "FeatureDisabled", "")
	_, err = iam.DisableOutboundWebIdentityFederation(ctx, nil)
	refused(t, err, "FeatureDisabled", "")
	if again := must(iam.EnableOutboundWebIdentityFederation(ctx, nil))(t); *again.IssuerIdentifier != at {
		t.Errorf("the issuer was %s and is %s", at, *again.IssuerIdentifier)
	}
}

// TestWebIdentityTokenOpensARole goes the whole way round: an account of this
// cloud trusts the issuer of another one as its OpenID Connect provider.
func TestWebIdentityTokenOpensARole(t *testing.T) {
	w := world(t)
	ctx := t.Context()
	theirs := nodetest.Keys{AccessKey: other, Secret: "test"}
	at := *must(iamsdk.NewFromConfig(w.ConfigAs(theirs)).EnableOutboundWebIdentityFederation(ctx, nil))(t).IssuerIdentifier
	_, host, _ := strings.Cut(at, "://")
	provider := *must(iamsdk.NewFromConfig(w.Config()).CreateOpenIDConnectProvider(ctx, &iamsdk.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://" + host), ClientIDList: []string{"app"}}))(t).OpenIDConnectProviderArn
	worker := w.UserIn(other, "worker", nodetest.Allow("sts:GetWebIdentityToken"))
	arn := role(w, account, "partner", trusting(`{"Federated":"`+provider+`"}`,
		`{"StringEquals":{"`+host+`:aud":"app","`+host+`:sub":"`+worker.Principal.ARN+`"}}`, "sts:AssumeRoleWithWebIdentity"))
	token := func(k nodetest.Keys, audience string) string {
		return *must(client(w, k).GetWebIdentityToken(ctx, &sdk.GetWebIdentityTokenInput{Audience: []string{audience}, SigningAlgorithm: aws.String("ES384")}))(t).WebIdentityToken
	}
	out := must(byToken(w, arn, token(worker, "app")))(t)
	if got := whoami(w, session(out.Credentials)); !strings.Contains(got, ":assumed-role/partner/ci") {
		t.Errorf("became %s", got)
	}
	_, err := byToken(w, arn, token(worker, "elsewhere"))
	refused(t, err, "InvalidIdentityToken", "Incorrect token audience")
	_, err = byToken(w, arn, token(w.UserIn(other, "stranger", nodetest.Allow("*")), "app"))
	refused(t, err, "AccessDenied", "")
}

func TestWebIdentityTokenRefusals(t *testing.T) {
	w := world(t)
	ctx := t.Context()
	in := func(more ...func(*sdk.GetWebIdentityTokenInput)) *sdk.GetWebIdentityTokenInput {
		x := &sdk.GetWebIdentityTokenInput{Audience: []string{"app"}, SigningAlgorithm: aws.String("RS256")}
		for _, f := range more {
			f(x)
		}
		return x
	}
	tagged := func(x *sdk.GetWebIdentityTokenInput) {
		x.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}
	}
	free := w.User("free", nodetest.Allow("*"))
	_, err := client(w, free).GetWebIdentityToken(ctx, in())
	refused(t, err, "OutboundWebIdentityFederationDisabledException", "")
	must(iamsdk.NewFromConfig(w.Config()).EnableOutboundWebIdentityFederation(ctx, nil))(t)
	brief := must(assume(w, free, role(w, account, "r", trusting(byAccount(account), ""), func(r *identity.Role) {
		r.Inline = map[string]string{"all": nodetest.Allow("*")}
	})))(t)
	only := func(condition string) nodetest.Keys {
		return w.User("u"+w.Gate().Rand().UUID()[:8], `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*","Condition":`+condition+`}]}`)
	}
	for name, x := range map[string]struct {
		who        nodetest.Keys
		in         *sdk.GetWebIdentityTokenInput
		code, text string
	}{
		"without permission":   {w.User("nobody", ""), in(), "AccessDenied", "sts:GetWebIdentityToken"},
		"tags without theirs":  {w.User("plain", nodetest.Allow("sts:GetWebIdentityToken")), in(tagged), "AccessDenied", "sts:TagGetWebIdentityToken"},
		"another audience":     {only(`{"ForAnyValue:StringEquals":{"sts:IdentityTokenAudience":"theirs"}}`), in(), "AccessDenied", ""},
		"the audience":         {only(`{"ForAllValues:StringEquals":{"sts:IdentityTokenAudience":"app"}}`), in(), "", ""},
		"too long":             {only(`{"NumericLessThanEquals":{"sts:DurationSeconds":"200"}}`), in(), "AccessDenied", ""},
		"another algorithm":    {only(`{"StringEquals":{"sts:SigningAlgorithm":"ES384"}}`), in(), "AccessDenied", ""},
		"an unknown algorithm": {free, in(func(x *sdk.GetWebIdentityTokenInput) { x.SigningAlgorithm = aws.String("HS256") }), "ValidationError", "HS256"},
		"within the session":   {session(brief.Credentials), in(func(x *sdk.GetWebIdentityTokenInput) { x.DurationSeconds = aws.Int32(1800) }), "", ""},
		"audiences without end": {free, in(func(x *sdk.GetWebIdentityTokenInput) {
			for range 10 {
				x.Audience = append(x.Audience[:len(x.Audience):len(x.Audience)], strings.Repeat("x", 1000))
			}
			x.Audience = x.Audience[1:]
		}), "JWTPayloadSizeExceededException", ""},
	} {
		_, err := client(w, x.who).GetWebIdentityToken(ctx, x.in)
		t.Run(name, func(t *testing.T) { refused(t, err, x.code, x.text) })
	}
	if out, err := client(w, session(brief.Credentials)).GetWebIdentityToken(ctx, in()); err != nil {
		t.Error(err)
	} else {
		at := *must(iamsdk.NewFromConfig(w.Config()).GetOutboundWebIdentityFederationInfo(ctx, nil))(t).IssuerIdentifier
		says := readToken(t, at, *out.WebIdentityToken, jose.RS256)
		about, _ := says["https://sts.amazonaws.com/"].(map[string]any)
		if says["sub"] != "arn:aws:iam::"+account+":role/r" || about["original_session_exp"] != brief.Credentials.Expiration.Format(time.RFC3339) {
			t.Errorf("of a session: %v", says)
		}
	}
	short := must(assume(w, free, "arn:aws:iam::"+account+":role/r", func(x *sdk.AssumeRoleInput) { x.DurationSeconds = aws.Int32(900) }))(t)
	_, err = client(w, session(short.Credentials)).GetWebIdentityToken(ctx, in(func(x *sdk.GetWebIdentityTokenInput) { x.DurationSeconds = aws.Int32(1800) }))
	refused(t, err, "SessionDurationEscalationException", "")
	if until := *short.Credentials.Expiration; until.Sub(clock.Machine()) > 15*time.Minute {
		t.Errorf("the session lasts until %v", until)
	}
}
