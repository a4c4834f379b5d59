package cloudwatch

import (
	api "pileus/api/cloudwatch"
	"pileus/cloud"
)

var (
	errToken    = api.ErrInvalidNextToken.New("Invalid nextToken.")
	errNoAlarm  = api.ErrResourceNotFound.New("Alarm does not exist.")
	errReversed = invalid("The parameter StartTime must be less than the parameter EndTime.")
	errTooMany  = invalid("You have requested up to 1,440 or more datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.")
)

func invalid(format string, a ...any) *cloud.Error {
	return api.ErrInvalidParameterValue.New(format, a...)
}

func badValue(value, parameter string) *cloud.Error {
	return invalid("The value %s for parameter %s is invalid.", value, parameter)
}

func combination(format string, a ...any) *cloud.Error {
	return api.ErrInvalidParameterCombination.New(format, a...)
}

func validation(format string, a ...any) *cloud.Error {
	return cloud.Errorf(400, "ValidationError", format, a...)
}

func missing(parameter string) *cloud.Error {
	return api.ErrMissingRequiredParameter.New("The parameter %s is required.", parameter)
}
