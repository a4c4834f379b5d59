package elbv2_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	api "pileus/api/elbv2"
	"pileus/node/nodetest"
	"pileus/service/elbv2"
	"pileus/store"
)

// login is an action that has users authenticated at example.com.
func login(change func(*api.AuthenticateOidcActionConfig)) api.Action {
	k := &api.AuthenticateOidcActionConfig{
		Issuer: "https://example.com", AuthorizationEndpoint: "https://example.com/authorize", TokenEndpoint: "https://example.com/token",
		UserInfoEndpoint: "https://example.com/userinfo", ClientId: "me", ClientSecret: new("hush"),
	}
	if change != nil {
		change(k)
	}
	return api.Action{Type: "authenticate-oidc", AuthenticateOidcConfig: k}
}

// token is an action that has clients bring tokens.
func token(change func(*api.JwtValidationActionConfig)) api.Action {
	k := &api.JwtValidationActionConfig{JwksEndpoint: "https://example.com/keys", Issuer: "https://example.com"}
	if change != nil {
		change(k)
	}
	return api.Action{Type: "jwt-validation", JwtValidationConfig: k}
}

func claim(format, name string, values ...string) api.JwtValidationActionAdditionalClaim {
	return api.JwtValidationActionAdditionalClaim{Format: format, Name: name, Values: values}
}

func (w *world) secure(balancer string, actions ...api.Action) (*api.CreateListenerOutput, error) {
	w.T.Helper()
	return nodetest.Try(w.World, &api.CreateListener, &api.CreateListenerInput{
		LoadBalancerArn: balancer, Protocol: new("HTTPS"), Port: new(int32(443)), DefaultActions: actions,
		Certificates: []api.Certificate{{CertificateArn: new("arn:aws:iam::000000000000:server-certificate/www.example.com")}},
	})
}

func TestAuthenticationActions(t *testing.T) {
	w := newWorld(t)
	b := *w.balancer("web").LoadBalancerArn
	w.certificate("www.example.com")
	type users = *api.AuthenticateOidcActionConfig
	type tokens = *api.JwtValidationActionConfig
	many := map[string]string{}
	for n := range 11 {
		many[strings.Repeat("x", n+1)] = "y"
	}
	last := says("x")[0]
	for name, test := range map[string]struct {
		actions    []api.Action
		code, text string
	}{
		"only":             {[]api.Action{login(nil)}, "InvalidLoadBalancerAction", "The last action"},
		"after":            {[]api.Action{{Type: "fixed-response", Order: new(int32(1)), FixedResponseConfig: last.FixedResponseConfig}, login(nil)}, "InvalidLoadBalancerAction", "must be performed last"},
		"both":             {[]api.Action{login(nil), token(nil), last}, "InvalidLoadBalancerAction", "Only one"},
		"Cognito":          {[]api.Action{{Type: "authenticate-cognito"}, last}, "NotImplemented", "no Amazon Cognito"},
		"no config":        {[]api.Action{{Type: "authenticate-oidc"}, last}, "ValidationError", "must have an OIDC configuration"},
		"plain":            {[]api.Action{login(func(k users) { k.TokenEndpoint = "http://example.com/token" }), last}, "ValidationError", "Token endpoint"},
		"no secret":        {[]api.Action{login(func(k users) { k.ClientSecret = nil }), last}, "ValidationError", "client secret"},
		"existing of none": {[]api.Action{login(func(k users) { k.ClientSecret, k.UseExistingClientSecret = nil, new(true) }), last}, "ValidationError", "no existing client secret"},
		"both secrets":     {[]api.Action{login(func(k users) { k.UseExistingClientSecret = new(true) }), last}, "ValidationError", "both"},
		"long session":     {[]api.Action{login(func(k users) { k.SessionTimeout = new(int64(604801)) }), last}, "ValidationError", "between '1' and '604800'"},
		"many parameters":  {[]api.Action{login(func(k users) { k.AuthenticationRequestExtraParams = many }), last}, "ValidationError", "extra parameters"},
		"odd cookie":       {[]api.Action{login(func(k users) { k.SessionCookieName = new("a;b") }), last}, "ValidationError", "cookie name"},
		"no token config":  {[]api.Action{{Type: "jwt-validation"}, last}, "ValidationError", "must have a JWT"},
		"plain keys":       {[]api.Action{token(func(k tokens) { k.JwksEndpoint = "http://example.com" }), last}, "ValidationError", "JWKS endpoint"},
		"no issuer":        {[]api.Action{token(func(k tokens) { k.Issuer = "" }), last}, "ValidationError", "Issuer"},
		"own claim": {[]api.Action{token(func(k tokens) {
			k.AdditionalClaims = []api.JwtValidationActionAdditionalClaim{claim("single-string", "exp", "1")}
		}), last}, "ValidationError", "'exp'"},
		"two of one": {[]api.Action{token(func(k tokens) {
			k.AdditionalClaims = []api.JwtValidationActionAdditionalClaim{claim("single-string", "a", "1", "2")}
		}), last}, "ValidationError", "exactly one"},
		"claim of nothing": {[]api.Action{token(func(k tokens) {
			k.AdditionalClaims = []api.JwtValidationActionAdditionalClaim{claim("string-array", "a")}
		}), last}, "ValidationError", "values"},
		"claim of no value": {[]api.Action{token(func(k tokens) {
			k.AdditionalClaims = []api.JwtValidationActionAdditionalClaim{claim("string-array", "a", "")}
		}), last}, "ValidationError", "characters"},
	} {
		_, err := w.secure(b, test.actions...)
		if wants(t, err, test.code, test.text); t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestLoginThroughTheEdge makes an action, has it shown without its secret and
// changed without it, and follows a user as far as to the identity provider.
func TestLoginThroughTheEdge(t *testing.T) {
	w := newWorld(t)
	b := w.balancer("web")
	w.certificate("www.example.com")
	made, err := w.secure(*b.LoadBalancerArn, says("x")...)
	if err != nil {
		t.Fatal(err)
	}
	v := nodetest.Do(w.World, &api.CreateRule, &api.CreateRuleInput{
		ListenerArn: *made.Listeners[0].ListenerArn, Priority: 1, Conditions: path4("/in*"), Actions: []api.Action{login(nil), says("in")[0]},
	}).Rules[0]
	k := v.Actions[0].AuthenticateOidcConfig
	if k.ClientSecret != nil || *k.SessionCookieName != "AWSELBAuthSessionCookie" || *k.Scope != "openid" || *k.SessionTimeout != 604800 || *k.OnUnauthenticatedRequest != "authenticate" {
		t.Errorf("the action is %+v", k)
	}
	again := login(func(k *api.AuthenticateOidcActionConfig) {
		k.ClientSecret, k.UseExistingClientSecret = nil, new(true)
		k.Scope, k.AuthenticationRequestExtraParams = new("openid email"), map[string]string{"prompt": "login"}
	})
	nodetest.Do(w.World, &api.ModifyRule, &api.ModifyRuleInput{RuleArn: *v.RuleArn, Actions: []api.Action{again, says("in")[0]}})
	_, err = nodetest.Try(w.World, &api.ModifyListener, &api.ModifyListenerInput{ListenerArn: *made.Listeners[0].ListenerArn, Protocol: new("HTTP")})
	wants(t, err, "InvalidLoadBalancerAction", "only supported on HTTPS")
	w.Drain()

	resp := w.secureGet(*b.DNSName, "/inside?a=b")
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	q := to.Query()
	if resp.StatusCode != 302 || to.Host != "example.com" || to.Path != "/authorize" || q.Get("state") == "" || q.Get("nonce") == "" || len(resp.Cookies()) != 1 || resp.Cookies()[0].Name != "AWSALBAuthNonce" {
		t.Fatalf("%d %v %v", resp.StatusCode, to, resp.Cookies())
	}
	q.Del("state")
	q.Del("nonce")
	want := url.Values{"client_id": {"me"}, "response_type": {"code"}, "scope": {"openid email"}, "prompt": {"login"}, "redirect_uri": {"https://" + *b.DNSName + "/oauth2/idpresponse"}}
	if !maps.EqualFunc(q, want, slices.Equal) {
		t.Errorf("asked for %v, want %v", q, want)
	}
	if resp := w.secureGet(*b.DNSName, "/outside"); resp.StatusCode != 200 {
		t.Errorf("outside: %d", resp.StatusCode)
	}
}

// secureGet asks the cloud's edge over TLS for a path of a host.
func (w *world) secureGet(host, path string) *http.Response {
	w.T.Helper()
	r, err := http.NewRequestWithContext(w.T.Context(), http.MethodGet, strings.Replace(w.Endpoint, "http:", "https:", 1)+path, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	r.Host = host
	t := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer t.CloseIdleConnections()
	resp, err := t.RoundTrip(r)
	if err != nil {
		w.T.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// TestPublicKeys are had by anybody, by the id that tokens name.
func TestPublicKeys(t *testing.T) {
	w := newWorld(t)
	b := w.balancer("web")
	w.certificate("www.example.com")
	if _, err := w.secure(*b.LoadBalancerArn, login(nil), says("x")[0]); err != nil {
		t.Fatal(err)
	}
	id := w.signerID()
	for _, at := range []struct{ host, path string }{
		{"public-keys.auth.elb.us-east-1.amazonaws.com", "/" + id},
		{"public-keys.auth.elb.us-east-1.localhost:4566", "/" + id},
		{"localhost:4566", "/_pileus/elb/public-keys/us-east-1/" + id},
	} {
		status, body := w.get(at.host, at.path)
		block, _ := pem.Decode([]byte(body))
		if status != 200 || block == nil || block.Type != "PUBLIC KEY" {
			t.Fatalf("%s%s: %d %q", at.host, at.path, status, body)
		}
		if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{"/", "/" + strings.Repeat("0", 36)} {
		if status, _ := w.get("public-keys.auth.elb.us-east-1.amazonaws.com", path); status != 403 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _ := w.get("public-keys.auth.elb.eu-west-1.amazonaws.com", "/"+id); status != 403 {
		t.Errorf("in another region: %d", status)
	}
}

func (w *world) signerID() (id string) {
	w.T.Helper()
	if err := w.Call().View(func(r store.Reader) error {
		id = elbv2.SignerID(r, "us-east-1")
		return nil
	}); err != nil {
		w.T.Fatal(err)
	}
	return id
}
