package identity

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// HashPassword is the bcrypt hash of a password. Passwords may be longer than
// the 72 bytes that bcrypt looks at, so their digest is hashed. It takes tens
// of milliseconds: call it outside of transactions.
func HashPassword(password string) []byte {
	h, err := bcrypt.GenerateFromPassword(digest(password), bcrypt.DefaultCost)
	if err != nil {
		panic(err) // only for input over 72 bytes
	}
	return h
}

// CheckPassword tells whether the hash is of the password.
func CheckPassword(hash []byte, password string) bool {
	return bcrypt.CompareHashAndPassword(hash, digest(password)) == nil
}

func digest(password string) []byte {
	sum := sha256.Sum256([]byte(password))
	return base64.RawStdEncoding.AppendEncode(nil, sum[:])
}

// PasswordExpired tells whether a login's password is too old for the
// account's policy; nil stands for the default, under which none expires.
func PasswordExpired(p *PasswordPolicy, l *Login, now time.Time) bool {
	return p != nil && p.MaxAge > 0 && now.Sub(l.Changed) > time.Duration(p.MaxAge)*24*time.Hour
}
