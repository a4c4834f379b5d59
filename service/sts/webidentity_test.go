package sts_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"pileus/clock"
	"pileus/node/nodetest"
)

// issuer is an OpenID Connect provider that really answers.
type issuer struct {
	*httptest.Server
	key  *ecdsa.PrivateKey
	host string // and port
}

func newIssuer(t *testing.T, tls bool) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": x.URL, "jwks_uri": x.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	if tls {
		x.Server = httptest.NewTLSServer(mux)
	} else {
		x.Server = httptest.NewServer(mux)
	}
	t.Cleanup(x.Close)
	_, x.host, _ = strings.Cut(x.URL, "://")
	return x
}

func (x *issuer) thumbprint() string {
	sum := sha1.Sum(x.Certificate().Raw)
	return hex.EncodeToString(sum[:])
}

// token signs claims with a key that goes by an id.
func token(t *testing.T, claims map[string]any, key *ecdsa.PrivateKey, id string) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// trustIssuer makes the provider in IAM and returns its ARN.
func trustIssuer(t *testing.T, w *nodetest.World, x *issuer, thumbprint string) string {
	t.Helper()
	out := must(iamsdk.NewFromConfig(w.Config()).CreateOpenIDConnectProvider(t.Context(), &iamsdk.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://" + x.host), ClientIDList: []string{"app"}, ThumbprintList: []string{thumbprint},
	}))(t)
	return *out.OpenIDConnectProviderArn
}

// anonymous is a client without credentials.
func anonymous(w *nodetest.World) *sdk.Client {
	cfg := w.Config()
	cfg.Credentials = aws.AnonymousCredentials{}
	return sdk.NewFromConfig(cfg)
}

func byToken(w *nodetest.World, arn, token string) (*sdk.AssumeRoleWithWebIdentityOutput, error) {
	return anonymous(w).AssumeRoleWithWebIdentity(w.T.Context(), &sdk.AssumeRoleWithWebIdentityInput{
		RoleArn: &arn, RoleSessionName: aws.String("ci"), WebIdentityToken: &token,
	})
}

func TestWebIdentity(t *testing.T) {
	w := world(t)
	x := newIssuer(t, true)
	provider := trustIssuer(t, w, x, x.thumbprint())
	trust := trusting(`{"Federated":"`+provider+`"}`, `{"StringEquals":{"`+x.host+`:aud":"app","`+x.host+`:sub":"repo:corp/app"}}`,
		"sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity")
	arn := role(w, account, "ci", trust, grants(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*",
		"Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:SourceIdentity":"alice","`+x.host+`:sub":"repo:corp/app","aws:FederatedProvider":"`+provider+`"}}}]}`))
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := clock.Machine().Unix()
	good := map[string]any{"iss": x.URL, "sub": "repo:corp/app", "aud": "app", "iat": now, "exp": now + 600,
		"https://aws.amazon.com/tags":            map[string]any{"principal_tags": map[string][]string{"team": {"blue"}}, "transitive_tag_keys": []string{"team"}},
		"https://aws.amazon.com/source_identity": "alice"}
	but := func(kv ...any) map[string]any {
		c := maps.Clone(good)
		for i := 0; i < len(kv); i += 2 {
			if c[kv[i].(string)] = kv[i+1]; kv[i+1] == nil {
				delete(c, kv[i].(string))
			}
		}
		return c
	}
	parts := strings.Split(token(t, good, x.key, "k1"), ".")
	for name, test := range map[string]struct{ token, code, text string }{
		"good":                     {token(t, good, x.key, "k1"), "", ""},
		"without a key id":         {token(t, good, x.key, ""), "", ""},
		"several audiences":        {token(t, but("aud", []string{"x", "app"}), x.key, "k1"), "", ""},
		"authorized party":         {token(t, but("aud", "x", "azp", "app"), x.key, "k1"), "", ""},
		"no token at all":          {"hello.world.x", "InvalidIdentityToken", "is not a valid JWT"},
		"signed by somebody else":  {token(t, good, stranger, "k1"), "InvalidIdentityToken", "signature"},
		"key that is not known":    {token(t, good, x.key, "k2"), "InvalidIdentityToken", "Couldn't retrieve verification key"},
		"unsigned":                 {"eyJhbGciOiJub25lIn0." + parts[1] + ".", "InvalidIdentityToken", "is not a valid JWT"},
		"changed":                  {parts[0] + "." + strings.Split(token(t, but("sub", "repo:corp/other"), stranger, "k1"), ".")[1] + "." + parts[2], "InvalidIdentityToken", ""},
		"expired":                  {token(t, but("exp", now-1), x.key, "k1"), "ExpiredTokenException", "must be before the expiration date/time"},
		"from the future":          {token(t, but("iat", now+3600), x.key, "k1"), "InvalidIdentityToken", "not valid yet"},
		"not yet valid":            {token(t, but("nbf", now+3600), x.key, "k1"), "InvalidIdentityToken", "not valid yet"},
		"without expiry":           {token(t, but("exp", nil), x.key, "k1"), "InvalidIdentityToken", "exp"},
		"for another audience":     {token(t, but("aud", "other"), x.key, "k1"), "InvalidIdentityToken", "Incorrect token audience"},
		"another issuer":           {token(t, but("iss", "https://elsewhere.test"), x.key, "k1"), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://elsewhere.test"},
		"a subject not trusted":    {token(t, but("sub", "repo:corp/other"), x.key, "k1"), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"tags without permission":  {token(t, good, x.key, "k1"), "", ""},
		"session tag of two words": {token(t, but("https://aws.amazon.com/tags", map[string]any{"principal_tags": map[string][]string{"a": {"1", "2"}}}), x.key, "k1"), "InvalidIdentityToken", "exactly one value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := byToken(w, arn, test.token)
			refused(t, err, test.code, test.text)
		})
	}
	out := must(byToken(w, arn, token(t, good, x.key, "k1")))(t)
	equal(t, "answer", *out.Provider+" "+*out.Audience+" "+*out.SubjectFromWebIdentityToken+" "+*out.SourceIdentity, provider+" app repo:corp/app alice")
	refused(t, listUsers(t, w, session(out.Credentials)), "", "")
	_, err = byToken(w, role(w, account, "plain", trusting(`{"Federated":"`+provider+`"}`, "", "sts:AssumeRoleWithWebIdentity")), token(t, good, x.key, "k1"))
	refused(t, err, "AccessDenied", "") // it brings tags
	_, err = byToken(w, "arn:aws:iam::"+account+":role/missing", token(t, good, x.key, "k1"))
	refused(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
}

func TestIssuersThatCannotBeAsked(t *testing.T) {
	w := world(t)
	now := clock.Machine()
	ask := func(x *issuer, thumbprint string, before func()) error {
		provider := trustIssuer(t, w, x, thumbprint)
		arn := role(w, account, "r", trusting(`{"Federated":"`+provider+`"}`, "", "sts:AssumeRoleWithWebIdentity"))
		before()
		_, err := byToken(w, arn, token(t, map[string]any{"iss": x.URL, "sub": "somebody", "aud": "app", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}, x.key, "k1"))
		return err
	}
	nothing := func() {}
	x := newIssuer(t, true)
	refused(t, ask(x, strings.Repeat("0", 40), nothing), "InvalidIdentityToken", "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint")
	gone := newIssuer(t, true)
	refused(t, ask(gone, gone.thumbprint(), gone.Close), "IDPCommunicationError", "")
	// An issuer on this machine may do without TLS.
	plain := newIssuer(t, false)
	refused(t, ask(plain, strings.Repeat("0", 40), nothing), "", "")
}
