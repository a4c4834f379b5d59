package iam

import (
	"net/http"

	api "pileus/api/iam"
	"pileus/cloud"
)

func errValidation(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "ValidationError", format, a...)
}

func errNoUser(name string) error {
	return api.ErrNoSuchEntity.New("The user with name %s cannot be found.", name)
}

func errNoGroup(name string) error {
	return api.ErrNoSuchEntity.New("The group with name %s cannot be found.", name)
}

func errNoRole(name string) error {
	return api.ErrNoSuchEntity.New("The role with name %s cannot be found.", name)
}

func errNoProfile(name string) error {
	return api.ErrNoSuchEntity.New("Instance Profile %s cannot be found.", name)
}

func errNoPolicy(arn string) error {
	return api.ErrNoSuchEntity.New("Policy %s was not found.", arn)
}

func errNotAttachable(arn string) error {
	return api.ErrNoSuchEntity.New("Policy %s does not exist or is not attachable.", arn)
}

func errNoVersion(arn, version string) error {
	return api.ErrNoSuchEntity.New("Policy %s version %s does not exist or is not attachable.", arn, version)
}

func errNoInline(kind, name string) error {
	return api.ErrNoSuchEntity.New("The %s policy with name %s cannot be found.", kind, name)
}

func errNoKey(id string) error {
	return api.ErrNoSuchEntity.New("The Access Key with id %s cannot be found.", id)
}

func errNoLogin(user string) error {
	return api.ErrNoSuchEntity.New("Login Profile for User %s cannot be found.", user)
}

func errNoDevice(serial string) error {
	return api.ErrNoSuchEntity.New("VirtualMFADevice with serial number %s doesn't exist.", serial)
}

func errNoServerCert(name string) error {
	return api.ErrNoSuchEntity.New("The Server Certificate with name %s cannot be found.", name)
}

func errExists(kind, name string) error {
	return api.ErrEntityAlreadyExists.New("%s with name %s already exists.", kind, name)
}

// errMust is a deletion refused because something else has to go first.
func errMust(what string) error {
	return api.ErrDeleteConflict.New("Cannot delete entity, must %s first.", what)
}

func errQuota(name string, limit int) error {
	return api.ErrLimitExceeded.New("Cannot exceed quota for %s: %d", name, limit)
}

func errProtected(role string) error {
	return api.ErrUnmodifiableEntity.New("Cannot perform the operation on the protected role '%s' - this role is only modifiable by AWS", role)
}

func errMalformed(message string) error {
	return api.ErrMalformedPolicyDocument.New("%s", message)
}

func errMarker() error { return errValidation("Invalid Marker.") }

// errWhose answers a call that leaves out the user name and is not made by a
// user.
func errWhose() error {
	return errValidation("Must specify userName when calling with non-User credentials")
}
