package group

import (
	"strconv"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
)

// checkOverrides refuses overrides of a launch template that contradict
// themselves or each other, or that name what is not there.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_LaunchTemplateOverrides.html
func checkOverrides(c *cloud.Call, list []api.LaunchTemplateOverrides) error {
	weights := 0
	for _, o := range list {
		if o.InstanceType != nil && o.InstanceRequirements != nil {
			return Invalid("Only one of InstanceType or InstanceRequirements can be specified in an override.")
		}
		if q := o.InstanceRequirements; q != nil && q.BaselinePerformanceFactors != nil {
			return Invalid("BaselinePerformanceFactors is not supported.")
		}
		if o.ImageId != nil {
			if err := checkImage(c, *o.ImageId); err != nil {
				return err
			}
		}
		if o.WeightedCapacity == nil {
			continue
		}
		weights++
		if w, err := strconv.Atoi(*o.WeightedCapacity); err != nil || w < 1 || w > 999 {
			return Invalid("WeightedCapacity must be an integer between 1 and 999.")
		}
	}
	if weights > 0 && weights < len(list) {
		return Invalid("If you specify a weight for one instance type, you must specify one for all.")
	}
	return nil
}

// checkImage refuses an image that the account cannot run.
func checkImage(c *cloud.Call, id string) error {
	_, err := ec2.DescribeImages.Call(identity.AsAccount(c), &ec2.DescribeImagesInput{ImageIds: []string{id}})
	return refusal(err, "You must use a valid fully-formed launch template. The image id '[%s]' does not exist", id)
}

// imageOf is an image that overrides bring, where all of them bring one: then
// the launch template needs none.
func imageOf(list []api.LaunchTemplateOverrides) (image *string) {
	for _, o := range list {
		if image = o.ImageId; image == nil {
			return nil
		}
	}
	return image
}
