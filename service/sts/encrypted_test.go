package sts_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/beevik/etree"
	"github.com/crewjam/saml/xmlenc"
)

// seal puts an EncryptedAssertion in the place of a response's assertion,
// encrypted for whoever has the certificate's key.
func seal(t *testing.T, response *etree.Element, to *idp, block xmlenc.BlockCipher) *etree.Element {
	t.Helper()
	a := response.SelectElement("Assertion")
	doc := etree.NewDocument()
	doc.SetRoot(a.Copy())
	if doc.Root().SelectAttr("xmlns:saml") == nil {
		doc.Root().CreateAttr("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
	}
	text := must(doc.WriteToBytes())(t)
	cert := must(x509.ParseCertificate(to.cert))(t)
	method := xmlenc.OAEP()
	method.BlockCipher = block
	data := must(method.Encrypt(cert, text, []byte("0123456789ab")))(t)
	response.RemoveChild(a)
	response.CreateElement("saml:EncryptedAssertion").AddChild(data)
	return response
}

// gcm is AES in Galois counter mode with a key of so many bytes.
type gcm int

func (g gcm) KeySize() int      { return int(g) }
func (g gcm) Algorithm() string { return fmt.Sprintf("http://www.w3.org/2009/xmlenc11#aes%d-gcm", 8*g) }

func (g gcm) Decrypt(any, *etree.Element) ([]byte, error) { return nil, errors.ErrUnsupported }

func (g gcm) Encrypt(key any, text, nonce []byte) (*etree.Element, error) {
	block, err := aes.NewCipher(key.([]byte))
	if err != nil {
		return nil, err
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	el := etree.NewElement("xenc:EncryptedData")
	el.CreateAttr("xmlns:xenc", "http://www.w3.org/2001/04/xmlenc#")
	el.CreateElement("xenc:EncryptionMethod").CreateAttr("Algorithm", g.Algorithm())
	el.CreateElement("xenc:CipherData").CreateElement("xenc:CipherValue").SetText(base64.StdEncoding.EncodeToString(box.Seal(nonce, nonce, text, nil)))
	return el, nil
}

func (p *idp) privateKey(t *testing.T) *string {
	t.Helper()
	der := must(x509.MarshalPKCS8PrivateKey(p.key))(t)
	return aws.String(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func TestEncryptedSAML(t *testing.T) {
	w := world(t)
	ctx := t.Context()
	iam := iamsdk.NewFromConfig(w.Config())
	p, us, stranger := newIDP(t), newIDP(t), newIDP(t)
	provider := *must(iam.CreateSAMLProvider(ctx, &iamsdk.CreateSAMLProviderInput{Name: aws.String("corp"), SAMLMetadataDocument: aws.String(p.metadata())}))(t).SAMLProviderArn
	arn := role(w, account, "staff", trusting(`{"Federated":"`+provider+`"}`, "", "sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"))
	ask := func(response *etree.Element) error {
		encoded := encode(t, response)
		_, err := anonymous(w).AssumeRoleWithSAML(ctx, &sdk.AssumeRoleWithSAMLInput{RoleArn: &arn, PrincipalArn: &provider, SAMLAssertion: &encoded})
		return err
	}
	plain := func() *etree.Element { return p.signAssertion(t, claim{}.response(arn, provider)) }
	refused(t, ask(seal(t, plain(), us, xmlenc.AES256CBC)), "InvalidIdentityToken", "could not be decrypted")
	must(iam.UpdateSAMLProvider(ctx, &iamsdk.UpdateSAMLProviderInput{SAMLProviderArn: &provider, AddPrivateKey: stranger.privateKey(t)}))(t)
	refused(t, ask(seal(t, plain(), us, xmlenc.AES256CBC)), "InvalidIdentityToken", "could not be decrypted")
	must(iam.UpdateSAMLProvider(ctx, &iamsdk.UpdateSAMLProviderInput{SAMLProviderArn: &provider, AddPrivateKey: us.privateKey(t),
		AssertionEncryptionMode: iamtypes.AssertionEncryptionModeTypeAllowed}))(t)

	broken := seal(t, plain(), us, gcm(32))
	value := broken.FindElement("./EncryptedAssertion/EncryptedData/CipherData/CipherValue")
	value.SetText("AAAA" + value.Text()[4:])
	beside := seal(t, plain(), us, xmlenc.AES128CBC)
	data := beside.FindElement("./EncryptedAssertion/EncryptedData")
	wrapped := data.FindElement("./KeyInfo/EncryptedKey")
	wrapped.Parent().RemoveChild(wrapped)
	beside.FindElement("./EncryptedAssertion").AddChild(wrapped)
	odd := seal(t, plain(), us, xmlenc.AES256CBC)
	odd.FindElement("./EncryptedAssertion/EncryptedData/CipherData/CipherValue").SetText(base64.StdEncoding.EncodeToString(make([]byte, 41)))
	short := seal(t, plain(), us, gcm(16))
	short.FindElement("./EncryptedAssertion/EncryptedData/CipherData/CipherValue").SetText("AAAA")
	two := seal(t, plain(), us, xmlenc.AES256CBC)
	two.AddChild(claim{}.response(arn, provider).SelectElement("Assertion").Copy())
	for name, x := range map[string]struct {
		response   *etree.Element
		code, text string
	}{
		"AES-128-CBC":                {seal(t, plain(), us, xmlenc.AES128CBC), "", ""},
		"AES-256-CBC":                {seal(t, plain(), us, xmlenc.AES256CBC), "", ""},
		"AES-256-GCM":                {seal(t, plain(), us, gcm(32)), "", ""},
		"the key beside the data":    {beside, "", ""},
		"for the other key":          {seal(t, plain(), stranger, xmlenc.AES256CBC), "", ""},
		"signed over the ciphertext": {p.sign(t, seal(t, claim{}.response(arn, provider), us, xmlenc.AES256CBC)), "", ""},
		"not encrypted":              {plain(), "", ""},
		"not signed":                 {seal(t, claim{}.response(arn, provider), us, xmlenc.AES256CBC), "InvalidIdentityToken", "Response signature invalid"},
		"signed by somebody else":    {seal(t, stranger.signAssertion(t, claim{}.response(arn, provider)), us, xmlenc.AES256CBC), "InvalidIdentityToken", "Response signature invalid"},
		"changed on the way":         {broken, "InvalidIdentityToken", "could not be decrypted"},
		"of no whole blocks":         {odd, "InvalidIdentityToken", "could not be decrypted"},
		"too short":                  {short, "InvalidIdentityToken", "could not be decrypted"},
		"for somebody else":          {seal(t, plain(), p, xmlenc.AES256CBC), "InvalidIdentityToken", "could not be decrypted"},
		"with another one in plain":  {two, "InvalidIdentityToken", "exactly one assertion"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, ask(x.response), x.code, x.text) })
	}
	must(iam.UpdateSAMLProvider(ctx, &iamsdk.UpdateSAMLProviderInput{SAMLProviderArn: &provider, AssertionEncryptionMode: iamtypes.AssertionEncryptionModeTypeRequired}))(t)
	refused(t, ask(plain()), "InvalidIdentityToken", "requires encrypted assertions")
	refused(t, ask(seal(t, plain(), us, xmlenc.AES256CBC)), "", "")
}
