package attach

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"pileus/lb"
	"pileus/plane"
)

// quiet is a network on which one may listen where no packets are: on a
// simulated plane nothing ever comes, and the cloud's own edge leads to the
// listeners all the same.
type quiet struct{ lb.Wire }

// Listen implements lb.Wire.
func (q quiet) Listen(ctx context.Context, vpc string, at netip.AddrPort) (net.Listener, error) {
	l, err := q.Wire.Listen(ctx, vpc, at)
	if errors.Is(err, plane.ErrUnsupported) {
		return silentListener{newSilent(net.TCPAddrFromAddrPort(at))}, nil
	}
	return l, err
}

// ListenPacket implements lb.Wire.
func (q quiet) ListenPacket(ctx context.Context, vpc string, at netip.AddrPort) (net.PacketConn, error) {
	l, err := q.Wire.ListenPacket(ctx, vpc, at)
	if errors.Is(err, plane.ErrUnsupported) {
		return silentPackets{newSilent(net.UDPAddrFromAddrPort(at))}, nil
	}
	return l, err
}

// silent is an address at which nothing arrives.
type silent struct {
	at     net.Addr
	once   *sync.Once
	closed chan struct{}
}

func newSilent(at net.Addr) silent { return silent{at, &sync.Once{}, make(chan struct{})} }

// Close ends who waits.
func (s silent) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

type silentListener struct{ silent }

// Accept waits for Close.
func (s silentListener) Accept() (net.Conn, error) {
	<-s.closed
	return nil, net.ErrClosed
}

// Addr is where it would listen.
func (s silentListener) Addr() net.Addr { return s.at }

type silentPackets struct{ silent }

// ReadFrom waits for Close.
func (s silentPackets) ReadFrom([]byte) (int, net.Addr, error) {
	<-s.closed
	return 0, nil, net.ErrClosed
}

// WriteTo loses what it is given, as a network may.
func (s silentPackets) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }

// LocalAddr is where it would listen.
func (s silentPackets) LocalAddr() net.Addr { return s.at }

// SetDeadline has nothing to end.
func (silentPackets) SetDeadline(time.Time) error { return nil }

// SetReadDeadline has nothing to end.
func (silentPackets) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline has nothing to end.
func (silentPackets) SetWriteDeadline(time.Time) error { return nil }
