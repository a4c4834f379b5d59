package iam

import (
	"net/http"
	"time"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// withLogin is the user with the name, or of the caller; it fails for the root
// user, who has no record among the users.
func withLogin(c *cloud.Call, r store.Reader, name *string) (*identity.User, error) {
	own, err := ownName(c, name)
	if err != nil {
		return nil, err
	}
	if own == "" {
		return nil, errWhose()
	}
	return findUser(c, r, own)
}

func loginView(u *identity.User) api.LoginProfile {
	return api.LoginProfile{UserName: u.Name, CreateDate: u.Login.Created, PasswordResetRequired: &u.Login.ResetRequired}
}

// createLoginProfile hashes before its transaction, because hashing is slow on
// purpose.
func createLoginProfile(c *cloud.Call, in *api.CreateLoginProfileInput) (out *api.CreateLoginProfileOutput, err error) {
	if isRoot(c, in.UserName) {
		return createRootLogin(c, in)
	}
	if in.Password == nil {
		return nil, errValidation("Password is required for login profiles of IAM users")
	}
	hash := identity.HashPassword(*in.Password)
	err = c.Update(func(tx store.Tx) error {
		u, err := withLogin(c, tx, in.UserName)
		if err != nil {
			return err
		}
		if u.Login != nil {
			return api.ErrEntityAlreadyExists.New("Login Profile for user %s already exists.", u.Name)
		}
		if err := checkPassword(tx, u, *in.Password); err != nil {
			return err
		}
		u.Login = &identity.Login{Hash: hash, ResetRequired: cloud.Or(in.PasswordResetRequired, false), Created: c.Now, Changed: c.Now}
		identity.Users.Put(tx, u)
		out = &api.CreateLoginProfileOutput{LoginProfile: loginView(u)}
		return nil
	})
	return out, err
}

func getLoginProfile(c *cloud.Call, r store.Reader, in *api.GetLoginProfileInput) (*api.GetLoginProfileOutput, error) {
	if isRoot(c, in.UserName) {
		return getRootLogin(c, r)
	}
	u, err := withLogin(c, r, in.UserName)
	if err != nil {
		return nil, err
	}
	if u.Login == nil {
		return nil, errNoLogin(u.Name)
	}
	return &api.GetLoginProfileOutput{LoginProfile: loginView(u)}, nil
}

func updateLoginProfile(c *cloud.Call, in *api.UpdateLoginProfileInput) (*cloud.Empty, error) {
	var hash []byte
	if in.Password != nil {
		hash = identity.HashPassword(*in.Password)
	}
	err := c.Update(func(tx store.Tx) error {
		u, err := findUser(c, tx, in.UserName)
		if err != nil {
			return err
		}
		if u.Login == nil {
			return errNoLogin(u.Name)
		}
		if hash != nil {
			if err := checkPassword(tx, u, *in.Password); err != nil {
				return err
			}
			setPassword(u.Login, hash, c.Now)
		}
		u.Login.ResetRequired = cloud.Or(in.PasswordResetRequired, u.Login.ResetRequired)
		identity.Users.Put(tx, u)
		return nil
	})
	return new(cloud.Empty), err
}

// setPassword puts a new password in place and remembers the old one, as far
// back as an account may ask for.
func setPassword(l *identity.Login, hash []byte, now time.Time) {
	l.Previous = append([][]byte{l.Hash}, l.Previous...)
	if len(l.Previous) > maxReuse {
		l.Previous = l.Previous[:maxReuse]
	}
	l.Hash, l.Changed = hash, now
}

func deleteLoginProfile(c *cloud.Call, tx store.Tx, in *api.DeleteLoginProfileInput) (*cloud.Empty, error) {
	if isRoot(c, in.UserName) {
		return deleteRootLogin(c, tx)
	}
	u, err := withLogin(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	if u.Login == nil {
		return nil, errNoLogin(u.Name)
	}
	u.Login = nil
	identity.Users.Put(tx, u)
	return new(cloud.Empty), nil
}

func changePassword(c *cloud.Call, in *api.ChangePasswordInput) (*cloud.Empty, error) {
	if c.Principal.Kind != cloud.User {
		return nil, api.ErrInvalidUserType.New("Only IAM Users can change their own password")
	}
	hash := identity.HashPassword(in.NewPassword)
	err := c.Update(func(tx store.Tx) error {
		u, err := findUser(c, tx, c.Principal.Name)
		if err != nil {
			return err
		}
		if u.Login == nil {
			return errNoLogin(u.Name)
		}
		if !identity.CheckPassword(u.Login.Hash, in.OldPassword) {
			return cloud.Errorf(http.StatusForbidden, "AccessDenied", "The old password was incorrect.")
		}
		rule, _ := passwordPolicy(tx, c.Account)
		if rule.HardExpiry && identity.PasswordExpired(rule, u.Login, c.Now) {
			return api.ErrEntityTemporarilyUnmodifiable.New("The password has expired and can only be reset by an administrator.")
		}
		if err := checkPassword(tx, u, in.NewPassword); err != nil {
			return err
		}
		setPassword(u.Login, hash, c.Now)
		u.Login.ResetRequired = false
		identity.Users.Put(tx, u)
		return nil
	})
	return new(cloud.Empty), err
}
