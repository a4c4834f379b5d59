package sts_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"pileus/clock"
)

const entity = "https://idp.corp.test/metadata"

// idp is an identity provider that signs assertions.
type idp struct {
	key  *rsa.PrivateKey
	cert []byte
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := clock.Machine()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &idp{key, cert}
}

func (p *idp) metadata() string {
	return `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="` + entity + `"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + base64.StdEncoding.EncodeToString(p.cert) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.corp.test/sso"/></IDPSSODescriptor></EntityDescriptor>` + strings.Repeat(" ", 1000)
}

// claim is what an assertion says; the zero fields are those of a good one.
type claim struct {
	issuer, audience, recipient, session, roles, status string
	issued, ends                                        time.Duration // from now
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// response is an unsigned SAML response.
func (c claim) response(role, provider string) *etree.Element {
	now := clock.Machine()
	at := func(d time.Duration) string { return now.Add(d).Format("2006-01-02T15:04:05Z") }
	ends := c.ends
	if ends == 0 {
		ends = 5 * time.Minute
	}
	attribute := func(name string, values ...string) string {
		return `<saml:Attribute Name="` + name + `"><saml:AttributeValue>` + strings.Join(values, "</saml:AttributeValue><saml:AttributeValue>") + `</saml:AttributeValue></saml:Attribute>`
	}
	const base = "https://aws.amazon.com/SAML/Attributes/"
	name := ""
	if c.session != "none" {
		name = attribute(base+"RoleSessionName", or(c.session, "alice@corp.test"))
	}
	text := `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r1" Version="2.0" IssueInstant="` + at(c.issued) + `">` +
		`<saml:Issuer>` + or(c.issuer, entity) + `</saml:Issuer>` +
		`<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:` + or(c.status, "Success") + `"/></samlp:Status>` +
		`<saml:Assertion ID="_a1" Version="2.0" IssueInstant="` + at(c.issued) + `"><saml:Issuer>` + or(c.issuer, entity) + `</saml:Issuer>` +
		`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">alice</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="` + at(ends) + `" Recipient="` + or(c.recipient, "https://signin.aws.amazon.com/saml") + `"/></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="` + at(-10*time.Minute) + `" NotOnOrAfter="` + at(ends) + `"><saml:AudienceRestriction><saml:Audience>` + or(c.audience, "urn:amazon:webservices") + `</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
		`<saml:AuthnStatement AuthnInstant="` + at(0) + `" SessionNotOnOrAfter="` + at(30*time.Minute) + `"/>` +
		`<saml:AttributeStatement>` + attribute(base+"Role", "arn:aws:iam::1:role/x,arn:aws:iam::1:saml-provider/x", or(c.roles, role+","+provider)) + name +
		attribute(base+"PrincipalTag:team", "blue") + attribute(base+"SourceIdentity", "alice") + `</saml:AttributeStatement></saml:Assertion></samlp:Response>`
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		panic(err)
	}
	return doc.Root()
}

// sign signs an element, which it returns with its signature.
func (p *idp) sign(t *testing.T, el *etree.Element) *etree.Element {
	t.Helper()
	ctx := dsig.NewDefaultSigningContext(dsig.TLSCertKeyStore{PrivateKey: p.key, Certificate: [][]byte{p.cert}})
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	out, err := ctx.SignEnveloped(el)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// signAssertion signs the assertion within a response.
func (p *idp) signAssertion(t *testing.T, response *etree.Element) *etree.Element {
	t.Helper()
	a := response.SelectElement("Assertion")
	at := a.Index()
	a.CreateAttr("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
	response.RemoveChild(a)
	response.InsertChildAt(at, p.sign(t, a))
	return response
}

func encode(t *testing.T, el *etree.Element) string {
	t.Helper()
	doc := etree.NewDocument()
	doc.SetRoot(el)
	b, err := doc.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func TestSAML(t *testing.T) {
	w := world(t)
	p, stranger := newIDP(t), newIDP(t)
	provider := *must(iamsdk.NewFromConfig(w.Config()).CreateSAMLProvider(t.Context(), &iamsdk.CreateSAMLProviderInput{
		Name: aws.String("corp"), SAMLMetadataDocument: aws.String(p.metadata()),
	}))(t).SAMLProviderArn
	arn := role(w, account, "staff", trusting(`{"Federated":"`+provider+`"}`,
		`{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml","SAML:iss":"`+entity+`","SAML:sub_type":"persistent","SAML:doc":"`+account+`/corp"}}`,
		"sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"),
		grants(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*",
		"Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:SourceIdentity":"alice","saml:sub":"alice"}}}]}`))
	untrusting := role(w, account, "other", trusting(byAccount(account), ""))
	ask := func(role, encoded string) (*sdk.AssumeRoleWithSAMLOutput, error) {
		return anonymous(w).AssumeRoleWithSAML(t.Context(), &sdk.AssumeRoleWithSAMLInput{RoleArn: &role, PrincipalArn: &provider, SAMLAssertion: &encoded})
	}
	good := func(c claim) string { return encode(t, p.signAssertion(t, c.response(arn, provider))) }
	for name, test := range map[string]struct{ response, code, text string }{
		"signed assertion":          {good(claim{}), "", ""},
		"signed response":           {encode(t, p.sign(t, claim{}.response(arn, provider))), "", ""},
		"role and provider swapped": {good(claim{roles: provider + " , " + arn}), "", ""},
		"regional endpoint":         {good(claim{audience: "https://eu-west-1.signin.aws.amazon.com/saml", recipient: "https://signin.aws.amazon.com/saml"}), "", ""},
		"not signed":                {encode(t, claim{}.response(arn, provider)), "InvalidIdentityToken", "Response signature invalid"},
		"signed by somebody else":   {encode(t, stranger.signAssertion(t, claim{}.response(arn, provider))), "InvalidIdentityToken", "Response signature invalid"},
		"not base64":                {"<xml>", "InvalidIdentityToken", "Invalid base64 SAMLResponse"},
		"no XML":                    {base64.StdEncoding.EncodeToString([]byte("hello")), "InvalidIdentityToken", "Could not parse"},
		"another issuer":            {good(claim{issuer: "https://other.test"}), "InvalidIdentityToken", "Issuer not present in specified provider"},
		"for another audience":      {good(claim{audience: "https://app.test"}), "InvalidIdentityToken", "Audience"},
		"for another recipient":     {good(claim{recipient: "https://signin.aws.amazon.com.evil.test/saml"}), "InvalidIdentityToken", "Recipient"},
		"issued ten minutes ago":    {good(claim{issued: -10 * time.Minute}), "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance"},
		"ended":                     {good(claim{ends: -time.Second}), "ExpiredTokenException", ""},
		"without a session name":    {good(claim{session: "none"}), "InvalidIdentityToken", "RoleSessionName is required in AuthnResponse"},
		"with a bad session name":   {good(claim{session: "a b"}), "InvalidIdentityToken", "RoleSessionName in AuthnResponse must match"},
		"for another role":          {good(claim{roles: untrusting + "," + provider}), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"},
		"the provider said no":      {good(claim{status: "Responder"}), "InvalidIdentityToken", "Responder"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(arn, test.response)
			refused(t, err, test.code, test.text)
		})
	}
	out := must(ask(arn, good(claim{})))(t)
	equal(t, "answer", *out.Issuer+" "+*out.Subject+" "+*out.SubjectType+" "+*out.Audience, entity+" alice persistent https://signin.aws.amazon.com/saml")
	equal(t, "session", *out.AssumedRoleUser.Arn, "arn:aws:sts::"+account+":assumed-role/staff/alice@corp.test")
	if left := out.Credentials.Expiration.Sub(clock.Machine()); left > 30*time.Minute || left < 29*time.Minute {
		t.Errorf("the session lasts %v, want until SessionNotOnOrAfter, 30 minutes", left)
	}
	refused(t, listUsers(t, w, session(out.Credentials)), "", "")
	_, err := ask(untrusting, good(claim{roles: untrusting + "," + provider}))
	refused(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML")
	testWrapping(t, p, func(el *etree.Element) error { _, err := ask(arn, encode(t, el)); return err }, arn, provider)
}

// testWrapping moves a signed assertion aside and puts a forged one where it
// was, in the ways that have fooled others.
func testWrapping(t *testing.T, p *idp, ask func(*etree.Element) error, role, provider string) {
	forged := func() *etree.Element {
		return claim{session: "mallory@corp.test"}.response(role, provider).SelectElement("Assertion").Copy()
	}
	for name, wrap := range map[string]func(response *etree.Element){
		"forged before signed": func(r *etree.Element) { r.InsertChildAt(r.SelectElement("Assertion").Index(), forged()) },
		"forged after signed":  func(r *etree.Element) { r.AddChild(forged()) },
		"signed within forged": func(r *etree.Element) {
			signed := r.SelectElement("Assertion")
			r.RemoveChild(signed)
			f := forged()
			f.AddChild(signed)
			r.AddChild(f)
		},
		"signed among extensions": func(r *etree.Element) {
			signed := r.SelectElement("Assertion")
			r.RemoveChild(signed)
			r.CreateElement("samlp:Extensions").AddChild(signed)
			r.AddChild(forged())
		},
		"signature on the forged one": func(r *etree.Element) {
			signed := r.SelectElement("Assertion")
			signature := signed.SelectElement("Signature").Copy()
			r.RemoveChild(signed)
			f := forged()
			f.AddChild(signature)
			signature.CreateElement("ds:Object").AddChild(signed.Copy())
			r.AddChild(f)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.signAssertion(t, claim{}.response(role, provider))
			wrap(r)
			if err := ask(r); err == nil {
				t.Error("taken")
			} else {
				refused(t, err, "InvalidIdentityToken", "")
			}
		})
	}
}
