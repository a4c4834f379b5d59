package s3control

import (
	"slices"
	"strings"

	"pileus/cloud"
	"pileus/service/s3"
	"pileus/service/s3/point"
	"pileus/store"

	api "pileus/api/s3control"
)

// resource is what a tag operation's ARN names: a bucket or an access point.
type resource struct {
	bucket string
	point  *point.Point
}

func findResource(r store.Reader, arn string) (resource, error) {
	a, ok := cloud.ParseARN(arn)
	if !ok || a.Service != "s3" {
		return resource{}, errNoResource
	}
	if name, ok := strings.CutPrefix(a.Resource, "accesspoint/"); ok {
		p, ok := point.Points.Get(r, a.Account, a.Region, name)
		if !ok {
			return resource{}, errNoResource
		}
		return resource{point: p}, nil
	}
	_, _, err := s3.BucketOwner(r, a.Resource)
	return resource{bucket: a.Resource}, err
}

// tagged is the resource as authorisation sees it.
func tagged(r store.Reader, account, arn string) (cloud.Resource, error) {
	x, err := findResource(r, arn)
	if err != nil {
		return cloud.Resource{}, err
	}
	if x.point != nil {
		return cloud.Resource{ARN: arn, Account: x.point.Account}, nil
	}
	owner, _, err := s3.BucketOwner(r, x.bucket)
	return cloud.Resource{ARN: arn, Account: owner}, err
}

func (x resource) tags(r store.Reader) ([][2]string, error) {
	if x.point != nil {
		return x.point.Tags, nil
	}
	return s3.BucketTags(r, x.bucket)
}

func (x resource) setTags(tx store.Tx, tags [][2]string) error {
	if x.point == nil {
		return s3.SetBucketTags(tx, x.bucket, tags)
	}
	changed := *x.point
	changed.Tags = tags
	point.Points.Put(tx, &changed)
	return nil
}

func listTagsForResource(c *cloud.Call, r store.Reader, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	x, err := findResource(r, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := x.tags(r)
	if err != nil {
		return nil, err
	}
	out := &api.ListTagsForResourceOutput{Tags: []api.Tag{}}
	for _, t := range tags {
		out.Tags = append(out.Tags, api.Tag{Key: t[0], Value: t[1]})
	}
	return out, nil
}

func tagResource(c *cloud.Call, tx store.Tx, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	return &api.TagResourceOutput{}, retag(tx, in.ResourceArn, func(tags [][2]string) [][2]string {
		for _, t := range in.Tags {
			at := slices.IndexFunc(tags, func(x [2]string) bool { return x[0] == t.Key })
			if at < 0 {
				tags = append(tags, [2]string{t.Key, t.Value})
			} else {
				tags[at][1] = t.Value
			}
		}
		return tags
	})
}

func untagResource(c *cloud.Call, tx store.Tx, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	return &api.UntagResourceOutput{}, retag(tx, in.ResourceArn, func(tags [][2]string) [][2]string {
		return slices.DeleteFunc(tags, func(x [2]string) bool { return slices.Contains(in.TagKeys, x[0]) })
	})
}

func retag(tx store.Tx, arn string, change func([][2]string) [][2]string) error {
	x, err := findResource(tx, arn)
	if err != nil {
		return err
	}
	tags, err := x.tags(tx)
	if err != nil {
		return err
	}
	return x.setTags(tx, change(slices.Clone(tags)))
}
