package lb

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"pileus/clock"
)

// answerRoom is how much room each flow has for an answer at first: more than
// the longest packet of a VPC, 9001 bytes. A flow whose target sends longer
// datagrams loses the first of them.
const answerRoom = 9216

// packetFlow is what one client says to one node, and the socket over which
// its target is spoken to.
type packetFlow struct {
	port          *packetPort
	client        netip.AddrPort
	conn          net.Conn
	header        []byte // comes before each datagram; nil for none
	counts        *streamCounts
	idle          time.Duration
	begun         clock.Stopwatch
	active        atomic.Int64 // when something passed last, since begun
	untrack, left func()
}

// pass sends a client's datagram on.
func (f *packetFlow) pass(b []byte) {
	f.active.Store(int64(f.begun.Elapsed()))
	f.counts.processed.add(int64(len(b)))
	if f.header != nil {
		b = append(f.header[:len(f.header):len(f.header)], b...)
	}
	f.conn.Write(b) // what cannot be delivered is lost, as datagrams are
}

// answer sends back what the target says, until the flow is idle or ended.
func (f *packetFlow) answer() {
	defer f.close()
	look := max(f.idle/16, 10*time.Millisecond)
	buffer := make([]byte, answerRoom)
	for {
		f.conn.SetReadDeadline(clock.Machine().Add(look))
		n, err := f.conn.Read(buffer)
		switch {
		case err == nil && n == answerRoom: // cut off, maybe: the next will fit
			buffer = make([]byte, packetRoom)
		case err == nil:
			f.active.Store(int64(f.begun.Elapsed()))
			f.counts.processed.add(int64(n))
			if f.port.writeTo(buffer[:n], f.client) != nil {
				return
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			if f.begun.Elapsed()-time.Duration(f.active.Load()) >= f.idle {
				return
			}
		case errors.Is(err, syscall.ECONNREFUSED): // nobody listens there now
		default:
			return
		}
	}
}

// end has answer return, and close the flow.
func (f *packetFlow) end() { f.conn.Close() }

func (f *packetFlow) close() {
	f.conn.Close()
	f.untrack()
	f.left()
	f.counts.open(-1)
	f.port.mu.Lock()
	defer f.port.mu.Unlock()
	if f.port.flows[f.client] == f {
		delete(f.port.flows, f.client)
	}
}
