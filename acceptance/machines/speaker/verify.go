package main

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"
)

// verify checks what a load balancer has told a target of a user, with the public
// key in a file, and prints its header and its claims.
func verify(file, token string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return errors.New("no PEM in " + file)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("no token")
	}
	var plain [3][]byte
	for i := range parts { // AWS pads them
		if plain[i], err = base64.URLEncoding.DecodeString(parts[i]); err != nil {
			return err
		}
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(plain[2][:32]), new(big.Int).SetBytes(plain[2][32:])
	if public, ok := key.(*ecdsa.PublicKey); !ok || !ecdsa.Verify(public, sum[:], r, s) {
		return errors.New("the signature does not hold")
	}
	fmt.Printf("%s\n%s\n", plain[0], plain[1])
	return nil
}
