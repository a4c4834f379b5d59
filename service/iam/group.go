package iam

import (
	"slices"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

func findGroup(c *cloud.Call, r store.Reader, name string) (*identity.Group, error) {
	g, ok := identity.FindGroup(r, c.Account, name)
	if !ok {
		return nil, errNoGroup(name)
	}
	return g, nil
}

// seeGroup is findGroup for those who only read.
func seeGroup(c *cloud.Call, r store.Reader, name string) (*identity.Group, error) {
	g, ok := identity.PeekGroup(r, c.Account, name)
	if !ok {
		return nil, errNoGroup(name)
	}
	return g, nil
}

func groupView(g *identity.Group) api.Group {
	return api.Group{Path: g.Path, GroupName: g.Name, GroupId: g.ID, Arn: g.ARN, CreateDate: g.Created}
}

func createGroup(c *cloud.Call, tx store.Tx, in *api.CreateGroupInput) (*api.CreateGroupOutput, error) {
	if _, ok := identity.FindGroup(tx, c.Account, in.GroupName); ok {
		return nil, errExists("Group", in.GroupName)
	}
	if identity.Groups.Count(tx, c.Account) >= groupsQuota {
		return nil, errQuota("GroupsPerAccount", groupsQuota)
	}
	g := &identity.Group{
		Account: c.Account, Name: in.GroupName, Path: cloud.Or(in.Path, "/"),
		ID: identity.NewID(identity.GroupID, c.Account, c.Rand()), Created: c.Now,
	}
	g.ARN = arnOf(c, "group", g.Path, g.Name)
	identity.Groups.Insert(tx, g)
	return &api.CreateGroupOutput{Group: groupView(g)}, nil
}

func getGroup(c *cloud.Call, r store.Reader, in *api.GetGroupInput) (*api.GetGroupOutput, error) {
	g, err := seeGroup(c, r, in.GroupName)
	if err != nil {
		return nil, err
	}
	members := slices.Collect(identity.Users.Linked(r, c.Account, "group", identity.Fold(g.Name)))
	page, p, err := pageSlice(members, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.GetGroupOutput{Group: groupView(g), Users: views(page, userEntry), IsTruncated: p.IsTruncated, Marker: p.Marker}, nil
}

func listGroups(c *cloud.Call, r store.Reader, in *api.ListGroupsInput) (*api.ListGroupsOutput, error) {
	groups, p, err := pageTable(&identity.Groups.Table, r, c.Account, in.Marker, in.MaxItems,
		under(in.PathPrefix, func(g *identity.Group) string { return g.Path }))
	if err != nil {
		return nil, err
	}
	return &api.ListGroupsOutput{Groups: views(groups, groupView), IsTruncated: p.IsTruncated, Marker: p.Marker}, nil
}

func listGroupsForUser(c *cloud.Call, r store.Reader, in *api.ListGroupsForUserInput) (*api.ListGroupsForUserOutput, error) {
	u, err := seeUser(c, r, in.UserName)
	if err != nil {
		return nil, err
	}
	groups := make([]api.Group, 0, len(u.Groups))
	for _, name := range u.Groups {
		if g, ok := identity.PeekGroup(r, c.Account, name); ok {
			groups = append(groups, groupView(g))
		}
	}
	page, p, err := pageSlice(groups, in.Marker, in.MaxItems)
	return &api.ListGroupsForUserOutput{Groups: page, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func updateGroup(c *cloud.Call, tx store.Tx, in *api.UpdateGroupInput) (*cloud.Empty, error) {
	g, err := findGroup(c, tx, in.GroupName)
	if err != nil {
		return nil, err
	}
	old := g.Name
	if in.NewGroupName != nil && identity.Fold(*in.NewGroupName) != identity.Fold(old) {
		if _, ok := identity.FindGroup(tx, c.Account, *in.NewGroupName); ok {
			return nil, errExists("Group", *in.NewGroupName)
		}
	}
	if in.NewGroupName != nil {
		members := slices.Collect(identity.Users.Linked(tx, c.Account, "group", identity.Fold(old)))
		identity.Groups.Delete(tx, c.Account, identity.Fold(old))
		g.Name = *in.NewGroupName
		for _, u := range members {
			u.Groups[memberIndex(u, old)] = g.Name
			identity.Users.Put(tx, u)
		}
	}
	g.Path = cloud.Or(in.NewPath, g.Path)
	g.ARN = arnOf(c, "group", g.Path, g.Name)
	identity.Groups.Put(tx, g)
	return new(cloud.Empty), nil
}

func deleteGroup(c *cloud.Call, tx store.Tx, in *api.DeleteGroupInput) (*cloud.Empty, error) {
	g, err := findGroup(c, tx, in.GroupName)
	if err != nil {
		return nil, err
	}
	switch {
	case identity.Users.CountLinked(tx, c.Account, "group", identity.Fold(g.Name)) > 0:
		return nil, errMust("remove users from group")
	case len(g.Attached) > 0:
		return nil, errMust("detach all policies")
	case len(g.Inline) > 0:
		return nil, errMust("delete policies")
	}
	identity.Groups.Delete(tx, c.Account, identity.Fold(g.Name))
	return new(cloud.Empty), nil
}

func memberIndex(u *identity.User, group string) int {
	return slices.IndexFunc(u.Groups, func(g string) bool { return identity.Fold(g) == identity.Fold(group) })
}

func addUserToGroup(c *cloud.Call, tx store.Tx, in *api.AddUserToGroupInput) (*cloud.Empty, error) {
	g, err := findGroup(c, tx, in.GroupName)
	if err != nil {
		return nil, err
	}
	u, err := findUser(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	if memberIndex(u, g.Name) >= 0 {
		return new(cloud.Empty), nil
	}
	if len(u.Groups) >= groupsPerUserQuota {
		return nil, errQuota("GroupsPerUser", groupsPerUserQuota)
	}
	u.Groups = append(u.Groups, g.Name)
	identity.Users.Put(tx, u)
	return new(cloud.Empty), nil
}

func removeUserFromGroup(c *cloud.Call, tx store.Tx, in *api.RemoveUserFromGroupInput) (*cloud.Empty, error) {
	g, err := findGroup(c, tx, in.GroupName)
	if err != nil {
		return nil, err
	}
	u, err := findUser(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	if i := memberIndex(u, g.Name); i >= 0 {
		u.Groups = slices.Delete(u.Groups, i, i+1)
		identity.Users.Put(tx, u)
	}
	return new(cloud.Empty), nil
}
