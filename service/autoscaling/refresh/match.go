package refresh

import (
	"slices"
	"strconv"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// matching tells of instances whether they are what the refresh wants. Where it
// replaces root volumes, their images decide alone.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-instance-refresh-skip-matching.html
func (x *refresh) matching(c *cloud.Call, tx store.Tx, g *group.Group) (func(*group.Instance) bool, error) {
	images, err := current(c, tx, g)
	if err != nil {
		return nil, err
	}
	if x.inPlace() {
		return func(i *group.Instance) bool { return images[i.ID] == imageOf(x.Desired.MixedInstancesPolicy, i.Type) }, nil
	}
	like, err := matching(c, tx, g)
	if err != nil || g.Mixed == nil {
		return like, err
	}
	return func(i *group.Instance) bool {
		image := imageOf(g.Mixed, i.Type)
		return like(i) && (image == "" || image == images[i.ID])
	}, nil
}

// matching tells of instances whether they are what the group launches now:
// from the same version of the same template, and of a type that the group's
// policy has.
func matching(c *cloud.Call, tx store.Tx, g *group.Group) (func(*group.Instance) bool, error) {
	now := configOf(g)
	t := now.template()
	if t == nil {
		return func(i *group.Instance) bool {
			return i.LaunchConfiguration != "" && i.LaunchConfiguration == now.LaunchConfiguration
		}, nil
	}
	as := identity.AsAccount(c)
	as.Tx = tx
	in := &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: t.LaunchTemplateId, Versions: []string{cloud.Or(t.Version, "$Default")}}
	if t.LaunchTemplateId == nil {
		in.LaunchTemplateName = t.LaunchTemplateName
	}
	out, err := ec2.DescribeLaunchTemplateVersions.Call(as, in)
	if err != nil {
		return nil, err
	}
	if len(out.LaunchTemplateVersions) == 0 {
		return func(*group.Instance) bool { return false }, nil
	}
	v := out.LaunchTemplateVersions[0]
	types := typesOf(now.Mixed)
	if len(types) == 0 && v.LaunchTemplateData != nil && v.LaunchTemplateData.InstanceType != nil {
		types = []string{*v.LaunchTemplateData.InstanceType}
	}
	return func(i *group.Instance) bool {
		l := i.LaunchTemplate
		return l != nil && cloud.Or(l.LaunchTemplateId, "") == *v.LaunchTemplateId && cloud.Or(l.Version, "") == strconv.FormatInt(*v.VersionNumber, 10) &&
			(len(types) == 0 || slices.Contains(types, i.Type))
	}, nil
}

// typesOf are the instance types that a mixed policy names.
func typesOf(m *api.MixedInstancesPolicy) (types []string) {
	if m == nil || m.LaunchTemplate == nil {
		return nil
	}
	for _, o := range m.LaunchTemplate.Overrides {
		if o.InstanceType == nil {
			return nil // by attributes: any that was launched fits
		}
		types = append(types, *o.InstanceType)
	}
	return types
}
