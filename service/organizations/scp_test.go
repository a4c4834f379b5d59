package organizations_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"

	"pileus/node"
	"pileus/node/nodetest"
)

// TestServiceControlPoliciesBind holds what orgs_manage_policies_scps_evaluation
// says, through the real edge: a unit's policies bind the administrators and
// the root user of the accounts in it, and never the management account.
func TestServiceControlPoliciesBind(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	id := w.create(t, "dev")
	unit := w.unit(t, w.root, "dev")
	must(w.c.MoveAccount(ctx, &sdk.MoveAccountInput{AccountId: &id, SourceParentId: &w.root, DestinationParentId: &unit}))(t)
	everybody := map[string]nodetest.Keys{
		"root of the member":              rootOf(id),
		"administrator of the member":     w.UserIn(id, "boss", nodetest.Allow("*")),
		"the access role's session":       must(w.enter(t, id, "OrganizationAccountAccessRole"))(t),
		"root of the management account":  {AccessKey: node.DefaultKey, Secret: node.DefaultSecret},
		"administrator of the management": w.User("chief", nodetest.Allow("*")),
	}
	check := func(t *testing.T, text string) {
		t.Helper()
		for name, k := range everybody {
			if err := listUsers(t, w, k); strings.Contains(name, "management") || text == "" {
				refused(t, err, "", "")
			} else {
				refused(t, err, "AccessDenied", text)
			}
		}
	}
	deny := w.policy(t, scp, "no-iam", denyIAM)
	narrow := w.policy(t, scp, "s3-only", strings.ReplaceAll(allowAll, `"Action":"*"`, `"Action":"s3:*"`))
	_, err := w.c.AttachPolicy(ctx, &sdk.AttachPolicyInput{PolicyId: &deny, TargetId: &unit})
	refused(t, err, "PolicyTypeNotEnabledException", "")
	w.enable(t, scp)

	steps := []struct {
		name string
		do   func()
		text string // of the refusals; empty: everybody may
	}{
		{"with FullAWSAccess everywhere", func() {}, ""},
		{"a deny on the unit", func() { w.attach(t, deny, unit) }, "with an explicit deny in a service control policy"},
		{"the deny is gone", func() { w.detach(t, deny, unit) }, ""},
		{"a deny on the account", func() { w.attach(t, deny, id) }, "with an explicit deny in a service control policy"},
		{"a deny on the root", func() { w.detach(t, deny, id); w.attach(t, deny, w.root) }, "with an explicit deny in a service control policy"},
		{"without FullAWSAccess on the unit", func() {
			w.detach(t, deny, w.root)
			w.attach(t, narrow, unit)
			w.detach(t, "p-FullAWSAccess", unit)
		}, "because no service control policy allows the iam:ListUsers action"},
		{"the account moves away", func() {
			must(w.c.MoveAccount(ctx, &sdk.MoveAccountInput{AccountId: &id, SourceParentId: &unit, DestinationParentId: &w.root}))(t)
		}, ""},
		{"the policy's text changes", func() {
			w.attach(t, narrow, id)
			must(w.c.UpdatePolicy(ctx, &sdk.UpdatePolicyInput{PolicyId: &narrow, Content: aws.String(denyIAM)}))(t)
		}, "with an explicit deny in a service control policy"},
		{"the type is switched off", func() {
			must(w.c.DisablePolicyType(ctx, &sdk.DisablePolicyTypeInput{RootId: &w.root, PolicyType: scp}))(t)
		}, ""},
		{"and on again, which begins anew", func() { w.enable(t, scp) }, ""},
		{"the account has left", func() {
			w.attach(t, deny, w.root)
			must(w.c.RemoveAccountFromOrganization(ctx, &sdk.RemoveAccountFromOrganizationInput{AccountId: &id}))(t)
		}, ""},
	}
	for _, s := range steps {
		s.do()
		t.Run(s.name, func(t *testing.T) { check(t, s.text) })
	}
}
