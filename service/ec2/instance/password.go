package instance

import (
	"strings"

	"pileus/rng"
)

// passwordLength is how long Windows passwords are that EC2 makes.
const passwordLength = 32

// newPassword makes an administrator's password and encrypts it for the holder
// of a key pair.
func newPassword(k *keyPair) (string, error) {
	const signs = "!@#$%&*()-=?"
	for {
		p := rng.Secret(passwordLength, rng.Base62+signs)
		// Windows wants three of four kinds of characters.
		if strings.ContainsAny(p, signs) && strings.ContainsAny(p, "0123456789") && strings.ToLower(p) != p {
			return passwordFor(k.Public, p)
		}
	}
}
