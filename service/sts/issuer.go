package sts

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	api "pileus/api/sts"
	"pileus/cloud"
)

const (
	issuerTimeout = 5 * time.Second
	issuerLimit   = 1 << 20 // bytes of an answer
)

var errThumbprint = errors.New("certificate does not match the thumbprints")

// issuerKeys asks an issuer for the keys that it signs with now (OpenID
// Connect Discovery, section 4).
func issuerKeys(c *cloud.Call, issuer string, thumbprints []string) (*jose.JSONWebKeySet, error) {
	ctx, cancel := context.WithTimeout(c, issuerTimeout)
	defer cancel()
	client := issuerClient(thumbprints, c.Cloud.Clock().Machine())
	defer client.CloseIdleConnections()
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := fetch(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", &about); err != nil {
		return nil, issuerError(err)
	}
	u, err := url.Parse(about.Keys)
	if err != nil || about.Issuer != issuer || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, errIdentityToken("The OpenID Connect discovery document of %s is not valid", issuer)
	}
	keys := new(jose.JSONWebKeySet)
	if err := fetch(ctx, client, about.Keys, keys); err != nil {
		return nil, issuerError(err)
	}
	return keys, nil
}

// issuerError tells an issuer that cannot be trusted from one that cannot be
// reached, which the client may try again.
func issuerError(err error) error {
	if errors.Is(err, errThumbprint) {
		return errIdentityToken("OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint")
	}
	return api.ErrIDPCommunicationError.New("Could not communicate with the identity provider: %v", err)
}

func fetch(ctx context.Context, client *http.Client, at string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(at + " answered " + res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, issuerLimit))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// issuerClient trusts the machine's authorities and, beside them, the
// certificates that the provider's thumbprints name
// (id_roles_providers_create_oidc_verify-thumbprint).
func issuerClient(thumbprints []string, now time.Time) *http.Client {
	verify := func(s tls.ConnectionState) error {
		others := x509.NewCertPool()
		for _, cert := range s.PeerCertificates[1:] {
			others.AddCert(cert)
		}
		o := x509.VerifyOptions{DNSName: s.ServerName, Intermediates: others, CurrentTime: now}
		if _, err := s.PeerCertificates[0].Verify(o); err == nil {
			return nil
		}
		o.Roots = x509.NewCertPool()
		for _, cert := range s.PeerCertificates {
			if sum := sha1.Sum(cert.Raw); slices.Contains(thumbprints, hex.EncodeToString(sum[:])) {
				o.Roots.AddCert(cert)
			}
		}
		if _, err := s.PeerCertificates[0].Verify(o); err != nil {
			return errThumbprint
		}
		return nil
	}
	return &http.Client{
		Transport: &http.Transport{
			// Verification is not skipped but done by verify, which knows the
			// thumbprints.
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, VerifyConnection: verify, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// loopback tells of hosts on this machine, whose issuers may do without TLS.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
