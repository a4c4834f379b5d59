package s3_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"pileus/node/nodetest"
)

func statement(effect, principal, action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":%q,"Principal":%s,"Action":%q,"Resource":%q}]}`, effect, principal, action, resource)
}

// What S3 says of policies that it does not take.
func TestPolicyIsChecked(t *testing.T) {
	s := newStage(t)
	b := s.bucket("checked")
	for _, test := range []struct{ policy, text string }{
		{`x`, "Policies must be valid JSON and the first byte must be '{'"},
		{`{`, "This policy contains invalid Json"},
		{statement("Allow", `"*"`, "s3:GetObject", "arn:aws:s3:::other/*"), "Policy has invalid resource"},
		{statement("Allow", `"*"`, "s3:GetObject", "arn:aws:s3:::*"), "Policy has invalid resource"},
		{statement("Allow", `"*"`, "s3:GetObject", "*"), "Policy has invalid resource"},
		{statement("Allow", `"*"`, "s3:GetObject", "arn:aws:s3:::checked"), "Action does not apply to any resource(s) in statement"},
		{statement("Allow", `"*"`, "s3:ListBucket", "arn:aws:s3:::checked/*"), "Action does not apply to any resource(s) in statement"},
		{statement("Allow", `"*"`, "s3:FlyToTheMoon", "arn:aws:s3:::checked"), "Policy has invalid action"},
		{statement("Allow", `"*"`, "ec2:RunInstances", "arn:aws:s3:::checked"), "Policy has invalid action"},
		{statement("Allow", `{"AWS":"arn:aws:iam::000000000000:user/nobody"}`, "s3:GetObject", "arn:aws:s3:::checked/*"), "Invalid principal in policy"},
		{statement("Allow", `{"AWS":"999999999999"}`, "s3:GetObject", "arn:aws:s3:::checked/*"), "Invalid principal in policy"},
		{statement("Allow", `{"AWS":"000000000000"}`, "s3:GetObject", "arn:aws:s3:::checked/"+strings.Repeat("x", 21000)), "Policy exceeds the maximum allowed document size."},
	} {
		_, err := s.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &test.policy})
		if code(err) != "MalformedPolicy" || !strings.Contains(fmt.Sprint(err), test.text) {
			t.Errorf("%.120s\n\t%v, want %s", test.policy, err, test.text)
		}
	}
	wantCode(t, "AccessDenied")(s.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: new(statement("Allow", `"*"`, "s3:GetObject", "arn:aws:s3:::checked/*"))}))
	wantCode(t, "NoSuchBucketPolicy")(s.GetBucketPolicy(t.Context(), &sdk.GetBucketPolicyInput{Bucket: &b}))
}

// A policy counts at once, for the account's users and for everyone.
func TestPolicyGrantsAndDenies(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	alice := s.User("alice", "")
	a := client(s.ConfigAs(alice))
	b := s.open("shared")
	s.put(b, "x", "content")
	get := &sdk.GetObjectInput{Bucket: &b, Key: new("x")}
	wantCode(t, "AccessDenied")(a.GetObject(ctx, get))
	text := statement("Allow", `{"AWS":"`+alice.Principal.ARN+`"}`, "s3:GetObject", "arn:aws:s3:::shared/*")
	must(t)(s.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &text}))
	must(t)(a.GetObject(ctx, get))
	out, err := s.GetBucketPolicy(ctx, &sdk.GetBucketPolicyInput{Bucket: &b})
	must(t)(out, err)
	if *out.Policy != text {
		t.Errorf("policy is %s", *out.Policy)
	}
	status, err := s.GetBucketPolicyStatus(ctx, &sdk.GetBucketPolicyStatusInput{Bucket: &b})
	must(t)(status, err)
	if *status.PolicyStatus.IsPublic {
		t.Error("a policy for one user is public")
	}
	if resp, _ := s.fetch("GET", "", "/shared/x"); resp.StatusCode != 403 {
		t.Errorf("anonymous: %s", resp.Status)
	}
	must(t)(s.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: &b, Policy: new(statement("Allow", `"*"`, "s3:GetObject", "arn:aws:s3:::shared/*"))}))
	if status, err = s.GetBucketPolicyStatus(ctx, &sdk.GetBucketPolicyStatusInput{Bucket: &b}); err != nil || !*status.PolicyStatus.IsPublic {
		t.Errorf("status of a policy for everyone: %+v, %v", status, err)
	}
	if resp, body := s.fetch("GET", "", "/shared/x"); resp.StatusCode != 200 || body != "content" {
		t.Errorf("anonymous: %s", resp.Status)
	}
	// RestrictPublicBuckets leaves it to the account.
	must(t)(s.PutPublicAccessBlock(ctx, &sdk.PutPublicAccessBlockInput{Bucket: &b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{RestrictPublicBuckets: new(true)}}))
	if resp, _ := s.fetch("GET", "", "/shared/x"); resp.StatusCode != 403 {
		t.Errorf("anonymous in a restricted bucket: %s", resp.Status)
	}
	must(t)(a.GetObject(ctx, get))
	// A policy that denies everyone does not lock out the account's root.
	must(t)(s.PutBucketPolicy(ctx, &sdk.PutBucketPolicyInput{Bucket: &b, Policy: new(statement("Deny", `"*"`, "s3:*", "arn:aws:s3:::shared"))}))
	wantCode(t, "AccessDenied")(s.GetBucketVersioning(ctx, &sdk.GetBucketVersioningInput{Bucket: &b}))
	must(t)(s.DeleteBucketPolicy(ctx, &sdk.DeleteBucketPolicyInput{Bucket: &b}))
	must(t)(s.GetBucketVersioning(ctx, &sdk.GetBucketVersioningInput{Bucket: &b}))
}

// A policy can name an account by the canonical user id that ListBuckets shows,
// also an account that its 12-digit access key has just made.
func TestPolicyOfCanonicalUser(t *testing.T) {
	s := newStage(t)
	b := s.bucket("canonical")
	s.put(b, "x", "1")
	c := s.Config()
	c.Credentials = credentials.NewStaticCredentialsProvider("222233334444", "test", "")
	other := client(c)
	get := &sdk.GetObjectInput{Bucket: &b, Key: new("x")}
	wantCode(t, "AccessDenied")(other.GetObject(t.Context(), get))
	out, err := other.ListBuckets(t.Context(), &sdk.ListBucketsInput{})
	must(t)(out, err)
	policy := statement("Allow", `{"CanonicalUser":"`+*out.Owner.ID+`"}`, "s3:GetObject", "arn:aws:s3:::canonical/*")
	must(t)(s.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &policy}))
	must(t)(other.GetObject(t.Context(), get))
	unknown := strings.ReplaceAll(policy, *out.Owner.ID, strings.Repeat("0", 64))
	wantCode(t, "MalformedPolicy")(s.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &unknown}))
}

// Canned ACLs, grants and what each gives to whom.
func TestACLs(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b := s.open("acls")
	other := client(s.ConfigAs(s.UserIn("111122223333", "bob", nodetest.Allow("s3:*"))))
	me, err := s.GetBucketAcl(ctx, &sdk.GetBucketAclInput{Bucket: &b})
	must(t)(me, err)
	bob, err := other.ListBuckets(ctx, &sdk.ListBucketsInput{})
	must(t)(bob, err)

	s.put(b, "private", "1")
	s.put(b, "public", "2", func(in *sdk.PutObjectInput) { in.ACL = types.ObjectCannedACLPublicRead })
	s.put(b, "known", "3", func(in *sdk.PutObjectInput) { in.ACL = types.ObjectCannedACLAuthenticatedRead })
	s.put(b, "bob", "4", func(in *sdk.PutObjectInput) { in.GrantRead = aws.String(`id="` + *bob.Owner.ID + `"`) })
	for key, want := range map[string]struct{ anonymous, bob bool }{
		"private": {false, false}, "public": {true, true}, "known": {false, true}, "bob": {false, true},
	} {
		if resp, _ := s.fetch("GET", "", "/acls/"+key); (resp.StatusCode == 200) != want.anonymous {
			t.Errorf("%s, anonymous: %s", key, resp.Status)
		}
		if _, err := other.GetObject(ctx, &sdk.GetObjectInput{Bucket: &b, Key: &key}); (err == nil) != want.bob {
			t.Errorf("%s, bob: %v", key, err)
		}
	}
	acl, err := s.GetObjectAcl(ctx, &sdk.GetObjectAclInput{Bucket: &b, Key: new("public")})
	must(t)(acl, err)
	if len(acl.Grants) != 2 || *acl.Grants[1].Grantee.URI != "http://acs.amazonaws.com/groups/global/AllUsers" || acl.Grants[1].Permission != types.PermissionRead {
		t.Errorf("grants of public-read: %+v", acl.Grants)
	}
	must(t)(s.PutObjectAcl(ctx, &sdk.PutObjectAclInput{Bucket: &b, Key: new("public"), ACL: types.ObjectCannedACLPrivate}))
	if resp, _ := s.fetch("GET", "", "/acls/public"); resp.StatusCode != 403 {
		t.Errorf("after private: %s", resp.Status)
	}
	// A bucket's READ is leave to list it.
	wantCode(t, "AccessDenied")(other.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: &b}))
	must(t)(s.PutBucketAcl(ctx, &sdk.PutBucketAclInput{Bucket: &b, AccessControlPolicy: &types.AccessControlPolicy{Owner: me.Owner, Grants: []types.Grant{
		{Grantee: &types.Grantee{Type: types.TypeCanonicalUser, ID: bob.Owner.ID}, Permission: types.PermissionRead},
	}}}))
	must(t)(other.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: &b}))

	wantCode(t, "InvalidArgument")(s.PutBucketAcl(ctx, &sdk.PutBucketAclInput{Bucket: &b, GrantRead: new(`id="0000"`)}))
	wantCode(t, "InvalidRequest")(s.PutBucketAcl(ctx, &sdk.PutBucketAclInput{Bucket: &b, ACL: types.BucketCannedACLPrivate, GrantRead: new(`id="` + *bob.Owner.ID + `"`)}))
	wantCode(t, "UnresolvableGrantByEmailAddress")(s.PutBucketAcl(ctx, &sdk.PutBucketAclInput{Bucket: &b, GrantRead: new(`emailAddress="no@example.com"`)}))
	wantCode(t, "InvalidBucketAclWithObjectOwnership")(s.PutBucketOwnershipControls(ctx, &sdk.PutBucketOwnershipControlsInput{Bucket: &b, OwnershipControls: enforced}))
}

var enforced = &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}}}

// Public access blocks refuse public ACLs, or make them count for nothing.
func TestPublicAccessBlocksAndOwnership(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b := s.open("blocks")
	s.put(b, "x", "1", func(in *sdk.PutObjectInput) { in.ACL = types.ObjectCannedACLPublicRead })
	set := func(c types.PublicAccessBlockConfiguration) {
		must(t)(s.PutPublicAccessBlock(ctx, &sdk.PutPublicAccessBlockInput{Bucket: &b, PublicAccessBlockConfiguration: &c}))
	}
	set(types.PublicAccessBlockConfiguration{BlockPublicAcls: new(true)})
	wantCode(t, "AccessDenied")(s.PutBucketAcl(ctx, &sdk.PutBucketAclInput{Bucket: &b, ACL: types.BucketCannedACLPublicRead}))
	wantCode(t, "AccessDenied")(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: &b, Key: new("y"), ACL: types.ObjectCannedACLPublicRead}))
	if resp, _ := s.fetch("GET", "", "/blocks/x"); resp.StatusCode != 200 {
		t.Errorf("blocking takes from what is there: %s", resp.Status)
	}
	set(types.PublicAccessBlockConfiguration{IgnorePublicAcls: new(true)})
	if resp, _ := s.fetch("GET", "", "/blocks/x"); resp.StatusCode != 403 {
		t.Errorf("an ignored ACL: %s", resp.Status)
	}
	must(t)(s.DeletePublicAccessBlock(ctx, &sdk.DeletePublicAccessBlockInput{Bucket: &b}))
	wantCode(t, "NoSuchPublicAccessBlockConfiguration")(s.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{Bucket: &b}))
	// Ownership by the bucket's owner switches ACLs off.
	must(t)(s.PutBucketOwnershipControls(ctx, &sdk.PutBucketOwnershipControlsInput{Bucket: &b, OwnershipControls: enforced}))
	if resp, _ := s.fetch("GET", "", "/blocks/x"); resp.StatusCode != 403 {
		t.Errorf("an ACL of a bucket without ACLs: %s", resp.Status)
	}
	wantCode(t, "AccessControlListNotSupported")(s.PutBucketAcl(ctx, &sdk.PutBucketAclInput{Bucket: &b, ACL: types.BucketCannedACLPrivate}))
	wantCode(t, "AccessControlListNotSupported")(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: &b, Key: new("y"), ACL: types.ObjectCannedACLPublicRead}))
	s.put(b, "z", "", func(in *sdk.PutObjectInput) { in.ACL = types.ObjectCannedACLBucketOwnerFullControl })
	must(t)(s.DeleteBucketOwnershipControls(ctx, &sdk.DeleteBucketOwnershipControlsInput{Bucket: &b}))
	wantCode(t, "OwnershipControlsNotFoundError")(s.GetBucketOwnershipControls(ctx, &sdk.GetBucketOwnershipControlsInput{Bucket: &b}))
	// A new bucket takes no ACL unless it is made for them.
	wantCode(t, "InvalidBucketAclWithObjectOwnership")(s.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: new("new"), ACL: types.BucketCannedACLPublicRead}))
	wantCode(t, "InvalidBucketAclWithBlockPublicAccessError")(s.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: new("new"), ACL: types.BucketCannedACLPublicRead, ObjectOwnership: types.ObjectOwnershipObjectWriter}))
}
