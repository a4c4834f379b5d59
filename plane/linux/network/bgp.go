//go:build linux

package network

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pileus/clock"
	"pileus/plane"
	"pileus/plane/bgp"
)

// redial is how often the end that calls tries to.
const redial = time.Second

// speaker is one end of a tunnel's BGP session. It tries again for as long as
// the tunnel is there. A nil speaker is that of a tunnel without BGP.
type speaker struct {
	stop func()

	mu          sync.Mutex
	established bool
	routes      []netip.Prefix
	fresh       bool // something has changed since news was asked for
}

// speak starts a speaker in the namespace where the tunnel's link is.
func speak(t plane.Tunnel, inside *namespace, clk clock.Clock, log *slog.Logger) *speaker {
	ctx, cancel := context.WithCancel(context.Background())
	s := &speaker{}
	c := bgp.Config{Local: t.BGP.Local, Peer: t.BGP.Peer, ID: t.Inside.Addr(), Networks: t.BGP.Networks, Clock: clk, Learned: s.learn}
	conn := s.call(t, inside)
	if t.BGP.Listens {
		conn = s.wait(ctx, t, inside)
	}
	var done sync.WaitGroup
	s.stop = func() { cancel(); done.Wait() }
	done.Go(func() {
		for {
			peer, err := conn(ctx)
			if err == nil {
				err = bgp.Run(ctx, peer, c)
			}
			log.Debug("a BGP session is not up", "tunnel", t.ID, "err", err)
			if clk.Wait(ctx, redial) != nil {
				return
			}
		}
	})
	return s
}

// call connects to the other end.
func (s *speaker) call(t plane.Tunnel, inside *namespace) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (c net.Conn, err error) {
		ctx, cancel := context.WithTimeout(ctx, redial)
		defer cancel()
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.Inside.Addr(), 0))}
		err = inside.do(func() error {
			c, err = d.DialContext(ctx, "tcp4", netip.AddrPortFrom(t.Peer.Addr(), bgp.Port).String())
			return err
		})
		return c, err
	}
}

// wait listens for the other end, and for nobody else.
func (s *speaker) wait(ctx context.Context, t plane.Tunnel, inside *namespace) func(context.Context) (net.Conn, error) {
	var l net.Listener
	err := inside.do(func() (err error) {
		var c net.ListenConfig
		l, err = c.Listen(ctx, "tcp4", netip.AddrPortFrom(t.Inside.Addr(), bgp.Port).String())
		return err
	})
	if err == nil {
		context.AfterFunc(ctx, func() { l.Close() })
	}
	return func(context.Context) (net.Conn, error) {
		if err != nil {
			return nil, err
		}
		c, err := l.Accept()
		if err != nil {
			return nil, err
		}
		if from, perr := netip.ParseAddrPort(c.RemoteAddr().String()); perr != nil || from.Addr() != t.Peer.Addr() {
			return nil, errors.Join(errors.New("somebody else called"), c.Close())
		}
		return c, nil
	}
}

// learn takes in what a session tells.
func (s *speaker) learn(established bool, routes []netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = s.fresh || s.established != established || !slices.Equal(s.routes, routes)
	s.established, s.routes = established, routes
}

// learned is what the other end announces now.
func (s *speaker) learned() (established bool, routes []netip.Prefix) {
	if s == nil {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.established, s.routes
}

// news tells whether that has changed since it was asked last.
func (s *speaker) news() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.fresh
	s.fresh = false
	return fresh
}

func (s *speaker) close() {
	if s != nil {
		s.stop()
	}
}
