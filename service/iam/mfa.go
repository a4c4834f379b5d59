package iam

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/skip2/go-qrcode"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/rng"
	"pileus/store"
)

const (
	seedBytes = 40  // shown as 64 base32 characters
	qrPixels  = 256 // sides of the picture
)

func findDevice(c *cloud.Call, r store.Reader, serial string) (*identity.MFADevice, error) {
	d, ok := identity.MFADevices.Get(r, c.Account, serial)
	if !ok {
		return nil, errNoDevice(serial)
	}
	return d, nil
}

// deviceOwner is the user whose device an operation is about. Root users name
// themselves by their account, because they have no user name.
func deviceOwner(c *cloud.Call, r store.Reader, name string) (*identity.User, error) {
	if c.Principal.Kind == cloud.Root && (name == c.Account || name == "root" || name == "") {
		return &identity.User{Account: c.Account}, nil
	}
	return findUser(c, r, name)
}

func createVirtualMFADevice(c *cloud.Call, tx store.Tx, in *api.CreateVirtualMFADeviceInput) (*api.CreateVirtualMFADeviceOutput, error) {
	d := &identity.MFADevice{Account: c.Account, Path: cloud.Or(in.Path, "/"), Name: in.VirtualMFADeviceName, Created: c.Now}
	d.Serial = arnOf(c, "mfa", d.Path, d.Name)
	if identity.MFADevices.Has(tx, c.Account, d.Serial) {
		return nil, api.ErrEntityAlreadyExists.New("MFADevice entity at the same path and name already exists.")
	}
	var err error
	if d.Tags, err = newTags(in.Tags); err != nil {
		return nil, err
	}
	d.Seed = rng.Bytes(seedBytes)
	png, err := qrcode.Encode(otpauth(d), qrcode.Medium, qrPixels)
	if err != nil {
		return nil, fmt.Errorf("draw the QR code of %s: %w", d.Serial, err)
	}
	identity.MFADevices.Insert(tx, d)
	return &api.CreateVirtualMFADeviceOutput{VirtualMFADevice: api.VirtualMFADevice{
		SerialNumber: d.Serial, Base32StringSeed: []byte(d.Base32()), QRCodePNG: png, Tags: optionalTags(d.Tags),
	}}, nil
}

// otpauth is the key URI that authenticator applications read from a QR code.
func otpauth(d *identity.MFADevice) string {
	const issuer = "Amazon Web Services"
	return "otpauth://totp/" + url.PathEscape(issuer+":"+d.Name+"@"+d.Account) +
		"?secret=" + d.Base32() + "&issuer=" + url.PathEscape(issuer)
}

func enableMFADevice(c *cloud.Call, tx store.Tx, in *api.EnableMFADeviceInput) (*cloud.Empty, error) {
	u, err := deviceOwner(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	d, err := findDevice(c, tx, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	if !d.Enabled.IsZero() {
		return nil, api.ErrEntityAlreadyExists.New("MFA Device is already in use.")
	}
	if identity.MFADevices.CountLinked(tx, c.Account, "user", identity.Fold(u.Name)) >= mfaDevicesQuota {
		return nil, errQuota("MfaDevicesPerUser", mfaDevicesQuota)
	}
	if !d.Sync(in.AuthenticationCode1, in.AuthenticationCode2, c.Cloud.Clock().Machine()) {
		return nil, api.ErrInvalidAuthenticationCode.New("Authentication code for device is not valid.")
	}
	d.User, d.Enabled = u.Name, c.Now
	identity.MFADevices.Put(tx, d)
	ownDevices(c, tx, u, func(serials []string) []string { return append(serials, d.Serial) })
	return new(cloud.Empty), nil
}

// ownDevices changes the list of devices that the user's record, or the root
// user's, has.
func ownDevices(c *cloud.Call, tx store.Tx, u *identity.User, change func([]string) []string) {
	if u.Name == "" {
		changeAccount(c, tx, func(a *identity.Account) { a.RootMFA = change(slices.Clone(a.RootMFA)) })
		return
	}
	u.MFA = change(u.MFA)
	identity.Users.Put(tx, u)
}

// enabledDevice is a device that the user has.
func enabledDevice(c *cloud.Call, r store.Reader, u *identity.User, serial string) (*identity.MFADevice, error) {
	d, err := findDevice(c, r, serial)
	if err == nil && (d.Enabled.IsZero() || identity.Fold(d.User) != identity.Fold(u.Name)) {
		err = errNoDevice(serial)
	}
	return d, err
}

func resyncMFADevice(c *cloud.Call, tx store.Tx, in *api.ResyncMFADeviceInput) (*cloud.Empty, error) {
	u, err := deviceOwner(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	d, err := enabledDevice(c, tx, u, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	if !d.Sync(in.AuthenticationCode1, in.AuthenticationCode2, c.Cloud.Clock().Machine()) {
		return nil, api.ErrInvalidAuthenticationCode.New("Authentication code for device is not valid.")
	}
	identity.MFADevices.Quiet(tx, d)
	return new(cloud.Empty), nil
}

func deactivateMFADevice(c *cloud.Call, tx store.Tx, in *api.DeactivateMFADeviceInput) (*cloud.Empty, error) {
	name, err := ownName(c, in.UserName)
	if err != nil {
		return nil, err
	}
	u, err := deviceOwner(c, tx, name)
	if err != nil {
		return nil, err
	}
	d, err := enabledDevice(c, tx, u, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	release(tx, d)
	ownDevices(c, tx, u, func(serials []string) []string {
		return slices.DeleteFunc(serials, func(s string) bool { return s == d.Serial })
	})
	return new(cloud.Empty), nil
}

// release takes the device from its user; it stays to be assigned again.
func release(tx store.Tx, d *identity.MFADevice) {
	d.User, d.Enabled, d.Drift = "", time.Time{}, 0
	identity.MFADevices.Put(tx, d)
}

func deleteVirtualMFADevice(c *cloud.Call, tx store.Tx, in *api.DeleteVirtualMFADeviceInput) (*cloud.Empty, error) {
	d, err := findDevice(c, tx, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	if !d.Enabled.IsZero() {
		return nil, api.ErrDeleteConflict.New("MFA VirtualDevice in use. Must deactivate first.")
	}
	identity.MFADevices.Delete(tx, c.Account, d.Serial)
	return new(cloud.Empty), nil
}

func getMFADevice(c *cloud.Call, r store.Reader, in *api.GetMFADeviceInput) (*api.GetMFADeviceOutput, error) {
	d, err := findDevice(c, r, in.SerialNumber)
	if err != nil {
		return nil, err
	}
	if in.UserName != nil && identity.Fold(d.User) != identity.Fold(*in.UserName) {
		return nil, errNoDevice(in.SerialNumber)
	}
	out := &api.GetMFADeviceOutput{SerialNumber: d.Serial, EnableDate: optionalTime(d.Enabled)}
	if d.User != "" {
		out.UserName = &d.User
	}
	return out, nil
}

func listMFADevices(c *cloud.Call, r store.Reader, in *api.ListMFADevicesInput) (*api.ListMFADevicesOutput, error) {
	user, err := ownUser(c, r, in.UserName)
	if err != nil {
		return nil, err
	}
	devices := slices.Collect(identity.MFADevices.Linked(r, c.Account, "user", identity.Fold(user)))
	page, p, err := pageSlice(devices, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListMFADevicesOutput{
		MFADevices: views(page, func(d *identity.MFADevice) api.MFADevice {
			return api.MFADevice{UserName: d.User, SerialNumber: d.Serial, EnableDate: d.Enabled}
		}),
		IsTruncated: p.IsTruncated, Marker: p.Marker,
	}, nil
}

func listVirtualMFADevices(c *cloud.Call, r store.Reader, in *api.ListVirtualMFADevicesInput) (*api.ListVirtualMFADevicesOutput, error) {
	want := cloud.Or(in.AssignmentStatus, api.AssignmentStatusTypeAny)
	devices, p, err := pageTable(&identity.MFADevices.Table, r, c.Account, in.Marker, in.MaxItems, func(d *identity.MFADevice) bool {
		assigned := !d.Enabled.IsZero()
		return want == api.AssignmentStatusTypeAny || assigned == (want == api.AssignmentStatusTypeAssigned)
	})
	if err != nil {
		return nil, err
	}
	return &api.ListVirtualMFADevicesOutput{
		VirtualMFADevices: views(devices, func(d *identity.MFADevice) api.VirtualMFADevice { return deviceEntry(c, r, d) }),
		IsTruncated:       p.IsTruncated, Marker: p.Marker,
	}, nil
}

func deviceEntry(c *cloud.Call, r store.Reader, d *identity.MFADevice) api.VirtualMFADevice {
	v := api.VirtualMFADevice{SerialNumber: d.Serial, EnableDate: optionalTime(d.Enabled)}
	switch u, ok := identity.PeekUser(r, d.Account, d.User); {
	case d.Enabled.IsZero():
	case ok:
		v.User = new(userEntry(u))
	case d.User == "":
		v.User = new(rootView(c, r))
	}
	return v
}

func taggedDevice(c *cloud.Call, r store.Reader, serial string) (tagged, error) {
	d, err := findDevice(c, r, serial)
	if err != nil {
		return tagged{}, err
	}
	return tagged{&d.Tags, func(tx store.Tx) { identity.MFADevices.Put(tx, d) }}, nil
}

func tagMFADevice(c *cloud.Call, tx store.Tx, in *api.TagMFADeviceInput) (*cloud.Empty, error) {
	x, err := taggedDevice(c, tx, in.SerialNumber)
	return tag(tx, x, err, in.Tags)
}

func untagMFADevice(c *cloud.Call, tx store.Tx, in *api.UntagMFADeviceInput) (*cloud.Empty, error) {
	x, err := taggedDevice(c, tx, in.SerialNumber)
	return untag(tx, x, err, in.TagKeys)
}

func listMFADeviceTags(c *cloud.Call, r store.Reader, in *api.ListMFADeviceTagsInput) (*api.ListMFADeviceTagsOutput, error) {
	x, err := taggedDevice(c, r, in.SerialNumber)
	tags, p, err := listTags(x, err, in.Marker, in.MaxItems)
	return &api.ListMFADeviceTagsOutput{Tags: tags, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}
