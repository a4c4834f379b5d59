//go:build linux

package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pileus/plane"
)

// An interface is a veth: one end in the router, the other, eth<index>, in the
// namespace of the machine, of the NAT gateway, or of what this process serves
// itself.

// The words of an interface's alias.
const (
	aliasInterface = iota
	aliasHolder
	aliasIndex
	aliasMAC
	aliasSubnet
	aliasZone
)

// holder is the id of the namespace at the interface's far end; "" while there
// is none.
func holder(v *plane.VPC, e plane.Interface) string {
	for _, g := range v.NATGateways {
		if g.Interface == e.ID {
			return g.ID
		}
	}
	if e.Machine == "" && e.Served {
		return e.ID
	}
	return e.Machine
}

// plugAll brings links up to date: those of gateways, peerings and interfaces.
func (r *router) plugAll() error {
	if err := r.n.net.plug(r); err != nil {
		return err
	}
	if err := r.peer(); err != nil {
		return err
	}
	subnets := map[string]plane.Subnet{}
	for _, s := range r.vpc.Subnets {
		subnets[s.ID] = s
	}
	aliases := map[string]string{}
	for _, e := range r.vpc.Interfaces {
		if h := holder(&r.vpc, e); h != "" {
			aliases[linkName(linkInterface, e.ID)] = strings.Join([]string{
				e.ID, h, strconv.Itoa(e.Index), e.MAC.String(), e.Subnet, subnets[e.Subnet].Zone}, " ")
		}
	}
	holders := map[string]bool{}
	for _, alias := range aliases {
		holders[aliasWord(alias, aliasHolder)] = true
	}
	var stale []string
	for name, l := range r.links {
		if strings.HasPrefix(name, linkInterface) && aliases[name] != l.alias {
			stale = append(stale, name)
		}
	}
	if err := r.unplugInterfaces(stale, holders); err != nil {
		return err
	}
	for _, e := range r.vpc.Interfaces {
		name := linkName(linkInterface, e.ID)
		if alias, ok := aliases[name]; ok {
			if err := r.plugInterface(e, subnets[e.Subnet], name, alias); err != nil {
				return fmt.Errorf("interface %s: %w", e.ID, err)
			}
		}
	}
	return r.hurry()
}

// hurry takes away the while that the kernel waits before it answers for
// others, of links that still have it.
func (r *router) hurry() error {
	var settings []setting
	for name, l := range r.links {
		if !l.prompt && strings.HasPrefix(name, linkInterface) {
			settings = append(settings, setting{"ipv4.neigh." + name + ".proxy_delay", "0"})
		}
	}
	if err := r.set(settings...); err != nil {
		return err
	}
	for _, l := range r.links {
		l.prompt = true
	}
	return nil
}

// plugInterface makes an interface's link, and sets its far end up.
func (r *router) plugInterface(e plane.Interface, s plane.Subnet, name, alias string) error {
	l := r.links[name]
	_, relay := r.n.relays.Load(e.ID)
	end := fmt.Sprint(alias, e.Primary, e.Others, e.Prefixes, s.CIDRs, relay)
	if l != nil && l.end == end {
		return nil
	}
	far, err := r.n.holderNamespace(aliasWord(alias, aliasHolder), strings.HasPrefix(aliasWord(alias, aliasHolder), "nat-"))
	if err != nil {
		return err
	}
	defer far.close()
	eth := "eth" + strconv.Itoa(e.Index)
	if l == nil {
		l, err = r.plug(cable{
			name: name, alias: alias, group: r.numbers.group(s), mtu: interfaceMTU, mac: routerMAC,
			far: far, farName: eth, farMAC: e.MAC,
		})
		if err != nil {
			return err
		}
	} else if err := r.link.LinkSetUp(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Index: l.index}}); err != nil {
		return err
	}
	for _, a := range r.usable(e) {
		if err := r.know(l, a, e.MAC); err != nil {
			return err
		}
	}
	for _, p := range r.delegated(e) {
		if err := r.know(l, p.Addr(), e.MAC); err != nil {
			return err
		}
	}
	if err := far.configure(eth, e, s, r.usable(e)); err != nil {
		return fmt.Errorf("%s: %w", eth, err)
	}
	if relay {
		if err := far.takeAll(eth, r.n.ipv6); err != nil {
			return fmt.Errorf("%s: %w", eth, err)
		}
	}
	l.end = end
	return nil
}

// unplugInterfaces removes links, and the namespaces of the holders of
// interfaces that have none left.
func (r *router) unplugInterfaces(names []string, holders map[string]bool) error {
	var empty []string
	for _, name := range names {
		h := aliasWord(r.links[name].alias, aliasHolder)
		if strings.HasPrefix(name, linkInterface) && h != "" && !holders[h] {
			empty = append(empty, h)
		}
	}
	if err := r.unplug(names...); err != nil {
		return err
	}
	for _, h := range empty {
		r.n.relays.Delete(h)
		if err := removeNamespace(r.n.namespacePath(h)); err != nil {
			return err
		}
	}
	return nil
}

// machineSettings hold in the namespaces of machines.
var machineSettings = []setting{
	{"ipv6.conf.default.accept_dad", "0"}, {"ipv6.conf.default.accept_ra", "0"},
}

// holderNamespace opens or makes the namespace at an interface's far end.
func (n *Network) holderNamespace(id string, nat bool) (*namespace, error) {
	ns, _, err := makeNamespace(n.namespacePath(id), func(ns *namespace) error {
		err := ns.set(machineSettings...)
		if nat && err == nil {
			err = ns.translateAll()
		}
		return err
	})
	return ns, err
}

// configure sets the far end of an interface up, as DHCP would: addresses, the
// router, and for all but the first interface routes of its own, so that
// answers leave where the question came in.
func (ns *namespace) configure(eth string, e plane.Interface, s plane.Subnet, addresses []netip.Addr) error {
	link, err := ns.link.LinkByName(eth)
	if err != nil {
		return err
	}
	if err := ns.link.LinkSetUp(link); err != nil {
		return err
	}
	want := map[netip.Prefix]bool{}
	for i, a := range addresses {
		p := single(a)
		for _, c := range s.CIDRs {
			if i == 0 && c.Contains(a) {
				p = netip.PrefixFrom(a, c.Bits())
			}
		}
		want[p] = true
	}
	if err := ns.assign(link, want); err != nil {
		return err
	}
	if err := ns.answering(addresses...); err != nil {
		return err
	}
	for _, c := range s.CIDRs {
		if c.Contains(e.Primary) {
			if err := ns.gateway(link, e.Index, nthAddress(c, 1), addresses); err != nil {
				return err
			}
		}
	}
	if slices.ContainsFunc(addresses, netip.Addr.Is6) {
		return ns.gateway(link, e.Index, next6, addresses)
	}
	return nil
}

// assign makes a link's addresses those that are wanted.
func (ns *namespace) assign(link netlink.Link, want map[netip.Prefix]bool) error {
	list, err := ns.link.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	have := map[netip.Prefix]bool{}
	for _, a := range list {
		p, err := fromIPNet(a.IPNet)
		if err != nil || p.Addr().IsLinkLocalUnicast() {
			continue
		}
		have[p] = true
		if !want[p] {
			if err := ns.link.AddrDel(link, &a); err != nil && !gone(err) {
				return err
			}
		}
	}
	for p := range want {
		if have[p] {
			continue
		}
		a := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := ns.link.AddrReplace(link, a); err != nil {
			return fmt.Errorf("address %v: %w", p, err)
		}
	}
	return nil
}

// gateway sets the default route by a router whose hardware address is known.
func (ns *namespace) gateway(link netlink.Link, index int, router netip.Addr, addresses []netip.Addr) error {
	at := link.Attrs().Index
	err := ns.link.NeighSet(&netlink.Neigh{
		LinkIndex: at, Family: familyOf(router), State: netlink.NUD_PERMANENT, IP: router.AsSlice(), HardwareAddr: routerMAC})
	if err != nil {
		return err
	}
	to := all4
	if router.Is6() {
		to = all6
	}
	route := &netlink.Route{LinkIndex: at, Dst: ipNet(to), Gw: router.AsSlice(), Flags: int(netlink.FLAG_ONLINK), Family: familyOf(router)}
	if index == 0 {
		return ns.link.RouteReplace(route)
	}
	// As Amazon Linux does: a table for each further interface.
	route.Table = firstInterfaceTable + index
	if err := ns.link.RouteReplace(route); err != nil {
		return err
	}
	for _, a := range addresses {
		if a.Is4() != router.Is4() {
			continue
		}
		rule := netlink.NewRule()
		rule.Family, rule.Src, rule.Table, rule.Priority = familyOf(a), ipNet(single(a)), route.Table, route.Table
		if err := ns.link.RuleAdd(rule); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	return nil
}

const firstInterfaceTable = 10000
