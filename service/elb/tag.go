package elb

import (
	"slices"

	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// maxTags is how many tags a load balancer can have.
const maxTags = 50

// addTags gives a load balancer tags beside or in place of those that it has.
func (b *balancer) addTags(in []api.Tag) error {
	list, err := tagsOf(in)
	if err != nil {
		return err
	}
	for _, t := range list {
		if i := slices.IndexFunc(b.Tags, func(o identity.Tag) bool { return o.Key == t.Key }); i >= 0 {
			b.Tags[i] = t
		} else {
			b.Tags = append(b.Tags, t)
		}
	}
	if len(b.Tags) > maxTags {
		return api.ErrTooManyTags.New("The quota for the number of tags that can be assigned to a load balancer has been reached")
	}
	return nil
}

func addTags(c *cloud.Call, tx store.Tx, in *api.AddTagsInput) (*api.AddTagsOutput, error) {
	for _, name := range in.LoadBalancerNames {
		b, err := find(c, tx, name)
		if err != nil {
			return nil, err
		}
		if err := b.addTags(in.Tags); err != nil {
			return nil, err
		}
		balancers.Put(tx, b)
	}
	return &api.AddTagsOutput{}, nil
}

func removeTags(c *cloud.Call, tx store.Tx, in *api.RemoveTagsInput) (*api.RemoveTagsOutput, error) {
	for _, name := range in.LoadBalancerNames {
		b, err := find(c, tx, name)
		if err != nil {
			return nil, err
		}
		b.Tags = slices.DeleteFunc(b.Tags, func(t identity.Tag) bool {
			return slices.ContainsFunc(in.Tags, func(k api.TagKeyOnly) bool { return cloud.Or(k.Key, "") == t.Key })
		})
		balancers.Put(tx, b)
	}
	return &api.RemoveTagsOutput{}, nil
}

func describeTags(c *cloud.Call, r store.Reader, in *api.DescribeTagsInput) (*api.DescribeTagsOutput, error) {
	out := &api.DescribeTagsOutput{TagDescriptions: []api.TagDescription{}}
	for _, name := range in.LoadBalancerNames {
		b, err := find(c, r, name)
		if err != nil {
			return nil, err
		}
		d := api.TagDescription{LoadBalancerName: &b.Name, Tags: []api.Tag{}}
		for _, t := range b.Tags {
			d.Tags = append(d.Tags, api.Tag{Key: t.Key, Value: &t.Value})
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}
