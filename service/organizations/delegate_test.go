package organizations_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

func TestDelegatedAdministrator(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	w.invite(t, guest)
	them := w.as(rootOf(guest))
	service := aws.String("guardduty.amazonaws.com")
	register := func(id string) error {
		_, err := w.c.RegisterDelegatedAdministrator(ctx, &sdk.RegisterDelegatedAdministratorInput{AccountId: &id, ServicePrincipal: service})
		return err
	}
	refused(t, register(guest), "ConstraintViolationException", "SERVICE_ACCESS_NOT_ENABLED")
	_, err := w.c.EnableAWSServiceAccess(ctx, &sdk.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("guardduty")})
	refused(t, err, "InvalidInputException", "UNRECOGNIZED_SERVICE_PRINCIPAL")
	must(w.c.EnableAWSServiceAccess(ctx, &sdk.EnableAWSServiceAccessInput{ServicePrincipal: service}))(t)
	trusted := must(w.c.ListAWSServiceAccessForOrganization(ctx, &sdk.ListAWSServiceAccessForOrganizationInput{}))(t)
	equal(t, "trusted", *trusted.EnabledServicePrincipals[0].ServicePrincipal, *service)

	_, err = them.ListAccounts(ctx, &sdk.ListAccountsInput{})
	refused(t, err, "AccessDeniedException", "You don't have permissions to access this resource.")
	refused(t, register(account), "ConstraintViolationException", "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR")
	refused(t, register("999999999999"), "AccountNotFoundException", "")
	refused(t, register(guest), "", "")
	refused(t, register(guest), "AccountAlreadyRegisteredException", "")
	must(them.ListAccounts(ctx, &sdk.ListAccountsInput{}))(t)
	_, err = them.CreateOrganizationalUnit(ctx, &sdk.CreateOrganizationalUnitInput{ParentId: &w.root, Name: aws.String("x")})
	refused(t, err, "AccessDeniedException", "")
	admins := must(w.c.ListDelegatedAdministrators(ctx, &sdk.ListDelegatedAdministratorsInput{ServicePrincipal: service}))(t)
	equal(t, "administrator", *admins.DelegatedAdministrators[0].Id, guest)
	services := must(w.c.ListDelegatedServicesForAccount(ctx, &sdk.ListDelegatedServicesForAccountInput{AccountId: aws.String(guest)}))(t)
	equal(t, "service", *services.DelegatedServices[0].ServicePrincipal, *service)

	_, err = w.c.DisableAWSServiceAccess(ctx, &sdk.DisableAWSServiceAccessInput{ServicePrincipal: service})
	refused(t, err, "ConstraintViolationException", "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE")
	_, err = w.c.RemoveAccountFromOrganization(ctx, &sdk.RemoveAccountFromOrganizationInput{AccountId: aws.String(guest)})
	refused(t, err, "ConstraintViolationException", "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG")
	in := &sdk.DeregisterDelegatedAdministratorInput{AccountId: aws.String(guest), ServicePrincipal: service}
	must(w.c.DeregisterDelegatedAdministrator(ctx, in))(t)
	_, err = w.c.DeregisterDelegatedAdministrator(ctx, in)
	refused(t, err, "AccountNotRegisteredException", "")
	_, err = them.ListAccounts(ctx, &sdk.ListAccountsInput{})
	refused(t, err, "AccessDeniedException", "")
	must(w.c.DisableAWSServiceAccess(ctx, &sdk.DisableAWSServiceAccessInput{ServicePrincipal: service}))(t)
}

func TestResourcePolicyLetsMembersIn(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	w.invite(t, guest)
	them := w.as(rootOf(guest))
	_, err := w.c.DescribeResourcePolicy(ctx, &sdk.DescribeResourcePolicyInput{})
	refused(t, err, "ResourcePolicyNotFoundException", "")
	put := func(content string) error {
		_, err := w.c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{Content: &content})
		return err
	}
	refused(t, put(`{}`), "InvalidInputException", "INVALID_RESOURCE_POLICY_JSON")
	refused(t, put(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:*","Resource":"*"}]}`),
		"InvalidInputException", "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY")
	refused(t, put(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+guest+`:root"},
		"Action":["organizations:CreatePolicy","organizations:DescribePolicy"],"Resource":"*",
		"Condition":{"StringEqualsIfExists":{"organizations:PolicyType":"TAG_POLICY"}}}]}`), "", "")
	make := func(kind types.PolicyType, content string) error {
		_, err := them.CreatePolicy(ctx, &sdk.CreatePolicyInput{Type: kind, Name: aws.String("theirs"), Description: aws.String(""), Content: &content})
		return err
	}
	refused(t, make(types.PolicyTypeTagPolicy, `{"tags":{}}`), "", "")
	refused(t, make(scp, allowAll), "AccessDeniedException", "")
	_, err = them.ListRoots(ctx, &sdk.ListRootsInput{})
	refused(t, err, "AccessDeniedException", "")
	got := must(w.c.DescribeResourcePolicy(ctx, &sdk.DescribeResourcePolicyInput{}))(t).ResourcePolicy.ResourcePolicySummary
	must(w.c.TagResource(ctx, &sdk.TagResourceInput{ResourceId: got.Id, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}))(t)
	must(w.c.DeleteResourcePolicy(ctx, &sdk.DeleteResourcePolicyInput{}))(t)
	refused(t, make(types.PolicyTypeTagPolicy, `{"tags":{}}`), "AccessDeniedException", "")
}

func TestTagsOnEverything(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	tag := func(id string, kv ...string) error {
		var tags []types.Tag
		for i := 0; i < len(kv); i += 2 {
			tags = append(tags, types.Tag{Key: &kv[i], Value: &kv[i+1]})
		}
		_, err := w.c.TagResource(ctx, &sdk.TagResourceInput{ResourceId: &id, Tags: tags})
		return err
	}
	for name, id := range map[string]string{
		"root": w.root, "unit": w.unit(t, w.root, "dev"), "account": account, "policy": w.policy(t, scp, "p", allowAll),
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, tag(id, "Team", "a", "team", "b"), "", "")
			refused(t, tag(id, "team", "c"), "", "")
			refused(t, tag(id, "x", "1", "x", "2"), "InvalidInputException", "DUPLICATE_TAG_KEY")
			refused(t, tag(id, "aws:x", "1"), "InvalidInputException", "INVALID_SYSTEM_TAGS_PARAMETER")
			must(w.c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceId: &id, TagKeys: []string{"Team"}}))(t)
			tags := must(w.c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceId: &id}))(t).Tags
			equal(t, "tags", fmt.Sprint(len(tags), *tags[0].Key, *tags[0].Value), "1teamc")
		})
	}
	refused(t, tag("p-FullAWSAccess", "a", "b"), "TargetNotFoundException", "")
	for i := range 49 {
		refused(t, tag(account, fmt.Sprint("k", i), ""), "", "")
	}
	refused(t, tag(account, "one", "more"), "ConstraintViolationException", "MAX_TAG_LIMIT_EXCEEDED")
	n := 0
	p := sdk.NewListTagsForResourcePaginator(w.c, &sdk.ListTagsForResourceInput{ResourceId: aws.String(account)})
	for p.HasMorePages() {
		n += len(must(p.NextPage(ctx))(t).Tags)
	}
	equal(t, "tags on all pages", n, 50)
}
