package dlm

import (
	api "pileus/api/dlm"
	"pileus/cloud"
)

func errInvalid(format string, a ...any) *cloud.Error {
	e := api.ErrInvalidRequest.New(format, a...)
	return e.Details(&api.InvalidRequestException{Message: &e.Message, Code: new("INVALID_REQUEST")})
}

func errNoPolicy(id string) *cloud.Error {
	e := api.ErrResourceNotFound.New("Policy with id %s not found.", id)
	return e.Details(&api.ResourceNotFoundException{Message: &e.Message, Code: new("RESOURCE_NOT_FOUND"), ResourceType: new("POLICY"), ResourceIds: []string{id}})
}

func errLimit(limit int) *cloud.Error {
	e := api.ErrLimitExceeded.New("You can have at most %d lifecycle policies in a Region.", limit)
	return e.Details(&api.LimitExceededException{Message: &e.Message, Code: new("LIMIT_EXCEEDED"), ResourceType: new("POLICY")})
}
