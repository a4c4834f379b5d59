package fis

import (
	"strings"

	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/store"
)

const maxTags = 50

// tagged changes the tags of what an ARN names: a template or an experiment.
func tagged(c *cloud.Call, tx store.Tx, arn string, change func(tags map[string]string) map[string]string) error {
	t, e, err := byARN(c, tx, arn)
	switch {
	case err != nil:
		return err
	case t != nil:
		if t.Tags = change(clone(t.Tags)); len(t.Tags) > maxTags {
			return errInvalid("A resource can have at most %d tags.", maxTags)
		}
		templates.Put(tx, t)
	default:
		if e.Tags = change(clone(e.Tags)); len(e.Tags) > maxTags {
			return errInvalid("A resource can have at most %d tags.", maxTags)
		}
		experiments.Put(tx, e)
	}
	return nil
}

// byARN is the template or the experiment of an ARN.
func byARN(c *cloud.Call, r store.Reader, arn string) (*template, *experiment, error) {
	a, ok := cloud.ParseARN(arn)
	if !ok || a.Service != "fis" || a.Account != c.Account || a.Region != c.Region {
		return nil, nil, errInvalid("Invalid resource ARN: %s", arn)
	}
	kind, id, _ := strings.Cut(a.Resource, "/")
	switch kind {
	case "experiment-template":
		t, err := findTemplate(c, r, id)
		return t, nil, err
	case "experiment":
		e, err := findExperiment(c, r, id)
		return nil, e, err
	}
	return nil, nil, errInvalid("Invalid resource ARN: %s", arn)
}

func tagResource(c *cloud.Call, tx store.Tx, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	return &api.TagResourceOutput{}, tagged(c, tx, in.ResourceArn, func(tags map[string]string) map[string]string {
		for k, v := range in.Tags {
			tags[k] = v
		}
		return tags
	})
}

func untagResource(c *cloud.Call, tx store.Tx, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	return &api.UntagResourceOutput{}, tagged(c, tx, in.ResourceArn, func(tags map[string]string) map[string]string {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
		if len(in.TagKeys) == 0 {
			clear(tags)
		}
		return tags
	})
}

func listTagsForResource(c *cloud.Call, r store.Reader, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	t, e, err := byARN(c, r, in.ResourceArn)
	switch {
	case err != nil:
		return nil, err
	case t != nil:
		return &api.ListTagsForResourceOutput{Tags: clone(t.Tags)}, nil
	}
	return &api.ListTagsForResourceOutput{Tags: clone(e.Tags)}, nil
}
