// Package wire is AWS's protocols as a server speaks them: query, ec2, JSON
// 1.0 and 1.1, REST-JSON, REST-XML, RPC v2 CBOR and event streams. One
// reflective codec with cached plans serves every generated type; what a field
// is called on which wire stands in its struct tag (see tag.go).
package wire

import (
	"io"
	"net/http"

	"pileus/cloud"
)

// Protocol turns requests into inputs, and outputs and errors into responses.
// Implementations are stateless and safe for concurrent use.
type Protocol interface {
	// Decode fills in, a pointer to the operation's input, from the request.
	// Its errors are *cloud.Error: what the client sent cannot be read, or a
	// required member is missing.
	Decode(r *Request, op *cloud.OpInfo, in any) error
	// Encode writes out, a pointer to the operation's output; nil is empty.
	// A streaming body is copied and closed. An error after the first byte is
	// the connection's.
	Encode(w *Response, op *cloud.OpInfo, out any) error
	// EncodeError writes e in the protocol's envelope. op may be nil when the
	// request named no operation.
	EncodeError(w *Response, op *cloud.OpInfo, e *cloud.Error) error
}

// Request is one request as the gate hands it to a protocol.
type Request struct {
	HTTP *http.Request
	// Body is the whole body of an operation that does not stream (ReadBody).
	Body []byte
	// Stream is the body of an operation that does.
	Stream io.ReadCloser
	// Labels are the URI's, decoded, as Router.Match found them.
	Labels Labels
}

// Response is where a protocol writes.
type Response struct {
	W         http.ResponseWriter
	RequestID string
	HostID    string // x-amz-id-2
	Method    string // of the request: HEAD answers have no body
	Status    int    // of a success, in the REST protocols; 0 is the operation's own
	// Header holds more response headers (cloud.HTTP.Header); they are set
	// after the protocol's own.
	Header http.Header
}
