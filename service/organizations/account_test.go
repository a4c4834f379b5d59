package organizations_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	stssdk "github.com/aws/aws-sdk-go-v2/service/sts"

	"pileus/node/nodetest"
)

const (
	minute = time.Minute
	day    = 24 * time.Hour
)

// enter assumes a role of another account as an administrator of the
// management account.
func (w *world) enter(t *testing.T, in, role string) (nodetest.Keys, error) {
	t.Helper()
	user := w.User("admin", nodetest.Allow("sts:AssumeRole"))
	out, err := stssdk.NewFromConfig(w.ConfigAs(user)).AssumeRole(t.Context(), &stssdk.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + in + ":role/" + role), RoleSessionName: aws.String("admin"),
	})
	if err != nil {
		return nodetest.Keys{}, err
	}
	return nodetest.Keys{AccessKey: *out.Credentials.AccessKeyId, Secret: *out.Credentials.SecretAccessKey, Token: *out.Credentials.SessionToken}, nil
}

func listUsers(t *testing.T, w *world, k nodetest.Keys) error {
	_, err := iamsdk.NewFromConfig(w.ConfigAs(k)).ListUsers(t.Context(), &iamsdk.ListUsersInput{})
	return err
}

func TestAccountIsCreatedUnderTheClock(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	ask := func(email string, role *string) *types.CreateAccountStatus {
		t.Helper()
		return must(w.c.CreateAccount(ctx, &sdk.CreateAccountInput{AccountName: aws.String("dev"), Email: &email, RoleName: role}))(t).CreateAccountStatus
	}
	look := func(id *string) *types.CreateAccountStatus {
		t.Helper()
		return must(w.c.DescribeCreateAccountStatus(ctx, &sdk.DescribeCreateAccountStatusInput{CreateAccountRequestId: id}))(t).CreateAccountStatus
	}
	first := ask("dev@corp.test", nil)
	equal(t, "state at first", look(first.Id).State, types.CreateAccountStateInProgress)
	w.Advance(minute)
	done := look(first.Id)
	equal(t, "state", done.State, types.CreateAccountStateSucceeded)
	again, named := ask("DEV@corp.test", nil), ask("other@corp.test", aws.String("Owner"))
	w.Advance(minute)
	equal(t, "address taken", look(again.Id).FailureReason, types.CreateAccountFailureReasonEmailAlreadyExists)
	failed := must(w.c.ListCreateAccountStatus(ctx, &sdk.ListCreateAccountStatusInput{States: []types.CreateAccountState{types.CreateAccountStateFailed}}))(t)
	equal(t, "failed requests", len(failed.CreateAccountStatuses), 1)
	a := must(w.c.DescribeAccount(ctx, &sdk.DescribeAccountInput{AccountId: done.AccountId}))(t).Account
	equal(t, "how it joined", a.JoinedMethod, types.AccountJoinedMethodCreated)
	equal(t, "address", *a.Email, "dev@corp.test")

	in := must(w.enter(t, *done.AccountId, "OrganizationAccountAccessRole"))(t)
	refused(t, listUsers(t, w, in), "", "")
	must(w.enter(t, *look(named.Id).AccountId, "Owner"))(t)
	who := must(stssdk.NewFromConfig(w.ConfigAs(rootOf(*done.AccountId))).GetCallerIdentity(ctx, &stssdk.GetCallerIdentityInput{}))(t)
	equal(t, "its root", *who.Arn, "arn:aws:iam::"+*done.AccountId+":root")

	_, err := w.c.DescribeCreateAccountStatus(ctx, &sdk.DescribeCreateAccountStatusInput{CreateAccountRequestId: aws.String("car-0123456789")})
	refused(t, err, "CreateAccountStatusNotFoundException", "")
	_, err = w.c.CreateGovCloudAccount(ctx, &sdk.CreateGovCloudAccountInput{AccountName: aws.String("x"), Email: aws.String("gov@corp.test")})
	refused(t, err, "ConstraintViolationException", "MASTER_ACCOUNT_NOT_GOVCLOUD_ENABLED")
}

func TestAccountMovesAndParts(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	id := w.create(t, "dev")
	unit := w.unit(t, w.root, "dev")
	move := func(from, to string) error {
		_, err := w.c.MoveAccount(ctx, &sdk.MoveAccountInput{AccountId: &id, SourceParentId: &from, DestinationParentId: &to})
		return err
	}
	refused(t, move(unit, w.root), "SourceParentNotFoundException", "")
	refused(t, move(w.root, w.root+"0"), "DestinationParentNotFoundException", "")
	refused(t, move(w.root, w.root), "DuplicateAccountException", "")
	refused(t, move(w.root, unit), "", "")
	in := must(w.c.ListAccountsForParent(ctx, &sdk.ListAccountsForParentInput{ParentId: &unit}))(t).Accounts
	equal(t, "accounts of the unit", len(in), 1)
	children := must(w.c.ListChildren(ctx, &sdk.ListChildrenInput{ParentId: &unit, ChildType: types.ChildTypeAccount}))(t).Children
	equal(t, "child", *children[0].Id, id)
	_, err := w.c.DeleteOrganizationalUnit(ctx, &sdk.DeleteOrganizationalUnitInput{OrganizationalUnitId: &unit})
	refused(t, err, "OrganizationalUnitNotEmptyException", "")
	_, err = w.c.DeleteOrganization(ctx, &sdk.DeleteOrganizationInput{})
	refused(t, err, "OrganizationNotEmptyException", "member accounts")

	must(w.c.RemoveAccountFromOrganization(ctx, &sdk.RemoveAccountFromOrganizationInput{AccountId: &id}))(t)
	_, err = w.c.DescribeAccount(ctx, &sdk.DescribeAccountInput{AccountId: &id})
	refused(t, err, "AccountNotFoundException", "")
	_, err = w.c.RemoveAccountFromOrganization(ctx, &sdk.RemoveAccountFromOrganizationInput{AccountId: aws.String(account)})
	refused(t, err, "MasterCannotLeaveOrganizationException", "")
	_, err = w.c.LeaveOrganization(ctx, &sdk.LeaveOrganizationInput{})
	refused(t, err, "MasterCannotLeaveOrganizationException", "")
	w.invite(t, guest)
	must(w.as(rootOf(guest)).LeaveOrganization(ctx, &sdk.LeaveOrganizationInput{}))(t)
	_, err = w.as(rootOf(guest)).DescribeOrganization(ctx, &sdk.DescribeOrganizationInput{})
	refused(t, err, "AWSOrganizationsNotInUseException", "")
}

func TestClosedAccountLetsNobodyIn(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	id := w.create(t, "dev")
	session := must(w.enter(t, id, "OrganizationAccountAccessRole"))(t)
	user := w.UserIn(id, "bob", nodetest.Allow("*"))
	for name, k := range map[string]nodetest.Keys{"root": rootOf(id), "session": session, "user": user} {
		if err := listUsers(t, w, k); err != nil {
			t.Fatalf("%s before: %v", name, err)
		}
	}
	status := func() types.AccountStatus {
		t.Helper()
		return must(w.c.DescribeAccount(ctx, &sdk.DescribeAccountInput{AccountId: &id}))(t).Account.Status
	}
	_, err := w.c.CloseAccount(ctx, &sdk.CloseAccountInput{AccountId: aws.String(account)})
	refused(t, err, "ConstraintViolationException", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT")
	must(w.c.CloseAccount(ctx, &sdk.CloseAccountInput{AccountId: &id}))(t)
	equal(t, "status at first", status(), types.AccountStatusPendingClosure)
	_, err = w.c.CloseAccount(ctx, &sdk.CloseAccountInput{AccountId: &id})
	refused(t, err, "AccountAlreadyClosedException", "")
	for name, k := range map[string]nodetest.Keys{"root": rootOf(id), "session": session, "user": user} {
		t.Run(name, func(t *testing.T) { refused(t, listUsers(t, w, k), "InvalidClientTokenId", "") })
	}
	_, err = w.enter(t, id, "OrganizationAccountAccessRole")
	refused(t, err, "AccessDenied", "is not authorized to perform: sts:AssumeRole")
	w.Advance(minute)
	equal(t, "status", status(), types.AccountStatusSuspended)
	w.Advance(91 * day)
	_, err = w.c.DescribeAccount(ctx, &sdk.DescribeAccountInput{AccountId: &id})
	refused(t, err, "AccountNotFoundException", "")
}
