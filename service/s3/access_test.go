package s3

import (
	"context"
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// accessCase is one operation, what is done before it, and the smallest policy
// that allows it.
type accessCase struct {
	name   string
	policy string
	call   func(ctx context.Context, s *sdk.Client) error
}

func forBucket(actions string) string { return allowOn("arn:aws:s3:::bucket", actions) }
func forKey(actions string) string    { return allowOn("arn:aws:s3:::bucket/key", actions) }

func allowOn(resource, actions string) string {
	return allowIf(resource, actions, "")
}

func allowIf(resource, actions, condition string) string {
	var list []string
	for a := range strings.FieldsSeq(actions) {
		list = append(list, `"s3:`+a+`"`)
	}
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return fmt.Sprintf(`{"Effect":"Allow","Action":[%s],"Resource":"%s"%s}`, strings.Join(list, ","), resource, condition)
}

func policyOf(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

var bucketAnd, keyName = new("bucket"), new("key")

func objectAccessCases() []accessCase {
	body := func() *strings.Reader { return strings.NewReader("x") }
	return []accessCase{
		{"CreateBucket", allowOn("arn:aws:s3:::fresh", "CreateBucket"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: new("fresh")})
			return err
		}},
		{"ListBuckets", allowOn("*", "ListAllMyBuckets"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.ListBuckets(ctx, &sdk.ListBucketsInput{})
			return err
		}},
		{"SelectObjectContent", forKey("GetObject"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.SelectObjectContent(ctx, query(`SELECT * FROM S3Object`, func(in *sdk.SelectObjectContentInput) { in.InputSerialization.CSV.FileHeaderInfo = "NONE" }))
			return err
		}},
		{"HeadBucket", forBucket("ListBucket"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.HeadBucket(ctx, &sdk.HeadBucketInput{Bucket: bucketAnd})
			return err
		}},
		{"GetBucketLocation", forBucket("GetBucketLocation"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.GetBucketLocation(ctx, &sdk.GetBucketLocationInput{Bucket: bucketAnd})
			return err
		}},
		{"DeleteBucket", allowOn("arn:aws:s3:::empty", "DeleteBucket"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: new("empty")})
			return err
		}},
		{"ListObjects", allowIf("arn:aws:s3:::bucket", "ListBucket", `{"StringEquals":{"s3:prefix":"home/","s3:delimiter":"/"},"NumericLessThanEquals":{"s3:max-keys":"10"}}`), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.ListObjects(ctx, &sdk.ListObjectsInput{Bucket: bucketAnd, Prefix: new("home/"), Delimiter: new("/"), MaxKeys: new(int32(10))})
			return err
		}},
		{"ListObjectsV2", allowIf("arn:aws:s3:::bucket", "ListBucket", `{"StringEquals":{"s3:prefix":"home/"}}`), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.ListObjectsV2(ctx, &sdk.ListObjectsV2Input{Bucket: bucketAnd, Prefix: new("home/")})
			return err
		}},
		{"ListObjectVersions", forBucket("ListBucketVersions"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.ListObjectVersions(ctx, &sdk.ListObjectVersionsInput{Bucket: bucketAnd})
			return err
		}},
		{"ListMultipartUploads", forBucket("ListBucketMultipartUploads"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.ListMultipartUploads(ctx, &sdk.ListMultipartUploadsInput{Bucket: bucketAnd})
			return err
		}},
		{"GetObject", allowIf("arn:aws:s3:::bucket/key", "GetObject", `{"StringEquals":{"s3:ExistingObjectTag/team":"red","s3:authType":"REST-HEADER"}}`), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucketAnd, Key: keyName})
			return err
		}},
		{"HeadObject", forKey("GetObject"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: bucketAnd, Key: keyName})
			return err
		}},
		{"GetObject version", allowIf("arn:aws:s3:::bucket/key", "GetObjectVersion", `{"StringEquals":{"s3:VersionId":"null"}}`), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.GetObject(ctx, &sdk.GetObjectInput{Bucket: bucketAnd, Key: keyName, VersionId: new("null")})
			return err
		}},
		{"GetObjectAttributes", forKey("GetObject GetObjectAttributes"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.GetObjectAttributes(ctx, &sdk.GetObjectAttributesInput{Bucket: bucketAnd, Key: keyName, ObjectAttributes: []types.ObjectAttributes{"ETag"}})
			return err
		}},
		{"PutObject", forKey("PutObject"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucketAnd, Key: keyName, Body: body()})
			return err
		}},
		{"PutObject with tags", allowIf("arn:aws:s3:::bucket/key", "PutObject PutObjectTagging", `{"StringEquals":{"s3:RequestObjectTag/team":"red"},"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["team"]}}`), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucketAnd, Key: keyName, Body: body(), Tagging: new("team=red")})
			return err
		}},
		{"PutObject with an ACL and a class", allowIf("arn:aws:s3:::bucket/key", "PutObject PutObjectAcl", `{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control","s3:x-amz-storage-class":"STANDARD_IA","s3:x-amz-server-side-encryption":"AES256"}}`), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucketAnd, Key: keyName, Body: body(), ACL: types.ObjectCannedACLBucketOwnerFullControl, StorageClass: types.StorageClassStandardIa, ServerSideEncryption: types.ServerSideEncryptionAes256})
			return err
		}},
		{"PutObject once", allowIf("arn:aws:s3:::bucket/new", "PutObject", `{"Null":{"s3:if-none-match":"false"}}`), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucketAnd, Key: new("new"), Body: body(), IfNoneMatch: new("*")})
			return err
		}},
		{"DeleteObject", forKey("DeleteObject"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: bucketAnd, Key: keyName})
			return err
		}},
		{"DeleteObject version with bypass", forKey("DeleteObjectVersion BypassGovernanceRetention"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: bucketAnd, Key: keyName, VersionId: new("null"), BypassGovernanceRetention: new(true)})
			return err
		}},
		{"DeleteObjects", forKey("DeleteObject"), func(ctx context.Context, s *sdk.Client) error {
			out, err := s.DeleteObjects(ctx, &sdk.DeleteObjectsInput{Bucket: bucketAnd, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: keyName}}}})
			if err == nil && len(out.Errors) > 0 {
				return fmt.Errorf("%s: %s", *out.Errors[0].Code, *out.Errors[0].Message)
			}
			return err
		}},
		{"CopyObject", both(allowOn("arn:aws:s3:::bucket/key", "GetObject GetObjectTagging"), allowIf("arn:aws:s3:::bucket/copy", "PutObject PutObjectTagging", `{"StringEquals":{"s3:x-amz-copy-source":"bucket/key"}}`)), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.CopyObject(ctx, &sdk.CopyObjectInput{Bucket: bucketAnd, Key: new("copy"), CopySource: new("bucket/key")})
			return err
		}},
		{"GetObjectTagging", forKey("GetObjectTagging"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.GetObjectTagging(ctx, &sdk.GetObjectTaggingInput{Bucket: bucketAnd, Key: keyName})
			return err
		}},
		{"PutObjectTagging", forKey("PutObjectTagging"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.PutObjectTagging(ctx, &sdk.PutObjectTaggingInput{Bucket: bucketAnd, Key: keyName, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: new("a"), Value: new("b")}}}})
			return err
		}},
		{"DeleteObjectTagging", forKey("DeleteObjectTagging"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.DeleteObjectTagging(ctx, &sdk.DeleteObjectTaggingInput{Bucket: bucketAnd, Key: keyName})
			return err
		}},
		{"CreateMultipartUpload", forKey("PutObject"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: bucketAnd, Key: keyName})
			return err
		}},
		{"UploadPartCopy", both(allowOn("arn:aws:s3:::bucket/key", "GetObject"), allowOn("arn:aws:s3:::bucket/big", "PutObject")), func(ctx context.Context, s *sdk.Client) error {
			up, err := s.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: bucketAnd, Key: new("big")})
			if err != nil {
				return err
			}
			_, err = s.UploadPartCopy(ctx, &sdk.UploadPartCopyInput{Bucket: bucketAnd, Key: new("big"), UploadId: up.UploadId, PartNumber: new(int32(1)), CopySource: new("bucket/key")})
			return err
		}},
		{"UploadPart and CompleteMultipartUpload", forKey("PutObject"), func(ctx context.Context, s *sdk.Client) error {
			up, err := s.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: bucketAnd, Key: keyName})
			if err != nil {
				return err
			}
			p, err := s.UploadPart(ctx, &sdk.UploadPartInput{Bucket: bucketAnd, Key: keyName, UploadId: up.UploadId, PartNumber: new(int32(1)), Body: body()})
			if err != nil {
				return err
			}
			_, err = s.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{Bucket: bucketAnd, Key: keyName, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{
				Parts: []types.CompletedPart{{PartNumber: new(int32(1)), ETag: p.ETag}}}})
			return err
		}},
		{"ListParts and AbortMultipartUpload", forKey("PutObject ListMultipartUploadParts AbortMultipartUpload"), func(ctx context.Context, s *sdk.Client) error {
			up, err := s.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{Bucket: bucketAnd, Key: keyName})
			if err != nil {
				return err
			}
			if _, err = s.ListParts(ctx, &sdk.ListPartsInput{Bucket: bucketAnd, Key: keyName, UploadId: up.UploadId}); err != nil {
				return err
			}
			_, err = s.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{Bucket: bucketAnd, Key: keyName, UploadId: up.UploadId})
			return err
		}},
	}
}

func both(statements ...string) string { return strings.Join(statements, ",") }

// Every operation runs with the smallest policy, and is refused with none and
// with the same policy on another resource.
func TestObjectOperationsAllowedAndDenied(t *testing.T) {
	for _, test := range objectAccessCases() {
		t.Run(test.name, func(t *testing.T) {
			w, s := objectWorld(t)
			ctx := context.Background()
			makeBucket(t, s, "bucket")
			makeBucket(t, s, "empty")
			must(s.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucketAnd, Key: keyName, Body: strings.NewReader("content"), Tagging: new("team=red")}))(t)
			for name, policy := range map[string]string{"none": "", "elsewhere": policyOf(strings.ReplaceAll(test.policy, "arn:aws:s3:::", "arn:aws:s3:::other-"))} {
				if name == "elsewhere" && strings.Contains(test.policy, `"*"`) {
					continue
				}
				k := w.User(name, policy)
				if err := test.call(ctx, clientAs(w, &k)); err == nil || !strings.Contains(err.Error(), "AccessDenied") && !strings.Contains(err.Error(), "Forbidden") {
					t.Errorf("with policy %s: %v", name, err)
				}
			}
			k := w.User("allowed", policyOf(test.policy))
			if err := test.call(ctx, clientAs(w, &k)); err != nil {
				t.Errorf("with the smallest policy: %v", err)
			}
		})
	}
}

func TestLockOperationsAllowedAndDenied(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	must(s.CreateBucket(ctx, &sdk.CreateBucketInput{Bucket: bucketAnd, ObjectLockEnabledForBucket: new(true)}))(t)
	put(t, s, "bucket", "key", "x")
	until := new(w.Now().AddDate(0, 0, 1))
	for _, test := range []accessCase{
		{"PutObjectRetention", forKey("PutObjectRetention"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.PutObjectRetention(ctx, &sdk.PutObjectRetentionInput{Bucket: bucketAnd, Key: keyName, Retention: &types.ObjectLockRetention{Mode: "GOVERNANCE", RetainUntilDate: until}})
			return err
		}},
		{"GetObjectRetention", forKey("GetObjectRetention"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.GetObjectRetention(ctx, &sdk.GetObjectRetentionInput{Bucket: bucketAnd, Key: keyName})
			return err
		}},
		{"PutObjectRetention with bypass", forKey("PutObjectRetention BypassGovernanceRetention"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.PutObjectRetention(ctx, &sdk.PutObjectRetentionInput{Bucket: bucketAnd, Key: keyName, BypassGovernanceRetention: new(true), Retention: &types.ObjectLockRetention{}})
			return err
		}},
		{"PutObjectLegalHold", forKey("PutObjectLegalHold"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.PutObjectLegalHold(ctx, &sdk.PutObjectLegalHoldInput{Bucket: bucketAnd, Key: keyName, LegalHold: &types.ObjectLockLegalHold{Status: "OFF"}})
			return err
		}},
		{"GetObjectLegalHold", forKey("GetObjectLegalHold"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.GetObjectLegalHold(ctx, &sdk.GetObjectLegalHoldInput{Bucket: bucketAnd, Key: keyName})
			return err
		}},
		{"PutObject with a lock", forKey("PutObject PutObjectRetention PutObjectLegalHold"), func(ctx context.Context, s *sdk.Client) error {
			_, err := s.PutObject(ctx, &sdk.PutObjectInput{Bucket: bucketAnd, Key: keyName, Body: strings.NewReader("x"), ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: "ON"})
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := strings.ReplaceAll(test.name, " ", "-")
			none, all := w.User(name+"-none", ""), w.User(name, policyOf(test.policy))
			wantCode(t, test.call(ctx, clientAs(w, &none)), "AccessDenied")
			if err := test.call(ctx, clientAs(w, &all)); err != nil {
				t.Errorf("with the smallest policy: %v", err)
			}
		})
	}
}

// Each entry of a batch delete is decided for itself.
func TestBatchDeleteIsDecidedPerKey(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	put(t, s, "bucket", "key", "x")
	put(t, s, "bucket", "other", "x")
	k := w.User("one", policyOf(forKey("DeleteObject")))
	out := must(clientAs(w, &k).DeleteObjects(ctx, &sdk.DeleteObjectsInput{Bucket: bucketAnd, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: new("other")}, {Key: keyName}}}}))(t)
	if len(out.Deleted) != 1 || *out.Deleted[0].Key != "key" || len(out.Errors) != 1 || *out.Errors[0].Code != "AccessDenied" || *out.Errors[0].Key != "other" {
		t.Errorf("deleted %+v, errors %+v", out.Deleted, out.Errors)
	}
	if get(t, s, "bucket", "other") != "x" {
		t.Error("the other object went too")
	}
}

// Who may not list a bucket is not told that a key is missing.
func TestMissingKeysAreForThoseWhoMayList(t *testing.T) {
	w, s := objectWorld(t)
	ctx := context.Background()
	makeBucket(t, s, "bucket")
	reader := w.User("reader", policyOf(allowOn("arn:aws:s3:::bucket/*", "GetObject")))
	lister := w.User("lister", policyOf(allowOn("arn:aws:s3:::bucket/*", "GetObject"), forBucket("ListBucket")))
	_, err := clientAs(w, &reader).GetObject(ctx, &sdk.GetObjectInput{Bucket: bucketAnd, Key: new("none")})
	wantCode(t, err, "AccessDenied")
	_, err = clientAs(w, &lister).GetObject(ctx, &sdk.GetObjectInput{Bucket: bucketAnd, Key: new("none")})
	wantCode(t, err, "NoSuchKey")
}

func TestEveryOperationDeclaresItsAccess(t *testing.T) {
	m := Module()
	declared := map[string]bool{}
	for _, a := range m.Access {
		if !a.Open && len(a.Actions) == 0 {
			t.Errorf("%s declares no action", a.Op.Name)
		}
		declared[a.Op.Name] = true
	}
	for _, b := range m.Operations {
		if !declared[b.Op.Name] {
			t.Errorf("%s declares no access", b.Op.Name)
		}
	}
}
