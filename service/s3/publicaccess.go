package s3

import (
	"pileus/cloud"
	"pileus/policy"
	"pileus/store"

	api "pileus/api/s3"
	"pileus/service/s3/point"
)

func getPublicAccessBlock(c *cloud.Call, r store.Reader, in *api.GetPublicAccessBlockInput) (*api.GetPublicAccessBlockOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.PublicAccess == nil {
		return nil, missing(api.ErrNoSuchPublicAccessBlockConfiguration, b, "The public access block configuration was not found")
	}
	return &api.GetPublicAccessBlockOutput{PublicAccessBlockConfiguration: b.PublicAccess}, nil
}

func putPublicAccessBlock(c *cloud.Call, tx store.Tx, in *api.PutPublicAccessBlockInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		p := in.PublicAccessBlockConfiguration
		if p.BlockPublicAcls == nil && p.IgnorePublicAcls == nil && p.BlockPublicPolicy == nil && p.RestrictPublicBuckets == nil {
			return errInvalidRequest("Must specify at least one configuration.")
		}
		b.PublicAccess = &api.PublicAccessBlockConfiguration{
			BlockPublicAcls:       new(cloud.Or(p.BlockPublicAcls, false)),
			IgnorePublicAcls:      new(cloud.Or(p.IgnorePublicAcls, false)),
			BlockPublicPolicy:     new(cloud.Or(p.BlockPublicPolicy, false)),
			RestrictPublicBuckets: new(cloud.Or(p.RestrictPublicBuckets, false)),
		}
		return nil
	})
}

func deletePublicAccessBlock(c *cloud.Call, tx store.Tx, in *api.DeletePublicAccessBlockInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		b.PublicAccess = nil
		return nil
	})
}

// blocked is what public access blocks forbid, of the bucket and its account
// together: the stricter counts.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
type blocked struct {
	acls     bool // public ACLs cannot be set
	ignore   bool // public ACLs that are set do not count
	policy   bool // a public policy cannot be set
	restrict bool // a bucket with a public policy is for its account and AWS services only
}

func blocks(r store.Reader, b *Bucket) blocked {
	account, _ := point.AccountBlocks.Get(r, b.Account)
	return blocksOf(b.PublicAccess).or(account)
}

func blocksOf(p *api.PublicAccessBlockConfiguration) blocked {
	if p == nil {
		return blocked{}
	}
	return blocked{
		acls:     cloud.Or(p.BlockPublicAcls, false),
		ignore:   cloud.Or(p.IgnorePublicAcls, false),
		policy:   cloud.Or(p.BlockPublicPolicy, false),
		restrict: cloud.Or(p.RestrictPublicBuckets, false),
	}
}

func (x blocked) or(a *point.Block) blocked {
	if a == nil {
		return x
	}
	return blocked{x.acls || a.BlockPublicAcls, x.ignore || a.IgnorePublicAcls, x.policy || a.BlockPublicPolicy, x.restrict || a.RestrictPublicBuckets}
}

// publicPolicy tells whether the bucket's policy makes it public.
func publicPolicy(b *Bucket) bool {
	if b.Policy == "" {
		return false
	}
	doc, err := policy.Cached(b.Policy, policy.ResourceBased)
	return err == nil && doc.IsPublic()
}
