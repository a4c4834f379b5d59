package gate

import (
	"context"
	"strconv"
)

// Joiner is a connection that can send an answer in one write where net/http
// makes two.
type Joiner interface {
	// Join says that the answer which is written next is there as a whole: no
	// write of it waits for anything but the client.
	Join()
	// Flush sends what is left of the answer before. The server does so itself
	// by reading the next request, unless that has been there already.
	Flush()
}

type joinerKey struct{}

// WithJoiner gives the requests of a connection their joiner.
func WithJoiner(ctx context.Context, j Joiner) context.Context {
	return context.WithValue(ctx, joinerKey{}, j)
}

// joinerOf makes the joiner of a new request's connection ready; nil if there is
// none.
func joinerOf(ctx context.Context) Joiner {
	j, _ := ctx.Value(joinerKey{}).(Joiner)
	if j != nil {
		j.Flush()
	}
	return j
}

// joinable is how large a body may be that is sent with its header: larger ones
// leave in large writes anyway.
const joinable = 11 << 10

// join has the body b sent with its header, if it is the whole body.
func (w *response) join(b []byte) {
	if w.joiner == nil || w.bytes > 0 || len(b) > joinable {
		return
	}
	if l := w.Header()["Content-Length"]; len(l) == 1 && l[0] == strconv.Itoa(len(b)) {
		w.joiner.Join()
	}
}
