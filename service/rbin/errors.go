package rbin

import (
	api "pileus/api/rbin"
	"pileus/cloud"
)

func errNoRule() *cloud.Error {
	reason := api.ResourceNotFoundExceptionReasonRuleNotFound
	const text = "Rule not found."
	return api.ErrResourceNotFound.New(text).Details(&api.ResourceNotFoundException{Message: new(text), Reason: &reason})
}

func errInvalid(format string, a ...any) *cloud.Error {
	e := api.ErrValidation.New(format, a...)
	return e.Details(&api.ValidationException{Message: &e.Message, Reason: new(api.ValidationExceptionReasonInvalidParameterValue)})
}

func errToken() *cloud.Error {
	const text = "The page token is not valid."
	return api.ErrValidation.New(text).Details(&api.ValidationException{Message: new(text), Reason: new(api.ValidationExceptionReasonInvalidPageToken)})
}

func errState(format string, a ...any) *cloud.Error {
	e := api.ErrConflict.New(format, a...)
	return e.Details(&api.ConflictException{Message: &e.Message, Reason: new(api.ConflictExceptionReasonInvalidRuleState)})
}

func errQuota(format string, a ...any) *cloud.Error {
	e := api.ErrServiceQuotaExceeded.New(format, a...)
	return e.Details(&api.ServiceQuotaExceededException{Message: &e.Message, Reason: new(api.ServiceQuotaExceededExceptionReasonServiceQuotaExceeded)})
}
