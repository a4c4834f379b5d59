package iam_test

import (
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"pileus/identity"
	"pileus/store"
)

// TestSimulateCustomPolicy: decisions for policies that are in the request.
func TestSimulateCustomPolicy(t *testing.T) {
	_, c := world(t)
	allowAll := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	denyPut := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:Put*","Resource":"*"}]}`
	office := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}`
	home := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}]}`
	named := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + arnHead + `user/bob"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`
	ip := func(v string) []types.ContextEntry {
		return []types.ContextEntry{{ContextKeyName: new("aws:SourceIp"), ContextKeyType: types.ContextKeyTypeEnumIp, ContextKeyValues: []string{v}}}
	}
	for _, test := range []struct {
		name, action, want string
		in                 sdk.SimulateCustomPolicyInput
		missing            string
	}{
		{"nothing allows", "sqs:SendMessage", "implicitDeny", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowList}}, ""},
		{"a statement allows", "s3:ListAllMyBuckets", "allowed", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowList}}, ""},
		{"a statement denies", "s3:PutObject", "explicitDeny", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll, denyPut}}, ""},
		{"a boundary that does not allow", "sqs:SendMessage", "implicitDeny",
			sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, PermissionsBoundaryPolicyInputList: []string{allowList}}, ""},
		{"a boundary that allows", "s3:ListAllMyBuckets", "allowed",
			sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, PermissionsBoundaryPolicyInputList: []string{allowList}}, ""},
		{"a context key is missing", "s3:GetObject", "implicitDeny", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{office}}, "aws:SourceIp"},
		{"a context key that fits", "s3:GetObject", "allowed", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{office}, ContextEntries: ip("10.1.2.3")}, ""},
		{"a context key that does not", "s3:GetObject", "implicitDeny", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{office}, ContextEntries: ip("11.1.2.3")}, ""},
		{"a variable of the caller", "s3:GetObject", "allowed", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{home},
			CallerArn: new(arnHead + "user/bob"), ResourceArns: []string{"arn:aws:s3:::b/bob/x"}}, ""},
		{"another's home", "s3:GetObject", "implicitDeny", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{home},
			CallerArn: new(arnHead + "user/bob"), ResourceArns: []string{"arn:aws:s3:::b/eve/x"}}, ""},
		{"a resource policy allows", "s3:GetObject", "allowed", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowList},
			CallerArn: new(arnHead + "user/bob"), ResourceArns: []string{"arn:aws:s3:::b/x"}, ResourcePolicy: &named}, ""},
		{"a resource policy names another", "s3:GetObject", "implicitDeny", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowList},
			CallerArn: new(arnHead + "user/eve"), ResourceArns: []string{"arn:aws:s3:::b/x"}, ResourcePolicy: &named}, ""},
		{"another account's resource needs both", "s3:GetObject", "implicitDeny", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowList},
			CallerArn: new(arnHead + "user/bob"), ResourceArns: []string{"arn:aws:s3:::b/x"}, ResourcePolicy: &named, ResourceOwner: new("arn:aws:iam::222222222222:root")}, ""},
		{"and has both", "s3:GetObject", "allowed", sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll},
			CallerArn: new(arnHead + "user/bob"), ResourceArns: []string{"arn:aws:s3:::b/x"}, ResourcePolicy: &named, ResourceOwner: new("arn:aws:iam::222222222222:root")}, ""},
	} {
		test.in.ActionNames = []string{test.action}
		out, err := c.SimulateCustomPolicy(t.Context(), &test.in)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := out.EvaluationResults[0]
		equal(t, test.name, string(got.EvalDecision), test.want)
		equal(t, test.name+": missing keys", strings.Join(got.MissingContextValues, " "), test.missing)
		equal(t, test.name+": a statement is named", len(got.MatchedStatements) > 0, test.want != "implicitDeny" || len(test.in.PermissionsBoundaryPolicyInputList) > 0 || test.in.ResourceOwner != nil)
	}
	for _, test := range []struct {
		in   sdk.SimulateCustomPolicyInput
		text string
	}{
		{sdk.SimulateCustomPolicyInput{PolicyInputList: []string{"{}"}, ActionNames: []string{"s3:GetObject"}}, "Invalid policy"},
		{sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, ActionNames: []string{"GetObject"}}, "Invalid Action"},
		{sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowAll}, ActionNames: []string{"s3:GetObject"}, CallerArn: new(arnHead + "role/r")}, "Caller"},
	} {
		_, err := c.SimulateCustomPolicy(t.Context(), &test.in)
		refused(t, err, "InvalidInput", test.text)
	}
}

// TestSimulateStatements: matched statements are found by their lines and
// columns, and resources are told apart.
func TestSimulateStatements(t *testing.T) {
	_, c := world(t)
	text := "{\n \"Version\": \"2012-10-17\",\n \"Statement\": [\n  {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"arn:aws:s3:::a\"},\n  {\"Effect\": \"Deny\", \"Action\": \"s3:*\", \"Resource\": \"arn:aws:s3:::b\"}\n ]\n}"
	out := must(c.SimulateCustomPolicy(t.Context(), &sdk.SimulateCustomPolicyInput{PolicyInputList: []string{text}, ActionNames: []string{"s3:ListBucket", "s3:GetBucketAcl"},
		ResourceArns: []string{"arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:s3:::c"}}))(t)
	equal(t, "results", len(out.EvaluationResults), 2)
	var decisions []string
	for _, r := range out.EvaluationResults[0].ResourceSpecificResults {
		decisions = append(decisions, string(r.EvalResourceDecision))
	}
	equal(t, "by resource", strings.Join(decisions, " "), "allowed explicitDeny implicitDeny")
	for i, line := range []int32{4, 5} {
		s := out.EvaluationResults[0].ResourceSpecificResults[i].MatchedStatements[0]
		equal(t, "policy", *s.SourcePolicyId, "PolicyInputList.1")
		equal(t, "lines", fmt.Sprint(s.StartPosition.Line, s.EndPosition.Line), fmt.Sprint(line, line))
		if s.EndPosition.Column <= s.StartPosition.Column {
			t.Errorf("columns %d to %d", s.StartPosition.Column, s.EndPosition.Column)
		}
	}
}

// TestSimulatePrincipalPolicy: the policies of users, groups and roles, with
// boundary and service control policies.
func TestSimulatePrincipalPolicy(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
	must(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: new("g")}))(t)
	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: new("r"), AssumeRolePolicyDocument: new(ec2Trust)}))(t)
	must(c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{UserName: new("u"), GroupName: new("g")}))(t)
	must(c.AttachGroupPolicy(ctx, &sdk.AttachGroupPolicyInput{GroupName: new("g"), PolicyArn: new("arn:aws:iam::aws:policy/AmazonSQSFullAccess")}))(t)
	must(c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: new("u"), PolicyName: new("lists"), PolicyDocument: new(allowList)}))(t)
	must(c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: new("r"), PolicyArn: new(readOnly)}))(t)
	ask := func(source, action string, more ...func(*sdk.SimulatePrincipalPolicyInput)) types.EvaluationResult {
		t.Helper()
		in := &sdk.SimulatePrincipalPolicyInput{PolicySourceArn: new(arnHead + source), ActionNames: []string{action}}
		for _, f := range more {
			f(in)
		}
		return must(c.SimulatePrincipalPolicy(ctx, in))(t).EvaluationResults[0]
	}
	decided := func(what string, got types.EvaluationResult, want, policy string, kind types.PolicySourceType) {
		t.Helper()
		equal(t, what, string(got.EvalDecision), want)
		if policy != "" {
			equal(t, what+": policy", *got.MatchedStatements[0].SourcePolicyId, policy)
			equal(t, what+": kind", got.MatchedStatements[0].SourcePolicyType, kind)
		}
	}
	decided("inline", ask("user/u", "s3:ListAllMyBuckets"), "allowed", "user_u_lists", types.PolicySourceTypeUser)
	decided("through the group", ask("user/u", "sqs:SendMessage"), "allowed", "AmazonSQSFullAccess", types.PolicySourceTypeAwsManaged)
	decided("the group", ask("group/g", "sqs:SendMessage"), "allowed", "AmazonSQSFullAccess", types.PolicySourceTypeAwsManaged)
	decided("the role", ask("role/r", "s3:GetObject"), "allowed", "ReadOnlyAccess", types.PolicySourceTypeAwsManaged)
	decided("the role writes", ask("role/r", "s3:PutObject"), "implicitDeny", "", "")
	decided("with a policy tried on", ask("user/u", "sns:Publish", func(in *sdk.SimulatePrincipalPolicyInput) {
		in.PolicyInputList = []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:*","Resource":"*"}]}`}
	}), "allowed", "PolicyInputList.1", types.PolicySourceTypeNone)

	must(c.PutUserPermissionsBoundary(ctx, &sdk.PutUserPermissionsBoundaryInput{UserName: new("u"), PermissionsBoundary: new(readOnly)}))(t)
	got := ask("user/u", "sqs:SendMessage")
	decided("bounded", got, "implicitDeny", "", "")
	equal(t, "the boundary is told", got.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary, false)
	equal(t, "where it allows", ask("user/u", "s3:ListAllMyBuckets").PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary, true)

	w.Update(func(tx store.Tx) {
		identity.Organizations.Put(tx, &identity.Organization{ID: "o-1", RootID: "r-1", Management: "999999999999", AllFeatures: true, Enabled: []string{identity.ServiceControl}})
		identity.Members.Put(tx, &identity.Member{Organization: "o-1", Account: account, Parent: "r-1"})
		for _, target := range []string{"r-1", account} {
			identity.OrgPolicies.Put(tx, &identity.OrgPolicy{Organization: "o-1", ID: "p-" + target, Type: identity.ServiceControl, ARN: "arn:aws:organizations::999999999999:policy/" + target,
				Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:*","sqs:*"],"Resource":"*"}]}`})
			identity.OrgAttachments.Put(tx, &identity.OrgAttachment{Organization: "o-1", Target: target, Type: identity.ServiceControl, Policy: "p-" + target})
		}
		identity.Touch(tx, identity.OrganizationScope)
	})
	got = ask("role/r", "s3:GetObject")
	decided("service control", got, "implicitDeny", "", "")
	equal(t, "the organization is told", got.OrganizationsDecisionDetail.AllowedByOrganizations, false)

	equal(t, "and binds groups", ask("group/g", "sqs:SendMessage").OrganizationsDecisionDetail.AllowedByOrganizations, true)

	_, err := c.SimulatePrincipalPolicy(ctx, &sdk.SimulatePrincipalPolicyInput{PolicySourceArn: new(arnHead + "user/nobody"), ActionNames: []string{"s3:GetObject"}})
	refused(t, err, "NoSuchEntity", "nobody")
	_, err = c.SimulatePrincipalPolicy(ctx, &sdk.SimulatePrincipalPolicyInput{PolicySourceArn: new("arn:aws:s3:::some-bucket-name"), ActionNames: []string{"s3:GetObject"}})
	refused(t, err, "InvalidInput", "does not clearly define entity type and name.")
}

func TestContextKeys(t *testing.T) {
	_, c := world(t)
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}","Condition":{"Bool":{"aws:SecureTransport":"true"},"StringLike":{"s3:prefix":"${aws:PrincipalTag/team}*"}}}]}`
	out := must(c.GetContextKeysForCustomPolicy(t.Context(), &sdk.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{text, text}}))(t)
	equal(t, "custom", strings.Join(out.ContextKeyNames, " "), "aws:PrincipalTag/team aws:SecureTransport aws:username s3:prefix")
	must(c.CreateUser(t.Context(), &sdk.CreateUserInput{UserName: new("u")}))(t)
	must(c.PutUserPolicy(t.Context(), &sdk.PutUserPolicyInput{UserName: new("u"), PolicyName: new("p"), PolicyDocument: &text}))(t)
	of := must(c.GetContextKeysForPrincipalPolicy(t.Context(), &sdk.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: new(arnHead + "user/u")}))(t)
	equal(t, "of a user", strings.Join(of.ContextKeyNames, " "), strings.Join(out.ContextKeyNames, " "))
}
