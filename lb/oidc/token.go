package oidc

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Claim is one that a token must have beside its issuer and times.
type Claim struct {
	Name string
	// Format is single-string, string-array or space-separated-values. Of the
	// latter two the token has to have all Values, and may have others.
	Format string
	Values []string
}

// Check is what tokens of clients have to be.
type Check struct {
	Issuer string
	Claims []Claim
	Keys   *Keys
}

// unauthorized is a token that does not do.
func unauthorized(reason, format string, args ...any) *Error {
	return wrong(http.StatusUnauthorized, reason, format, args...)
}

// Verify tells what is wrong with the Authorization header of a request. now is
// the machine's time, as that of who has issued the token.
func (k *Check) Verify(ctx context.Context, client *http.Client, authorization string, now time.Time) error {
	if authorization == "" {
		return unauthorized("JWTHeaderNotPresent", "there is no Authorization header")
	}
	scheme, text, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return unauthorized("JWTRequestFormatInvalid", "the scheme is %q", scheme)
	}
	token, err := jwt.ParseSigned(strings.TrimSpace(text), []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || len(token.Headers) != 1 {
		return unauthorized("JWTRequestFormatInvalid", "it is no token of RS256: %w", err)
	}
	keys, err := k.Keys.find(ctx, client, token.Headers[0].KeyID)
	if err != nil {
		return err
	}
	var says jwt.Claims
	var all map[string]any
	if !slices.ContainsFunc(keys, func(key jose.JSONWebKey) bool { return token.Claims(key.Key, &says, &all) == nil }) {
		return unauthorized("JWTSignatureValidationFailed", "no key of the set has signed it")
	}
	switch {
	case all["iss"] == nil || says.Expiry == nil:
		return unauthorized("JWTClaimNotPresent", "it has no issuer or no end")
	case says.Issuer != k.Issuer:
		return unauthorized("JWTClaimValueInvalid", "the issuer is %q", says.Issuer)
	}
	if err := says.ValidateWithLeeway(jwt.Expected{Time: now}, 0); err != nil {
		return unauthorized("JWTClaimValueInvalid", "%w", err)
	}
	for _, c := range k.Claims {
		if err := c.verify(all); err != nil {
			return err
		}
	}
	return nil
}

// verify tells whether a token's claims have this one.
func (c *Claim) verify(all map[string]any) error {
	v, ok := all[c.Name]
	if !ok {
		return unauthorized("JWTClaimNotPresent", "it has no claim %q", c.Name)
	}
	var has []string
	switch text, isText := v.(string); {
	case c.Format == "string-array":
		list, isList := v.([]any)
		if !isList {
			return unauthorized("JWTClaimFormatInvalid", "the claim %q is no array", c.Name)
		}
		for _, e := range list {
			s, isString := e.(string)
			if !isString {
				return unauthorized("JWTClaimFormatInvalid", "the claim %q has what is no string", c.Name)
			}
			has = append(has, s)
		}
	case !isText:
		return unauthorized("JWTClaimFormatInvalid", "the claim %q is no string", c.Name)
	case c.Format == "space-separated-values":
		has = strings.Fields(text)
	default:
		has = []string{text}
	}
	for _, want := range c.Values {
		if !slices.Contains(has, want) {
			return unauthorized("JWTClaimValueInvalid", "the claim %q has no %q", c.Name, want)
		}
	}
	return nil
}
