package organizations

import (
	"fmt"

	api "pileus/api/organizations"
	"pileus/cloud"
)

func errNotInUse() error {
	return api.ErrAWSOrganizationsNotInUse.New("Your account is not a member of an organization.")
}

func errAccess() *cloud.Error {
	return api.ErrAccessDenied.New("You don't have permissions to access this resource.")
}

// errConstraint is a limit or rule of the service; reason is one of the
// model's ConstraintViolationExceptionReason.
func errConstraint(reason, format string, a ...any) error {
	text := fmt.Sprintf(format, a...)
	return api.ErrConstraintViolation.New("%s", text).Details(&api.ConstraintViolationException{Message: &text, Reason: &reason})
}

// errInput is a value that makes no sense; reason is one of the model's
// InvalidInputExceptionReason.
func errInput(reason, format string, a ...any) error {
	text := fmt.Sprintf(format, a...)
	return api.ErrInvalidInput.New("%s", text).Details(&api.InvalidInputException{Message: &text, Reason: &reason})
}

// errHandshake is a handshake that cannot be; reason is one of the model's
// HandshakeConstraintViolationExceptionReason.
func errHandshake(reason, format string, a ...any) error {
	text := fmt.Sprintf(format, a...)
	return api.ErrHandshakeConstraintViolation.New("%s", text).Details(&api.HandshakeConstraintViolationException{Message: &text, Reason: &reason})
}

func errNoAccount() error {
	return api.ErrAccountNotFound.New("You specified an account that doesn't exist.")
}

func errNoUnit() error {
	return api.ErrOrganizationalUnitNotFound.New("You specified an organizational unit that doesn't exist.")
}

func errNoParent() error {
	return api.ErrParentNotFound.New("You specified parent that doesn't exist.")
}

func errNoPolicy() error {
	return api.ErrPolicyNotFound.New("You specified a policy that doesn't exist.")
}

func errNoTarget() error {
	return api.ErrTargetNotFound.New("You specified a target that doesn't exist.")
}

func errNoRoot() error { return api.ErrRootNotFound.New("You specified a root that doesn't exist.") }

func errNoHandshake() error {
	return api.ErrHandshakeNotFound.New("We can't find a handshake with the HandshakeId that you specified.")
}

func errFeatures() error {
	return errConstraint(api.ConstraintViolationExceptionReasonOrganizationNotInAllFeaturesMode,
		"The operation requires the organization to be configured to support all features.")
}

func errToken() error {
	return errInput(api.InvalidInputExceptionReasonInvalidNextToken, "Get the NextToken parameter from the response to a previous call of the operation.")
}
