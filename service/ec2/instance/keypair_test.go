package instance_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

func TestKeyPairs(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []string{"rsa", "ed25519"} {
		made := nodetest.Do(w.World, &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: kind, KeyType: &kind})
		signer, err := ssh.ParsePrivateKey([]byte(*made.KeyMaterial))
		if err != nil {
			t.Fatalf("%s: %v\n%s", kind, err, *made.KeyMaterial)
		}
		seen := nodetest.Do(w.World, &api.DescribeKeyPairs, &api.DescribeKeyPairsInput{KeyNames: []string{kind}, IncludePublicKey: new(true)}).KeyPairs[0]
		public, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(*seen.PublicKey))
		if err != nil || string(public.Marshal()) != string(signer.PublicKey().Marshal()) || comment != kind {
			t.Errorf("%s: the public key %q is not that of the private one (%v)", kind, *seen.PublicKey, err)
		}
		if *seen.KeyFingerprint != *made.KeyFingerprint || *seen.KeyType != kind || !strings.HasPrefix(*seen.KeyPairId, "key-0") {
			t.Errorf("described %+v", seen)
		}
	}
	want(w, "InvalidKeyPair.Duplicate", &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: "rsa"})
	want(w, "InvalidKeyPair.NotFound", &api.DescribeKeyPairs, &api.DescribeKeyPairsInput{KeyNames: []string{"none"}})
	want(w, "", &api.DeleteKeyPair, &api.DeleteKeyPairInput{KeyName: new("none")})
	want(w, "", &api.DeleteKeyPair, &api.DeleteKeyPairInput{KeyName: new("rsa")})
	want(w, "InvalidKeyPair.NotFound", &api.DescribeKeyPairs, &api.DescribeKeyPairsInput{KeyNames: []string{"rsa"}})
	want(w, "MissingParameter", &api.DeleteKeyPair, &api.DeleteKeyPairInput{})
}

// TestFingerprints compares with what AWS documents: commands of OpenSSL and
// OpenSSH that work them out from a key.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html
func TestFingerprints(t *testing.T) {
	for _, tool := range []string{"openssl", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s", tool)
		}
	}
	w := newWorld(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shell := func(script string) string {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		return strings.TrimSpace(string(out))
	}
	made := nodetest.Do(w.World, &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: "rsa"})
	path := file("rsa.pem", *made.KeyMaterial)
	if want := shell("openssl pkcs8 -in " + path + " -inform PEM -outform DER -topk8 -nocrypt | openssl sha1 -c"); !strings.HasSuffix(want, "= "+*made.KeyFingerprint) {
		t.Errorf("RSA: %s, openssl has %s", *made.KeyFingerprint, want)
	}
	line := shell("ssh-keygen -y -f " + path)
	imported := nodetest.Do(w.World, &api.ImportKeyPair, &api.ImportKeyPairInput{KeyName: "imported", PublicKeyMaterial: []byte(line)})
	if want := shell("openssl rsa -in " + path + " -pubout -outform DER 2>/dev/null | openssl md5 -c"); !strings.HasSuffix(want, "= "+*imported.KeyFingerprint) {
		t.Errorf("imported RSA: %s, openssl has %s", *imported.KeyFingerprint, want)
	}
	made = nodetest.Do(w.World, &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: "ed", KeyType: new("ed25519")})
	path = file("ed.pem", *made.KeyMaterial)
	if want := shell("ssh-keygen -l -f " + path); !strings.Contains(want, "SHA256:"+strings.TrimRight(*made.KeyFingerprint, "=")) {
		t.Errorf("ED25519: %s, ssh-keygen has %s", *made.KeyFingerprint, want)
	}
}

func TestImportedKeys(t *testing.T) {
	w := newWorld(t)
	key, err := rsa.GenerateKey(nil, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := ""
	for name, material := range map[string]string{
		"openssh": string(ssh.MarshalAuthorizedKey(public)),
		"pem":     string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"der":     base64.StdEncoding.EncodeToString(der),
	} {
		out, err := nodetest.Try(w.World, &api.ImportKeyPair, &api.ImportKeyPairInput{KeyName: name, PublicKeyMaterial: []byte(material)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if fingerprint == "" {
			fingerprint = *out.KeyFingerprint
		}
		if *out.KeyFingerprint != fingerprint {
			t.Errorf("%s has the fingerprint %s, another form %s", name, *out.KeyFingerprint, fingerprint)
		}
	}
	want(w, "InvalidKey.Format", &api.ImportKeyPair, &api.ImportKeyPairInput{KeyName: "bad", PublicKeyMaterial: []byte("hello")})
}

func TestPuTTYKeys(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []string{"rsa", "ed25519"} {
		text := *nodetest.Do(w.World, &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: kind, KeyType: &kind, KeyFormat: new("ppk")}).KeyMaterial
		public := *nodetest.Do(w.World, &api.DescribeKeyPairs, &api.DescribeKeyPairsInput{KeyNames: []string{kind}, IncludePublicKey: new(true)}).KeyPairs[0].PublicKey
		fields := strings.Fields(public)
		_, after, ok := strings.Cut(text, "Public-Lines: ")
		lines := strings.Split(after, "\r\n")
		body := ""
		for _, l := range lines[1:] {
			if strings.HasPrefix(l, "Private-Lines") {
				break
			}
			body += l
		}
		if !ok || body != fields[1] || !strings.HasPrefix(text, "PuTTY-User-Key-File-2: "+fields[0]+"\r\nEncryption: none\r\nComment: "+kind+"\r\n") || !strings.Contains(text, "\r\nPrivate-MAC: ") {
			t.Errorf("%s:\n%s", kind, text)
		}
	}
}
