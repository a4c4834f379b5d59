package iam

import (
	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/store"
)

// The operations on policies of users, groups and roles, each a call of its
// namesake in grant.go with the holder that it is about.

func attachUserPolicy(c *cloud.Call, tx store.Tx, in *api.AttachUserPolicyInput) (*cloud.Empty, error) {
	h, err := userHolder(findUser(c, tx, in.UserName))
	return attach(c, tx, h, err, in.PolicyArn)
}

func detachUserPolicy(c *cloud.Call, tx store.Tx, in *api.DetachUserPolicyInput) (*cloud.Empty, error) {
	h, err := userHolder(findUser(c, tx, in.UserName))
	return detach(tx, h, err, in.PolicyArn)
}

func listAttachedUserPolicies(c *cloud.Call, r store.Reader, in *api.ListAttachedUserPoliciesInput) (*api.ListAttachedUserPoliciesOutput, error) {
	h, err := userHolder(seeUser(c, r, in.UserName))
	list, p, err := listAttached(h, err, in.PathPrefix, in.Marker, in.MaxItems)
	return &api.ListAttachedUserPoliciesOutput{AttachedPolicies: list, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func putUserPolicy(c *cloud.Call, tx store.Tx, in *api.PutUserPolicyInput) (*cloud.Empty, error) {
	h, err := userHolder(findUser(c, tx, in.UserName))
	return putInline(tx, h, err, in.PolicyName, in.PolicyDocument)
}

func getUserPolicy(c *cloud.Call, r store.Reader, in *api.GetUserPolicyInput) (*api.GetUserPolicyOutput, error) {
	h, err := userHolder(seeUser(c, r, in.UserName))
	text, err := inline(h, err, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &api.GetUserPolicyOutput{UserName: h.name, PolicyName: in.PolicyName, PolicyDocument: text}, nil
}

func deleteUserPolicy(c *cloud.Call, tx store.Tx, in *api.DeleteUserPolicyInput) (*cloud.Empty, error) {
	h, err := userHolder(findUser(c, tx, in.UserName))
	return deleteInline(tx, h, err, in.PolicyName)
}

func listUserPolicies(c *cloud.Call, r store.Reader, in *api.ListUserPoliciesInput) (*api.ListUserPoliciesOutput, error) {
	h, err := userHolder(seeUser(c, r, in.UserName))
	names, p, err := listInline(h, err, in.Marker, in.MaxItems)
	return &api.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func putUserPermissionsBoundary(c *cloud.Call, tx store.Tx, in *api.PutUserPermissionsBoundaryInput) (*cloud.Empty, error) {
	h, err := userHolder(findUser(c, tx, in.UserName))
	return putBoundary(c, tx, h, err, in.PermissionsBoundary)
}

func deleteUserPermissionsBoundary(c *cloud.Call, tx store.Tx, in *api.DeleteUserPermissionsBoundaryInput) (*cloud.Empty, error) {
	h, err := userHolder(findUser(c, tx, in.UserName))
	return deleteBoundary(tx, h, err)
}

func attachGroupPolicy(c *cloud.Call, tx store.Tx, in *api.AttachGroupPolicyInput) (*cloud.Empty, error) {
	h, err := groupHolder(findGroup(c, tx, in.GroupName))
	return attach(c, tx, h, err, in.PolicyArn)
}

func detachGroupPolicy(c *cloud.Call, tx store.Tx, in *api.DetachGroupPolicyInput) (*cloud.Empty, error) {
	h, err := groupHolder(findGroup(c, tx, in.GroupName))
	return detach(tx, h, err, in.PolicyArn)
}

func listAttachedGroupPolicies(c *cloud.Call, r store.Reader, in *api.ListAttachedGroupPoliciesInput) (*api.ListAttachedGroupPoliciesOutput, error) {
	h, err := groupHolder(seeGroup(c, r, in.GroupName))
	list, p, err := listAttached(h, err, in.PathPrefix, in.Marker, in.MaxItems)
	return &api.ListAttachedGroupPoliciesOutput{AttachedPolicies: list, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func putGroupPolicy(c *cloud.Call, tx store.Tx, in *api.PutGroupPolicyInput) (*cloud.Empty, error) {
	h, err := groupHolder(findGroup(c, tx, in.GroupName))
	return putInline(tx, h, err, in.PolicyName, in.PolicyDocument)
}

func getGroupPolicy(c *cloud.Call, r store.Reader, in *api.GetGroupPolicyInput) (*api.GetGroupPolicyOutput, error) {
	h, err := groupHolder(seeGroup(c, r, in.GroupName))
	text, err := inline(h, err, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &api.GetGroupPolicyOutput{GroupName: h.name, PolicyName: in.PolicyName, PolicyDocument: text}, nil
}

func deleteGroupPolicy(c *cloud.Call, tx store.Tx, in *api.DeleteGroupPolicyInput) (*cloud.Empty, error) {
	h, err := groupHolder(findGroup(c, tx, in.GroupName))
	return deleteInline(tx, h, err, in.PolicyName)
}

func listGroupPolicies(c *cloud.Call, r store.Reader, in *api.ListGroupPoliciesInput) (*api.ListGroupPoliciesOutput, error) {
	h, err := groupHolder(seeGroup(c, r, in.GroupName))
	names, p, err := listInline(h, err, in.Marker, in.MaxItems)
	return &api.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func attachRolePolicy(c *cloud.Call, tx store.Tx, in *api.AttachRolePolicyInput) (*cloud.Empty, error) {
	h, err := roleHolder(ownRole(c, tx, in.RoleName))
	return attach(c, tx, h, err, in.PolicyArn)
}

func detachRolePolicy(c *cloud.Call, tx store.Tx, in *api.DetachRolePolicyInput) (*cloud.Empty, error) {
	h, err := roleHolder(ownRole(c, tx, in.RoleName))
	return detach(tx, h, err, in.PolicyArn)
}

func listAttachedRolePolicies(c *cloud.Call, r store.Reader, in *api.ListAttachedRolePoliciesInput) (*api.ListAttachedRolePoliciesOutput, error) {
	h, err := roleHolder(seeRole(c, r, in.RoleName))
	list, p, err := listAttached(h, err, in.PathPrefix, in.Marker, in.MaxItems)
	return &api.ListAttachedRolePoliciesOutput{AttachedPolicies: list, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func putRolePolicy(c *cloud.Call, tx store.Tx, in *api.PutRolePolicyInput) (*cloud.Empty, error) {
	h, err := roleHolder(ownRole(c, tx, in.RoleName))
	return putInline(tx, h, err, in.PolicyName, in.PolicyDocument)
}

func getRolePolicy(c *cloud.Call, r store.Reader, in *api.GetRolePolicyInput) (*api.GetRolePolicyOutput, error) {
	h, err := roleHolder(seeRole(c, r, in.RoleName))
	text, err := inline(h, err, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &api.GetRolePolicyOutput{RoleName: h.name, PolicyName: in.PolicyName, PolicyDocument: text}, nil
}

func deleteRolePolicy(c *cloud.Call, tx store.Tx, in *api.DeleteRolePolicyInput) (*cloud.Empty, error) {
	h, err := roleHolder(ownRole(c, tx, in.RoleName))
	return deleteInline(tx, h, err, in.PolicyName)
}

func listRolePolicies(c *cloud.Call, r store.Reader, in *api.ListRolePoliciesInput) (*api.ListRolePoliciesOutput, error) {
	h, err := roleHolder(seeRole(c, r, in.RoleName))
	names, p, err := listInline(h, err, in.Marker, in.MaxItems)
	return &api.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func putRolePermissionsBoundary(c *cloud.Call, tx store.Tx, in *api.PutRolePermissionsBoundaryInput) (*cloud.Empty, error) {
	h, err := roleHolder(ownRole(c, tx, in.RoleName))
	return putBoundary(c, tx, h, err, in.PermissionsBoundary)
}

func deleteRolePermissionsBoundary(c *cloud.Call, tx store.Tx, in *api.DeleteRolePermissionsBoundaryInput) (*cloud.Empty, error) {
	h, err := roleHolder(ownRole(c, tx, in.RoleName))
	return deleteBoundary(tx, h, err)
}
