package attach

import (
	"crypto/tls"
	"errors"
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// ErrNoCertificate is the answer for an ARN that no certificate has; each
// service words it in its own way.
var ErrNoCertificate = errors.New("no such certificate")

// Certificate is the certificate with an ARN: a server certificate of IAM.
// Those of Certificate Manager are not found while the cloud has no such
// service.
func Certificate(c *cloud.Call, r store.Reader, arn string) (*tls.Certificate, error) {
	account, name, ok := serverCertificate(arn)
	if !ok || account != c.Account {
		return nil, ErrNoCertificate
	}
	s, ok := identity.ServerCertificates.Get(r, account, identity.Fold(name))
	if !ok || s.ARN != arn {
		return nil, ErrNoCertificate
	}
	cert, err := tls.X509KeyPair([]byte(strings.TrimSpace(s.Body)+"\n"+s.Chain), []byte(s.PrivateKey))
	if err != nil {
		return nil, err
	}
	return &cert, nil
}

// serverCertificate reads arn:aws:iam::ACCOUNT:server-certificate/PATH/NAME.
func serverCertificate(arn string) (account, name string, ok bool) {
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 || p[2] != "iam" || !strings.HasPrefix(p[5], "server-certificate/") {
		return "", "", false
	}
	return p[4], p[5][strings.LastIndexByte(p[5], '/')+1:], true
}
