package lb

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

// clientCert are the headers that tell a target of the client's certificate.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html
type clientCert struct{ headers []field }

// newClientCert is what targets are told; nil where the client showed no
// certificate or nobody asked for one.
func newClientCert(s *tls.ConnectionState, t *TLS) *clientCert {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	leaf := s.PeerCertificates[0]
	switch t.ClientAuth {
	case "passthrough":
		chain := ""
		for _, c := range s.PeerCertificates {
			chain += pemOf(c)
		}
		return &clientCert{[]field{{"X-Amzn-Mtls-Clientcert", escapePEM(chain)}}}
	case "verify":
		return &clientCert{[]field{
			{"X-Amzn-Mtls-Clientcert-Serial-Number", SerialNumber(leaf.SerialNumber)},
			{"X-Amzn-Mtls-Clientcert-Issuer", leaf.Issuer.String()},
			{"X-Amzn-Mtls-Clientcert-Subject", leaf.Subject.String()},
			{"X-Amzn-Mtls-Clientcert-Validity", validityOf(leaf)},
			{"X-Amzn-Mtls-Clientcert-Leaf", escapePEM(pemOf(leaf))},
		}}
	}
	return nil
}

func validityOf(c *x509.Certificate) string {
	return "NotBefore=" + c.NotBefore.UTC().Format(certTime) + ";NotAfter=" + c.NotAfter.UTC().Format(certTime)
}

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// escapePEM escapes what a header cannot have; "+", "=" and "/" stay.
func escapePEM(s string) string {
	return strings.NewReplacer("\n", "%0A", " ", "%20").Replace(s)
}

// appendCert writes the headers of the client's certificate and of TLS, under
// the names that the listener has for them.
func (x *exchange) appendCert(to []byte) []byte {
	if x.config.attrs.TLSHeaders && x.conn.tls != "" {
		to = appendField(to, x.renamed("X-Amzn-Tls-Version"), x.conn.tls)
		to = appendField(to, x.renamed("X-Amzn-Tls-Cipher-Suite"), x.conn.cipher)
	}
	if x.conn.cert == nil {
		return to
	}
	for _, f := range x.conn.cert.headers {
		to = appendField(to, x.renamed(f.name), f.value)
	}
	return to
}

// renamed is the name that a listener's attributes give a header.
func (x *exchange) renamed(name string) string {
	for from, to := range x.config.attrs.Rename {
		if to != "" && strings.EqualFold(from, name) {
			return to
		}
	}
	return name
}

// isRenamed tells a name that only the balancer may use: a client could pretend
// to have a certificate.
func (x *exchange) isRenamed(name string) bool {
	for _, to := range x.config.attrs.Rename {
		if strings.EqualFold(to, name) {
			return true
		}
	}
	return false
}
