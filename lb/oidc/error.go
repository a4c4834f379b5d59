package oidc

import "fmt"

// Error is why a user or a token is not accepted.
type Error struct {
	// Status is what the client is answered: 401 where it is the user or what he
	// brings, 500 where the provider cannot be reached, 561 where it answers with
	// an error.
	Status int
	// Reason as access logs have it: "AuthInvalidGrantError".
	Reason string
	err    error
}

func (e *Error) Error() string {
	if e.err == nil {
		return e.Reason
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.err)
}

func (e *Error) Unwrap() error { return e.err }

func wrong(status int, reason, format string, args ...any) *Error {
	return &Error{status, reason, fmt.Errorf(format, args...)}
}
