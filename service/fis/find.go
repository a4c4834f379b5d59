package fis

import (
	"slices"
	"strings"

	"pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/api/iam"
	"pileus/cloud"
)

// Types of targets.
const (
	ofInstance = "aws:ec2:instance"
	ofSpot     = "aws:ec2:spot-instance"
	ofSubnet   = "aws:ec2:subnet"
	ofVolume   = "aws:ec2:ebs-volume"
	ofGroup    = "aws:ec2:autoscaling-group"
	ofRole     = "aws:iam:role"
)

const (
	zoneParam = "availabilityZoneIdentifier"
	vpcParam  = "vpc"
)

// finders are the types of targets by their names.
// https://docs.aws.amazon.com/fis/latest/userguide/targets.html#resource-types
func finders() map[string]finder {
	inZone := param{name: zoneParam, about: "The name or id of an Availability Zone that the resources are in."}
	return map[string]finder{
		ofInstance: {about: "An Amazon EC2 instance.", service: "ec2", prefix: "instance/", find: findInstances(false)},
		ofSpot:     {about: "An Amazon EC2 Spot Instance.", service: "ec2", prefix: "instance/", find: findInstances(true)},
		ofSubnet: {
			about: "An Amazon VPC subnet.", service: "ec2", prefix: "subnet/", find: findSubnets,
			params: []param{inZone, {name: vpcParam, about: "The VPC that the subnets are in."}},
		},
		ofVolume:  {about: "An Amazon EBS volume.", service: "ec2", prefix: "volume/", params: []param{inZone}, find: findVolumes},
		ofGroup:   {about: "An Amazon EC2 Auto Scaling group.", service: "autoscaling", prefix: "autoScalingGroup:", find: findGroups},
		ofManaged: {about: "A resource that traffic can be shifted away from an Availability Zone of.", is: isManaged, find: findManaged},
		ofRole:    {about: "An IAM role.", service: "iam", prefix: "role/", find: findRoles},
	}
}

// filters asks EC2 for things with the tags, and with a value each of others.
func (w wanted) filters(others map[string]string) (list []ec2.Filter) {
	for _, k := range sortedKeys(w.tags) {
		list = append(list, ec2.Filter{Name: new("tag:" + k), Values: []string{w.tags[k]}})
	}
	for _, name := range sortedKeys(others) {
		if v := others[name]; v != "" {
			list = append(list, ec2.Filter{Name: new(name), Values: []string{v}})
		}
	}
	return list
}

// zone is the filter of the zone parameter, which takes a name or an id.
func (w wanted) zone() map[string]string {
	z := w.params[zoneParam]
	if strings.Contains(z, "-az") {
		return map[string]string{"availability-zone-id": z}
	}
	return map[string]string{"availability-zone": z}
}

func findInstances(spot bool) func(*cloud.Call, wanted) ([]found, error) {
	return func(c *cloud.Call, w wanted) (list []found, err error) {
		in := &ec2.DescribeInstancesInput{InstanceIds: w.ids}
		if len(w.ids) == 0 {
			in.Filters = append(w.filters(nil), ec2.Filter{Name: new("instance-state-name"), Values: []string{"pending", "running", "stopping", "stopped"}})
		}
		out, err := ec2.DescribeInstances.Call(c, in)
		if err != nil {
			return nil, err
		}
		for _, r := range out.Reservations {
			for i := range r.Instances {
				x := &r.Instances[i]
				if isSpot := cloud.Or(x.InstanceLifecycle, "") == "spot"; spot && !isSpot {
					if len(w.ids) > 0 {
						return nil, errInvalid("The instance %s is not a Spot Instance.", *x.InstanceId)
					}
					continue
				}
				list = append(list, found{c.ARN("ec2", "instance/"+*x.InstanceId), ec2Tags(x.Tags), x})
			}
		}
		return list, nil
	}
}

func findSubnets(c *cloud.Call, w wanted) (list []found, err error) {
	in := &ec2.DescribeSubnetsInput{SubnetIds: w.ids}
	if len(w.ids) == 0 {
		others := w.zone()
		others["vpc-id"] = w.params[vpcParam][strings.LastIndex(w.params[vpcParam], "/")+1:]
		in.Filters = w.filters(others)
	}
	out, err := ec2.DescribeSubnets.Call(c, in)
	if err != nil {
		return nil, err
	}
	for i := range out.Subnets {
		x := &out.Subnets[i]
		list = append(list, found{c.ARN("ec2", "subnet/"+*x.SubnetId), ec2Tags(x.Tags), x})
	}
	return list, nil
}

func findVolumes(c *cloud.Call, w wanted) (list []found, err error) {
	in := &ec2.DescribeVolumesInput{VolumeIds: w.ids}
	if len(w.ids) == 0 {
		in.Filters = w.filters(w.zone())
	}
	out, err := ec2.DescribeVolumes.Call(c, in)
	if err != nil {
		return nil, err
	}
	for i := range out.Volumes {
		x := &out.Volumes[i]
		list = append(list, found{c.ARN("ec2", "volume/"+*x.VolumeId), ec2Tags(x.Tags), x})
	}
	return list, nil
}

func ec2Tags(list []ec2.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[cloud.Or(t.Key, "")] = cloud.Or(t.Value, "")
	}
	return tags
}

func findGroups(c *cloud.Call, w wanted) (list []found, err error) {
	in := &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: w.ids}
	for {
		out, err := autoscaling.DescribeAutoScalingGroups.Call(c, in)
		if err != nil {
			return nil, err
		}
		for i := range out.AutoScalingGroups {
			x, tags := &out.AutoScalingGroups[i], map[string]string{}
			for _, t := range x.Tags {
				tags[cloud.Or(t.Key, "")] = cloud.Or(t.Value, "")
			}
			list = append(list, found{cloud.Or(x.AutoScalingGroupARN, ""), tags, x})
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	for _, name := range w.ids {
		if !slices.ContainsFunc(list, func(f found) bool { return resolved{ARN: f.arn}.id() == name }) {
			return nil, errInvalid("The Auto Scaling group %s does not exist.", name)
		}
	}
	return list, nil
}

func findRoles(c *cloud.Call, w wanted) (list []found, err error) {
	for _, name := range w.ids {
		out, err := iam.GetRole.Call(c, &iam.GetRoleInput{RoleName: name})
		if err != nil {
			return nil, err
		}
		list = append(list, found{out.Role.Arn, iamTags(out.Role.Tags), &out.Role})
	}
	if len(w.ids) > 0 {
		return list, nil
	}
	in := &iam.ListRolesInput{}
	for {
		out, err := iam.ListRoles.Call(c, in)
		if err != nil {
			return nil, err
		}
		for i := range out.Roles {
			x := &out.Roles[i]
			tags, err := iam.ListRoleTags.Call(c, &iam.ListRoleTagsInput{RoleName: x.RoleName})
			if err != nil {
				return nil, err
			}
			list = append(list, found{x.Arn, iamTags(tags.Tags), x})
		}
		if in.Marker = out.Marker; in.Marker == nil {
			return list, nil
		}
	}
}

func iamTags(list []iam.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[t.Key] = t.Value
	}
	return tags
}
