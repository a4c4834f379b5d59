package group

import (
	"net/http"

	api "pileus/api/autoscaling"
	"pileus/cloud"
)

// Invalid is a ValidationError, which is what most errors of the service are.
func Invalid(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "ValidationError", format, a...)
}

func errNoGroup() *cloud.Error { return Invalid("AutoScalingGroup name not found - null") }

func errNoInstance(id string) *cloud.Error {
	return Invalid("Instance Id not found - No managed instance found for instance ID: %s", id)
}

func errNotMember(id, group string) *cloud.Error {
	return Invalid("The instance %s is not part of Auto Scaling group %s.", id, group)
}

func errRetained(id string) *cloud.Error {
	return Invalid("The instance %s is in a retained state: it does not count towards the desired capacity, which cannot be decremented for it.", id)
}

func errGroupExists(name string) *cloud.Error {
	return api.ErrAlreadyExistsFault.New("AutoScalingGroup by this name already exists - A group with the name %s already exists", name)
}

func errPendingDelete() *cloud.Error {
	return Invalid("AutoScalingGroup name not found - AutoScalingGroup is pending delete")
}

func errLimit(what string, n int) *cloud.Error {
	return api.ErrLimitExceededFault.New("You have reached the limit of %d for %s resources.", n, what)
}

func errLaunchable() *cloud.Error {
	return Invalid("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.")
}

func errToken() *cloud.Error { return api.ErrInvalidNextToken.New("The token is not valid.") }
