package sts

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// The federation endpoint turns temporary credentials into a sign-in to the
// console (id_roles_providers_enable-console-custom-url). It answers on
// signin.* hosts and at /_pileus/federation.
const (
	federationPath = "/federation"
	localPath      = "/_pileus/federation"

	signinPurpose  = "sign-in token"
	consolePurpose = "console session"
	signinLife     = 15 * time.Minute
	// ConsoleCookie carries a console session: what identity.Unseal opens for
	// the purpose "console session" is a Signin.
	ConsoleCookie = "pileus-console"

	consoleLeast, consoleMost = 900, 43200 // seconds
)

// Signin is what a sign-in token and a console session hold.
type Signin struct {
	AccessKey string
	Until     time.Time // of the machine's clock
	Console   time.Time // until when the console session lasts
}

// web answers the federation endpoint and the token issuers.
func web(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	if discovery(c, w, r) {
		return true
	}
	if r.URL.Path != federationPath && r.URL.Path != localPath {
		return false
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, "malformed request", http.StatusBadRequest)
		return true
	}
	switch r.Form.Get("Action") {
	case "getSigninToken":
		signinToken(c, w, r.Form)
	case "login":
		login(c, w, r)
	default:
		return false
	}
	return true
}

// signinToken checks temporary credentials and seals who they are.
func signinToken(c *cloud.Call, w http.ResponseWriter, form url.Values) {
	var given struct{ SessionID, SessionKey, SessionToken string }
	if err := json.Unmarshal([]byte(form.Get("Session")), &given); err != nil || given.SessionID == "" {
		http.Error(w, "Session must be JSON with sessionId, sessionKey and sessionToken", http.StatusBadRequest)
		return
	}
	var sealed string
	problem := ""
	err := c.View(func(r store.Reader) error {
		s, ok := identity.Sessions.Get(r, given.SessionID)
		now := machine(c)
		if !ok || !same(s.Secret, given.SessionKey) || !same(s.Token, given.SessionToken) || now.After(s.Principal.Expires) {
			problem = "The credentials are not valid temporary credentials"
			return nil
		}
		until, why := consoleUntil(&s.Principal, form.Get("SessionDuration"), now)
		if problem = why; why != "" {
			return nil
		}
		sealed, ok = seal(r, signinPurpose, Signin{s.ID, now.Add(signinLife), until})
		if !ok {
			problem = "This cloud has no key yet"
		}
		return nil
	})
	switch {
	case err != nil:
		http.Error(w, "internal failure", http.StatusInternalServerError)
	case problem != "":
		http.Error(w, problem, http.StatusBadRequest)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]string{"SigninToken": sealed})
	}
}

// consoleUntil is when the console session ends. A duration of its own is for
// roles that were not assumed by a chain.
func consoleUntil(p *cloud.Principal, asked string, now time.Time) (time.Time, string) {
	if p.Kind != cloud.AssumedRole && p.Kind != cloud.FederatedUser {
		return time.Time{}, "Only credentials of roles and federation tokens can sign in to the console"
	}
	if asked == "" {
		return p.Expires, ""
	}
	n, err := strconv.Atoi(asked)
	switch {
	case err != nil || n < consoleLeast || n > consoleMost:
		return time.Time{}, "SessionDuration must be between 900 and 43200 seconds"
	case p.Kind == cloud.FederatedUser:
		return time.Time{}, "SessionDuration cannot be used with federation tokens"
	case p.ChainDepth > 1:
		return time.Time{}, "SessionDuration cannot be used with role chaining"
	}
	return now.Add(time.Duration(n) * time.Second), ""
}

// login turns a sign-in token into a console session and leads to the
// destination, which must be the console.
func login(c *cloud.Call, w http.ResponseWriter, r *http.Request) {
	to, ok := destination(c, r.Form.Get("Destination"))
	if !ok {
		http.Error(w, "Destination is not the console", http.StatusBadRequest)
		return
	}
	var cookie string
	var s Signin
	err := c.View(func(rd store.Reader) error {
		if s, ok = unseal(rd, signinPurpose, r.Form.Get("SigninToken")); ok {
			ok = machine(c).Before(s.Until)
		}
		if ok {
			s.Until = s.Console
			cookie, ok = seal(rd, consolePurpose, s)
		}
		return nil
	})
	switch {
	case err != nil:
		http.Error(w, "internal failure", http.StatusInternalServerError)
		return
	case !ok:
		http.Error(w, "The sign-in token is not valid or has expired", http.StatusBadRequest)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: ConsoleCookie, Value: cookie, Path: "/", Expires: s.Console,
		HttpOnly: true, Secure: c.HTTP.Secure, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, to, http.StatusFound)
}

// destination is where a login leads: AWS's console is this cloud's own, and
// nothing else is allowed, so that a login cannot be made to lead elsewhere.
func destination(c *cloud.Call, text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "", false
	}
	host := strings.ToLower(u.Host)
	if host != "console.aws.amazon.com" && !strings.HasSuffix(host, ".console.aws.amazon.com") && host != strings.ToLower(c.HTTP.Request.Host) {
		return "", false
	}
	path := "/" + strings.TrimLeft(u.EscapedPath(), "/\\")
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return c.HTTP.BaseURL + path, true
}

func seal(r store.Reader, purpose string, s Signin) (string, bool) {
	b, err := json.Marshal(s)
	if err != nil {
		return "", false
	}
	return identity.Seal(r, purpose, b)
}

func unseal(r store.Reader, purpose, sealed string) (s Signin, ok bool) {
	b, ok := identity.Unseal(r, purpose, sealed)
	return s, ok && json.Unmarshal(b, &s) == nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
