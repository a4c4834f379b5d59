//go:build linux

package qemu

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// line is this process's way to speak with a guest on its own wire: it answers
// DHCP there, and asks whether the guest is there.
type line struct {
	card card
	// lease is what the guest is told when it asks.
	lease lease
	file  *os.File

	mu      sync.Mutex
	waiting []chan struct{} // for the guest to answer
}

// newLine opens the wire of a card.
func newLine(path string, c card, l lease) (*line, error) {
	n := &line{card: c, lease: l}
	err := inNamespace(path, func() error {
		link, err := net.InterfaceByName(c.tap())
		if err != nil {
			return err
		}
		n.file, err = packets(link.Index)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the wire of %s: %w", c.link(), err)
	}
	return n, nil
}

// packets is a socket of what a guest sends on a link to its DHCP server, and
// its answers about addresses.
func packets(index int) (*os.File, error) {
	// Without a protocol it receives nothing before the filter is there.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), "packets")
	raw, err := bpf.Assemble(wanted)
	if err == nil {
		filter := make([]unix.SockFilter, len(raw))
		for i, r := range raw {
			filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
		}
		err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
		if err != nil {
			err = fmt.Errorf("filter packets: %w", err)
		}
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index, Protocol: big(unix.ETH_P_ALL)})
		if err != nil {
			err = fmt.Errorf("bind to the link: %w", err)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// big is a number in the order of the network, as the kernel takes it.
func big(n uint16) uint16 { return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n)) }

// wanted are packets from the guest that are about ARP, or UDP to a DHCP server.
var wanted = []bpf.Instruction{
	bpf.LoadExtension{Num: bpf.ExtType},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 8},
	bpf.LoadAbsolute{Off: 12, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipTrue: 7},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: 5},
	bpf.LoadAbsolute{Off: 23, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_UDP, SkipTrue: 3},
	bpf.LoadMemShift{Off: 14},
	bpf.LoadIndirect{Off: 16, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: portServer, SkipTrue: 1},
	bpf.RetConstant{Val: 0},
	bpf.RetConstant{Val: 1 << 16},
}

// serve answers the guest until the line is closed.
func (n *line) serve(failed func(error)) {
	b := make([]byte, 1<<16)
	for {
		size, err := n.file.Read(b)
		if err != nil {
			return // closed, or the link is gone with the guest
		}
		frame := b[:size]
		if isReply(frame, n.card.Address.Addr()) {
			n.heard()
			continue
		}
		if out := n.lease.answer(n.card, frame); out != nil {
			if _, err := n.file.Write(out); err != nil {
				failed(err)
			}
		}
	}
}

func (n *line) close() { n.file.Close() }

// heard wakes those who wait for the guest to answer.
func (n *line) heard() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.waiting {
		close(c)
	}
	n.waiting = nil
}

// patience is how long a guest may take to answer.
const patience = time.Second

// answers asks the guest for its address and waits until it answers.
func (n *line) answers(ctx context.Context) bool {
	if !n.card.Address.IsValid() {
		return false
	}
	c := make(chan struct{})
	n.mu.Lock()
	n.waiting = append(n.waiting, c)
	n.mu.Unlock()
	if _, err := n.file.Write(question(n.card.Address.Addr())); err != nil {
		return false
	}
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// asker is the hardware address of this process on a guest's wire.
var asker = net.HardwareAddr{0x0e, 0x50, 0x49, 0x4c, 0x00, 0x03}

// The parts of an ARP message over Ethernet.
const (
	arpRequest, arpReply = 1, 2
	etherSize            = 14
	arpSize              = 28
)

// question is an ARP request for an address by one that has none itself, which
// nobody so learns anything from (RFC 5227).
func question(a netip.Addr) []byte {
	b := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, asker...)
	b = append(b, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, arpRequest)
	b = append(b, asker...)
	b = append(b, 0, 0, 0, 0)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, a.AsSlice()...)
}

// isReply tells whether a frame is the answer of who has the address.
func isReply(frame []byte, a netip.Addr) bool {
	if len(frame) < etherSize+arpSize || binary.BigEndian.Uint16(frame[12:]) != unix.ETH_P_ARP {
		return false
	}
	arp := frame[etherSize:]
	from, _ := netip.AddrFromSlice(arp[14:18])
	return binary.BigEndian.Uint16(arp[6:]) == arpReply && from == a
}
