package iam

import (
	"time"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// The root user's sign-in profile is a part of its account. Sessions of
// sts:AssumeRoot look at it, remove it and let it come back
// (id_root-user-privileged-task); the password itself is the root user's to
// set.

func errNoRootLogin() error {
	return api.ErrNoSuchEntity.New("Login Profile for the root user cannot be found.")
}

// isRoot tells whether an operation is about the caller, and that the root
// user.
func isRoot(c *cloud.Call, name *string) bool { return name == nil && c.Principal.Kind == cloud.Root }

// hasPassword tells whether an account's root user can sign in with one.
func hasPassword(a *identity.Account) bool { return len(a.RootPassword) > 0 || !a.RootLogin.IsZero() }

func rootLoginView(a *identity.Account) api.LoginProfile {
	return api.LoginProfile{UserName: "root", CreateDate: a.RootLogin, PasswordResetRequired: new(false)}
}

func createRootLogin(c *cloud.Call, in *api.CreateLoginProfileInput) (out *api.CreateLoginProfileOutput, err error) {
	if in.Password != nil {
		return nil, errValidation("The root user sets its password by recovery: Password cannot be given.")
	}
	err = c.Update(func(tx store.Tx) error {
		if a, ok := identity.Accounts.Get(tx, c.Account); ok && hasPassword(a) {
			return api.ErrEntityAlreadyExists.New("Login Profile for the root user already exists.")
		}
		changeAccount(c, tx, func(a *identity.Account) {
			a.RootLogin = c.Now
			out = &api.CreateLoginProfileOutput{LoginProfile: rootLoginView(a)}
		})
		return nil
	})
	return out, err
}

func getRootLogin(c *cloud.Call, r store.Reader) (*api.GetLoginProfileOutput, error) {
	a, ok := identity.Accounts.Get(r, c.Account)
	if !ok || !hasPassword(a) {
		return nil, errNoRootLogin()
	}
	return &api.GetLoginProfileOutput{LoginProfile: rootLoginView(a)}, nil
}

func deleteRootLogin(c *cloud.Call, tx store.Tx) (*cloud.Empty, error) {
	if a, ok := identity.Accounts.Get(tx, c.Account); !ok || !hasPassword(a) {
		return nil, errNoRootLogin()
	}
	changeAccount(c, tx, func(a *identity.Account) { a.RootLogin, a.RootPassword = time.Time{}, nil })
	return new(cloud.Empty), nil
}
