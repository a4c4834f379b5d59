package fis

import (
	"errors"

	api "pileus/api/fis"
	"pileus/cloud"
)

func errInvalid(format string, a ...any) *cloud.Error { return api.ErrValidation.New(format, a...) }

func errNoTemplate(id string) *cloud.Error {
	return api.ErrResourceNotFound.New("ExperimentTemplate not found: %s", id)
}

func errNoExperiment(id string) *cloud.Error {
	return api.ErrResourceNotFound.New("Experiment not found: %s", id)
}

func errNoAccount(id string) *cloud.Error {
	return api.ErrResourceNotFound.New("Target account configuration not found: %s", id)
}

func errQuota(what string, limit int) *cloud.Error {
	return api.ErrServiceQuotaExceeded.New("You have exceeded the quota for %s: %d", what, limit)
}

func errToken(id string) *cloud.Error {
	return api.ErrConflict.New("A different request with the same client token exists: %s", id)
}

// errStopping has the controller come back: an instance that is still stopping
// cannot be started yet.
var errStopping = errors.New("an instance is still stopping")
