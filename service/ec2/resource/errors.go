package resource

import (
	"net/http"

	"pileus/cloud"
)

// EC2's model declares no errors; these are the codes that its API reference
// lists for every operation.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html

// Errorf is a client error: status 400.
func Errorf(code, format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, code, format, a...)
}

// Missing is the error of a parameter that must be given.
func Missing(parameter string) *cloud.Error {
	return Errorf("MissingParameter", "The request must contain the parameter %s", parameter)
}

// Invalid is the error of a parameter whose value cannot be.
func Invalid(value, parameter string) *cloud.Error {
	return Errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", value, parameter)
}

// Combination is the error of parameters that do not go together.
func Combination(format string, a ...any) *cloud.Error {
	return Errorf("InvalidParameterCombination", format, a...)
}

// Unsupported is the error of what AWS does not offer in this case.
func Unsupported(format string, a ...any) *cloud.Error {
	return Errorf("UnsupportedOperation", format, a...)
}

// DependencyViolation is the error of deleting what others need.
func DependencyViolation(what, id string) *cloud.Error {
	return Errorf("DependencyViolation", "The %s '%s' has dependencies and cannot be deleted.", what, id)
}
