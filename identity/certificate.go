package identity

import (
	"time"

	"pileus/store"
)

// ServerCertificate is a TLS certificate with its key, for load balancers and
// CloudFront.
type ServerCertificate struct {
	Account, Name, Path, ID, ARN string
	Body, PrivateKey, Chain      string // PEM
	Uploaded, Expires            time.Time
	Tags                         Tags
}

// SigningCertificate is an X.509 certificate of a user.
type SigningCertificate struct {
	Account, User, ID string // an empty User is the root user
	Body              string // PEM
	Fingerprint       string // SHA-256 of the certificate, hexadecimal
	Inactive          bool
	Uploaded          time.Time
}

// SSHKey is a user's public key for CodeCommit.
type SSHKey struct {
	Account, User, ID string
	Body              string // as uploaded
	Fingerprint       string // MD5, in pairs
	Inactive          bool
	Uploaded          time.Time
}

// ServiceCredential is a user name and password for one service
// (CodeCommit, Amazon Keyspaces), or a bearer token (Bedrock, CloudWatch Logs).
type ServiceCredential struct {
	Account, User, ID string
	Service           string // "codecommit.amazonaws.com"
	Name, Password    string
	Inactive          bool
	Created, Expires  time.Time
}

// ServerCertificates are keyed by account and name in lower case; the
// others by account, user in lower case and id.
var (
	ServerCertificates = &records[ServerCertificate]{
		Table: store.Table[ServerCertificate]{
			Name: "identity.servercert",
			Key:  func(c *ServerCertificate) store.Key { return store.K(c.Account, fold(c.Name)) },
		},
		counted: true,
	}
	SigningCertificates = &records[SigningCertificate]{Table: store.Table[SigningCertificate]{
		Name: "identity.signingcert",
		Key:  func(c *SigningCertificate) store.Key { return store.K(c.Account, fold(c.User), c.ID) },
		Indexes: map[string]func(*SigningCertificate) store.Key{
			"fingerprint": func(c *SigningCertificate) store.Key { return store.K(c.Fingerprint) },
		},
	}}
	SSHKeys = &records[SSHKey]{Table: store.Table[SSHKey]{
		Name: "identity.sshkey",
		Key:  func(k *SSHKey) store.Key { return store.K(k.Account, fold(k.User), k.ID) },
	}}
	ServiceCredentials = &records[ServiceCredential]{Table: store.Table[ServiceCredential]{
		Name: "identity.servicecred",
		Key:  func(k *ServiceCredential) store.Key { return store.K(k.Account, fold(k.User), k.ID) },
	}}
)
