package oidc

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// Signer signs what targets are told of users. A region's load balancers have
// one key, whose public half anybody can have.
type Signer struct {
	ID       string // of the key, by which its public half is found
	Key      *ecdsa.PrivateKey
	Balancer string // its ARN, by which a target knows that it is its own
}

// lasts is how long targets may believe a signature.
const lasts = 2 * time.Minute

// Sign is the value of X-Amzn-Oidc-Data: a JSON web token whose parts are padded,
// as AWS has them and RFC 7515 does not.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html#user-claims-encoding
func (s *Signer) Sign(issuer, client string, u *User, now time.Time) (string, error) {
	ends := now.Add(lasts).Unix()
	claims := map[string]any{}
	if err := json.Unmarshal(u.Claims, &claims); err != nil {
		return "", fmt.Errorf("claims of %s: %w", u.Subject, err)
	}
	maps.Copy(claims, map[string]any{"exp": ends, "iss": issuer})
	signed := ""
	for _, part := range []any{
		map[string]any{"typ": "JWT", "alg": "ES256", "kid": s.ID, "signer": s.Balancer, "iss": issuer, "client": client, "exp": ends},
		claims,
	} {
		b, err := json.Marshal(part)
		if err != nil {
			return "", fmt.Errorf("claims of %s: %w", u.Subject, err)
		}
		signed += base64.URLEncoding.EncodeToString(b) + "."
	}
	sum := sha256.Sum256([]byte(signed[:len(signed)-1]))
	r, v, err := ecdsa.Sign(rand.Reader, s.Key, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing for %s: %w", s.Balancer, err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return signed + base64.URLEncoding.EncodeToString(signature[:]), nil
}
