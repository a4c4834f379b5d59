package dlm

import (
	"strings"

	api "pileus/api/dlm"
	"pileus/cloud"
	"pileus/store"
)

const maxTags = 50

// byARN is the policy of an ARN.
func byARN(c *cloud.Call, r store.Reader, arn string) (*policy, error) {
	a, ok := cloud.ParseARN(arn)
	id, isPolicy := strings.CutPrefix(a.Resource, "policy/")
	if !ok || !isPolicy || a.Account != c.Account || a.Region != c.Region {
		return nil, errInvalid("Invalid ARN: %s.", arn)
	}
	return find(c, r, id)
}

func tagResource(c *cloud.Call, tx store.Tx, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	p, err := byARN(c, tx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if p.Tags == nil {
		p.Tags = map[string]string{}
	}
	for k, v := range in.Tags {
		p.Tags[k] = v
	}
	if len(p.Tags) > maxTags {
		return nil, errInvalid("A policy can have at most %d tags.", maxTags)
	}
	policies.Put(tx, p)
	return &api.TagResourceOutput{}, nil
}

func untagResource(c *cloud.Call, tx store.Tx, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	p, err := byARN(c, tx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(p.Tags, k)
	}
	policies.Put(tx, p)
	return &api.UntagResourceOutput{}, nil
}

func listTags(c *cloud.Call, r store.Reader, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	p, err := byARN(c, r, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags := p.Tags
	if tags == nil {
		tags = map[string]string{}
	}
	return &api.ListTagsForResourceOutput{Tags: tags}, nil
}
