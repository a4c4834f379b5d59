package iam

import (
	"slices"
	"time"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

func findUser(c *cloud.Call, r store.Reader, name string) (*identity.User, error) {
	u, ok := identity.FindUser(r, c.Account, name)
	if !ok {
		return nil, errNoUser(name)
	}
	return u, nil
}

// seeUser is findUser for those who only read.
func seeUser(c *cloud.Call, r store.Reader, name string) (*identity.User, error) {
	u, ok := identity.PeekUser(r, c.Account, name)
	if !ok {
		return nil, errNoUser(name)
	}
	return u, nil
}

// ownName is the name that the request means: the one given, or the caller's.
// It is empty for the root user.
func ownName(c *cloud.Call, name *string) (string, error) {
	if name != nil {
		return *name, nil
	}
	switch p := c.Principal; {
	case p.Kind == cloud.Root:
		return "", nil
	case p.Kind == cloud.User:
		return p.Name, nil
	}
	return "", errWhose()
}

// arnOf names a resource of the account; IAM's have no region.
func arnOf(c *cloud.Call, kind, path, name string) string {
	return "arn:" + c.Partition + ":iam::" + c.Account + ":" + kind + path + name
}

func boundaryView(g *identity.Grants) *api.AttachedPermissionsBoundary {
	if g.Boundary == "" {
		return nil
	}
	return &api.AttachedPermissionsBoundary{
		PermissionsBoundaryType: new(api.PermissionsBoundaryAttachmentTypePermissionsBoundaryPolicy),
		PermissionsBoundaryArn:  new(g.Boundary),
	}
}

// optionalTime leaves the zero time out.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// userEntry is a user as lists show it: without tags and boundary.
func userEntry(u *identity.User) api.User {
	return api.User{Path: u.Path, UserName: u.Name, UserId: u.ID, Arn: u.ARN, CreateDate: u.Created,
		PasswordLastUsed: optionalTime(u.PasswordLastUsed)}
}

func userView(u *identity.User) api.User {
	v := userEntry(u)
	v.PermissionsBoundary = boundaryView(&u.Grants)
	v.Tags = optionalTags(u.Tags)
	return v
}

func createUser(c *cloud.Call, tx store.Tx, in *api.CreateUserInput) (*api.CreateUserOutput, error) {
	if _, ok := identity.FindUser(tx, c.Account, in.UserName); ok {
		return nil, errExists("User", in.UserName)
	}
	if identity.Users.Count(tx, c.Account) >= usersQuota {
		return nil, errQuota("UsersPerAccount", usersQuota)
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	u := &identity.User{
		Account: c.Account, Name: in.UserName, Path: cloud.Or(in.Path, "/"),
		ID: identity.NewID(identity.UserID, c.Account, c.Rand()), Created: c.Now, Tags: tags,
	}
	u.ARN = arnOf(c, "user", u.Path, u.Name)
	if in.PermissionsBoundary != nil {
		if err := checkBoundary(c, tx, *in.PermissionsBoundary); err != nil {
			return nil, err
		}
		u.Boundary = *in.PermissionsBoundary
	}
	identity.Users.Insert(tx, u)
	return &api.CreateUserOutput{User: new(userView(u))}, nil
}

func getUser(c *cloud.Call, r store.Reader, in *api.GetUserInput) (*api.GetUserOutput, error) {
	name, err := ownName(c, in.UserName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return &api.GetUserOutput{User: rootView(c, r)}, nil
	}
	u, err := seeUser(c, r, name)
	if err != nil {
		return nil, err
	}
	return &api.GetUserOutput{User: userView(u)}, nil
}

// rootView is the root user as GetUser shows it to itself; its name is the
// account's alias.
func rootView(c *cloud.Call, r store.Reader) api.User {
	v := api.User{Path: "/", UserId: c.Account, Arn: "arn:" + c.Partition + ":iam::" + c.Account + ":root"}
	if a, ok := identity.Accounts.Get(r, c.Account); ok {
		v.UserName, v.CreateDate = a.Alias, a.Created
	}
	return v
}

func listUsers(c *cloud.Call, r store.Reader, in *api.ListUsersInput) (*api.ListUsersOutput, error) {
	users, p, err := pageTable(&identity.Users.Table, r, c.Account, in.Marker, in.MaxItems,
		under(in.PathPrefix, func(u *identity.User) string { return u.Path }))
	if err != nil {
		return nil, err
	}
	return &api.ListUsersOutput{Users: views(users, userEntry), IsTruncated: p.IsTruncated, Marker: p.Marker}, nil
}

func updateUser(c *cloud.Call, tx store.Tx, in *api.UpdateUserInput) (*cloud.Empty, error) {
	u, err := findUser(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	old := u.Name
	if in.NewUserName != nil && identity.Fold(*in.NewUserName) != identity.Fold(old) {
		if _, ok := identity.FindUser(tx, c.Account, *in.NewUserName); ok {
			return nil, errExists("User", *in.NewUserName)
		}
	}
	if in.NewUserName != nil {
		identity.Users.Delete(tx, c.Account, identity.Fold(old))
		u.Name = *in.NewUserName
	}
	u.Path = cloud.Or(in.NewPath, u.Path)
	u.ARN = arnOf(c, "user", u.Path, u.Name)
	identity.Users.Put(tx, u)
	if u.Name != old {
		renameBelongings(tx, c.Account, old, u.Name)
	}
	return new(cloud.Empty), nil
}

// renameBelongings moves what is kept under a user's name to its new one.
func renameBelongings(tx store.Tx, account, old, name string) {
	for _, k := range slices.Collect(identity.AccessKeys.Index(tx, "user", account, identity.Fold(old))) {
		k.User = name
		identity.PutKey(tx, k)
	}
	for _, d := range slices.Collect(identity.MFADevices.Linked(tx, account, "user", identity.Fold(old))) {
		d.User = name
		identity.MFADevices.Put(tx, d)
	}
	for _, x := range slices.Collect(identity.SigningCertificates.Scan(tx, account, identity.Fold(old))) {
		identity.SigningCertificates.Delete(tx, account, identity.Fold(old), x.ID)
		x.User = name
		identity.SigningCertificates.Put(tx, x)
	}
	for _, x := range slices.Collect(identity.SSHKeys.Scan(tx, account, identity.Fold(old))) {
		identity.SSHKeys.Delete(tx, account, identity.Fold(old), x.ID)
		x.User = name
		identity.SSHKeys.Put(tx, x)
	}
	for _, x := range slices.Collect(identity.ServiceCredentials.Scan(tx, account, identity.Fold(old))) {
		identity.ServiceCredentials.Delete(tx, account, identity.Fold(old), x.ID)
		x.User = name
		identity.ServiceCredentials.Put(tx, x)
	}
}

func deleteUser(c *cloud.Call, tx store.Tx, in *api.DeleteUserInput) (*cloud.Empty, error) {
	u, err := findUser(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	if err := userIsBare(tx, u); err != nil {
		return nil, err
	}
	identity.Users.Delete(tx, c.Account, identity.Fold(u.Name))
	return new(cloud.Empty), nil
}

// userIsBare refuses to delete a user to whom something still belongs, with
// AWS's word for what.
func userIsBare(r store.Reader, u *identity.User) error {
	own := identity.Fold(u.Name)
	switch {
	case len(u.Attached) > 0:
		return errMust("detach all policies")
	case len(u.Inline) > 0:
		return errMust("delete policies")
	case len(u.Groups) > 0:
		return errMust("remove users from group")
	case u.Login != nil:
		return errMust("delete login profile")
	case some(identity.AccessKeys.Index(r, "user", u.Account, own)):
		return errMust("delete access keys")
	case some(identity.MFADevices.Linked(r, u.Account, "user", own)):
		return errMust("delete MFA device")
	case some(identity.SigningCertificates.Scan(r, u.Account, own)):
		return errMust("delete signing certificates")
	case some(identity.SSHKeys.Scan(r, u.Account, own)):
		return errMust("delete SSH public keys")
	case some(identity.ServiceCredentials.Scan(r, u.Account, own)):
		return errMust("delete service specific credentials")
	}
	return nil
}

// some tells whether a sequence has an element.
func some[T any](seq func(func(T) bool)) bool {
	for range seq {
		return true
	}
	return false
}

func taggedUser(u *identity.User, err error) (tagged, error) {
	if err != nil {
		return tagged{}, err
	}
	return tagged{&u.Tags, func(tx store.Tx) { identity.Users.Put(tx, u) }}, nil
}

func tagUser(c *cloud.Call, tx store.Tx, in *api.TagUserInput) (*cloud.Empty, error) {
	x, err := taggedUser(findUser(c, tx, in.UserName))
	return tag(tx, x, err, in.Tags)
}

func untagUser(c *cloud.Call, tx store.Tx, in *api.UntagUserInput) (*cloud.Empty, error) {
	x, err := taggedUser(findUser(c, tx, in.UserName))
	return untag(tx, x, err, in.TagKeys)
}

func listUserTags(c *cloud.Call, r store.Reader, in *api.ListUserTagsInput) (*api.ListUserTagsOutput, error) {
	x, err := taggedUser(seeUser(c, r, in.UserName))
	tags, p, err := listTags(x, err, in.Marker, in.MaxItems)
	return &api.ListUserTagsOutput{Tags: tags, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}
