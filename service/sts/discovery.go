package sts

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/.well-known/jwks.json"
)

// discovery answers for the accounts' token issuers, as OpenID Connect
// Discovery and RFC 7517 have it, and says whether the request was for one.
func discovery(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	rest, ok := strings.CutPrefix(r.URL.Path, identity.TokenIssuerPath)
	if !ok {
		return false
	}
	uuid, path, _ := strings.Cut(rest, "/")
	var x *identity.TokenIssuer
	err := c.View(func(rd store.Reader) error {
		x, ok = identity.TokenIssuerByUUID(rd, uuid)
		return nil
	})
	var answer any
	switch {
	case err != nil:
	case !ok:
		http.NotFound(w, r)
		return true
	case "/"+path == discoveryPath:
		answer = aboutIssuer(x.URL(c.Cloud.Endpoint()))
	case "/"+path == keysPath:
		answer, err = issuerKeySet(x)
	default:
		http.NotFound(w, r)
		return true
	}
	if err != nil {
		http.Error(w, "internal failure", http.StatusInternalServerError)
		return true
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	json.NewEncoder(w).Encode(answer)
	return true
}

func aboutIssuer(at string) map[string]any {
	return map[string]any{
		"issuer":                                at,
		"jwks_uri":                              at + keysPath,
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []jose.SignatureAlgorithm{jose.RS256, jose.ES384},
		"claims_supported":                      []string{"aud", "exp", "iat", "iss", "jti", "sub", awsClaims},
	}
}

// issuerKeySet is the public halves of an issuer's keys.
func issuerKeySet(x *identity.TokenIssuer) (*jose.JSONWebKeySet, error) {
	set := new(jose.JSONWebKeySet)
	for _, k := range []struct {
		id  string
		alg jose.SignatureAlgorithm
		der []byte
	}{{identity.RSAKeyID, jose.RS256, x.RSA}, {identity.ECKeyID, jose.ES384, x.EC}} {
		key, err := x509.ParsePKCS8PrivateKey(k.der)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.(crypto.Signer).Public(), KeyID: k.id, Algorithm: string(k.alg), Use: "sig"})
	}
	return set, nil
}
