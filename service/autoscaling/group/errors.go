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
	return Invalid("Instance Id not found - No managed instance found for instance ID %s", id)
}

func errGroupExists() *cloud.Error {
	return api.ErrAlreadyExistsFault.New("AutoScalingGroup by this name already exists - A group with the name already exists")
}
