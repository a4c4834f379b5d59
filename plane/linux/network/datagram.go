//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	ip4 "golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"pileus/clock"
)

// Datagrams have no connection that would say whom they were for. The kernel
// remembers it: what comes to the socket from one address and port is for one
// that its connection table knows, and is an exchange with that until neither
// has said anything for a while.

// datagrams carries UDP from the cloud's internet to the real one.
type datagrams struct {
	o      *outbound
	socket net.PacketConn
	inside *ip4.PacketConn // the socket, with the addresses of what it receives

	mu        sync.Mutex
	exchanges map[netip.AddrPort]*exchange // by whom they are with in the cloud
}

// exchange is between an instance and somebody in the real internet.
type exchange struct {
	peer    netip.AddrPort // the instance, as the internet sees it
	local   net.IP         // the address on which its packets arrive here
	outside net.Conn
}

const (
	// exchangeIdle is how long an exchange lasts in which nobody says anything,
	// as in the kernel's connection table.
	exchangeIdle = 120 * time.Second
	// mostExchanges are carried at a time: each is an open file.
	mostExchanges = 2048
	// largestDatagram is the most that a datagram holds.
	largestDatagram = 65507
)

// listenDatagrams opens the socket to which the host's namespace sends what is
// for others.
func (o *outbound) listenDatagrams() error {
	d := &datagrams{o: o, exchanges: map[netip.AddrPort]*exchange{}}
	err := o.n.host.do(func() (err error) {
		var c net.ListenConfig
		d.socket, err = c.ListenPacket(context.Background(), "udp4", "0.0.0.0:0")
		return err
	})
	if err != nil {
		return fmt.Errorf("listen for datagrams to the internet: %w", err)
	}
	d.inside = ip4.NewPacketConn(d.socket)
	if err := d.inside.SetControlMessage(ip4.FlagDst, true); err != nil {
		return errors.Join(fmt.Errorf("listen for datagrams to the internet: %w", err), d.socket.Close())
	}
	o.datagrams = d
	go d.run()
	return nil
}

func (d *datagrams) port() uint16 { return uint16(d.socket.LocalAddr().(*net.UDPAddr).Port) }

// close ends all exchanges.
func (d *datagrams) close() {
	_ = d.socket.Close() // nothing is lost that had arrived
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.exchanges {
		_ = x.outside.Close() // likewise
	}
}

// run passes on what instances send.
func (d *datagrams) run() {
	b := make([]byte, largestDatagram)
	for {
		size, about, from, err := d.inside.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || about == nil {
			d.o.n.log.Debug("datagrams to the internet", "error", err)
			continue
		}
		x, err := d.exchange(from.(*net.UDPAddr).AddrPort(), about.Dst)
		if err != nil {
			d.o.n.log.Debug("an instance's datagrams to the internet", "from", from, "error", err)
			continue
		}
		x.linger()
		_, _ = x.outside.Write(b[:size]) // what is not taken is lost, as datagrams are
	}
}

// exchange is that with an instance, which begins with its first datagram.
func (d *datagrams) exchange(peer netip.AddrPort, local net.IP) (*exchange, error) {
	d.mu.Lock()
	x, ok := d.exchanges[peer]
	many := len(d.exchanges) >= mostExchanges
	d.mu.Unlock()
	switch {
	case ok:
		return x, nil
	case many:
		return nil, fmt.Errorf("%d others are under way", mostExchanges)
	}
	to, err := d.meant(peer)
	if err == nil && !foreignTo(to.Addr()) {
		err = fmt.Errorf("%v is no address of the internet", to)
	}
	if err != nil {
		return nil, err
	}
	outside, err := d.o.dial("udp4", to.String())
	if err != nil {
		return nil, err
	}
	x = &exchange{peer, local, outside}
	x.linger()
	d.mu.Lock()
	d.exchanges[peer] = x
	d.mu.Unlock()
	go d.answer(x)
	return x, nil
}

// meant is whom a datagram was for that came from a peer.
func (d *datagrams) meant(peer netip.AddrPort) (to netip.AddrPort, err error) {
	var h *netlink.Handle
	err = d.o.n.host.do(func() error {
		h, err = netlink.NewHandle(unix.NETLINK_NETFILTER)
		return err
	})
	if err != nil {
		return to, err
	}
	defer h.Close()
	flows, err := h.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
	if err != nil {
		return to, fmt.Errorf("look at connections: %w", err)
	}
	for _, f := range flows {
		back, _ := netip.AddrFromSlice(f.Reverse.DstIP)
		if f.Reverse.Protocol != unix.IPPROTO_UDP || f.Reverse.SrcPort != d.port() || netip.AddrPortFrom(back.Unmap(), f.Reverse.DstPort) != peer {
			continue
		}
		at, _ := netip.AddrFromSlice(f.Forward.DstIP)
		return netip.AddrPortFrom(at.Unmap(), f.Forward.DstPort), nil
	}
	return to, fmt.Errorf("the kernel knows of no datagram from %v", peer)
}

// answer passes on what comes back, until the exchange ends.
func (d *datagrams) answer(x *exchange) {
	b := make([]byte, largestDatagram)
	for {
		size, err := x.outside.Read(b)
		if err != nil {
			break // it was idle, refused, or all end
		}
		x.linger()
		about := &ip4.ControlMessage{Src: x.local}
		_, _ = d.inside.WriteTo(b[:size], about, net.UDPAddrFromAddrPort(x.peer)) // it may be gone
	}
	d.mu.Lock()
	delete(d.exchanges, x.peer)
	d.mu.Unlock()
	_ = x.outside.Close() // it has said all
}

// linger has an exchange last for another while.
func (x *exchange) linger() {
	_ = x.outside.SetReadDeadline(clock.Machine().Add(exchangeIdle)) // of one that ended it is of no use
}
