package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"

	"pileus/store"
)

// TokenIssuer is what an account signs web identity tokens with
// (sts:GetWebIdentityToken). It outlives being switched off, so that an issuer
// is the same when it is switched on again and tokens can be verified until
// they expire.
type TokenIssuer struct {
	Account, UUID string // UUID is the account's part of the issuer's URL
	Enabled       bool
	RSA, EC       []byte // private keys, PKCS #8: RSA of 2048 bits, P-384
	Created       time.Time
}

// The ids of an issuer's keys, one for each signing algorithm: RS256, ES384.
const (
	RSAKeyID = "RSA_0"
	ECKeyID  = "EC384_0"
)

// TokenIssuers by account.
var TokenIssuers = &store.Table[TokenIssuer]{
	Name:    "identity.tokenissuer",
	Key:     func(x *TokenIssuer) store.Key { return store.K(x.Account) },
	Indexes: map[string]func(*TokenIssuer) store.Key{"uuid": func(x *TokenIssuer) store.Key { return store.K(x.UUID) }},
}

// NewTokenIssuer makes keys for an account's issuer. It takes long for a
// transaction: make it before one.
func NewTokenIssuer(account, uuid string, now time.Time) (*TokenIssuer, error) {
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("token issuer: %w", err)
	}
	short, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("token issuer: %w", err)
	}
	x := &TokenIssuer{Account: account, UUID: uuid, Enabled: true, Created: now}
	if x.RSA, err = x509.MarshalPKCS8PrivateKey(long); err != nil {
		return nil, fmt.Errorf("token issuer: %w", err)
	}
	if x.EC, err = x509.MarshalPKCS8PrivateKey(short); err != nil {
		return nil, fmt.Errorf("token issuer: %w", err)
	}
	return x, nil
}

// TokenIssuerPath is where issuers answer, before their UUID.
const TokenIssuerPath = "/_pileus/tokens/"

// URL is the issuer's identifier, at this cloud's endpoint.
func (x *TokenIssuer) URL(endpoint string) string { return endpoint + TokenIssuerPath + x.UUID }

// TokenIssuerByUUID finds the issuer that a URL names.
func TokenIssuerByUUID(r store.Reader, uuid string) (*TokenIssuer, bool) {
	for x := range TokenIssuers.Index(r, "uuid", uuid) {
		return x, true
	}
	return nil, false
}
