package lb

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"pileus/lb/oidc"
)

// OIDC has users authenticated by an identity provider before their requests go
// on.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html
type OIDC struct {
	oidc.Config
	Cookie  string        // "AWSELBAuthSessionCookie"
	Session time.Duration // for which users stay logged in
	// Otherwise is what happens to who is not logged in: deny, allow, authenticate.
	Otherwise string
}

// JWT lets requests through that bring a token.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-verify-jwt.html
type JWT struct {
	Issuer, Keys string // Keys is a URL
	Claims       []oidc.Claim
}

// login is how users of an action are authenticated.
type login struct {
	OIDC
	id    string // tells actions apart
	realm string // tells apart who vouches for users: what sessions are of
	party *oidc.Party

	renewals sync.Map // hash of a refresh token: *renewal
}

// logins and key sets are kept while actions have them, however often a
// balancer is applied: they remember what providers have said.
type remembered struct {
	logins sync.Map // id: *login
	keys   sync.Map // URL: *oidc.Keys
}

func (m *remembered) login(o *OIDC) *login {
	l := &login{OIDC: *o, id: fingerprint(o), realm: fingerprint([]string{o.Issuer, o.Authorization, o.Token, o.UserInfo, o.Client})}
	l.party = oidc.NewParty(o.Config)
	kept, _ := m.logins.LoadOrStore(l.id, l)
	return kept.(*login)
}

func (m *remembered) check(j *JWT) *oidc.Check {
	keys, _ := m.keys.LoadOrStore(j.Keys, oidc.NewKeys(j.Keys))
	return &oidc.Check{Issuer: j.Issuer, Claims: j.Claims, Keys: keys.(*oidc.Keys)}
}

// forget drops what no action of b has any more.
func (m *remembered) forget(b *Balancer) {
	used := map[any]bool{}
	for _, l := range b.Listeners {
		lists := [][]Action{l.Default}
		for _, r := range l.Rules {
			lists = append(lists, r.Actions)
		}
		for _, list := range lists {
			for _, a := range list {
				if a.OIDC != nil {
					used[fingerprint(a.OIDC)] = true
				}
				if a.JWT != nil {
					used[a.JWT.Keys] = true
				}
			}
		}
	}
	for _, kept := range []*sync.Map{&m.logins, &m.keys} {
		kept.Range(func(k, _ any) bool {
			if !used[k] {
				kept.Delete(k)
			}
			return true
		})
	}
}

// fingerprint tells values apart.
func fingerprint(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // they are strings, numbers, and maps of strings
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// The actions that logs have beside the last one.
const (
	didAuthenticate = "authenticate"
	didVerify       = "jwt-validation"
)

// decide finds what happens to the request: what its rule says, unless a user
// comes back from his identity provider, or it must not pass. Then it is
// answered at once.
func (x *exchange) decide() (*plan, *answer) {
	if len(x.config.logins) > 0 && x.req.path == callbackPath {
		return nil, x.comesBack()
	}
	p := x.route()
	if p.check != nil {
		if a := x.verify(p.check); a != nil {
			return nil, a
		}
	}
	if p.login != nil {
		if a := x.authenticate(p.login); a != nil {
			return nil, a
		}
	}
	return p, nil
}

// verify has the request's token checked; nil for one that does.
func (x *exchange) verify(k *oidc.Check) *answer {
	x.did = didVerify
	ctx, cancel := x.outside()
	defer cancel()
	if err := k.Verify(ctx, x.front.site.client, x.req.get("authorization"), x.front.site.opts.Clock.Machine()); err != nil {
		x.meter.tokensFailed.add(1)
		return x.turn(err)
	}
	x.meter.tokensFine.add(1)
	return nil
}

// turn is the answer to a request that must not pass.
func (x *exchange) turn(err error) *answer {
	status, reason := http.StatusInternalServerError, "AuthUnhandledException"
	if e, ok := err.(*oidc.Error); ok { // they are not wrapped
		status, reason = e.Status, e.Reason
	}
	x.turned, x.reason = true, reason
	return page(status)
}

// outsideLimit is how long what a request needs from outside may take in all.
const outsideLimit = 10 * time.Second

// outside is the context of calls to identity providers: they are made from the
// node that has the request. It does not end with the request, because others
// may wait for the same.
func (x *exchange) outside() (context.Context, context.CancelFunc) {
	ctx := context.WithValue(x.front.site.ctx, nodeKey{}, x.node)
	return context.WithTimeout(ctx, outsideLimit)
}

// isOIDC tells a header, without "x-amzn-", that only the balancer may set where
// users are authenticated.
func (x *exchange) isOIDC(rest string) bool {
	return x.plan != nil && x.plan.login != nil && len(rest) > 5 && strings.EqualFold(rest[:5], "oidc-")
}
