package metadata

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"pileus/cloud"
	"pileus/plane"
)

// Service is the metadata service of a cloud.
type Service struct {
	source Source
	plane  plane.Network

	mu     sync.Mutex
	open   map[string]*door  // by VPC
	unsafe map[string]uint64 // requests without a token, by instance
}

// door is a server with its listeners, which may have to be closed before the
// server has begun to serve them.
type door struct {
	*http.Server
	l []net.Listener
}

func (d *door) close() {
	d.Server.Close()
	for _, l := range d.l {
		l.Close()
	}
}

// New makes a service; Open has it answer in a VPC.
func New(p plane.Network, s Source) *Service {
	return &Service{source: s, plane: p, open: map[string]*door{}}
}

// usualHops is the time to live of packets that nobody limits.
const usualHops = 64

const (
	headerWithin = 10 * time.Second
	idleWithin   = 2 * time.Minute
)

// Open begins to answer in a VPC, whose network must exist, unless it does so
// already.
func (s *Service) Open(ctx context.Context, c cloud.Cloud, vpc string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[vpc] != nil {
		return nil
	}
	l, err := s.plane.Listen(ctx, vpc, netip.AddrPortFrom(plane.Metadata, 80))
	if err != nil {
		return err
	}
	at := []net.Listener{l}
	// A machine without IPv6 has no such address, and instances do without it.
	if six, err := s.plane.Listen(ctx, vpc, netip.AddrPortFrom(plane.Metadata6, 80)); err == nil {
		at = append(at, six)
	}
	srv := &door{l: at, Server: &http.Server{
		Handler: s, ReadHeaderTimeout: headerWithin, IdleTimeout: idleWithin,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, callerKey{}, caller{vpc, conn})
		},
	}}
	s.open[vpc] = srv
	for _, l := range at {
		c.Go("instance metadata of "+vpc, func(ctx context.Context) {
			stop := context.AfterFunc(ctx, srv.close)
			defer stop()
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				srv.close() // with the other address: both are opened anew
				s.forget(vpc, srv)
			}
		})
	}
	return nil
}

// forget has the next Open of a VPC begin anew, because its listener ended:
// the network was made again.
func (s *Service) forget(vpc string, srv *door) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[vpc] == srv {
		delete(s.open, vpc)
	}
}

// Close ends answering in a VPC: its last instance is gone.
func (s *Service) Close(vpc string) {
	s.mu.Lock()
	srv := s.open[vpc]
	delete(s.open, vpc)
	s.mu.Unlock()
	if srv != nil {
		srv.close()
	}
}

// CloseAll ends answering everywhere.
func (s *Service) CloseAll() {
	s.mu.Lock()
	list := s.open
	s.open = map[string]*door{}
	s.mu.Unlock()
	for _, srv := range list {
		srv.close()
	}
}

// limitHops has what is sent on a connection travel over so many routers at
// most, until restore is called. A connection that is none of IP's (a test's)
// has no hops.
func limitHops(conn net.Conn, hops int) (restore func()) {
	if _, ok := conn.(*net.TCPConn); !ok || hops <= 0 {
		return func() {}
	}
	if overIPv6(conn) {
		ip := ipv6.NewConn(conn)
		if ip.SetHopLimit(hops) != nil {
			return func() {}
		}
		return func() { ip.SetHopLimit(usualHops) }
	}
	ip := ipv4.NewConn(conn)
	if ip.SetTTL(hops) != nil {
		return func() {}
	}
	return func() { ip.SetTTL(usualHops) }
}

// overIPv6 tells whether a connection came to the service's IPv6 address.
func overIPv6(conn net.Conn) bool {
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return err == nil && at.Addr().Unmap().Is6()
}
