package iam_test

import (
	"fmt"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/store"
)

func TestAccountAlias(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	create := func(c *sdk.Client, alias string) error {
		_, err := c.CreateAccountAlias(ctx, &sdk.CreateAccountAliasInput{AccountAlias: &alias})
		return err
	}
	for _, bad := range []string{"UPPER", "-x-y", "a--b", "xyz-"} {
		refused(t, create(c, bad), "ValidationError", "")
	}
	for _, alias := range []string{"first", "second"} {
		if err := create(c, alias); err != nil {
			t.Fatal(err)
		}
	}
	list := must(c.ListAccountAliases(ctx, nil))(t).AccountAliases
	equal(t, "one alias, the last", fmt.Sprint(list), "[second]")
	other := client(w.ConfigAs(w.UserIn("222222222222", "x", nodetest.Allow("iam:*"))))
	refused(t, create(other, "second"), "EntityAlreadyExists", "The account alias second already exists.")
	if err := create(other, "first"); err != nil {
		t.Errorf("an alias that was given up: %v", err)
	}
	_, err := c.DeleteAccountAlias(ctx, &sdk.DeleteAccountAliasInput{AccountAlias: new("first")})
	refused(t, err, "NoSuchEntity", "The account alias first cannot be found.")
	must(c.DeleteAccountAlias(ctx, &sdk.DeleteAccountAliasInput{AccountAlias: new("second")}))(t)
}

func TestAccountSummary(t *testing.T) {
	f := furnish(t)
	c := client(f.w.Config())
	got := must(c.GetAccountSummary(t.Context(), nil))(t).SummaryMap
	for key, want := range map[string]int32{
		"Users": 2, "Groups": 2, "Roles": 3, "Policies": 2, "InstanceProfiles": 2, "ServerCertificates": 1, "Providers": 2,
		"MFADevices": 2, "MFADevicesInUse": 1, "PolicyVersionsInUse": 3, "AccountMFAEnabled": 0, "UsersQuota": 5000, "GroupsPerUserQuota": 10,
		"AttachedPoliciesPerRoleQuota": 10, "PolicySizeQuota": 6144, "GlobalEndpointTokenVersion": 1,
	} {
		equal(t, key, got[key], want)
	}
}

// TestAccountsAreApart: one account's names mean nothing in another.
func TestAccountsAreApart(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	other := client(w.ConfigAs(w.UserIn("222222222222", "x", nodetest.Allow("iam:*"))))
	arn := must(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: new("p"), PolicyDocument: new(allowList)}))(t).Policy.Arn
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
	_, err := other.GetUser(ctx, &sdk.GetUserInput{UserName: new("u")})
	refused(t, err, "NoSuchEntity", "")
	must(other.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
	_, err = other.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: arn})
	refused(t, err, "NoSuchEntity", "")
	_, err = other.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: new("u"), PolicyArn: arn})
	refused(t, err, "NoSuchEntity", "")
	equal(t, "users", len(must(other.ListUsers(ctx, nil))(t).Users), 2)
}

func TestAuthorizationDetails(t *testing.T) {
	f := furnish(t)
	c := client(f.w.Config())
	kinds := map[string]int{}
	pages := sdk.NewGetAccountAuthorizationDetailsPaginator(c, &sdk.GetAccountAuthorizationDetailsInput{MaxItems: new(int32(3))})
	for pages.HasMorePages() {
		out := must(pages.NextPage(t.Context()))(t)
		kinds["users"] += len(out.UserDetailList)
		kinds["groups"] += len(out.GroupDetailList)
		kinds["roles"] += len(out.RoleDetailList)
		kinds["policies"] += len(out.Policies)
		for _, u := range out.UserDetailList {
			if *u.UserName == "u" {
				equal(t, "inline", document(t, u.UserPolicyList[0].PolicyDocument), allowList)
				equal(t, "group", fmt.Sprint(u.GroupList), "[g]")
				equal(t, "boundary", *u.PermissionsBoundary.PermissionsBoundaryArn, admin)
			}
		}
	}
	// AdministratorAccess bounds u and r; the linked role has its own policy.
	equal(t, "everything", fmt.Sprint(kinds), "map[groups:2 policies:4 roles:3 users:2]")
	only := must(c.GetAccountAuthorizationDetails(t.Context(), &sdk.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeGroup}}))(t)
	equal(t, "filtered", fmt.Sprint(len(only.UserDetailList), len(only.GroupDetailList)), "0 2")
}

// TestLastAccessed: what a principal may use, and when it last did.
func TestLastAccessed(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
	must(c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: new("u"), PolicyName: new("inline"), PolicyDocument: new(allowList)}))(t)
	must(c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: new("u"), PolicyArn: new("arn:aws:iam::aws:policy/IAMReadOnlyAccess")}))(t)
	k := must(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: new("u")}))(t).AccessKey
	unused := must(c.GetAccessKeyLastUsed(ctx, &sdk.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId}))(t).AccessKeyLastUsed
	equal(t, "service of a key that was never used", *unused.ServiceName, "N/A")

	at := w.Now().Add(time.Hour)
	usage := identity.NewUsage(10)
	p := &identity.User{Account: account, Name: "u", ARN: arnHead + "user/u"}
	usage.Seen(identity.UserPrincipal(p), *k.AccessKeyId, "iam", "us-east-1", at)
	if err := usage.Flush(ctx, w.DB()); err != nil {
		t.Fatal(err)
	}
	used := must(c.GetAccessKeyLastUsed(ctx, &sdk.GetAccessKeyLastUsedInput{AccessKeyId: k.AccessKeyId}))(t)
	equal(t, "key", fmt.Sprint(*used.UserName, *used.AccessKeyLastUsed.ServiceName, used.AccessKeyLastUsed.LastUsedDate.Equal(at)), "uiamtrue")

	job := must(c.GenerateServiceLastAccessedDetails(ctx, &sdk.GenerateServiceLastAccessedDetailsInput{Arn: new(arnHead + "user/u")}))(t).JobId
	out := must(c.GetServiceLastAccessedDetails(ctx, &sdk.GetServiceLastAccessedDetailsInput{JobId: job}))(t)
	equal(t, "status", out.JobStatus, types.JobStatusTypeCompleted)
	found := map[string]types.ServiceLastAccessed{}
	for _, s := range out.ServicesLastAccessed {
		found[*s.ServiceNamespace] = s
	}
	equal(t, "services that the user may use", len(found), 2)
	equal(t, "iam", found["iam"].LastAuthenticated != nil && found["iam"].LastAuthenticated.Equal(at), true)
	equal(t, "s3", found["s3"].LastAuthenticated == nil, true)
	with := must(c.GetServiceLastAccessedDetailsWithEntities(ctx, &sdk.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: job, ServiceNamespace: new("iam")}))(t)
	equal(t, "who", *with.EntityDetailsList[0].EntityInfo.Name, "u")
	granting := must(c.ListPoliciesGrantingServiceAccess(ctx, &sdk.ListPoliciesGrantingServiceAccessInput{Arn: new(arnHead + "user/u"), ServiceNamespaces: []string{"iam", "s3", "sqs"}}))(t).PoliciesGrantingServiceAccess
	equal(t, "iam by", *granting[0].Policies[0].PolicyName, "IAMReadOnlyAccess")
	equal(t, "s3 by", *granting[1].Policies[0].EntityName, "u")
	equal(t, "sqs by", len(granting[2].Policies), 0)

	w.Advance(8 * 24 * time.Hour)
	_, err := c.GetServiceLastAccessedDetails(ctx, &sdk.GetServiceLastAccessedDetailsInput{JobId: job})
	refused(t, err, "NoSuchEntity", "")
}

// TestOrganizationsFeatures: only a management account that trusts IAM has
// them.
func TestOrganizationsFeatures(t *testing.T) {
	f := furnish(t)
	c := client(f.w.Config())
	ctx := t.Context()
	must(c.EnableOrganizationsRootSessions(ctx, nil))(t)
	must(c.EnableOrganizationsRootCredentialsManagement(ctx, nil))(t)
	got := must(c.ListOrganizationsFeatures(ctx, nil))(t)
	equal(t, "enabled", fmt.Sprint(*got.OrganizationId, got.EnabledFeatures), "o-abcdefghij[RootCredentialsManagement RootSessions]")
	must(c.DisableOrganizationsRootSessions(ctx, nil))(t)
	got = must(c.ListOrganizationsFeatures(ctx, nil))(t)
	equal(t, "left", fmt.Sprint(got.EnabledFeatures), "[RootCredentialsManagement]")
	f.w.Update(func(tx store.Tx) {
		org, _ := identity.Organizations.Get(tx, "o-abcdefghij")
		changed := *org
		changed.Services = nil
		identity.Organizations.Put(tx, &changed)
	})
	_, err := c.ListOrganizationsFeatures(ctx, nil)
	refused(t, err, "ServiceAccessNotEnabledException", "iam.amazonaws.com")
	other := client(f.w.ConfigAs(f.w.UserIn("222222222222", "x", nodetest.Allow("iam:*"))))
	_, err = other.EnableOrganizationsRootSessions(ctx, nil)
	refused(t, err, "OrganizationNotFoundException", "")
}
