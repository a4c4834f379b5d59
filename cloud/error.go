package cloud

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is an error that a client sees. The encoder of each protocol writes
// it in that protocol's envelope.
type Error struct {
	Code    string // as clients match it
	Shape   string // the model's shape name; Code where empty
	Message string
	Status  int
	Server  bool // the fault is the service's: <Type>Receiver</Type>
	// Detail is a pointer to the model's error struct when the error carries
	// members beside the message (S3's InvalidObjectState).
	Detail any
	// Fields are further elements of the error body outside of any model:
	// S3's BucketName, Key, Resource, Condition. In order: name, value.
	Fields [][2]string
	Header http.Header // response headers (x-amz-delete-marker, Retry-After)
	// Trace is the evaluation that denied the request, kept for pileus why.
	Trace any
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is makes errors.Is compare codes, so that a declared error matches copies
// of itself that carry other messages.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Errorf makes an error outside of any model.
func Errorf(status int, code, format string, a ...any) *Error {
	return &Error{Code: code, Message: sprintf(format, a), Status: status, Server: status >= 500}
}

func sprintf(format string, a []any) string {
	if len(a) == 0 {
		return format
	}
	return fmt.Sprintf(format, a...)
}

// With is a copy with another element in the error's body.
func (e *Error) With(name, value string) *Error {
	d := *e
	d.Fields = append(append([][2]string(nil), e.Fields...), [2]string{name, value})
	return &d
}

// Details is a copy that carries the model's error struct.
func (e *Error) Details(detail any) *Error { d := *e; d.Detail = detail; return &d }

// Head is a copy that sets a response header.
func (e *Error) Head(name, value string) *Error {
	d := *e
	d.Header = e.Header.Clone()
	if d.Header == nil {
		d.Header = http.Header{}
	}
	d.Header.Set(name, value)
	return &d
}

// ErrorKind is an error that a model declares. Generated packages have one
// variable for each.
type ErrorKind struct {
	Code   string
	Shape  string
	Status int
	Server bool
}

// New makes the error with a message.
func (k *ErrorKind) New(format string, a ...any) *Error {
	return &Error{Code: k.Code, Shape: k.Shape, Status: k.Status, Server: k.Server, Message: sprintf(format, a)}
}

// Is tells whether err is of this kind.
func (k *ErrorKind) Is(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == k.Code
}

// NotImplemented is the answer of an operation that has no handler yet.
func NotImplemented(service, op string) *Error {
	return Errorf(http.StatusNotImplemented, "NotImplemented", "pileus does not implement %s:%s yet. `pileus coverage %s` lists what it does.", service, op, service)
}
