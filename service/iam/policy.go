package iam

import (
	"slices"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

// findPolicy is a managed policy of the account.
func findPolicy(c *cloud.Call, r store.Reader, arn string) (*identity.Managed, error) {
	if err := checkPolicyARN(arn); err != nil {
		return nil, err
	}
	if p, ok := identity.AWSManaged(arn); ok {
		return nil, api.ErrInvalidInput.New("Policy %s is an AWS managed policy and cannot be changed.", p.ARN)
	}
	m, ok := identity.Policies.Get(r, c.Account, arn)
	if !ok {
		return nil, errNoPolicy(arn)
	}
	return m, nil
}

// anyPolicy is a managed policy that the account can use: its own, or one of
// AWS's in the same form.
func anyPolicy(c *cloud.Call, r store.Reader, arn string) (*identity.Managed, error) {
	if p, ok := identity.AWSManaged(arn); ok {
		return awsPolicy(p), nil
	}
	return findPolicy(c, r, arn)
}

// awsPolicy is an AWS-managed policy in the form of a customer's. Only its
// default version is known.
func awsPolicy(p *identity.AWSPolicy) *identity.Managed {
	return &identity.Managed{
		Name: p.Name, Path: p.Path, ID: p.ID, ARN: p.ARN, Description: p.Description,
		Created: p.Created, Updated: p.Updated, Default: p.Version,
		Versions: []identity.PolicyVersion{{ID: p.Version, Document: p.Document, Created: p.Updated}},
	}
}

func checkPolicyARN(arn string) error {
	a, ok := cloud.ParseARN(arn)
	if !ok || a.Service != "iam" || a.Region != "" || !strings.HasPrefix(a.Resource, "policy/") {
		return api.ErrInvalidInput.New("ARN %s is not valid.", arn)
	}
	return nil
}

// usage counts what a policy is attached to, and what it bounds.
func usage(r store.Reader, account, arn string) (attached, bounds int) {
	attached = identity.Users.CountLinked(r, account, "policy", arn) +
		identity.Groups.CountLinked(r, account, "policy", arn) +
		identity.Roles.CountLinked(r, account, "policy", arn)
	bounds = identity.Users.CountLinked(r, account, "boundary", arn) +
		identity.Roles.CountLinked(r, account, "boundary", arn)
	return attached, bounds
}

// policyEntry is a policy as lists show it: without description and tags.
func policyEntry(c *cloud.Call, r store.Reader, m *identity.Managed) api.Policy {
	attached, bounds := usage(r, c.Account, m.ARN)
	return api.Policy{
		PolicyName: &m.Name, PolicyId: &m.ID, Arn: &m.ARN, Path: &m.Path, DefaultVersionId: &m.Default,
		AttachmentCount: new(int32(attached)), PermissionsBoundaryUsageCount: new(int32(bounds)),
		IsAttachable: new(true), CreateDate: &m.Created, UpdateDate: &m.Updated,
	}
}

func policyView(c *cloud.Call, r store.Reader, m *identity.Managed) *api.Policy {
	v := policyEntry(c, r, m)
	if m.Description != "" {
		v.Description = &m.Description
	}
	v.Tags = tagViews(m.Tags)
	return &v
}

// checkManaged checks the text of a managed policy.
func checkManaged(document string) error {
	if _, err := policy.Parse(document, policy.Identity); err != nil {
		return errMalformed(err.Error())
	}
	if policy.Size(document) > managedPolicySize {
		return errQuota("PolicySize", managedPolicySize)
	}
	return nil
}

func createPolicy(c *cloud.Call, tx store.Tx, in *api.CreatePolicyInput) (*api.CreatePolicyOutput, error) {
	for range identity.Policies.Index(tx, "name", c.Account, identity.Fold(in.PolicyName)) {
		return nil, api.ErrEntityAlreadyExists.New("A policy called %s already exists. Duplicate names are not allowed.", in.PolicyName)
	}
	if identity.Policies.Count(tx, c.Account) >= policiesQuota {
		return nil, errQuota("PoliciesPerAccount", policiesQuota)
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := checkManaged(in.PolicyDocument); err != nil {
		return nil, err
	}
	m := &identity.Managed{
		Account: c.Account, Name: in.PolicyName, Path: cloud.Or(in.Path, "/"),
		ID:          identity.NewID(identity.ManagedID, c.Account, c.Rand()),
		Description: cloud.Or(in.Description, ""), Created: c.Now, Updated: c.Now, Tags: tags,
		Versions: []identity.PolicyVersion{{ID: "v1", Document: in.PolicyDocument, Created: c.Now}},
		Default:  "v1", NextVersion: 2,
	}
	m.ARN = arnOf(c, "policy", m.Path, m.Name)
	identity.Policies.Insert(tx, m)
	return &api.CreatePolicyOutput{Policy: policyView(c, tx, m)}, nil
}

func getPolicy(c *cloud.Call, r store.Reader, in *api.GetPolicyInput) (*api.GetPolicyOutput, error) {
	m, err := anyPolicy(c, r, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &api.GetPolicyOutput{Policy: policyView(c, r, m)}, nil
}

func listPolicies(c *cloud.Call, r store.Reader, in *api.ListPoliciesInput) (*api.ListPoliciesOutput, error) {
	scope := cloud.Or(in.Scope, api.PolicyScopeTypeAll)
	var all []*identity.Managed
	if scope != api.PolicyScopeTypeAws {
		all = slices.AppendSeq(all, identity.Policies.Scan(r, c.Account))
	}
	if scope != api.PolicyScopeTypeLocal {
		for _, p := range identity.AWSManagedAll() {
			all = append(all, awsPolicy(p))
		}
	}
	all = slices.DeleteFunc(all, func(m *identity.Managed) bool { return !listed(c, r, in, m) })
	page, p, err := pageSlice(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListPoliciesOutput{
		Policies:    views(page, func(m *identity.Managed) api.Policy { return policyEntry(c, r, m) }),
		IsTruncated: p.IsTruncated, Marker: p.Marker,
	}, nil
}

func listed(c *cloud.Call, r store.Reader, in *api.ListPoliciesInput, m *identity.Managed) bool {
	if in.PathPrefix != nil && !strings.HasPrefix(m.Path, *in.PathPrefix) {
		return false
	}
	if !cloud.Or(in.OnlyAttached, false) && in.PolicyUsageFilter == nil {
		return true
	}
	attached, bounds := usage(r, c.Account, m.ARN)
	switch cloud.Or(in.PolicyUsageFilter, "") {
	case api.PolicyUsageTypePermissionsPolicy:
		return attached > 0
	case api.PolicyUsageTypePermissionsBoundary:
		return bounds > 0
	}
	return attached+bounds > 0
}

func deletePolicy(c *cloud.Call, tx store.Tx, in *api.DeletePolicyInput) (*cloud.Empty, error) {
	m, err := findPolicy(c, tx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if attached, bounds := usage(tx, c.Account, m.ARN); attached+bounds > 0 {
		return nil, api.ErrDeleteConflict.New("Cannot delete a policy attached to entities.")
	}
	if len(m.Versions) > 1 {
		return nil, api.ErrDeleteConflict.New("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	identity.Policies.Delete(tx, c.Account, m.ARN)
	return new(cloud.Empty), nil
}

func listEntitiesForPolicy(c *cloud.Call, r store.Reader, in *api.ListEntitiesForPolicyInput) (*api.ListEntitiesForPolicyOutput, error) {
	m, err := anyPolicy(c, r, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	var found []any
	seen := map[string]bool{} // one may have the policy as its boundary too
	add := func(kind, path, id string, v any) {
		if seen[id] {
			return
		}
		seen[id] = true
		if (in.EntityFilter == nil || *in.EntityFilter == kind) && strings.HasPrefix(path, cloud.Or(in.PathPrefix, "/")) {
			found = append(found, v)
		}
	}
	for _, link := range linksOf(in.PolicyUsageFilter) {
		for g := range identity.Groups.Linked(r, c.Account, link, m.ARN) {
			add("Group", g.Path, g.ID, api.PolicyGroup{GroupName: &g.Name, GroupId: &g.ID})
		}
		for u := range identity.Users.Linked(r, c.Account, link, m.ARN) {
			add("User", u.Path, u.ID, api.PolicyUser{UserName: &u.Name, UserId: &u.ID})
		}
		for role := range identity.Roles.Linked(r, c.Account, link, m.ARN) {
			add("Role", role.Path, role.ID, api.PolicyRole{RoleName: &role.Name, RoleId: &role.ID})
		}
	}
	page, p, err := pageSlice(found, in.Marker, in.MaxItems)
	out := &api.ListEntitiesForPolicyOutput{IsTruncated: p.IsTruncated, Marker: p.Marker,
		PolicyGroups: []api.PolicyGroup{}, PolicyUsers: []api.PolicyUser{}, PolicyRoles: []api.PolicyRole{}}
	for _, v := range page {
		switch v := v.(type) {
		case api.PolicyGroup:
			out.PolicyGroups = append(out.PolicyGroups, v)
		case api.PolicyUser:
			out.PolicyUsers = append(out.PolicyUsers, v)
		case api.PolicyRole:
			out.PolicyRoles = append(out.PolicyRoles, v)
		}
	}
	return out, err
}

func linksOf(usageFilter *string) []string {
	switch cloud.Or(usageFilter, "") {
	case api.PolicyUsageTypePermissionsPolicy:
		return []string{"policy"}
	case api.PolicyUsageTypePermissionsBoundary:
		return []string{"boundary"}
	}
	return []string{"policy", "boundary"}
}

func taggedPolicy(c *cloud.Call, r store.Reader, arn string) (tagged, error) {
	m, err := findPolicy(c, r, arn)
	if err != nil {
		return tagged{}, err
	}
	return tagged{&m.Tags, func(tx store.Tx) { identity.Policies.Put(tx, m) }}, nil
}

func tagPolicy(c *cloud.Call, tx store.Tx, in *api.TagPolicyInput) (*cloud.Empty, error) {
	x, err := taggedPolicy(c, tx, in.PolicyArn)
	return tag(tx, x, err, in.Tags)
}

func untagPolicy(c *cloud.Call, tx store.Tx, in *api.UntagPolicyInput) (*cloud.Empty, error) {
	x, err := taggedPolicy(c, tx, in.PolicyArn)
	return untag(tx, x, err, in.TagKeys)
}

func listPolicyTags(c *cloud.Call, r store.Reader, in *api.ListPolicyTagsInput) (*api.ListPolicyTagsOutput, error) {
	m, err := anyPolicy(c, r, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	tags, p, err := pageSlice(tagViews(m.Tags), in.Marker, in.MaxItems)
	return &api.ListPolicyTagsOutput{Tags: tags, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}
