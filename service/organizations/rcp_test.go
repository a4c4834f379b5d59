package organizations_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	stssdk "github.com/aws/aws-sdk-go-v2/service/sts"

	apis3 "pileus/api/s3"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/policy"
	"pileus/store"
)

const (
	rcp       = types.PolicyTypeResourceControlPolicy
	denyReads = `{"Version":"2012-10-17","Statement":[{"Sid":"Sealed","Effect":"Deny","Principal":"*","Action":"s3:ListBucket","Resource":"*"}]}`
	perimeter = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:*","sts:*"],"Resource":"*",
		"Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"ORG"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}}]}`
	stranger = "333333333333"
)

func (w *world) s3(k nodetest.Keys) *s3.Client {
	return s3.NewFromConfig(w.ConfigAs(k), func(o *s3.Options) { o.UsePathStyle = true })
}

// openBucket makes a bucket that everybody may list.
func (w *world) openBucket(t *testing.T, k nodetest.Keys, name string) {
	t.Helper()
	c := w.s3(k)
	must(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}))(t)
	must(c.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: &name}))(t)
	must(c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::` + name + `","arn:aws:s3:::` + name + `/*"]}]}`)}))(t)
}

// lists tells whether a bucket can be listed, and the refusal's text.
func (w *world) lists(t *testing.T, k nodetest.Keys, bucket string) error {
	t.Helper()
	_, err := w.s3(k).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	return err
}

// TestResourceControlPoliciesBind holds what
// orgs_manage_policies_rcps_evaluation says, through the real edge: they bind
// everybody who uses a bucket of a member account, from inside or outside of
// the organization, and nobody in the management account's buckets.
func TestResourceControlPoliciesBind(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	id := w.create(t, "dev")
	unit := w.unit(t, w.root, "dev")
	must(w.c.MoveAccount(ctx, &sdk.MoveAccountInput{AccountId: &id, SourceParentId: &w.root, DestinationParentId: &unit}))(t)
	w.openBucket(t, rootOf(id), "members")
	w.openBucket(t, rootOf(account), "managers")
	org := *must(w.c.DescribeOrganization(ctx, &sdk.DescribeOrganizationInput{}))(t).Organization.Id
	inside := map[string]nodetest.Keys{
		"root of the member":              rootOf(id),
		"administrator of the member":     w.UserIn(id, "boss", nodetest.Allow("*")),
		"administrator of the management": w.User("chief", nodetest.Allow("*")),
	}
	outside := map[string]nodetest.Keys{
		"a user of another account":     w.UserIn(stranger, "bob", nodetest.Allow("*")),
		"the root of another account":   rootOf(stranger),
		"root of the guest to be asked": rootOf(guest),
	}
	const denied = "with an explicit deny in a resource control policy"
	check := func(t *testing.T, in, out string) {
		t.Helper()
		for want, callers := range map[*string]map[string]nodetest.Keys{&in: inside, &out: outside} {
			for name, k := range callers {
				err := w.lists(t, k, "members")
				if *want == "" && err != nil || *want != "" && (err == nil || !strings.Contains(err.Error(), "AccessDenied")) {
					t.Errorf("%s: %v, want %q", name, err, *want)
				}
				if err := w.lists(t, k, "managers"); err != nil {
					t.Errorf("%s in the management account's bucket: %v", name, err)
				}
			}
		}
		if err := w.lists(t, inside["root of the member"], "members"); in != "" && (err == nil || !strings.Contains(err.Error(), in)) {
			t.Errorf("the words are %v, want %s", err, in)
		}
	}
	w.enable(t, rcp)
	deny := w.policy(t, rcp, "sealed", denyReads)
	fence := w.policy(t, rcp, "perimeter", strings.ReplaceAll(perimeter, "ORG", org))
	steps := []struct {
		name    string
		do      func()
		in, out string
	}{
		{"with RCPFullAWSAccess everywhere", func() {}, "", ""},
		{"a deny on the unit", func() { w.attach(t, deny, unit) }, denied, denied},
		{"the deny is gone", func() { w.detach(t, deny, unit) }, "", ""},
		{"a deny on the root", func() { w.attach(t, deny, w.root) }, denied, denied},
		{"a perimeter on the account", func() { w.detach(t, deny, w.root); w.attach(t, fence, id) }, "", denied},
		{"the policy's text changes", func() {
			must(w.c.UpdatePolicy(ctx, &sdk.UpdatePolicyInput{PolicyId: &fence, Content: aws.String(denyReads)}))(t)
		}, denied, denied},
		{"the type is switched off", func() {
			must(w.c.DisablePolicyType(ctx, &sdk.DisablePolicyTypeInput{RootId: &w.root, PolicyType: rcp}))(t)
		}, "", ""},
		{"the account has left", func() {
			w.enable(t, rcp)
			w.attach(t, deny, w.root)
			must(w.c.RemoveAccountFromOrganization(ctx, &sdk.RemoveAccountFromOrganizationInput{AccountId: &id}))(t)
		}, "", ""},
	}
	for _, s := range steps {
		s.do()
		t.Run(s.name, func(t *testing.T) { check(t, s.in, s.out) })
	}
}

// TestResourceControlPoliciesAnonymous: callers without credentials are bound,
// service-linked roles are not, and the trace names the policy.
func TestResourceControlPoliciesAnonymous(t *testing.T) {
	w := start(t)
	id := w.create(t, "dev")
	w.openBucket(t, rootOf(id), "members")
	get := func(want int) {
		t.Helper()
		res, err := http.Get(w.Endpoint + "/members?list-type=2")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		equal(t, "anonymous listing", res.StatusCode, want)
	}
	get(http.StatusOK)
	w.enable(t, rcp)
	w.attach(t, w.policy(t, rcp, "sealed", denyReads), w.root)
	get(http.StatusForbidden)

	in := &apis3.ListObjectsV2Input{Bucket: "members"}
	boss := w.UserIn(id, "boss", nodetest.Allow("*"))
	_, err := apis3.ListObjectsV2.Call(w.As(boss).In(id, node.DefaultRegion), in)
	var refusal *cloud.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("not refused: %v", err)
	}
	text := refusal.Trace.(*policy.Trace).Text()
	for _, want := range []string{`statement 1 ("Sealed", line 1) of the resource control policy`, "policy/resource_control_policy/p-", "RCPFullAWSAccess (resource control policy, level 0) allows"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}

	role := &identity.Role{Account: id, Name: "AWSServiceRoleForTest", ID: "AROATESTTESTTESTTEST", ARN: "arn:aws:iam::" + id + ":role/aws-service-role/t/AWSServiceRoleForTest"}
	role.Inline = map[string]string{"all": nodetest.Allow("*")}
	w.Update(func(tx store.Tx) { identity.Roles.Put(tx, role) })
	p := &cloud.Principal{Kind: cloud.AssumedRole, Account: id, Name: "s", ID: role.ID + ":s", RoleARN: role.ARN, RoleName: role.Name,
		ARN: "arn:aws:sts::" + id + ":assumed-role/" + role.Name + "/s", ServiceLinked: true}
	if _, err := apis3.ListObjectsV2.Call(w.Call().As(p), in); err != nil {
		t.Errorf("a service-linked role: %v", err)
	}
}

// TestResourceControlPoliciesHoldRoles: a role of a member account trusts
// everybody, and the organization lets nobody from outside assume it.
func TestResourceControlPoliciesHoldRoles(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	id := w.create(t, "dev")
	org := *must(w.c.DescribeOrganization(ctx, &sdk.DescribeOrganizationInput{}))(t).Organization.Id
	must(iamsdk.NewFromConfig(w.ConfigAs(rootOf(id))).CreateRole(ctx, &iamsdk.CreateRoleInput{RoleName: aws.String("open"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`)}))(t)
	inside, outside := w.User("chief", nodetest.Allow("sts:AssumeRole")), w.UserIn(stranger, "bob", nodetest.Allow("sts:AssumeRole"))
	assume := func(k nodetest.Keys) error {
		_, err := stssdk.NewFromConfig(w.ConfigAs(k)).AssumeRole(ctx, &stssdk.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + id + ":role/open"), RoleSessionName: aws.String("session")})
		return err
	}
	refused(t, assume(outside), "", "")
	w.enable(t, rcp)
	w.attach(t, w.policy(t, rcp, "perimeter", strings.ReplaceAll(perimeter, "ORG", org)), w.root)
	refused(t, assume(outside), "AccessDenied", "with an explicit deny in a resource control policy")
	refused(t, assume(inside), "", "")
}
