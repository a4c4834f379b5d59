//go:build linux

package network

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Without root the namespace that plays the host has no link with the real one.
// What instances send to the real internet ends there, at sockets of this
// process, which calls on their behalf: TCP and UDP over IPv4 only.

// outbound carries connections from the cloud's internet to the real one.
type outbound struct {
	n         *Network
	listen    net.Listener
	datagrams *datagrams
}

// dial calls somebody in the real internet.
func (o *outbound) dial(network, address string) (net.Conn, error) {
	if o.n.opt.Call != nil {
		return o.n.opt.Call(network, address)
	}
	d := net.Dialer{Timeout: outboundLimit}
	return d.DialContext(context.Background(), network, address)
}

// outboundLimit is how long the real internet may take to answer a call.
const outboundLimit = 10 * time.Second

// openOutbound listens where the host's namespace sends what is for others.
func (n *Network) openOutbound() error {
	if n.outbound != nil {
		return nil
	}
	o := &outbound{n: n}
	err := n.host.do(func() (err error) {
		var c net.ListenConfig
		o.listen, err = c.Listen(context.Background(), "tcp4", "0.0.0.0:0")
		return err
	})
	if err != nil {
		return fmt.Errorf("listen for connections to the internet: %w", err)
	}
	if err := o.listenDatagrams(); err != nil {
		return errors.Join(err, o.listen.Close())
	}
	n.outbound = o
	go o.run()
	return nil
}

// closeOutbound ends it; the connections that it carries end by themselves.
func (n *Network) closeOutbound() {
	if n.outbound != nil {
		n.outbound.listen.Close()
		n.outbound.datagrams.close()
		n.outbound = nil
	}
}

// redirect is what sends what instances say to a socket. Where pileus does not
// run nobody listens there, and the kernel refuses it.
func (o *outbound) redirect(protocol byte, port uint16) statement {
	return rule(is(inName(), ifname(o.n.hostLink())), ipv4(), isProtocol(protocol),
		load(constant(bigEndian16(port))), statement{&expr.Redir{RegisterProtoMin: firstRegister, RegisterProtoMax: firstRegister}})
}

// addRules adds the rules to those of the host's namespace.
func (o *outbound) addRules(r *ruleset) {
	r.hooked("outbound", hook{nftables.ChainTypeNAT, *nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest, nftables.ChainPolicyAccept},
		o.redirect(unix.IPPROTO_TCP, uint16(o.listen.Addr().(*net.TCPAddr).Port)), o.redirect(unix.IPPROTO_UDP, o.datagrams.port()))
}

func (o *outbound) run() {
	for {
		c, err := o.listen.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			o.n.log.Warn("connections to the internet", "error", err)
			return
		}
		go o.carry(c.(*net.TCPConn))
	}
}

// carry calls whom an instance wanted to reach, and copies both ways. One that
// does not answer is told to the instance as a reset.
func (o *outbound) carry(inside *net.TCPConn) {
	defer inside.Close()
	to, err := wanted(inside)
	if err == nil && !foreignTo(to.Addr()) {
		err = fmt.Errorf("%v is no address of the internet", to)
	}
	var outside net.Conn
	if err == nil {
		outside, err = o.dial("tcp4", to.String())
	}
	if err != nil {
		o.n.log.Debug("an instance's way to the internet", "from", inside.RemoteAddr(), "error", err)
		inside.SetLinger(0)
		return
	}
	defer outside.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(outside, inside)
		outside.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(inside, outside)
	inside.CloseWrite()
	<-done
}

// foreignTo tells whether an address may be another machine's: instances do not
// reach what the host itself listens on for itself.
func foreignTo(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
}

// wanted is the address that a redirected connection was made to.
func wanted(c *net.TCPConn) (to netip.AddrPort, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return to, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		// A sockaddr_in, in a structure of the same size.
		var v *unix.IPv6Mreq
		if v, failed = unix.GetsockoptIPv6Mreq(int(fd), unix.SOL_IP, unix.SO_ORIGINAL_DST); failed == nil {
			b := v.Multiaddr
			to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:4]))
		}
	})
	return to, errors.Join(err, failed)
}
