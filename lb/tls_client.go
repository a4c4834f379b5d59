package lb

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// maxClientChain is how many certificates a client may send.
const maxClientChain = 4

// clientCertError is why a client's certificate was refused, in the words of
// AWS's connection logs: "ClientCertUntrusted".
type clientCertError struct {
	reason string
	cause  error
}

func (e *clientCertError) Error() string { return fmt.Sprintf("%s: %v", e.reason, e.cause) }
func (e *clientCertError) Unwrap() error { return e.cause }

// clientCertFailure is the reason for which a handshake failed that a
// connection log tells; "" where the client's certificate was not at fault.
func clientCertFailure(err error) string {
	var e *clientCertError
	if errors.As(err, &e) {
		return e.reason
	}
	return ""
}

// clients has the handshake ask for client certificates, as the listener wants
// them.
func (t *TLS) clients(c *tls.Config) {
	switch t.ClientAuth {
	case "passthrough":
		c.ClientAuth = tls.RequestClientCert
	case "verify":
		c.ClientAuth = tls.RequireAnyClientCert
		if t.AdvertiseCAs {
			c.ClientCAs = t.ClientCAs
		}
		check := *t // what changes later is another listener's state
		c.VerifyConnection = func(s tls.ConnectionState) error { return check.verifyClient(s.PeerCertificates) }
	}
}

// verifyClient checks a client's certificates, its own first.
func (t *TLS) verifyClient(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return &clientCertError{"ClientCertUntrusted", errors.New("no certificate was sent")}
	}
	if len(chain) > maxClientChain {
		return &clientCertError{"ClientCertMaxChainDepthExceeded", fmt.Errorf("%d certificates were sent", len(chain))}
	}
	o := x509.VerifyOptions{Roots: t.ClientCAs, Intermediates: x509.NewCertPool(), CurrentTime: t.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if o.Roots == nil {
		o.Roots = x509.NewCertPool() // nobody, rather than all whom the machine trusts
	}
	if t.IgnoreExpiry {
		o.CurrentTime = common(chain, o.CurrentTime)
	}
	if _, err := chain[0].Verify(o); err != nil {
		return &clientCertError{"ClientCertUntrusted", err}
	}
	if t.Revoked == nil {
		return nil
	}
	for _, c := range chain {
		if serial := SerialNumber(c.SerialNumber); t.Revoked(serial) {
			return &clientCertError{"ClientCertCrlHit", fmt.Errorf("certificate %s is revoked", serial)}
		}
	}
	return nil
}

// common is a time at which all certificates of a chain are good: now, if it is
// one, or just before the first expires.
func common(chain []*x509.Certificate, now time.Time) time.Time {
	for _, c := range chain {
		if c.NotAfter.Before(now) {
			now = c.NotAfter
		}
	}
	return now
}

// SerialNumber is a certificate's number as AWS writes it: hexadecimal, in
// upper case and pairs.
func SerialNumber(n *big.Int) string {
	s := strings.ToUpper(n.Text(16))
	if len(s)%2 == 1 {
		s = "0" + s
	}
	return s
}
