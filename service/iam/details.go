package iam

import (
	"slices"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// getAccountAuthorizationDetails pages through everything of the account that
// grants something: users, groups, roles, then policies.
func getAccountAuthorizationDetails(c *cloud.Call, r store.Reader, in *api.GetAccountAuthorizationDetailsInput) (*api.GetAccountAuthorizationDetailsOutput, error) {
	wants := func(kind string) bool { return len(in.Filter) == 0 || slices.Contains(in.Filter, kind) }
	var all []any
	if wants(api.EntityTypeUser) {
		for u := range identity.Users.Scan(r, c.Account) {
			all = append(all, u)
		}
	}
	if wants(api.EntityTypeGroup) {
		for g := range identity.Groups.Scan(r, c.Account) {
			all = append(all, g)
		}
	}
	if wants(api.EntityTypeRole) {
		for role := range identity.Roles.Scan(r, c.Account) {
			all = append(all, role)
		}
	}
	if wants(api.EntityTypeLocalManagedPolicy) {
		for m := range identity.Policies.Scan(r, c.Account) {
			all = append(all, m)
		}
	}
	if wants(api.EntityTypeAWSManagedPolicy) {
		// AWS lists those of its policies that the account uses.
		for _, p := range identity.AWSManagedAll() {
			if attached, bounds := usage(r, c.Account, p.ARN); attached+bounds > 0 {
				all = append(all, awsPolicy(p))
			}
		}
	}
	page, p, err := pageSlice(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &api.GetAccountAuthorizationDetailsOutput{IsTruncated: p.IsTruncated, Marker: p.Marker,
		UserDetailList: []api.UserDetail{}, GroupDetailList: []api.GroupDetail{}, RoleDetailList: []api.RoleDetail{}, Policies: []api.ManagedPolicyDetail{}}
	for _, v := range page {
		switch v := v.(type) {
		case *identity.User:
			out.UserDetailList = append(out.UserDetailList, userDetail(v))
		case *identity.Group:
			out.GroupDetailList = append(out.GroupDetailList, groupDetail(v))
		case *identity.Role:
			out.RoleDetailList = append(out.RoleDetailList, roleDetail(r, v))
		case *identity.Managed:
			out.Policies = append(out.Policies, policyDetail(c, r, v))
		}
	}
	return out, nil
}

func inlineDetails(g *identity.Grants) []api.PolicyDetail {
	list := []api.PolicyDetail{}
	for name, text := range g.Inline {
		list = append(list, api.PolicyDetail{PolicyName: &name, PolicyDocument: new(escape(text))})
	}
	slices.SortFunc(list, func(a, b api.PolicyDetail) int { return strings.Compare(*a.PolicyName, *b.PolicyName) })
	return list
}

func userDetail(u *identity.User) api.UserDetail {
	return api.UserDetail{Path: &u.Path, UserName: &u.Name, UserId: &u.ID, Arn: &u.ARN, CreateDate: &u.Created,
		UserPolicyList: inlineDetails(&u.Grants), GroupList: slices.Concat([]string{}, u.Groups), AttachedManagedPolicies: attachedViews(&u.Grants),
		PermissionsBoundary: boundaryView(&u.Grants), Tags: tagViews(u.Tags)}
}

func groupDetail(g *identity.Group) api.GroupDetail {
	return api.GroupDetail{Path: &g.Path, GroupName: &g.Name, GroupId: &g.ID, Arn: &g.ARN, CreateDate: &g.Created,
		GroupPolicyList: inlineDetails(&g.Grants), AttachedManagedPolicies: attachedViews(&g.Grants)}
}

func roleDetail(r store.Reader, role *identity.Role) api.RoleDetail {
	return api.RoleDetail{Path: &role.Path, RoleName: &role.Name, RoleId: &role.ID, Arn: &role.ARN, CreateDate: &role.Created,
		AssumeRolePolicyDocument: new(escape(identity.ShowPrincipals(r, role.Trust))), InstanceProfileList: profilesOf(r, role),
		RolePolicyList: inlineDetails(&role.Grants), AttachedManagedPolicies: attachedViews(&role.Grants),
		PermissionsBoundary: boundaryView(&role.Grants), Tags: tagViews(role.Tags), RoleLastUsed: lastUsedView(r, role)}
}

func policyDetail(c *cloud.Call, r store.Reader, m *identity.Managed) api.ManagedPolicyDetail {
	attached, bounds := usage(r, c.Account, m.ARN)
	d := api.ManagedPolicyDetail{PolicyName: &m.Name, PolicyId: &m.ID, Arn: &m.ARN, Path: &m.Path, DefaultVersionId: &m.Default,
		AttachmentCount: new(int32(attached)), PermissionsBoundaryUsageCount: new(int32(bounds)), IsAttachable: new(true),
		CreateDate: &m.Created, UpdateDate: &m.Updated}
	if m.Description != "" {
		d.Description = &m.Description
	}
	for _, v := range m.Versions {
		e := versionEntry(m, v)
		e.Document = new(escape(v.Document))
		d.PolicyVersionList = append(d.PolicyVersionList, e)
	}
	return d
}
