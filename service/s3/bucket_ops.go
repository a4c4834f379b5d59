package s3

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// checkBucketName holds a new bucket's name to AWS's rules.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func checkBucketName(name string) error {
	bad := !bucketName.MatchString(name) || strings.Contains(name, "..")
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		bad = bad || strings.HasPrefix(name, p)
	}
	for _, s := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		bad = bad || strings.HasSuffix(name, s)
	}
	if _, err := netip.ParseAddr(name); err == nil || bad {
		return errBucketName(name)
	}
	return nil
}

// bucketRegion is where a new bucket is to lie. The endpoint of us-east-1
// makes buckets anywhere, and takes a missing constraint to mean itself; any
// other makes its own only, and wants to be told so.
func bucketRegion(c *cloud.Call, q *api.CreateBucketConfiguration) (string, error) {
	want := ""
	if q != nil {
		if q.Location != nil || q.Bucket != nil {
			return "", errInvalidRequest("The name of a directory bucket must end with --ZONE--x-s3.")
		}
		want = cloud.Or(q.LocationConstraint, "")
	}
	if want == "EU" {
		want = "eu-west-1"
	}
	switch {
	case want == "" && c.Region == "us-east-1":
		return c.Region, nil
	case want == "":
		return "", errLocationMismatch("")
	case want == "us-east-1" && c.Region == "us-east-1", want != "us-east-1" && !knownRegion(want):
		return "", errLocation(want)
	case want != c.Region && c.Region != "us-east-1":
		return "", errLocationMismatch(want)
	}
	return want, nil
}

func knownRegion(name string) bool {
	return slices.Contains(api.Service.Enum("BucketLocationConstraint"), name)
}

// newBucketRegion is where a new bucket is to lie, if its name may be.
func newBucketRegion(c *cloud.Call, in *api.CreateBucketInput) (string, error) {
	if isDirectory(in.Bucket) {
		return c.Region, checkDirectory(c, in)
	}
	if err := checkBucketName(in.Bucket); err != nil {
		return "", err
	}
	return bucketRegion(c, in.CreateBucketConfiguration)
}

func createBucket(c *cloud.Call, tx store.Tx, in *api.CreateBucketInput) (*api.CreateBucketOutput, error) {
	region, err := newBucketRegion(c, in)
	if err != nil {
		return nil, err
	}
	location := "/" + in.Bucket
	if old, ok := buckets.Get(tx, in.Bucket); ok {
		switch {
		case old.Account != c.Account:
			return nil, errBucketExists(in.Bucket)
		case old.Region != "us-east-1" || old.Directory() || region != "us-east-1":
			return nil, errBucketYours(in.Bucket)
		}
		return &api.CreateBucketOutput{Location: &location}, nil // us-east-1 has always answered so
	}
	b := &Bucket{Name: in.Bucket, Account: c.Account, Region: region, Created: c.Now, Config: newConfig()}
	if err := configureNew(c, tx, b, in); err != nil {
		return nil, err
	}
	buckets.Insert(tx, b)
	tx.OnCommit(func() { meter(c, b, "CreateBucket", tier1) })
	return &api.CreateBucketOutput{Location: &location, BucketArn: new(b.ARN())}, nil
}

// configureNew applies what the request says of the new bucket.
func configureNew(c *cloud.Call, tx store.Tx, b *Bucket, in *api.CreateBucketInput) error {
	if in.ObjectOwnership != nil {
		if !oneOf(*in.ObjectOwnership, "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter") {
			return errArgument("x-amz-object-ownership", *in.ObjectOwnership, "Invalid x-amz-object-ownership header")
		}
		b.Ownership = *in.ObjectOwnership
	}
	if q := in.CreateBucketConfiguration; q != nil && len(q.Tags) > 0 {
		if err := checkBucketTags(q.Tags); err != nil {
			return err
		}
		b.Tags = q.Tags
	}
	if cloud.Or(in.ObjectLockEnabledForBucket, false) {
		b.Versioning = "Enabled"
		b.ObjectLock = &api.ObjectLockConfiguration{ObjectLockEnabled: new("Enabled")}
	}
	q := &aclRequest{in.ACL, nil, in.GrantFullControl, in.GrantRead, in.GrantWrite, in.GrantReadACP, in.GrantWriteACP}
	if !q.given() {
		return nil
	}
	acl, err := q.parse(tx, b.Account, b.Account)
	switch {
	case err != nil:
		return err
	case b.ACLsDisabled() && !acl.onlyOwner(b.Account):
		return errEnforcedWithACL()
	case acl.public() && blocks(tx, b).acls:
		return errPublicACLOnCreate()
	}
	b.ACL = acl
	return nil
}

func deleteBucket(c *cloud.Call, tx store.Tx, in *api.DeleteBucketInput) (*cloud.Empty, error) {
	b, err := findBucket(tx, in.Bucket)
	if err != nil {
		return nil, err
	}
	for range objects.Scan(tx, b.Name) {
		return nil, errBucketNotEmpty(b)
	}
	for u := range uploads.Scan(tx, b.Name) {
		abortUpload(c, tx, u)
	}
	levels.DeleteAll(tx, b.Name)
	readCounts.DeleteAll(tx, b.Name)
	renames.DeleteAll(tx, b.Name)
	buckets.Delete(tx, b.Name)
	return &cloud.Empty{}, nil
}

func headBucket(c *cloud.Call, r store.Reader, in *api.HeadBucketInput) (*api.HeadBucketOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	meter(c, b, "HeadBucket", tier2)
	return &api.HeadBucketOutput{BucketRegion: &b.Region, BucketArn: new(b.ARN()), AccessPointAlias: new(b.Name != in.Bucket)}, nil
}

func getBucketLocation(c *cloud.Call, r store.Reader, in *api.GetBucketLocationInput) (*api.GetBucketLocationOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	meter(c, b, "ReadLocation", tier2)
	if b.Region == "us-east-1" {
		return &api.GetBucketLocationOutput{}, nil
	}
	return &api.GetBucketLocationOutput{LocationConstraint: &b.Region}, nil
}

func listBuckets(c *cloud.Call, r store.Reader, in *api.ListBucketsInput) (*api.ListBucketsOutput, error) {
	limit := int(cloud.Or(in.MaxBuckets, 10_000))
	if limit < 1 || limit > 10_000 {
		return nil, errArgument("max-buckets", itoa(*in.MaxBuckets), "Argument max-buckets must be an integer between 1 and 10000")
	}
	after := ""
	if in.ContinuationToken != nil {
		last, err := parseToken(*in.ContinuationToken)
		if err != nil {
			return nil, err
		}
		after = last
	}
	prefix, region := cloud.Or(in.Prefix, ""), cloud.Or(in.BucketRegion, "")
	c.Cloud.Meter(cloud.Usage{Account: c.Account, Region: c.Region, Service: "AmazonS3", Type: "Requests-" + tier1, Operation: "ListAllMyBuckets", Quantity: 1})
	out := &api.ListBucketsOutput{Buckets: []api.Bucket{}, Owner: owner(c.Account), Prefix: in.Prefix}
	from := store.K(c.Account, max(after, prefix))
	for b := range buckets.Between(r, "account", from, store.K(c.Account, "\U0010ffff")) {
		if !strings.HasPrefix(b.Name, prefix) {
			break
		}
		if b.Name == after || b.Directory() || region != "" && b.Region != region {
			continue
		}
		if len(out.Buckets) == limit {
			out.ContinuationToken = new(newToken(*out.Buckets[limit-1].Name))
			break
		}
		out.Buckets = append(out.Buckets, api.Bucket{Name: &b.Name, CreationDate: &b.Created, BucketRegion: &b.Region, BucketArn: new(b.ARN())})
	}
	return out, nil
}
