package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"pileus/clock"
)

// What the provider knows its one client and its one user by.
const (
	clientID     = "balancer"
	clientSecret = "a secret of the client's"
	user         = "ada"
)

// provider is an OpenID Connect provider at which everybody is logged in as ada.
type provider struct {
	issuer string
	key    *rsa.PrivateKey

	mu    sync.Mutex
	codes map[string]url.Values // what was asked for, by code
}

// provide runs the provider over TLS, known by an address, until it is killed:
//
//	/authorize   sends the browser back with a code, with the error that the
//	             parameter "fail" asks for instead
//	/token       codes for tokens; client_credentials for a token of a machine's
//	/userinfo    who ada is
//	/keys        what tokens are signed with
func provide(at, cert, key string) error {
	_, port, err := net.SplitHostPort(at) // an instance does not have its public address itself
	if err != nil {
		return err
	}
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	p := &provider{issuer: "https://" + at, key: signer, codes: map[string]url.Values{}}
	m := http.NewServeMux()
	m.HandleFunc("GET /authorize", p.authorize)
	m.HandleFunc("POST /token", p.token)
	m.HandleFunc("GET /userinfo", p.userinfo)
	m.HandleFunc("GET /keys", p.keys)
	return (&http.Server{Addr: ":" + port, Handler: m}).ListenAndServeTLS(cert, key)
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	back := url.Values{"state": {asked.Get("state")}}
	if e := asked.Get("fail"); e != "" {
		back.Set("error", e)
	} else {
		code := rand.Text()
		p.mu.Lock()
		p.codes[code] = asked
		p.mu.Unlock()
		back.Set("code", code)
	}
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	} else if s, err := url.QueryUnescape(secret); err == nil {
		secret = s
	}
	if id != clientID || secret != clientSecret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	if r.FormValue("grant_type") == "client_credentials" {
		answer(w, http.StatusOK, map[string]any{"access_token": p.sign(map[string]any{"sub": "machine", "scope": "read write"}), "token_type": "Bearer", "expires_in": 300})
		return
	}
	p.mu.Lock()
	asked, ok := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	if !ok || asked.Get("redirect_uri") != r.FormValue("redirect_uri") {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	says := map[string]any{"sub": user, "aud": clientID}
	if nonce := asked.Get("nonce"); nonce != "" {
		says["nonce"] = nonce
	}
	answer(w, http.StatusOK, map[string]any{"access_token": "of-" + user, "id_token": p.sign(says), "token_type": "Bearer", "expires_in": 300})
}

func (p *provider) userinfo(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer of-"+user {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"sub": user, "email": user + "@example.com", "name": "Ada Lovelace"})
}

func (p *provider) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": base64.RawURLEncoding.EncodeToString(p.key.N.Bytes()), "e": "AQAB",
	}}})
}

// sign makes a token of five minutes.
func (p *provider) sign(says map[string]any) string {
	now := clock.Machine()
	says["iss"], says["iat"], says["exp"] = p.issuer, now.Unix(), now.Add(5*time.Minute).Unix()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err) // strings and numbers only
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT"}) + "." + part(says)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(errors.Join(errors.New("a key of 2048 bits cannot sign"), err))
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Who has gone away needs no answer.
	_ = json.NewEncoder(w).Encode(v)
}
