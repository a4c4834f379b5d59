package identity

import (
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
	// Preferences of the account as a whole, by name (STS's global endpoint
	// token version).
	Preferences map[string]string
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
var Accounts = &records[Account]{store.Table[Account]{
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
