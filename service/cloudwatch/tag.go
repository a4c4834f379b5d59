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

// tagged is the alarm with an ARN: of what can have tags, what there is.
func tagged(c *cloud.Call, r store.Reader, arn string) (*alarm, error) {
	name, ok := strings.CutPrefix(arn, alarmARN(c, ""))
	if ok {
		if a, ok := alarms.Get(r, c.Account, c.Region, name); ok {
			return a, nil
		}
	}
	return nil, api.ErrResourceNotFoundException.New("The specified resource does not exist: %s", arn)
}

func tagResource(c *cloud.Call, tx store.Tx, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	a, err := tagged(c, tx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	if a.Tags == nil {
		a.Tags = map[string]string{}
	}
	for _, t := range in.Tags {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, badValue(t.Key, "Tags")
		}
		a.Tags[t.Key] = t.Value
	}
	if len(a.Tags) > maxTags {
		return nil, invalid("The number of tags must not exceed %d.", maxTags)
	}
	alarms.Put(tx, a)
	return &api.TagResourceOutput{}, nil
}

func untagResource(c *cloud.Call, tx store.Tx, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	a, err := tagged(c, tx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	for _, k := range in.TagKeys {
		delete(a.Tags, k)
	}
	alarms.Put(tx, a)
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
