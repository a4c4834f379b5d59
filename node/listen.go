package node

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// recordHandshake is the first byte of every TLS connection (RFC 8446, 5.1).
const recordHandshake = 0x16

// sniffer accepts connections and tells TLS from plain HTTP by their first
// byte, so that one port takes both.
type sniffer struct {
	net.Listener
	config *tls.Config
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	err    error
}

// firstByteWithin is how long a new connection may stay silent.
const firstByteWithin = time.Minute

func sniff(l net.Listener, config *tls.Config) *sniffer {
	s := &sniffer{Listener: l, config: config, conns: make(chan net.Conn), closed: make(chan struct{})}
	go s.run()
	return s
}

func (s *sniffer) run() {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			s.once.Do(func() {
				s.err = err
				close(s.closed)
			})
			return
		}
		go s.sort(c)
	}
}

func (s *sniffer) sort(c net.Conn) {
	var first [1]byte
	c.SetReadDeadline(deadline(firstByteWithin))
	if _, err := io.ReadFull(c, first[:]); err != nil {
		c.Close()
		return
	}
	c.SetReadDeadline(time.Time{})
	var conn net.Conn = &peeked{Conn: c, first: first[0], pending: true}
	if first[0] == recordHandshake {
		conn = tls.Server(conn, s.config)
	}
	select {
	case s.conns <- conn:
	case <-s.closed:
		c.Close()
	}
}

// Accept returns the next connection whose kind is known.
func (s *sniffer) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.closed:
		if s.err != nil {
			return nil, s.err
		}
		return nil, net.ErrClosed
	}
}

// Close stops listening.
func (s *sniffer) Close() error {
	err := s.Listener.Close()
	s.once.Do(func() { close(s.closed) })
	return err
}

// peeked gives back the byte that was read to look at it.
type peeked struct {
	net.Conn
	first   byte
	pending bool
}

// Read yields the first byte, then the rest of the connection.
func (p *peeked) Read(b []byte) (int, error) {
	if !p.pending {
		return p.Conn.Read(b)
	}
	if len(b) == 0 {
		return 0, nil
	}
	b[0], p.pending = p.first, false
	return 1, nil
}

// ReadFrom keeps the connection's own way to send files.
func (p *peeked) ReadFrom(r io.Reader) (int64, error) { return io.Copy(p.Conn, r) }

// CloseWrite ends our side of the connection.
func (p *peeked) CloseWrite() error {
	if t, ok := p.Conn.(*net.TCPConn); ok {
		return t.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SetLinger is for resets that somebody asked for.
func (p *peeked) SetLinger(sec int) error {
	if t, ok := p.Conn.(*net.TCPConn); ok {
		return t.SetLinger(sec)
	}
	return errors.ErrUnsupported
}
