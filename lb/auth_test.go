package lb

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"pileus/clock"
	"pileus/lb/oidc"
	"pileus/rng"
)

// idp is an identity provider that believes whoever comes. A test changes what it
// says by its functions.
type idp struct {
	t   *testing.T
	key crypto.Signer
	url string

	asked                  url.Values // with the last login
	logins, codes, renewed atomic.Int64
	inForm                 bool                            // it wants the client's secret as a parameter
	back                   func(q url.Values)              // what the user comes back with
	token                  func(answer map[string]any) int // the status, too
	id                     func(claims map[string]any)
	userinfo               func(w http.ResponseWriter) bool
	keys                   func(w http.ResponseWriter) bool
}

func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/authorize":
		p.logins.Add(1)
		p.asked = r.URL.Query()
		q := url.Values{"state": {p.asked.Get("state")}, "code": {"the code"}}
		if p.back != nil {
			p.back(q)
		}
		http.Redirect(w, r, p.asked.Get("redirect_uri")+"?"+q.Encode(), http.StatusFound)
	case "/token":
		p.giveTokens(w, r)
	case "/userinfo":
		if p.userinfo == nil || !p.userinfo(w) {
			json.NewEncoder(w).Encode(map[string]any{"sub": "ada", "email": "ada@example.com", "with": r.Header.Get("Authorization")})
		}
	case "/keys":
		if p.keys == nil || !p.keys(w) {
			json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "1"}}})
		}
	}
}

func (p *idp) giveTokens(w http.ResponseWriter, r *http.Request) {
	answer, status := map[string]any{"token_type": "Bearer", "access_token": "access", "expires_in": 300}, 200
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if id != "me" || secret != "hush" || basic == p.inForm {
		answer, status = map[string]any{"error": "invalid_client"}, http.StatusUnauthorized
	} else if r.FormValue("grant_type") == "refresh_token" {
		p.renewed.Add(1)
		answer["access_token"] = "renewed-" + r.FormValue("refresh_token")
	} else {
		p.codes.Add(1)
		claims := map[string]any{"iss": p.url, "aud": "me", "sub": "ada", "nonce": p.asked.Get("nonce"), "exp": clock.Machine().Add(time.Minute).Unix()}
		if p.id != nil {
			p.id(claims)
		}
		answer["id_token"] = p.sign(claims)
	}
	if p.token != nil && status == 200 {
		status = p.token(answer)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer)
}

func (p *idp) sign(claims map[string]any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.key, KeyID: "1"}}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// guarded is a load balancer that has users authenticated, and their browser.
type guarded struct {
	*web
	idp     *idp
	clock   clock.Control
	key     *ecdsa.PrivateKey
	browser *http.Client
	action  *OIDC
}

func newGuarded(t *testing.T, change func(*guarded)) *guarded {
	a := newAuthority(t)
	g := &guarded{web: newWeb(t, webTarget(t, "i-1", tells)), idp: &idp{t: t, key: rsaKey(t)}, clock: clock.New(), key: ecKey(t).(*ecdsa.PrivateKey)}
	server := httptest.NewUnstartedServer(g.idp)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{*a.issue(ecKey(t), 7, time.Hour, "idp.example.com")}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	at := netip.MustParseAddrPort(server.Listener.Addr().String())
	g.idp.url = fmt.Sprintf("https://idp.example.com:%d", at.Port())
	g.engine.Close()
	g.engine = New(Options{Wire: g.wire, Clock: g.clock, Rand: rng.New(), Log: slog.New(slog.DiscardHandler), Key: make([]byte, 32), Roots: a.pool,
		Record:  func(_ string, r Record) { g.records <- r },
		Resolve: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{at.Addr()}, nil }})
	t.Cleanup(g.engine.Close)
	g.action = &OIDC{Cookie: "AWSELBAuthSessionCookie", Session: time.Hour, Otherwise: "authenticate", Config: oidc.Config{
		Issuer: g.idp.url, Authorization: g.idp.url + "/authorize", Token: g.idp.url + "/token", UserInfo: g.idp.url + "/userinfo",
		Client: "me", Secret: "hush", Scope: "openid email", Extra: map[string]string{"prompt": "login"}}}
	g.b.AccessLog = true
	g.b.Signer = &oidc.Signer{ID: "the key's id", Key: g.key, Balancer: "arn:aws:lb"}
	l := &g.b.Listeners[0]
	l.Port, l.Protocol, l.TLS = 443, "HTTPS", &TLS{Default: a.issue(ecKey(t), 5, time.Hour, "www.example.com")}
	l.Default = append([]Action{{Type: "authenticate-oidc", OIDC: g.action}}, l.Default...)
	if change != nil {
		change(g)
	}
	g.apply()
	g.browser = g.newBrowser(a)
	return g
}

func (g *guarded) newBrowser(a *authority) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool}, ForceAttemptHTTP2: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if port, ok := strings.CutPrefix(addr, "idp.example.com"); ok {
			addr = "127.0.0.1" + port
		} else {
			addr = g.wire.at("10.0.0.4:443")
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	g.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

// visit asks for a path as the browser does, and gives the last line of the log.
func (g *guarded) visit(path string, headers ...string) (resp *http.Response, body, line string) {
	g.t.Helper()
	r := newRequest(g.t, "GET", "https://www.example.com"+path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, body = do(g.t, g.browser, r)
	for {
		select {
		case r := <-g.records:
			line = r.Line
			if strings.Contains(line, fmt.Sprintf(" %d ", resp.StatusCode)) {
				return resp, body, line
			}
		case <-g.t.Context().Done():
			g.t.Fatal("no line in the log")
		}
	}
}

// opened checks what targets are told of the user, as an application would.
func (g *guarded) opened(data string) (header, claims map[string]any) {
	g.t.Helper()
	parts := strings.Split(data, ".")
	if len(parts) != 3 {
		g.t.Fatalf("no token: %q", data)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.URLEncoding.DecodeString(parts[i])
		if err != nil {
			g.t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			g.t.Fatal(err)
		}
	}
	signature, err := base64.URLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		g.t.Fatalf("signature %x: %v", signature, err)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(&g.key.PublicKey, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		g.t.Error("the signature does not hold")
	}
	return header, claims
}

func (g *guarded) advance(d time.Duration) {
	g.t.Helper()
	if err := g.clock.Advance(g.t.Context(), d); err != nil {
		g.t.Fatal(err)
	}
}

// told is the value of a header that the target got.
func told(body, name string) string {
	_, rest, _ := strings.Cut(body, "\n"+name+": ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

func TestLogin(t *testing.T) {
	for version, http2 := range map[string]bool{"HTTP/2.0": true, "HTTP/1.1": false} {
		t.Run(version, func(t *testing.T) {
			g := newGuarded(t, func(g *guarded) { g.b.HTTP.HTTP2, g.idp.inForm = http2, http2 })
			resp, body, line := g.visit("/page?x=1", "X-Amzn-Oidc-Identity: forged")
			if resp.StatusCode != 200 || resp.Proto != version || resp.Request.URL.String() != "https://www.example.com:443/page?x=1" {
				t.Fatalf("%s %s %q", resp.Proto, resp.Request.URL, body)
			}
			contains(t, body, "GET /page?x=1 ", "X-Amzn-Oidc-Accesstoken: access\n", "X-Amzn-Oidc-Identity: ada\n", "!forged")
			contains(t, line, `"authenticate,forward"`)
			header, claims := g.opened(told(body, "X-Amzn-Oidc-Data"))
			for k, want := range map[string]any{"alg": "ES256", "typ": "JWT", "kid": "the key's id", "signer": "arn:aws:lb", "iss": g.idp.url, "client": "me"} {
				if header[k] != want {
					t.Errorf("header %s: %v, want %v", k, header[k], want)
				}
			}
			if left := header["exp"].(float64) - float64(clock.Machine().Unix()); left < 60 || left > 120 || claims["exp"] != header["exp"] {
				t.Errorf("expires in %v s, says %v and %v", left, header["exp"], claims["exp"])
			}
			if claims["email"] != "ada@example.com" || claims["with"] != "Bearer access" || claims["iss"] != g.idp.url {
				t.Errorf("claims %v", claims)
			}
			for k, want := range map[string]string{"client_id": "me", "redirect_uri": "https://www.example.com/oauth2/idpresponse", "response_type": "code", "scope": "openid email", "prompt": "login"} {
				if got := g.idp.asked.Get(k); got != want {
					t.Errorf("%s: %q, want %q", k, got, want)
				}
			}
			if _, body, _ := g.visit("/again"); g.idp.logins.Load() != 1 || told(body, "X-Amzn-Oidc-Identity") != "ada" {
				t.Errorf("logged in %d times, %q", g.idp.logins.Load(), body)
			}
			all := g.counted()
			if n := sumIn(all, "ELBAuthSuccess", "a", ""); n != 1 {
				t.Errorf("ELBAuthSuccess %v", n)
			}
			if n := sumIn(all, "HTTPCode_ELB_3XX_Count", "a", ""); n != 2 {
				t.Errorf("HTTPCode_ELB_3XX_Count %v", n)
			}
		})
	}
}

// TestLoginFails has each part of a login fail.
func TestLoginFails(t *testing.T) {
	says := func(status int, text string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			w.WriteHeader(status)
			fmt.Fprint(w, text)
			return true
		}
	}
	refuses := func(status int, code string) func(map[string]any) int {
		return func(a map[string]any) int {
			clear(a)
			a["error"] = code
			return status
		}
	}
	for name, test := range map[string]struct {
		break_ func(g *guarded)
		status int
		reason string
		metric string
	}{
		"no state":        {func(g *guarded) { g.idp.back = func(q url.Values) { q.Del("state") } }, 401, "AuthMissingStateParam", "ELBAuthFailure"},
		"other state":     {func(g *guarded) { g.idp.back = func(q url.Values) { q.Set("state", "x"+q.Get("state")) } }, 401, "AuthInvalidStateParam", "ELBAuthFailure"},
		"no code":         {func(g *guarded) { g.idp.back = func(q url.Values) { q.Del("code") } }, 401, "AuthMissingCodeParam", "ELBAuthFailure"},
		"denied":          {func(g *guarded) { g.idp.back = func(q url.Values) { q.Set("error", "access_denied") } }, 401, "AuthInvalidGrantError", "ELBAuthFailure"},
		"provider's":      {func(g *guarded) { g.idp.back = func(q url.Values) { q.Set("error", "server_error") } }, 561, "AuthInvalidGrantError", "ELBAuthError"},
		"no nonce":        {func(g *guarded) { g.idp.back = func(url.Values) { g.forget("AWSALBAuthNonce", "") } }, 401, "AuthMissingAWSALBAuthNonce", "ELBAuthFailure"},
		"other nonce":     {func(g *guarded) { g.idp.back = func(url.Values) { g.forget("AWSALBAuthNonce", "x") } }, 401, "AuthInvalidAWSALBAuthNonce", "ELBAuthFailure"},
		"code used":       {func(g *guarded) { g.idp.token = refuses(400, "invalid_grant") }, 401, "AuthInvalidGrantError", "ELBAuthFailure"},
		"wrong secret":    {func(g *guarded) { g.action.Secret = "wrong" }, 561, "AuthTokenEpRequestFailed", "ELBAuthError"},
		"token error":     {func(g *guarded) { g.idp.token = refuses(500, "server_error") }, 561, "AuthTokenEpRequestFailed", "ELBAuthError"},
		"no access token": {func(g *guarded) { g.idp.token = func(a map[string]any) int { delete(a, "access_token"); return 200 } }, 401, "AuthInvalidTokenResponse", "ELBAuthFailure"},
		"evil token": {func(g *guarded) {
			g.idp.token = func(a map[string]any) int { a["access_token"] = "a\r\nb: c"; return 200 }
		}, 401, "AuthInvalidTokenResponse", "ELBAuthFailure"},
		"no id token":    {func(g *guarded) { g.idp.token = func(a map[string]any) int { delete(a, "id_token"); return 200 } }, 401, "AuthInvalidIdToken", "ELBAuthFailure"},
		"other issuer":   {func(g *guarded) { g.action.Issuer = "https://other" }, 401, "AuthInvalidIdToken", "ELBAuthFailure"},
		"other audience": {func(g *guarded) { g.idp.id = func(c map[string]any) { c["aud"] = "you" } }, 401, "AuthInvalidIdToken", "ELBAuthFailure"},
		"replayed":       {func(g *guarded) { g.idp.id = func(c map[string]any) { c["nonce"] = "another" } }, 401, "AuthInvalidIdToken", "ELBAuthFailure"},
		"expired":        {func(g *guarded) { g.idp.id = func(c map[string]any) { c["exp"] = 1 } }, 401, "AuthInvalidIdToken", "ELBAuthFailure"},
		"other subject":  {func(g *guarded) { g.idp.id = func(c map[string]any) { c["sub"] = "bob" } }, 401, "AuthInvalidUserinfoResponse", "ELBAuthFailure"},
		"no user":        {func(g *guarded) { g.idp.userinfo = says(404, "") }, 561, "AuthUserinfoEpRequestFailed", "ELBAuthError"},
		"no claims":      {func(g *guarded) { g.idp.userinfo = says(200, "ada") }, 401, "AuthInvalidUserinfoResponse", "ELBAuthFailure"},
		"many claims":    {func(g *guarded) { g.idp.userinfo = says(200, `{"sub": "ada", "x": "`+strings.Repeat("x", 11<<10)+`"}`) }, 500, "AuthUserinfoResponseSizeExceeded", "ELBAuthUserClaimsSizeExceeded"},
		"cannot be reached": {func(g *guarded) {
			g.wire.refuse = func(_ netip.Addr, to netip.AddrPort) error { return fmt.Errorf("%s is silent", to) }
		}, 500, "AuthTokenEpRequestFailed", "ELBAuthError"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, test.break_)
			resp, body, line := g.visit("/")
			if resp.StatusCode != test.status {
				t.Errorf("%d %q, want %d", resp.StatusCode, body, test.status)
			}
			contains(t, line, `"authenticate"`, `"`+test.reason+`"`)
			if n := sumIn(g.counted(), test.metric, "a", ""); n != 1 {
				t.Errorf("%s: %v", test.metric, n)
			}
		})
	}
}

// forget gives the browser another value of a cookie; none for "".
func (g *guarded) forget(name, value string) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true}
	if value == "" {
		c.MaxAge = -1
	}
	g.browser.Jar.SetCookies(&url.URL{Scheme: "https", Host: "www.example.com"}, []*http.Cookie{c})
}

// session is the browser's cookies of a session, by name.
func (g *guarded) session() map[string]string {
	all := map[string]string{}
	for _, c := range g.browser.Jar.Cookies(&url.URL{Scheme: "https", Host: "www.example.com"}) {
		if strings.HasPrefix(c.Name, g.action.Cookie) {
			all[c.Name] = c.Value
		}
	}
	return all
}

// change rewrites the browser's session.
func (g *guarded) change(f func(*userSession)) {
	g.t.Helper()
	sealer := g.engine.site("b").front(443).(*httpFront).sealer
	plain, ok := sealer.unwrap(g.action.Cookie, g.session()[g.action.Cookie+"-0"])
	s := new(userSession)
	if !ok || json.Unmarshal(plain, s) != nil {
		g.t.Fatalf("no session: %v", g.session())
	}
	f(s)
	plain, err := json.Marshal(s)
	if err != nil {
		g.t.Fatal(err)
	}
	g.forget(g.action.Cookie+"-0", sealer.wrap(g.action.Cookie, plain))
}

func TestOthers(t *testing.T) {
	for otherwise, want := range map[string]int{"deny": 401, "allow": 200} {
		t.Run(otherwise, func(t *testing.T) {
			g := newGuarded(t, func(g *guarded) { g.action.Otherwise = otherwise })
			for _, cookie := range []string{"", "forged"} {
				g.forget(g.action.Cookie+"-0", cookie)
				resp, body, _ := g.visit("/", "X-Amzn-Oidc-Data: forged")
				if resp.StatusCode != want || g.idp.logins.Load() != 0 {
					t.Errorf("%d, %d logins", resp.StatusCode, g.idp.logins.Load())
				}
				contains(t, body, "!X-Amzn-Oidc")
			}
		})
	}
}

func TestSessionEnds(t *testing.T) {
	g := newGuarded(t, nil)
	g.visit("/")
	g.advance(59 * time.Minute)
	if g.visit("/"); g.idp.logins.Load() != 1 {
		t.Errorf("%d logins", g.idp.logins.Load())
	}
	g.advance(time.Minute)
	if g.visit("/"); g.idp.logins.Load() != 2 {
		t.Errorf("%d logins", g.idp.logins.Load())
	}
	g.change(func(s *userSession) { s.Realm = "another provider's" })
	if g.visit("/"); g.idp.logins.Load() != 3 {
		t.Errorf("%d logins", g.idp.logins.Load())
	}
}

// TestRenewal has an access token expire whose session goes on.
func TestRenewal(t *testing.T) {
	refresh := "once"
	g := newGuarded(t, func(g *guarded) {
		g.idp.token = func(a map[string]any) int { a["refresh_token"] = refresh; return 200 }
	})
	g.visit("/")
	stale := func() { g.change(func(s *userSession) { s.Stale = 1 }) }
	stale()
	refresh = "twice"
	_, body, _ := g.visit("/")
	if told(body, "X-Amzn-Oidc-Accesstoken") != "renewed-once" || told(body, "X-Amzn-Oidc-Identity") != "ada" {
		t.Error(body)
	}
	// A second request that still had the old cookies does not use the old
	// refresh token again.
	g.change(func(s *userSession) { s.Refresh, s.Stale = "once", 1 })
	if _, body, _ = g.visit("/"); told(body, "X-Amzn-Oidc-Accesstoken") != "renewed-once" || g.idp.renewed.Load() != 1 {
		t.Errorf("renewed %d times: %s", g.idp.renewed.Load(), body)
	}
	stale()
	g.idp.userinfo = func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusForbidden); return true }
	g.idp.back = func(url.Values) { g.idp.userinfo = nil }
	if _, body, _ = g.visit("/"); g.idp.logins.Load() != 2 || told(body, "X-Amzn-Oidc-Accesstoken") != "access" {
		t.Errorf("%d logins: %s", g.idp.logins.Load(), body)
	}
	all := g.counted()
	if n := sumIn(all, "ELBAuthRefreshTokenSuccess", "a", ""); n != 1 {
		t.Errorf("ELBAuthRefreshTokenSuccess %v", n)
	}
}

// TestShards has a session fill several cookies, and then one.
func TestShards(t *testing.T) {
	size := 7000
	g := newGuarded(t, func(g *guarded) {
		g.idp.userinfo = func(w http.ResponseWriter) bool {
			fmt.Fprintf(w, `{"sub": "ada", "x": "%s"}`, strings.Repeat("x", size))
			return true
		}
	})
	_, body, _ := g.visit("/")
	if _, claims := g.opened(told(body, "X-Amzn-Oidc-Data")); len(claims["x"].(string)) != size {
		t.Errorf("%d bytes came", len(claims["x"].(string)))
	}
	cookies := g.session()
	if len(cookies) != 3 {
		t.Errorf("%d cookies", len(cookies))
	}
	for name, value := range cookies {
		if len(name)+len(value) > 4096 {
			t.Errorf("%s has %d bytes", name, len(value))
		}
	}
	size = 10
	g.forget(g.action.Cookie+"-0", "broken")
	if g.visit("/"); len(g.session()) != 1 {
		t.Errorf("%d cookies", len(g.session()))
	}
}

// TestCallback is for users only where they are authenticated.
func TestCallback(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", tells)).apply()
	if _, body := s.dial().get("/oauth2/idpresponse?code=1"); !strings.HasPrefix(body, "GET /oauth2/idpresponse?code=1 ") {
		t.Error(body)
	}
}

func TestTokens(t *testing.T) {
	now := clock.Machine().Unix()
	fine := func(more map[string]any) map[string]any {
		c := map[string]any{"exp": now + 60, "iat": now - 60, "nbf": now - 60, "scope": "read write admin", "groups": []string{"a", "b"}, "tier": "gold"}
		for k, v := range more {
			if c[k] = v; v == nil {
				delete(c, k)
			}
		}
		return c
	}
	g := newGuarded(t, func(g *guarded) {
		g.b.Listeners[0].Default[0] = Action{Type: "jwt-validation", JWT: &JWT{Issuer: "https://issuer", Keys: g.idp.url + "/keys", Claims: []oidc.Claim{
			{Name: "scope", Format: "space-separated-values", Values: []string{"read", "write"}},
			{Name: "groups", Format: "string-array", Values: []string{"b"}},
			{Name: "tier", Format: "single-string", Values: []string{"gold"}},
		}}}
	})
	signed := func(more map[string]any) string {
		c := fine(more)
		if _, ok := more["iss"]; !ok {
			c["iss"] = "https://issuer"
		}
		return "Bearer " + g.idp.sign(c)
	}
	other := &idp{t: t, key: rsaKey(t)}
	hmac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: make([]byte, 32)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := jwt.Signed(hmac).Claims(fine(nil)).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ header, reason string }{
		"fine":          {signed(nil), ""},
		"none":          {"", "JWTHeaderNotPresent"},
		"basic":         {"Basic YTpi", "JWTRequestFormatInvalid"},
		"no token":      {"Bearer abc", "JWTRequestFormatInvalid"},
		"symmetric":     {"Bearer " + shared, "JWTRequestFormatInvalid"},
		"other key":     {"Bearer " + other.sign(fine(nil)), "JWTSignatureValidationFailed"},
		"no issuer":     {signed(map[string]any{"iss": nil}), "JWTClaimNotPresent"},
		"other issuer":  {signed(map[string]any{"iss": "https://other"}), "JWTClaimValueInvalid"},
		"no end":        {signed(map[string]any{"exp": nil}), "JWTClaimNotPresent"},
		"expired":       {signed(map[string]any{"exp": now - 1}), "JWTClaimValueInvalid"},
		"not yet":       {signed(map[string]any{"nbf": now + 60}), "JWTClaimValueInvalid"},
		"of tomorrow":   {signed(map[string]any{"iat": now + 60}), "JWTClaimValueInvalid"},
		"no scope":      {signed(map[string]any{"scope": nil}), "JWTClaimNotPresent"},
		"less scope":    {signed(map[string]any{"scope": "read"}), "JWTClaimValueInvalid"},
		"scope a list":  {signed(map[string]any{"scope": []string{"read", "write"}}), "JWTClaimFormatInvalid"},
		"other groups":  {signed(map[string]any{"groups": []string{"a"}}), "JWTClaimValueInvalid"},
		"groups a text": {signed(map[string]any{"groups": "b"}), "JWTClaimFormatInvalid"},
		"two tiers":     {signed(map[string]any{"tier": "gold silver"}), "JWTClaimValueInvalid"},
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			resp, body, line := g.visit("/", "Authorization: "+test.header)
			if want := map[bool]int{true: 200, false: 401}[test.reason == ""]; resp.StatusCode != want {
				t.Errorf("%d, want %d: %s", resp.StatusCode, want, line)
			}
			if test.reason != "" {
				contains(t, line, `"jwt-validation"`, `"`+test.reason+`"`)
			} else {
				contains(t, body, "Authorization: "+test.header) // as it came
			}
		})
	}
}

// TestKeys has key sets fail that tokens are verified with.
func TestKeys(t *testing.T) {
	for name, test := range map[string]struct {
		keys   func(w http.ResponseWriter) bool
		reason string
	}{
		"fails":   {func(w http.ResponseWriter) bool { w.WriteHeader(500); return true }, "JWKSRequestFailed"},
		"no JSON": {func(w http.ResponseWriter) bool { fmt.Fprint(w, "keys"); return true }, "JWKSRequestFailed"},
		"large":   {func(w http.ResponseWriter) bool { fmt.Fprint(w, strings.Repeat(" ", 151<<10)); return true }, "JWKSResponseSizeExceeded"},
		"too many": {func(w http.ResponseWriter) bool {
			k := `{"kty":"oct","k":"AAAA"}`
			fmt.Fprintf(w, `{"keys":[%s]}`, strings.Repeat(k+",", 10)+k)
			return true
		}, "JWKSResponseSizeExceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuarded(t, func(g *guarded) {
				g.idp.keys = test.keys
				g.b.Listeners[0].Default[0] = Action{Type: "jwt-validation", JWT: &JWT{Issuer: "https://issuer", Keys: g.idp.url + "/keys"}}
			})
			resp, _, line := g.visit("/", "Authorization: Bearer "+g.idp.sign(map[string]any{"iss": "https://issuer"}))
			if resp.StatusCode != 500 {
				t.Errorf("%d", resp.StatusCode)
			}
			contains(t, line, test.reason)
		})
	}
}
