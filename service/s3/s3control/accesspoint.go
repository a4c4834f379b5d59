package s3control

import (
	"regexp"
	"strings"

	"pileus/cloud"
	"pileus/policy"
	"pileus/rng"
	"pileus/service/s3"
	"pileus/service/s3/point"
	"pileus/store"

	api "pileus/api/s3control"
)

// Errors in AWS's words.
var (
	errName       = cloud.Errorf(400, "InvalidRequest", "Access point name is not valid: 3 to 50 lower-case letters, digits and hyphens, beginning and ending with a letter or digit")
	errExists     = cloud.Errorf(409, "AccessPointAlreadyOwnedByYou", "Your previous request to create the named accesspoint succeeded and you already own it.")
	errNoPoint    = cloud.Errorf(404, "NoSuchAccessPoint", "The specified accesspoint does not exist")
	errNoPolicy   = cloud.Errorf(404, "NoSuchAccessPointPolicy", "The specified accesspoint policy does not exist")
	errDenied     = cloud.Errorf(403, "AccessDenied", "Access Denied")
	errScope      = cloud.Errorf(400, "InvalidRequest", "Scope is only supported for access points of directory buckets")
	errToken      = cloud.Errorf(400, "InvalidRequest", "The continuation token provided is incorrect")
	errNoResource = cloud.Errorf(404, "NoSuchResource", "The specified resource doesn't exist.")
	errPublic     = cloud.Errorf(403, "AccessDenied", "Access Denied because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.")
)

var pointName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$`)

func createAccessPoint(c *cloud.Call, tx store.Tx, in *api.CreateAccessPointInput) (*api.CreateAccessPointOutput, error) {
	if !pointName.MatchString(in.Name) || strings.HasSuffix(in.Name, point.AliasSuffix) || strings.HasPrefix(in.Name, "xn--") {
		return nil, errName
	}
	if in.Scope != nil {
		return nil, errScope
	}
	owner, region, err := s3.BucketOwner(tx, in.Bucket)
	if err != nil {
		return nil, err
	}
	if region != c.Region {
		return nil, cloud.Errorf(400, "InvalidRequest", "The bucket is in another region than the access point")
	}
	if owner != cloud.Or(in.BucketAccountId, in.AccountId) {
		return nil, errDenied
	}
	if point.Points.Has(tx, in.AccountId, c.Region, in.Name) {
		return nil, errExists
	}
	p := &point.Point{
		Account: in.AccountId, Region: c.Region, Name: in.Name, Bucket: in.Bucket, Owner: owner, Created: c.Now,
		Alias: newAlias(c, in.Name), Block: point.Block{BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true},
	}
	if in.PublicAccessBlockConfiguration != nil {
		p.Block = read(in.PublicAccessBlockConfiguration)
	}
	if in.VpcConfiguration != nil {
		p.VPC = in.VpcConfiguration.VpcId
	}
	for _, t := range in.Tags {
		p.Tags = append(p.Tags, [2]string{t.Key, t.Value})
	}
	point.Points.Put(tx, p)
	return &api.CreateAccessPointOutput{AccessPointArn: new(p.ARN()), Alias: &p.Alias}, nil
}

// newAlias makes an alias of at most 63 characters.
func newAlias(c *cloud.Call, name string) string {
	const random = 34
	if room := 63 - random - 1 - len(point.AliasSuffix); len(name) > room {
		name = name[:room]
	}
	return strings.TrimRight(name, "-") + "-" + c.Rand().String(random, rng.LowerAlNum) + point.AliasSuffix
}

// find is the access point that a request names by its name or ARN.
func find(c *cloud.Call, r store.Reader, account, name string) (*point.Point, error) {
	region := c.Region
	if a, ok := cloud.ParseARN(name); ok {
		account, region, name = a.Account, a.Region, strings.TrimPrefix(a.Resource, "accesspoint/")
	}
	p, ok := point.Points.Get(r, account, region, name)
	if !ok {
		return nil, errNoPoint.With("AccessPointName", name)
	}
	return p, nil
}

func getAccessPoint(c *cloud.Call, r store.Reader, in *api.GetAccessPointInput) (*api.GetAccessPointOutput, error) {
	p, err := find(c, r, in.AccountId, in.Name)
	if err != nil {
		return nil, err
	}
	return &api.GetAccessPointOutput{
		Name: &p.Name, Bucket: &p.Bucket, NetworkOrigin: new(p.Origin()), VpcConfiguration: vpc(p),
		PublicAccessBlockConfiguration: show(&p.Block), CreationDate: &p.Created, Alias: &p.Alias, AccessPointArn: new(p.ARN()),
		BucketAccountId: &p.Owner, Endpoints: map[string]string{
			"ipv4":      "s3-accesspoint." + p.Region + ".amazonaws.com",
			"dualstack": "s3-accesspoint.dualstack." + p.Region + ".amazonaws.com",
		},
	}, nil
}

func vpc(p *point.Point) *api.VpcConfiguration {
	if p.VPC == "" {
		return nil
	}
	return &api.VpcConfiguration{VpcId: p.VPC}
}

func listAccessPoints(c *cloud.Call, r store.Reader, in *api.ListAccessPointsInput) (*api.ListAccessPointsOutput, error) {
	limit := int(cloud.Or(in.MaxResults, 1000))
	if limit == 0 {
		limit = 1000
	}
	page, next, ok := point.Points.Page(r, store.K(in.AccountId, c.Region), cloud.Or(in.NextToken, ""), limit, func(p *point.Point) bool {
		return in.Bucket == nil || p.Bucket == *in.Bucket
	})
	if !ok {
		return nil, errToken
	}
	out := &api.ListAccessPointsOutput{AccessPointList: []api.AccessPoint{}}
	for _, p := range page {
		out.AccessPointList = append(out.AccessPointList, api.AccessPoint{
			Name: p.Name, NetworkOrigin: p.Origin(), VpcConfiguration: vpc(p), Bucket: p.Bucket,
			AccessPointArn: new(p.ARN()), Alias: &p.Alias, BucketAccountId: &p.Owner,
		})
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

func deleteAccessPoint(c *cloud.Call, tx store.Tx, in *api.DeleteAccessPointInput) (*cloud.Empty, error) {
	p, err := find(c, tx, in.AccountId, in.Name)
	if err != nil {
		return nil, err
	}
	point.Points.Delete(tx, p.Account, p.Region, p.Name)
	return &cloud.Empty{}, nil
}

func getAccessPointPolicy(c *cloud.Call, r store.Reader, in *api.GetAccessPointPolicyInput) (*api.GetAccessPointPolicyOutput, error) {
	p, err := find(c, r, in.AccountId, in.Name)
	if err != nil {
		return nil, err
	}
	if p.Policy == "" {
		return nil, errNoPolicy.With("AccessPointName", p.Name)
	}
	return &api.GetAccessPointPolicyOutput{Policy: &p.Policy}, nil
}

func putAccessPointPolicy(c *cloud.Call, tx store.Tx, in *api.PutAccessPointPolicyInput) (*cloud.Empty, error) {
	p, err := find(c, tx, in.AccountId, in.Name)
	if err != nil {
		return nil, err
	}
	doc, err := s3.CheckPointPolicy(tx, p, in.Policy)
	if err != nil {
		return nil, err
	}
	account, _ := point.AccountBlocks.Get(tx, p.Account)
	if (p.Block.BlockPublicPolicy || account != nil && account.BlockPublicPolicy) && doc.IsPublic() {
		return nil, errPublic
	}
	changed := *p
	changed.Policy = in.Policy
	point.Points.Put(tx, &changed)
	return &cloud.Empty{}, nil
}

func deleteAccessPointPolicy(c *cloud.Call, tx store.Tx, in *api.DeleteAccessPointPolicyInput) (*cloud.Empty, error) {
	p, err := find(c, tx, in.AccountId, in.Name)
	if err != nil {
		return nil, err
	}
	changed := *p
	changed.Policy = ""
	point.Points.Put(tx, &changed)
	return &cloud.Empty{}, nil
}

func getAccessPointPolicyStatus(c *cloud.Call, r store.Reader, in *api.GetAccessPointPolicyStatusInput) (*api.GetAccessPointPolicyStatusOutput, error) {
	p, err := find(c, r, in.AccountId, in.Name)
	if err != nil {
		return nil, err
	}
	if p.Policy == "" {
		return nil, errNoPolicy.With("AccessPointName", p.Name)
	}
	doc, err := policy.Cached(p.Policy, policy.ResourceBased)
	if err != nil {
		return nil, err
	}
	return &api.GetAccessPointPolicyStatusOutput{PolicyStatus: &api.PolicyStatus{IsPublic: new(doc.IsPublic())}}, nil
}
