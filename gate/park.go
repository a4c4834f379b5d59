package gate

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"pileus/clock"
	"pileus/cloud"
)

// A call that waits for something to happen (cloud.Later) needs its connection
// only to notice that the client goes away. Served by net/http, it would hold
// three buffers, a grown stack and a header's worth of bookkeeping all the
// while. So the connection is put aside: taken out of net/http's hands, watched
// by a goroutine of its own, answered from here and given back (Options.Resume)
// for the client's next request.

// waitFunc makes the answer of a call that waits.
type waitFunc func(ctx context.Context) (out any, err error)

// errParked is the handler's error when it has left the answer to x.wait.
var errParked = errors.New("gate: the answer comes later")

// answerWithin is how long a client may take to read an answer that comes
// later.
const answerWithin = 10 * time.Second

// parkable tells whether the connection can be put aside: a plain one that goes
// on after this request, whose body has been read to its end.
func (x *exchange) parkable() bool {
	r := x.r
	return x.gate.Resume != nil && x.op.Mode == cloud.Serves &&
		r.TLS == nil && r.ProtoMajor == 1 && r.ProtoMinor == 1 && !r.Close &&
		(r.ContentLength == 0 || r.ContentLength > 0 && x.haveBody && x.bodyErr == nil)
}

// Park is cloud.Parker.
func (x *exchange) Park(wait func(ctx context.Context) (any, error)) error {
	x.wait = wait
	return errParked
}

// park takes the connection from net/http and has the answer made. When it
// returns, net/http forgets the connection.
func (x *exchange) park() {
	x.gate.parked.Add(1) // first: from Hijack on nobody else knows of it
	conn, rw, err := x.w.hijack()
	if err != nil {
		defer x.gate.parked.Done()
		x.finish(x.waited(x.r.Context()))
		return
	}
	ctx, gone := context.WithCancel(context.Background())
	p := &parking{conn: conn, unread: buffered(rw.Reader), gone: gone, watched: make(chan struct{})}
	x.detach(ctx)
	if len(p.unread) > 0 {
		close(p.watched) // nobody can look behind the next request
	} else {
		go p.watch()
	}
	go x.resume(ctx, p)
}

// detach lets go of what belongs to net/http and of what the answer does not
// need.
func (x *exchange) detach(ctx context.Context) {
	x.r = x.r.WithContext(ctx)
	x.r.Body = http.NoBody
	x.http.Request = x.r
	x.call.Context = ctx
	x.body = nil
	x.w.ResponseWriter = nil
}

// buffered is a copy of what was read from a connection and not yet used.
func buffered(r *bufio.Reader) []byte {
	b, _ := r.Peek(r.Buffered()) // which is there: it cannot fail
	return bytes.Clone(b)
}

// waited is what the wait ends in.
func (x *exchange) waited(ctx context.Context) (out any, err error) {
	defer x.gate.rescue(x.call, x.op, &err)
	return x.wait(ctx)
}

// resume waits for the answer, sends it and gives the connection back.
func (x *exchange) resume(ctx context.Context, p *parking) {
	defer x.gate.parked.Done()
	whole := false
	defer func() {
		if v := recover(); v != nil && v != errAbort {
			x.gate.Log.Error("an answer could not be made", "operation", x.opName, "request", x.call.RequestID, "panic", v)
		}
		p.release()
		if !whole {
			p.conn.Close()
			return
		}
		x.gate.Resume(p.conn, p.unread)
	}()
	out, err := x.waited(ctx)
	a := &letter{header: http.Header{}}
	x.w.ResponseWriter = a
	x.finish(out, err)
	last := x.gate.isClosing()
	p.conn.SetWriteDeadline(clock.Machine().Add(answerWithin))
	if a.send(p.conn, x.r, last) == nil && p.conn.SetWriteDeadline(time.Time{}) == nil {
		whole = !last
	}
}

func (g *Gate) isClosing() bool {
	select {
	case <-g.closing:
		return true
	default:
		return false
	}
}

// parking is a connection that was put aside.
type parking struct {
	conn    net.Conn
	unread  []byte // what the client has sent after its request
	gone    context.CancelFunc
	watched chan struct{} // closed when watch has ended
}

// watch notices that the client has gone away, or that it has sent something,
// after which its going cannot be noticed any more.
func (p *parking) watch() {
	defer close(p.watched)
	next := make([]byte, 1)
	n, err := p.conn.Read(next)
	switch {
	case n > 0:
		p.unread = next
	case !errors.Is(err, os.ErrDeadlineExceeded):
		p.gone()
	}
}

// release ends the watch.
func (p *parking) release() {
	p.conn.SetReadDeadline(time.Unix(1, 0)) // long ago: a pending Read returns
	<-p.watched
	p.conn.SetReadDeadline(time.Time{})
	p.gone()
}

// letter is an answer that is written as a whole: an http.ResponseWriter for
// calls whose connection net/http has forgotten.
type letter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is the answer's header.
func (a *letter) Header() http.Header { return a.header }

// WriteHeader sets the status; the first one counts.
func (a *letter) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

// Write adds to the body.
func (a *letter) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// send writes the answer to r; last announces that the connection ends with it.
func (a *letter) send(w io.Writer, r *http.Request, last bool) error {
	a.WriteHeader(http.StatusOK)
	a.header.Del("Content-Length") // Write works it out
	a.header.Set("Date", clock.Machine().UTC().Format(http.TimeFormat))
	length := int64(a.body.Len())
	res := http.Response{
		StatusCode: a.status, ProtoMajor: 1, ProtoMinor: 1, Header: a.header, Request: r, Close: last,
		Body: io.NopCloser(&a.body), ContentLength: length,
	}
	out := bufio.NewWriterSize(w, min(int(length)+1<<10, 64<<10))
	if err := res.Write(out); err != nil {
		return err
	}
	return out.Flush()
}
