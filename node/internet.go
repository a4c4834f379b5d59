package node

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"

	"pileus/plane"
	"pileus/plane/sim"
)

// edge are the addresses at which machines find the cloud's services: DNS
// inside of a VPC answers with them for names under amazonaws.com.
var edge = []netip.Addr{plane.EdgeAPI, plane.EdgeS3, plane.EdgeDynamoDB}

// reachable is the data plane with the cloud's own services on its internet.
// They begin to listen there with the first VPC, because most clouds have none.
type reachable struct {
	plane.Plane
	node *Node

	mu        sync.Mutex
	listeners []net.Listener
	doors     map[door]net.Listener
	config    *tls.Config // of the doors
}

// ApplyVPC implements plane.Network.
func (p *reachable) ApplyVPC(ctx context.Context, v plane.VPC) error {
	if err := p.listen(ctx); err != nil {
		return err
	}
	if err := p.Plane.ApplyVPC(ctx, v); err != nil {
		return err
	}
	return p.openDoors(ctx, v)
}

// RemoveVPC implements plane.Network.
func (p *reachable) RemoveVPC(ctx context.Context, id string) error {
	p.closeDoors(func(d door) bool { return d.vpc == id })
	return p.Plane.RemoveVPC(ctx, id)
}

// listen opens the services' addresses on the internet.
func (p *reachable) listen(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.listeners) > 0 {
		return nil
	}
	config := anyName(p.node.authority)
	for _, a := range edge {
		for _, port := range []uint16{80, 443} {
			l, err := p.Plane.Listen(ctx, "", netip.AddrPortFrom(a, port))
			if err != nil {
				p.closeListeners()
				return err
			}
			l = &sourced{l, p.gatewayOrigin(a)}
			p.listeners = append(p.listeners, l)
			go p.serve(sniff(l, config, nil))
		}
	}
	return nil
}

func (p *reachable) serve(l net.Listener) {
	if err := p.node.server.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		p.node.o.Log.Error("machines cannot reach the cloud's services any more", "address", l.Addr(), "err", err)
	}
}

func (p *reachable) closeListeners() {
	for _, l := range p.listeners {
		l.Close()
	}
	p.listeners = nil
}

// Clear implements plane.Plane.
func (p *reachable) Clear() error {
	p.mu.Lock()
	p.closeListeners()
	p.mu.Unlock()
	p.closeDoors(func(door) bool { return true })
	return p.Plane.Clear()
}

// anyName makes certificates for whatever name a client asks for, once each:
// buckets are names under amazonaws.com, too.
func anyName(authority func() (*authority, error)) *tls.Config {
	var mu sync.Mutex
	made := map[string]*tls.Certificate{}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			if c := made[hello.ServerName]; c != nil {
				return c, nil
			}
			ca, err := authority()
			if err != nil {
				return nil, err
			}
			list := names
			if hello.ServerName != "" {
				list = []string{hello.ServerName}
			}
			c, err := ca.issue(list)
			if err == nil && len(made) < maxCertificates {
				made[hello.ServerName] = c
			}
			return c, err
		},
	}
}

// maxCertificates bounds how many are remembered.
const maxCertificates = 4096

// simulated is the data plane of a node that was given none.
func simulated(o Options) plane.Plane {
	if o.DataDir == "" {
		return sim.New("")
	}
	return sim.New(filepath.Join(o.DataDir, "volumes"))
}
