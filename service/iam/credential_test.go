package iam_test

import (
	"bytes"
	"encoding/base32"
	"fmt"
	"image/png"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"pileus/node/nodetest"
)

func TestAccessKey(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	u := new("u")
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: u}))(t)
	must(c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: u, PolicyName: new("p"), PolicyDocument: new(nodetest.Allow("iam:GetUser"))}))(t)
	k := must(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: u}))(t).AccessKey
	equal(t, "length of the id", len(*k.AccessKeyId), 20)
	equal(t, "length of the secret", len(*k.SecretAccessKey), 40)
	own := client(w.ConfigAs(nodetest.Keys{AccessKey: *k.AccessKeyId, Secret: *k.SecretAccessKey}))
	equal(t, "who the key is", *must(own.GetUser(ctx, nil))(t).User.UserName, "u")

	set := func(s types.StatusType) {
		must(c.UpdateAccessKey(ctx, &sdk.UpdateAccessKeyInput{UserName: u, AccessKeyId: k.AccessKeyId, Status: s}))(t)
	}
	set(types.StatusTypeInactive)
	_, err := own.GetUser(ctx, nil)
	refused(t, err, "InvalidClientTokenId", "")
	set(types.StatusTypeActive)
	must(own.GetUser(ctx, nil))(t)

	must(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: u}))(t)
	_, err = c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: u})
	refused(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
	_, err = c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: new("nobody")})
	refused(t, err, "NoSuchEntity", "The user with name nobody cannot be found.")
	must(c.UpdateUser(ctx, &sdk.UpdateUserInput{UserName: u, NewUserName: new("v")}))(t)
	equal(t, "after the user was renamed", *must(own.GetUser(ctx, nil))(t).User.UserName, "v")
	list := must(c.ListAccessKeys(ctx, &sdk.ListAccessKeysInput{UserName: new("v")}))(t)
	equal(t, "keys", len(list.AccessKeyMetadata), 2)
	must(c.DeleteAccessKey(ctx, &sdk.DeleteAccessKeyInput{UserName: new("v"), AccessKeyId: k.AccessKeyId}))(t)
	_, err = own.GetUser(ctx, nil)
	refused(t, err, "InvalidClientTokenId", "")
	_, err = c.DeleteAccessKey(ctx, &sdk.DeleteAccessKeyInput{UserName: new("v"), AccessKeyId: k.AccessKeyId})
	refused(t, err, "NoSuchEntity", "The Access Key with id "+*k.AccessKeyId+" cannot be found.")
}

// TestPasswordPolicy: what an account's policy asks of passwords.
func TestPasswordPolicy(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	_, err := c.GetAccountPasswordPolicy(ctx, nil)
	refused(t, err, "NoSuchEntity", "The Password Policy with domain name "+account+" cannot be found.")
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("Abcdefg1")}))(t)
	try := func(password string) error {
		_, err := c.CreateLoginProfile(ctx, &sdk.CreateLoginProfileInput{UserName: new("Abcdefg1"), Password: &password})
		return err
	}
	refused(t, try("Short-1"), "PasswordPolicyViolation", "Password should have a minimum length of 8")
	refused(t, try("onlyletters"), "PasswordPolicyViolation", "three of the following character types")
	refused(t, try("abcdefg1"), "PasswordPolicyViolation", "")
	must(c.UpdateAccountPasswordPolicy(ctx, &sdk.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: new(int32(10)), RequireUppercaseCharacters: true,
		RequireLowercaseCharacters: true, RequireNumbers: true, RequireSymbols: true, PasswordReusePrevention: new(int32(2)), MaxPasswordAge: new(int32(30))}))(t)
	p := must(c.GetAccountPasswordPolicy(ctx, nil))(t).PasswordPolicy
	equal(t, "passwords expire", p.ExpirePasswords, true)
	for password, text := range map[string]string{
		"Aa1!": "minimum length of 10", "aaaaaaaa1!": "one uppercase letter", "AAAAAAAA1!": "one lowercase letter",
		"Aaaaaaaaa!": "one number", "Aaaaaaaaa1": "one symbol",
	} {
		refused(t, try(password), "PasswordPolicyViolation", "Password should have")
		refused(t, try(password), "PasswordPolicyViolation", text)
	}
	if err := try("Aaaaaaaa1!"); err != nil {
		t.Fatal(err)
	}
	refused(t, try("Aaaaaaaa1!"), "EntityAlreadyExists", "Login Profile for user Abcdefg1 already exists.")
	change := func(password string) error {
		_, err := c.UpdateLoginProfile(ctx, &sdk.UpdateLoginProfileInput{UserName: new("Abcdefg1"), Password: &password})
		return err
	}
	for i, word := range []string{"Aaaaaaaa2!", "Aaaaaaaa3!"} {
		if err := change(word); err != nil {
			t.Fatal(err)
		}
		refused(t, change(word), "PasswordPolicyViolation", "reuse prevention")
		refused(t, change(fmt.Sprintf("Aaaaaaaa%d!", i+1)), "PasswordPolicyViolation", "reuse prevention")
	}
	if err := change("Aaaaaaaa1!"); err != nil {
		t.Errorf("a password that is long forgotten: %v", err)
	}
	must(c.DeleteAccountPasswordPolicy(ctx, nil))(t)
	_, err = c.DeleteAccountPasswordPolicy(ctx, nil)
	refused(t, err, "NoSuchEntity", "")
	must(c.DeleteLoginProfile(ctx, &sdk.DeleteLoginProfileInput{UserName: new("Abcdefg1")}))(t)
	_, err = c.GetLoginProfile(ctx, &sdk.GetLoginProfileInput{UserName: new("Abcdefg1")})
	refused(t, err, "NoSuchEntity", "Login Profile for User Abcdefg1 cannot be found.")
}

// TestChangePassword: users change their own password when a policy of theirs
// allows it, or the account's password policy does.
func TestChangePassword(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	own := client(w.ConfigAs(w.User("u", "")))
	must(c.CreateLoginProfile(ctx, &sdk.CreateLoginProfileInput{UserName: new("u"), Password: new(oldWord), PasswordResetRequired: true}))(t)
	change := func(c *sdk.Client, from, to string) error {
		_, err := c.ChangePassword(ctx, &sdk.ChangePasswordInput{OldPassword: &from, NewPassword: &to})
		return err
	}
	refused(t, change(own, oldWord, "Battery-Staple-8"), "AccessDenied", "iam:ChangePassword on resource: "+arnHead+"user/u")
	must(c.UpdateAccountPasswordPolicy(ctx, &sdk.UpdateAccountPasswordPolicyInput{AllowUsersToChangePassword: true, HardExpiry: new(true), MaxPasswordAge: new(int32(30))}))(t)
	refused(t, change(own, "guess", "Battery-Staple-8"), "AccessDenied", "The old password was incorrect.")
	if err := change(own, oldWord, "Battery-Staple-8"); err != nil {
		t.Fatal(err)
	}
	login := must(c.GetLoginProfile(ctx, &sdk.GetLoginProfileInput{UserName: new("u")}))(t).LoginProfile
	equal(t, "has to be changed", login.PasswordResetRequired, false)
	must(own.GetAccountPasswordPolicy(ctx, nil))(t)
	refused(t, change(c, oldWord, "Battery-Staple-8"), "InvalidUserType", "Only IAM Users can change their own password")
	w.Advance(31 * 24 * time.Hour)
	refused(t, change(own, "Battery-Staple-8", oldWord), "EntityTemporarilyUnmodifiable", "expired")
}

func TestVirtualMFADevice(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	f := &fixture{w: w}
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
	d := must(c.CreateVirtualMFADevice(ctx, &sdk.CreateVirtualMFADeviceInput{VirtualMFADeviceName: new("phone"), Path: new("/x/")}))(t).VirtualMFADevice
	equal(t, "serial", *d.SerialNumber, arnHead+"mfa/x/phone")
	if img, err := png.Decode(bytes.NewReader(d.QRCodePNG)); err != nil || img.Bounds().Dx() < 100 {
		t.Errorf("no picture: %v", err)
	}
	if seed, err := base32.StdEncoding.DecodeString(string(d.Base32StringSeed)); err != nil || len(seed) < 20 {
		t.Errorf("seed %q: %v", d.Base32StringSeed, err)
	}
	_, err := c.CreateVirtualMFADevice(ctx, &sdk.CreateVirtualMFADeviceInput{VirtualMFADeviceName: new("phone"), Path: new("/x/")})
	refused(t, err, "EntityAlreadyExists", "MFADevice entity at the same path and name already exists.")
	enable := func(user string, codes [2]string) error {
		_, err := c.EnableMFADevice(ctx, &sdk.EnableMFADeviceInput{UserName: &user, SerialNumber: d.SerialNumber, AuthenticationCode1: &codes[0], AuthenticationCode2: &codes[1]})
		return err
	}
	codes := f.codesOf(*d.SerialNumber, 0)
	refused(t, enable("u", [2]string{codes[0], codes[0]}), "InvalidAuthenticationCode", "Authentication code for device is not valid.")
	if err := enable("u", codes); err != nil {
		t.Fatal(err)
	}
	refused(t, enable("u", codes), "EntityAlreadyExists", "MFA Device is already in use.")
	_, err = c.ResyncMFADevice(ctx, &sdk.ResyncMFADeviceInput{UserName: new("u"), SerialNumber: d.SerialNumber, AuthenticationCode1: &codes[0], AuthenticationCode2: &codes[1]})
	refused(t, err, "InvalidAuthenticationCode", "")
	of := must(c.ListMFADevices(ctx, &sdk.ListMFADevicesInput{UserName: new("u")}))(t)
	equal(t, "device of the user", *of.MFADevices[0].SerialNumber, *d.SerialNumber)
	_, err = c.DeleteVirtualMFADevice(ctx, &sdk.DeleteVirtualMFADeviceInput{SerialNumber: d.SerialNumber})
	refused(t, err, "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.")
	_, err = c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: new("u")})
	refused(t, err, "DeleteConflict", "must delete MFA device first.")
	assigned := must(c.ListVirtualMFADevices(ctx, &sdk.ListVirtualMFADevicesInput{AssignmentStatus: types.AssignmentStatusTypeAssigned}))(t)
	equal(t, "assigned to", *assigned.VirtualMFADevices[0].User.UserName, "u")
	must(c.DeactivateMFADevice(ctx, &sdk.DeactivateMFADeviceInput{UserName: new("u"), SerialNumber: d.SerialNumber}))(t)
	refused(t, enable("u", codes), "InvalidAuthenticationCode", "")
	free := must(c.ListVirtualMFADevices(ctx, &sdk.ListVirtualMFADevicesInput{AssignmentStatus: types.AssignmentStatusTypeUnassigned}))(t)
	equal(t, "unassigned", len(free.VirtualMFADevices), 1)
	must(c.DeleteVirtualMFADevice(ctx, &sdk.DeleteVirtualMFADeviceInput{SerialNumber: d.SerialNumber}))(t)
	_, err = c.DeleteVirtualMFADevice(ctx, &sdk.DeleteVirtualMFADeviceInput{SerialNumber: d.SerialNumber})
	refused(t, err, "NoSuchEntity", "VirtualMFADevice with serial number "+*d.SerialNumber+" doesn't exist.")
}

func TestServerCertificate(t *testing.T) {
	_, c := world(t)
	ctx, m := t.Context(), made()
	upload := func(name, body, key, chain string) error {
		in := &sdk.UploadServerCertificateInput{ServerCertificateName: &name, CertificateBody: &body, PrivateKey: &key}
		if chain != "" {
			in.CertificateChain = &chain
		}
		_, err := c.UploadServerCertificate(ctx, in)
		return err
	}
	other := armour("RSA PRIVATE KEY", []byte("nothing"))
	refused(t, upload("c", "no certificate", m.key, ""), "MalformedCertificate", "Unable to parse certificate.")
	refused(t, upload("c", m.authority, m.key, ""), "KeyPairMismatch", "")
	refused(t, upload("c", m.cert, other, ""), "KeyPairMismatch", "")
	refused(t, upload("c", m.cert, m.key, m.other), "MalformedCertificate", "Unable to validate certificate chain.")
	if err := upload("c", m.cert, m.key, m.authority); err != nil {
		t.Fatal(err)
	}
	refused(t, upload("C", m.cert, m.key, ""), "EntityAlreadyExists", "The Server Certificate with name C already exists.")
	must(c.UpdateServerCertificate(ctx, &sdk.UpdateServerCertificateInput{ServerCertificateName: new("c"), NewServerCertificateName: new("d"), NewPath: new("/cloudfront/x/")}))(t)
	got := must(c.GetServerCertificate(ctx, &sdk.GetServerCertificateInput{ServerCertificateName: new("d")}))(t).ServerCertificate
	equal(t, "ARN", *got.ServerCertificateMetadata.Arn, arnHead+"server-certificate/cloudfront/x/d")
	equal(t, "body, without white space around it", *got.CertificateBody, strings.TrimSpace(m.cert))
	equal(t, "expiry", got.ServerCertificateMetadata.Expiration.Equal(nodetest.Epoch.AddDate(1, 0, 0)), true)
	_, err := c.GetServerCertificate(ctx, &sdk.GetServerCertificateInput{ServerCertificateName: new("c")})
	refused(t, err, "NoSuchEntity", "The Server Certificate with name c cannot be found.")
	must(c.DeleteServerCertificate(ctx, &sdk.DeleteServerCertificateInput{ServerCertificateName: new("d")}))(t)
}

func TestSigningCertificate(t *testing.T) {
	_, c := world(t)
	ctx, m := t.Context(), made()
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
	upload := func(body string) error {
		_, err := c.UploadSigningCertificate(ctx, &sdk.UploadSigningCertificateInput{UserName: new("u"), CertificateBody: &body})
		return err
	}
	refused(t, upload("nothing"), "MalformedCertificate", "")
	refused(t, upload(m.expired), "InvalidCertificate", "")
	for _, body := range []string{m.cert, m.other} {
		if err := upload(body); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, upload(m.cert), "DuplicateCertificate", "")
	refused(t, upload(m.authority), "LimitExceeded", "Cannot exceed quota for CertificatesPerUser: 2")
	list := must(c.ListSigningCertificates(ctx, &sdk.ListSigningCertificatesInput{UserName: new("u")}))(t).Certificates
	equal(t, "certificates", len(list), 2)
	must(c.UpdateSigningCertificate(ctx, &sdk.UpdateSigningCertificateInput{UserName: new("u"), CertificateId: list[0].CertificateId, Status: types.StatusTypeInactive}))(t)
	must(c.DeleteSigningCertificate(ctx, &sdk.DeleteSigningCertificateInput{UserName: new("u"), CertificateId: list[1].CertificateId}))(t)
	list = must(c.ListSigningCertificates(ctx, &sdk.ListSigningCertificatesInput{UserName: new("u")}))(t).Certificates
	equal(t, "status", list[0].Status, types.StatusTypeInactive)
}

func TestSSHPublicKey(t *testing.T) {
	_, c := world(t)
	ctx, m := t.Context(), made()
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
	upload := func(body string) (*sdk.UploadSSHPublicKeyOutput, error) {
		return c.UploadSSHPublicKey(ctx, &sdk.UploadSSHPublicKeyInput{UserName: new("u"), SSHPublicKeyBody: &body})
	}
	for _, bad := range []string{"ssh-rsa AAAA", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKH/gGZMGzGRMIzTxQwFOyZjZRnBfMNTeEqcx1aDb5jS"} {
		_, err := upload(bad)
		refused(t, err, "InvalidPublicKey", "")
	}
	k := must(upload(m.sshKey))(t).SSHPublicKey
	equal(t, "id", (*k.SSHPublicKeyId)[:4], "APKA")
	equal(t, "pairs of the fingerprint", len(strings.Split(*k.Fingerprint, ":")), 16)
	_, err := upload(m.sshKey)
	refused(t, err, "DuplicateSSHPublicKey", "")
	get := func(e types.EncodingType) string {
		return *must(c.GetSSHPublicKey(ctx, &sdk.GetSSHPublicKeyInput{UserName: new("u"), SSHPublicKeyId: k.SSHPublicKeyId, Encoding: e}))(t).SSHPublicKey.SSHPublicKeyBody
	}
	equal(t, "as it was", get(types.EncodingTypeSsh), strings.TrimSpace(m.sshKey))
	again := get(types.EncodingTypePem)
	if !strings.HasPrefix(again, "-----BEGIN PUBLIC KEY-----") {
		t.Error(again)
	}
	must(c.DeleteSSHPublicKey(ctx, &sdk.DeleteSSHPublicKeyInput{UserName: new("u"), SSHPublicKeyId: k.SSHPublicKeyId}))(t)
	equal(t, "the same key as PEM", *must(upload(again))(t).SSHPublicKey.Fingerprint, *k.Fingerprint)
}

func TestServiceSpecificCredential(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
	create := func(service string, days *int32) (*types.ServiceSpecificCredential, error) {
		out, err := c.CreateServiceSpecificCredential(ctx, &sdk.CreateServiceSpecificCredentialInput{UserName: new("u"), ServiceName: &service, CredentialAgeDays: days})
		if err != nil {
			return nil, err
		}
		return out.ServiceSpecificCredential, nil
	}
	_, err := create("s3.amazonaws.com", nil)
	refused(t, err, "NotSupportedService", "No such service s3.amazonaws.com is supported for Service Specific Credentials")
	k := must(create("codecommit.amazonaws.com", nil))(t)
	equal(t, "user name", *k.ServiceUserName, "u-at-"+account)
	equal(t, "second user name", *must(create("codecommit.amazonaws.com", nil))(t).ServiceUserName, "u+1-at-"+account)
	_, err = create("codecommit.amazonaws.com", nil)
	refused(t, err, "LimitExceeded", "Cannot exceed quota for ServiceSpecificCredentialsPerUser: 2")
	reset := must(c.ResetServiceSpecificCredential(ctx, &sdk.ResetServiceSpecificCredentialInput{UserName: new("u"), ServiceSpecificCredentialId: k.ServiceSpecificCredentialId}))(t).ServiceSpecificCredential
	if *reset.ServicePassword == *k.ServicePassword {
		t.Error("the password is the same after a reset")
	}
	must(create("bedrock.amazonaws.com", new(int32(7))))(t)
	w.Advance(8 * 24 * time.Hour)
	list := must(c.ListServiceSpecificCredentials(ctx, &sdk.ListServiceSpecificCredentialsInput{UserName: new("u"), ServiceName: new("bedrock.amazonaws.com")}))(t)
	equal(t, "status of an old token", list.ServiceSpecificCredentials[0].Status, types.StatusTypeExpired)
}

// TestCredentialReport: the report's columns for a user with everything.
func TestCredentialReport(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	_, err := c.GetCredentialReport(ctx, nil)
	refused(t, err, "ReportNotPresent", "")
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
	must(c.UpdateAccountPasswordPolicy(ctx, &sdk.UpdateAccountPasswordPolicyInput{MaxPasswordAge: new(int32(30))}))(t)
	must(c.CreateLoginProfile(ctx, &sdk.CreateLoginProfileInput{UserName: new("u"), Password: new(oldWord)}))(t)
	must(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: new("u")}))(t)
	equal(t, "state", must(c.GenerateCredentialReport(ctx, nil))(t).State, types.ReportStateTypeStarted)
	equal(t, "state", must(c.GenerateCredentialReport(ctx, nil))(t).State, types.ReportStateTypeInprogress)
	_, err = c.GetCredentialReport(ctx, nil)
	refused(t, err, "ReportInProgress", "")
	w.Advance(time.Minute)
	equal(t, "state", must(c.GenerateCredentialReport(ctx, nil))(t).State, types.ReportStateTypeComplete)
	rows := strings.Split(string(must(c.GetCredentialReport(ctx, nil))(t).Content), "\n")
	equal(t, "rows", len(rows), 3)
	if !strings.HasPrefix(rows[0], "user,arn,user_creation_time,password_enabled,password_last_used,") || !strings.HasPrefix(rows[1], "<root_account>,"+arnHead+"root,") {
		t.Errorf("%s\n%s", rows[0], rows[1])
	}
	equal(t, "user", rows[2], "u,"+arnHead+"user/u,2026-01-01T00:00:00+00:00,true,no_information,2026-01-01T00:00:00+00:00,2026-01-31T00:00:00+00:00,false,"+
		"true,2026-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A")
	w.Advance(4 * time.Hour)
	_, err = c.GetCredentialReport(ctx, nil)
	refused(t, err, "ReportExpired", "")
}
