package ssm

import (
	"net/http"

	api "pileus/api/ssm"
	"pileus/cloud"
)

func errNotFound(name string) *cloud.Error {
	return api.ErrParameterNotFound.New("Parameter %s not found.", name)
}

func errInvalid(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "ValidationException", format, a...)
}

var (
	errExists = api.ErrParameterAlreadyExists.New("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	errName   = errInvalid(`Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`)
	errToken  = api.ErrInvalidNextToken.New("The specified token isn't valid.")
)
