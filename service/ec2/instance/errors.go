package instance

import (
	"strings"

	"pileus/cloud"
	"pileus/service/ec2/resource"
)

// Errors that AWS lists for instances.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html

func checkID(id string) error {
	if !resource.WellFormed("i", id) {
		return resource.Errorf("InvalidInstanceID.Malformed", "Invalid id: \"%s\"", id)
	}
	return nil
}

func errNoInstance(id string) *cloud.Error {
	if !resource.WellFormed("i", id) {
		return resource.Errorf("InvalidInstanceID.Malformed", "Invalid id: \"%s\"", id)
	}
	return resource.Errorf("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
}

func errNoInstances(ids []string) *cloud.Error {
	if len(ids) == 1 {
		return errNoInstance(ids[0])
	}
	return resource.Errorf("InvalidInstanceID.NotFound", "The instance IDs '%s' do not exist", strings.Join(ids, ", "))
}

// errState is the error of an operation that the instance's state does not allow.
func errState(id, done string) *cloud.Error {
	return resource.Errorf("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be %s.", id, done)
}

func errNotRunning(id string) *cloud.Error {
	return resource.Errorf("IncorrectInstanceState", "The instance ID '%s' is not in a valid state: the instance must be running", id)
}

func errProtected(id, done, attribute string) *cloud.Error {
	return resource.Errorf("OperationNotPermitted", "The instance '%s' may not be %s. Modify its '%s' instance attribute and try again.", id, done, attribute)
}

func errNotStopped(id string) *cloud.Error {
	return resource.Errorf("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", id)
}

func errType(name string) *cloud.Error {
	return resource.Errorf("InvalidParameterValue", "Invalid value '%s' for InstanceType.", name)
}

func errArchitecture(kind *Type, image string) *cloud.Error {
	return resource.Errorf("InvalidParameterValue", "The architecture '%s' of the specified instance type does not match the architecture '%s' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI.",
		strings.Join(kind.Architectures, ","), image)
}

func errENA(kind *Type) *cloud.Error {
	return resource.Errorf("InvalidParameterCombination", "Enhanced networking with the Elastic Network Adapter (ENA) is required for the '%s' instance type. Ensure that you are using an AMI that is enabled for ENA.", kind.Name)
}

func errUEFI(kind *Type) *cloud.Error {
	return resource.Errorf("InvalidParameterValue", "The %s instance type does not support an AMI with a boot mode of UEFI. Only instance types built on the Nitro System support UEFI. Specify an instance type that supports UEFI, and try again.", kind.Name)
}

func errProfile(kind, value string) *cloud.Error {
	return resource.Errorf("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile.%s is invalid. Invalid IAM Instance Profile %s", value, kind, map[string]string{"name": "name", "arn": "ARN"}[kind])
}
