package resource

import (
	"maps"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/store"
)

// On is a resource that exists, as authorisation sees it: its ARN and tags.
// One that does not exist is seen without tags; the handler answers that it is
// not there.
func On(c *cloud.Call, r store.Reader, kind, id string) cloud.Resource {
	res := cloud.Resource{ARN: arn(c, kind, id), Account: c.Account}
	if e, ok := Find(c, r, id); ok {
		res.Tags = e.Tags.Map()
	}
	return res
}

// New is a resource that the call would create.
func New(c *cloud.Call, kind string) cloud.Resource {
	return cloud.Resource{ARN: arn(c, kind, "*"), Account: c.Account}
}

// arn names a resource. Snapshots and images have no account in theirs.
func arn(c *cloud.Call, kind, id string) string {
	if kind == "snapshot" || kind == "image" {
		return c.In("", c.Region).ARN("ec2", kind+"/"+id)
	}
	return c.ARN("ec2", kind+"/"+id)
}

// CreateChecks are the checks of an operation that creates a resource of a
// kind: action on what it would create, with the tags that it would get, and
// ec2:CreateTags where it gets any.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
func CreateChecks(c *cloud.Call, operation, kind string, specs []api.TagSpecification) []cloud.Check {
	tags, err := SpecifiedTags(specs, kind)
	if err != nil {
		tags = nil // the handler refuses them
	}
	keys := cloud.TagKeys(tags.Map())
	checks := []cloud.Check{{Action: "ec2:" + operation, Resource: New(c, kind), Keys: keys}}
	if len(tags) > 0 {
		withAction := cloud.Keys{"ec2:createaction": {operation}}
		for k, v := range keys {
			withAction[k] = v
		}
		checks = append(checks, cloud.Check{Action: "ec2:CreateTags", Resource: New(c, kind), Keys: withAction})
	}
	return checks
}

// Creates declares an operation that creates a resource of a kind and needs
// nothing else. Others compose CreateChecks with checks of their own.
func Creates[In, Out any](o *cloud.Op[In, Out], kind string, specs func(In) []api.TagSpecification) cloud.Access {
	return o.Decides([]string{"ec2:" + o.Name}, func(c *cloud.Call, _ store.Reader, in In) ([]cloud.Check, error) {
		var list []api.TagSpecification
		if specs != nil {
			list = specs(in)
		}
		return CreateChecks(c, o.Name, kind, list), nil
	})
}

// Acts declares an operation on one resource that exists.
func Acts[In, Out any](o *cloud.Op[In, Out], kind string, id func(In) string) cloud.Access {
	return o.Needs("ec2:"+o.Name, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		return On(c, r, kind, id(in)), nil
	})
}

// ActsOnAll declares an operation on several resources of one kind.
func ActsOnAll[In, Out any](o *cloud.Op[In, Out], kind string, ids func(In) []string) cloud.Access {
	return o.Decides([]string{"ec2:" + o.Name}, func(c *cloud.Call, r store.Reader, in In) (checks []cloud.Check, err error) {
		for _, id := range ids(in) {
			checks = append(checks, cloud.Check{Action: "ec2:" + o.Name, Resource: On(c, r, kind, id)})
		}
		return checks, nil
	})
}

// Looks declares an operation without resource-level permissions, as nearly
// all of Describe* are.
func Looks[In, Out any](o *cloud.Op[In, Out]) cloud.Access { return o.Needs("ec2:"+o.Name, nil) }

// byTag gives policies the tags of resources under EC2's own name for them,
// ec2:ResourceTag, beside aws:ResourceTag.
func byTag(a cloud.Access) cloud.Access {
	checks := a.Checks
	if checks == nil {
		return a
	}
	a.Checks = func(c *cloud.Call, r store.Reader, in any) ([]cloud.Check, error) {
		list, err := checks(c, r, in)
		for i := range list {
			if len(list[i].Resource.Tags) == 0 {
				continue
			}
			keys := cloud.Keys{}
			maps.Copy(keys, list[i].Keys)
			for k, v := range list[i].Resource.Tags {
				keys["ec2:resourcetag/"+strings.ToLower(k)] = []string{v}
			}
			list[i].Keys = keys
		}
		return list, err
	}
	return a
}
