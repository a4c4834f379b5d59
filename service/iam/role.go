package iam

import (
	"net/url"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

func findRole(c *cloud.Call, r store.Reader, name string) (*identity.Role, error) {
	role, ok := identity.FindRole(r, c.Account, name)
	if !ok {
		return nil, errNoRole(name)
	}
	return role, nil
}

// seeRole is findRole for those who only read.
func seeRole(c *cloud.Call, r store.Reader, name string) (*identity.Role, error) {
	role, ok := identity.PeekRole(r, c.Account, name)
	if !ok {
		return nil, errNoRole(name)
	}
	return role, nil
}

// ownRole is a role that its account may change: not one that belongs to an
// AWS service.
func ownRole(c *cloud.Call, r store.Reader, name string) (*identity.Role, error) {
	role, err := findRole(c, r, name)
	if err != nil {
		return nil, err
	}
	if role.ServiceLinked != "" {
		return nil, errProtected(role.Name)
	}
	return role, nil
}

// escape is a policy document as IAM answers with it: percent-encoded as
// RFC 3986 says.
func escape(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

// roleEntry is a role as lists show it: without boundary, tags and last use.
func roleEntry(r store.Reader, role *identity.Role) api.Role {
	v := api.Role{
		Path: role.Path, RoleName: role.Name, RoleId: role.ID, Arn: role.ARN, CreateDate: role.Created,
		AssumeRolePolicyDocument: new(escape(identity.ShowPrincipals(r, role.Trust))),
		MaxSessionDuration:       new(role.MaxSession),
	}
	if role.Description != "" {
		v.Description = new(role.Description)
	}
	return v
}

func roleView(r store.Reader, role *identity.Role) api.Role {
	v := roleEntry(r, role)
	v.PermissionsBoundary = boundaryView(&role.Grants)
	v.Tags = optionalTags(role.Tags)
	v.RoleLastUsed = lastUsedView(r, role)
	return v
}

func lastUsedView(r store.Reader, role *identity.Role) *api.RoleLastUsed {
	v := new(api.RoleLastUsed)
	// An earlier role of the same name may have been used before this one was
	// made.
	if seen, ok := identity.LastSeen(r, role.Account, role.ARN); ok && !seen.At.Before(role.Created) {
		v.LastUsedDate, v.Region = &seen.At, new(seen.Region)
	}
	return v
}

// trust checks a role's trust policy and returns the form in which it is
// kept, with users and roles by their unique ids.
func trust(r store.Reader, document string) (string, error) {
	if _, err := policy.Parse(document, policy.Trust); err != nil {
		return "", errMalformed(err.Error())
	}
	if policy.Size(document) > trustPolicySize {
		return "", errQuota("ACLSizePerRole", trustPolicySize)
	}
	pinned, err := identity.PinPrincipals(r, document)
	if err != nil {
		return "", errMalformed(err.Error())
	}
	return pinned, nil
}

func createRole(c *cloud.Call, tx store.Tx, in *api.CreateRoleInput) (*api.CreateRoleOutput, error) {
	if _, ok := identity.FindRole(tx, c.Account, in.RoleName); ok {
		return nil, errExists("Role", in.RoleName)
	}
	if strings.HasPrefix(cloud.Or(in.Path, "/"), "/aws-service-role/") || strings.HasPrefix(in.RoleName, "AWSServiceRoleFor") {
		return nil, errValidation("Roles whose path or name is reserved for service-linked roles cannot be created directly. Use CreateServiceLinkedRole.")
	}
	if identity.Roles.Count(tx, c.Account) >= rolesQuota {
		return nil, errQuota("RolesPerAccount", rolesQuota)
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	document, err := trust(tx, in.AssumeRolePolicyDocument)
	if err != nil {
		return nil, err
	}
	role := &identity.Role{
		Account: c.Account, Name: in.RoleName, Path: cloud.Or(in.Path, "/"),
		ID: identity.NewID(identity.RoleID, c.Account, c.Rand()), Created: c.Now,
		Description: cloud.Or(in.Description, ""), Trust: document,
		MaxSession: cloud.Or(in.MaxSessionDuration, defaultSessionDuration), Tags: tags,
	}
	role.ARN = arnOf(c, "role", role.Path, role.Name)
	if in.PermissionsBoundary != nil {
		if err := checkBoundary(c, tx, *in.PermissionsBoundary); err != nil {
			return nil, err
		}
		role.Boundary = *in.PermissionsBoundary
	}
	identity.Roles.Insert(tx, role)
	v := roleView(tx, role)
	v.RoleLastUsed, v.MaxSessionDuration = nil, in.MaxSessionDuration
	return &api.CreateRoleOutput{Role: v}, nil
}

func getRole(c *cloud.Call, r store.Reader, in *api.GetRoleInput) (*api.GetRoleOutput, error) {
	role, err := seeRole(c, r, in.RoleName)
	if err != nil {
		return nil, err
	}
	return &api.GetRoleOutput{Role: roleView(r, role)}, nil
}

func listRoles(c *cloud.Call, r store.Reader, in *api.ListRolesInput) (*api.ListRolesOutput, error) {
	roles, p, err := pageTable(&identity.Roles.Table, r, c.Account, in.Marker, in.MaxItems,
		under(in.PathPrefix, func(role *identity.Role) string { return role.Path }))
	if err != nil {
		return nil, err
	}
	return &api.ListRolesOutput{
		Roles:       views(roles, func(role *identity.Role) api.Role { return roleEntry(r, role) }),
		IsTruncated: p.IsTruncated, Marker: p.Marker,
	}, nil
}

func updateRole(c *cloud.Call, tx store.Tx, in *api.UpdateRoleInput) (*api.UpdateRoleOutput, error) {
	role, err := findRole(c, tx, in.RoleName)
	if err != nil {
		return nil, err
	}
	if role.ServiceLinked != "" && in.MaxSessionDuration != nil {
		return nil, errProtected(role.Name)
	}
	role.Description = cloud.Or(in.Description, role.Description)
	role.MaxSession = cloud.Or(in.MaxSessionDuration, defaultSessionDuration)
	identity.Roles.Put(tx, role)
	return new(api.UpdateRoleOutput), nil
}

func updateRoleDescription(c *cloud.Call, tx store.Tx, in *api.UpdateRoleDescriptionInput) (*api.UpdateRoleDescriptionOutput, error) {
	role, err := findRole(c, tx, in.RoleName)
	if err != nil {
		return nil, err
	}
	role.Description = in.Description
	identity.Roles.Put(tx, role)
	return &api.UpdateRoleDescriptionOutput{Role: new(roleView(tx, role))}, nil
}

func updateAssumeRolePolicy(c *cloud.Call, tx store.Tx, in *api.UpdateAssumeRolePolicyInput) (*cloud.Empty, error) {
	role, err := ownRole(c, tx, in.RoleName)
	if err != nil {
		return nil, err
	}
	if role.Trust, err = trust(tx, in.PolicyDocument); err != nil {
		return nil, err
	}
	identity.Roles.Put(tx, role)
	return new(cloud.Empty), nil
}

func deleteRole(c *cloud.Call, tx store.Tx, in *api.DeleteRoleInput) (*cloud.Empty, error) {
	role, err := ownRole(c, tx, in.RoleName)
	if err != nil {
		return nil, err
	}
	switch {
	case identity.InstanceProfiles.CountLinked(tx, c.Account, "role", identity.Fold(role.Name)) > 0:
		return nil, errMust("remove roles from instance profile")
	case len(role.Attached) > 0:
		return nil, errMust("detach all policies")
	case len(role.Inline) > 0:
		return nil, errMust("delete policies")
	}
	identity.Roles.Delete(tx, c.Account, identity.Fold(role.Name))
	return new(cloud.Empty), nil
}

// taggedRole may be service-linked: AWS lets accounts tag those too.
func taggedRole(c *cloud.Call, r store.Reader, name string) (tagged, error) {
	role, err := findRole(c, r, name)
	if err != nil {
		return tagged{}, err
	}
	return tagged{&role.Tags, func(tx store.Tx) { identity.Roles.Put(tx, role) }}, nil
}

func tagRole(c *cloud.Call, tx store.Tx, in *api.TagRoleInput) (*cloud.Empty, error) {
	x, err := taggedRole(c, tx, in.RoleName)
	return tag(tx, x, err, in.Tags)
}

func untagRole(c *cloud.Call, tx store.Tx, in *api.UntagRoleInput) (*cloud.Empty, error) {
	x, err := taggedRole(c, tx, in.RoleName)
	return untag(tx, x, err, in.TagKeys)
}

func listRoleTags(c *cloud.Call, r store.Reader, in *api.ListRoleTagsInput) (*api.ListRoleTagsOutput, error) {
	role, err := seeRole(c, r, in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, p, err := pageSlice(tagViews(role.Tags), in.Marker, in.MaxItems)
	return &api.ListRoleTagsOutput{Tags: tags, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}
