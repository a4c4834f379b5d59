package autoscaling

import (
	"slices"
	"strconv"
	"strings"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/service/autoscaling/launch"
	"pileus/store"
)

// list is a condition key with several values; none where there are none.
func list(name string, values []string) cloud.Keys {
	if len(values) == 0 {
		return nil
	}
	return cloud.Keys{"autoscaling:" + strings.ToLower(name): values}
}

func identifiers(sources []api.TrafficSourceIdentifier) (ids []string) {
	for _, t := range sources {
		ids = append(ids, t.Identifier)
	}
	return ids
}

// createChecks are those of a new group: with the tags that it would get, for
// which it also needs to be allowed to tag.
func createChecks(c *cloud.Call, r store.Reader, in *api.CreateAutoScalingGroupInput) ([]cloud.Check, error) {
	tags := tagMap(in.Tags)
	keys := cloud.TagKeys(tags)
	size(keys, "minsize", &in.MinSize)
	size(keys, "maxsize", &in.MaxSize)
	for name, values := range map[string][]string{"LoadBalancerNames": in.LoadBalancerNames, "TargetGroupARNs": in.TargetGroupARNs, "TrafficSourceIdentifiers": identifiers(in.TrafficSources)} {
		if len(values) > 0 {
			keys["autoscaling:"+strings.ToLower(name)] = values
		}
	}
	word(keys, "launchconfigurationname", in.LaunchConfigurationName)
	word(keys, "vpczoneidentifiers", in.VPCZoneIdentifier)
	template(keys, in.LaunchTemplate, in.MixedInstancesPolicy)
	res := group.Resource(c, r, in.AutoScalingGroupName)
	res.Tags = nil
	checks := []cloud.Check{{Action: "autoscaling:CreateAutoScalingGroup", Resource: res, Keys: keys}}
	if len(tags) > 0 {
		checks = append(checks, cloud.Check{Action: "autoscaling:CreateOrUpdateTags", Resource: res, Keys: keys})
	}
	return checks, nil
}

func updateKeys(in *api.UpdateAutoScalingGroupInput) cloud.Keys {
	keys := cloud.Keys{}
	size(keys, "minsize", in.MinSize)
	size(keys, "maxsize", in.MaxSize)
	word(keys, "launchconfigurationname", in.LaunchConfigurationName)
	word(keys, "vpczoneidentifiers", in.VPCZoneIdentifier)
	template(keys, in.LaunchTemplate, in.MixedInstancesPolicy)
	return keys
}

func size(keys cloud.Keys, name string, n *int32) {
	if n != nil {
		keys["autoscaling:"+name] = []string{strconv.Itoa(int(*n))}
	}
}

func word(keys cloud.Keys, name string, s *string) {
	if s != nil {
		keys["autoscaling:"+name] = []string{*s}
	}
}

// template says whether a launch template's version is given, and which
// instance types overrides name.
func template(keys cloud.Keys, t *api.LaunchTemplateSpecification, mixed *api.MixedInstancesPolicy) {
	if mixed != nil && mixed.LaunchTemplate != nil {
		t = mixed.LaunchTemplate.LaunchTemplateSpecification
		for _, o := range mixed.LaunchTemplate.Overrides {
			if o.InstanceType != nil {
				keys["autoscaling:instancetypes"] = append(keys["autoscaling:instancetypes"], *o.InstanceType)
			}
		}
	}
	if t != nil {
		keys["autoscaling:launchtemplateversionspecified"] = []string{strconv.FormatBool(t.Version != nil)}
	}
}

// launchChecks are those of a new launch configuration: its instance profile's
// role is passed to EC2.
func launchChecks(c *cloud.Call, r store.Reader, in *api.CreateLaunchConfigurationInput) ([]cloud.Check, error) {
	keys := cloud.Keys{}
	word(keys, "imageid", in.ImageId)
	word(keys, "instancetype", in.InstanceType)
	word(keys, "spotprice", in.SpotPrice)
	if m := in.MetadataOptions; m != nil {
		word(keys, "metadatahttpendpoint", m.HttpEndpoint)
		word(keys, "metadatahttptokens", m.HttpTokens)
		size(keys, "metadatahttpputresponsehoplimit", m.HttpPutResponseHopLimit)
	}
	check := cloud.Check{Action: "autoscaling:CreateLaunchConfiguration", Resource: configuration(c, r, in.LaunchConfigurationName), Keys: keys}
	return append([]cloud.Check{check}, launch.Passing(r, c.Account, in.IamInstanceProfile)...), nil
}

// tagChecks are those of an operation on tags: one for each group.
func tagChecks(c *cloud.Call, r store.Reader, action string, tags []api.Tag) (checks []cloud.Check) {
	of := map[string][]api.Tag{}
	var names []string
	for _, t := range tags {
		name := cloud.Or(t.ResourceId, "*")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		of[name] = append(of[name], t)
	}
	for _, name := range names {
		checks = append(checks, group.Tagged(cloud.Check{Action: action, Resource: group.Resource(c, r, name), Keys: cloud.TagKeys(tagMap(of[name]))}))
	}
	return checks
}

func tagMap(tags []api.Tag) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		m[t.Key] = cloud.Or(t.Value, "")
	}
	return m
}
