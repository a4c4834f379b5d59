package elbv2

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb/oidc"
	"pileus/store"
)

// signer is the key with which the load balancers of a region sign what they tell
// targets of users. It is made with the first action that needs it.
type signer struct {
	Region, ID string
	Key        []byte // PKCS #8, P-256
}

var signers = &store.Table[signer]{
	Name: "elbv2.signer",
	Key:  func(s *signer) store.Key { return store.K(s.Region) },
	Memo: 32,
}

// needSigner has the region get its key, if actions need one.
func needSigner(c *cloud.Call, tx store.Tx, actions []api.Action) error {
	needed := slices.ContainsFunc(actions, func(a api.Action) bool { return a.Type == actOIDC })
	if !needed || signers.Has(tx, c.Region) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("signer of %s: %w", c.Region, err)
	}
	s := &signer{Region: c.Region, ID: c.Rand().UUID()}
	if s.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return fmt.Errorf("signer of %s: %w", c.Region, err)
	}
	signers.Insert(tx, s)
	return nil
}

// private is the key itself.
func (s *signer) private() (*ecdsa.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(s.Key)
	if err != nil {
		return nil, fmt.Errorf("signer of %s: %w", s.Region, err)
	}
	return key.(*ecdsa.PrivateKey), nil
}

// signer is what the load balancer signs with; nil where nothing has needed it.
func (b *balancer) signer(r store.Reader) (*oidc.Signer, error) {
	s, ok := signers.Get(r, b.Region)
	if !ok {
		return nil, nil
	}
	key, err := s.private()
	return &oidc.Signer{ID: s.ID, Key: key, Balancer: b.ARN}, err
}

// Where public keys are: under the host name that AWS has for them, and at the
// cloud's own endpoint.
const (
	keyHost = "public-keys.auth.elb."
	keyPath = "/_pileus/elb/public-keys/"
)

// publicKey answers for REGION/ID; false if the request is for something else.
func publicKey(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	path, ok := strings.CutPrefix(r.URL.Path, keyPath)
	if rest, named := strings.CutPrefix(strings.ToLower(c.HTTP.Host), keyHost); named && !ok {
		region, _, _ := strings.Cut(rest, ".")
		path, ok = region+r.URL.Path, true
	}
	if !ok {
		return false
	}
	region, id, _ := strings.Cut(path, "/")
	var found []byte
	err := c.View(func(rd store.Reader) error {
		s, ok := signers.Get(rd, region)
		if !ok || s.ID != id {
			return nil
		}
		key, err := s.private()
		if err == nil {
			found, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
		}
		return err
	})
	if err != nil || found == nil {
		http.Error(w, "Access Denied", http.StatusForbidden)
		return true
	}
	w.Header().Set("Content-Type", "text/plain")
	// A client that has gone away needs no answer.
	_ = pem.Encode(w, &pem.Block{Type: "PUBLIC KEY", Bytes: found})
	return true
}
