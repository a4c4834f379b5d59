package lb

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"pileus/clock"
	"pileus/lb/oidc"
	"pileus/rng"
)

const (
	// callbackPath is where identity providers send users back to.
	callbackPath = "/oauth2/idpresponse"
	// nonceCookie ties a login to the browser that began it.
	nonceCookie = "AWSALBAuthNonce"
	// loginLimit is how long a user may take to log in.
	loginLimit = 15 * time.Minute
)

// state is what comes back with a user: sealed, so that nobody else makes one.
type state struct {
	Login string // id
	Nonce string // that of the browser's cookie
	Salt  string // makes the nonce of the ID token another one each time
	URL   string // where he wanted to go
	Began int64  // Unix seconds of the machine's time
}

// idNonce is what the ID token has to repeat.
func (s *state) idNonce() string {
	sum := sha256.Sum256([]byte(s.Salt + s.Nonce))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authenticate lets the requests of users pass that are logged in, and does with
// others as the action says.
func (x *exchange) authenticate(l *login) *answer {
	x.did = didAuthenticate
	if s, ok := x.session(l); ok {
		if err := x.identify(l, s); err != nil {
			x.meter.authErrors.add(1)
			return x.turn(err)
		}
		return nil
	}
	switch l.Otherwise {
	case "allow":
		return nil
	case "deny":
		x.turned = true
		return page(http.StatusUnauthorized)
	}
	return x.sendToLogin(l)
}

// identify has the target told who the user is.
func (x *exchange) identify(l *login, s *userSession) error {
	signer := x.config.balancer.Signer
	if signer == nil {
		return errors.New("the load balancer has no key to sign with")
	}
	data, err := signer.Sign(l.Issuer, l.Client, &oidc.User{Subject: s.Subject, Claims: s.Claims}, x.front.site.opts.Clock.Machine())
	if err != nil {
		return err
	}
	x.identity = []field{{"x-amzn-oidc-accesstoken", s.Access}, {"x-amzn-oidc-identity", s.Subject}, {"x-amzn-oidc-data", data}}
	return nil
}

// sendToLogin sends a user to his identity provider.
func (x *exchange) sendToLogin(l *login) *answer {
	if x.req.host == "" {
		x.meter.authErrors.add(1)
		return x.turn(&oidc.Error{Status: http.StatusUnauthorized, Reason: "AuthMissingHostHeader"})
	}
	nonce, ok := x.front.sealer.unwrap(nonceCookie, x.req.cookie(nonceCookie))
	if !ok { // otherwise a login in another tab goes on
		nonce = rng.Bytes(16)
	}
	now := x.front.site.opts.Clock.Machine()
	text := base64.RawURLEncoding.EncodeToString
	s := &state{Login: l.id, Nonce: text(nonce), Salt: text(rng.Bytes(16)), URL: x.wanted(), Began: now.Unix()}
	plain, err := json.Marshal(s)
	if err != nil {
		return x.turn(fmt.Errorf("state: %w", err))
	}
	x.fresh = append(x.fresh, authCookie(nonceCookie, x.front.sealer.wrap(nonceCookie, nonce), now.Add(loginLimit)))
	x.turned = true
	x.location = l.party.Login(x.callback(), x.front.sealer.wrap(callbackPath, plain), s.idNonce())
	return redirected(http.StatusFound, x.location)
}

// callback is where the provider sends the user back to.
func (x *exchange) callback() string { return x.conn.scheme + "://" + x.req.host + callbackPath }

// wanted is where the user wanted to go, with the port as AWS has it.
func (x *exchange) wanted() string {
	host := x.req.host
	if x.req.port() == "" {
		host += ":" + strconv.Itoa(int(x.config.listener.Port))
	}
	to := x.conn.scheme + "://" + host + x.req.path
	if x.req.query != "" {
		to += "?" + x.req.query
	}
	return to
}

// comesBack logs a user in who comes back from his identity provider, and sends
// him where he wanted to go.
func (x *exchange) comesBack() *answer {
	x.did, x.turned = didAuthenticate, true
	w := clock.Start()
	s, l, code, err := x.returned()
	if err == nil {
		var fresh *userSession
		if fresh, err = x.begin(l, s, code); err == nil {
			x.meter.authLatency.add(w.Elapsed().Seconds() * 1000)
			x.meter.authFine.add(1)
			x.keep(l, fresh)
			x.location = s.URL
			return redirected(http.StatusFound, s.URL)
		}
		x.meter.authLatency.add(w.Elapsed().Seconds() * 1000)
	}
	x.countFailure(err)
	return x.turn(err)
}

// countFailure counts a login that has failed: because of the user and what he
// brings, or of the provider.
func (x *exchange) countFailure(err error) {
	var e *oidc.Error
	switch {
	case errors.As(err, &e) && e.Reason == "AuthUserinfoResponseSizeExceeded":
		x.meter.authClaims.add(1)
	case errors.As(err, &e) && e.Status == http.StatusUnauthorized:
		x.meter.authFailed.add(1)
	default:
		x.meter.authErrors.add(1)
	}
}

// returned reads what a user comes back with: the state and the code.
func (x *exchange) returned() (*state, *login, string, error) {
	no := func(reason string) (*state, *login, string, error) {
		return nil, nil, "", &oidc.Error{Status: http.StatusUnauthorized, Reason: reason}
	}
	q, err := url.ParseQuery(x.req.query)
	if err != nil || q.Get("state") == "" {
		return no("AuthMissingStateParam")
	}
	plain, ok := x.front.sealer.unwrap(callbackPath, q.Get("state"))
	s := new(state)
	if !ok || json.Unmarshal(plain, s) != nil {
		return no("AuthInvalidStateParam")
	}
	l := x.config.logins[s.Login]
	if l == nil || x.front.site.opts.Clock.Machine().Sub(time.Unix(s.Began, 0)) > loginLimit {
		return no("AuthInvalidStateParam")
	}
	cookie := x.req.cookie(nonceCookie)
	if cookie == "" {
		return no("AuthMissingAWSALBAuthNonce")
	}
	nonce, ok := x.front.sealer.unwrap(nonceCookie, cookie)
	if !ok || subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(nonce)), []byte(s.Nonce)) != 1 {
		return no("AuthInvalidAWSALBAuthNonce")
	}
	switch e := q.Get("error"); {
	case e == "access_denied":
		return no("AuthInvalidGrantError")
	case e != "":
		return nil, nil, "", &oidc.Error{Status: 561, Reason: "AuthInvalidGrantError"}
	case q.Get("code") == "":
		return no("AuthMissingCodeParam")
	}
	return s, l, q.Get("code"), nil
}

// begin has the provider say who a code is of.
func (x *exchange) begin(l *login, s *state, code string) (*userSession, error) {
	ctx, cancel := x.outside()
	defer cancel()
	client, now := x.front.site.client, x.front.site.opts.Clock.Machine()
	t, err := l.party.Redeem(ctx, client, code, x.callback(), s.idNonce(), now)
	if err != nil {
		return nil, err
	}
	u, err := l.party.UserInfo(ctx, client, t)
	if err != nil {
		return nil, err
	}
	return newUserSession(l, t, u, x.now().Add(l.Session)), nil
}
