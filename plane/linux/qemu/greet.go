//go:build linux

package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
	"pileus/plane"
)

// writeSpec writes what a first process of ours is told.
func (e *Engine) writeSpec(u *unit, want plane.Machine, disks []disk) error {
	links, err := e.linksOf(u)
	if err != nil {
		return err
	}
	s := handoff.Spec{
		ID: want.ID, Hostname: want.Hostname, Kind: string(want.Image.Kind), Root: disks[0].forGuest(),
		VCPUs: want.VCPUs, MemoryMiB: want.MemoryMiB,
		Authority: want.Guest.Authority, User: want.Guest.User, Environment: want.Guest.Environment,
		Nameservers: want.Guest.Nameservers, Search: want.Guest.Search, Links: links,
	}
	for _, d := range disks[1:] {
		s.Disks = append(s.Disks, d.forGuest())
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(u.file(specFile), b, 0o600)
}

// linksOf are the interfaces of a machine as its first process sets them up:
// as the network plane has set them up in the machine's namespace.
func (e *Engine) linksOf(u *unit) ([]handoff.Link, error) {
	h, err := links(e.Network(u.id))
	if err != nil {
		return nil, err
	}
	defer h.Close()
	cards, err := cardsOf(h)
	if err != nil {
		return nil, err
	}
	rules, err := h.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	var list []handoff.Link
	for _, c := range cards {
		l, err := linkOf(h, c, rules)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

func linkOf(h *netlink.Handle, c card, rules []netlink.Rule) (l handoff.Link, err error) {
	l = handoff.Link{Name: c.link(), MAC: c.MAC, MTU: c.MTU}
	link, err := h.LinkByName(c.link())
	if err != nil {
		return l, err
	}
	addresses, err := h.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return l, err
	}
	for _, a := range addresses {
		if p, ok := prefixOf(a.IPNet); ok && !p.Addr().IsLinkLocalUnicast() {
			l.Addresses = append(l.Addresses, p)
		}
	}
	neighbours, err := h.NeighList(link.Attrs().Index, netlink.FAMILY_ALL)
	if err != nil {
		return l, err
	}
	for _, n := range neighbours {
		if a, ok := netip.AddrFromSlice(n.IP); ok && n.State&netlink.NUD_PERMANENT != 0 && !a.IsMulticast() {
			l.Neighbours = append(l.Neighbours, handoff.Neighbour{Address: a.Unmap(), MAC: n.HardwareAddr.String()})
		}
	}
	tables, err := routesOf(h, link.Attrs().Index, &l)
	if err != nil {
		return l, err
	}
	for _, r := range rules {
		if p, ok := prefixOf(r.Src); ok && tables[r.Table] {
			l.Rules = append(l.Rules, handoff.Rule{From: p, Table: r.Table, Priority: r.Priority})
		}
	}
	return l, nil
}

// routesOf are the routes by a link that somebody has set, and in which tables
// beside the main one they are.
func routesOf(h *netlink.Handle, index int, l *handoff.Link) (tables map[int]bool, err error) {
	tables = map[int]bool{}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := h.RouteListFiltered(family, &netlink.Route{LinkIndex: index, Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			if r.Protocol == unix.RTPROT_KERNEL || r.Table == unix.RT_TABLE_LOCAL {
				continue // it comes with an address
			}
			route := handoff.Route{To: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
			if family == netlink.FAMILY_V6 {
				route.To = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
			}
			if p, ok := prefixOf(r.Dst); ok {
				route.To = p
			}
			if by, ok := netip.AddrFromSlice(r.Gw); ok {
				route.By = by.Unmap()
			}
			if r.Table != unix.RT_TABLE_MAIN {
				route.Table = r.Table
				tables[r.Table] = true
			}
			l.Routes = append(l.Routes, route)
		}
	}
	return tables, nil
}

func prefixOf(n *net.IPNet) (p netip.Prefix, ok bool) {
	if n == nil {
		return p, false
	}
	a, ok := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(a.Unmap(), bits), ok
}

// greeted hears that a guest's first process has begun to listen, and tells it
// what may have changed since its spec was written.
func (e *Engine) greeted(u *unit, g *guest) {
	e.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), birthLimit)
		defer cancel()
		r, _ := u.snapshot()
		err := e.setLinks(ctx, u, g)
		for _, d := range r.Disks {
			_, e := g.agent.ask(ctx, handoff.Request{Do: handoff.Add, Disk: d.forGuest()})
			err = errors.Join(err, e)
		}
		if err != nil && !errors.Is(err, errSilent) && !g.gone() {
			e.Log.Warn("tell a machine of its disks and interfaces", "id", u.id, "error", err)
		}
	})
}

// setLinks has a guest's first process, where that is ours, set its interfaces
// up.
func (e *Engine) setLinks(ctx context.Context, u *unit, g *guest) error {
	if g.agent == nil {
		return nil // it asks for them by DHCP
	}
	list, err := e.linksOf(u)
	if err != nil {
		return err
	}
	_, err = g.agent.ask(ctx, handoff.Request{Do: handoff.SetLinks, Links: list})
	if errors.Is(err, errSilent) {
		return nil // it is told when it says hello
	}
	return err
}

// told notes what a guest's first process says of itself.
func (e *Engine) told(u *unit, s handoff.State) {
	err := u.change(func(r *record) { r.Booted, r.Ready, r.Leaving = s.Booted, s.Ready, s.Reason })
	if err != nil {
		e.Log.Warn("machine", "id", u.id, "error", err)
	}
}
