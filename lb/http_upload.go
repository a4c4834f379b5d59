package lb

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"pileus/clock"
)

// upload sends the rest of a request's body while the answer is waited for:
// targets may answer before they have all of it.
type upload struct {
	done  chan struct{}
	moved atomic.Int64 // bytes that the target's connection has taken
	all   atomic.Bool  // has come from the client; what is left is to send it
	n     int64
	err   error // of reading from the client; good after done
	ended bool  // all of it was sent; good after done
}

func (c *client) startUpload(t *targetConn) *upload {
	u := &upload{done: make(chan struct{})}
	c.front.site.start(func() {
		defer close(u.done)
		u.run(c, t)
	})
	return u
}

func (u *upload) run(c *client, t *targetConn) {
	b := c.body()
	large := largeBuffers.Get().(*[largeBuffer]byte)
	defer largeBuffers.Put(large)
	var out []byte
	for {
		n, err := b.Read(large[:])
		u.n += int64(n)
		d := large[:n]
		if b.chunks != nil && n > 0 {
			out = appendChunk(out[:0], d)
			d = out
		}
		if err == io.EOF && b.chunks != nil {
			d = appendLast(out[:0], b.chunks.trailer)
		}
		if err == io.EOF || b.chunks == nil && b.ended() {
			u.all.Store(true) // before it is sent, because the answer may be quick
		}
		if len(d) > 0 {
			t.SetWriteDeadline(c.front.site.opts.Clock.Machine().Add(c.x.config.idle))
			n, err := t.Write(d)
			if u.moved.Add(int64(n)); err != nil {
				return // what the target says to that is read by the other side
			}
		}
		if err == io.EOF {
			u.ended = true
			return
		}
		if err != nil {
			u.err = err
			if !c.wasInterrupted() {
				t.Conn.Close() // nothing will come of it
			}
			return
		}
	}
}

// running tells whether the client has not sent all of the body yet.
func (u *upload) running() bool { return u != nil && !u.all.Load() }

// bytes is how much has moved.
func (u *upload) bytes() int64 {
	if u == nil {
		return 0
	}
	return u.moved.Load()
}

// stop ends the upload and tells whether all was sent.
func (u *upload) stop(c *client, t *targetConn) bool {
	if u == nil {
		return true
	}
	select {
	case <-u.done:
	default:
		if !u.all.Load() {
			c.interrupt()
		}
		// A target that has answered may not want the rest.
		t.SetWriteDeadline(c.front.site.opts.Clock.Machine().Add(time.Second))
		<-u.done
		c.resume()
	}
	c.x.received += u.n
	return u.ended
}

func (u *upload) clientGone() bool {
	return u != nil && (errors.Is(u.err, io.ErrUnexpectedEOF) || errors.Is(u.err, net.ErrClosed) || isReset(u.err))
}

func (u *upload) timedOut() bool {
	return u != nil && errors.Is(u.err, os.ErrDeadlineExceeded)
}

func (u *upload) malformed() bool { return u != nil && errors.Is(u.err, errChunk) }

// isReset tells errors of a connection from deadlines.
func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// tunnel carries what an upgraded connection has to say, both ways, until one
// side ends it or nothing is said for the idle time.
func (c *client) tunnel(t *targetConn) bool {
	defer t.discard()
	out := append(append(append(c.out[:0], "HTTP/1.1 "...), c.resp.line...), "\r\nConnection: upgrade\r\n"...)
	out = append(c.resp.appendFields(out, nil), '\r', '\n')
	c.consume(t)
	if c.write(append(out, t.in.data()...)) != nil {
		return false
	}
	t.in.used(len(t.in.data()))
	d := c.in.data()
	t.SetWriteDeadline(time.Time{})
	if _, err := t.Write(d); err != nil {
		return false
	}
	c.in.used(len(d))
	p := &pipe{idle: c.x.config.idle, clock: c.front.site.opts.Clock}
	p.spoke.Store(new(clock.Start()))
	back := make(chan int64)
	c.front.site.start(func() {
		n := p.copy(t.Conn, c.conn)
		back <- n
	})
	c.x.sent += p.copy(c.conn, t.Conn)
	c.x.received += <-back
	return false
}

// pipe is an upgraded connection, or rather its time.
type pipe struct {
	idle  time.Duration
	clock clock.Clock
	spoke atomic.Pointer[clock.Stopwatch]
}

// copy passes on what is read until its end, and then ends both: upgraded
// protocols know no half of a connection.
func (p *pipe) copy(to, from net.Conn) (n int64) {
	large := largeBuffers.Get().(*[largeBuffer]byte)
	defer largeBuffers.Put(large)
	defer from.Close()
	defer to.Close()
	for {
		from.SetReadDeadline(p.clock.Machine().Add(p.idle))
		r, err := from.Read(large[:])
		if r > 0 {
			p.spoke.Store(new(clock.Start()))
			to.SetWriteDeadline(p.clock.Machine().Add(p.idle))
			w, err := to.Write(large[:r])
			n += int64(w)
			if err != nil {
				return n
			}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && p.spoke.Load().Elapsed() < p.idle {
			continue // the other side has spoken
		}
		if err != nil {
			return n
		}
	}
}
