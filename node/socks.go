package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	published "pileus/names"
	"pileus/plane"
	"pileus/store"
)

// The cloud's port is a SOCKS 5 proxy (RFC 1928) as well, for programs of this
// machine that have no other way to the cloud's public addresses: without root
// there is no link between them and the host. Names are those that the name
// server knows.

const (
	socksVersion    = 5 // the first byte of a connection
	socksNoPassword = 0
	socksRefused    = 0xff
	socksConnect    = 1

	socksIPv4, socksName, socksIPv6 = 1, 3, 4
)

// Answers to a request.
const (
	socksDone = iota
	socksFailed
	socksForbidden
	socksNoNetwork
	socksNoHost
	socksNobodyListens
	socksNoSuchCommand
	socksNoSuchAddress
)

const (
	// socksHurry is how long a client may take to say what it wants, and
	// socksPatience how long who is called may take to answer.
	socksHurry    = 10 * time.Second
	socksPatience = 10 * time.Second
)

// proxy carries connections from this machine to the cloud's internet.
type proxy struct {
	node *Node

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil when closed
}

func newProxy(n *Node) *proxy { return &proxy{node: n, conns: map[net.Conn]struct{}{}} }

// keep notes a connection, so that it ends with the proxy.
func (p *proxy) keep(c net.Conn) (forget func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		c.Close()
		return nil, false
	}
	p.conns[c] = struct{}{}
	return func() {
		c.Close()
		p.mu.Lock()
		delete(p.conns, c)
		p.mu.Unlock()
	}, true
}

func (p *proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// serve speaks with a client until one of the ends has had enough.
func (p *proxy) serve(c net.Conn) {
	forget, ok := p.keep(c)
	if !ok {
		return
	}
	defer forget()
	if from, err := netip.ParseAddrPort(c.RemoteAddr().String()); err != nil || !from.Addr().Unmap().IsLoopback() {
		return // what is for this machine's users is not for others
	}
	c.SetDeadline(deadline(socksHurry))
	to, answer, err := p.greet(c)
	if err == nil && answer == socksDone {
		c.SetDeadline(time.Time{})
		answer = p.carry(c, to)
	}
	if err != nil || answer != socksDone {
		p.node.o.Log.Debug("the proxy did not connect", "to", to, "answer", answer, "err", err)
	}
	if err == nil && answer != socksDone {
		_ = socksReply(c, answer) // who has gone misses nothing
	}
}

// greet agrees on how to go on, and reads whom the client wants to reach.
func (p *proxy) greet(c net.Conn) (to netip.AddrPort, answer byte, err error) {
	hello := make([]byte, 2)
	if _, err := io.ReadFull(c, hello); err != nil {
		return to, 0, err
	}
	methods := make([]byte, hello[1])
	if _, err := io.ReadFull(c, methods); err != nil {
		return to, 0, err
	}
	method := byte(socksRefused)
	for _, m := range methods {
		if m == socksNoPassword {
			method = socksNoPassword
		}
	}
	if _, err := c.Write([]byte{socksVersion, method}); err != nil {
		return to, 0, err
	}
	if method == socksRefused {
		return to, 0, errors.New("the client insists on a password")
	}
	request := make([]byte, 4)
	if _, err := io.ReadFull(c, request); err != nil {
		return to, 0, err
	}
	a, answer, err := p.address(c, request[3])
	if err != nil {
		return to, 0, err
	}
	port := make([]byte, 2)
	if _, err := io.ReadFull(c, port); err != nil {
		return to, 0, err
	}
	if answer == socksDone && request[1] != socksConnect {
		answer = socksNoSuchCommand
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port)), answer, nil
}

// address reads the address of a request.
func (p *proxy) address(c net.Conn, kind byte) (a netip.Addr, answer byte, err error) {
	size := map[byte]int{socksIPv4: 4, socksIPv6: 16, socksName: 1}[kind]
	if size == 0 {
		return a, 0, fmt.Errorf("addresses of kind %d are unknown", kind)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(c, b); err != nil {
		return a, 0, err
	}
	if kind != socksName {
		a, _ = netip.AddrFromSlice(b)
	} else {
		name := make([]byte, b[0])
		if _, err := io.ReadFull(c, name); err != nil {
			return a, 0, err
		}
		if a, err = p.resolve(string(name)); err != nil {
			return a, socksNoHost, nil
		}
	}
	if !plane.Internet.Contains(a) && !plane.Internet6.Contains(a) {
		return a, socksForbidden, nil // the cloud is no way to anywhere else
	}
	return a, socksDone, nil
}

// resolve finds the address of a name of the cloud.
func (p *proxy) resolve(name string) (a netip.Addr, err error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return a, nil
	}
	err = p.node.core.Load().db.View(context.Background(), func(r store.Reader) error {
		if n, ok := published.Find(r, name); ok && len(n.Addresses) > 0 {
			a = n.Addresses[0]
		}
		return nil
	})
	if public, ok := publicHost(published.Normal(name)); ok && !a.IsValid() {
		a = public
	}
	if err == nil && !a.IsValid() {
		err = fmt.Errorf("nothing in the cloud is called %s", name)
	}
	return a, err
}

// carry calls whom the client wants, says so, and copies both ways.
func (p *proxy) carry(c net.Conn, to netip.AddrPort) (answer byte) {
	ctx, cancel := context.WithTimeout(context.Background(), socksPatience)
	far, err := p.node.o.Plane.Dial(ctx, "", netip.Addr{}, "tcp", to)
	cancel()
	switch {
	case err == nil:
	case errors.Is(err, syscall.ECONNREFUSED):
		return socksNobodyListens
	case errors.Is(err, plane.ErrUnsupported):
		return socksFailed
	default:
		return socksNoHost
	}
	forget, ok := p.keep(far)
	if !ok {
		return socksDone
	}
	defer forget()
	if socksReply(c, socksDone) != nil {
		return socksDone
	}
	both(c, far)
	return socksDone
}

// socksReply answers a request; the address that it tells has no meaning to anybody.
func socksReply(c net.Conn, answer byte) error {
	_, err := c.Write([]byte{socksVersion, answer, 0, socksIPv4, 0, 0, 0, 0, 0, 0})
	return err
}

// both copies both ways until both ends have said all.
func both(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		pour(b, a)
	}()
	pour(a, b)
	<-done
}

// pour copies what from says, and tells that it has said all.
func pour(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
	}
	if half, ok := to.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		to.Close()
	}
}
