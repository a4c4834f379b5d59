package lb

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"pileus/clock"
	"pileus/plane"
)

const (
	// maxAnswerHead is how large the head of a target's answer may be.
	maxAnswerHead = 32 << 10
	// patience is how long the answer is waited for without watching whether
	// the client is still there.
	patience = 50 * time.Millisecond
)

// listenAgain is how often it is looked whether a request has reached its target.
const listenAgain = 100 * time.Millisecond

var (
	// errGone says that the client has closed its connection.
	errGone = errors.New("the client has gone")
	// errUnheard says that nobody takes what is sent to the target, and that the
	// request has turned to another.
	errUnheard = errors.New("the target is not heard")
)

// relay carries a request to its target and the answer back. It tells whether
// the client's connection can go on.
func (c *client) relay(keep bool) bool {
	x := &c.x
	x.member.inflight.Add(1)
	defer func() { x.member.inflight.Add(-1) }()
	if c.req.expects && c.req.length != 0 {
		if c.write([]byte("HTTP/1.1 100 Continue\r\n\r\n")) != nil {
			return c.gone()
		}
	}
	c.out = x.appendRequest(c.out[:0])
	whole, err := c.takeBody()
	if err != nil {
		return c.bodyFailed(err)
	}
	replay := whole && idempotent(c.req.method)
	x.mayTurn = replay && !x.stuck
	fresh := false
	for {
		t, err := c.connect(fresh, replay)
		if err != nil {
			return c.own(page(gateway(err)), keep && whole)
		}
		again, on := c.exchange(t, keep, whole, replay)
		if !again {
			return on
		}
		fresh = t.member == x.member
	}
}

// connect finds a connection to the chosen target, or to another one if it
// cannot be reached.
func (c *client) connect(fresh, replay bool) (*targetConn, error) {
	x := &c.x
	for {
		t, err := x.reach(c.front.site.ctx, fresh)
		if err == nil {
			if !replay && t.used > 0 && !t.quiet(c.front.site.opts.Clock) {
				t.discard()
				continue
			}
			return t, nil
		}
		x.connectFailed(err)
		if errors.Is(err, errSpilled) || !x.another() {
			return nil, err
		}
	}
}

// reach connects to the chosen target, or to one that is chosen while the request
// waits in a classic load balancer's queue.
func (x *exchange) reach(ctx context.Context, fresh bool) (*targetConn, error) {
	s := x.front.site
	return wait(ctx, s.surge(x.config.balancer, x.node.Zone), x.config.idle, func(ctx context.Context) (*targetConn, error) {
		return x.member.connect(ctx, x, fresh)
	}, func(err error) {
		x.connectFailed(err)
		if m := x.pool.choose(x.node.Zone); m != nil {
			x.moveTo(m)
		}
	})
}

// connectFailed counts a target that could not be reached.
func (x *exchange) connectFailed(err error) {
	if errors.Is(err, errSpilled) {
		return // no target has failed
	}
	x.member.done(false)
	if e := (*tlsError)(nil); errors.As(err, &e) {
		x.group.tlsErrors.add(1)
		return
	}
	x.group.connectErrors.add(1)
}

// gateway is the code for a target that could not be reached or did not
// answer.
func gateway(err error) int {
	secure := (*tlsError)(nil)
	switch {
	case errors.Is(err, errSpilled):
		return 503
	case isTimeout(err) && !errors.As(err, &secure): // a handshake that took too long is a bad gateway
		return 504
	}
	return 502
}

func idempotent(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE":
		return true
	}
	return false
}

// takeBody adds what has come of the body to what is written first, and tells
// whether that is all of it. A small body is waited for: to send it at once
// costs less than to pass it on as it comes, and it can be sent again.
func (c *client) takeBody() (whole bool, err error) {
	if c.req.length == 0 {
		return true, nil
	}
	if c.req.length < 0 || c.req.length > largeBuffer {
		return false, nil
	}
	at, n := len(c.out), int(c.req.length)
	c.out = slices.Grow(c.out, n)[:at+n]
	had := copy(c.out[at:], c.in.data())
	c.in.used(had)
	if had < n {
		n, err = io.ReadFull(clientReader{c}, c.out[at+had:])
		had += n
	}
	c.x.received += int64(had)
	return true, err
}

// bodyFailed ends an exchange whose body did not come.
func (c *client) bodyFailed(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return c.refuse(408)
	}
	return c.gone()
}

// exchange sends the request over a connection and passes the answer on.
// again asks for another attempt: the kept connection was closed meanwhile, or the
// target takes nothing any more; nothing has come of an answer and the request may
// be repeated.
func (c *client) exchange(t *targetConn, keep, whole, replay bool) (again, on bool) {
	x := &c.x
	x.sending()
	now := c.front.site.opts.Clock.Machine()
	t.SetWriteDeadline(now.Add(x.config.idle))
	var up *upload
	_, err := t.Write(c.out)
	if err == nil && !whole {
		up = c.startUpload(t)
	}
	if err == nil || up != nil {
		err = c.awaitAnswer(t, up)
	}
	if err != nil {
		up.stop(c, t)
		started := len(t.in.data()) > 0
		t.discard()
		switch {
		case errors.Is(err, errGone) || up.clientGone():
			return false, c.gone()
		case up.timedOut():
			return false, c.refuse(408)
		case up.malformed():
			return false, c.refuse(400)
		case errors.Is(err, errUnheard), replay && t.used > 0 && !started && gateway(err) == 502:
			return true, false
		}
		x.member.done(false)
		return false, c.own(page(gateway(err)), keep && whole)
	}
	x.answered(c.resp.status)
	return false, c.answer(t, up, keep)
}

// gone notes that the client has left before its answer.
func (c *client) gone() bool {
	c.x.status, c.x.reason = 460, ""
	return false
}

// awaitAnswer reads the head of the answer, passing on what comes before the
// final one.
func (c *client) awaitAnswer(t *targetConn, up *upload) error {
	for {
		if err := c.readAnswer(t, up); err != nil {
			return err
		}
		if c.resp.status >= 200 || c.resp.status == 101 {
			return nil
		}
		if c.resp.status != 100 && c.req.minor == 1 { // 103 Early Hints
			out := appendStatus(nil, c.resp.status, string(c.resp.line[min(len(c.resp.line), 4):]))
			if err := c.write(append(c.resp.appendFields(out, nil), '\r', '\n')); err != nil {
				return errGone
			}
		}
		c.consume(t)
	}
}

// readAnswer reads a head into c.resp, which points into t's buffer until
// consume. While a body is sent to the target, nobody is idle.
func (c *client) readAnswer(t *targetConn, up *upload) error {
	idle := c.x.config.idle
	first := up == nil
	for {
		if end := headEnd(t.in.data()); end >= 0 {
			c.respEnd = end
			return c.resp.parse(t.in.data()[:end], c.req.method)
		}
		wait := idle
		if first && patience < idle {
			wait = patience
		}
		t.SetReadDeadline(c.front.site.opts.Clock.Machine().Add(wait))
		var err error
		sent := up.bytes()
		if first || up != nil {
			_, err = t.in.fill(t.Conn, maxAnswerHead)
		} else {
			err = c.watched(t)
		}
		if up.bytes() != sent && errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil && first && errors.Is(err, os.ErrDeadlineExceeded) && patience < idle {
			first = false
			continue
		}
		if err != nil {
			return err
		}
	}
}

// watched reads from the target while another goroutine watches whether the
// client is still there. What the client sends meanwhile is its next request.
func (c *client) watched(t *targetConn) error {
	done := make(chan bool)
	c.conn.SetReadDeadline(time.Time{})
	c.left.Store(false)
	c.front.site.start(func() { done <- c.watch(t) })
	err := c.listen(t)
	c.interrupt()
	gone := <-done
	if c.resume(); gone && err != nil {
		return errGone
	}
	return err
}

// listen reads from the target. Until the target has taken the request it looks
// again and again whether it does.
func (c *client) listen(t *targetConn) error {
	x := &c.x
	for w := clock.Start(); ; {
		wait := x.config.idle - w.Elapsed()
		over := true
		switch x.front.site.opts.Wire.Delivery(t.raw) {
		case plane.Unanswered:
			t.member.unheard(x.node)
			if x.mayTurn && len(t.in.data()) == 0 && x.another() {
				t.member.done(false)
				return errUnheard
			}
			fallthrough
		case plane.Underway:
			wait, over = min(wait, listenAgain), wait <= listenAgain
		}
		t.SetReadDeadline(x.front.site.opts.Clock.Machine().Add(wait))
		if c.left.Load() { // before the deadline was set anew
			return errGone
		}
		if _, err := t.in.fill(t.Conn, maxAnswerHead); over || !errors.Is(err, os.ErrDeadlineExceeded) || c.left.Load() {
			return err
		}
	}
}

// watch reads ahead until it is interrupted; true if the client has gone.
func (c *client) watch(t *targetConn) bool {
	for {
		_, err := c.in.fill(c.conn, maxHead)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errFull):
			return false
		default:
			c.left.Store(true)
			t.SetReadDeadline(time.Unix(1, 0)) // ends the waiting
			return true
		}
	}
}

// consume drops the head from the buffer.
func (c *client) consume(t *targetConn) {
	t.in.used(c.respEnd)
	c.respEnd = 0
}

// answer passes the target's answer on.
func (c *client) answer(t *targetConn, up *upload, keep bool) bool {
	r := &c.resp
	if r.status == 101 {
		return c.tunnel(t)
	}
	rechunk := r.length == untilEOF && c.req.minor == 1
	plain := r.length == -1 && c.req.minor == 0
	if up.running() || r.length == untilEOF && !rechunk || plain {
		keep = false
	}
	out := c.appendAnswer(c.out[:0], keep, rechunk || r.length == -1 && !plain)
	length, closes := r.length, r.close
	c.consume(t)
	c.x.answering = c.x.watch.Elapsed() - c.x.sentAt - c.x.waited
	c.out = out
	head := c.x.sent + int64(len(out))
	defer func() { c.x.sentBody = max(0, c.x.sent-head) }()
	var err error
	switch {
	case length == 0:
		err = c.write(out)
	case length == -1 && !plain:
		err = c.copyChunks(t)
	default:
		err = c.copyBody(t, length, rechunk)
	}
	done := up.stop(c, t)
	if err != nil || closes || length == untilEOF || !done || c.x.req.verdict.separate(c.x.config.attrs.Desync) || len(t.in.data()) > 0 {
		t.discard()
	} else {
		t.keep()
	}
	return err == nil && done && keep
}

// appendAnswer writes the head of the answer that the client gets.
func (c *client) appendAnswer(out []byte, keep, chunked bool) []byte {
	r, x := &c.resp, &c.x
	out = append(append(append(out, "HTTP/1.1 "...), r.line...), '\r', '\n')
	out = r.appendFields(out, x.config.attrs.Add)
	if chunked {
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	}
	for _, v := range append(x.setCookies(r.sets), x.fresh...) {
		out = appendField(out, "Set-Cookie", v)
	}
	for name, value := range x.config.attrs.Add {
		out = appendField(out, name, value)
	}
	return append(appendConnection(out, keep), '\r', '\n')
}

// copyBody writes the head, which is in c.out, and a body that ends after a
// length or with the connection.
func (c *client) copyBody(t *targetConn, length int64, rechunk bool) error {
	if d := t.in.data(); length > 0 && int64(len(d)) >= length { // all of it has come
		c.out = append(c.out, d[:length]...)
		t.in.used(int(length))
		return c.write(c.out)
	}
	b := &body{in: &t.in, from: targetReader{c, t}, left: length}
	if length == -1 { // to a client that knows no chunks
		b.left, b.chunks = 0, &chunks{}
	}
	out := c.out
	if d, err := b.buffered(); err != nil {
		return err
	} else if len(d) > 0 && rechunk {
		out = appendChunk(out, d)
	} else {
		out = append(out, d...)
	}
	c.out = out
	if err := c.write(out); err != nil || b.ended() && !rechunk {
		return err
	}
	large := largeBuffers.Get().(*[largeBuffer]byte)
	defer largeBuffers.Put(large)
	for {
		n, err := b.Read(large[:])
		if n > 0 {
			d := large[:n]
			if rechunk {
				c.out = appendChunk(c.out[:0], d)
				d = c.out
			}
			if err := c.write(d); err != nil {
				return err
			}
		}
		if err == io.EOF {
			if rechunk {
				return c.write([]byte("0\r\n\r\n"))
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// copyChunks writes the head and a chunked body as it comes, framing and all.
func (c *client) copyChunks(t *targetConn) error {
	var k chunks
	for {
		d := t.in.data()
		all := 0
		for all < len(d) && k.state != chunkDone {
			_, n, err := k.next(d[all:])
			if err != nil {
				return err
			}
			all += n
		}
		if len(c.out) > 0 {
			c.out = append(c.out, d[:all]...)
			d = c.out
		} else {
			d = d[:all]
		}
		err := c.write(d)
		t.in.used(all)
		if c.out = c.out[:0]; err != nil || k.state == chunkDone {
			return err
		}
		t.SetReadDeadline(c.front.site.opts.Clock.Machine().Add(c.x.config.idle))
		if _, err := t.in.fill(t.Conn, largeBuffer); err != nil {
			return err
		}
	}
}

// targetReader reads with the deadline of idle connections.
type targetReader struct {
	c *client
	t *targetConn
}

func (r targetReader) Read(p []byte) (int, error) {
	r.t.SetReadDeadline(r.c.front.site.opts.Clock.Machine().Add(r.c.x.config.idle))
	return r.t.Conn.Read(p)
}
