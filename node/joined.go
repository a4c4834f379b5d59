package node

import (
	"net"
	"sync"
)

// serverBuffer is the size of net/http's buffer for what a connection sends. An
// answer that is a little larger leaves in two writes: a full buffer, and then
// the rest.
const serverBuffer = 4 << 10

// joined is the sending side of a connection. When it is told that a whole
// answer comes, it keeps the full buffer back until the rest is there: one
// system call less for us and one less for the client.
//
// Nothing is kept for longer than the answer takes: net/http then reads the
// next request, or closes the connection, and both send first.
type joined struct {
	mu    sync.Mutex
	whole bool   // what is written next belongs to an answer that is there already
	kept  []byte // a full buffer of it
}

var joints = sync.Pool{New: func() any { return new([4 * serverBuffer]byte) }}

// Join is gate.Joiner.
func (p *peeked) Join() {
	p.out.mu.Lock()
	p.out.whole = true
	p.out.mu.Unlock()
}

// Flush is gate.Joiner's. Whoever writes or reads next sees its error.
func (p *peeked) Flush() { p.out.flush(p.Conn) }

// Write sends b, or keeps it until the rest of its answer comes.
func (p *peeked) Write(b []byte) (int, error) {
	o := &p.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.whole {
		return p.Conn.Write(b)
	}
	if o.kept == nil && len(b) == serverBuffer {
		o.kept = append(joints.Get().(*[4 * serverBuffer]byte)[:0], b...)
		return len(b), nil
	}
	return o.send(p.Conn, b)
}

// send sends what was kept and b; n counts b's bytes. mu is held.
func (o *joined) send(c net.Conn, b []byte) (n int, err error) {
	kept := o.kept
	o.whole, o.kept = false, nil
	if kept == nil {
		return c.Write(b)
	}
	n, err = c.Write(append(kept, b...))
	joints.Put((*[4 * serverBuffer]byte)(kept[:4*serverBuffer]))
	return max(0, n-len(kept)), err
}

// flush sends what was kept.
func (o *joined) flush(c net.Conn) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.kept == nil {
		return nil
	}
	_, err := o.send(c, nil)
	return err
}
