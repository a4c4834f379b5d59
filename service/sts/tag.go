package sts

import (
	"maps"
	"slices"
	"strings"

	api "pileus/api/sts"
	"pileus/cloud"
)

const tagsLimit = 50

// tagging is what becomes of a request's session tags
// (id_session-tags). Keys are compared without regard to case.
type tagging struct {
	requested  []api.Tag
	transitive []string          // keys that the next sessions in a chain inherit
	inherited  map[string]string // transitive tags of the caller's own session
}

// newTagging checks the tags of a request by a caller, who may be in a session
// that hands on tags of its own.
func newTagging(p *cloud.Principal, tags []api.Tag, transitive []string) (*tagging, error) {
	t := &tagging{requested: tags, inherited: map[string]string{}}
	for _, k := range p.TransitiveTags {
		t.inherited[k] = lookup(p.Tags, k)
	}
	if len(tags) > tagsLimit {
		return nil, errParameter("The number of session tags exceeds the limit of %d.", tagsLimit)
	}
	seen := map[string]bool{}
	for _, tag := range tags {
		k := strings.ToLower(tag.Key)
		switch {
		case seen[k]:
			return nil, errParameter("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		case strings.HasPrefix(k, "aws:"):
			return nil, errParameter("System tags cannot be added/updated/removed by requester")
		}
		seen[k] = true
	}
	for _, k := range transitive {
		if !seen[strings.ToLower(k)] {
			return nil, errParameter("The specified transitive tag key must be included in the requested tags.")
		}
	}
	for k := range t.inherited {
		if seen[strings.ToLower(k)] {
			return nil, errParameter("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
	}
	t.transitive = append(slices.Clone(p.TransitiveTags), transitive...)
	return t, nil
}

// over are the tags of the session: those of its role or user, over which the
// inherited and the requested ones lie.
func (t *tagging) over(base map[string]string) map[string]string {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]string{}
	}
	set := func(key, value string) {
		maps.DeleteFunc(out, func(k, _ string) bool { return strings.EqualFold(k, key) })
		out[key] = value
	}
	for k, v := range t.inherited {
		set(k, v)
	}
	for _, tag := range t.requested {
		set(tag.Key, tag.Value)
	}
	return out
}

// keys are the condition keys of the request's tags.
func (t *tagging) keys(k cloud.Keys) {
	for _, tag := range t.requested {
		k["aws:requesttag/"+strings.ToLower(tag.Key)] = []string{tag.Value}
		k["aws:tagkeys"] = append(k["aws:tagkeys"], tag.Key)
	}
}

func lookup(tags map[string]string, key string) string {
	for k, v := range tags {
		if strings.EqualFold(k, key) {
			return v
		}
	}
	return ""
}
