package metadata

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"
)

// Secrets are the cloud's own keys: what marks session tokens, and what signs
// identity documents with the certificate that verifies them.
type Secrets struct {
	Token       []byte
	Key         []byte // RSA in PKCS #1
	Certificate []byte // DER, self-signed
}

const identityBits = 2048

// NewSecrets makes a cloud's keys.
func NewSecrets(now time.Time) (*Secrets, error) {
	key, err := rsa.GenerateKey(rand.Reader, identityBits)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{"pileus"}, CommonName: "pileus instance identity"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(195, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	s := &Secrets{Token: make([]byte, 32), Key: x509.MarshalPKCS1PrivateKey(key), Certificate: cert}
	_, err = rand.Read(s.Token)
	return s, err
}

// sign is the RSA-SHA256 signature of a document in Base64.
func (k *Secrets) sign(document []byte) (string, error) {
	key, err := x509.ParsePKCS1PrivateKey(k.Key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(document)
	b, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// envelope is the document inside of its PKCS #7 signature, in Base64 without
// the lines of PEM around it.
func (k *Secrets) envelope(document []byte) (string, error) {
	key, err := x509.ParsePKCS1PrivateKey(k.Key)
	if err != nil {
		return "", err
	}
	cert, err := x509.ParseCertificate(k.Certificate)
	if err != nil {
		return "", err
	}
	data, err := pkcs7.NewSignedData(document)
	if err != nil {
		return "", err
	}
	data.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := data.AddSigner(cert, key, pkcs7.SignerInfoConfig{}); err != nil {
		return "", err
	}
	der, err := data.Finish()
	if err != nil {
		return "", err
	}
	return wrap(base64.StdEncoding.EncodeToString(der)), nil
}

// wrap breaks text into lines as PEM has them.
func wrap(text string) string {
	const width = 64
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	return b.String() + text
}

// document is the instance identity document.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
func (i *Instance) document() []byte {
	private := ""
	if len(i.Interfaces) > 0 && len(i.Interfaces[0].Addresses) > 0 {
		private = i.Interfaces[0].Addresses[0].Private.String()
	}
	fields := [][2]any{
		{"accountId", i.Account}, {"architecture", i.Architecture}, {"availabilityZone", i.Zone},
		{"billingProducts", nil}, {"devpayProductCodes", nil}, {"marketplaceProductCodes", nil},
		{"imageId", i.Image}, {"instanceId", i.ID}, {"instanceType", i.Type}, {"kernelId", nil},
		{"pendingTime", i.Launched.UTC().Format(stamp)}, {"privateIp", private}, {"ramdiskId", nil},
		{"region", i.Region}, {"version", "2017-09-30"},
	}
	lines := make([]string, len(fields))
	for n, f := range fields {
		value, _ := json.Marshal(f[1]) // of a string or nil
		lines[n] = fmt.Sprintf("  %q : %s", f[0], value)
	}
	return []byte("{\n" + strings.Join(lines, ",\n") + "\n}")
}

// dynamic is the tree of what is made for each request.
func (q *query) dynamic() *dir {
	d := newDir()
	monitoring := "disabled"
	if q.i.Monitoring {
		monitoring = "enabled"
	}
	d.sub("fws").text("instance-monitoring", monitoring)
	id, doc := d.sub("instance-identity"), q.i.document()
	id.text("document", string(doc))
	signed := func(name string, f func([]byte) (string, error)) {
		id.add(name, item{value: func() (string, bool) {
			text, err := f(doc)
			q.err = err
			return text, err == nil
		}})
	}
	signed("signature", q.secrets.sign)
	signed("rsa2048", q.secrets.envelope)
	signed("pkcs7", q.secrets.envelope)
	return d
}
