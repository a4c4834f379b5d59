package sts

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// algorithms are those that IAM takes of OpenID Connect providers.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

// clockLeeway is how far an issuer's clock may be ahead of this machine's.
const clockLeeway = 5 * time.Minute

// claims are those of an ID token that STS looks at.
type claims struct {
	jwt.Claims
	AuthorizedParty string `json:"azp"`
	Methods         list   `json:"amr"`
	Tags            struct {
		Principal  map[string][]string `json:"principal_tags"`
		Transitive []string            `json:"transitive_tag_keys"`
	} `json:"https://aws.amazon.com/tags"`
	SourceIdentity string `json:"https://aws.amazon.com/source_identity"`
}

// list is one or more strings: some issuers send a single one bare.
type list = jwt.Audience

func errNotAToken() error {
	return errIdentityToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
}

func assumeRoleWithWebIdentity(c *cloud.Call, in *api.AssumeRoleWithWebIdentityInput) (*api.AssumeRoleWithWebIdentityOutput, error) {
	if in.ProviderId != nil {
		return nil, errParameter("Access tokens of OAuth 2.0 providers are not supported: %s", *in.ProviderId)
	}
	account, err := accountOf(in.RoleArn)
	if err != nil {
		return nil, err
	}
	token, err := jwt.ParseSigned(in.WebIdentityToken, algorithms)
	if err != nil {
		return nil, errNotAToken()
	}
	var says claims
	if err := token.UnsafeClaimsWithoutVerification(&says); err != nil {
		return nil, errNotAToken()
	}
	provider, err := oidcProvider(c, account, says.Issuer)
	if err != nil {
		return nil, err
	}
	keys, err := issuerKeys(c, says.Issuer, provider.Thumbprints)
	if err != nil {
		return nil, err
	}
	if err := verified(token, keys, &says); err != nil {
		return nil, err
	}
	audience, err := says.check(provider, c.Cloud.Clock().Machine())
	if err != nil {
		return nil, err
	}
	held := says.keys(provider.URL, audience)
	o := &outsider{op: &api.AssumeRoleWithWebIdentity.OpInfo, provider: provider.ARN, keys: held, lasting: held,
		roleARN: in.RoleArn, session: in.RoleSessionName, transitive: says.Tags.Transitive, sourceIdentity: says.SourceIdentity,
		policy: in.Policy, arns: in.PolicyArns, life: in.DurationSeconds}
	for k, v := range says.Tags.Principal {
		if len(v) != 1 {
			return nil, errIdentityToken("Session tag %s must have exactly one value", k)
		}
		o.tags = append(o.tags, api.Tag{Key: k, Value: v[0]})
	}
	g, err := o.assume(c)
	if err != nil {
		return nil, err
	}
	return &api.AssumeRoleWithWebIdentityOutput{Credentials: g.credentials, AssumedRoleUser: g.user, PackedPolicySize: g.percent,
		SubjectFromWebIdentityToken: &says.Subject, Provider: &provider.ARN, Audience: &audience,
		SourceIdentity: optional(o.sourceIdentity)}, nil
}

// oidcProvider is the account's provider for an issuer.
func oidcProvider(c *cloud.Call, account, issuer string) (p *identity.OIDCProvider, err error) {
	u, bad := url.Parse(issuer)
	if bad != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, errIdentityToken("No OpenIDConnect provider found in your account for %s", issuer)
	}
	at := strings.TrimSuffix(u.Host+u.Path, "/")
	err = c.View(func(r store.Reader) error {
		var ok bool
		if p, ok = identity.OIDCProviders.Get(r, account, at); !ok {
			return errIdentityToken("No OpenIDConnect provider found in your account for %s", issuer)
		}
		return nil
	})
	return p, err
}

// verified reads the claims again, from a payload that one of the issuer's
// keys signed.
func verified(token *jwt.JSONWebToken, keys *jose.JSONWebKeySet, says *claims) error {
	candidates := keys.Keys
	if id := token.Headers[0].KeyID; id != "" {
		candidates = keys.Key(id)
	}
	if len(candidates) == 0 {
		return errIdentityToken("Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements")
	}
	for _, k := range candidates {
		var fresh claims
		if err := token.Claims(k.Key, &fresh); err == nil {
			*says = fresh
			return nil
		} else if !errors.Is(err, jose.ErrCryptoFailure) && !errors.Is(err, jose.ErrUnsupportedKeyType) && !errors.Is(err, jose.ErrUnsupportedAlgorithm) {
			return errNotAToken()
		}
	}
	return errIdentityToken("Token signature invalid")
}

// check looks at times and audience, and says which audience it is.
func (says *claims) check(p *identity.OIDCProvider, now time.Time) (audience string, err error) {
	switch {
	case says.Subject == "":
		return "", errIdentityToken("Missing a required claim: sub")
	case says.Expiry == nil:
		return "", errIdentityToken("Missing a required claim: exp")
	case says.IssuedAt == nil:
		return "", errIdentityToken("Missing a required claim: iat")
	case !now.Before(says.Expiry.Time()):
		return "", api.ErrExpiredToken.New("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), says.Expiry.Time().Unix())
	case says.IssuedAt.Time().After(now.Add(clockLeeway)),
		says.NotBefore != nil && says.NotBefore.Time().After(now.Add(clockLeeway)):
		return "", errIdentityToken("The ID Token provided is not valid yet")
	}
	if says.AuthorizedParty != "" && slices.Contains(p.ClientIDs, says.AuthorizedParty) {
		return says.AuthorizedParty, nil
	}
	for _, a := range says.Audience {
		if slices.Contains(p.ClientIDs, a) {
			return a, nil
		}
	}
	return "", errIdentityToken("Incorrect token audience")
}

// keys are the provider's condition keys: its URL, a colon and the claim.
func (says *claims) keys(at, audience string) map[string][]string {
	k := map[string][]string{at + ":sub": {says.Subject}, at + ":aud": {audience}}
	if len(says.Methods) > 0 {
		k[at+":amr"] = says.Methods
	}
	if says.AuthorizedParty != "" {
		k[at+":azp"] = []string{says.AuthorizedParty}
		k[at+":oaud"] = says.Audience
	}
	return k
}
