package lb

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"pileus/clock"
	"pileus/lb/oidc"
)

// userSession is a user who is logged in. All of it is in his cookies.
type userSession struct {
	Realm           string // of the login
	Subject         string
	Claims          json.RawMessage
	Access, Refresh string
	// Stale is when the access token expires, by the machine's time; zero where
	// that is not known. Ends is when the session does, by the cloud's.
	Stale, Ends int64 // Unix seconds
}

func newUserSession(l *login, t *oidc.Tokens, u *oidc.User, ends time.Time) *userSession {
	s := &userSession{Realm: l.realm, Subject: u.Subject, Claims: u.Claims, Access: t.Access, Refresh: t.Refresh, Ends: ends.Unix()}
	if !t.Expires.IsZero() {
		s.Stale = t.Expires.Unix()
	}
	return s
}

// shard is how much of a session a cookie has: browsers keep 4 KiB of each.
const shard = 3900

// session is that of the request, if it has one that holds. One whose access
// token has expired is renewed where the provider lets that be.
func (x *exchange) session(l *login) (*userSession, bool) {
	var sealed strings.Builder
	for n := 0; ; n++ {
		part := x.req.cookie(l.Cookie + "-" + strconv.Itoa(n))
		if part == "" {
			break
		}
		sealed.WriteString(part)
	}
	plain, ok := x.front.sealer.unwrap(l.Cookie, sealed.String())
	s := new(userSession)
	if !ok || json.Unmarshal(plain, s) != nil || s.Realm != l.realm || s.Ends <= x.now().Unix() {
		return nil, false
	}
	if s.Refresh == "" || s.Stale == 0 || x.front.site.opts.Clock.Machine().Unix() < s.Stale {
		return s, true
	}
	if s = x.renew(l, s); s == nil {
		return nil, false
	}
	x.keep(l, s)
	return s, true
}

// renewal is a session that is being renewed, or has just been: requests that
// come at the same time must not use up a refresh token twice.
type renewal struct {
	result func() *userSession
	since  clock.Stopwatch
}

// renewalLasts is how long a renewed session is given to requests that still
// bring the old one.
const renewalLasts = time.Minute

// renew asks the provider for new tokens and claims; nil if it has none.
func (x *exchange) renew(l *login, old *userSession) *userSession {
	l.renewals.Range(func(k, v any) bool {
		if v.(*renewal).since.Elapsed() > renewalLasts {
			l.renewals.Delete(k)
		}
		return true
	})
	v, _ := l.renewals.LoadOrStore(sha256.Sum256([]byte(old.Refresh)), &renewal{
		since: clock.Start(),
		result: sync.OnceValue(func() *userSession {
			s, err := x.ask(l, old)
			if err != nil {
				x.countFailure(err)
				return nil
			}
			x.meter.authRefreshed.add(1)
			return s
		}),
	})
	return v.(*renewal).result()
}

func (x *exchange) ask(l *login, old *userSession) (*userSession, error) {
	ctx, cancel := x.outside()
	defer cancel()
	t, err := l.party.Refresh(ctx, x.front.site.client, old.Refresh, x.front.site.opts.Clock.Machine())
	if err != nil {
		return nil, err
	}
	t.Subject = old.Subject
	if t.Refresh == "" {
		t.Refresh = old.Refresh
	}
	u, err := l.party.UserInfo(ctx, x.front.site.client, t)
	if err != nil {
		return nil, err
	}
	return newUserSession(l, t, u, time.Unix(old.Ends, 0)), nil
}

// keep gives the user the cookies of a session, and takes those away that it
// does not fill.
func (x *exchange) keep(l *login, s *userSession) {
	plain, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings, numbers, and claims that were read
	}
	now := x.front.site.opts.Clock.Machine()
	ends := now.Add(time.Unix(s.Ends, 0).Sub(x.now()))
	sealed, n := x.front.sealer.wrap(l.Cookie, plain), 0
	for ; sealed != ""; n++ {
		part := sealed[:min(shard, len(sealed))]
		sealed = sealed[len(part):]
		x.fresh = append(x.fresh, authCookie(l.Cookie+"-"+strconv.Itoa(n), part, ends))
	}
	for ; x.req.cookie(l.Cookie+"-"+strconv.Itoa(n)) != ""; n++ {
		x.fresh = append(x.fresh, authCookie(l.Cookie+"-"+strconv.Itoa(n), "", time.Unix(0, 0)))
	}
}

// authCookie is a cookie that goes over TLS only, and that scripts do not see.
func authCookie(name, value string, expires time.Time) string {
	return name + "=" + value + "; Expires=" + expires.UTC().Format(http.TimeFormat) + "; Path=/; Secure; HttpOnly; SameSite=None"
}
