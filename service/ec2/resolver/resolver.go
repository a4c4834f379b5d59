// Package resolver is the DNS server that every VPC has at its base address
// plus two and at 169.254.169.253: names of instances, of the cloud's own
// services, and whatever else other parts of the cloud answer for.
// https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
//
//	resolver.go  which VPCs are served, and how
//	answer.go    what is answered
//	name.go      how AWS names hosts
package resolver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"github.com/miekg/dns"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// Source answers for names that belong to other parts of the cloud: load
// balancers, interface endpoints, hosted zones. ok is false for names that it
// knows nothing of.
type Source func(r store.Reader, q Query) (addresses []netip.Addr, ok bool)

// Query is a question from inside of a VPC.
type Query struct {
	Account, Region, VPC string
	Name                 string // lower case, without the last dot
	IPv6                 bool   // AAAA; A otherwise
}

// Resolver serves DNS inside of VPCs.
type Resolver struct {
	cloud   cloud.Cloud
	log     *slog.Logger
	sources []Source

	mu     sync.Mutex
	served map[string][]*dns.Server // by VPC
}

// New makes a resolver that asks sources in turn.
func New(log *slog.Logger, sources ...Source) *Resolver {
	return &Resolver{log: log, sources: sources, served: map[string][]*dns.Server{}}
}

// Start gives the resolver the state that it answers from.
func (s *Resolver) Start(_ context.Context, c cloud.Cloud) error {
	s.mu.Lock()
	s.cloud = c
	s.mu.Unlock()
	c.Go("ec2.dns", func(ctx context.Context) {
		<-ctx.Done()
		s.Reset()
	})
	return nil
}

// On is the plane with the resolver in each of its VPCs.
func (s *Resolver) On(p plane.Plane) plane.Plane { return &served{p, s} }

type served struct {
	plane.Plane
	resolver *Resolver
}

// ApplyVPC implements plane.Network.
func (p *served) ApplyVPC(ctx context.Context, v plane.VPC) error {
	if err := p.Plane.ApplyVPC(ctx, v); err != nil {
		return err
	}
	return p.resolver.serve(ctx, p.Plane, v)
}

// RemoveVPC implements plane.Network.
func (p *served) RemoveVPC(ctx context.Context, id string) error {
	p.resolver.end(id)
	return p.Plane.RemoveVPC(ctx, id)
}

// Clear implements plane.Plane.
func (p *served) Clear() error {
	p.resolver.Reset()
	return p.Plane.Clear()
}

// Reset ends all service.
func (s *Resolver) Reset() {
	s.mu.Lock()
	ids := make([]string, 0, len(s.served))
	for id := range s.served {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	for _, id := range ids {
		s.end(id)
	}
}

func (s *Resolver) end(vpc string) {
	s.mu.Lock()
	list := s.served[vpc]
	delete(s.served, vpc)
	s.mu.Unlock()
	for _, d := range list {
		if err := d.Shutdown(); err != nil {
			s.log.Debug("a DNS server did not end well", "vpc", vpc, "err", err)
		}
	}
}

// serve begins to answer in a VPC, unless that is done.
func (s *Resolver) serve(ctx context.Context, p plane.Plane, v plane.VPC) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.served[v.ID] != nil {
		return nil
	}
	var list []*dns.Server
	for _, a := range addresses(v) {
		at := netip.AddrPortFrom(a, dnsPort)
		udp, err := p.ListenPacket(ctx, v.ID, at)
		if errors.Is(err, plane.ErrUnsupported) {
			break // nothing can ask
		}
		if err != nil {
			closeAll(list)
			return err
		}
		list = append(list, &dns.Server{PacketConn: udp, Handler: s.handler(v.ID, false)})
		tcp, err := p.Listen(ctx, v.ID, at)
		if err != nil {
			closeAll(list)
			return err
		}
		list = append(list, &dns.Server{Listener: tcp, Handler: s.handler(v.ID, true)})
	}
	s.served[v.ID] = append([]*dns.Server{}, list...)
	for _, d := range list {
		s.cloud.Go("ec2.dns", func(context.Context) {
			if err := d.ActivateAndServe(); err != nil && !errors.Is(err, net.ErrClosed) {
				s.log.Warn("DNS in a VPC has ended", "vpc", v.ID, "err", err)
			}
		})
	}
	return nil
}

const dnsPort = 53

func closeAll(list []*dns.Server) {
	for _, d := range list {
		if d.PacketConn != nil {
			d.PacketConn.Close()
		}
		if d.Listener != nil {
			d.Listener.Close()
		}
	}
}

// addresses are those at which a VPC's resolver answers.
func addresses(v plane.VPC) []netip.Addr {
	list := []netip.Addr{plane.Resolver}
	for _, b := range v.CIDRs {
		if b.Addr().Is4() {
			return append(list, b.Masked().Addr().Next().Next())
		}
	}
	return list
}
