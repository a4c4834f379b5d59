package sts

import (
	"net/http"

	api "pileus/api/sts"
	"pileus/cloud"
)

func errDenied(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusForbidden, "AccessDenied", format, a...)
}

func errValidation(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "ValidationError", format, a...)
}

func errParameter(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "InvalidParameterValue", format, a...)
}

func errRootAssumes() error { return errDenied("Roles may not be assumed by root accounts.") }

// errWithSession refuses operations that need long-term credentials.
func errWithSession(op string) error { return errDenied("Cannot call %s with session credentials", op) }

func errARN() error { return errValidation("Request ARN is invalid") }

func errIdentityToken(format string, a ...any) *cloud.Error {
	return api.ErrInvalidIdentityToken.New(format, a...)
}

// errNotAuthorized is the refusal of outside identities, who are told nothing
// more.
func errNotAuthorized(op string) *cloud.Error {
	return errDenied("Not authorized to perform sts:%s", op)
}
