package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"pileus/store"
)

// Account is an AWS account.
type Account struct {
	ID, Name, Email string
	Created         time.Time
	Alias           string
	PasswordPolicy  *PasswordPolicy
	// RootMFA are the serial numbers of the root user's MFA devices.
	RootMFA []string
	// CanonicalID is the account's S3 canonical user id, 64 hexadecimal digits.
	CanonicalID string
	// RootPassword is a bcrypt hash for console sign-in as root; empty: none.
	RootPassword []byte
	// RootLogin is since when the root user may sign in with a password that it
	// sets by recovery; zero: only with RootPassword.
	RootLogin time.Time
	// Preferences of the account as a whole, by name (STS's global endpoint
	// token version).
	Preferences map[string]string
	// Closed is when the account was closed; its credentials are refused from
	// then on. Zero: it is open.
	Closed time.Time
}

// PasswordPolicy is an account's rule for users' passwords.
type PasswordPolicy struct {
	MinimumLength                                   int32
	RequireSymbols, RequireNumbers                  bool
	RequireUppercase, RequireLowercase              bool
	AllowUsersToChange, HardExpiry, ExpirePasswords bool
	MaxAge, ReusePrevention                         int32 // days; remembered passwords
}

// Accounts by id.
var Accounts = &records[Account]{Table: store.Table[Account]{
	Name: "identity.account",
	Key:  func(a *Account) store.Key { return store.K(a.ID) },
	Memo: 1024,
	Indexes: map[string]func(*Account) store.Key{
		"alias": func(a *Account) store.Key {
			if a.Alias == "" {
				return nil
			}
			return store.K(a.Alias)
		},
		"canonical": func(a *Account) store.Key { return store.K(a.CanonicalID) },
	},
}}

// IsAccountID tells whether s has the form of an account id: 12 digits.
func IsAccountID(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// EnsureAccount makes an account whose root access key is its own id, unless
// it exists.
func EnsureAccount(tx store.Tx, id, secret string, now time.Time) {
	if !Accounts.Has(tx, id) {
		Accounts.Put(tx, NewAccount(id, "account-"+id, "", now))
	}
	if !AccessKeys.Has(tx, id) {
		PutKey(tx, &AccessKey{ID: id, Secret: secret, Account: id, Created: now})
	}
}

// NewAccount is an account that nothing is in yet.
func NewAccount(id, name, email string, now time.Time) *Account {
	return &Account{ID: id, Name: name, Email: email, Created: now, CanonicalID: CanonicalID(id)}
}

// CanonicalID is the canonical user id of an account, by which S3 names it in
// owners, grants and policies: 64 hexadecimal digits that follow from the
// account's id.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/finding-canonical-user-id.html
func CanonicalID(account string) string {
	sum := sha256.Sum256([]byte("canonical user of account " + account))
	return hex.EncodeToString(sum[:])
}

// AccountByCanonicalID is the account that has the canonical user id.
func AccountByCanonicalID(r store.Reader, id string) (*Account, bool) {
	for a := range Accounts.Index(r, "canonical", id) {
		return a, true
	}
	return nil, false
}
