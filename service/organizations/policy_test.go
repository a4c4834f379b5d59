package organizations_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

func TestPolicyContentIsChecked(t *testing.T) {
	w := start(t)
	for name, test := range map[string]struct {
		kind    types.PolicyType
		content string
		code    string
		text    string
	}{
		"SCP":                        {scp, allowAll, "", ""},
		"SCP with a principal":       {scp, strings.ReplaceAll(allowAll, `"Effect"`, `"Principal":"*","Effect"`), "MalformedPolicyDocumentException", "does not meet the requirements"},
		"SCP that is no JSON":        {scp, `{`, "MalformedPolicyDocumentException", ""},
		"SCP that is too long":       {scp, allowAll + strings.Repeat(" ", 5120), "ConstraintViolationException", "POLICY_CONTENT_LIMIT_EXCEEDED"},
		"tag policy":                 {types.PolicyTypeTagPolicy, `{"tags":{}}`, "", ""},
		"tag policy of another kind": {types.PolicyTypeTagPolicy, `{"plans":{}}`, "MalformedPolicyDocumentException", ""},
		"tag policy with more":       {types.PolicyTypeTagPolicy, `{"tags":{},"x":{}}`, "MalformedPolicyDocumentException", ""},
		"backup policy":              {types.PolicyTypeBackupPolicy, `{"plans":{}}`, "", ""},
		"backup policy, a list":      {types.PolicyTypeBackupPolicy, `{"plans":[]}`, "MalformedPolicyDocumentException", ""},
		"AI opt-out":                 {types.PolicyTypeAiservicesOptOutPolicy, `{"services":{"default":{"opt_out_policy":{"@@assign":"optOut"}}}}`, "", ""},
		"chat bots":                  {types.PolicyTypeChatbotPolicy, `[]`, "MalformedPolicyDocumentException", ""},
		"resource control policy":    {types.PolicyTypeResourceControlPolicy, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}`, "", ""},
		"RCP that allows":            {types.PolicyTypeResourceControlPolicy, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}`, "MalformedPolicyDocumentException", ""},
		"RCP for all services":       {types.PolicyTypeResourceControlPolicy, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`, "MalformedPolicyDocumentException", ""},
		"RCP for one account":        {types.PolicyTypeResourceControlPolicy, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"222222222222"},"Action":"s3:*","Resource":"*"}]}`, "MalformedPolicyDocumentException", ""},
		"RCP without a principal":    {types.PolicyTypeResourceControlPolicy, allowAll, "MalformedPolicyDocumentException", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.c.CreatePolicy(t.Context(), &sdk.CreatePolicyInput{Type: test.kind, Name: &name, Description: aws.String("d"), Content: &test.content})
			refused(t, err, test.code, test.text)
		})
	}
}

func TestPolicyAndItsTargets(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	w.enable(t, scp)
	unit := w.unit(t, w.root, "dev")
	p := w.policy(t, scp, "p", allowAll)
	_, err := w.c.CreatePolicy(ctx, &sdk.CreatePolicyInput{Type: scp, Name: aws.String("p"), Description: aws.String(""), Content: aws.String(allowAll)})
	refused(t, err, "DuplicatePolicyException", "")
	w.attach(t, p, unit)
	_, err = w.c.AttachPolicy(ctx, &sdk.AttachPolicyInput{PolicyId: &p, TargetId: &unit})
	refused(t, err, "DuplicatePolicyAttachmentException", "")
	on := must(w.c.ListTargetsForPolicy(ctx, &sdk.ListTargetsForPolicyInput{PolicyId: &p}))(t).Targets
	equal(t, "target", fmt.Sprint(len(on), *on[0].Name, on[0].Type), "1dev"+string(types.TargetTypeOrganizationalUnit))
	_, err = w.c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyId: &p})
	refused(t, err, "PolicyInUseException", "")
	for i := range 3 {
		w.attach(t, w.policy(t, scp, fmt.Sprint("more", i), allowAll), unit)
	}
	_, err = w.c.AttachPolicy(ctx, &sdk.AttachPolicyInput{PolicyId: aws.String(w.policy(t, scp, "sixth", allowAll)), TargetId: &unit})
	refused(t, err, "ConstraintViolationException", "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
	_, err = w.c.DetachPolicy(ctx, &sdk.DetachPolicyInput{PolicyId: aws.String("p-FullAWSAccess"), TargetId: &w.root})
	refused(t, err, "ConstraintViolationException", "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
	_, err = w.c.DetachPolicy(ctx, &sdk.DetachPolicyInput{PolicyId: &p, TargetId: &w.root})
	refused(t, err, "PolicyNotAttachedException", "")
	_, err = w.c.AttachPolicy(ctx, &sdk.AttachPolicyInput{PolicyId: &p, TargetId: aws.String("999999999999")})
	refused(t, err, "TargetNotFoundException", "")
	_, err = w.c.UpdatePolicy(ctx, &sdk.UpdatePolicyInput{PolicyId: aws.String("p-FullAWSAccess"), Name: aws.String("x")})
	refused(t, err, "InvalidInputException", "IMMUTABLE_POLICY")
	_, err = w.c.DescribePolicy(ctx, &sdk.DescribePolicyInput{PolicyId: aws.String("p-01234567")})
	refused(t, err, "PolicyNotFoundException", "")
	must(w.c.UpdatePolicy(ctx, &sdk.UpdatePolicyInput{PolicyId: &p, Name: aws.String("renamed"), Description: aws.String("new")}))(t)
	got := must(w.c.DescribePolicy(ctx, &sdk.DescribePolicyInput{PolicyId: &p}))(t).Policy
	equal(t, "policy", *got.PolicySummary.Name+*got.PolicySummary.Description+*got.Content, "renamednew"+allowAll)
	w.detach(t, p, unit)
	must(w.c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyId: &p}))(t)
	left := must(w.c.ListPolicies(ctx, &sdk.ListPoliciesInput{Filter: scp}))(t).Policies
	equal(t, "policies left", len(left), 5)
	_, err = w.c.EnablePolicyType(ctx, &sdk.EnablePolicyTypeInput{RootId: &w.root, PolicyType: scp})
	refused(t, err, "PolicyTypeAlreadyEnabledException", "")
	w.enable(t, types.PolicyTypeResourceControlPolicy)
	_, err = w.c.DetachPolicy(ctx, &sdk.DetachPolicyInput{PolicyId: aws.String("p-RCPFullAWSAccess"), TargetId: &unit})
	refused(t, err, "InvalidInputException", "NON_DETACHABLE_POLICY")
	_, err = w.c.DisablePolicyType(ctx, &sdk.DisablePolicyTypeInput{RootId: &w.root, PolicyType: types.PolicyTypeTagPolicy})
	refused(t, err, "PolicyTypeNotEnabledException", "")
}

// TestEffectivePolicy follows the examples of
// orgs_manage_policies_inheritance_mgmt.
func TestEffectivePolicy(t *testing.T) {
	const (
		up      = `{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},"tag_value":{"@@assign":["Dev","Prod"]}}}}`
		more    = `{"tags":{"costcenter":{"tag_value":{"@@append":["Test","Dev"]}}}}`
		less    = `{"tags":{"costcenter":{"tag_value":{"@@remove":["Dev"]}}}}`
		other   = `{"tags":{"costcenter":{"tag_key":{"@@assign":"COSTCENTER"}},"team":{"tag_key":{"@@assign":"Team"}}}}`
		sealed  = `{"tags":{"costcenter":{"tag_key":{"@@assign":"CostCenter","@@operators_allowed_for_child_policies":["@@none"]},"tag_value":{"@@assign":["A"],"@@operators_allowed_for_child_policies":["@@append"]}}}}`
		assigns = `{"tags":{"costcenter":{"tag_key":{"@@assign":"x"},"tag_value":{"@@assign":["B"]}}}}`
		appends = `{"tags":{"costcenter":{"tag_value":{"@@append":["B"],"@@remove":["A"]}}}}`
	)
	for name, test := range map[string]struct{ root, unit, account, want string }{
		"nothing anywhere":        {"", "", "", ""},
		"from the root alone":     {up, "", "", `{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Dev","Prod"]}}}`},
		"a child appends":         {up, more, "", `{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Dev","Prod","Test"]}}}`},
		"a grandchild removes":    {up, more, less, `{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["Prod","Test"]}}}`},
		"a child assigns":         {up, other, "", `{"tags":{"costcenter":{"tag_key":"COSTCENTER","tag_value":["Dev","Prod"]},"team":{"tag_key":"Team"}}}`},
		"assigning is forbidden":  {sealed, assigns, "", `{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["A"]}}}`},
		"appending alone allowed": {sealed, "", appends, `{"tags":{"costcenter":{"tag_key":"CostCenter","tag_value":["A","B"]}}}`},
		"only the account's own":  {"", "", other, `{"tags":{"costcenter":{"tag_key":"COSTCENTER"},"team":{"tag_key":"Team"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.enable(t, types.PolicyTypeTagPolicy)
			unit := w.unit(t, w.root, "u")
			w.invite(t, guest)
			must(w.c.MoveAccount(t.Context(), &sdk.MoveAccountInput{AccountId: aws.String(guest), SourceParentId: &w.root, DestinationParentId: &unit}))(t)
			for target, content := range map[string]string{w.root: test.root, unit: test.unit, guest: test.account} {
				if content != "" {
					w.attach(t, w.policy(t, types.PolicyTypeTagPolicy, "on "+target, content), target)
				}
			}
			// The member may ask about itself.
			out, err := w.as(rootOf(guest)).DescribeEffectivePolicy(t.Context(), &sdk.DescribeEffectivePolicyInput{PolicyType: types.EffectivePolicyTypeTagPolicy})
			if test.want == "" {
				refused(t, err, "EffectivePolicyNotFoundException", "")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			if json.Unmarshal([]byte(*out.EffectivePolicy.PolicyContent), &got) != nil || json.Unmarshal([]byte(test.want), &want) != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got  %s\nwant %s", *out.EffectivePolicy.PolicyContent, test.want)
			}
		})
	}
}
