package gate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/rng"
	"pileus/store"
	"pileus/wire"
)

var errAbort = http.ErrAbortHandler

// answer encodes the output.
func (x *exchange) answer(out any) {
	x.headers(x.http.Header)
	if raw := x.http.Raw; raw != nil {
		h := x.w.Header()
		h.Set("Content-Type", raw.ContentType)
		h.Set("Content-Length", strconv.Itoa(len(raw.Body)))
		h.Set("X-Amzn-Requestid", x.call.RequestID)
		if _, err := x.w.Write(raw.Body); err != nil {
			x.broken(err)
		}
		return
	}
	if err := x.protocol().Encode(x.response(), x.op.Op, out); err != nil && !x.w.wrote {
		x.fail(fmt.Errorf("encode %s: %w", x.opName, err))
	} else if err != nil {
		x.broken(err)
	}
}

// broken ends an answer that failed half way: the client must not take it for
// whole, so the connection is cut.
func (x *exchange) broken(err error) {
	if x.r.Context().Err() == nil {
		x.gate.Log.Warn("an answer broke off", "operation", x.opName, "request", x.call.RequestID, "err", err)
	}
	x.w.status = 499
	x.w.cut = true
}

// fail answers with an error.
func (x *exchange) fail(err error) {
	e := x.gate.visible(err, x.call)
	if x.w.wrote {
		x.broken(err)
		return
	}
	x.headers(e.Header)
	op := &cloud.OpInfo{Service: x.api(), Name: x.opName}
	if x.op != nil {
		op = x.op.Op
	}
	drain := x.refuseBody()
	defer drain()
	if err := x.protocol().EncodeError(x.response(), op, e); err != nil {
		x.gate.Log.Warn("an error could not be sent", "request", x.call.RequestID, "err", err)
	}
}

// refuseBody prepares for an error that comes before a large body was read. A
// client that is still sending must be able to read the answer: if the
// connection were closed at once, what is on its way would reset it. So the
// answer goes out first, then the rest of the body is read and thrown away, up
// to a limit: also that of a client that asked to wait for "100 Continue",
// because clients do not wait for long.
func (x *exchange) refuseBody() (drain func()) {
	nothing := func() {}
	if x.op == nil || !x.op.streams || (x.r.ContentLength >= 0 && x.r.ContentLength <= smallBody) {
		return nothing // net/http reads a small rest by itself
	}
	x.w.Header().Set("Connection", "close")
	c := http.NewResponseController(x.w.ResponseWriter)
	if x.r.ProtoMajor > 1 || c.EnableFullDuplex() != nil {
		return nothing
	}
	return func() {
		c.Flush()
		c.SetReadDeadline(clock.Machine().Add(drainFor))
		io.CopyN(io.Discard, x.r.Body, drainBody)
	}
}

const (
	smallBody = 256 << 10
	drainBody = 64 << 20
	drainFor  = 10 * time.Second
)

// Requests for services that are not known are answered in the form that they
// came in; those that carry no mark at all as S3 answers.
var (
	unknownREST  = cloud.Service{Name: "s3", Protocol: "rest-xml"}
	unknownQuery = cloud.Service{Name: "unknown", Protocol: "query"}
	unknownJSON  = cloud.Service{Name: "unknown", Protocol: "json", JSONVersion: "1.1"}
)

// api is the service whose form the answer has.
func (x *exchange) api() *cloud.Service {
	switch {
	case x.svc != nil:
		return x.svc.api
	case isForm(x.r):
		return &unknownQuery
	case strings.HasPrefix(x.r.Header.Get("Content-Type"), "application/x-amz-json"), x.r.Header.Get("X-Amz-Target") != "":
		return &unknownJSON
	}
	return &unknownREST
}

func (x *exchange) protocol() wire.Protocol { return wire.For(x.api(), x.r) }

func (x *exchange) response() *wire.Response {
	return &wire.Response{W: x.w, RequestID: x.call.RequestID, HostID: x.call.RequestID, Method: x.r.Method, Status: x.http.Status}
}

func (x *exchange) headers(h http.Header) {
	for k, v := range h {
		x.w.Header()[k] = v
	}
}

// visible is what a client sees of an error. What is not meant for clients is
// logged with the request's id and answered as an internal failure.
func (g *Gate) visible(err error, c *cloud.Call) *cloud.Error {
	var e *cloud.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, store.ErrFull):
		g.Log.Error("the disk is full: nothing was written", "request", c.RequestID)
		return cloud.Errorf(http.StatusInsufficientStorage, "InsufficientStorage", "There is no space left on the device that holds this cloud. Nothing was written; free some space and try again.")
	case errors.Is(err, store.ErrConflict):
		return cloud.Errorf(http.StatusServiceUnavailable, "ServiceUnavailable", "Please reduce your request rate.")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return cloud.Errorf(http.StatusBadRequest, "RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.")
	}
	g.Log.Error("a request failed", "request", c.RequestID, "err", err)
	return cloud.Errorf(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
}

// bodyError is the answer to a body that could not be read.
func bodyError(err error) *cloud.Error {
	var e *cloud.Error
	if errors.As(err, &e) {
		return e
	}
	return cloud.Errorf(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.")
}

// asError keeps a nil *cloud.Error from becoming a non-nil error.
func asError(s *service, e *cloud.Error) (*service, error) {
	if e != nil {
		return nil, e
	}
	return s, nil
}

func (g *Gate) requestID() string {
	if g.Options.Rand == nil {
		return rng.New().UUID()
	}
	return g.Options.Rand.UUID()
}

// response notes what was answered, for the trail. It keeps the connection's
// ReadFrom, so that files go out by sendfile.
type response struct {
	http.ResponseWriter
	joiner Joiner // nil where writes are not joined
	status int
	bytes  int64
	wrote  bool
	cut    bool
}

func (w *response) WriteHeader(status int) {
	if status >= 200 {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	w.begin()
	w.join(b)
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom lets the connection copy from r in its own best way.
func (w *response) ReadFrom(r io.Reader) (int64, error) {
	w.begin()
	n, err := io.Copy(w.ResponseWriter, r)
	w.bytes += n
	return n, err
}

func (w *response) begin() {
	if !w.wrote {
		w.wrote, w.status = true, http.StatusOK
	}
}

// Flush sends what has been written.
func (w *response) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
