package organizations

import (
	"slices"
	"strings"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const tagsLimit = 50

// tagged is something that has tags.
type tagged struct {
	tags identity.Tags
	put  func(tx store.Tx, tags identity.Tags)
}

// taggedThing finds what an id names in the organization.
func taggedThing(r store.Reader, org *identity.Organization, id string) (tagged, bool) {
	switch {
	case id == org.RootID:
		return tagged{org.RootTags, func(tx store.Tx, tags identity.Tags) {
			d := *org
			d.RootTags = tags
			identity.Organizations.Put(tx, &d)
		}}, true
	case id == org.ResourcePolicyID && id != "":
		return tagged{org.ResourcePolicyTags, func(tx store.Tx, tags identity.Tags) {
			d := *org
			d.ResourcePolicyTags = tags
			identity.Organizations.Put(tx, &d)
		}}, true
	case identity.IsAccountID(id):
		m, ok := identity.Members.Get(r, id)
		if !ok || m.Organization != org.ID {
			return tagged{}, false
		}
		return tagged{m.Tags, func(tx store.Tx, tags identity.Tags) {
			d := *m
			d.Tags = tags
			identity.Members.Put(tx, &d)
		}}, true
	}
	if u, ok := identity.Units.Get(r, org.ID, id); ok {
		return tagged{u.Tags, func(tx store.Tx, tags identity.Tags) {
			u.Tags = tags
			identity.Units.Put(tx, u)
		}}, true
	}
	if p, ok := identity.OrgPolicies.Get(r, org.ID, id); ok && !p.AWSManaged {
		return tagged{p.Tags, func(tx store.Tx, tags identity.Tags) {
			p.Tags = tags
			identity.OrgPolicies.Put(tx, p)
		}}, true
	}
	return tagged{}, false
}

func findTagged(c *cloud.Call, r store.Reader, id string) (tagged, error) {
	org, err := own(c, r)
	if err != nil {
		return tagged{}, err
	}
	t, ok := taggedThing(r, org, id)
	if !ok {
		return tagged{}, errNoTarget()
	}
	return t, nil
}

// addTags is old with more laid over it. Keys differ by case.
func addTags(old identity.Tags, more []api.Tag) (identity.Tags, error) {
	out := slices.Clone(old)
	seen := map[string]bool{}
	for _, t := range more {
		switch {
		case seen[t.Key]:
			return nil, errInput(api.InvalidInputExceptionReasonDuplicateTagKey, "Tag keys must be unique among the tags attached to the same entity.")
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, errInput(api.InvalidInputExceptionReasonInvalidSystemTagsParameter, "You specified a tag key that is a system tag. You can't add, edit, or delete system tag keys because they're reserved for AWS use.")
		}
		seen[t.Key] = true
		if i := slices.IndexFunc(out, func(x identity.Tag) bool { return x.Key == t.Key }); i >= 0 {
			out[i].Value = t.Value
		} else {
			out = append(out, identity.Tag{Key: t.Key, Value: t.Value})
		}
	}
	if len(out) > tagsLimit {
		return nil, errConstraint(api.ConstraintViolationExceptionReasonMaxTagLimitExceeded, "You have exceeded the number of tags allowed on this resource.")
	}
	return out, nil
}

func tagResource(c *cloud.Call, tx store.Tx, in *api.TagResourceInput) (*cloud.Empty, error) {
	t, err := findTagged(c, tx, in.ResourceId)
	if err != nil {
		return nil, err
	}
	tags, err := addTags(t.tags, in.Tags)
	if err != nil {
		return nil, err
	}
	t.put(tx, tags)
	return new(cloud.Empty), nil
}

func untagResource(c *cloud.Call, tx store.Tx, in *api.UntagResourceInput) (*cloud.Empty, error) {
	t, err := findTagged(c, tx, in.ResourceId)
	if err != nil {
		return nil, err
	}
	t.put(tx, slices.DeleteFunc(slices.Clone(t.tags), func(x identity.Tag) bool { return slices.Contains(in.TagKeys, x.Key) }))
	return new(cloud.Empty), nil
}

func listTagsForResource(c *cloud.Call, r store.Reader, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	t, err := findTagged(c, r, in.ResourceId)
	if err != nil {
		return nil, err
	}
	list, next, err := cut(t.tags, in.NextToken, nil)
	return &api.ListTagsForResourceOutput{
		Tags: views(list, func(x identity.Tag) api.Tag { return api.Tag{Key: x.Key, Value: x.Value} }), NextToken: next,
	}, err
}
