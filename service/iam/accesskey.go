package iam

import (
	"slices"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

func status(inactive bool) string {
	if inactive {
		return api.StatusTypeInactive
	}
	return api.StatusTypeActive
}

// setStatus reads the status that an update asks for.
func setStatus(inactive *bool, asked string) error {
	if asked == api.StatusTypeExpired {
		return api.ErrInvalidInput.New("Status %s cannot be set.", asked)
	}
	*inactive = asked == api.StatusTypeInactive
	return nil
}

// ownUser is the name of an existing user that the request means, or the empty
// name of the root user.
func ownUser(c *cloud.Call, r store.Reader, name *string) (string, error) {
	own, err := ownName(c, name)
	if err != nil || own == "" {
		return "", err
	}
	u, err := seeUser(c, r, own)
	if err != nil {
		return "", err
	}
	return u.Name, nil
}

func keysOf(r store.Reader, account, user string) []*identity.AccessKey {
	keys := slices.Collect(identity.AccessKeys.Index(r, "user", account, identity.Fold(user)))
	slices.SortStableFunc(keys, func(a, b *identity.AccessKey) int { return a.Created.Compare(b.Created) })
	return keys
}

// quotaKeys is how many keys count towards the quota: the key that is the
// account's own id is a convention of this cloud, which AWS does not have.
func quotaKeys(keys []*identity.AccessKey) (n int) {
	for _, k := range keys {
		if k.ID != k.Account {
			n++
		}
	}
	return n
}

func createAccessKey(c *cloud.Call, tx store.Tx, in *api.CreateAccessKeyInput) (*api.CreateAccessKeyOutput, error) {
	user, err := ownUser(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	if quotaKeys(keysOf(tx, c.Account, user)) >= accessKeysQuota {
		return nil, errQuota("AccessKeysPerUser", accessKeysQuota)
	}
	k := &identity.AccessKey{
		ID: identity.NewKeyID(identity.KeyID, c.Account, c.Rand()), Secret: identity.NewSecret(),
		Account: c.Account, User: user, Created: c.Now,
	}
	identity.PutKey(tx, k)
	return &api.CreateAccessKeyOutput{AccessKey: api.AccessKey{
		UserName: user, AccessKeyId: k.ID, Status: api.StatusTypeActive, SecretAccessKey: k.Secret, CreateDate: &k.Created,
	}}, nil
}

func listAccessKeys(c *cloud.Call, r store.Reader, in *api.ListAccessKeysInput) (*api.ListAccessKeysOutput, error) {
	user, err := ownUser(c, r, in.UserName)
	if err != nil {
		return nil, err
	}
	page, p, err := pageSlice(keysOf(r, c.Account, user), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListAccessKeysOutput{
		AccessKeyMetadata: views(page, func(k *identity.AccessKey) api.AccessKeyMetadata {
			return api.AccessKeyMetadata{UserName: &k.User, AccessKeyId: &k.ID, Status: new(status(k.Inactive)), CreateDate: &k.Created}
		}),
		IsTruncated: p.IsTruncated, Marker: p.Marker,
	}, nil
}

// findKey is a key of the user that the request means.
func findKey(c *cloud.Call, r store.Reader, name *string, id string) (*identity.AccessKey, error) {
	user, err := ownUser(c, r, name)
	if err != nil {
		return nil, err
	}
	k, ok := identity.AccessKeys.Get(r, id)
	if !ok || k.Account != c.Account || identity.Fold(k.User) != identity.Fold(user) {
		return nil, errNoKey(id)
	}
	return k, nil
}

func updateAccessKey(c *cloud.Call, tx store.Tx, in *api.UpdateAccessKeyInput) (*cloud.Empty, error) {
	k, err := findKey(c, tx, in.UserName, in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	if err := setStatus(&k.Inactive, in.Status); err != nil {
		return nil, err
	}
	identity.PutKey(tx, k)
	return new(cloud.Empty), nil
}

func deleteAccessKey(c *cloud.Call, tx store.Tx, in *api.DeleteAccessKeyInput) (*cloud.Empty, error) {
	k, err := findKey(c, tx, in.UserName, in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	identity.DeleteKey(tx, k)
	return new(cloud.Empty), nil
}

func getAccessKeyLastUsed(c *cloud.Call, r store.Reader, in *api.GetAccessKeyLastUsedInput) (*api.GetAccessKeyLastUsedOutput, error) {
	k, ok := identity.AccessKeys.Get(r, in.AccessKeyId)
	if !ok || k.Account != c.Account {
		return nil, errNoKey(in.AccessKeyId)
	}
	used := &api.AccessKeyLastUsed{ServiceName: "N/A", Region: "N/A"}
	if seen, ok := identity.KeyLastSeen(r, k.ID); ok {
		used = &api.AccessKeyLastUsed{LastUsedDate: &seen.At, ServiceName: seen.Service, Region: seen.Region}
	}
	return &api.GetAccessKeyLastUsedOutput{UserName: &k.User, AccessKeyLastUsed: used}, nil
}
