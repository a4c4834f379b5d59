package lb

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pileus/clock"
)

// Key exchanges: those of all policies, and the hybrid ones of policies with
// PQ in their names.
var (
	classicCurves = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}
	hybridCurves  = append([]tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024}, classicCurves...)
)

// tlsConfig is how a listener's TLS is ended. It sets no NextProtos; the front
// adds its own to a clone.
func tlsConfig(t *TLS) (*tls.Config, error) {
	if t == nil || t.Default == nil {
		return nil, errors.New("lb: a listener with TLS needs a certificate")
	}
	chooser, err := newCertificates(t)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{
		GetCertificate: chooser.choose, MinVersion: cmp.Or(t.MinVersion, tls.VersionTLS10), MaxVersion: t.MaxVersion,
		CipherSuites: t.Ciphers, CurvePreferences: classicCurves,
	}
	if strings.Contains(t.PolicyName, "-PQ-") {
		c.CurvePreferences = hybridCurves
	}
	t.clients(c)
	return c, nil
}

// certificates are those of a listener, the one that is liked best first.
type certificates struct {
	fallback *tls.Certificate
	named    map[string][]*tls.Certificate // by DNS name, "*.example.com" included
}

func newCertificates(t *TLS) (*certificates, error) {
	all := append([]*tls.Certificate{t.Default}, t.Certificates...)
	leaves := map[*tls.Certificate]*x509.Certificate{}
	for _, c := range all {
		leaf, err := leafOf(c)
		if err != nil {
			return nil, err
		}
		leaves[c] = leaf
	}
	now := t.now()
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b *tls.Certificate) int {
		return better(leaves[a], leaves[b], now)
	})
	s := &certificates{fallback: t.Default, named: map[string][]*tls.Certificate{}}
	for _, c := range sorted {
		for _, name := range namesOf(leaves[c]) {
			s.named[name] = append(s.named[name], c)
		}
	}
	return s, nil
}

func leafOf(c *tls.Certificate) (*x509.Certificate, error) {
	if c.Leaf != nil {
		return c.Leaf, nil
	}
	if len(c.Certificate) == 0 {
		return nil, errors.New("lb: a certificate is empty")
	}
	return x509.ParseCertificate(c.Certificate[0])
}

func namesOf(leaf *x509.Certificate) (names []string) {
	list := leaf.DNSNames
	if len(list) == 0 { // certificates of old times
		list = []string{leaf.Subject.CommonName}
	}
	for _, name := range list {
		names = append(names, strings.ToLower(name))
	}
	return names
}

// better orders certificates for one name: by the kind of key, then those that
// have not expired, by the hash, by the length of the key and by how long they
// are good for.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html
func better(a, b *x509.Certificate, now time.Time) int {
	return cmp.Or(
		cmp.Compare(keyRank(b), keyRank(a)),
		cmp.Compare(rank(!now.After(b.NotAfter)), rank(!now.After(a.NotAfter))),
		cmp.Compare(rank(!weakHash(b)), rank(!weakHash(a))),
		cmp.Compare(keyBits(b), keyBits(a)),
		b.NotAfter.Compare(a.NotAfter),
	)
}

func rank(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func keyRank(c *x509.Certificate) int {
	_, isRSA := c.PublicKey.(*rsa.PublicKey)
	return rank(!isRSA)
}

func keyBits(c *x509.Certificate) int {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen()
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize
	case ed25519.PublicKey:
		return 8 * len(k)
	}
	return 0
}

func weakHash(c *x509.Certificate) bool {
	switch c.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// choose gives a client the certificate for the name that it asks for, and
// tells the connection.
func (s *certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c := s.forClient(hello)
	if conn, ok := hello.Conn.(*choice); ok {
		conn.certificate.Store(c)
	}
	return c, nil
}

// choice is a connection that remembers which certificate its client got.
type choice struct {
	net.Conn
	certificate atomic.Pointer[tls.Certificate]
}

// forClient is the best certificate for the name that a client asks for among
// those that it can use: one for exactly that name, or a wildcard, or else the
// default one.
func (s *certificates) forClient(hello *tls.ClientHelloInfo) *tls.Certificate {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if name == "" {
		return s.fallback
	}
	candidates := s.named[name]
	if _, parent, ok := strings.Cut(name, "."); ok {
		candidates = slices.Concat(candidates, s.named["*."+parent])
	}
	for _, c := range candidates {
		if supports(hello, c) {
			return c
		}
	}
	if len(candidates) > 0 {
		return candidates[0]
	}
	return s.fallback
}

// supports tells whether a client can use a certificate, without regard to
// whether it is for the name that it asked for.
func supports(hello *tls.ClientHelloInfo, c *tls.Certificate) bool {
	h := *hello
	h.ServerName = ""
	return h.SupportsCertificate(c) == nil
}

func (t *TLS) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return clock.Machine()
}
