package elbv2

import (
	"net/url"
	"slices"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
)

const (
	actOIDC    = "authenticate-oidc"
	actCognito = "authenticate-cognito"
	actJWT     = "jwt-validation"
)

// Limits of the actions that decide whether a request goes on.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AuthenticateOidcActionConfig.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_JwtValidationActionConfig.html
const (
	maxSession     = 604800 // seconds: seven days, which is the default, too
	maxExtraParams = 10
	maxClaims      = 10
	maxClaimLength = 256
)

// auth checks an action that decides whether a request goes on, and completes
// it. before is what the listener or rule had until now.
func (x frame) auth(a *api.Action, before []api.Action) error {
	if x.b.Type == application && x.protocol != "HTTPS" {
		return api.ErrInvalidLoadBalancerAction.New("The action '%s' is only supported on HTTPS listeners", a.Type)
	}
	switch a.Type {
	case actCognito:
		return unbuilt("the action 'authenticate-cognito', because it has no Amazon Cognito")
	case actJWT:
		return tokens(a)
	}
	return users(a, before)
}

// users checks an action that has users log in.
func users(a *api.Action, before []api.Action) error {
	if a.AuthenticateOidcConfig == nil {
		return invalid("An authenticate-oidc action must have an OIDC configuration")
	}
	k := *a.AuthenticateOidcConfig
	for _, at := range []struct{ name, url string }{
		{"Issuer", k.Issuer}, {"Authorization endpoint", k.AuthorizationEndpoint}, {"Token endpoint", k.TokenEndpoint}, {"User info endpoint", k.UserInfoEndpoint},
	} {
		if !isHTTPS(at.url) {
			return invalid("%s '%s' must be a valid HTTPS URL", at.name, at.url)
		}
	}
	if k.ClientId == "" {
		return invalid("A client ID must be specified")
	}
	if err := secret(&k, before); err != nil {
		return err
	}
	switch n := cloud.Or(k.SessionTimeout, maxSession); {
	case n < 1 || n > maxSession:
		return invalid("Session timeout '%d' must be between '1' and '%d' seconds inclusive", n, maxSession)
	case len(k.AuthenticationRequestExtraParams) > maxExtraParams:
		return invalid("The maximum number of authentication request extra parameters is '%d'", maxExtraParams)
	case !isToken(cloud.Or(k.SessionCookieName, "c")):
		return invalid("Session cookie name '%s' is not valid", *k.SessionCookieName)
	}
	k.SessionTimeout, k.Scope = new(cloud.Or(k.SessionTimeout, maxSession)), new(cloud.Or(k.Scope, "openid"))
	k.SessionCookieName = new(cloud.Or(k.SessionCookieName, "AWSELBAuthSessionCookie"))
	k.OnUnauthenticatedRequest = new(cloud.Or(k.OnUnauthenticatedRequest, "authenticate"))
	a.AuthenticateOidcConfig = &k
	return nil
}

// secret finds the client's secret: a new one, or that which the rule has.
func secret(k *api.AuthenticateOidcActionConfig, before []api.Action) error {
	if cloud.Or(k.UseExistingClientSecret, false) {
		had := slices.IndexFunc(before, func(a api.Action) bool { return a.AuthenticateOidcConfig != nil })
		switch {
		case k.ClientSecret != nil:
			return invalid("You cannot specify both a client secret and use existing client secret")
		case had < 0:
			return invalid("There is no existing client secret to use")
		}
		k.ClientSecret = before[had].AuthenticateOidcConfig.ClientSecret
	}
	k.UseExistingClientSecret = nil
	if cloud.Or(k.ClientSecret, "") == "" {
		return invalid("A client secret must be specified")
	}
	return nil
}

// tokens checks an action that has clients bring tokens.
func tokens(a *api.Action) error {
	k := a.JwtValidationConfig
	switch {
	case k == nil:
		return invalid("A jwt-validation action must have a JWT validation configuration")
	case !isHTTPS(k.JwksEndpoint) || len(k.JwksEndpoint) > maxClaimLength:
		return invalid("JWKS endpoint '%s' must be a valid HTTPS URL of at most %d characters", k.JwksEndpoint, maxClaimLength)
	case k.Issuer == "" || len(k.Issuer) > maxClaimLength:
		return invalid("Issuer must have between '1' and '%d' characters", maxClaimLength)
	case len(k.AdditionalClaims) > maxClaims:
		return invalid("The maximum number of additional claims is '%d'", maxClaims)
	}
	for _, c := range k.AdditionalClaims {
		switch {
		case c.Name == "" || len(c.Name) > maxClaimLength || slices.Contains([]string{"exp", "iss", "nbf", "iat"}, c.Name):
			return invalid("Additional claim name '%s' is not valid", c.Name)
		case len(c.Values) == 0 || len(c.Values) > maxClaims:
			return invalid("Additional claim '%s' must have between '1' and '%d' values", c.Name, maxClaims)
		case c.Format == "single-string" && len(c.Values) != 1:
			return invalid("Additional claim '%s' with the format 'single-string' must have exactly one value", c.Name)
		case slices.ContainsFunc(c.Values, func(v string) bool { return v == "" || len(v) > maxClaimLength }):
			return invalid("Values of the additional claim '%s' must have between '1' and '%d' characters", c.Name, maxClaimLength)
		}
	}
	return nil
}

func isHTTPS(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.Fragment == ""
}

// isToken tells what can be a cookie's name.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) })
}

// shown are actions as the API has them: secrets stay here.
func shown(list []api.Action) []api.Action {
	list = slices.Clone(list)
	for n := range list {
		if k := list[n].AuthenticateOidcConfig; k != nil {
			open := *k
			open.ClientSecret = nil
			list[n].AuthenticateOidcConfig = &open
		}
	}
	return list
}
