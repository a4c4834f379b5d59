package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

// Config is an identity provider, and the client as which it knows the balancer.
type Config struct {
	Issuer, Authorization, Token, UserInfo string // the last three are URLs
	Client, Secret, Scope                  string
	// Extra are further parameters of the request for authorization.
	Extra map[string]string
}

// Party has users authenticated by a provider. All methods are safe for
// concurrent use.
type Party struct {
	config Config
	style  atomic.Int32 // the last oauth2.AuthStyle that the provider took
}

// NewParty makes a party; nothing is asked of the provider yet.
func NewParty(c Config) *Party {
	p := &Party{config: c}
	p.style.Store(int32(oauth2.AuthStyleInHeader))
	return p
}

// oauth is the party as the library has it; the secret goes to the provider in a
// header or as a parameter.
func (p *Party) oauth(redirect string, style oauth2.AuthStyle) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.config.Client, ClientSecret: p.config.Secret, Scopes: strings.Fields(p.config.Scope), RedirectURL: redirect,
		Endpoint: oauth2.Endpoint{AuthURL: p.config.Authorization, TokenURL: p.config.Token, AuthStyle: style},
	}
}

// ask asks for tokens with the secret as the provider took it last, and in the
// other way where it does not know the client so.
func (p *Party) ask(redirect string, get func(*oauth2.Config) (*oauth2.Token, error)) (*oauth2.Token, error) {
	style := oauth2.AuthStyle(p.style.Load())
	t, err := get(p.oauth(redirect, style))
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.ErrorCode != "invalid_client" && refused.Response.StatusCode != http.StatusUnauthorized {
		return t, err
	}
	other := oauth2.AuthStyleInParams + oauth2.AuthStyleInHeader - style
	t, again := get(p.oauth(redirect, other))
	if again != nil {
		return nil, err
	}
	p.style.Store(int32(other))
	return t, nil
}

// Login is where a user is sent to log in. He comes back to redirect.
func (p *Party) Login(redirect, state, nonce string) string {
	options := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("nonce", nonce)}
	for name, value := range p.config.Extra {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	return p.oauth(redirect, oauth2.AuthStyleInHeader).AuthCodeURL(state, options...)
}

// Tokens are what a provider gives for a code.
type Tokens struct {
	Access, Refresh string // Refresh may be ""
	Expires         time.Time
	Subject         string // of the ID token; "" after a refresh without one
}

// Redeem exchanges a code for tokens. now is the machine's time, as the
// provider's is.
func (p *Party) Redeem(ctx context.Context, client *http.Client, code, redirect, nonce string, now time.Time) (*Tokens, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
	t, err := p.ask(redirect, func(o *oauth2.Config) (*oauth2.Token, error) { return o.Exchange(ctx, code) })
	if err != nil {
		return nil, tokenError(err)
	}
	return p.tokens(t, nonce, now, true)
}

// Refresh gets new tokens for those that have expired. A provider that gives no
// new refresh token wants the old one again.
func (p *Party) Refresh(ctx context.Context, client *http.Client, refresh string, now time.Time) (*Tokens, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
	t, err := p.ask("", func(o *oauth2.Config) (*oauth2.Token, error) {
		return o.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	})
	if err != nil {
		return nil, tokenError(err)
	}
	return p.tokens(t, "", now, false)
}

// tokenError tells why a token endpoint has given none.
func tokenError(err error) error {
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode == "invalid_grant":
		return wrong(http.StatusUnauthorized, "AuthInvalidGrantError", "%w", err)
	case errors.As(err, &refused) && refused.Response.StatusCode/100 == 2:
		return wrong(http.StatusUnauthorized, "AuthInvalidTokenResponse", "%w", err)
	case errors.As(err, &refused):
		return wrong(statusIDP, "AuthTokenEpRequestFailed", "%w", err)
	case timedOut(err):
		return wrong(http.StatusInternalServerError, "AuthTokenEpRequestTimeout", "%w", err)
	case errors.As(err, new(*url.Error)):
		return wrong(http.StatusInternalServerError, "AuthTokenEpRequestFailed", "%w", err)
	}
	return wrong(http.StatusUnauthorized, "AuthInvalidTokenResponse", "%w", err)
}

// statusIDP is the code for a provider that has answered with an error.
const statusIDP = 561

func timedOut(err error) bool {
	var n interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// tokens checks what the provider has given. Its ID token came from itself over
// TLS, which stands for its signature (OpenID Connect Core 1.0, 3.1.3.7, 6).
func (p *Party) tokens(t *oauth2.Token, nonce string, now time.Time, first bool) (*Tokens, error) {
	if strings.ContainsFunc(t.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, wrong(http.StatusUnauthorized, "AuthInvalidTokenResponse", "the access token has what headers cannot have")
	}
	out := &Tokens{Access: t.AccessToken, Refresh: t.RefreshToken}
	if t.ExpiresIn > 0 {
		out.Expires = now.Add(time.Duration(t.ExpiresIn) * time.Second)
	}
	id, _ := t.Extra("id_token").(string)
	if id == "" && !first {
		return out, nil
	}
	token, err := jwt.ParseSigned(id, algorithms)
	if err != nil {
		return nil, wrong(http.StatusUnauthorized, "AuthInvalidIdToken", "%w", err)
	}
	var says jwt.Claims
	var more struct {
		Nonce string `json:"nonce"`
	}
	if err := token.UnsafeClaimsWithoutVerification(&says, &more); err != nil {
		return nil, wrong(http.StatusUnauthorized, "AuthInvalidIdToken", "%w", err)
	}
	if err := says.ValidateWithLeeway(jwt.Expected{Issuer: p.config.Issuer, AnyAudience: jwt.Audience{p.config.Client}, Time: now}, leeway); err != nil {
		return nil, wrong(http.StatusUnauthorized, "AuthInvalidIdToken", "%w", err)
	}
	if _, own := p.config.Extra["nonce"]; first && !own && more.Nonce != "" && more.Nonce != nonce {
		return nil, wrong(http.StatusUnauthorized, "AuthInvalidIdToken", "the nonce is another one")
	}
	out.Subject = says.Subject
	return out, nil
}

// algorithms are those that a provider may have signed its ID token with.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA, jose.HS256, jose.HS384, jose.HS512,
}

// leeway is how far a provider's clock may be from the machine's.
const leeway = time.Minute

// MaxClaims is how many bytes the claims and the access token may have together.
const MaxClaims = 11 << 10

// User is who the provider says somebody is.
type User struct {
	Subject string
	Claims  json.RawMessage // an object
}

// UserInfo asks the provider who has an access token. The subject has to be that
// of the tokens, where they name one.
func (p *Party) UserInfo(ctx context.Context, client *http.Client, t *Tokens) (*User, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.config.UserInfo, nil)
	if err != nil {
		return nil, wrong(http.StatusInternalServerError, "AuthUserinfoEpRequestFailed", "%w", err)
	}
	r.Header.Set("Authorization", "Bearer "+t.Access)
	r.Header.Set("Accept", "application/json")
	resp, err := client.Do(r)
	if timedOut(err) {
		return nil, wrong(http.StatusInternalServerError, "AuthUserinfoEpRequestTimeout", "%w", err)
	}
	if err != nil {
		return nil, wrong(http.StatusInternalServerError, "AuthUserinfoEpRequestFailed", "%w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return nil, wrong(statusIDP, "AuthUserinfoEpRequestFailed", "it answered %s", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxClaims+1))
	if err != nil {
		return nil, wrong(http.StatusInternalServerError, "AuthUserinfoEpRequestFailed", "%w", err)
	}
	if len(body)+len(t.Access) > MaxClaims {
		return nil, wrong(http.StatusInternalServerError, "AuthUserinfoResponseSizeExceeded", "claims and access token have more than %d bytes", MaxClaims)
	}
	return readUser(body, t.Subject)
}

// readUser reads an answer of a user info endpoint.
func readUser(body []byte, subject string) (*User, error) {
	var says map[string]any
	if err := json.Unmarshal(body, &says); err != nil {
		return nil, wrong(http.StatusUnauthorized, "AuthInvalidUserinfoResponse", "%w", err)
	}
	sub, _ := says["sub"].(string)
	if sub == "" || subject != "" && sub != subject || strings.ContainsFunc(sub, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, wrong(http.StatusUnauthorized, "AuthInvalidUserinfoResponse", "the subject is %q, not %q", sub, subject)
	}
	compact, err := json.Marshal(says)
	if err != nil {
		return nil, wrong(http.StatusUnauthorized, "AuthInvalidUserinfoResponse", "%w", err)
	}
	return &User{sub, slices.Clip(compact)}, nil
}
