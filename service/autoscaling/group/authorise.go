package group

import (
	"maps"
	"strings"

	"pileus/cloud"
	"pileus/store"
)

// Resource is a group as authorisation sees it. One that does not exist is seen
// without tags; the handler answers that it is not there.
func Resource(c *cloud.Call, r store.Reader, name string) cloud.Resource {
	if _, after, ok := strings.Cut(name, ":autoScalingGroupName/"); ok {
		name = after
	}
	if g, err := Find(c, r, name); err == nil {
		return cloud.Resource{ARN: g.ARN(c), Account: c.Account, Tags: g.TagMap()}
	}
	return cloud.Resource{ARN: c.ARN("autoscaling", "autoScalingGroup:*:autoScalingGroupName/"+name), Account: c.Account}
}

// Tagged gives a check the tags of its resource under the service's own name
// for them too.
func Tagged(k cloud.Check) cloud.Check {
	keys := cloud.Keys{}
	maps.Copy(keys, k.Keys)
	for name, v := range k.Resource.Tags {
		keys["autoscaling:resourcetag/"+strings.ToLower(name)] = []string{v}
	}
	k.Keys = keys
	return k
}

// On declares an operation on one group, with the condition keys that its input
// makes; nil for none.
func On[In, Out any](o *cloud.Op[In, Out], name func(In) string, keys func(In) cloud.Keys) cloud.Access {
	action := "autoscaling:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		k := cloud.Check{Action: action, Resource: Resource(c, r, name(in))}
		if keys != nil {
			k.Keys = keys(in)
		}
		return []cloud.Check{Tagged(k)}, nil
	})
}
