package organizations_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"

	"pileus/all"
	"pileus/node/nodetest"
)

const (
	account = nodetest.Account // the management account
	guest   = "222222222222"
	scp     = types.PolicyTypeServiceControlPolicy

	allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	denyIAM  = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:*","Resource":"*"}]}`
)

// world is a cloud with an organization of all features, and a client as root
// of its management account.
type world struct {
	*nodetest.World
	c    *sdk.Client
	root string // the organization's root
}

func bare(t *testing.T) *world {
	t.Helper()
	w := nodetest.With(t, all.Modules)
	return &world{World: w, c: sdk.NewFromConfig(w.Config())}
}

func start(t *testing.T) *world {
	t.Helper()
	w := bare(t)
	must(w.c.CreateOrganization(t.Context(), &sdk.CreateOrganizationInput{}))(t)
	w.root = *must(w.c.ListRoots(t.Context(), &sdk.ListRootsInput{}))(t).Roots[0].Id
	return w
}

// rootOf are an account's root credentials.
func rootOf(account string) nodetest.Keys { return nodetest.Keys{AccessKey: account, Secret: "test"} }

func (w *world) as(k nodetest.Keys) *sdk.Client { return sdk.NewFromConfig(w.ConfigAs(k)) }

// unit makes an organizational unit.
func (w *world) unit(t *testing.T, parent, name string) string {
	t.Helper()
	return *must(w.c.CreateOrganizationalUnit(t.Context(), &sdk.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name}))(t).OrganizationalUnit.Id
}

// create makes an account and waits, by the clock, until it is there.
func (w *world) create(t *testing.T, name string) string {
	t.Helper()
	out := must(w.c.CreateAccount(t.Context(), &sdk.CreateAccountInput{AccountName: &name, Email: aws.String(name + "@corp.test")}))(t)
	w.Advance(minute)
	s := must(w.c.DescribeCreateAccountStatus(t.Context(), &sdk.DescribeCreateAccountStatusInput{CreateAccountRequestId: out.CreateAccountStatus.Id}))(t).CreateAccountStatus
	if s.State != types.CreateAccountStateSucceeded {
		t.Fatalf("account %s: %s %s", name, s.State, s.FailureReason)
	}
	return *s.AccountId
}

// invite makes an existing account a member.
func (w *world) invite(t *testing.T, id string) {
	t.Helper()
	h := must(w.c.InviteAccountToOrganization(t.Context(), &sdk.InviteAccountToOrganizationInput{Target: party(id)}))(t).Handshake
	must(w.as(rootOf(id)).AcceptHandshake(t.Context(), &sdk.AcceptHandshakeInput{HandshakeId: h.Id}))(t)
}

func party(id string) *types.HandshakeParty {
	return &types.HandshakeParty{Id: &id, Type: types.HandshakePartyTypeAccount}
}

// policy makes a policy of a type.
func (w *world) policy(t *testing.T, kind types.PolicyType, name, content string) string {
	t.Helper()
	return *must(w.c.CreatePolicy(t.Context(), &sdk.CreatePolicyInput{Type: kind, Name: &name, Description: aws.String(""), Content: &content}))(t).Policy.PolicySummary.Id
}

func (w *world) enable(t *testing.T, kind types.PolicyType) {
	t.Helper()
	must(w.c.EnablePolicyType(t.Context(), &sdk.EnablePolicyTypeInput{RootId: &w.root, PolicyType: kind}))(t)
}

func (w *world) attach(t *testing.T, policy, target string) {
	t.Helper()
	must(w.c.AttachPolicy(t.Context(), &sdk.AttachPolicyInput{PolicyId: &policy, TargetId: &target}))(t)
}

func (w *world) detach(t *testing.T, policy, target string) {
	t.Helper()
	must(w.c.DetachPolicy(t.Context(), &sdk.DetachPolicyInput{PolicyId: &policy, TargetId: &target}))(t)
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks an error's code and a part of its text, which has the reason
// where the model gives one; an empty code means that there must be no error.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Errorf("got %v, want %s: %s", err, code, text)
		return
	}
	got := e.ErrorMessage()
	var c *types.ConstraintViolationException
	var i *types.InvalidInputException
	var h *types.HandshakeConstraintViolationException
	switch {
	case errors.As(err, &c):
		got += " " + string(c.Reason)
	case errors.As(err, &i):
		got += " " + string(i.Reason)
	case errors.As(err, &h):
		got += " " + string(h.Reason)
	}
	if e.ErrorCode() != code || !strings.Contains(got, text) {
		t.Errorf("got %s: %s\nwant %s: %s", e.ErrorCode(), got, code, text)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestOrganizationBeginsAndEnds(t *testing.T) {
	w := bare(t)
	ctx := t.Context()
	_, err := w.c.DescribeOrganization(ctx, &sdk.DescribeOrganizationInput{})
	refused(t, err, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
	org := must(w.c.CreateOrganization(ctx, &sdk.CreateOrganizationInput{}))(t).Organization
	equal(t, "features", org.FeatureSet, types.OrganizationFeatureSetAll)
	equal(t, "management account", *org.MasterAccountId, account)
	equal(t, "ARN", *org.Arn, "arn:aws:organizations::"+account+":organization/"+*org.Id)
	if !strings.HasPrefix(*org.Id, "o-") || len(*org.Id) != 12 {
		t.Errorf("id %s", *org.Id)
	}
	_, err = w.c.CreateOrganization(ctx, &sdk.CreateOrganizationInput{})
	refused(t, err, "AlreadyInOrganizationException", "The AWS account is already a member of an organization.")
	root := must(w.c.ListRoots(ctx, &sdk.ListRootsInput{}))(t).Roots[0]
	equal(t, "policy types at first", len(root.PolicyTypes), 0)
	on := must(w.c.ListPoliciesForTarget(ctx, &sdk.ListPoliciesForTargetInput{TargetId: root.Id, Filter: scp}))(t)
	equal(t, "policy of the root", *on.Policies[0].Id, "p-FullAWSAccess")
	equal(t, "its ARN", *on.Policies[0].Arn, "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess")
	accounts := must(w.c.ListAccounts(ctx, &sdk.ListAccountsInput{}))(t).Accounts
	equal(t, "members", len(accounts), 1)
	equal(t, "path", accounts[0].Paths[0], *org.Id+"/"+*root.Id+"/"+account+"/")

	unit := *must(w.c.CreateOrganizationalUnit(ctx, &sdk.CreateOrganizationalUnitInput{ParentId: root.Id, Name: aws.String("dev")}))(t).OrganizationalUnit.Id
	_, err = w.c.DeleteOrganization(ctx, &sdk.DeleteOrganizationInput{})
	refused(t, err, "OrganizationNotEmptyException", "organizational units")
	must(w.c.DeleteOrganizationalUnit(ctx, &sdk.DeleteOrganizationalUnitInput{OrganizationalUnitId: &unit}))(t)
	must(w.c.DeleteOrganization(ctx, &sdk.DeleteOrganizationInput{}))(t)
	_, err = w.c.ListAccounts(ctx, &sdk.ListAccountsInput{})
	refused(t, err, "AWSOrganizationsNotInUseException", "")
	must(w.c.CreateOrganization(ctx, &sdk.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetConsolidatedBilling}))(t)
}

func TestUnits(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	dev := w.unit(t, w.root, "dev")
	if want := "ou-" + strings.TrimPrefix(w.root, "r-") + "-"; !strings.HasPrefix(dev, want) || len(dev) != len(want)+8 {
		t.Errorf("id %s", dev)
	}
	_, err := w.c.CreateOrganizationalUnit(ctx, &sdk.CreateOrganizationalUnitInput{ParentId: &w.root, Name: aws.String("dev")})
	refused(t, err, "DuplicateOrganizationalUnitException", "An OU with the same name already exists.")
	_, err = w.c.CreateOrganizationalUnit(ctx, &sdk.CreateOrganizationalUnitInput{ParentId: aws.String(w.root[:5] + "x"), Name: aws.String("a")})
	refused(t, err, "ParentNotFoundException", "")
	at := dev
	for _, name := range []string{"2", "3", "4", "5"} {
		at = w.unit(t, at, name)
	}
	_, err = w.c.CreateOrganizationalUnit(ctx, &sdk.CreateOrganizationalUnitInput{ParentId: &at, Name: aws.String("6")})
	refused(t, err, "ConstraintViolationException", "OU_DEPTH_LIMIT_EXCEEDED")
	_, err = w.c.DeleteOrganizationalUnit(ctx, &sdk.DeleteOrganizationalUnitInput{OrganizationalUnitId: &dev})
	refused(t, err, "OrganizationalUnitNotEmptyException", "")
	prod := w.unit(t, w.root, "prod")
	_, err = w.c.UpdateOrganizationalUnit(ctx, &sdk.UpdateOrganizationalUnitInput{OrganizationalUnitId: &prod, Name: aws.String("dev")})
	refused(t, err, "DuplicateOrganizationalUnitException", "")
	must(w.c.UpdateOrganizationalUnit(ctx, &sdk.UpdateOrganizationalUnitInput{OrganizationalUnitId: &prod, Name: aws.String("live")}))(t)
	got := must(w.c.DescribeOrganizationalUnit(ctx, &sdk.DescribeOrganizationalUnitInput{OrganizationalUnitId: &prod}))(t)
	equal(t, "name", *got.OrganizationalUnit.Name, "live")
	children := must(w.c.ListChildren(ctx, &sdk.ListChildrenInput{ParentId: &w.root, ChildType: types.ChildTypeOrganizationalUnit}))(t)
	equal(t, "children", len(children.Children), 2)
	parents := must(w.c.ListParents(ctx, &sdk.ListParentsInput{ChildId: &at}))(t)
	equal(t, "parent's kind", parents.Parents[0].Type, types.ParentTypeOrganizationalUnit)

	for i := range 23 {
		w.unit(t, prod, strings.Repeat("x", i+1))
	}
	n := 0
	p := sdk.NewListOrganizationalUnitsForParentPaginator(w.c, &sdk.ListOrganizationalUnitsForParentInput{ParentId: &prod, MaxResults: aws.Int32(10)})
	for pages := 1; p.HasMorePages(); pages++ {
		out := must(p.NextPage(ctx))(t)
		n += len(out.OrganizationalUnits)
		equal(t, "more", out.NextToken != nil, pages < 3)
	}
	equal(t, "units on all pages", n, 23)
	_, err = w.c.ListOrganizationalUnitsForParent(ctx, &sdk.ListOrganizationalUnitsForParentInput{ParentId: &prod, NextToken: aws.String("!")})
	refused(t, err, "InvalidInputException", "INVALID_NEXT_TOKEN")
}
