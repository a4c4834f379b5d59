package identity

import (
	"time"

	"pileus/store"
)

// SAMLProvider is an identity provider that asserts by SAML 2.0.
type SAMLProvider struct {
	Account, Name, ARN, UUID string
	Metadata                 string // the EntityDescriptor, as uploaded
	Created, ValidUntil      time.Time
	Tags                     Tags
	EncryptionMode           string // "Required", "Allowed" or empty
	Keys                     []SAMLKey
}

// SAMLKey decrypts assertions that a provider encrypted.
type SAMLKey struct {
	ID      string
	PEM     string
	Created time.Time
}

// OIDCProvider is an OpenID Connect identity provider.
type OIDCProvider struct {
	Account, ARN string
	URL          string // without scheme: "accounts.example.com/realm"
	ClientIDs    []string
	Thumbprints  []string // SHA-1 of the server's top certificate, hexadecimal
	Created      time.Time
	Tags         Tags
}

// SAMLProviders by account and name, OIDCProviders by account and URL.
var (
	SAMLProviders = &records[SAMLProvider]{
		Table: store.Table[SAMLProvider]{
			Name: "identity.saml",
			Key:  func(p *SAMLProvider) store.Key { return store.K(p.Account, p.Name) },
		},
		counted: true,
	}
	OIDCProviders = &records[OIDCProvider]{
		Table: store.Table[OIDCProvider]{
			Name: "identity.oidc",
			Key:  func(p *OIDCProvider) store.Key { return store.K(p.Account, p.URL) },
		},
		counted: true,
	}
)
