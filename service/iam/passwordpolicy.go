package iam

import (
	"strings"
	"unicode/utf8"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const (
	maxReuse      = 24 // passwords that a policy can ask to be remembered
	defaultLength = 8  // without a policy
	policyLength  = 6  // of a policy that does not say
)

// symbols are what counts as non-alphanumeric
// (id_credentials_passwords_account-policy.html).
const symbols = "!@#$%^&*()_+-=[]{}|'"

// passwordPolicy is the account's policy; without one, what AWS applies by
// default, and ok is false.
func passwordPolicy(r store.Reader, account string) (p *identity.PasswordPolicy, ok bool) {
	if a, found := identity.Accounts.Get(r, account); found && a.PasswordPolicy != nil {
		return a.PasswordPolicy, true
	}
	return &identity.PasswordPolicy{MinimumLength: defaultLength}, false
}

// classes of characters in a password.
type classes struct{ upper, lower, number, symbol bool }

func classesOf(password string) (k classes) {
	for _, x := range password {
		switch {
		case 'A' <= x && x <= 'Z':
			k.upper = true
		case 'a' <= x && x <= 'z':
			k.lower = true
		case '0' <= x && x <= '9':
			k.number = true
		case strings.ContainsRune(symbols, x):
			k.symbol = true
		}
	}
	return k
}

func (k classes) count() (n int) {
	for _, has := range []bool{k.upper, k.lower, k.number, k.symbol} {
		if has {
			n++
		}
	}
	return n
}

// checkPassword holds a new password of u against the account's policy.
func checkPassword(r store.Reader, u *identity.User, password string) error {
	p, custom := passwordPolicy(r, u.Account)
	k := classesOf(password)
	switch {
	case utf8.RuneCountInString(password) < int(p.MinimumLength):
		return errPassword("Password should have a minimum length of %d", p.MinimumLength)
	case p.RequireUppercase && !k.upper:
		return errPassword("Password should have at least one uppercase letter")
	case p.RequireLowercase && !k.lower:
		return errPassword("Password should have at least one lowercase letter")
	case p.RequireNumbers && !k.number:
		return errPassword("Password should have at least one number")
	case p.RequireSymbols && !k.symbol:
		return errPassword("Password should have at least one symbol")
	case !custom && k.count() < 3:
		return errPassword("Password should include at least three of the following character types: uppercase letters, lowercase letters, numbers, and non-alphanumeric characters")
	case !custom && strings.EqualFold(password, u.Name):
		return errPassword("Password should not be identical to the user name")
	}
	return checkReuse(u.Login, int(p.ReusePrevention), password)
}

// checkReuse refuses the last n passwords, the present one among them.
func checkReuse(l *identity.Login, n int, password string) error {
	if l == nil || n == 0 {
		return nil
	}
	for i, hash := range append([][]byte{l.Hash}, l.Previous...) {
		if i == n {
			break
		}
		if identity.CheckPassword(hash, password) {
			return errPassword("Policy constraint violation with password reuse prevention during password change")
		}
	}
	return nil
}

func errPassword(format string, a ...any) error {
	return api.ErrPasswordPolicyViolation.New(format, a...)
}

func errNoPasswordPolicy(account string) error {
	return api.ErrNoSuchEntity.New("The Password Policy with domain name %s cannot be found.", account)
}

// changeAccount writes a changed copy of the account's record.
func changeAccount(c *cloud.Call, tx store.Tx, change func(*identity.Account)) {
	a := *identity.NewAccount(c.Account, "account-"+c.Account, "", c.Now)
	if found, ok := identity.Accounts.Get(tx, c.Account); ok {
		a = *found
	}
	change(&a)
	identity.Accounts.Put(tx, &a)
}

func updateAccountPasswordPolicy(c *cloud.Call, tx store.Tx, in *api.UpdateAccountPasswordPolicyInput) (*cloud.Empty, error) {
	p := &identity.PasswordPolicy{
		MinimumLength:      cloud.Or(in.MinimumPasswordLength, policyLength),
		RequireSymbols:     cloud.Or(in.RequireSymbols, false),
		RequireNumbers:     cloud.Or(in.RequireNumbers, false),
		RequireUppercase:   cloud.Or(in.RequireUppercaseCharacters, false),
		RequireLowercase:   cloud.Or(in.RequireLowercaseCharacters, false),
		AllowUsersToChange: cloud.Or(in.AllowUsersToChangePassword, false),
		HardExpiry:         cloud.Or(in.HardExpiry, false),
		MaxAge:             cloud.Or(in.MaxPasswordAge, 0),
		ReusePrevention:    cloud.Or(in.PasswordReusePrevention, 0),
	}
	p.ExpirePasswords = p.MaxAge > 0
	changeAccount(c, tx, func(a *identity.Account) { a.PasswordPolicy = p })
	return new(cloud.Empty), nil
}

func getAccountPasswordPolicy(c *cloud.Call, r store.Reader, _ *cloud.Empty) (*api.GetAccountPasswordPolicyOutput, error) {
	p, ok := passwordPolicy(r, c.Account)
	if !ok {
		return nil, errNoPasswordPolicy(c.Account)
	}
	v := api.PasswordPolicy{
		MinimumPasswordLength: &p.MinimumLength, RequireSymbols: &p.RequireSymbols, RequireNumbers: &p.RequireNumbers,
		RequireUppercaseCharacters: &p.RequireUppercase, RequireLowercaseCharacters: &p.RequireLowercase,
		AllowUsersToChangePassword: &p.AllowUsersToChange, ExpirePasswords: &p.ExpirePasswords, HardExpiry: &p.HardExpiry,
	}
	if p.MaxAge > 0 {
		v.MaxPasswordAge = &p.MaxAge
	}
	if p.ReusePrevention > 0 {
		v.PasswordReusePrevention = &p.ReusePrevention
	}
	return &api.GetAccountPasswordPolicyOutput{PasswordPolicy: v}, nil
}

func deleteAccountPasswordPolicy(c *cloud.Call, tx store.Tx, _ *cloud.Empty) (*cloud.Empty, error) {
	if _, ok := passwordPolicy(tx, c.Account); !ok {
		return nil, errNoPasswordPolicy(c.Account)
	}
	changeAccount(c, tx, func(a *identity.Account) { a.PasswordPolicy = nil })
	return new(cloud.Empty), nil
}
