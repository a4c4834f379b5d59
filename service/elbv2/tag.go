package elbv2

import (
	"slices"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// newTags are the tags of a request that makes something.
func newTags(list []api.Tag) (identity.Tags, error) { return mergeTags(nil, list) }

func mergeTags(have identity.Tags, list []api.Tag) (identity.Tags, error) {
	tags, seen := slices.Clone(have), map[string]bool{}
	for _, t := range list {
		if seen[t.Key] {
			return nil, api.ErrDuplicateTagKeys.New("Duplicate tag keys found: '%s'", t.Key)
		}
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, invalid("Tag key '%s' cannot begin with 'aws:'", t.Key)
		}
		seen[t.Key] = true
		x := identity.Tag{Key: t.Key, Value: cloud.Or(t.Value, "")}
		if i := slices.IndexFunc(tags, func(o identity.Tag) bool { return o.Key == t.Key }); i >= 0 {
			tags[i] = x
		} else {
			tags = append(tags, x)
		}
	}
	if len(tags) > maxTags {
		return nil, api.ErrTooManyTags.New("The maximum number of tags has been reached")
	}
	return tags, nil
}

// tagged is a resource that can have tags.
type tagged struct {
	tags identity.Tags
	put  func(tx store.Tx, tags identity.Tags)
}

// findTagged is the resource with an ARN, whatever it is.
func findTagged(c *cloud.Call, r store.Reader, arn string) (tagged, error) {
	switch kindOf(arn) {
	case "loadbalancer":
		b, err := findBalancer(c, r, arn)
		if err != nil {
			return tagged{}, err
		}
		return tagged{b.Tags, func(tx store.Tx, tags identity.Tags) { d := *b; d.Tags = tags; balancers.Put(tx, &d) }}, nil
	case "targetgroup":
		g, err := findGroup(c, r, arn)
		if err != nil {
			return tagged{}, err
		}
		return tagged{g.Tags, func(tx store.Tx, tags identity.Tags) { d := *g; d.Tags = tags; groups.Put(tx, &d) }}, nil
	case "listener":
		l, err := findListener(c, r, arn)
		if err != nil {
			return tagged{}, err
		}
		return tagged{l.Tags, func(tx store.Tx, tags identity.Tags) { d := *l; d.Tags = tags; listeners.Put(tx, &d) }}, nil
	case "listener-rule":
		v, err := findRule(c, r, arn)
		if err != nil {
			return tagged{}, err
		}
		return tagged{v.Tags, func(tx store.Tx, tags identity.Tags) { d := *v; d.Tags = tags; rules.Put(tx, &d) }}, nil
	case "truststore":
		t, err := findStore(c, r, arn)
		if err != nil {
			return tagged{}, err
		}
		return tagged{t.Tags, func(tx store.Tx, tags identity.Tags) { d := *t; d.Tags = tags; trustStores.Put(tx, &d) }}, nil
	}
	return tagged{}, invalid("'%s' is not a valid resource ARN", arn)
}

// mostTagged is how many resources one request may name.
const mostTagged = 20

func (s *elb) addTags(c *cloud.Call, tx store.Tx, in *api.AddTagsInput) (*api.AddTagsOutput, error) {
	if len(in.ResourceArns) > mostTagged {
		return nil, invalid("You can specify up to %d resources", mostTagged)
	}
	for _, arn := range in.ResourceArns {
		t, err := findTagged(c, tx, arn)
		if err != nil {
			return nil, err
		}
		tags, err := mergeTags(t.tags, in.Tags)
		if err != nil {
			return nil, err
		}
		t.put(tx, tags)
	}
	return &api.AddTagsOutput{}, nil
}

func (s *elb) removeTags(c *cloud.Call, tx store.Tx, in *api.RemoveTagsInput) (*api.RemoveTagsOutput, error) {
	for _, arn := range in.ResourceArns {
		t, err := findTagged(c, tx, arn)
		if err != nil {
			return nil, err
		}
		t.put(tx, slices.DeleteFunc(slices.Clone(t.tags), func(x identity.Tag) bool { return slices.Contains(in.TagKeys, x.Key) }))
	}
	return &api.RemoveTagsOutput{}, nil
}

func (s *elb) describeTags(c *cloud.Call, r store.Reader, in *api.DescribeTagsInput) (*api.DescribeTagsOutput, error) {
	if len(in.ResourceArns) > mostTagged {
		return nil, invalid("You can specify up to %d resources", mostTagged)
	}
	out := &api.DescribeTagsOutput{TagDescriptions: []api.TagDescription{}}
	for _, arn := range in.ResourceArns {
		t, err := findTagged(c, r, arn)
		if err != nil {
			return nil, err
		}
		d := api.TagDescription{ResourceArn: &arn, Tags: []api.Tag{}}
		for _, x := range t.tags {
			d.Tags = append(d.Tags, api.Tag{Key: x.Key, Value: &x.Value})
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}
