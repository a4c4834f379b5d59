//go:build linux

package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// A socket belongs to the namespace in which it was opened, whoever uses it.
// So this process serves inside of every VPC at once, without helpers.

// Listen opens a TCP listener in a VPC's router, or in the internet where vpc
// is "". Where the address is that of an interface that is served, or of a
// machine, it listens there, behind the interface's groups. The port of one that
// is served refuses nobody until the listener is closed, even if this process
// ends before: see refusal.go.
func (n *Network) Listen(ctx context.Context, vpc string, addr netip.AddrPort) (l net.Listener, err error) {
	err = n.at(vpc, addr.Addr(), func() error {
		var c net.ListenConfig
		l, err = c.Listen(ctx, versioned("tcp", addr.Addr()), addr.String())
		return err
	})
	if id := n.holder(vpc, addr.Addr()); err == nil && id != "" {
		return n.hold(vpc, id, addr.Port(), l), nil
	}
	return l, err
}

// ListenPacket is Listen for UDP.
func (n *Network) ListenPacket(ctx context.Context, vpc string, addr netip.AddrPort) (l net.PacketConn, err error) {
	err = n.at(vpc, addr.Addr(), func() error {
		var c net.ListenConfig
		l, err = c.ListenPacket(ctx, versioned("udp", addr.Addr()), addr.String())
		return err
	})
	return l, err
}

// Dial connects from an interface of the VPC, or from the internet.
func (n *Network) Dial(ctx context.Context, vpc string, from netip.Addr, network string, addr netip.AddrPort) (c net.Conn, err error) {
	ns, close, err := n.source(vpc, from)
	if err != nil {
		return nil, err
	}
	defer close()
	var d net.Dialer
	to := addr.String()
	switch network {
	case "udp":
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	case "tcp":
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	default: // "ip4:icmp"
		d.LocalAddr, to = &net.IPAddr{IP: from.AsSlice()}, addr.Addr().String()
	}
	if !from.IsValid() {
		d.LocalAddr = nil
	}
	err = ns.do(func() error {
		c, err = d.DialContext(ctx, network, to)
		return err
	})
	return c, err
}

// Delivery asks the kernel about a connection.
func (n *Network) Delivery(c net.Conn) plane.Delivery {
	s, ok := c.(syscall.Conn)
	if !ok {
		return plane.Delivered
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return plane.Delivered
	}
	d := plane.Delivered
	_ = raw.Control(func(fd uintptr) { // one that is closed has nothing to tell
		i, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		switch {
		case err != nil || i.Unacked == 0:
		case i.Retransmits > 0:
			d = plane.Unanswered
		default:
			d = plane.Underway
		}
	})
	return d
}

func versioned(network string, a netip.Addr) string {
	if a.Is4() {
		return network + "4"
	}
	return network + "6"
}

// at runs f where addr is to be listened on, and makes the address local
// there.
func (n *Network) at(vpc string, addr netip.Addr, f func() error) error {
	ns, close, err := n.place(vpc, addr)
	if err != nil {
		return err
	}
	defer close()
	return ns.do(f)
}

func (n *Network) place(vpc string, addr netip.Addr) (ns *namespace, close func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.net == nil {
		return nil, nil, net.ErrClosed
	}
	if vpc == "" {
		if !addr.IsUnspecified() {
			err = n.net.address(addr)
		}
		return n.net.namespace, func() {}, err
	}
	r, err := n.applied(vpc)
	if err != nil {
		return nil, nil, err
	}
	if id := n.holder(vpc, addr); id != "" {
		return n.visit(id)
	}
	if addr.IsUnspecified() {
		return nil, nil, fmt.Errorf("%s: listening needs an address", vpc)
	}
	if !r.served[addr] {
		if err := r.address(addr); err != nil {
			return nil, nil, err
		}
		r.served[addr] = true
		if err := r.filter(); err != nil {
			return nil, nil, err
		}
	}
	return r.namespace, func() {}, nil
}

// source is the namespace of the interface that has the address. It waits for
// nobody who changes the network: load balancers dial for each connection.
func (n *Network) source(vpc string, from netip.Addr) (*namespace, func(), error) {
	if vpc == "" {
		return n.visit(internetID)
	}
	if _, ok := n.holders.Load(vpc); !ok {
		return nil, nil, fmt.Errorf("%s: %w", vpc, plane.ErrNotFound)
	}
	id := n.holder(vpc, from)
	if id == "" {
		return nil, nil, fmt.Errorf("%s: no interface that is attached has the address %v: %w", vpc, from, plane.ErrNotFound)
	}
	return n.visit(id)
}

func (n *Network) visit(id string) (*namespace, func(), error) {
	ns, err := visitNamespace(n.namespacePath(id))
	if err != nil {
		return nil, nil, err
	}
	return ns, ns.close, nil
}

// applied is the router of a VPC that ApplyVPC has told us about.
func (n *Network) applied(vpc string) (*router, error) {
	if r := n.routers[vpc]; r != nil && r.applied {
		return r, nil
	}
	return nil, fmt.Errorf("%s: %w", vpc, plane.ErrNotFound)
}

// holder is the id of the namespace where an address of a VPC's interfaces
// lives; "" where none has it.
func (n *Network) holder(vpc string, a netip.Addr) string {
	if of, ok := n.holders.Load(vpc); ok {
		return of.(map[netip.Addr]string)[a]
	}
	return ""
}

// publish tells those who open sockets where the addresses are.
func (r *router) publish() {
	of := map[netip.Addr]string{}
	for _, e := range r.vpc.Interfaces {
		if r.links[linkName(linkInterface, e.ID)] == nil {
			continue
		}
		for _, a := range append([]netip.Addr{e.Primary}, e.Others...) {
			of[a] = holder(&r.vpc, e)
		}
	}
	r.n.holders.Store(r.id, of)
}
