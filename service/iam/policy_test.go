package iam_test

import (
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// long is a policy document of about n characters that count.
func long(n int) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + strings.Repeat("x", n) + `"}]}`
}

func TestPolicy(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	spaced := "{\n \"Version\": \"2012-10-17\",\n \"Statement\": []\n}"
	_, err := c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: new("p"), PolicyDocument: &spaced})
	refused(t, err, "MalformedPolicyDocument", "")
	made := must(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: new("Lists"), Path: new("/a/"), Description: new("lists"), PolicyDocument: new(allowList)}))(t).Policy
	equal(t, "ARN", *made.Arn, arnHead+"policy/a/Lists")
	equal(t, "id", (*made.PolicyId)[:4], "ANPA")
	equal(t, "default", *made.DefaultVersionId, "v1")
	_, err = c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: new("lists"), PolicyDocument: new(allowList)})
	refused(t, err, "EntityAlreadyExists", "A policy called lists already exists. Duplicate names are not allowed.")
	_, err = c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: new("big"), PolicyDocument: new(long(6144))})
	refused(t, err, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
	must(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: new("wide"), PolicyDocument: new(allowList + strings.Repeat(" \n", 4000))}))(t)

	got := must(c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: made.Arn}))(t).Policy
	equal(t, "description", *got.Description, "lists")
	_, err = c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: new(arnHead + "policy/none")})
	refused(t, err, "NoSuchEntity", "Policy "+arnHead+"policy/none was not found.")
	_, err = c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: new(arnHead + "role/some-role")})
	refused(t, err, "InvalidInput", "is not valid.")
	must(c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyArn: made.Arn}))(t)
	_, err = c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyArn: made.Arn})
	refused(t, err, "NoSuchEntity", "")
}

func TestPolicyVersions(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	arn := must(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: new("p"), PolicyDocument: new(allowList)}))(t).Policy.Arn
	for i := 2; i <= 5; i++ {
		v := must(c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: new(long(i)), SetAsDefault: i == 4}))(t).PolicyVersion
		equal(t, "version", *v.VersionId, fmt.Sprintf("v%d", i))
		equal(t, "is default", v.IsDefaultVersion, i == 4)
	}
	_, err := c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: new(allowList)})
	refused(t, err, "LimitExceeded", "A managed policy can have up to 5 versions.")
	list := must(c.ListPolicyVersions(ctx, &sdk.ListPolicyVersionsInput{PolicyArn: arn}))(t).Versions
	equal(t, "newest first", *list[0].VersionId, "v5")
	v := must(c.GetPolicyVersion(ctx, &sdk.GetPolicyVersionInput{PolicyArn: arn, VersionId: new("v3")}))(t).PolicyVersion
	equal(t, "document", document(t, v.Document), long(3))
	_, err = c.DeletePolicyVersion(ctx, &sdk.DeletePolicyVersionInput{PolicyArn: arn, VersionId: new("v4")})
	refused(t, err, "DeleteConflict", "Cannot delete the default version of a policy.")
	must(c.DeletePolicyVersion(ctx, &sdk.DeletePolicyVersionInput{PolicyArn: arn, VersionId: new("v5")}))(t)
	v = must(c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: new(allowList)}))(t).PolicyVersion
	equal(t, "numbers are not used again", *v.VersionId, "v6")
	_, err = c.SetDefaultPolicyVersion(ctx, &sdk.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: new("v5")})
	refused(t, err, "NoSuchEntity", "Policy "+*arn+" version v5 does not exist or is not attachable.")

	// What is allowed follows the default version at once.
	alice := client(w.ConfigAs(w.User("alice", "")))
	must(c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: new("alice"), PolicyArn: arn}))(t)
	must(c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: must(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: new("q"), PolicyDocument: new(allowList)}))(t).Policy.Arn, PolicyDocument: new(allowList)}))(t)
	_, err = alice.ListAccountAliases(ctx, nil)
	refused(t, err, "AccessDenied", "")
	must(c.DeletePolicyVersion(ctx, &sdk.DeletePolicyVersionInput{PolicyArn: arn, VersionId: new("v6")}))(t)
	must(c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: arn, SetAsDefault: true,
		PolicyDocument: new(strings.ReplaceAll(allowList, "s3:ListAllMyBuckets", "iam:ListAccountAliases"))}))(t)
	must(alice.ListAccountAliases(ctx, nil))(t)

	_, err = c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyArn: arn})
	refused(t, err, "DeleteConflict", "Cannot delete a policy attached to entities.")
	must(c.DetachUserPolicy(ctx, &sdk.DetachUserPolicyInput{UserName: new("alice"), PolicyArn: arn}))(t)
	_, err = c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyArn: arn})
	refused(t, err, "DeleteConflict", "This policy has more than one version.")
}

func TestAttachedPolicies(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	u, g := new("u"), new("g")
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: u}))(t)
	must(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: g, Path: new("/eng/")}))(t)
	attach := func(arn string) error {
		_, err := c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: u, PolicyArn: &arn})
		return err
	}
	refused(t, attach(arnHead+"policy/none"), "NoSuchEntity", "Policy "+arnHead+"policy/none does not exist or is not attachable.")
	refused(t, attach("arn:aws:iam::aws:policy/NoSuchPolicy"), "NoSuchEntity", "does not exist or is not attachable.")
	refused(t, attach("arn:aws:s3:::some-bucket-name"), "InvalidInput", "ARN arn:aws:s3:::some-bucket-name is not valid.")
	var last error
	for i := range 11 {
		arn := *must(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: new(fmt.Sprintf("p%02d", i)), Path: new(fmt.Sprintf("/%d/", i%2)), PolicyDocument: new(allowList)}))(t).Policy.Arn
		if last = attach(arn); i < 10 && last != nil {
			t.Fatal(last)
		}
	}
	refused(t, last, "LimitExceeded", "Cannot exceed quota for PoliciesPerUser: 10")
	if err := attach(arnHead + "policy/0/p00"); err != nil {
		t.Errorf("attached twice: %v", err)
	}
	list := must(c.ListAttachedUserPolicies(ctx, &sdk.ListAttachedUserPoliciesInput{UserName: u, PathPrefix: new("/1/")}))(t)
	equal(t, "under a path", len(list.AttachedPolicies), 5)

	one := new(arnHead + "policy/0/p00")
	must(c.AttachGroupPolicy(ctx, &sdk.AttachGroupPolicyInput{GroupName: g, PolicyArn: one}))(t)
	must(c.PutUserPermissionsBoundary(ctx, &sdk.PutUserPermissionsBoundaryInput{UserName: u, PermissionsBoundary: one}))(t)
	for _, test := range []struct {
		in                   sdk.ListEntitiesForPolicyInput
		users, groups, roles int
	}{
		{sdk.ListEntitiesForPolicyInput{}, 1, 1, 0},
		{sdk.ListEntitiesForPolicyInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary}, 1, 0, 0},
		{sdk.ListEntitiesForPolicyInput{EntityFilter: types.EntityTypeGroup}, 0, 1, 0},
		{sdk.ListEntitiesForPolicyInput{PathPrefix: new("/eng/")}, 0, 1, 0},
	} {
		test.in.PolicyArn = one
		out := must(c.ListEntitiesForPolicy(ctx, &test.in))(t)
		equal(t, "entities", fmt.Sprint(len(out.PolicyUsers), len(out.PolicyGroups), len(out.PolicyRoles)), fmt.Sprint(test.users, test.groups, test.roles))
	}
	p := must(c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: one}))(t).Policy
	equal(t, "attached", *p.AttachmentCount, 2)
	equal(t, "as boundary", *p.PermissionsBoundaryUsageCount, 1)
	must(c.DeleteUserPermissionsBoundary(ctx, &sdk.DeleteUserPermissionsBoundaryInput{UserName: u}))(t)
	_, err := c.DetachUserPolicy(ctx, &sdk.DetachUserPolicyInput{UserName: u, PolicyArn: new(readOnly)})
	refused(t, err, "NoSuchEntity", "Policy "+readOnly+" was not found.")
	local := must(c.ListPolicies(ctx, &sdk.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal, OnlyAttached: true}))(t)
	equal(t, "attached policies of the account", len(local.Policies), 10)
}

func TestListPoliciesPages(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	seen := map[string]bool{}
	pages := sdk.NewListPoliciesPaginator(c, &sdk.ListPoliciesInput{Scope: types.PolicyScopeTypeAws})
	for pages.HasMorePages() {
		for _, p := range must(pages.NextPage(ctx))(t).Policies {
			if seen[*p.Arn] {
				t.Errorf("%s twice", *p.Arn)
			}
			seen[*p.Arn] = true
		}
	}
	if len(seen) < 200 || !seen[admin] {
		t.Errorf("%d AWS-managed policies", len(seen))
	}
	v := must(c.GetPolicyVersion(ctx, &sdk.GetPolicyVersionInput{PolicyArn: new(admin), VersionId: new("v1")}))(t).PolicyVersion
	if doc := document(t, v.Document); !strings.Contains(doc, `"Action": "*"`) {
		t.Error(doc)
	}
}

func TestInlinePolicies(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	u := new("u")
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: u}))(t)
	put := func(name, doc string) error {
		_, err := c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: u, PolicyName: &name, PolicyDocument: &doc})
		return err
	}
	for _, bad := range []string{"{}", "no", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*"}}`, ec2Trust} {
		refused(t, put("p", bad), "MalformedPolicyDocument", "")
	}
	spaced := strings.ReplaceAll(allowList, ",", ", ")
	if err := put("p", spaced); err != nil {
		t.Fatal(err)
	}
	got := must(c.GetUserPolicy(ctx, &sdk.GetUserPolicyInput{UserName: u, PolicyName: new("p")}))(t)
	equal(t, "as it was put", document(t, got.PolicyDocument), spaced)
	if strings.Contains(*got.PolicyDocument, "+") || !strings.Contains(*got.PolicyDocument, "%20") {
		t.Errorf("not RFC 3986: %s", *got.PolicyDocument)
	}
	refused(t, put("q", long(1950)), "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user u")
	_, err := c.GetUserPolicy(ctx, &sdk.GetUserPolicyInput{UserName: u, PolicyName: new("q")})
	refused(t, err, "NoSuchEntity", "The user policy with name q cannot be found.")
	_, err = c.DeleteUserPolicy(ctx, &sdk.DeleteUserPolicyInput{UserName: u, PolicyName: new("q")})
	refused(t, err, "NoSuchEntity", "The user policy with name q cannot be found.")
	names := must(c.ListUserPolicies(ctx, &sdk.ListUserPoliciesInput{UserName: u}))(t)
	equal(t, "names", strings.Join(names.PolicyNames, " "), "p")
}
