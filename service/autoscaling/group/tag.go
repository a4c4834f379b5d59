package group

import (
	"cmp"
	"slices"
	"strings"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

const groupKind = "auto-scaling-group"

// tag gives a clone of a group a tag.
func (g *Group) tag(t api.Tag) error {
	if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
		return Invalid("Tag keys starting with 'aws:' are reserved for internal use")
	}
	if kind := cloud.Or(t.ResourceType, groupKind); kind != groupKind {
		return Invalid("Tag resource type %s is not valid. Valid types are: [%s]", kind, groupKind)
	}
	n := Tag{Key: t.Key, Value: cloud.Or(t.Value, ""), Propagate: cloud.Or(t.PropagateAtLaunch, false)}
	if at := slices.IndexFunc(g.Tags, func(o Tag) bool { return o.Key == t.Key }); at >= 0 {
		g.Tags[at] = n
		return nil
	}
	g.Tags = append(g.Tags, n)
	slices.SortFunc(g.Tags, func(a, b Tag) int { return cmp.Compare(a.Key, b.Key) })
	if len(g.Tags) > mostTags {
		return errLimit("tags of an AutoScalingGroup", mostTags)
	}
	return nil
}

// TagMap are the group's tags, as policies see them.
func (g *Group) TagMap() map[string]string {
	m := map[string]string{}
	for _, t := range g.Tags {
		m[t.Key] = t.Value
	}
	return m
}

func (g *Group) tags() []api.TagDescription {
	out := []api.TagDescription{}
	for _, t := range g.Tags {
		out = append(out, g.described(t))
	}
	return out
}

func (g *Group) described(t Tag) api.TagDescription {
	return api.TagDescription{ResourceId: &g.Name, ResourceType: new(groupKind), Key: &t.Key, Value: &t.Value, PropagateAtLaunch: &t.Propagate}
}

func createOrUpdateTags(c *cloud.Call, tx store.Tx, in *api.CreateOrUpdateTagsInput) (*cloud.Empty, error) {
	for _, t := range in.Tags {
		g, err := findTagged(c, tx, t)
		if err != nil {
			return nil, err
		}
		d := g.Clone()
		if err := d.tag(t); err != nil {
			return nil, err
		}
		Groups.Put(tx, d)
	}
	return &cloud.Empty{}, nil
}

// findTagged is the group that a tag names.
func findTagged(c *cloud.Call, r store.Reader, t api.Tag) (*Group, error) {
	if t.ResourceId == nil {
		return nil, Invalid("ResourceId is required")
	}
	g, err := Find(c, r, *t.ResourceId)
	if err != nil {
		return nil, Invalid("No auto scaling group with id %s of type %s exists", *t.ResourceId, groupKind)
	}
	return g, nil
}

func deleteTags(c *cloud.Call, tx store.Tx, in *api.DeleteTagsInput) (*cloud.Empty, error) {
	for _, t := range in.Tags {
		g, err := findTagged(c, tx, t)
		if err != nil {
			return nil, err
		}
		d := g.Clone()
		d.Tags = slices.DeleteFunc(d.Tags, func(o Tag) bool {
			return o.Key == t.Key && (t.Value == nil || *t.Value == o.Value)
		})
		Groups.Put(tx, d)
	}
	return &cloud.Empty{}, nil
}

// tagFields are what DescribeTags can filter by.
var tagFields = map[string]func(g *Group, t Tag) string{
	"auto-scaling-group":  func(g *Group, _ Tag) string { return g.Name },
	"key":                 func(_ *Group, t Tag) string { return t.Key },
	"value":               func(_ *Group, t Tag) string { return t.Value },
	"propagate-at-launch": func(_ *Group, t Tag) string { return map[bool]string{true: "true", false: "false"}[t.Propagate] },
}

func describeTags(c *cloud.Call, r store.Reader, in *api.DescribeTagsInput) (*api.DescribeTagsOutput, error) {
	for _, f := range in.Filters {
		if tagFields[cloud.Or(f.Name, "")] == nil {
			return nil, Invalid("Filter type %s is not correct. Allowed Filter types are: auto-scaling-group key value propagate-at-launch", cloud.Or(f.Name, ""))
		}
	}
	var all []api.TagDescription
	for g := range Groups.Scan(r, c.Account, c.Region) {
		for _, t := range g.Tags {
			keep := true
			for _, f := range in.Filters {
				keep = keep && slices.Contains(f.Values, tagFields[*f.Name](g, t))
			}
			if keep {
				all = append(all, g.described(t))
			}
		}
	}
	list, next, err := page(all, in.MaxRecords, in.NextToken, func(t api.TagDescription) string { return *t.ResourceId + "\n" + *t.Key })
	return &api.DescribeTagsOutput{Tags: list, NextToken: next}, err
}
