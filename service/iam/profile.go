package iam

import (
	"slices"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

func findProfile(c *cloud.Call, r store.Reader, name string) (*identity.InstanceProfile, error) {
	p, ok := identity.FindInstanceProfile(r, c.Account, name)
	if !ok {
		return nil, errNoProfile(name)
	}
	return p, nil
}

// profileEntry is an instance profile as lists show it: without tags.
func profileEntry(r store.Reader, p *identity.InstanceProfile) api.InstanceProfile {
	v := api.InstanceProfile{Path: p.Path, InstanceProfileName: p.Name, InstanceProfileId: p.ID, Arn: p.ARN,
		CreateDate: p.Created, Roles: []api.Role{}}
	if role, ok := identity.PeekRole(r, p.Account, p.Role); ok {
		v.Roles = append(v.Roles, roleEntry(r, role))
	}
	return v
}

func profileView(r store.Reader, p *identity.InstanceProfile) api.InstanceProfile {
	v := profileEntry(r, p)
	v.Tags = tagViews(p.Tags)
	return v
}

func createInstanceProfile(c *cloud.Call, tx store.Tx, in *api.CreateInstanceProfileInput) (*api.CreateInstanceProfileOutput, error) {
	if _, ok := identity.FindInstanceProfile(tx, c.Account, in.InstanceProfileName); ok {
		return nil, api.ErrEntityAlreadyExists.New("Instance Profile %s already exists.", in.InstanceProfileName)
	}
	if identity.InstanceProfiles.Count(tx, c.Account) >= instanceProfilesQuota {
		return nil, errQuota("InstanceProfilesPerAccount", instanceProfilesQuota)
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := &identity.InstanceProfile{
		Account: c.Account, Name: in.InstanceProfileName, Path: cloud.Or(in.Path, "/"),
		ID: identity.NewID(identity.InstanceProfileID, c.Account, c.Rand()), Created: c.Now, Tags: tags,
	}
	p.ARN = arnOf(c, "instance-profile", p.Path, p.Name)
	identity.InstanceProfiles.Insert(tx, p)
	return &api.CreateInstanceProfileOutput{InstanceProfile: profileView(tx, p)}, nil
}

func getInstanceProfile(c *cloud.Call, r store.Reader, in *api.GetInstanceProfileInput) (*api.GetInstanceProfileOutput, error) {
	p, err := findProfile(c, r, in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	return &api.GetInstanceProfileOutput{InstanceProfile: profileView(r, p)}, nil
}

func listInstanceProfiles(c *cloud.Call, r store.Reader, in *api.ListInstanceProfilesInput) (*api.ListInstanceProfilesOutput, error) {
	list, p, err := pageTable(&identity.InstanceProfiles.Table, r, c.Account, in.Marker, in.MaxItems,
		under(in.PathPrefix, func(p *identity.InstanceProfile) string { return p.Path }))
	if err != nil {
		return nil, err
	}
	return &api.ListInstanceProfilesOutput{
		InstanceProfiles: views(list, func(p *identity.InstanceProfile) api.InstanceProfile { return profileEntry(r, p) }),
		IsTruncated:      p.IsTruncated, Marker: p.Marker,
	}, nil
}

func listInstanceProfilesForRole(c *cloud.Call, r store.Reader, in *api.ListInstanceProfilesForRoleInput) (*api.ListInstanceProfilesForRoleOutput, error) {
	role, err := seeRole(c, r, in.RoleName)
	if err != nil {
		return nil, err
	}
	list, p, err := pageSlice(profilesOf(r, role), in.Marker, in.MaxItems)
	return &api.ListInstanceProfilesForRoleOutput{InstanceProfiles: list, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func profilesOf(r store.Reader, role *identity.Role) []api.InstanceProfile {
	return views(slices.Collect(identity.InstanceProfiles.Linked(r, role.Account, "role", identity.Fold(role.Name))),
		func(p *identity.InstanceProfile) api.InstanceProfile { return profileEntry(r, p) })
}

func addRoleToInstanceProfile(c *cloud.Call, tx store.Tx, in *api.AddRoleToInstanceProfileInput) (*cloud.Empty, error) {
	p, err := findProfile(c, tx, in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	role, err := ownRole(c, tx, in.RoleName)
	if err != nil {
		return nil, err
	}
	if p.Role != "" {
		return nil, errQuota("InstanceSessionsPerInstanceProfile", 1)
	}
	p.Role = role.Name
	identity.InstanceProfiles.Put(tx, p)
	return new(cloud.Empty), nil
}

func removeRoleFromInstanceProfile(c *cloud.Call, tx store.Tx, in *api.RemoveRoleFromInstanceProfileInput) (*cloud.Empty, error) {
	p, err := findProfile(c, tx, in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	role, err := findRole(c, tx, in.RoleName)
	if err != nil {
		return nil, err
	}
	if identity.Fold(p.Role) != identity.Fold(role.Name) {
		return nil, errNoRole(in.RoleName)
	}
	p.Role = ""
	identity.InstanceProfiles.Put(tx, p)
	return new(cloud.Empty), nil
}

func deleteInstanceProfile(c *cloud.Call, tx store.Tx, in *api.DeleteInstanceProfileInput) (*cloud.Empty, error) {
	p, err := findProfile(c, tx, in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	if p.Role != "" {
		return nil, errMust("remove roles from instance profile")
	}
	identity.InstanceProfiles.Delete(tx, c.Account, identity.Fold(p.Name))
	return new(cloud.Empty), nil
}

func taggedProfile(c *cloud.Call, r store.Reader, name string) (tagged, error) {
	p, err := findProfile(c, r, name)
	if err != nil {
		return tagged{}, err
	}
	return tagged{&p.Tags, func(tx store.Tx) { identity.InstanceProfiles.Put(tx, p) }}, nil
}

func tagInstanceProfile(c *cloud.Call, tx store.Tx, in *api.TagInstanceProfileInput) (*cloud.Empty, error) {
	x, err := taggedProfile(c, tx, in.InstanceProfileName)
	return tag(tx, x, err, in.Tags)
}

func untagInstanceProfile(c *cloud.Call, tx store.Tx, in *api.UntagInstanceProfileInput) (*cloud.Empty, error) {
	x, err := taggedProfile(c, tx, in.InstanceProfileName)
	return untag(tx, x, err, in.TagKeys)
}

func listInstanceProfileTags(c *cloud.Call, r store.Reader, in *api.ListInstanceProfileTagsInput) (*api.ListInstanceProfileTagsOutput, error) {
	x, err := taggedProfile(c, r, in.InstanceProfileName)
	tags, p, err := listTags(x, err, in.Marker, in.MaxItems)
	return &api.ListInstanceProfileTagsOutput{Tags: tags, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}
