package cloudwatch

import (
	"maps"
	"slices"
	"strings"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// maxTags is how many tags a resource can have.
const maxTags = 50

// tagging is the tags of something, and how they are kept.
type tagging struct {
	Tags map[string]string
	keep func(store.Tx)
}

// tagged is what has an ARN: of what can have tags, what there is.
func tagged(c *cloud.Call, r store.Reader, arn string) (*tagging, error) {
	t := &tagging{}
	if name, ok := strings.CutPrefix(arn, alarmARN(c, "")); ok {
		if a, ok := alarms.Get(r, c.Account, c.Region, name); ok {
			t.Tags, t.keep = a.Tags, func(tx store.Tx) { a.Tags = t.Tags; alarms.Put(tx, a) }
		}
	} else if name, ok := strings.CutPrefix(arn, muteARN(c, "")); ok {
		if x, ok := muteRules.Get(r, c.Account, c.Region, name); ok {
			t.Tags, t.keep = x.Tags, func(tx store.Tx) { x.Tags = t.Tags; muteRules.Put(tx, x) }
		}
	} else if name, ok := strings.CutPrefix(arn, streamARN(c, "")); ok {
		if x, ok := streams.Get(r, c.Account, c.Region, name); ok {
			t.Tags, t.keep = x.Tags, func(tx store.Tx) { x.Tags = t.Tags; streams.Put(tx, x) }
		}
	} else if name, ok := strings.CutPrefix(arn, ruleARN(c, "")); ok {
		if x, ok := insightRules.Get(r, c.Account, c.Region, name); ok {
			t.Tags, t.keep = x.Tags, func(tx store.Tx) { x.Tags = t.Tags; insightRules.Put(tx, x) }
		}
	} else if name, ok := strings.CutPrefix(arn, dashboardARN(c, "")); ok {
		if d, ok := dashboards.Get(r, c.Account, name); ok {
			t.Tags, t.keep = d.Tags, func(tx store.Tx) { d.Tags = t.Tags; dashboards.Put(tx, d) }
		}
	}
	if t.keep == nil {
		return nil, api.ErrResourceNotFoundException.New("The specified resource does not exist: %s", arn)
	}
	return t, nil
}

func tagResource(c *cloud.Call, tx store.Tx, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	t, err := tagged(c, tx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	if t.Tags == nil {
		t.Tags = map[string]string{}
	}
	for _, tag := range in.Tags {
		if strings.HasPrefix(strings.ToLower(tag.Key), "aws:") {
			return nil, badValue(tag.Key, "Tags")
		}
		t.Tags[tag.Key] = tag.Value
	}
	if len(t.Tags) > maxTags {
		return nil, invalid("The number of tags must not exceed %d.", maxTags)
	}
	t.keep(tx)
	return &api.TagResourceOutput{}, nil
}

func untagResource(c *cloud.Call, tx store.Tx, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	t, err := tagged(c, tx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(t.Tags, k)
	}
	t.keep(tx)
	return &api.UntagResourceOutput{}, nil
}

func listTagsForResource(c *cloud.Call, r store.Reader, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	a, err := tagged(c, r, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	out := &api.ListTagsForResourceOutput{Tags: []api.Tag{}}
	for _, k := range slices.Sorted(maps.Keys(a.Tags)) {
		out.Tags = append(out.Tags, api.Tag{Key: k, Value: a.Tags[k]})
	}
	return out, nil
}
