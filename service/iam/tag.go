package iam

import (
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// tagged is something that has tags, and how to keep them.
type tagged struct {
	tags *identity.Tags
	save func(store.Tx)
}

// newTags checks the tags of a create request.
func newTags(in []api.Tag) (identity.Tags, error) {
	var t identity.Tags
	err := mergeTags(&t, in)
	return t, err
}

// mergeTags adds tags or replaces their values. Keys are compared without
// regard to case; a tag whose case differs replaces the other.
func mergeTags(t *identity.Tags, in []api.Tag) error {
	seen := map[string]bool{}
	out := append(identity.Tags(nil), *t...)
	for _, tag := range in {
		key := strings.ToLower(tag.Key)
		if seen[key] {
			return api.ErrInvalidInput.New("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[key] = true
		if strings.HasPrefix(key, "aws:") {
			return api.ErrInvalidInput.New("Tag keys starting with aws: are reserved for system use")
		}
		if i := tagIndex(out, key); i >= 0 {
			out[i] = identity.Tag{Key: tag.Key, Value: tag.Value}
		} else {
			out = append(out, identity.Tag{Key: tag.Key, Value: tag.Value})
		}
	}
	if len(out) > tagsQuota {
		return api.ErrLimitExceeded.New("The number of tags has reached the maximum limit.")
	}
	*t = out
	return nil
}

func tagIndex(t identity.Tags, key string) int {
	for i := range t {
		if strings.EqualFold(t[i].Key, key) {
			return i
		}
	}
	return -1
}

func tagViews(t identity.Tags) []api.Tag {
	return views(t, func(x identity.Tag) api.Tag { return api.Tag{Key: x.Key, Value: x.Value} })
}

// optionalTags leaves the element out where there are no tags.
func optionalTags(t identity.Tags) []api.Tag {
	if len(t) == 0 {
		return nil
	}
	return tagViews(t)
}

func tag(tx store.Tx, x tagged, err error, in []api.Tag) (*cloud.Empty, error) {
	if err != nil {
		return nil, err
	}
	if err := mergeTags(x.tags, in); err != nil {
		return nil, err
	}
	x.save(tx)
	return new(cloud.Empty), nil
}

func untag(tx store.Tx, x tagged, err error, keys []string) (*cloud.Empty, error) {
	if err != nil {
		return nil, err
	}
	kept := identity.Tags{}
	for _, t := range *x.tags {
		gone := false
		for _, k := range keys {
			gone = gone || strings.EqualFold(k, t.Key)
		}
		if !gone {
			kept = append(kept, t)
		}
	}
	*x.tags = kept
	x.save(tx)
	return new(cloud.Empty), nil
}

func listTags(x tagged, err error, marker *string, max *int32) ([]api.Tag, paging, error) {
	if err != nil {
		return nil, paging{}, err
	}
	return pageSlice(tagViews(*x.tags), marker, max)
}
