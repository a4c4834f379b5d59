package iam

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// minRSABits is the smallest key that AWS takes.
const minRSABits = 2048

// parseSSHKey reads an RSA public key in OpenSSH's or in PEM form.
func parseSSHKey(body string) (ssh.PublicKey, error) {
	bad := api.ErrInvalidPublicKey.New("The public key is malformed. It must be an RSA key of at least %d bits in ssh-rsa or PEM format.", minRSABits)
	var key ssh.PublicKey
	var err error
	if block, _ := pem.Decode([]byte(body)); block != nil {
		var public any
		if public, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
			public, err = x509.ParsePKCS1PublicKey(block.Bytes)
		}
		if err == nil {
			key, err = ssh.NewPublicKey(public)
		}
	} else {
		key, _, _, _, err = ssh.ParseAuthorizedKey([]byte(body))
	}
	if err != nil {
		return nil, bad
	}
	if public, ok := rsaKey(key); !ok || public.N.BitLen() < minRSABits {
		return nil, bad
	}
	return key, nil
}

func rsaKey(key ssh.PublicKey) (*rsa.PublicKey, bool) {
	k, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil, false
	}
	public, ok := k.CryptoPublicKey().(*rsa.PublicKey)
	return public, ok
}

func sshKeyView(k *identity.SSHKey, body string) *api.SSHPublicKey {
	return &api.SSHPublicKey{UserName: k.User, SSHPublicKeyId: k.ID, Fingerprint: k.Fingerprint,
		SSHPublicKeyBody: body, Status: status(k.Inactive), UploadDate: &k.Uploaded}
}

func sshKeysOf(r store.Reader, account, user string) []*identity.SSHKey {
	return slices.Collect(identity.SSHKeys.Scan(r, account, identity.Fold(user)))
}

func uploadSSHPublicKey(c *cloud.Call, tx store.Tx, in *api.UploadSSHPublicKeyInput) (*api.UploadSSHPublicKeyOutput, error) {
	u, err := findUser(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	key, err := parseSSHKey(in.SSHPublicKeyBody)
	if err != nil {
		return nil, err
	}
	k := &identity.SSHKey{Account: c.Account, User: u.Name, ID: identity.NewID(identity.PublicKeyID, c.Account, c.Rand()),
		Body: in.SSHPublicKeyBody, Fingerprint: ssh.FingerprintLegacyMD5(key), Uploaded: c.Now}
	own := sshKeysOf(tx, c.Account, u.Name)
	if slices.ContainsFunc(own, func(o *identity.SSHKey) bool { return o.Fingerprint == k.Fingerprint }) {
		return nil, api.ErrDuplicateSSHPublicKey.New("The SSH public key is already associated with this user.")
	}
	if len(own) >= sshKeysQuota {
		return nil, errQuota("SSHPublicKeysPerUser", sshKeysQuota)
	}
	identity.SSHKeys.Insert(tx, k)
	return &api.UploadSSHPublicKeyOutput{SSHPublicKey: sshKeyView(k, k.Body)}, nil
}

func findSSHKey(c *cloud.Call, r store.Reader, user, id string) (*identity.SSHKey, error) {
	u, err := findUser(c, r, user)
	if err != nil {
		return nil, err
	}
	k, ok := identity.SSHKeys.Get(r, c.Account, identity.Fold(u.Name), id)
	if !ok {
		return nil, api.ErrNoSuchEntity.New("The Public Key with id %s cannot be found.", id)
	}
	return k, nil
}

func getSSHPublicKey(c *cloud.Call, r store.Reader, in *api.GetSSHPublicKeyInput) (*api.GetSSHPublicKeyOutput, error) {
	k, err := findSSHKey(c, r, in.UserName, in.SSHPublicKeyId)
	if err != nil {
		return nil, err
	}
	key, err := parseSSHKey(k.Body)
	if err != nil {
		return nil, err
	}
	body := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	if in.Encoding == api.EncodingTypePem {
		public, _ := rsaKey(key)
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return nil, err
		}
		body = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	return &api.GetSSHPublicKeyOutput{SSHPublicKey: sshKeyView(k, body)}, nil
}

func listSSHPublicKeys(c *cloud.Call, r store.Reader, in *api.ListSSHPublicKeysInput) (*api.ListSSHPublicKeysOutput, error) {
	user, err := ownUser(c, r, in.UserName)
	if err != nil {
		return nil, err
	}
	page, p, err := pageSlice(sshKeysOf(r, c.Account, user), in.Marker, in.MaxItems)
	return &api.ListSSHPublicKeysOutput{
		SSHPublicKeys: views(page, func(k *identity.SSHKey) api.SSHPublicKeyMetadata {
			return api.SSHPublicKeyMetadata{UserName: k.User, SSHPublicKeyId: k.ID, Status: status(k.Inactive), UploadDate: k.Uploaded}
		}),
		IsTruncated: p.IsTruncated, Marker: p.Marker,
	}, err
}

func updateSSHPublicKey(c *cloud.Call, tx store.Tx, in *api.UpdateSSHPublicKeyInput) (*cloud.Empty, error) {
	k, err := findSSHKey(c, tx, in.UserName, in.SSHPublicKeyId)
	if err != nil {
		return nil, err
	}
	if err := setStatus(&k.Inactive, in.Status); err != nil {
		return nil, err
	}
	identity.SSHKeys.Put(tx, k)
	return new(cloud.Empty), nil
}

func deleteSSHPublicKey(c *cloud.Call, tx store.Tx, in *api.DeleteSSHPublicKeyInput) (*cloud.Empty, error) {
	k, err := findSSHKey(c, tx, in.UserName, in.SSHPublicKeyId)
	if err != nil {
		return nil, err
	}
	identity.SSHKeys.Delete(tx, c.Account, identity.Fold(k.User), k.ID)
	return new(cloud.Empty), nil
}
