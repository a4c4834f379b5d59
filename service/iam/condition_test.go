package iam_test

import (
	"fmt"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// TestConditionKeys: the keys of IAM's own that policies go by, each with a
// request that it lets through and one that it does not
// (list_identityandaccessmanagement.html).
func TestConditionKeys(t *testing.T) {
	tagged := []types.Tag{{Key: new("team"), Value: new("blue")}}
	for _, test := range []struct {
		name, action, condition string
		good, bad               func(*testing.T, *sdk.Client) error
	}{
		{"iam:PolicyARN", "iam:AttachUserPolicy", `"ArnEquals":{"iam:PolicyARN":"` + readOnly + `"}`,
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.AttachUserPolicy(t.Context(), &sdk.AttachUserPolicyInput{UserName: new("u"), PolicyArn: new(readOnly)})
				return err
			},
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.AttachUserPolicy(t.Context(), &sdk.AttachUserPolicyInput{UserName: new("u"), PolicyArn: new(admin)})
				return err
			}},
		{"iam:PermissionsBoundary of the request", "iam:CreateUser", `"StringEquals":{"iam:PermissionsBoundary":"` + readOnly + `"}`,
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.CreateUser(t.Context(), &sdk.CreateUserInput{UserName: new("new"), PermissionsBoundary: new(readOnly)})
				return err
			},
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.CreateUser(t.Context(), &sdk.CreateUserInput{UserName: new("free")})
				return err
			}},
		{"iam:PermissionsBoundary of the user", "iam:PutUserPolicy", `"StringEquals":{"iam:PermissionsBoundary":"` + readOnly + `"}`,
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.PutUserPolicy(t.Context(), &sdk.PutUserPolicyInput{UserName: new("bounded"), PolicyName: new("p"), PolicyDocument: new(allowList)})
				return err
			},
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.PutUserPolicy(t.Context(), &sdk.PutUserPolicyInput{UserName: new("u"), PolicyName: new("p"), PolicyDocument: new(allowList)})
				return err
			}},
		{"aws:RequestTag", "iam:TagUser", `"StringEquals":{"aws:RequestTag/team":"blue"}`,
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.TagUser(t.Context(), &sdk.TagUserInput{UserName: new("u"), Tags: tagged})
				return err
			},
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.TagUser(t.Context(), &sdk.TagUserInput{UserName: new("u"), Tags: []types.Tag{{Key: new("team"), Value: new("red")}}})
				return err
			}},
		{"aws:TagKeys", "iam:UntagUser", `"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}`,
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.UntagUser(t.Context(), &sdk.UntagUserInput{UserName: new("bounded"), TagKeys: []string{"team"}})
				return err
			},
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.UntagUser(t.Context(), &sdk.UntagUserInput{UserName: new("bounded"), TagKeys: []string{"team", "owner"}})
				return err
			}},
		{"iam:ResourceTag", "iam:CreateAccessKey", `"StringEquals":{"iam:ResourceTag/team":"blue"}`,
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.CreateAccessKey(t.Context(), &sdk.CreateAccessKeyInput{UserName: new("bounded")})
				return err
			},
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.CreateAccessKey(t.Context(), &sdk.CreateAccessKeyInput{UserName: new("u")})
				return err
			}},
		{"aws:ResourceTag", "iam:CreateAccessKey", `"StringEquals":{"aws:ResourceTag/team":"blue"}`,
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.CreateAccessKey(t.Context(), &sdk.CreateAccessKeyInput{UserName: new("bounded")})
				return err
			},
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.CreateAccessKey(t.Context(), &sdk.CreateAccessKeyInput{UserName: new("u")})
				return err
			}},
		{"iam:AWSServiceName", "iam:CreateServiceLinkedRole", `"StringLike":{"iam:AWSServiceName":"rds.*"}`,
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.CreateServiceLinkedRole(t.Context(), &sdk.CreateServiceLinkedRoleInput{AWSServiceName: new("rds.amazonaws.com")})
				return err
			},
			func(t *testing.T, c *sdk.Client) error {
				_, err := c.CreateServiceLinkedRole(t.Context(), &sdk.CreateServiceLinkedRoleInput{AWSServiceName: new("ecs.amazonaws.com")})
				return err
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, c := world(t)
			ctx := t.Context()
			must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("u")}))(t)
			must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: new("bounded"), PermissionsBoundary: new(readOnly), Tags: tagged}))(t)
			as := client(w.ConfigAs(w.User("caller", fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%q,"Resource":"*","Condition":{%s}}]}`, test.action, test.condition))))
			refused(t, test.bad(t, as), "AccessDenied", test.action)
			if err := test.good(t, as); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPassRole: a role gets into an instance profile only by who may pass it
// to EC2.
func TestPassRole(t *testing.T) {
	w, c := world(t)
	ctx := t.Context()
	for _, name := range []string{"ours", "theirs"} {
		must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(ec2Trust)}))(t)
	}
	must(c.CreateInstanceProfile(ctx, &sdk.CreateInstanceProfileInput{InstanceProfileName: new("i")}))(t)
	as := client(w.ConfigAs(w.User("caller", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:AddRoleToInstanceProfile","Resource":"*"},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"`+arnHead+`role/ours","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}]}`)))
	_, err := as.AddRoleToInstanceProfile(ctx, &sdk.AddRoleToInstanceProfileInput{InstanceProfileName: new("i"), RoleName: new("theirs")})
	refused(t, err, "AccessDenied", "is not authorized to perform: iam:PassRole on resource: "+arnHead+"role/theirs")
	must(as.AddRoleToInstanceProfile(ctx, &sdk.AddRoleToInstanceProfileInput{InstanceProfileName: new("i"), RoleName: new("ours")}))(t)
}
