package template

import (
	"encoding/json"
	"strings"

	api "pileus/api/ec2"
	apissm "pileus/api/ssm"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Applied is a request to run instances with what its launch template adds:
// parameters of the request take the place of the template's, whole; tags are
// joined. id and version say which template it was; "" where none was named.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-instances-from-launch-template.html
func Applied(c *cloud.Call, r store.Reader, in *api.RunInstancesInput) (run *api.RunInstancesInput, id, version string, err error) {
	if in.LaunchTemplate == nil {
		return in, "", "", nil
	}
	s := in.LaunchTemplate
	t, err := find(c, r, s.LaunchTemplateId, s.LaunchTemplateName)
	if err != nil {
		return nil, "", "", err
	}
	v, err := t.version(r, cloud.Or(s.Version, ""))
	if err != nil {
		return nil, "", "", err
	}
	run = &api.RunInstancesInput{}
	if err := json.Unmarshal(v.Data, run); err != nil {
		return nil, "", "", err
	}
	tags := run.TagSpecifications
	own := *in
	if len(in.NetworkInterfaces) > 0 || in.SubnetId != nil {
		own.NetworkInterfaces = placed(run.NetworkInterfaces, in)
	}
	overlay(run, &own)
	if len(own.NetworkInterfaces) > 0 {
		run.SubnetId = nil
	}
	run.TagSpecifications = joinTags(tags, in.TagSpecifications)
	return run, t.ID, number(v.Number), nil
}

// Tags are those that tell of which launch template an instance is: Terraform
// and Auto Scaling read them.
func Tags(c *cloud.Call, r store.Reader, in *api.RunInstancesInput) identity.Tags {
	if in.LaunchTemplate == nil {
		return nil
	}
	_, id, version, err := Applied(c, r, &api.RunInstancesInput{LaunchTemplate: in.LaunchTemplate})
	if err != nil {
		return nil // the template was there when the request was checked, in the same transaction
	}
	return identity.Tags{{Key: "aws:ec2launchtemplate:id", Value: id}, {Key: "aws:ec2launchtemplate:version", Value: version}}
}

// placed are the interfaces of a request: where it names a subnet and the
// template has interfaces, the first of those goes to that subnet.
func placed(of []api.InstanceNetworkInterfaceSpecification, in *api.RunInstancesInput) []api.InstanceNetworkInterfaceSpecification {
	if len(in.NetworkInterfaces) > 0 || len(of) == 0 {
		return in.NetworkInterfaces
	}
	list := append([]api.InstanceNetworkInterfaceSpecification(nil), of...)
	list[0].SubnetId = in.SubnetId
	return list
}

// joinTags are the template's tags with those of the request, which win.
func joinTags(base, more []api.TagSpecification) []api.TagSpecification {
	out := append([]api.TagSpecification(nil), base...)
	for _, m := range more {
		i := 0
		for i < len(out) && cloud.Or(out[i].ResourceType, "") != cloud.Or(m.ResourceType, "") {
			i++
		}
		if i == len(out) {
			out = append(out, m)
			continue
		}
		joined := append([]api.Tag(nil), m.Tags...)
		for _, t := range out[i].Tags {
			if !hasTag(m.Tags, cloud.Or(t.Key, "")) {
				joined = append(joined, t)
			}
		}
		out[i].Tags = joined
	}
	return out
}

func hasTag(tags []api.Tag, key string) bool {
	for _, t := range tags {
		if cloud.Or(t.Key, "") == key {
			return true
		}
	}
	return false
}

// parameterAlias is how a parameter of Systems Manager stands for an image id.
const parameterAlias = "resolve:ssm:"

// ResolveImage is the image id that s stands for: itself, or what a parameter
// "resolve:ssm:name[:version]" holds, which the caller must be allowed to read.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-systems-manager-parameter-to-find-AMI.html
func ResolveImage(c *cloud.Call, s string) (string, error) {
	name, ok := strings.CutPrefix(s, parameterAlias)
	if !ok {
		return s, nil
	}
	out, err := apissm.GetParameter.Call(c, &apissm.GetParameterInput{Name: name})
	if err != nil {
		return "", resource.Errorf("InvalidParameterValue", "The value '%s' for parameter ImageId could not be resolved: %v", s, err)
	}
	return cloud.Or(out.Parameter.Value, ""), nil
}
