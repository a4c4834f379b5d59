package sts

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"

	"github.com/beevik/etree"
	"github.com/crewjam/saml/xmlenc"

	"pileus/identity"
)

// How the content of an EncryptedData element is encrypted (XML Encryption 1.1,
// section 5.2), by the last part of the algorithm's name, and the bytes of its
// key.
var contentKeys = map[string]int{
	"xmlenc#aes128-cbc": 16, "xmlenc#aes192-cbc": 24, "xmlenc#aes256-cbc": 32,
	"xmlenc11#aes128-gcm": 16, "xmlenc11#aes192-gcm": 24, "xmlenc11#aes256-gcm": 32,
}

// decryptAssertion opens an EncryptedAssertion (SAML core, section 2.3.4) with
// the first of the provider's private keys that fits. Why none does is told to
// nobody: a sender could learn from it what a key makes of a forged text.
func decryptAssertion(el *etree.Element, keys []identity.SAMLKey) (*etree.Element, error) {
	data := el.FindElement("./EncryptedData")
	wrapped := el.FindElement("./EncryptedKey") // beside the data, or within
	if data != nil && wrapped == nil {
		wrapped = data.FindElement("./KeyInfo/EncryptedKey")
	}
	if data != nil && wrapped != nil {
		for _, k := range keys {
			private, ok := rsaKey(k.PEM)
			if !ok {
				continue
			}
			key, err := xmlenc.Decrypt(private, wrapped)
			if err != nil {
				continue
			}
			if a, ok := openAssertion(data, key); ok {
				return a, nil
			}
		}
	}
	return nil, errIdentityToken("The encrypted assertion could not be decrypted with the private keys of the provider")
}

// openAssertion is the assertion that a key opens.
func openAssertion(data *etree.Element, key []byte) (*etree.Element, bool) {
	method, value := data.FindElement("./EncryptionMethod"), data.FindElement("./CipherData/CipherValue")
	if method == nil || value == nil {
		return nil, false
	}
	sealed, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value.Text()), ""))
	if err != nil {
		return nil, false
	}
	text, ok := decryptContent(method.SelectAttrValue("Algorithm", ""), key, sealed)
	doc := etree.NewDocument()
	if !ok || doc.ReadFromBytes(text) != nil || doc.Root() == nil {
		return nil, false
	}
	root := doc.Root()
	return root, root.Tag == "Assertion" && root.NamespaceURI() == assertionNS
}

// decryptContent decrypts by an algorithm of XML Encryption. Of sealed, the
// beginning is the initialisation vector.
func decryptContent(algorithm string, key, sealed []byte) ([]byte, bool) {
	name := algorithm[strings.LastIndexByte(algorithm, '/')+1:]
	block, err := aes.NewCipher(key)
	if err != nil || contentKeys[name] != len(key) {
		return nil, false
	}
	if strings.HasSuffix(name, "-gcm") {
		box, err := cipher.NewGCM(block)
		if err != nil || len(sealed) < box.NonceSize() {
			return nil, false
		}
		text, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], nil)
		return text, err == nil
	}
	const size = aes.BlockSize
	if len(sealed) < 2*size || len(sealed)%size != 0 {
		return nil, false
	}
	text := make([]byte, len(sealed)-size)
	cipher.NewCBCDecrypter(block, sealed[:size]).CryptBlocks(text, sealed[size:])
	padding := int(text[len(text)-1]) // its other bytes may be anything
	if padding < 1 || padding > size {
		return nil, false
	}
	return text[:len(text)-padding], true
}

// rsaKey reads a key that IAM has accepted.
func rsaKey(text string) (*rsa.PrivateKey, bool) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, false
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, true
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, false
	}
	k, ok := any.(*rsa.PrivateKey)
	return k, ok
}
