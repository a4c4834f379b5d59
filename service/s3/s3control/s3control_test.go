package s3control_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/s3control/types"
	"github.com/aws/smithy-go"

	api "pileus/api/s3"
	"pileus/node/nodetest"
	services3 "pileus/service/s3"
	"pileus/service/s3/s3control"
)

type stage struct {
	*nodetest.World
	control *sdk.Client
	s3      *s3.Client
}

func newStage(t *testing.T) *stage {
	t.Helper()
	w := nodetest.New(t, services3.Module(), s3control.Module())
	return &stage{w, control(w, nodetest.Keys{}), s3.NewFromConfig(w.Config(), pathStyle)}
}

func pathStyle(o *s3.Options) { o.UsePathStyle = true }

// control is a client that does not put the account into the host name, which
// has no address here.
func control(w *nodetest.World, k nodetest.Keys) *sdk.Client {
	c := w.Config()
	if k.AccessKey != "" {
		c = w.ConfigAs(k)
	}
	return sdk.NewFromConfig(c, func(o *sdk.Options) { o.EndpointResolverV2 = fixed{w.Endpoint} })
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func want(t *testing.T, want string) func(out any, err error) {
	return func(_ any, err error) {
		t.Helper()
		if got := code(err); got != want {
			t.Errorf("error is %q (%v), want %q", got, err, want)
		}
	}
}

var account = new(nodetest.Account)

// The account's public access block limits every bucket of it.
func TestAccountPublicAccessBlock(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	want(t, "NoSuchPublicAccessBlockConfiguration")(s.control.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{AccountId: account}))
	b := new("open")
	want(t, "")(s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b}))
	want(t, "")(s.s3.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: b}))
	text := new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::open/*"}]}`)
	want(t, "")(s.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: b, Policy: text}))
	want(t, "")(s.control.PutPublicAccessBlock(ctx, &sdk.PutPublicAccessBlockInput{AccountId: account, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicPolicy: new(true)}}))
	want(t, "AccessDenied")(s.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: b, Policy: text}))
	out, err := s.control.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{AccountId: account})
	if want(t, "")(out, err); !*out.PublicAccessBlockConfiguration.BlockPublicPolicy || *out.PublicAccessBlockConfiguration.BlockPublicAcls {
		t.Errorf("block is %+v", out.PublicAccessBlockConfiguration)
	}
	want(t, "")(s.control.DeletePublicAccessBlock(ctx, &sdk.DeletePublicAccessBlockInput{AccountId: account}))
	want(t, "")(s.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: b, Policy: text}))
	want(t, "AccessDenied")(s.control.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{AccountId: new("111122223333")}))
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points.html
func TestAccessPoints(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b := new("data")
	want(t, "")(s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b}))
	want(t, "")(s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: new("x"), Body: strings.NewReader("content")}))
	want(t, "NoSuchBucket")(s.control.CreateAccessPoint(ctx, &sdk.CreateAccessPointInput{AccountId: account, Name: new("team"), Bucket: new("none")}))
	want(t, "InvalidRequest")(s.control.CreateAccessPoint(ctx, &sdk.CreateAccessPointInput{AccountId: account, Name: new("Team"), Bucket: b}))
	made, err := s.control.CreateAccessPoint(ctx, &sdk.CreateAccessPointInput{AccountId: account, Name: new("team"), Bucket: b})
	want(t, "")(made, err)
	want(t, "AccessPointAlreadyOwnedByYou")(s.control.CreateAccessPoint(ctx, &sdk.CreateAccessPointInput{AccountId: account, Name: new("team"), Bucket: b}))
	if *made.AccessPointArn != "arn:aws:s3:us-east-1:"+nodetest.Account+":accesspoint/team" || !strings.HasPrefix(*made.Alias, "team-") || !strings.HasSuffix(*made.Alias, "-s3alias") || len(*made.Alias) > 63 {
		t.Errorf("made %s, alias %s", *made.AccessPointArn, *made.Alias)
	}
	got, err := s.control.GetAccessPoint(ctx, &sdk.GetAccessPointInput{AccountId: account, Name: new("team")})
	if want(t, "")(got, err); *got.Bucket != *b || got.NetworkOrigin != types.NetworkOriginInternet || !*got.PublicAccessBlockConfiguration.BlockPublicAcls || *got.Alias != *made.Alias {
		t.Errorf("access point: %+v", got)
	}
	list, err := s.control.ListAccessPoints(ctx, &sdk.ListAccessPointsInput{AccountId: account, Bucket: b})
	if want(t, "")(list, err); len(list.AccessPointList) != 1 || *list.AccessPointList[0].Name != "team" {
		t.Errorf("list: %+v", list.AccessPointList)
	}
	// The alias is as good as the bucket's name.
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: made.Alias, Key: new("x")})
	if want(t, "")(out, err); err == nil {
		if body, err := io.ReadAll(out.Body); string(body) != "content" || err != nil {
			t.Errorf("through the alias: %q, %v", body, err)
		}
	}
	want(t, "")(s.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: made.Alias}))
	// So are its ARN and the host name that begins with name and account.
	in := &api.GetObjectInput{Bucket: *made.AccessPointArn, Key: "x"}
	nodetest.Do(s.World, &api.GetObject, in)
	presigned, err := s3.NewPresignClient(s3.NewFromConfig(s.Config(), func(o *s3.Options) {
		o.BaseEndpoint = nil
	})).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: made.AccessPointArn, Key: new("x")})
	if want(t, "")(presigned, err); err == nil {
		u, err := url.Parse(presigned.URL)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(ctx, "GET", s.Endpoint+u.RequestURI(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = u.Host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || string(body) != "content" || err != nil || u.Host != "team-"+nodetest.Account+".s3-accesspoint.us-east-1.amazonaws.com" {
			t.Errorf("%s: %s %s", u.Host, resp.Status, body)
		}
	}
	up, err := s.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: made.Alias, Key: new("big")})
	want(t, "")(up, err)
	part, err := s.s3.UploadPart(ctx, &s3.UploadPartInput{Bucket: made.Alias, Key: new("big"), UploadId: up.UploadId, PartNumber: new(int32(1)), Body: strings.NewReader("1")})
	want(t, "")(part, err)
	want(t, "")(s.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: made.Alias, Key: new("big"), UploadId: up.UploadId, MultipartUpload: &s3types.CompletedMultipartUpload{Parts: []s3types.CompletedPart{{ETag: part.ETag, PartNumber: new(int32(1))}}}}))
	want(t, "")(s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: new("big")}))

	want(t, "NoSuchAccessPointPolicy")(s.control.GetAccessPointPolicy(ctx, &sdk.GetAccessPointPolicyInput{AccountId: account, Name: new("team")}))
	want(t, "MalformedPolicy")(s.control.PutAccessPointPolicy(ctx, &sdk.PutAccessPointPolicyInput{AccountId: account, Name: new("team"), Policy: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + nodetest.Account + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::data/*"}]}`)}))
	want(t, "")(s.control.DeleteAccessPoint(ctx, &sdk.DeleteAccessPointInput{AccountId: account, Name: new("team")}))
	want(t, "NoSuchAccessPoint")(s.control.GetAccessPoint(ctx, &sdk.GetAccessPointInput{AccountId: account, Name: new("team")}))
	want(t, "NoSuchBucket")(s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: made.Alias, Key: new("x")}))
}

// A request through an access point needs its policy's leave and the bucket's.
func TestAccessPointPolicies(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	b := new("data")
	want(t, "")(s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b}))
	want(t, "")(s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: new("x")}))
	made, err := s.control.CreateAccessPoint(ctx, &sdk.CreateAccessPointInput{AccountId: account, Name: new("team"), Bucket: b})
	want(t, "")(made, err)
	alice := s.User("alice", "")
	a := s3.NewFromConfig(s.ConfigAs(alice), pathStyle)
	get := func() error {
		_, err := a.GetObject(ctx, &s3.GetObjectInput{Bucket: made.Alias, Key: new("x")})
		return err
	}
	want(t, "AccessDenied")(nil, get())
	want(t, "")(s.control.PutAccessPointPolicy(ctx, &sdk.PutAccessPointPolicyInput{AccountId: account, Name: new("team"), Policy: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + alice.Principal.ARN + `"},"Action":"s3:GetObject","Resource":"` + *made.AccessPointArn + `/object/*"}]}`)}))
	want(t, "AccessDenied")(nil, get())
	want(t, "")(s.s3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: b, Policy: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:*","Resource":["arn:aws:s3:::data","arn:aws:s3:::data/*"],"Condition":{"StringEquals":{"s3:DataAccessPointAccount":"` + nodetest.Account + `"}}}]}`)}))
	want(t, "")(nil, get())
	if _, err := a.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: new("x")}); code(err) != "AccessDenied" {
		t.Errorf("around the access point: %v", err)
	}
	status, err := s.control.GetAccessPointPolicyStatus(ctx, &sdk.GetAccessPointPolicyStatusInput{AccountId: account, Name: new("team")})
	if want(t, "")(status, err); status.PolicyStatus.IsPublic {
		t.Error("the policy is public")
	}
	want(t, "")(s.control.DeleteAccessPointPolicy(ctx, &sdk.DeleteAccessPointPolicyInput{AccountId: account, Name: new("team")}))
	want(t, "AccessDenied")(nil, get())
}

func TestTags(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	want(t, "")(s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: new("data")}))
	arn := new("arn:aws:s3:::data")
	want(t, "")(s.control.TagResource(ctx, &sdk.TagResourceInput{AccountId: account, ResourceArn: arn, Tags: []types.Tag{{Key: new("a"), Value: new("1")}, {Key: new("b"), Value: new("2")}}}))
	want(t, "")(s.control.TagResource(ctx, &sdk.TagResourceInput{AccountId: account, ResourceArn: arn, Tags: []types.Tag{{Key: new("a"), Value: new("3")}}}))
	want(t, "")(s.control.UntagResource(ctx, &sdk.UntagResourceInput{AccountId: account, ResourceArn: arn, TagKeys: []string{"b"}}))
	out, err := s.control.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{AccountId: account, ResourceArn: arn})
	if want(t, "")(out, err); len(out.Tags) != 1 || *out.Tags[0].Key != "a" || *out.Tags[0].Value != "3" {
		t.Errorf("tags: %+v", out.Tags)
	}
	tags, err := s.s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: new("data")})
	if want(t, "")(tags, err); len(tags.TagSet) != 1 {
		t.Errorf("the bucket's own: %+v", tags.TagSet)
	}
	want(t, "NoSuchBucket")(s.control.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{AccountId: account, ResourceArn: new("arn:aws:s3:::none")}))
}

// Every operation is refused to a user without a policy, and allowed to one
// with its action.
func TestEveryOperationIsAuthorised(t *testing.T) {
	s := newStage(t)
	ctx := t.Context()
	want(t, "")(s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: new("data")}))
	nobody := control(s.World, s.User("nobody", ""))
	for i, test := range []struct {
		action string
		call   func(*sdk.Client) error
	}{
		{"PutAccountPublicAccessBlock", func(c *sdk.Client) error {
			_, err := c.PutPublicAccessBlock(ctx, &sdk.PutPublicAccessBlockInput{AccountId: account, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{BlockPublicAcls: new(true)}})
			return err
		}},
		{"GetAccountPublicAccessBlock", func(c *sdk.Client) error {
			_, err := c.GetPublicAccessBlock(ctx, &sdk.GetPublicAccessBlockInput{AccountId: account})
			return err
		}},
		{"PutAccountPublicAccessBlock", func(c *sdk.Client) error {
			_, err := c.DeletePublicAccessBlock(ctx, &sdk.DeletePublicAccessBlockInput{AccountId: account})
			return err
		}},
		{"CreateAccessPoint", func(c *sdk.Client) error {
			_, err := c.CreateAccessPoint(ctx, &sdk.CreateAccessPointInput{AccountId: account, Name: new("team"), Bucket: new("data")})
			return err
		}},
		{"GetAccessPoint", func(c *sdk.Client) error {
			_, err := c.GetAccessPoint(ctx, &sdk.GetAccessPointInput{AccountId: account, Name: new("team")})
			return err
		}},
		{"ListAccessPoints", func(c *sdk.Client) error {
			_, err := c.ListAccessPoints(ctx, &sdk.ListAccessPointsInput{AccountId: account})
			return err
		}},
		{"PutAccessPointPolicy", func(c *sdk.Client) error {
			_, err := c.PutAccessPointPolicy(ctx, &sdk.PutAccessPointPolicyInput{AccountId: account, Name: new("team"), Policy: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + nodetest.Account + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:us-east-1:` + nodetest.Account + `:accesspoint/team/object/*"}]}`)})
			return err
		}},
		{"GetAccessPointPolicy", func(c *sdk.Client) error {
			_, err := c.GetAccessPointPolicy(ctx, &sdk.GetAccessPointPolicyInput{AccountId: account, Name: new("team")})
			return err
		}},
		{"GetAccessPointPolicyStatus", func(c *sdk.Client) error {
			_, err := c.GetAccessPointPolicyStatus(ctx, &sdk.GetAccessPointPolicyStatusInput{AccountId: account, Name: new("team")})
			return err
		}},
		{"DeleteAccessPointPolicy", func(c *sdk.Client) error {
			_, err := c.DeleteAccessPointPolicy(ctx, &sdk.DeleteAccessPointPolicyInput{AccountId: account, Name: new("team")})
			return err
		}},
		{"DeleteAccessPoint", func(c *sdk.Client) error {
			_, err := c.DeleteAccessPoint(ctx, &sdk.DeleteAccessPointInput{AccountId: account, Name: new("team")})
			return err
		}},
		{"TagResource", func(c *sdk.Client) error {
			_, err := c.TagResource(ctx, &sdk.TagResourceInput{AccountId: account, ResourceArn: new("arn:aws:s3:::data"), Tags: []types.Tag{{Key: new("a"), Value: new("1")}}})
			return err
		}},
		{"ListTagsForResource", func(c *sdk.Client) error {
			_, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{AccountId: account, ResourceArn: new("arn:aws:s3:::data")})
			return err
		}},
		{"UntagResource", func(c *sdk.Client) error {
			_, err := c.UntagResource(ctx, &sdk.UntagResourceInput{AccountId: account, ResourceArn: new("arn:aws:s3:::data"), TagKeys: []string{"a"}})
			return err
		}},
	} {
		if err := test.call(nobody); code(err) != "AccessDenied" {
			t.Errorf("%s without a policy: %v", test.action, err)
		}
		allowed := control(s.World, s.User("user"+string(rune('a'+i)), nodetest.Allow("s3:"+test.action)))
		if err := test.call(allowed); err != nil {
			t.Errorf("%s with its policy: %v", test.action, err)
		}
	}
}
