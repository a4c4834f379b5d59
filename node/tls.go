package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// names are what the endpoint's certificate is good for.
var names = []string{
	"localhost", "*.localhost", "*.s3.localhost", "*.s3-website.localhost",
	"localhost.localstack.cloud", "*.localhost.localstack.cloud", "*.s3.localhost.localstack.cloud",
	"*.us-east-1.localhost.localstack.cloud",
	"*.amazonaws.com", "*.s3.amazonaws.com", "*.us-east-1.amazonaws.com",
}

// authority is the cloud's own certificate authority, which clients and
// instances may choose to trust.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// tlsConfig makes the endpoint's TLS configuration with a certificate of the
// cloud's own authority. Nothing is made before the first TLS connection, because start-up is fast.
func tlsConfig(authority func() (*authority, error)) *tls.Config {
	var once onceCert
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return once.get(func() (*tls.Certificate, error) {
				ca, err := authority()
				if err != nil {
					return nil, err
				}
				return ca.issue(names)
			})
		},
	}
}

// trusted is the authority's certificate alone, in PEM: what clients and
// machines are told to trust.
func (a *authority) trusted() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// loadAuthority reads the authority of dir, or makes it.
func loadAuthority(dir string) (*authority, error) {
	if dir == "" {
		return newAuthority()
	}
	file := filepath.Join(dir, "ca.pem")
	b, err := os.ReadFile(file)
	if err == nil {
		return parseAuthority(b)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	a, err := newAuthority()
	if err != nil {
		return nil, err
	}
	return a, os.WriteFile(file, a.pem, 0o600)
}

func parseAuthority(b []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(b, b)
	if err != nil {
		return nil, fmt.Errorf("the certificate authority in ca.pem cannot be read: %w", err)
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the certificate authority in ca.pem has an unexpected kind of key")
	}
	return &authority{cert, key, b}, nil
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := machine()
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{Organization: []string{"pileus"}, CommonName: "pileus local authority"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return parsePair(der, key)
}

func parsePair(der []byte, key *ecdsa.PrivateKey) (*authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	b = append(b, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})...)
	return &authority{cert, key, b}, nil
}

// issue makes a server certificate for names and the loopback addresses.
func (a *authority) issue(names []string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := machine()
	t := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{Organization: []string{"pileus"}, CommonName: names[0]},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}, nil
}

func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // the operating system has no randomness
	}
	return n
}
