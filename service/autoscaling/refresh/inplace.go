package refresh

import (
	"slices"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// inPlace tells whether a refresh replaces root volumes, not instances.
func (x *refresh) inPlace() bool { return x.Strategy == api.RefreshStrategyReplaceRootVolume }

// imageOf is the image that a policy has for instances of a type; "" for none.
func imageOf(m *api.MixedInstancesPolicy, kind string) string {
	for _, o := range m.LaunchTemplate.Overrides {
		if cloud.Or(o.InstanceType, "") == kind {
			return cloud.Or(o.ImageId, "")
		}
	}
	return ""
}

// checkInPlace refuses to replace root volumes where that would not do what the
// desired configuration says.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/replace-root-volume.html
func (x *refresh) checkInPlace(c *cloud.Call, tx store.Tx, g *group.Group) error {
	if x.Desired == nil || x.Desired.MixedInstancesPolicy == nil || x.Desired.MixedInstancesPolicy.LaunchTemplate == nil || g.Mixed == nil {
		return group.Invalid("The ReplaceRootVolume strategy requires an Auto Scaling group and a desired configuration with a mixed instances policy.")
	}
	m := x.Desired.MixedInstancesPolicy
	var images []string
	for _, o := range m.LaunchTemplate.Overrides {
		if o.ImageId == nil || o.InstanceType == nil {
			return group.Invalid("The ReplaceRootVolume strategy requires that all overrides of the mixed instances policy specify an InstanceType and an ImageId.")
		}
		images = append(images, *o.ImageId)
	}
	switch {
	case len(images) == 0:
		return group.Invalid("The ReplaceRootVolume strategy requires that all overrides of the mixed instances policy specify an InstanceType and an ImageId.")
	case !numbered(configOf(g).template()) || !numbered(m.LaunchTemplate.LaunchTemplateSpecification):
		return group.Invalid("The ReplaceRootVolume strategy cannot be used with the launch template versions $Latest and $Default.")
	case g.WarmPool != nil:
		return group.Invalid("The ReplaceRootVolume strategy cannot be used for an Auto Scaling group that has a warm pool.")
	case *x.Preferences.AutoRollback:
		return group.Invalid("AutoRollback is not supported with the ReplaceRootVolume strategy.")
	}
	for i := range group.Instances(tx, g) {
		if imageOf(m, i.Type) == "" {
			return group.Invalid("The instance %s has the type %s, which is not in the mixed instances policy.", i.ID, i.Type)
		}
	}
	return oneVolume(c, tx, images)
}

// oneVolume refuses images with other volumes than that of their root.
func oneVolume(c *cloud.Call, tx store.Tx, images []string) error {
	as := identity.AsAccount(c)
	as.Tx = tx
	out, err := ec2.DescribeImages.Call(as, &ec2.DescribeImagesInput{ImageIds: images})
	if err != nil {
		return err
	}
	for _, i := range out.Images {
		volumes := 0
		for _, b := range i.BlockDeviceMappings {
			if b.Ebs != nil {
				volumes++
			}
		}
		if volumes != 1 {
			return group.Invalid("The image %s must contain a single root volume.", cloud.Or(i.ImageId, ""))
		}
	}
	return nil
}

// current are the images of a group's instances.
func current(c *cloud.Call, tx store.Tx, g *group.Group) (map[string]string, error) {
	images := map[string]string{}
	in := &ec2.DescribeInstancesInput{}
	for i := range group.Instances(tx, g) {
		if images[i.ID] = i.Image; i.Image == "" {
			in.InstanceIds = append(in.InstanceIds, i.ID)
		}
	}
	if len(in.InstanceIds) == 0 {
		return images, nil
	}
	as := identity.AsAccount(c)
	as.Tx = tx
	out, err := ec2.DescribeInstances.Call(as, in)
	if err != nil {
		return nil, err
	}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			images[*i.InstanceId] = cloud.Or(i.ImageId, "")
		}
	}
	return images, nil
}

// seePlace counts an instance of a refresh that replaces root volumes. One that
// is done with is not to be replaced any more, and warms up like a new one.
func (v *survey) seePlace(c *cloud.Call, x *refresh, i *group.Instance) {
	todo := slices.Contains(x.Todo, i.ID) && !x.ignores(i)
	switch {
	case todo && i.Renewal != nil:
		v.marked = append(v.marked, i)
	case todo && i.Serving() && !i.InService.Before(x.Started) && i.Image == imageOf(x.Desired.MixedInstancesPolicy, i.Type):
		v.settle(c, x, i)
	case todo:
		v.sort(x, i)
	default:
		v.see(c, x, i)
	}
}
