package sts

import (
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// factor is a one-time password that came with a request.
type factor struct{ serial, code string }

// factorOf reads the two parameters; nil where neither was sent.
func factorOf(serial, code *string) (*factor, error) {
	switch {
	case serial == nil && code == nil:
		return nil, nil
	case serial == nil || code == nil:
		return nil, errDenied("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	}
	return &factor{*serial, *code}, nil
}

func errBadSerial() error {
	return errDenied("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
}

func errBadCode() error {
	return errDenied("MultiFactorAuthentication failed with invalid MFA one time pass code.")
}

// owner is the name of the user whose device it has to be; empty for root.
func (f *factor) owner(p *cloud.Principal) (string, error) {
	switch p.Kind {
	case cloud.User:
		return p.Name, nil
	case cloud.Root:
		return "", nil
	}
	return "", errBadSerial()
}

// device is the caller's device with the serial number.
func (f *factor) device(c *cloud.Call, r store.Reader) (*identity.MFADevice, string, error) {
	user, err := f.owner(c.Principal)
	if err != nil {
		return nil, "", err
	}
	d, ok := identity.MFADevices.Get(r, c.Principal.Account, f.serial)
	if !ok || d.Enabled.IsZero() || !strings.EqualFold(d.User, user) {
		return nil, "", errBadSerial()
	}
	return d, user, nil
}

// verify looks at the code without using it up: the condition keys of the
// request depend on it before anything is decided.
func (f *factor) verify(c *cloud.Call, r store.Reader) error {
	d, _, err := f.device(c, r)
	if err != nil {
		return err
	}
	if !d.Check(f.code, c.Cloud.Clock().Machine()) {
		return errBadCode()
	}
	return nil
}

// use accepts the code, once.
func (f *factor) use(c *cloud.Call, tx store.Tx) error {
	_, user, err := f.device(c, tx)
	if err != nil {
		return err
	}
	if !identity.CheckMFA(tx, c.Principal.Account, user, f.serial, f.code, c.Cloud.Clock().Machine()) {
		return errBadCode()
	}
	return nil
}
