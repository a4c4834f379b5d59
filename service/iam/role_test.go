package iam_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// trusting is a trust policy for one principal.
func trusting(kind, who string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{%q:%q},"Action":"sts:AssumeRole"}]}`, kind, who)
}

func TestRole(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	out := must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: new("Web"), Path: new("/app/"), AssumeRolePolicyDocument: new(ec2Trust),
		Description: new("serves"), MaxSessionDuration: new(int32(7200))}))(t)
	equal(t, "ARN", *out.Role.Arn, arnHead+"role/app/Web")
	equal(t, "id", (*out.Role.RoleId)[:4], "AROA")
	if escaped := *out.Role.AssumeRolePolicyDocument; !strings.HasPrefix(escaped, "%7B%22Version%22") {
		t.Errorf("the trust policy is not percent-encoded: %s", escaped)
	}
	equal(t, "trust policy", document(t, out.Role.AssumeRolePolicyDocument), ec2Trust)
	_, err := c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: new("WEB"), AssumeRolePolicyDocument: new(ec2Trust)})
	refused(t, err, "EntityAlreadyExists", "Role with name WEB already exists.")
	_, err = c.GetRole(ctx, &sdk.GetRoleInput{RoleName: new("none")})
	refused(t, err, "NoSuchEntity", "The role with name none cannot be found.")

	must(c.UpdateRole(ctx, &sdk.UpdateRoleInput{RoleName: new("Web"), Description: new("serves more"), MaxSessionDuration: new(int32(3600))}))(t)
	must(c.UpdateAssumeRolePolicy(ctx, &sdk.UpdateAssumeRolePolicyInput{RoleName: new("Web"), PolicyDocument: new(trusting("Service", "lambda.amazonaws.com"))}))(t)
	got := must(c.GetRole(ctx, &sdk.GetRoleInput{RoleName: new("web")}))(t).Role
	equal(t, "description", *got.Description, "serves more")
	equal(t, "session", *got.MaxSessionDuration, int32(3600))
	equal(t, "trust policy", document(t, got.AssumeRolePolicyDocument), trusting("Service", "lambda.amazonaws.com"))

	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: new("other"), AssumeRolePolicyDocument: new(ec2Trust)}))(t)
	under := must(c.ListRoles(ctx, &sdk.ListRolesInput{PathPrefix: new("/app/")}))(t)
	equal(t, "roles under a path", len(under.Roles), 1)
}

// TestTrustPolicy: what a trust policy may say, in AWS's words.
func TestTrustPolicy(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("alice")}))(t)
	for _, test := range []struct{ document, code, text string }{
		{`{`, "MalformedPolicyDocument", "This policy contains invalid Json"},
		{allowList, "MalformedPolicyDocument", ""},
		{trusting("AWS", arnHead+"user/bob"), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"` + arnHead + `user/bob"`},
		{trusting("AWS", arnHead+"role/none"), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"` + arnHead + `role/none"`},
		{trusting("AWS", arnHead+"group/g"), "MalformedPolicyDocument", "Invalid principal in policy"},
		{trusting("AWS", "12345"), "MalformedPolicyDocument", "Invalid principal in policy"},
		{trusting("AWS", "AIDAAAAAAAAAAAAAAAAAA"), "MalformedPolicyDocument", "Invalid principal in policy"},
		{trusting("Service", "nowhere.example.com"), "MalformedPolicyDocument", `Invalid principal in policy: "SERVICE":"nowhere.example.com"`},
		{trusting("AWS", arnHead+"user/alice"), "", ""},
		{trusting("AWS", arnHead+"root"), "", ""},
		{trusting("AWS", account), "", ""},
		{trusting("AWS", "*"), "", ""},
		{trusting("AWS", "arn:aws:iam::999999999999:role/in-an-account-elsewhere"), "", ""},
		{trusting("Service", "ecs-tasks.amazonaws.com"), "", ""},
		{trusting("Service", strings.Repeat("a", 2048)+".amazonaws.com"), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"},
	} {
		_, err := c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: new("r"), AssumeRolePolicyDocument: &test.document})
		if test.code != "" {
			refused(t, err, test.code, test.text)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.document, err)
			continue
		}
		must(c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: new("r")}))(t)
	}
}

// TestTrustIsInTheUserNotTheName: a trust policy that names a user keeps its
// unique id, which shows once the user is gone, and does not trust another
// user of the same name (reference_policies_elements_principal.html).
func TestTrustIsInTheUserNotTheName(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	id := *must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("alice")}))(t).User.UserId
	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: new("r"), AssumeRolePolicyDocument: new(trusting("AWS", arnHead+"user/alice"))}))(t)
	shown := func() string {
		return document(t, must(c.GetRole(ctx, &sdk.GetRoleInput{RoleName: new("r")}))(t).Role.AssumeRolePolicyDocument)
	}
	equal(t, "while she is there", shown(), trusting("AWS", arnHead+"user/alice"))
	must(c.UpdateUser(ctx, &sdk.UpdateUserInput{UserName: new("alice"), NewUserName: new("alicia")}))(t)
	equal(t, "renamed", shown(), trusting("AWS", arnHead+"user/alicia"))
	must(c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: new("alicia")}))(t)
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("alicia")}))(t)
	equal(t, "another of the same name", shown(), trusting("AWS", id))
}

func TestRoleInUseCannotBeDeleted(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	r, i := new("r"), new("i")
	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: r, AssumeRolePolicyDocument: new(ec2Trust)}))(t)
	must(c.CreateInstanceProfile(ctx, &sdk.CreateInstanceProfileInput{InstanceProfileName: i}))(t)
	must(c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: r, PolicyArn: new(readOnly)}))(t)
	must(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: r, PolicyName: new("p"), PolicyDocument: new(allowList)}))(t)
	must(c.AddRoleToInstanceProfile(ctx, &sdk.AddRoleToInstanceProfileInput{InstanceProfileName: i, RoleName: r}))(t)
	_, err := c.AddRoleToInstanceProfile(ctx, &sdk.AddRoleToInstanceProfileInput{InstanceProfileName: i, RoleName: r})
	refused(t, err, "LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
	_, err = c.DeleteInstanceProfile(ctx, &sdk.DeleteInstanceProfileInput{InstanceProfileName: i})
	refused(t, err, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	of := must(c.ListInstanceProfilesForRole(ctx, &sdk.ListInstanceProfilesForRoleInput{RoleName: r}))(t)
	equal(t, "profile of the role", *of.InstanceProfiles[0].Roles[0].RoleName, "r")

	remove := func() error { _, err := c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: r}); return err }
	refused(t, remove(), "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
	must(c.RemoveRoleFromInstanceProfile(ctx, &sdk.RemoveRoleFromInstanceProfileInput{InstanceProfileName: i, RoleName: r}))(t)
	refused(t, remove(), "DeleteConflict", "Cannot delete entity, must detach all policies first.")
	must(c.DetachRolePolicy(ctx, &sdk.DetachRolePolicyInput{RoleName: r, PolicyArn: new(readOnly)}))(t)
	refused(t, remove(), "DeleteConflict", "Cannot delete entity, must delete policies first.")
	must(c.DeleteRolePolicy(ctx, &sdk.DeleteRolePolicyInput{RoleName: r, PolicyName: new("p")}))(t)
	if err := remove(); err != nil {
		t.Error(err)
	}
	must(c.DeleteInstanceProfile(ctx, &sdk.DeleteInstanceProfileInput{InstanceProfileName: i}))(t)
	_, err = c.GetInstanceProfile(ctx, &sdk.GetInstanceProfileInput{InstanceProfileName: i})
	refused(t, err, "NoSuchEntity", "Instance Profile i cannot be found.")
}

func TestServiceLinkedRole(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	_, err := c.CreateServiceLinkedRole(ctx, &sdk.CreateServiceLinkedRoleInput{AWSServiceName: new("nothing.amazonaws.com")})
	refused(t, err, "InvalidInput", "nothing.amazonaws.com")
	made := must(c.CreateServiceLinkedRole(ctx, &sdk.CreateServiceLinkedRoleInput{AWSServiceName: new("autoscaling.amazonaws.com"), CustomSuffix: new("mine")}))(t).Role
	equal(t, "ARN", *made.Arn, arnHead+"role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_mine")
	_, err = c.CreateServiceLinkedRole(ctx, &sdk.CreateServiceLinkedRoleInput{AWSServiceName: new("autoscaling.amazonaws.com"), CustomSuffix: new("mine")})
	refused(t, err, "InvalidInput", "has been taken in this account, please try a different suffix.")
	_, err = c.CreateServiceLinkedRole(ctx, &sdk.CreateServiceLinkedRoleInput{AWSServiceName: new("rds.amazonaws.com"), CustomSuffix: new("mine")})
	refused(t, err, "InvalidInput", "Custom suffix is not allowed for rds.amazonaws.com")
	has := must(c.ListAttachedRolePolicies(ctx, &sdk.ListAttachedRolePoliciesInput{RoleName: made.RoleName}))(t)
	equal(t, "policy", *has.AttachedPolicies[0].PolicyArn, "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy")

	protected := "Cannot perform the operation on the protected role 'AWSServiceRoleForAutoScaling_mine' - this role is only modifiable by AWS"
	_, err = c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: made.RoleName})
	refused(t, err, "UnmodifiableEntity", protected)
	_, err = c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: made.RoleName, PolicyArn: new(admin)})
	refused(t, err, "UnmodifiableEntity", protected)
	_, err = c.UpdateAssumeRolePolicy(ctx, &sdk.UpdateAssumeRolePolicyInput{RoleName: made.RoleName, PolicyDocument: new(ec2Trust)})
	refused(t, err, "UnmodifiableEntity", protected)
	_, err = c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: new("x"), Path: new("/aws-service-role/rds.amazonaws.com/"), AssumeRolePolicyDocument: new(ec2Trust)})
	refused(t, err, "ValidationError", "reserved")
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
	_, err = c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: new("u"), PolicyArn: has.AttachedPolicies[0].PolicyArn})
	refused(t, err, "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.")

	task := must(c.DeleteServiceLinkedRole(ctx, &sdk.DeleteServiceLinkedRoleInput{RoleName: made.RoleName}))(t).DeletionTaskId
	state := func() types.DeletionTaskStatusType {
		return must(c.GetServiceLinkedRoleDeletionStatus(ctx, &sdk.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: task}))(t).Status
	}
	equal(t, "task", state(), types.DeletionTaskStatusTypeInProgress)
	w.Advance(time.Minute)
	equal(t, "task later", state(), types.DeletionTaskStatusTypeSucceeded)
	_, err = c.GetRole(ctx, &sdk.GetRoleInput{RoleName: made.RoleName})
	refused(t, err, "NoSuchEntity", "")
	_, err = c.GetServiceLinkedRoleDeletionStatus(ctx, &sdk.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: aws.String("task/aws-service-role/rds.amazonaws.com/x/11111111-1111-1111-1111-111111111111")})
	refused(t, err, "NoSuchEntity", "")
}
