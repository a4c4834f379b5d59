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

// sniffer accepts connections and tells TLS and SOCKS from plain HTTP by their
// first byte, so that one port takes all.
type sniffer struct {
	net.Listener
	config *tls.Config
	proxy  func(net.Conn) // speaks SOCKS; nil where that is not spoken
	conns  chan net.Conn
	closed chan struct{}

	mu     sync.Mutex
	silent map[net.Conn]struct{} // have yet to send their first byte; nil when closed
	err    error
}

const (
	// firstByteWithin is how long a new connection may stay silent.
	firstByteWithin = time.Minute
	// nextByteWithin is how long one may that has served a request.
	nextByteWithin = 5 * time.Minute
)

func sniff(l net.Listener, config *tls.Config, proxy func(net.Conn)) *sniffer {
	s := &sniffer{Listener: l, config: config, proxy: proxy, conns: make(chan net.Conn), closed: make(chan struct{}), silent: map[net.Conn]struct{}{}}
	go s.run()
	return s
}

func (s *sniffer) run() {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			s.end(err)
			return
		}
		go s.sort(c)
	}
}

// sort finds out what a new connection speaks.
func (s *sniffer) sort(c net.Conn) {
	first, ok := s.first(c, firstByteWithin)
	if !ok {
		return
	}
	var conn net.Conn = &peeked{Conn: c, unread: first}
	if first[0] == recordHandshake {
		conn = tls.Server(conn, s.config)
	}
	if first[0] == socksVersion && s.proxy != nil {
		s.proxy(conn)
		return
	}
	s.pass(conn)
}

// again serves a plain connection on that was taken from the server; unread is
// what its client has sent since. It takes part in serving only once there is
// another request.
func (s *sniffer) again(c net.Conn, unread []byte) {
	p, ok := c.(*peeked)
	if !ok {
		p = &peeked{Conn: c}
	}
	if len(unread) == 0 {
		if unread, ok = s.first(p.Conn, nextByteWithin); !ok {
			return
		}
	}
	p.unread = unread
	s.pass(p)
}

// first waits for a connection's first byte; without one it closes it.
func (s *sniffer) first(c net.Conn, within time.Duration) (first []byte, ok bool) {
	if !s.hush(c) {
		c.Close()
		return nil, false
	}
	defer s.speak(c)
	first = make([]byte, 1)
	c.SetReadDeadline(deadline(within))
	if _, err := io.ReadFull(c, first); err != nil {
		c.Close()
		return nil, false
	}
	c.SetReadDeadline(time.Time{})
	return first, true
}

// hush notes a silent connection, so that it ends with the listener.
func (s *sniffer) hush(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent == nil {
		return false
	}
	s.silent[c] = struct{}{}
	return true
}

func (s *sniffer) speak(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.silent, c)
}

// pass gives a connection to who accepts.
func (s *sniffer) pass(c net.Conn) {
	select {
	case s.conns <- c:
	case <-s.closed:
		c.Close()
	}
}

// end refuses further connections; err is why, for who accepts.
func (s *sniffer) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent == nil {
		return
	}
	for c := range s.silent {
		c.Close()
	}
	s.silent, s.err = nil, err
	close(s.closed)
}

// Accept returns the next connection whose kind is known.
func (s *sniffer) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.closed:
		return nil, s.err // set before closed was
	}
}

// Close stops listening and closes the connections that are silent.
func (s *sniffer) Close() error {
	err := s.Listener.Close()
	s.end(net.ErrClosed)
	return err
}

// peeked gives back what was read of a connection to look at it.
type peeked struct {
	net.Conn
	unread []byte
	out    joined
}

// Read yields what was read already, then the rest of the connection.
func (p *peeked) Read(b []byte) (int, error) {
	// A single byte is what net/http asks for to notice, during a request, that
	// the client goes away.
	if len(b) > 1 {
		if err := p.out.flush(p.Conn); err != nil {
			return 0, err
		}
	}
	if len(p.unread) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.unread)
	if p.unread = p.unread[n:]; len(p.unread) == 0 {
		p.unread = nil
	}
	return n, nil
}

// ReadFrom keeps the connection's own way to send files.
func (p *peeked) ReadFrom(r io.Reader) (int64, error) {
	if err := p.out.flush(p.Conn); err != nil {
		return 0, err
	}
	return io.Copy(p.Conn, r)
}

// Close ends the connection, once everything is sent.
func (p *peeked) Close() error { return errors.Join(p.out.flush(p.Conn), p.Conn.Close()) }

// CloseWrite ends our side of the connection.
func (p *peeked) CloseWrite() error {
	if err := p.out.flush(p.Conn); err != nil {
		return err
	}
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
