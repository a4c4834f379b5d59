package sts

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"

	"pileus/identity"
)

const (
	protocolNS  = "urn:oasis:names:tc:SAML:2.0:protocol"
	assertionNS = "urn:oasis:names:tc:SAML:2.0:assertion"
	success     = "urn:oasis:names:tc:SAML:2.0:status:Success"
	// encryptionRequired is a provider's AssertionEncryptionMode.
	encryptionRequired = "Required"
	bearer             = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
)

// assertion is what STS reads of a SAML 2.0 assertion (SAML core, section 2).
type assertion struct {
	IssueInstant time.Time `xml:"IssueInstant,attr"`
	Issuer       string
	Subject      struct {
		NameID struct {
			Format string `xml:"Format,attr"`
			Value  string `xml:",chardata"`
		}
		Confirmations []struct {
			Method string `xml:"Method,attr"`
			Data   struct {
				Recipient    string    `xml:"Recipient,attr"`
				NotOnOrAfter time.Time `xml:"NotOnOrAfter,attr"`
			} `xml:"SubjectConfirmationData"`
		} `xml:"SubjectConfirmation"`
	}
	Conditions struct {
		NotBefore    time.Time `xml:"NotBefore,attr"`
		NotOnOrAfter time.Time `xml:"NotOnOrAfter,attr"`
		Restrictions []struct {
			Audience []string
		} `xml:"AudienceRestriction"`
	}
	Statements []struct {
		SessionNotOnOrAfter time.Time `xml:"SessionNotOnOrAfter,attr"`
	} `xml:"AuthnStatement"`
	Attributes []struct {
		Name   string   `xml:"Name,attr"`
		Values []string `xml:"AttributeValue"`
	} `xml:"AttributeStatement>Attribute"`
}

// attribute is the values of an attribute, in order.
func (a *assertion) attribute(name string) (values []string) {
	for _, x := range a.Attributes {
		if x.Name == name {
			for _, v := range x.Values {
				values = append(values, strings.TrimSpace(v))
			}
		}
	}
	return values
}

// metadata is what is needed of an identity provider's EntityDescriptor.
type metadata struct {
	EntityID string `xml:"entityID,attr"`
	Keys     []struct {
		Use          string   `xml:"use,attr"`
		Certificates []string `xml:"KeyInfo>X509Data>X509Certificate"`
	} `xml:"IDPSSODescriptor>KeyDescriptor"`
}

// parseMetadata reads a document that IAM has accepted.
func parseMetadata(document string) (entity string, certs []*x509.Certificate, err error) {
	var m metadata
	if err := xml.Unmarshal([]byte(document), &m); err != nil {
		return "", nil, errIdentityToken("Could not parse metadata")
	}
	for _, k := range m.Keys {
		if k.Use != "" && k.Use != "signing" {
			continue
		}
		for _, text := range k.Certificates {
			der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
			if err != nil {
				return "", nil, errIdentityToken("Could not parse metadata")
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				return "", nil, errIdentityToken("Could not parse metadata")
			}
			certs = append(certs, cert)
		}
	}
	return m.EntityID, certs, nil
}

// openResponse finds the assertion of a SAML response that one of the
// certificates signed: the assertion itself or the response around it. What it
// returns is read from the signed bytes alone, so that nothing that stands
// beside them in the document is ever looked at.
func openResponse(encoded string, certs []*x509.Certificate, p *identity.SAMLProvider, now time.Time) (*assertion, error) {
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil {
		return nil, errIdentityToken("Invalid base64 SAMLResponse")
	}
	doc := etree.NewDocument()
	if doc.ReadFromBytes(text) != nil || doc.Root() == nil {
		return nil, errIdentityToken("Could not parse SAMLResponse")
	}
	root := doc.Root()
	if root.Tag != "Response" || root.NamespaceURI() != protocolNS {
		return nil, errIdentityToken("Could not parse SAMLResponse")
	}
	v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: certs})
	v.Clock = dsig.NewFakeClockAt(now)
	response, signed := root, false
	if whole, err := v.Validate(root.Copy()); err == nil {
		response, signed = whole, true
	}
	if code := statusOf(response); code != success {
		return nil, errIdentityToken("The identity provider answered with the status %s", code)
	}
	el, err := assertionOf(response, p)
	if err != nil {
		return nil, err
	}
	if !signed {
		if el, err = v.Validate(el); err != nil {
			return nil, errIdentityToken("Response signature invalid")
		}
	}
	out := etree.NewDocument()
	out.SetRoot(el)
	b, err := out.WriteToBytes()
	if err != nil {
		return nil, errIdentityToken("Could not parse SAMLResponse")
	}
	a := new(assertion)
	if xml.Unmarshal(b, a) != nil {
		return nil, errIdentityToken("Could not parse SAMLResponse")
	}
	return a, nil
}

func statusOf(response *etree.Element) string {
	for _, s := range response.ChildElements() {
		if s.Tag == "Status" && s.NamespaceURI() == protocolNS {
			if code := s.SelectElement("StatusCode"); code != nil {
				return code.SelectAttrValue("Value", "")
			}
		}
	}
	return ""
}

// assertionOf is the response's only assertion, taken out of the document with
// the namespaces that it uses, or decrypted.
func assertionOf(response *etree.Element, p *identity.SAMLProvider) (*etree.Element, error) {
	var found *etree.Element
	for _, el := range response.ChildElements() {
		switch {
		case el.NamespaceURI() != assertionNS:
		case el.Tag != "EncryptedAssertion" && el.Tag != "Assertion":
		case found != nil:
			return nil, errIdentityToken("SAMLResponse must contain exactly one assertion")
		default:
			found = el
		}
	}
	switch {
	case found == nil:
		return nil, errIdentityToken("SAMLResponse must contain exactly one assertion")
	case found.Tag == "EncryptedAssertion":
		return decryptAssertion(found, p.Keys)
	case p.EncryptionMode == encryptionRequired:
		return nil, errIdentityToken("The provider requires encrypted assertions")
	}
	ctx, err := etreeutils.NSBuildParentContext(found)
	if err != nil {
		return nil, errIdentityToken("Could not parse SAMLResponse")
	}
	out, err := etreeutils.NSDetatch(ctx, found)
	if err != nil {
		return nil, errIdentityToken("Could not parse SAMLResponse")
	}
	return out, nil
}
