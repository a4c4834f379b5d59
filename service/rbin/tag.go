package rbin

import (
	"maps"
	"slices"
	"strings"

	api "pileus/api/rbin"
	"pileus/cloud"
	"pileus/store"
)

const maxTags = 50

// tag sets tags.
func (x *rule) tag(tags []api.Tag) error {
	for _, t := range tags {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return errInvalid("Tag keys cannot begin with aws:.")
		}
		if x.Tags == nil {
			x.Tags = map[string]string{}
		}
		x.Tags[t.Key] = t.Value
	}
	if len(x.Tags) > maxTags {
		return errQuota("A rule can have at most %d tags.", maxTags)
	}
	return nil
}

func (x *rule) tags() []api.Tag {
	list := []api.Tag{}
	for _, k := range slices.Sorted(maps.Keys(x.Tags)) {
		list = append(list, api.Tag{Key: k, Value: x.Tags[k]})
	}
	return list
}

// byARN is the rule of an ARN.
func byARN(c *cloud.Call, r store.Reader, arn string) (*rule, error) {
	a, ok := cloud.ParseARN(arn)
	id, isRule := strings.CutPrefix(a.Resource, "rule/")
	if !ok || !isRule || a.Account != c.Account || a.Region != c.Region {
		return nil, errNoRule()
	}
	return find(c, r, id)
}

func tagResource(c *cloud.Call, tx store.Tx, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	x, err := byARN(c, tx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := x.tag(in.Tags); err != nil {
		return nil, err
	}
	rules.Put(tx, x)
	return &api.TagResourceOutput{}, nil
}

func untagResource(c *cloud.Call, tx store.Tx, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	x, err := byARN(c, tx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(x.Tags, k)
	}
	rules.Put(tx, x)
	return &api.UntagResourceOutput{}, nil
}

func listTags(c *cloud.Call, r store.Reader, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	x, err := byARN(c, r, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &api.ListTagsForResourceOutput{Tags: x.tags()}, nil
}
