package arczonalshift

import (
	api "pileus/api/arczonalshift"
	"pileus/cloud"
)

func errInvalid(reason, format string, a ...any) *cloud.Error {
	e := api.ErrValidation.New(format, a...)
	return e.Details(&api.ValidationException{Message: e.Message, Reason: reason})
}

func errToken() *cloud.Error {
	return errInvalid(api.ValidationExceptionReasonInvalidToken, "The next token is not valid.")
}

func errNoResource(arn string) *cloud.Error {
	return api.ErrResourceNotFound.New("The resource %s was not found, or is not enabled for zonal shift.", arn)
}

func errNoShift(id string) *cloud.Error {
	return api.ErrResourceNotFound.New("The zonal shift %s was not found.", id)
}

// errConflict is a refusal with AWS's reason; id is the zonal shift that stands
// in the way, "" for none.
func errConflict(reason, id, format string, a ...any) *cloud.Error {
	e := api.ErrConflict.New(format, a...)
	d := &api.ConflictException{Message: e.Message, Reason: reason}
	if id != "" {
		d.ZonalShiftId = &id
	}
	return e.Details(d)
}
