package sts

import (
	"crypto/x509"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const (
	webTokenLife = 300 // seconds, where the request names none
	// webTokenLimit is the room for a token's claims. AWS does not say how
	// large it is.
	webTokenLimit = 8 << 10 // bytes
	awsClaims     = "https://sts.amazonaws.com/"
)

// webTokenChecks is the access of GetWebIdentityToken. Tags are an action of
// their own, as they are for sessions.
func webTokenChecks(c *cloud.Call, _ store.Reader, in *api.GetWebIdentityTokenInput) ([]cloud.Check, error) {
	if p := c.Principal; p.HasSession && p.Kind != cloud.AssumedRole && p.SessionPolicy == "" {
		return nil, errWithSession("GetWebIdentityToken")
	}
	keys := cloud.Keys{
		"sts:identitytokenaudience": in.Audience,
		"sts:signingalgorithm":      {in.SigningAlgorithm},
		"sts:durationseconds":       {strconv.Itoa(int(cloud.Or(in.DurationSeconds, webTokenLife)))},
	}
	(&tagging{requested: in.Tags}).keys(keys)
	all := cloud.Resource{ARN: "*"}
	checks := []cloud.Check{{Action: "sts:GetWebIdentityToken", Resource: all, Keys: keys}}
	if len(in.Tags) > 0 {
		checks = append(checks, cloud.Check{Action: "sts:TagGetWebIdentityToken", Resource: all, Keys: keys})
	}
	return checks, nil
}

// getWebIdentityToken signs who asks, so that a service outside of the cloud
// can verify it with the keys that the account's issuer shows.
func getWebIdentityToken(c *cloud.Call, r store.Reader, in *api.GetWebIdentityTokenInput) (*api.GetWebIdentityTokenOutput, error) {
	issuer, ok := identity.TokenIssuers.Peek(r, c.Account)
	if !ok || !issuer.Enabled {
		return nil, api.ErrOutboundWebIdentityFederationDisabled.New("Outbound web identity federation is not enabled for your account.")
	}
	now := machine(c)
	until := now.Add(time.Duration(cloud.Or(in.DurationSeconds, webTokenLife)) * time.Second)
	if p := c.Principal; p.HasSession && until.After(p.Expires) {
		return nil, api.ErrSessionDurationEscalation.New("The requested token duration would extend the session beyond its original expiration time.")
	}
	if _, err := newTagging(new(cloud.Principal), in.Tags, nil); err != nil {
		return nil, err
	}
	signer, err := webTokenSigner(issuer, in.SigningAlgorithm)
	if err != nil {
		return nil, err
	}
	claims := webTokenClaims(c, r, in)
	claims["iss"] = issuer.URL(c.Cloud.Endpoint())
	claims["iat"], claims["exp"] = now.Unix(), until.Unix()
	if text, err := json.Marshal(claims); err != nil || len(text) > webTokenLimit {
		return nil, api.ErrJWTPayloadSizeExceeded.New("The requested token payload size exceeds the maximum allowed size. Reduce the number of request tags included in the GetWebIdentityToken API call to reduce the token payload size.")
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return nil, err
	}
	return &api.GetWebIdentityTokenOutput{WebIdentityToken: &token, Expiration: &until}, nil
}

// webTokenSigner is the issuer's signature by an algorithm.
func webTokenSigner(x *identity.TokenIssuer, algorithm string) (jose.Signer, error) {
	der, id := x.RSA, identity.RSAKeyID
	switch jose.SignatureAlgorithm(algorithm) {
	case jose.RS256:
	case jose.ES384:
		der, id = x.EC, identity.ECKeyID
	default:
		return nil, errValidation("Invalid signing algorithm: %s. Supported algorithms are RS256 and ES384.", algorithm)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	return jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: jose.JSONWebKey{Key: key, KeyID: id}},
		(&jose.SignerOptions{}).WithType("JWT"))
}

// webTokenClaims is who asks, for whom (id_roles_providers_outbound_token_claims).
func webTokenClaims(c *cloud.Call, r store.Reader, in *api.GetWebIdentityTokenInput) map[string]any {
	p := c.Principal
	subject := p.ARN
	if p.RoleARN != "" {
		subject = p.RoleARN
	}
	about := map[string]any{"aws_account": p.Account, "source_region": c.Region, "principal_id": subject}
	if org, path := identity.Path(r, p.Account); org != nil {
		about["org_id"] = org.ID
		// A list, as in AWS's tokens, though its documentation shows a string.
		about["ou_path"] = []string{org.ID + "/" + strings.Join(path[:len(path)-1], "/") + "/"}
	}
	if len(p.Tags) > 0 {
		about["principal_tags"] = p.Tags
	}
	if len(in.Tags) > 0 {
		asked := map[string]string{}
		for _, t := range in.Tags {
			asked[t.Key] = t.Value
		}
		about["request_tags"] = asked
	}
	if p.SourceIdentity != "" {
		about["source_identity"] = p.SourceIdentity
	}
	if p.FederatedBy != "" {
		about["federated_provider"] = p.FederatedBy
	}
	if p.HasSession {
		about["original_session_exp"] = p.Expires.UTC().Format(time.RFC3339)
	}
	claims := map[string]any{"sub": subject, "jti": c.Rand().UUID(), awsClaims: about, "aud": in.Audience}
	if len(in.Audience) == 1 {
		claims["aud"] = in.Audience[0]
	}
	return claims
}
