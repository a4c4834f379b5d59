package lb

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"pileus/clock"
)

const (
	// pumpLook is the longest time after which it is looked whether a connection
	// is idle, and counted what it has moved.
	pumpLook = 15 * time.Second
	// pumpBuffer is how much is moved at once: a record of TLS.
	pumpBuffer = 16 << 10
)

// carry moves what both sides say until both have ended.
func (x *session) carry() {
	done := make(chan struct{})
	x.active.Store(int64(x.begun.Elapsed()))
	x.front.site.start(func() {
		defer close(done)
		x.pump(x.target, x.client, &x.sent, endedByClient)
	})
	x.pump(x.client, x.target, &x.received, endedByTarget)
	<-done
}

// pump moves what src says to dst. The end of what src says is passed on and
// leaves the other direction open; who breaks the connection breaks all of it.
func (x *session) pump(dst, src net.Conn, moved *atomic.Int64, culprit ending) {
	look := min(pumpLook, max(x.conf.idle/16, 10*time.Millisecond))
	plain := isTCP(dst) && isTCP(src)
	for {
		w, now := clock.Start(), clock.Machine()
		// Reading stops to look around; writing only when the other side has
		// taken nothing for so long that the connection is given up.
		src.SetReadDeadline(now.Add(look))
		dst.SetWriteDeadline(now.Add(look + x.conf.idle))
		n, err := x.move(dst, src, plain)
		if n > 0 {
			moved.Add(n)
			x.counts.processed.add(n)
			x.active.Store(int64(x.begun.Elapsed()))
		}
		switch {
		case err == nil:
			halfClose(dst)
			return
		case !errors.Is(err, os.ErrDeadlineExceeded):
			x.broken(err, culprit)
			return
		case w.Elapsed() >= look+x.conf.idle, x.idle() >= x.conf.idle:
			x.end(endedByBalancer)
			return
		}
	}
}

// idle is for how long nothing was moved in either direction.
func (x *session) idle() time.Duration {
	return x.begun.Elapsed() - time.Duration(x.active.Load())
}

func isTCP(c net.Conn) bool { _, ok := c.(*net.TCPConn); return ok }

var pumpBuffers = sync.Pool{New: func() any { return new([pumpBuffer]byte) }}

// move copies until src ends or a deadline passes; nil is the end of src. As
// soon as there is much at once, the kernel moves it between TCP connections
// (splice) and it does not come into this process any more; for short messages
// that would take longer.
func (x *session) move(dst, src net.Conn, plain bool) (int64, error) {
	b := pumpBuffers.Get().(*[pumpBuffer]byte)
	defer pumpBuffers.Put(b)
	var total int64
	for {
		n, err := src.Read(b[:])
		if n > 0 {
			m, werr := dst.Write(b[:n])
			total += int64(m)
			if werr != nil {
				return total, werr
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		if plain && n == len(b) {
			m, err := io.Copy(dst, src)
			return total + m, err
		}
	}
}

// halfClose tells dst that nothing more comes.
func halfClose(dst net.Conn) {
	if c, ok := dst.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
}

// broken ends a session one of whose connections broke: that of the culprit,
// unless the other one takes nothing any more.
func (x *session) broken(err error, culprit ending) {
	if errors.Is(err, syscall.EPIPE) {
		culprit = endedByClient + endedByTarget - culprit
	}
	x.end(culprit)
}

// end breaks both connections with a reset, for the reason that is told first.
func (x *session) end(why ending) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ending != goesOn {
		return
	}
	x.ending = why
	for _, c := range []net.Conn{x.raw, x.rawTarget} {
		if t, ok := c.(*net.TCPConn); ok {
			t.SetLinger(0)
		}
		if c != nil {
			c.Close()
		}
	}
}

// finish closes what is still open, and counts and logs how it ended.
func (x *session) finish() {
	x.mu.Lock()
	why := x.ending
	if why == goesOn {
		x.ending = endedByClient // nothing can be adopted any more
		for _, c := range []net.Conn{x.client, x.target, x.raw, x.rawTarget} {
			if c != nil {
				c.Close()
			}
		}
	}
	x.mu.Unlock()
	x.counts.reset(why)
	x.log()
}
