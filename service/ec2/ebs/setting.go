package ebs

import (
	"crypto/sha256"
	"fmt"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// setting is what an account has chosen for a region.
type setting struct {
	Account, Region string
	Encrypt         bool   // new volumes and copies of snapshots
	KMSKey          string // ARN; "" for the account's own key for EBS
	PublicAccess    string // "" for "unblocked"
}

var settings = &store.Table[setting]{
	Name: "ebs.setting",
	Key:  func(s *setting) store.Key { return store.K(s.Account, s.Region) },
}

func settingOf(c *cloud.Call, r store.Reader) *setting {
	if s, ok := settings.Get(r, c.Account, c.Region); ok {
		return s
	}
	return &setting{Account: c.Account, Region: c.Region}
}

// ownKey is the ARN of the key that AWS manages for an account's volumes,
// alias/aws/ebs. It has no other use than to be named: what is kept is sealed
// under the cloud's own keys.
func ownKey(c *cloud.Call) string {
	h := sha256.Sum256([]byte("ebs\n" + c.Account + "\n" + c.Region))
	h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80 // as in UUIDs of version 4
	return c.ARN("kms", fmt.Sprintf("key/%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16]))
}

// keyARN is the key that a request names.
func keyARN(c *cloud.Call, name string) (string, error) {
	own := ownKey(c)
	for _, alias := range []string{"alias/aws/ebs", c.ARN("kms", "alias/aws/ebs"), own, own[strings.LastIndex(own, "/")+1:]} {
		if name == alias {
			return own, nil
		}
	}
	return "", errNoKMS
}

// defaultKey is what new encrypted volumes are encrypted with.
func (s *setting) defaultKey(c *cloud.Call) string {
	if s.KMSKey != "" {
		return s.KMSKey
	}
	return ownKey(c)
}

// encryption works out whether something new is encrypted, and with which key:
// a copy of what is encrypted always is.
func encryption(c *cloud.Call, r store.Reader, encrypted *bool, key *string, sourceKey string) (bool, string, error) {
	set := settingOf(c, r)
	if cloud.Or(key, "") != "" {
		if encrypted == nil || !*encrypted {
			return false, "", resource.Errorf("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
		}
		arn, err := keyARN(c, *key)
		return true, arn, err
	}
	switch {
	case sourceKey != "":
		return true, sourceKey, nil
	case cloud.Or(encrypted, false), set.Encrypt:
		return true, set.defaultKey(c), nil
	}
	return false, "", nil
}

// canEncrypt refuses new encrypted volumes where the data plane keeps none: one
// that was said to be encrypted and is not would be worse than none.
func (s *Room) canEncrypt() error {
	if err := s.plane.CanEncrypt(); err != nil {
		return resource.Unsupported("This cloud cannot encrypt volumes: %v", err)
	}
	return nil
}

func changeSetting(c *cloud.Call, tx store.Tx, f func(*setting)) *setting {
	s := settingOf(c, tx)
	f(s)
	settings.Put(tx, s)
	return s
}

func enableEncryption(c *cloud.Call, tx store.Tx, _ *api.EnableEbsEncryptionByDefaultInput) (*api.EnableEbsEncryptionByDefaultOutput, error) {
	changeSetting(c, tx, func(s *setting) { s.Encrypt = true })
	return &api.EnableEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: new(true)}, nil
}

func disableEncryption(c *cloud.Call, tx store.Tx, _ *api.DisableEbsEncryptionByDefaultInput) (*api.DisableEbsEncryptionByDefaultOutput, error) {
	changeSetting(c, tx, func(s *setting) { s.Encrypt = false })
	return &api.DisableEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: new(false)}, nil
}

func getEncryption(c *cloud.Call, r store.Reader, _ *api.GetEbsEncryptionByDefaultInput) (*api.GetEbsEncryptionByDefaultOutput, error) {
	on := settingOf(c, r).Encrypt
	out := &api.GetEbsEncryptionByDefaultOutput{EbsEncryptionByDefault: &on}
	if out.SseType = new("none"); on {
		out.SseType = new("sse-kms")
	}
	return out, nil
}

func getDefaultKey(c *cloud.Call, r store.Reader, _ *api.GetEbsDefaultKmsKeyIdInput) (*api.GetEbsDefaultKmsKeyIdOutput, error) {
	return &api.GetEbsDefaultKmsKeyIdOutput{KmsKeyId: new(shownKey(settingOf(c, r)))}, nil
}

// shownKey is the default key as it is shown: the account's own by its alias.
func shownKey(s *setting) string {
	if s.KMSKey == "" {
		return "alias/aws/ebs"
	}
	return s.KMSKey
}

func modifyDefaultKey(c *cloud.Call, tx store.Tx, in *api.ModifyEbsDefaultKmsKeyIdInput) (*api.ModifyEbsDefaultKmsKeyIdOutput, error) {
	arn, err := keyARN(c, in.KmsKeyId)
	if err != nil {
		return nil, err
	}
	changeSetting(c, tx, func(s *setting) { s.KMSKey = arn })
	return &api.ModifyEbsDefaultKmsKeyIdOutput{KmsKeyId: &arn}, nil
}

func resetDefaultKey(c *cloud.Call, tx store.Tx, _ *api.ResetEbsDefaultKmsKeyIdInput) (*api.ResetEbsDefaultKmsKeyIdOutput, error) {
	s := changeSetting(c, tx, func(s *setting) { s.KMSKey = "" })
	return &api.ResetEbsDefaultKmsKeyIdOutput{KmsKeyId: new(shownKey(s))}, nil
}

const (
	unblocked    = "unblocked"
	blockAll     = "block-all-sharing"
	blockSharing = "block-new-sharing"
)

// publicAccess is how far snapshots may be public.
func (s *setting) publicAccess() string {
	if s.PublicAccess == "" {
		return unblocked
	}
	return s.PublicAccess
}

func blockPublicAccess(c *cloud.Call, tx store.Tx, in *api.EnableSnapshotBlockPublicAccessInput) (*api.EnableSnapshotBlockPublicAccessOutput, error) {
	if in.State != blockAll && in.State != blockSharing {
		return nil, resource.Invalid(in.State, "State")
	}
	changeSetting(c, tx, func(s *setting) { s.PublicAccess = in.State })
	return &api.EnableSnapshotBlockPublicAccessOutput{State: &in.State}, nil
}

func unblockPublicAccess(c *cloud.Call, tx store.Tx, _ *api.DisableSnapshotBlockPublicAccessInput) (*api.DisableSnapshotBlockPublicAccessOutput, error) {
	changeSetting(c, tx, func(s *setting) { s.PublicAccess = "" })
	return &api.DisableSnapshotBlockPublicAccessOutput{State: new(unblocked)}, nil
}

func publicAccessState(c *cloud.Call, r store.Reader, _ *api.GetSnapshotBlockPublicAccessStateInput) (*api.GetSnapshotBlockPublicAccessStateOutput, error) {
	return &api.GetSnapshotBlockPublicAccessStateOutput{State: new(settingOf(c, r).publicAccess()), ManagedBy: new(api.ManagedByAccount)}, nil
}
