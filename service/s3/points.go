package s3

import (
	"strings"

	"pileus/cloud"
	"pileus/policy"
	"pileus/service/s3/point"
	"pileus/store"
)

// findPoint is the access point that a request names where others name a
// bucket: by its alias, its ARN, or NAME-ACCOUNT, which is how its host name
// begins.
func findPoint(r store.Reader, name string) (*point.Point, bool) {
	if strings.HasSuffix(name, point.AliasSuffix) {
		for p := range point.Points.Index(r, "alias", name) {
			return p, true
		}
		return nil, false
	}
	if a, ok := cloud.ParseARN(name); ok {
		short, isPoint := strings.CutPrefix(strings.Replace(a.Resource, ":", "/", 1), "accesspoint/")
		if a.Service != "s3" || !isPoint {
			return nil, false
		}
		return point.Points.Get(r, a.Account, a.Region, short)
	}
	at := len(name) - 13
	if at < 0 || name[at] != '-' || strings.Trim(name[at+1:], "0123456789") != "" || buckets.Has(r, name) {
		return nil, false
	}
	for p := range point.Points.Scan(r, name[at+1:]) {
		if p.Name == name[:at] {
			return p, true
		}
	}
	return nil, false
}

// throughPoints completes declarations of access by what access points add: a
// request through one must be allowed by its policy as well as by the
// bucket's, which sees through which one the request came.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html
func throughPoints(list []cloud.Access) []cloud.Access {
	for i := range list {
		checks := list[i].Checks
		if checks == nil || list[i].Op.Name == "ListBuckets" || list[i].Op.Name == "CreateBucket" {
			continue
		}
		list[i].Checks = func(c *cloud.Call, r store.Reader, in any) ([]cloud.Check, error) {
			out, err := checks(c, r, in)
			if err != nil {
				return nil, err
			}
			name, _ := named(in)
			if p, ok := findPoint(r, name); ok {
				return pointChecks(r, p, out), nil
			}
			return out, nil
		}
	}
	return list
}

func pointChecks(r store.Reader, p *point.Point, checks []cloud.Check) []cloud.Check {
	policies := pointPolicies(r, p)
	bucket := "arn:aws:s3:::" + p.Bucket
	out := checks
	for _, x := range checks {
		rest, ok := strings.CutPrefix(x.Resource.ARN, bucket)
		if !ok || rest != "" && rest[0] != '/' {
			continue // another bucket: the source of a copy
		}
		x.Keys["s3:dataaccesspointarn"] = []string{p.ARN()}
		x.Keys["s3:dataaccesspointaccount"] = []string{p.Account}
		x.Keys["s3:accesspointnetworkorigin"] = []string{p.Origin()}
		arn := p.ARN()
		if rest != "" {
			arn += "/object" + rest
		}
		x.Resource = cloud.Resource{ARN: arn, Account: p.Account, Policies: policies}
		out = append(out, x)
	}
	return out
}

// pointPolicies are the access point's policy and what its own and the
// account's public access blocks take from it.
func pointPolicies(r store.Reader, p *point.Point) []policy.Attached {
	if p.Policy == "" {
		return nil
	}
	doc, err := policy.Cached(p.Policy, policy.ResourceBased)
	if err != nil {
		return nil
	}
	out := []policy.Attached{{ID: "policy of access point " + p.Name, Doc: doc}}
	account, _ := point.AccountBlocks.Get(r, p.Account)
	if (p.Block.RestrictPublicBuckets || account != nil && account.RestrictPublicBuckets) && doc.IsPublic() {
		out = append(out, restriction(p.Account))
	}
	return out
}

// CheckPointPolicy holds an access point's policy to S3's rules: its resources
// are the access point and objects under it.
func CheckPointPolicy(r store.Reader, p *point.Point, text string) (*policy.Document, error) {
	return checkPolicy(r, text, func(resource string) (itself, object bool) {
		rest, ok := strings.CutPrefix(resource, p.ARN())
		if !ok {
			return false, false
		}
		return rest == "" || rest == "*", strings.HasPrefix(rest, "/object/") || strings.HasSuffix(rest, "*")
	})
}

// BucketOwner is the account and region of a bucket.
func BucketOwner(r store.Reader, name string) (account, region string, err error) {
	b, err := findBucket(r, name)
	if err != nil {
		return "", "", err
	}
	return b.Account, b.Region, nil
}

// BucketTags are a bucket's tags, in the order in which they were put.
func BucketTags(r store.Reader, name string) ([][2]string, error) {
	b, err := findBucket(r, name)
	if err != nil {
		return nil, err
	}
	var out [][2]string
	for _, t := range b.Tags {
		out = append(out, [2]string{t.Key, t.Value})
	}
	return out, nil
}

// SetBucketTags replaces a bucket's tags.
func SetBucketTags(tx store.Tx, name string, tags [][2]string) error {
	_, err := configure(tx, name, func(b *Bucket) error {
		b.Tags = nil
		for _, t := range tags {
			b.Tags = append(b.Tags, apiTag(t[0], t[1]))
		}
		return checkBucketTags(b.Tags)
	})
	return err
}
