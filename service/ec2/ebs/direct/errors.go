package direct

import (
	"errors"

	api "pileus/api/ebs"
	"pileus/cloud"
)

// errInvalid is a ValidationException with one of the model's reasons.
func errInvalid(reason, format string, a ...any) *cloud.Error {
	e := api.ErrValidation.New(format, a...)
	return e.Details(&api.ValidationException{Message: &e.Message, Reason: &reason})
}

func errNoSnapshot(id string) *cloud.Error {
	e := api.ErrResourceNotFound.New("The snapshot '%s' does not exist.", id)
	return e.Details(&api.ResourceNotFoundException{Message: &e.Message, Reason: new(api.ResourceNotFoundExceptionReasonSnapshotNotFound)})
}

// words turns an answer of EC2's into one of this API.
func words(err error) error {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return err
	}
	return errInvalid(api.ValidationExceptionReasonInvalidDependencyRequest, "%s", e.Message)
}
