package instance

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"

	"golang.org/x/crypto/ssh"
)

// putty is the key in PuTTY's format, version 2, without a passphrase: every
// PuTTY reads it.
// https://the.earth.li/~sgtatham/putty/0.81/htmldoc/AppendixC.html
func (p *privateKey) putty(comment string) string {
	kind, public, private := p.public.Type(), p.public.Marshal(), p.puttyPrivate()
	signed := ssh.Marshal(struct{ Kind, Encryption, Comment, Public, Private string }{kind, "none", comment, string(public), string(private)})
	key := sha1.Sum([]byte("putty-private-key-file-mac-key"))
	mac := hmac.New(sha1.New, key[:])
	mac.Write(signed)
	var b strings.Builder
	b.WriteString("PuTTY-User-Key-File-2: " + kind + "\r\nEncryption: none\r\nComment: " + comment + "\r\n")
	puttyLines(&b, "Public-Lines", public)
	puttyLines(&b, "Private-Lines", private)
	b.WriteString("Private-MAC: " + hex.EncodeToString(mac.Sum(nil)) + "\r\n")
	return b.String()
}

// puttyPrivate is the private half as PuTTY has it: for RSA d, p, q and the
// inverse of q modulo p, for ED25519 the seed as a number.
func (p *privateKey) puttyPrivate() []byte {
	if p.rsa == nil {
		return ssh.Marshal(struct{ Seed string }{string(p.ed.Seed())})
	}
	return ssh.Marshal(struct{ D, P, Q, Inverse *big.Int }{p.rsa.D, p.rsa.Primes[0], p.rsa.Primes[1], p.rsa.Precomputed.Qinv})
}

// puttyWidth is how long a line of Base64 is.
const puttyWidth = 64

func puttyLines(b *strings.Builder, name string, data []byte) {
	text := base64.StdEncoding.EncodeToString(data)
	lines := (len(text) + puttyWidth - 1) / puttyWidth
	b.WriteString(name + ": " + big.NewInt(int64(lines)).String() + "\r\n")
	for len(text) > 0 {
		n := min(puttyWidth, len(text))
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
}
