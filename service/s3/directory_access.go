package s3

import (
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// directoryActions are the operations that directory buckets have, and the
// actions of the namespace s3express that they need. Those on objects need a
// session, which takes s3express:CreateSession to get.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-security-iam.html
var directoryActions = map[string]string{
	"CreateBucket": "CreateBucket", "DeleteBucket": "DeleteBucket",
	"GetBucketPolicy": "GetBucketPolicy", "PutBucketPolicy": "PutBucketPolicy", "DeleteBucketPolicy": "DeleteBucketPolicy",
	"GetBucketEncryption": "GetEncryptionConfiguration", "PutBucketEncryption": "PutEncryptionConfiguration", "DeleteBucketEncryption": "PutEncryptionConfiguration",
	"GetBucketLifecycleConfiguration": "GetLifecycleConfiguration", "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
	"DeleteBucketLifecycle": "PutLifecycleConfiguration",

	"CreateSession": sessionAction, "HeadBucket": sessionAction, "ListObjectsV2": sessionAction, "ListMultipartUploads": sessionAction,
	"GetObject": sessionAction, "HeadObject": sessionAction, "GetObjectAttributes": sessionAction, "PutObject": sessionAction, "CopyObject": sessionAction,
	"DeleteObject": sessionAction, "DeleteObjects": sessionAction, "RenameObject": sessionAction,
	"CreateMultipartUpload": sessionAction, "UploadPart": sessionAction, "UploadPartCopy": sessionAction,
	"CompleteMultipartUpload": sessionAction, "AbortMultipartUpload": sessionAction, "ListParts": sessionAction,
}

const sessionAction = "CreateSession"

// withDirectories completes declarations of access by the rules of directory
// buckets: what they do not offer is refused before anything else, and what
// remains needs actions of its own.
func withDirectories(list []cloud.Access) []cloud.Access {
	for i := range list {
		checks, name := list[i].Checks, list[i].Op.Name
		if checks == nil || name == "ListBuckets" || name == "ListDirectoryBuckets" {
			continue
		}
		list[i].Checks = func(c *cloud.Call, r store.Reader, in any) ([]cloud.Check, error) {
			bucket := bucketNamed(in)
			action, built := directoryActions[name]
			if isDirectory(bucket) {
				if !built {
					return nil, errMethod(method(c, "GET"), "BUCKET")
				}
				if err := checkDirectoryHeaders(c); err != nil {
					return nil, err
				}
			} else if name == "RenameObject" || name == "CreateSession" {
				return nil, errMethod(method(c, "GET"), "OBJECT")
			}
			if err := checkSession(c, bucket, name, action); err != nil {
				return nil, err
			}
			out, err := checks(c, r, in)
			if err != nil || action == "" {
				return out, err
			}
			return heldTo(c, zonal(out, action))
		}
	}
	return list
}

// zonal are checks where those on directory buckets, or on objects in them, ask
// for the action on the bucket: their policies know no objects.
func zonal(checks []cloud.Check, action string) []cloud.Check {
	var out []cloud.Check
	for _, k := range checks {
		a, ok := cloud.ParseARN(k.Resource.ARN)
		if !ok || a.Service != "s3express" {
			out = append(out, k)
			continue
		}
		verb := strings.TrimPrefix(k.Action, "s3:")
		name, _, _ := strings.Cut(strings.TrimPrefix(a.Resource, "bucket/"), "/")
		a.Resource = "bucket/" + name
		k.Resource.ARN = a.String()
		k.Action = "s3express:" + action
		if action == sessionAction {
			if k.Keys == nil {
				k.Keys = cloud.Keys{}
			}
			if _, set := k.Keys[sessionMode]; !set {
				k.Keys[sessionMode] = []string{modeFor(verb)}
			}
		}
		if !asked(out, k) {
			out = append(out, k)
		}
	}
	return out
}

func asked(checks []cloud.Check, k cloud.Check) bool {
	for _, x := range checks {
		if x.Action == k.Action && x.Resource.ARN == k.Resource.ARN && x.Keys[sessionMode] != nil &&
			x.Keys[sessionMode][0] == k.Keys[sessionMode][0] {
			return true
		}
	}
	return false
}

const (
	readOnly  = "ReadOnly"
	readWrite = "ReadWrite"
)

// modeFor is the mode of session that an action of S3 takes.
func modeFor(verb string) string {
	if strings.HasPrefix(verb, "Get") || strings.HasPrefix(verb, "List") {
		return readOnly
	}
	return readWrite
}

// checkSession keeps credentials of CreateSession to their bucket. AWS's clients
// use them for what configures the bucket as well where they were given one
// endpoint for everything; their principal needs the usual permissions then.
func checkSession(c *cloud.Call, bucket, operation, action string) error {
	keys := c.Principal.FederatedKeys
	if len(keys[sessionBucket]) == 0 {
		return nil
	}
	reads := action == sessionAction || strings.HasPrefix(operation, "Get")
	if keys[sessionBucket][0] != bucket || operation == "CreateSession" || !reads && keys[sessionMode][0] != readWrite {
		return errAccessDenied
	}
	return nil
}

// heldTo keeps a session to its mode, which is also what policies are asked.
func heldTo(c *cloud.Call, checks []cloud.Check) ([]cloud.Check, error) {
	mode := c.Principal.FederatedKeys[sessionMode]
	if len(mode) == 0 {
		return checks, nil
	}
	for i := range checks {
		wanted := checks[i].Keys[sessionMode]
		if wanted == nil {
			continue
		}
		if wanted[0] == readWrite && mode[0] != readWrite {
			return nil, errAccessDenied
		}
		checks[i].Keys[sessionMode] = mode
	}
	return checks, nil
}

// directoryAccess says what the operations of directory buckets alone need.
func directoryAccess() []cloud.Access {
	return []cloud.Access{
		api.ListDirectoryBuckets.Decides([]string{"s3express:ListAllMyDirectoryBuckets"}, func(c *cloud.Call, _ store.Reader, _ *api.ListDirectoryBucketsInput) ([]cloud.Check, error) {
			return []cloud.Check{{Action: "s3express:ListAllMyDirectoryBuckets", Resource: cloud.Resource{ARN: "*", Account: c.Account}, Keys: requestKeys(c, nil, nil)}}, checkSession(c, "", "ListDirectoryBuckets", "")
		}),
		api.CreateSession.Decides([]string{"s3express:CreateSession"}, func(c *cloud.Call, r store.Reader, in *api.CreateSessionInput) ([]cloud.Check, error) {
			mode := []string{cloud.Or(in.SessionMode, readWrite)}
			if !buckets.Has(r, in.Bucket) { // see createSession
				res := cloud.Resource{ARN: (&Bucket{Name: in.Bucket, Account: c.Account, Region: c.Region}).ARN(), Account: c.Account}
				return []cloud.Check{{Action: "s3:CreateSession", Resource: res, Keys: cloud.Keys{sessionMode: mode}}}, nil
			}
			checks, err := bucketCheck(c, r, "s3:CreateSession", in.Bucket, nil, nil, nil)
			if err == nil {
				checks[0].Keys[sessionMode] = mode
			}
			return checks, err
		}),
		api.RenameObject.Decides([]string{"s3express:CreateSession"}, func(c *cloud.Call, r store.Reader, in *api.RenameObjectInput) ([]cloud.Check, error) {
			return onKey(c, r, "s3:PutObject", in.Bucket, in.Key, nil, nil)
		}),
		api.GetObjectTorrent.Decides(acts("GetObjectTorrent"), func(c *cloud.Call, r store.Reader, in *api.GetObjectTorrentInput) ([]cloud.Check, error) {
			return onObject{in.Bucket, in.Key, nil, in.ExpectedBucketOwner, in.RequestPayer}.one(c, r, "s3:GetObjectTorrent")
		}),
	}
}
