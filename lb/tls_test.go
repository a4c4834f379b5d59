package lb

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"pileus/clock"
)

// authority issues certificates for tests.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  crypto.Signer
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.key = ecKey(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: clock.Machine().Add(-time.Hour), NotAfter: clock.Machine().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func ecKey(t testing.TB) crypto.Signer {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t testing.TB) crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// issue makes a certificate that is good for d from now on.
func (a *authority) issue(key crypto.Signer, serial int64, d time.Duration, names ...string) *tls.Certificate {
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: clock.Machine().Add(-time.Hour), NotAfter: clock.Machine().Add(d),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// shake performs a handshake and returns what both sides made of it.
func shake(t *testing.T, server, client *tls.Config) (s tls.ConnectionState, serverErr, clientErr error) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	c := tls.Client(b, client)
	go func() {
		err := c.Handshake()
		if err == nil { // in TLS 1.3 the server's refusal comes with the first read
			_, err = c.Read(make([]byte, 1))
		}
		b.Close()
		done <- err
	}()
	e := tls.Server(a, server)
	if serverErr = e.Handshake(); serverErr == nil {
		_, serverErr = e.Write([]byte("x"))
	}
	clientErr = <-done
	return c.ConnectionState(), serverErr, clientErr
}

func TestCertificateChoice(t *testing.T) {
	ca := newAuthority(t)
	day := 24 * time.Hour
	one, two := rsaKey(t), ecKey(t)
	l := &TLS{Default: ca.issue(one, 10, day, "default.example.com"), Certificates: []*tls.Certificate{
		ca.issue(one, 11, day, "a.example.com"), ca.issue(two, 12, day, "a.example.com"), ca.issue(two, 13, day, "*.example.com"),
		ca.issue(one, 14, -time.Minute, "old.example.com"), ca.issue(one, 15, day, "old.example.com"), ca.issue(one, 16, 2*day, "old.example.com"),
	}}
	config, err := tlsConfig(l)
	if err != nil {
		t.Fatal(err)
	}
	rsaOnly := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	for _, test := range []struct {
		name    string
		ciphers []uint16
		want    int64
	}{
		{"a.example.com", nil, 12}, // the stronger kind of key
		{"a.example.com", rsaOnly, 11},
		{"A.Example.Com", nil, 12},
		{"b.example.com", nil, 13},
		{"old.example.com", nil, 16}, // not the one that has run out, and the longest
		{"b.b.example.com", nil, 10},
		{"elsewhere.org", nil, 10},
		{"", nil, 10},
	} {
		c := &tls.Config{ServerName: test.name, InsecureSkipVerify: true, CipherSuites: test.ciphers}
		if test.ciphers != nil {
			c.MaxVersion = tls.VersionTLS12
		}
		s, _, err := shake(t, config, c)
		if err != nil {
			t.Errorf("%q: %v", test.name, err)
			continue
		}
		if got := s.PeerCertificates[0].SerialNumber.Int64(); got != test.want {
			t.Errorf("%q: certificate %d, not %d", test.name, got, test.want)
		}
	}
}

func TestVersions(t *testing.T) {
	ca := newAuthority(t)
	l := &TLS{Default: ca.issue(ecKey(t), 10, time.Hour, "x.org"), MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
		Ciphers: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}}
	config, err := tlsConfig(l)
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := shake(t, config, &tls.Config{InsecureSkipVerify: true, CipherSuites: l.Ciphers})
	if err != nil || s.Version != tls.VersionTLS12 || s.CipherSuite != tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA {
		t.Errorf("%x with %x, %v", s.Version, s.CipherSuite, err)
	}
	if _, _, err := shake(t, config, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}); err == nil {
		t.Error("TLS 1.3 was spoken against the policy")
	}
	l.MaxVersion, l.PolicyName = 0, "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09"
	for name, want := range map[string]tls.CurveID{l.PolicyName: tls.X25519MLKEM768, "ELBSecurityPolicy-TLS13-1-2-2021-06": tls.X25519} {
		l.PolicyName = name
		if config, err = tlsConfig(l); err != nil {
			t.Fatal(err)
		}
		s, _, err := shake(t, config, &tls.Config{InsecureSkipVerify: true})
		if err != nil || s.CurveID != want {
			t.Errorf("%s: key exchange %v, %v", name, s.CurveID, err)
		}
	}
}

func TestClientCertificates(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	key := ecKey(t)
	good, stranger, old := ca.issue(key, 20, time.Hour, "client"), other.issue(key, 21, time.Hour, "client"), ca.issue(key, 0xabc, -time.Minute, "client")
	base := TLS{Default: ca.issue(key, 10, time.Hour, "x.org"), ClientCAs: ca.pool}
	revoked := func(serial string) bool { return serial == "14" }
	late := func() time.Time { return clock.Machine().Add(2 * time.Hour) }
	for _, test := range []struct {
		name   string
		client *tls.Certificate
		change func(*TLS)
		want   string // why it fails; "" for success
	}{
		{"off", nil, func(l *TLS) { l.ClientAuth = "off" }, ""},
		{"passed through without one", nil, func(l *TLS) { l.ClientAuth = "passthrough" }, ""},
		{"passed through", stranger, func(l *TLS) { l.ClientAuth = "passthrough" }, ""},
		{"good", good, func(l *TLS) { l.ClientAuth = "verify" }, ""},
		{"good, with authorities named", good, func(l *TLS) { l.ClientAuth, l.AdvertiseCAs = "verify", true }, ""},
		{"stranger", stranger, func(l *TLS) { l.ClientAuth = "verify" }, "ClientCertUntrusted"},
		{"nobody is trusted", good, func(l *TLS) { l.ClientAuth, l.ClientCAs = "verify", nil }, "ClientCertUntrusted"},
		{"expired", old, func(l *TLS) { l.ClientAuth = "verify" }, "ClientCertUntrusted"},
		{"expired by the cloud's time", good, func(l *TLS) { l.ClientAuth, l.Now = "verify", late }, "ClientCertUntrusted"},
		{"expired, which is ignored", old, func(l *TLS) { l.ClientAuth, l.IgnoreExpiry = "verify", true }, ""},
		{"revoked", good, func(l *TLS) { l.ClientAuth, l.Revoked = "verify", revoked }, "ClientCertCrlHit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := base
			test.change(&l)
			config, err := tlsConfig(&l)
			if err != nil {
				t.Fatal(err)
			}
			named := 0
			c := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
				named = len(r.AcceptableCAs)
				if test.client == nil {
					return &tls.Certificate{}, nil
				}
				return test.client, nil
			}}
			_, serverErr, clientErr := shake(t, config, c)
			if got := clientCertFailure(serverErr); got != test.want || (clientErr == nil) != (test.want == "") {
				t.Errorf("%q, not %q: %v, %v", got, test.want, serverErr, clientErr)
			}
			if (named > 0) != l.AdvertiseCAs {
				t.Errorf("%d authorities were named", named)
			}
		})
	}
	if got := SerialNumber(big.NewInt(0xabc)); got != "0ABC" {
		t.Errorf("serial number %s", got)
	}
}
