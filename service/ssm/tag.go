package ssm

import (
	"slices"

	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// maxTags of a parameter.
const maxTags = 50

func apiTags(list []api.Tag) identity.Tags {
	var tags identity.Tags
	for _, t := range list {
		i := slices.IndexFunc(tags, func(o identity.Tag) bool { return o.Key == t.Key })
		if i < 0 {
			tags = append(tags, identity.Tag{Key: t.Key, Value: t.Value})
		} else {
			tags[i].Value = t.Value
		}
	}
	return tags
}

func checkTags(tags identity.Tags) error {
	if len(tags) > maxTags {
		return api.ErrTooManyTagsError.New("The request exceeds the maximum of %d tags.", maxTags)
	}
	return nil
}

// tagged is the parameter that a tagging operation names. Of the resources of
// Systems Manager that have tags, parameters are those that exist here.
func tagged(c *cloud.Call, r store.Reader, kind, id string) (*parameter, error) {
	if kind != api.ResourceTypeForTaggingParameter {
		return nil, api.ErrInvalidResourceId.New("The resource ID isn't valid. Verify that you entered the correct ID and try again.")
	}
	n, err := parseName(c, id)
	if err != nil {
		return nil, err
	}
	p, ok := n.locate(r)
	if !ok || p.Account != c.Account {
		return nil, api.ErrInvalidResourceId.New("The resource ID isn't valid. Verify that you entered the correct ID and try again.")
	}
	return p, nil
}

func addTagsToResource(c *cloud.Call, tx store.Tx, in *api.AddTagsToResourceInput) (*api.AddTagsToResourceOutput, error) {
	p, err := tagged(c, tx, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	all := make([]api.Tag, 0, len(p.Tags)+len(in.Tags))
	for _, t := range p.Tags {
		all = append(all, api.Tag{Key: t.Key, Value: t.Value})
	}
	changed := *p
	changed.Tags = apiTags(append(all, in.Tags...))
	if err := checkTags(changed.Tags); err != nil {
		return nil, err
	}
	parameters.Put(tx, &changed)
	return &api.AddTagsToResourceOutput{}, nil
}

func removeTagsFromResource(c *cloud.Call, tx store.Tx, in *api.RemoveTagsFromResourceInput) (*api.RemoveTagsFromResourceOutput, error) {
	p, err := tagged(c, tx, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	changed := *p
	changed.Tags = slices.DeleteFunc(slices.Clone(p.Tags), func(t identity.Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
	parameters.Put(tx, &changed)
	return &api.RemoveTagsFromResourceOutput{}, nil
}

func listTagsForResource(c *cloud.Call, r store.Reader, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	p, err := tagged(c, r, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	out := &api.ListTagsForResourceOutput{TagList: []api.Tag{}}
	for _, t := range p.Tags {
		out.TagList = append(out.TagList, api.Tag{Key: t.Key, Value: t.Value})
	}
	return out, nil
}
