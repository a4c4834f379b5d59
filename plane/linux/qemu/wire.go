//go:build linux

package qemu

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"pileus/plane/linux/process"
)

// An interface of a machine is eth<index> in its network namespace, as for any
// other machine; the network plane sets it up. The guest's card is a tap<index>
// beside it, and the kernel hands each packet that comes in by one to the other
// before it looks at it. So it is the guest that has the interface's hardware
// and network addresses, and all that the network plane enforces is on the far
// side of eth<index>.

// card is a guest's network card.
type card struct {
	Index   int // of the interface
	MAC     string
	Address netip.Prefix // the primary one
	MTU     int
}

func (c card) link() string { return "eth" + strconv.Itoa(c.Index) }
func (c card) tap() string  { return "tap" + strconv.Itoa(c.Index) }

// router is the address of the subnet's router, the first one.
func (c card) router() netip.Addr { return c.Address.Masked().Addr().Next() }

// inNamespace runs f on a thread in a network namespace.
func inNamespace(path string, f func() error) error {
	ns, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	defer ns.Close()
	return process.OnThread(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter %s: %w", filepath.Base(path), err)
		}
		return f()
	})
}

// links opens a connection to a namespace's links.
func links(path string) (*netlink.Handle, error) {
	ns, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	defer ns.Close()
	return netlink.NewHandleAt(netns.NsHandle(ns.Fd()), unix.NETLINK_ROUTE)
}

// cardsOf are the cards that a guest in the namespace has: one for each
// interface that the network plane has put there.
func cardsOf(h *netlink.Handle) ([]card, error) {
	list, err := h.LinkList()
	if err != nil {
		return nil, err
	}
	var cards []card
	for _, l := range list {
		index, err := strconv.Atoi(strings.TrimPrefix(l.Attrs().Name, "eth"))
		if err != nil || !strings.HasPrefix(l.Attrs().Name, "eth") {
			continue
		}
		c := card{Index: index, MAC: l.Attrs().HardwareAddr.String(), MTU: l.Attrs().MTU}
		if c.Address, err = primary(h, l); err != nil {
			return nil, err
		}
		cards = append(cards, c)
	}
	slices.SortFunc(cards, func(a, b card) int { return cmp.Compare(a.Index, b.Index) })
	return cards, nil
}

// primary is the address of a link that comes with its subnet.
func primary(h *netlink.Handle, l netlink.Link) (p netip.Prefix, err error) {
	list, err := h.AddrList(l, netlink.FAMILY_V4)
	for _, a := range list {
		ip, _ := netip.AddrFromSlice(a.IP.To4())
		bits, _ := a.Mask.Size()
		if !p.IsValid() || bits < p.Bits() {
			p = netip.PrefixFrom(ip, bits)
		}
	}
	return p, err
}

// plugIn makes a guest's end of an interface: a tap, of which QEMU gets the
// file, and the rules that join it with the interface. The tap goes when
// the last file of it is closed.
func plugIn(path string, c card) (tap *os.File, err error) {
	if tap, err = openTap(path, c.tap()); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			tap.Close()
		}
	}()
	h, err := links(path)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	outer, err := h.LinkByName(c.link())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.link(), err)
	}
	inner, err := h.LinkByName(c.tap())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.tap(), err)
	}
	// The namespace itself stays silent there.
	if err := h.LinkSetIP6AddrGenMode(inner, nl.IN6_ADDR_GEN_MODE_NONE); err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, fmt.Errorf("%s: %w", c.tap(), err)
	}
	if err := h.LinkSetMTU(inner, c.MTU); err != nil {
		return nil, fmt.Errorf("%s: its MTU: %w", c.tap(), err)
	}
	if err := h.LinkSetUp(inner); err != nil {
		return nil, err
	}
	if err := redirect(h, outer, inner); err != nil {
		return nil, fmt.Errorf("join %s with the guest: %w", c.link(), err)
	}
	return tap, nil
}

func openTap(path, name string) (tap *os.File, err error) {
	err = inNamespace(path, func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: "/dev/net/tun", Err: err}
		}
		r, err := unix.NewIfreq(name)
		if err == nil {
			// With the header that lets the guest leave checksums and the cutting
			// of long segments to others, as between machines of one host.
			r.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
		}
		if err != nil {
			unix.Close(fd)
			return fmt.Errorf("make %s: %w", name, err)
		}
		tap = os.NewFile(uintptr(fd), name)
		return nil
	})
	return tap, err
}

// redirect joins two links. What a guest asks of DHCP is answered on its tap
// already; the router, which gets it as well, has nothing that listens for it.
func redirect(h *netlink.Handle, outer, inner netlink.Link) error {
	for _, l := range []netlink.Link{outer, inner} {
		if err := separate(h, l); err != nil {
			return err
		}
		q := &netlink.Ingress{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Parent: netlink.HANDLE_INGRESS, Handle: netlink.MakeHandle(0xffff, 0)}}
		if err := h.QdiscAdd(q); err != nil {
			return fmt.Errorf("the kernel's traffic control (sch_ingress): %w", err)
		}
	}
	for _, f := range []*netlink.U32{
		all(inner.Attrs().Index, netlink.NewMirredAction(outer.Attrs().Index)),
		all(outer.Attrs().Index, netlink.NewMirredAction(inner.Attrs().Index)),
	} {
		if err := h.FilterAdd(f); err != nil {
			return fmt.Errorf("the kernel's traffic control (cls_u32, act_mirred): %w", err)
		}
	}
	return nil
}

// separate takes away what redirect did to a link.
func separate(h *netlink.Handle, l netlink.Link) error {
	list, err := h.QdiscList(l)
	if err != nil {
		return err
	}
	for _, q := range list {
		if q.Type() == "ingress" {
			if err := h.QdiscDel(q); err != nil && !errors.Is(err, unix.ENOENT) {
				return err
			}
		}
	}
	return nil
}

// all is a filter of everything that a link receives.
func all(link int, a netlink.Action) *netlink.U32 {
	return &netlink.U32{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: link, Parent: netlink.MakeHandle(0xffff, 0), Priority: 2, Protocol: unix.ETH_P_ALL},
		Actions:     []netlink.Action{a},
	}
}

// unplug gives the interfaces back to the namespace.
func unplug(path string, cards []card) error {
	h, err := links(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer h.Close()
	for _, c := range cards {
		l, err := h.LinkByName(c.link())
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			continue
		}
		if err != nil {
			return err
		}
		if err := separate(h, l); err != nil {
			return err
		}
	}
	return nil
}

func (c card) hardware() net.HardwareAddr {
	mac, _ := net.ParseMAC(c.MAC)
	return mac
}
