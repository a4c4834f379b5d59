package wire

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"pileus/api/cloudwatch"
	"pileus/api/dynamodb"
	"pileus/api/ec2"
	"pileus/api/iam"
	"pileus/api/organizations"
	"pileus/api/s3"
	"pileus/api/s3control"
	"pileus/api/sqs"
	"pileus/api/sts"
	"pileus/cloud"
)

func TestValidate(t *testing.T) {
	long := strings.Repeat("a", 65)
	for _, c := range []struct {
		name string
		op   *cloud.OpInfo
		in   any
		want string // code and message, "" for valid
	}{
		{"valid", &iam.CreateUser.OpInfo, &iam.CreateUserInput{UserName: "alice"}, ""},
		{"too short", &iam.CreateUser.OpInfo, &iam.CreateUserInput{},
			"ValidationError: 2 validation errors detected: " +
				`Value '' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+; ` +
				"Value '' at 'userName' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"too long", &iam.CreateUser.OpInfo, &iam.CreateUserInput{UserName: long},
			"ValidationError: 1 validation error detected: Value '" + long + "' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"pattern", &iam.CreateUser.OpInfo, &iam.CreateUserInput{UserName: "a b"},
			`ValidationError: 1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+`},
		{"member of a list", &iam.TagUser.OpInfo, &iam.TagUserInput{UserName: "alice", Tags: []iam.Tag{{Key: "k", Value: ""}, {Key: "", Value: "v"}}},
			"ValidationError: 2 validation errors detected: " +
				`Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+; ` +
				"Value '' at 'tags.2.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"required list", &iam.TagUser.OpInfo, &iam.TagUserInput{UserName: "alice"},
			"ValidationError: 1 validation error detected: Value null at 'tags' failed to satisfy constraint: Member must not be null"},
		{"enum", &iam.UpdateAccessKey.OpInfo, &iam.UpdateAccessKeyInput{AccessKeyId: "AKIA0000000000000000", Status: "On"},
			"ValidationError: 1 validation error detected: Value 'On' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive, Expired]"},
		{"range", &iam.ListUsers.OpInfo, &iam.ListUsersInput{MaxItems: new(int32(1001))},
			"ValidationError: 1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		{"secret", &iam.ChangePassword.OpInfo, &iam.ChangePasswordInput{OldPassword: "old", NewPassword: "\x00"},
			`ValidationError: 1 validation error detected: Value at 'newPassword' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+`},
		{"json service", &organizations.DescribeAccount.OpInfo, &organizations.DescribeAccountInput{AccountId: "1"},
			`ValidationException: 1 validation error detected: Value '1' at 'accountId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^\d{12}$`},
		{"elements of a list", &sts.GetWebIdentityToken.OpInfo, &sts.GetWebIdentityTokenInput{Audience: []string{""}, SigningAlgorithm: "RS256"},
			"ValidationError: 1 validation error detected: Value '[]' at 'audience' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 1000, Member must have length greater than or equal to 1]"},
		{"look-ahead", &iam.CreateAccountAlias.OpInfo, &iam.CreateAccountAliasInput{AccountAlias: "a--b"},
			`ValidationError: 1 validation error detected: Value 'a--b' at 'accountAlias' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`},
		{"S3 checks for itself", &s3.PutObject.OpInfo, &s3.PutObjectInput{}, ""},
		{"SQS too", &sqs.CreateQueue.OpInfo, &sqs.CreateQueueInput{}, ""},
	} {
		got := ""
		if err := Validate(c.op, c.in); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestValidateCounts(t *testing.T) {
	var e *cloud.Error
	err := Validate(&iam.CreateUser.OpInfo, &iam.CreateUserInput{UserName: "a b", Path: new("x")})
	if !errors.As(err, &e) || e.Status != 400 || !strings.HasPrefix(e.Message, "2 validation errors detected: ") {
		t.Errorf("%v", err)
	}
}

// Every pattern that a tag names must be one that Go can check; otherwise it
// would hold for every value, unnoticed.
func TestPatterns(t *testing.T) {
	seen := 0
	for _, svc := range []*cloud.Service{&iam.Service, &sts.Service, &organizations.Service, &s3.Service, &s3control.Service,
		&sqs.Service, &dynamodb.Service, &ec2.Service, &cloudwatch.Service} {
		src, err := os.ReadFile("../api/" + svc.Name + "/constraints.go")
		if err != nil {
			t.Fatal(err)
		}
		_, patterns, _ := strings.Cut(string(src), "func pattern(")
		for _, m := range regexp.MustCompile(`case "(\w+)":`).FindAllStringSubmatch(patterns, -1) {
			seen++
			r := &rule{pattern: m[1]}
			if c := r.compiled(svc); c.re == nil && c.slow == nil {
				t.Errorf("%s.%s: Go cannot compile %q", svc.Name, m[1], c.source)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d patterns found", seen)
	}
}

func TestToken(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{&ec2.RunInstancesInput{ClientToken: new("abc")}, "abc"},
		{&ec2.RunInstancesInput{}, ""},
		{&iam.CreateUserInput{UserName: "abc"}, ""},
	} {
		if got, ok := Token(c.in); got != c.want || ok != (c.want != "") {
			t.Errorf("%T: %q %v", c.in, got, ok)
		}
	}
}

// EC2 tells of one violation at a time, in words of its own.
func TestValidateEC2(t *testing.T) {
	for _, c := range []struct {
		in   *ec2.CreateVpcInput
		want string
	}{
		{&ec2.CreateVpcInput{InstanceTenancy: new("shared")}, "InvalidParameterValue: Invalid value 'shared' for InstanceTenancy."},
		{&ec2.CreateVpcInput{InstanceTenancy: new("dedicated")}, ""},
	} {
		err := Validate(&ec2.CreateVpc.OpInfo, c.in)
		if got := fmt.Sprint(err); got != c.want && (err != nil || c.want != "") {
			t.Errorf("%+v: %s, want %s", c.in, got, c.want)
		}
	}
}
