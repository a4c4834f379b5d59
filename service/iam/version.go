package iam

import (
	"slices"
	"strconv"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

func versionIndex(m *identity.Managed, id string) int {
	return slices.IndexFunc(m.Versions, func(v identity.PolicyVersion) bool { return v.ID == id })
}

func versionEntry(m *identity.Managed, v identity.PolicyVersion) api.PolicyVersion {
	return api.PolicyVersion{VersionId: &v.ID, IsDefaultVersion: new(v.ID == m.Default), CreateDate: &v.Created}
}

func createPolicyVersion(c *cloud.Call, tx store.Tx, in *api.CreatePolicyVersionInput) (*api.CreatePolicyVersionOutput, error) {
	m, err := findPolicy(c, tx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if err := checkManaged(in.PolicyDocument); err != nil {
		return nil, err
	}
	if len(m.Versions) >= versionsQuota {
		return nil, api.ErrLimitExceeded.New("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", versionsQuota)
	}
	v := identity.PolicyVersion{ID: "v" + strconv.Itoa(m.NextVersion), Document: in.PolicyDocument, Created: c.Now}
	m.NextVersion++
	m.Versions = append(m.Versions, v)
	if cloud.Or(in.SetAsDefault, false) {
		m.Default, m.Updated = v.ID, c.Now
	}
	identity.Policies.Put(tx, m)
	return &api.CreatePolicyVersionOutput{PolicyVersion: new(versionEntry(m, v))}, nil
}

func getPolicyVersion(c *cloud.Call, r store.Reader, in *api.GetPolicyVersionInput) (*api.GetPolicyVersionOutput, error) {
	m, err := anyPolicy(c, r, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i := versionIndex(m, in.VersionId)
	if i < 0 {
		return nil, errNoVersion(m.ARN, in.VersionId)
	}
	v := versionEntry(m, m.Versions[i])
	v.Document = new(escape(m.Versions[i].Document))
	return &api.GetPolicyVersionOutput{PolicyVersion: &v}, nil
}

func listPolicyVersions(c *cloud.Call, r store.Reader, in *api.ListPolicyVersionsInput) (*api.ListPolicyVersionsOutput, error) {
	m, err := anyPolicy(c, r, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	newest := slices.Clone(m.Versions)
	slices.Reverse(newest)
	page, p, err := pageSlice(newest, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListPolicyVersionsOutput{
		Versions:    views(page, func(v identity.PolicyVersion) api.PolicyVersion { return versionEntry(m, v) }),
		IsTruncated: p.IsTruncated, Marker: p.Marker,
	}, nil
}

func setDefaultPolicyVersion(c *cloud.Call, tx store.Tx, in *api.SetDefaultPolicyVersionInput) (*cloud.Empty, error) {
	m, err := findPolicy(c, tx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if versionIndex(m, in.VersionId) < 0 {
		return nil, errNoVersion(m.ARN, in.VersionId)
	}
	m.Default, m.Updated = in.VersionId, c.Now
	identity.Policies.Put(tx, m)
	return new(cloud.Empty), nil
}

func deletePolicyVersion(c *cloud.Call, tx store.Tx, in *api.DeletePolicyVersionInput) (*cloud.Empty, error) {
	m, err := findPolicy(c, tx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i := versionIndex(m, in.VersionId)
	if i < 0 {
		return nil, errNoVersion(m.ARN, in.VersionId)
	}
	if in.VersionId == m.Default {
		return nil, api.ErrDeleteConflict.New("Cannot delete the default version of a policy.")
	}
	m.Versions = slices.Delete(m.Versions, i, i+1)
	identity.Policies.Put(tx, m)
	return new(cloud.Empty), nil
}
