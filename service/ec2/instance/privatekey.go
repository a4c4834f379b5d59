package instance

import (
	"crypto"
	"crypto/ed25519"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"pileus/service/ec2/resource"
)

// rsaBits is how long the RSA keys are that EC2 makes.
const rsaBits = 2048

// privateKey is a new key pair with both halves.
type privateKey struct {
	rsa    *rsa.PrivateKey // one of the two
	ed     ed25519.PrivateKey
	public ssh.PublicKey
}

func newPrivateKey(kind string) (*privateKey, error) {
	p := &privateKey{}
	var public crypto.PublicKey
	var err error
	if kind == "rsa" {
		if p.rsa, err = rsa.GenerateKey(rand.Reader, rsaBits); err != nil {
			return nil, err
		}
		public = p.rsa.Public()
	} else {
		if _, p.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
			return nil, err
		}
		public = p.ed.Public()
	}
	p.public, err = ssh.NewPublicKey(public)
	return p, err
}

// authorized is the public key as a line of authorized_keys.
func (p *privateKey) authorized(name string) string {
	return strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(p.public)), "\n") + " " + name
}

// encode is the private key as a file.
func (p *privateKey) encode(format, name string) (string, error) {
	if format == "ppk" {
		return p.putty(name), nil
	}
	if p.rsa != nil {
		return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(p.rsa)})), nil
	}
	block, err := ssh.MarshalPrivateKey(p.ed, "")
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(block)), nil
}

// fingerprint is how EC2 shows a key pair that it made: the SHA-1 digest of an
// RSA key's private half in DER, the SHA-256 digest of an ED25519 key's public
// half as OpenSSH has it.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html
func (p *privateKey) fingerprint() (string, error) {
	if p.rsa == nil {
		return opensshFingerprint(p.public), nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(p.rsa)
	if err != nil {
		return "", err
	}
	sum := sha1.Sum(der)
	return colons(sum[:]), nil
}

func opensshFingerprint(k ssh.PublicKey) string {
	sum := sha256.Sum256(k.Marshal())
	return base64.StdEncoding.EncodeToString(sum[:])
}

// colons writes bytes as "1f:51:ae:...".
func colons(b []byte) string {
	parts := make([]string, len(b))
	for i := range b {
		parts[i] = hex.EncodeToString(b[i : i+1])
	}
	return strings.Join(parts, ":")
}

var errKeyFormat = resource.Errorf("InvalidKey.Format", "Key is not in valid OpenSSH public key format")

// parsePublicKey reads an imported key: OpenSSH's format, or the Base64 of
// DER, bare or as PEM. RSA keys of 1024, 2048 and 4096 bits and ED25519 keys
// are taken.
func parsePublicKey(material []byte, name string) (*keyPair, error) {
	public, err := readPublicKey(material)
	if err != nil {
		return nil, err
	}
	k := &keyPair{Name: name, Public: strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(public)), "\n") + " " + name}
	inner, ok := public.(ssh.CryptoPublicKey)
	if !ok {
		return nil, errKeyFormat
	}
	switch key := inner.CryptoPublicKey().(type) {
	case ed25519.PublicKey:
		k.Type, k.Fingerprint = "ed25519", opensshFingerprint(public)
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits != 1024 && bits != 2048 && bits != 4096 {
			return nil, resource.Errorf("InvalidKey.Format", "Key length of %d bits is not supported. Supported lengths are 1024, 2048, and 4096.", bits)
		}
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return nil, errKeyFormat
		}
		sum := md5.Sum(der)
		k.Type, k.Fingerprint = "rsa", colons(sum[:])
	default:
		return nil, errKeyFormat
	}
	return k, nil
}

func readPublicKey(material []byte) (ssh.PublicKey, error) {
	if public, _, _, _, err := ssh.ParseAuthorizedKey(material); err == nil {
		return public, nil
	}
	der := []byte(nil)
	if block, _ := pem.Decode(material); block != nil {
		der = block.Bytes
	} else if b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(material)), "")); err == nil {
		der = b
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errKeyFormat
	}
	public, err := ssh.NewPublicKey(key)
	if err != nil {
		return nil, errKeyFormat
	}
	return public, nil
}

// passwordFor encrypts an administrator's password with the public key of a
// line of authorized_keys, so that only the holder of the private key reads it.
func passwordFor(authorized, password string) (string, error) {
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(authorized))
	if err != nil {
		return "", err
	}
	inner, ok := public.(ssh.CryptoPublicKey)
	if !ok {
		return "", errWindowsKey
	}
	key, ok := inner.CryptoPublicKey().(*rsa.PublicKey)
	if !ok {
		return "", errWindowsKey
	}
	//lint:ignore SA1019 this is how AWS encrypts it, and what clients decrypt
	b, err := rsa.EncryptPKCS1v15(rand.Reader, key, []byte(password))
	if err != nil {
		return "", fmt.Errorf("ec2: encrypt a password: %w", err)
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

var errWindowsKey = resource.Errorf("InvalidParameterCombination", "ED25519 key pairs are not supported with Windows AMIs. Use an RSA key pair.")
