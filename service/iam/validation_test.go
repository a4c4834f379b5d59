package iam_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// TestValidation: names, paths and numbers that IAM does not take
// (reference_iam-quotas.html#reference_iam-quotas-names).
func TestValidation(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	user := func(in sdk.CreateUserInput) error { _, err := c.CreateUser(ctx, &in); return err }
	for what, err := range map[string]error{
		"name with a space":     user(sdk.CreateUserInput{UserName: new("a b")}),
		"name with a slash":     user(sdk.CreateUserInput{UserName: new("a/b")}),
		"no name":               user(sdk.CreateUserInput{UserName: new("")}),
		"name of 65 characters": user(sdk.CreateUserInput{UserName: new(strings.Repeat("a", 65))}),
		"path without slashes":  user(sdk.CreateUserInput{UserName: new("a"), Path: new("x")}),
		"path without an end":   user(sdk.CreateUserInput{UserName: new("a"), Path: new("/x")}),
		"path that is long":     user(sdk.CreateUserInput{UserName: new("a"), Path: new("/" + strings.Repeat("x", 512) + "/")}),
		"tag key of 129":        user(sdk.CreateUserInput{UserName: new("a"), Tags: []types.Tag{{Key: new(strings.Repeat("k", 129)), Value: new("")}}}),
		"tag value of 257":      user(sdk.CreateUserInput{UserName: new("a"), Tags: []types.Tag{{Key: new("k"), Value: new(strings.Repeat("v", 257))}}}),
		"no items on a page":    func() error { _, err := c.ListUsers(ctx, &sdk.ListUsersInput{MaxItems: new(int32(0))}); return err }(),
		"1001 items on a page":  func() error { _, err := c.ListUsers(ctx, &sdk.ListUsersInput{MaxItems: new(int32(1001))}); return err }(),
		"session of an hour less one second": func() error {
			_, err := c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: new("r"), AssumeRolePolicyDocument: new(ec2Trust), MaxSessionDuration: new(int32(3599))})
			return err
		}(),
		"passwords of five characters": func() error {
			_, err := c.UpdateAccountPasswordPolicy(ctx, &sdk.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: new(int32(5))})
			return err
		}(),
	} {
		if err == nil {
			t.Errorf("%s is taken", what)
			continue
		}
		refused(t, err, "ValidationError", "")
	}
	for what, err := range map[string]error{
		"all that names may have": user(sdk.CreateUserInput{UserName: new("a+b=c,d.e@f_g-h1")}),
		"name of 64 characters":   user(sdk.CreateUserInput{UserName: new(strings.Repeat("a", 64)), Path: new("/a!b/c~/")}),
		"an empty tag value":      user(sdk.CreateUserInput{UserName: new("t"), Tags: []types.Tag{{Key: new("k"), Value: new("")}}}),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
