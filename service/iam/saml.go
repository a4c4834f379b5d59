package iam

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"slices"
	"strings"
	"time"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/rng"
	"pileus/store"
)

const (
	// metadataLife is how long metadata without a validUntil is good for.
	metadataLife   = 100 // years
	samlKeysQuota  = 2
	samlKeyIDChars = 64
)

// findSAML is the account's SAML provider with the ARN.
func findSAML(c *cloud.Call, r store.Reader, arn string) (*identity.SAMLProvider, error) {
	a, ok := cloud.ParseARN(arn)
	name, isSAML := strings.CutPrefix(a.Resource, "saml-provider/")
	if !ok || !isSAML || a.Service != "iam" {
		return nil, api.ErrInvalidInput.New("Invalid ARN: %s", arn)
	}
	p, ok := identity.SAMLProviders.Get(r, c.Account, name)
	if !ok || a.Account != c.Account {
		return nil, api.ErrNoSuchEntity.New("Manifest not found for arn %s", arn)
	}
	return p, nil
}

// entityDescriptor is what IAM needs of an identity provider's metadata
// (SAML 2.0 metadata, section 2.3.2).
type entityDescriptor struct {
	XMLName    xml.Name
	EntityID   string `xml:"entityID,attr"`
	ValidUntil string `xml:"validUntil,attr"`
	IDP        *struct {
		Keys []struct {
			Use          string   `xml:"use,attr"`
			Certificates []string `xml:"KeyInfo>X509Data>X509Certificate"`
		} `xml:"KeyDescriptor"`
		SSO []struct {
			Location string `xml:"Location,attr"`
		} `xml:"SingleSignOnService"`
	} `xml:"IDPSSODescriptor"`
}

// parseMetadata checks an identity provider's metadata and says until when it
// is good.
func parseMetadata(document string, now time.Time) (time.Time, error) {
	bad := func(why string) error { return api.ErrInvalidInput.New("Could not parse metadata: %s", why) }
	var e entityDescriptor
	if err := xml.Unmarshal([]byte(document), &e); err != nil {
		return time.Time{}, api.ErrInvalidInput.New("Could not parse metadata")
	}
	switch {
	case e.XMLName.Local != "EntityDescriptor" || e.EntityID == "":
		return time.Time{}, bad("an EntityDescriptor with an entityID is needed")
	case e.IDP == nil:
		return time.Time{}, bad("no IDPSSODescriptor")
	case len(e.IDP.SSO) == 0:
		return time.Time{}, bad("no SingleSignOnService")
	}
	certs := 0
	for _, k := range e.IDP.Keys {
		for _, text := range k.Certificates {
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
			if err != nil {
				return time.Time{}, bad("malformed X509Certificate")
			}
			if _, err := x509.ParseCertificate(der); err != nil {
				return time.Time{}, bad("malformed X509Certificate")
			}
			if k.Use == "" || k.Use == "signing" {
				certs++
			}
		}
	}
	if certs == 0 {
		return time.Time{}, bad("no certificate for signing")
	}
	if e.ValidUntil == "" {
		return now.AddDate(metadataLife, 0, 0), nil
	}
	until, err := time.Parse(time.RFC3339Nano, e.ValidUntil)
	if err != nil {
		return time.Time{}, bad("malformed validUntil")
	}
	if until.Before(now) {
		return time.Time{}, bad("validUntil has passed")
	}
	return until.UTC(), nil
}

func newSAMLKey(c *cloud.Call, text string) (identity.SAMLKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return identity.SAMLKey{}, api.ErrInvalidInput.New("The private key must be in PEM format.")
	}
	// Keys of other kinds cannot decrypt (XML Encryption, section 5.5).
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if _, isRSA := parsed.(*rsa.PrivateKey); err != nil || !isRSA {
		_, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if err != nil {
		return identity.SAMLKey{}, api.ErrInvalidInput.New("The private key could not be parsed.")
	}
	return identity.SAMLKey{ID: strings.ToUpper(c.Rand().String(samlKeyIDChars, rng.Hex)), PEM: text, Created: c.Now}, nil
}

func createSAMLProvider(c *cloud.Call, tx store.Tx, in *api.CreateSAMLProviderInput) (*api.CreateSAMLProviderOutput, error) {
	if identity.SAMLProviders.Has(tx, c.Account, in.Name) {
		return nil, api.ErrEntityAlreadyExists.New("SAMLProvider %s already exists.", in.Name)
	}
	if identity.SAMLProviders.Count(tx, c.Account) >= samlProvidersQuota {
		return nil, errQuota("SAMLProvidersPerAccount", samlProvidersQuota)
	}
	until, err := parseMetadata(in.SAMLMetadataDocument, c.Now)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := &identity.SAMLProvider{Account: c.Account, Name: in.Name, ARN: arnOf(c, "saml-provider", "/", in.Name),
		UUID: c.Rand().UUID(), Metadata: in.SAMLMetadataDocument, Created: c.Now, ValidUntil: until, Tags: tags,
		EncryptionMode: cloud.Or(in.AssertionEncryptionMode, "")}
	if in.AddPrivateKey != nil {
		k, err := newSAMLKey(c, *in.AddPrivateKey)
		if err != nil {
			return nil, err
		}
		p.Keys = append(p.Keys, k)
	}
	if err := checkEncryption(p); err != nil {
		return nil, err
	}
	identity.SAMLProviders.Insert(tx, p)
	return &api.CreateSAMLProviderOutput{SAMLProviderArn: &p.ARN, Tags: optionalTags(p.Tags)}, nil
}

// checkEncryption: what has to be encrypted, somebody has to decrypt.
func checkEncryption(p *identity.SAMLProvider) error {
	if p.EncryptionMode == api.AssertionEncryptionModeTypeRequired && len(p.Keys) == 0 {
		return api.ErrInvalidInput.New("Assertions cannot be required to be encrypted without a private key.")
	}
	return nil
}

func getSAMLProvider(c *cloud.Call, r store.Reader, in *api.GetSAMLProviderInput) (*api.GetSAMLProviderOutput, error) {
	p, err := findSAML(c, r, in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	out := &api.GetSAMLProviderOutput{SAMLMetadataDocument: &p.Metadata, CreateDate: &p.Created, ValidUntil: &p.ValidUntil,
		Tags: tagViews(p.Tags), SAMLProviderUUID: &p.UUID}
	if p.EncryptionMode != "" {
		out.AssertionEncryptionMode = &p.EncryptionMode
	}
	for _, k := range p.Keys {
		out.PrivateKeyList = append(out.PrivateKeyList, api.SAMLPrivateKey{KeyId: &k.ID, Timestamp: &k.Created})
	}
	return out, nil
}

func listSAMLProviders(c *cloud.Call, r store.Reader, _ *api.ListSAMLProvidersInput) (*api.ListSAMLProvidersOutput, error) {
	list := slices.Collect(identity.SAMLProviders.Scan(r, c.Account))
	return &api.ListSAMLProvidersOutput{SAMLProviderList: views(list, func(p *identity.SAMLProvider) api.SAMLProviderListEntry {
		return api.SAMLProviderListEntry{Arn: &p.ARN, ValidUntil: &p.ValidUntil, CreateDate: &p.Created}
	})}, nil
}

func updateSAMLProvider(c *cloud.Call, tx store.Tx, in *api.UpdateSAMLProviderInput) (*api.UpdateSAMLProviderOutput, error) {
	p, err := findSAML(c, tx, in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	if in.SAMLMetadataDocument != nil {
		if p.ValidUntil, err = parseMetadata(*in.SAMLMetadataDocument, c.Now); err != nil {
			return nil, err
		}
		p.Metadata = *in.SAMLMetadataDocument
	}
	if in.RemovePrivateKey != nil {
		n := len(p.Keys)
		p.Keys = slices.DeleteFunc(p.Keys, func(k identity.SAMLKey) bool { return k.ID == *in.RemovePrivateKey })
		if len(p.Keys) == n {
			return nil, api.ErrNoSuchEntity.New("The private key %s cannot be found.", *in.RemovePrivateKey)
		}
	}
	if in.AddPrivateKey != nil {
		if len(p.Keys) >= samlKeysQuota {
			return nil, errQuota("PrivateKeysPerSAMLProvider", samlKeysQuota)
		}
		k, err := newSAMLKey(c, *in.AddPrivateKey)
		if err != nil {
			return nil, err
		}
		p.Keys = append(p.Keys, k)
	}
	p.EncryptionMode = cloud.Or(in.AssertionEncryptionMode, p.EncryptionMode)
	if err := checkEncryption(p); err != nil {
		return nil, err
	}
	identity.SAMLProviders.Put(tx, p)
	return &api.UpdateSAMLProviderOutput{SAMLProviderArn: &p.ARN}, nil
}

func deleteSAMLProvider(c *cloud.Call, tx store.Tx, in *api.DeleteSAMLProviderInput) (*cloud.Empty, error) {
	p, err := findSAML(c, tx, in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	identity.SAMLProviders.Delete(tx, c.Account, p.Name)
	return new(cloud.Empty), nil
}

func taggedSAML(c *cloud.Call, r store.Reader, arn string) (tagged, error) {
	p, err := findSAML(c, r, arn)
	if err != nil {
		return tagged{}, err
	}
	return tagged{&p.Tags, func(tx store.Tx) { identity.SAMLProviders.Put(tx, p) }}, nil
}

func tagSAMLProvider(c *cloud.Call, tx store.Tx, in *api.TagSAMLProviderInput) (*cloud.Empty, error) {
	x, err := taggedSAML(c, tx, in.SAMLProviderArn)
	return tag(tx, x, err, in.Tags)
}

func untagSAMLProvider(c *cloud.Call, tx store.Tx, in *api.UntagSAMLProviderInput) (*cloud.Empty, error) {
	x, err := taggedSAML(c, tx, in.SAMLProviderArn)
	return untag(tx, x, err, in.TagKeys)
}

func listSAMLProviderTags(c *cloud.Call, r store.Reader, in *api.ListSAMLProviderTagsInput) (*api.ListSAMLProviderTagsOutput, error) {
	x, err := taggedSAML(c, r, in.SAMLProviderArn)
	tags, p, err := listTags(x, err, in.Marker, in.MaxItems)
	return &api.ListSAMLProviderTagsOutput{Tags: tags, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}
