package iam_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func TestUser(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	out := must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("Alice"), Path: aws.String("/staff/"),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}}))(t)
	equal(t, "ARN", *out.User.Arn, arnHead+"user/staff/Alice")
	equal(t, "id", (*out.User.UserId)[:4], "AIDA")
	equal(t, "length of id", len(*out.User.UserId), 21)
	_, err := c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("alice")})
	refused(t, err, "EntityAlreadyExists", "User with name alice already exists.")
	_, err = c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String("no spaces")})
	refused(t, err, "ValidationError", "userName")
	_, err = c.GetUser(ctx, &sdk.GetUserInput{UserName: aws.String("bob")})
	refused(t, err, "NoSuchEntity", "The user with name bob cannot be found.")

	must(c.UpdateUser(ctx, &sdk.UpdateUserInput{UserName: aws.String("Alice"), NewUserName: aws.String("Alicia"), NewPath: aws.String("/")}))(t)
	got := must(c.GetUser(ctx, &sdk.GetUserInput{UserName: aws.String("Alicia")}))(t)
	equal(t, "new ARN", *got.User.Arn, arnHead+"user/Alicia")
	equal(t, "same id", *got.User.UserId, *out.User.UserId)
	equal(t, "tag kept", *got.User.Tags[0].Value, "blue")
	root := must(c.GetUser(ctx, &sdk.GetUserInput{}))(t)
	equal(t, "root", *root.User.Arn, arnHead+"root")
	must(c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: aws.String("Alicia")}))(t)
	_, err = c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: aws.String("Alicia")})
	refused(t, err, "NoSuchEntity", "The user with name Alicia cannot be found.")
}

func TestListUsersPages(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	for i := range 7 {
		path := "/"
		if i%2 == 1 {
			path = "/odd/"
		}
		must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: aws.String(fmt.Sprintf("u%d", i)), Path: &path}))(t)
	}
	var names []string
	p := sdk.NewListUsersPaginator(c, &sdk.ListUsersInput{MaxItems: aws.Int32(3)})
	for pages := 1; p.HasMorePages(); pages++ {
		out := must(p.NextPage(ctx))(t)
		equal(t, "truncated", out.IsTruncated, pages < 3)
		for _, u := range out.Users {
			names = append(names, *u.UserName)
		}
	}
	equal(t, "all", fmt.Sprint(names), "[u0 u1 u2 u3 u4 u5 u6]")
	odd := must(c.ListUsers(ctx, &sdk.ListUsersInput{PathPrefix: aws.String("/odd/")}))(t)
	equal(t, "under a path", len(odd.Users), 3)
	_, err := c.ListUsers(ctx, &sdk.ListUsersInput{Marker: aws.String("!")})
	refused(t, err, "ValidationError", "Marker")
}

func TestUserInUseCannotBeDeleted(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	name := aws.String("u")
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: name}))(t)
	must(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("g")}))(t)
	var key string
	steps := []struct {
		name, message string
		do, undo      func() error
	}{
		{"attached policy", "must detach all policies first.", func() error {
			_, err := c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: name, PolicyArn: aws.String(admin)})
			return err
		}, func() error {
			_, err := c.DetachUserPolicy(ctx, &sdk.DetachUserPolicyInput{UserName: name, PolicyArn: aws.String(admin)})
			return err
		}},
		{"inline policy", "must delete policies first.", func() error {
			_, err := c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(allowList)})
			return err
		}, func() error {
			_, err := c.DeleteUserPolicy(ctx, &sdk.DeleteUserPolicyInput{UserName: name, PolicyName: aws.String("p")})
			return err
		}},
		{"group", "must remove users from group first.", func() error {
			_, err := c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{UserName: name, GroupName: aws.String("g")})
			return err
		}, func() error {
			_, err := c.RemoveUserFromGroup(ctx, &sdk.RemoveUserFromGroupInput{UserName: name, GroupName: aws.String("g")})
			return err
		}},
		{"access key", "must delete access keys first.", func() error {
			out, err := c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: name})
			if err == nil {
				key = *out.AccessKey.AccessKeyId
			}
			return err
		}, func() error {
			_, err := c.DeleteAccessKey(ctx, &sdk.DeleteAccessKeyInput{UserName: name, AccessKeyId: &key})
			return err
		}},
		{"password", "must delete login profile first.", func() error {
			_, err := c.CreateLoginProfile(ctx, &sdk.CreateLoginProfileInput{UserName: name, Password: aws.String("Correct-Horse-7")})
			return err
		}, func() error {
			_, err := c.DeleteLoginProfile(ctx, &sdk.DeleteLoginProfileInput{UserName: name})
			return err
		}},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		_, err := c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: name})
		refused(t, err, "DeleteConflict", s.message)
		if err := s.undo(); err != nil {
			t.Fatalf("undo %s: %v", s.name, err)
		}
	}
	must(c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: name}))(t)
}

func TestGroup(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	must(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("dev"), Path: aws.String("/eng/")}))(t)
	_, err := c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: aws.String("DEV")})
	refused(t, err, "EntityAlreadyExists", "Group with name DEV already exists.")
	for i := range 3 {
		u := aws.String(fmt.Sprintf("u%d", i))
		must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: u}))(t)
		must(c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: aws.String("dev"), UserName: u}))(t)
	}
	must(c.UpdateGroup(ctx, &sdk.UpdateGroupInput{GroupName: aws.String("dev"), NewGroupName: aws.String("devs")}))(t)
	g := must(c.GetGroup(ctx, &sdk.GetGroupInput{GroupName: aws.String("devs"), MaxItems: aws.Int32(2)}))(t)
	equal(t, "ARN", *g.Group.Arn, arnHead+"group/eng/devs")
	equal(t, "members on the first page", len(g.Users), 2)
	g = must(c.GetGroup(ctx, &sdk.GetGroupInput{GroupName: aws.String("devs"), Marker: g.Marker}))(t)
	equal(t, "members on the second page", len(g.Users), 1)
	of := must(c.ListGroupsForUser(ctx, &sdk.ListGroupsForUserInput{UserName: aws.String("u1")}))(t)
	equal(t, "group of a member", *of.Groups[0].GroupName, "devs")
	_, err = c.DeleteGroup(ctx, &sdk.DeleteGroupInput{GroupName: aws.String("devs")})
	refused(t, err, "DeleteConflict", "must remove users from group first.")
	equal(t, "groups", len(must(c.ListGroups(ctx, &sdk.ListGroupsInput{}))(t).Groups), 1)

	u := aws.String("busy")
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: u}))(t)
	for i := range 11 {
		name := aws.String(fmt.Sprintf("g%d", i))
		must(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: name}))(t)
		_, err = c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: name, UserName: u})
		if i < 10 && err != nil {
			t.Fatal(err)
		}
	}
	refused(t, err, "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10")
}

func TestTags(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	u := aws.String("u")
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: u}))(t)
	tag := func(kv ...string) error {
		var tags []types.Tag
		for i := 0; i < len(kv); i += 2 {
			tags = append(tags, types.Tag{Key: &kv[i], Value: &kv[i+1]})
		}
		_, err := c.TagUser(ctx, &sdk.TagUserInput{UserName: u, Tags: tags})
		return err
	}
	if err := tag("Team", "a", "Cost", "1"); err != nil {
		t.Fatal(err)
	}
	if err := tag("team", "b"); err != nil {
		t.Fatal(err)
	}
	refused(t, tag("x", "1", "X", "2"), "InvalidInput", "Duplicate tag keys found")
	refused(t, tag("aws:x", "1"), "InvalidInput", "reserved")
	refused(t, tag("x!", "1"), "ValidationError", "")
	got := must(c.ListUserTags(ctx, &sdk.ListUserTagsInput{UserName: u}))(t)
	equal(t, "tags", *got.Tags[0].Key+" "+*got.Tags[0].Value+" "+*got.Tags[1].Key, "team b Cost")
	must(c.UntagUser(ctx, &sdk.UntagUserInput{UserName: u, TagKeys: []string{"TEAM"}}))(t)
	equal(t, "after untagging", len(must(c.ListUserTags(ctx, &sdk.ListUserTagsInput{UserName: u}))(t).Tags), 1)
	for i := range 49 {
		if err := tag(fmt.Sprintf("k%d", i), ""); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, tag("one", "more"), "LimitExceeded", "")
}
