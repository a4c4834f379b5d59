package lb

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"

	"pileus/plane"
)

// underway is a request that waits for its target's answer.
type underway struct {
	member *member
	conn   atomic.Pointer[net.Conn] // by which it went, as the data plane knows it
	end    context.CancelCauseFunc  // ends the waiting
	may    bool                     // another target can have the request
}

// awaiting has somebody look whether the target takes the request. gaveUp tells
// that it did not, and another target is to have it.
func (h *handled) awaiting(ctx context.Context) (_ context.Context, gaveUp func() bool) {
	s := &underway{member: h.member}
	ctx, s.end = context.WithCancelCause(ctx)
	s.may = h.req.length == 0 && idempotent(h.req.method) && !h.stuck && h.alternative() != nil
	h.under.Store(s)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		c := i.Conn
		if secure, ok := c.(*tls.Conn); ok {
			c = secure.NetConn()
		}
		if t, ok := c.(*trackedConn); ok {
			s.conn.Store(&t.Conn)
		}
	}})
	return ctx, func() bool { return errors.Is(context.Cause(ctx), errUnheard) }
}

// listen looks whether the target has taken what it was sent.
func (h *handled) listen() {
	s := h.under.Load()
	if s == nil {
		return
	}
	c := s.conn.Load()
	if c == nil || h.front.site.opts.Wire.Delivery(*c) != plane.Unanswered {
		return
	}
	s.member.unheard(h.node)
	if s.may {
		s.end(errUnheard)
	}
}
