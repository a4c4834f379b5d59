//go:build linux

package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// wiring is a namespace of ours with what we know to be in it: links, routes
// and rules. What is known is compared with what is wanted, and only the
// difference goes to the kernel.
type wiring struct {
	*namespace
	links  map[string]*wire
	routes map[routeKey]nextHop
	rules  map[policy]bool
	fresh  map[string]bool // links that may not carry packets yet
}

// wire is our end of a veth.
type wire struct {
	name  string
	index int
	group uint32
	// alias tells what it is: the id of an interface, gateway or peering, and
	// what is at its other end. It is kept in the kernel, to be found again.
	alias      string
	neighbours map[netip.Addr]string // hardware addresses told to the kernel
	end        string                // how the far end was set up, as text; "" is not known
	prompt     bool                  // it answers for others at once
}

type routeKey struct {
	table uint32
	to    netip.Prefix
}

type nextHop struct {
	kind int // unix.RTN_...
	link int // index
	via  netip.Addr
}

// policy sends the packets of a subnet, or the answers to a relay's, to their
// route table, which has the same number.
type policy struct {
	family int
	mark   uint32
}

const (
	// ourRoutes marks routes as ours.
	ourRoutes      = 76
	policyPriority = 100
)

// openWiring reads what is in the namespace.
func openWiring(ns *namespace) (*wiring, error) {
	w := &wiring{namespace: ns, links: map[string]*wire{}, routes: map[routeKey]nextHop{}, rules: map[policy]bool{}, fresh: map[string]bool{}}
	links, err := ns.link.LinkList()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		if a := l.Attrs(); l.Type() == "veth" {
			w.links[a.Name] = &wire{name: a.Name, index: a.Index, group: a.Group, alias: a.Alias, neighbours: map[netip.Addr]string{}}
		}
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		if err := w.readRoutes(family); err != nil {
			return nil, err
		}
		rules, err := ns.link.RuleList(family)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			if r.Priority == policyPriority || r.Priority == relayPriority {
				w.rules[policy{family, r.Mark}] = true
			}
		}
	}
	return w, nil
}

func (w *wiring) readRoutes(family int) error {
	routes, err := w.link.RouteListFiltered(family, &netlink.Route{Protocol: ourRoutes, Table: unix.RT_TABLE_UNSPEC},
		netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return err
	}
	for _, r := range routes {
		to := all4
		if family == unix.AF_INET6 {
			to = all6
		}
		if r.Dst != nil {
			if to, err = fromIPNet(r.Dst); err != nil {
				return err
			}
		}
		hop := nextHop{kind: r.Type, link: r.LinkIndex}
		if r.Type != unix.RTN_UNICAST {
			hop.link = 0
		}
		if via, ok := netip.AddrFromSlice(r.Gw); ok {
			hop.via = via
			if family == unix.AF_INET {
				hop.via = via.Unmap()
			}
		}
		w.routes[routeKey{uint32(r.Table), to}] = hop
	}
	return nil
}

// cable is a veth to be made: our end and the far one.
type cable struct {
	name, alias string
	group       uint32
	mtu         int
	mac         net.HardwareAddr

	far      *namespace
	farName  string
	farMAC   net.HardwareAddr
	farGroup uint32
	farAlias string
}

// plug makes a veth, with our end up.
func (w *wiring) plug(c cable) (*wire, error) {
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: c.name, Group: c.group, MTU: c.mtu, HardwareAddr: c.mac, TxQLen: 1000},
		PeerName:  c.farName, PeerHardwareAddr: c.farMAC, PeerNamespace: netlink.NsFd(c.far.fd()), PeerMTU: uint32(c.mtu),
	}
	err := w.link.LinkAdd(veth)
	if errors.Is(err, unix.EEXIST) {
		// A far end that lost its way back: a machine's interface that moved.
		if old, e := c.far.link.LinkByName(c.farName); e == nil {
			c.far.link.LinkDel(old)
		}
		err = w.link.LinkAdd(veth)
	}
	if err != nil {
		return nil, fmt.Errorf("veth %s: %w", c.name, err)
	}
	made, err := w.link.LinkByName(c.name)
	if err != nil {
		return nil, err
	}
	if err := w.link.LinkSetAlias(made, c.alias); err != nil { // the kernel takes none while it makes a link
		return nil, err
	}
	if err := w.link.LinkSetUp(made); err != nil {
		return nil, err
	}
	l := &wire{name: c.name, index: made.Attrs().Index, group: c.group, alias: c.alias, neighbours: map[netip.Addr]string{}}
	w.links[c.name] = l
	w.fresh[c.name] = true
	return l, nil
}

// settle waits until new links carry packets: the kernel notices that both
// ends are up a moment after they are. Its work queue takes the far end's turn
// before ours.
func (w *wiring) settle() error {
	return until("links come up", func() (bool, error) {
		if len(w.fresh) == 0 {
			return true, nil
		}
		links, err := w.freshLinks()
		for _, l := range links {
			if l.Attrs().OperState == netlink.OperUp {
				delete(w.fresh, l.Attrs().Name)
			}
		}
		return len(w.fresh) == 0, err
	})
}

// freshLinks reads the new links one by one where they are few, else all links
// together.
func (w *wiring) freshLinks() (links []netlink.Link, err error) {
	const few = 16
	if len(w.fresh) > few {
		return w.link.LinkList()
	}
	for name := range w.fresh {
		l, err := w.link.LinkByName(name)
		if err != nil {
			return nil, err
		}
		links = append(links, l)
	}
	return links, nil
}

// join makes a veth to another namespace of ours, or finishes one that an
// earlier process left half done, and tells both ends the hardware address of
// the other, so that nobody needs to ask.
func (w *wiring) join(far *wiring, c cable) (err error) {
	c.far, c.mac, c.farMAC = far.namespace, routerMAC, farMAC
	near := w.links[c.name]
	if near != nil && near.end == joined {
		return nil
	}
	if near != nil && far.links[c.farName] == nil {
		if err := w.unplug(c.name); err != nil {
			return err
		}
		near = nil
	}
	if near == nil {
		if _, err = w.plug(c); err != nil {
			return err
		}
	}
	end, err := far.finish(c.farName, c.farAlias, c.farGroup, routerMAC)
	if err != nil {
		return err
	}
	far.links[c.farName] = end
	near, err = w.finish(c.name, c.alias, c.group, farMAC)
	if err != nil {
		return err
	}
	near.end, end.end = joined, joined
	w.links[c.name] = near
	return nil
}

const joined = "joined"

// finish sets up one end of a joint.
func (w *wiring) finish(name, alias string, group uint32, other net.HardwareAddr) (*wire, error) {
	link, err := w.link.LinkByName(name)
	if err != nil {
		return nil, err
	}
	l := &wire{name: name, index: link.Attrs().Index, group: group, alias: alias, neighbours: map[netip.Addr]string{}}
	err = errors.Join(w.link.LinkSetGroup(link, int(group)), w.link.LinkSetAlias(link, alias), w.link.LinkSetUp(link),
		w.know(l, next4, other), w.know(l, next6, other))
	if err != nil {
		return nil, fmt.Errorf("link %s: %w", name, err)
	}
	return l, nil
}

// know tells the kernel a neighbour for good: permanent ones need no question
// on the wire, and do not count against the kernel's limit.
func (w *wiring) know(l *wire, a netip.Addr, mac net.HardwareAddr) error {
	if l.neighbours[a] == mac.String() {
		return nil
	}
	err := w.link.NeighSet(&netlink.Neigh{
		LinkIndex: l.index, Family: familyOf(a), State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: mac})
	if err != nil {
		return fmt.Errorf("neighbour %v of %s: %w", a, l.name, err)
	}
	l.neighbours[a] = mac.String()
	return nil
}

// unplug removes links of which we have an end, all at once: the kernel waits
// a while after each request until nobody uses what went, however much it was.
func (w *wiring) unplug(names ...string) error {
	const doomed = 0x7ffffffe
	any := false
	for _, name := range names {
		l := w.links[name]
		if l == nil {
			continue
		}
		err := w.link.LinkSetGroup(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, Index: l.index}}, doomed)
		if err != nil && !gone(err) {
			return fmt.Errorf("remove %s: %w", name, err)
		}
		any = any || err == nil
		w.forget(name)
	}
	if !any {
		return nil
	}
	return w.do(func() error {
		r := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
		r.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		r.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(doomed)))
		if _, err := r.Execute(unix.NETLINK_ROUTE, 0); err != nil && !gone(err) {
			return fmt.Errorf("remove links: %w", err)
		}
		return nil
	})
}

// forget drops a link that is gone, and the routes that went with it.
func (w *wiring) forget(name string) {
	l := w.links[name]
	if l == nil {
		return
	}
	delete(w.links, name)
	delete(w.fresh, name)
	for k, hop := range w.routes {
		if hop.link == l.index {
			delete(w.routes, k)
		}
	}
}

// route makes the routes those that are wanted, of those that mine says are
// the caller's.
func (w *wiring) route(want map[routeKey]nextHop, mine func(routeKey, nextHop) bool) error {
	for k, hop := range want {
		if have, ok := w.routes[k]; ok && have == hop {
			continue
		}
		if err := w.link.RouteReplace(k.netlink(hop)); err != nil {
			return fmt.Errorf("route to %v: %w", k.to, err)
		}
		w.routes[k] = hop
	}
	for k, hop := range w.routes {
		if _, ok := want[k]; ok || !mine(k, hop) {
			continue
		}
		if err := w.link.RouteDel(k.netlink(hop)); err != nil && !gone(err) {
			return fmt.Errorf("remove route to %v: %w", k.to, err)
		}
		delete(w.routes, k)
	}
	return nil
}

func (k routeKey) netlink(hop nextHop) *netlink.Route {
	r := &netlink.Route{
		Family: familyOf(k.to.Addr()), Table: int(k.table), Dst: ipNet(k.to), Type: hop.kind, LinkIndex: hop.link, Protocol: ourRoutes,
	}
	switch {
	case hop.via.IsValid():
		r.Gw, r.Flags = hop.via.AsSlice(), int(netlink.FLAG_ONLINK)
	case hop.link != 0 && k.to.Addr().Is4():
		r.Scope = netlink.SCOPE_LINK
	}
	return r
}

// direct makes the policy rules those of the marks.
func (w *wiring) direct(marks map[policy]bool) error {
	for p := range marks {
		if w.rules[p] {
			continue
		}
		if err := w.link.RuleAdd(p.netlink()); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("rule for mark %d: %w", p.mark, err)
		}
		w.rules[p] = true
	}
	for p := range w.rules {
		if marks[p] {
			continue
		}
		if err := w.link.RuleDel(p.netlink()); err != nil && !gone(err) {
			return fmt.Errorf("remove rule for mark %d: %w", p.mark, err)
		}
		delete(w.rules, p)
	}
	return nil
}

func (p policy) netlink() *netlink.Rule {
	r := netlink.NewRule()
	mask := uint32(subnetMask)
	r.Family, r.Mark, r.Mask, r.Table, r.Priority = p.family, p.mark, &mask, int(p.mark), policyPriority
	if p.mark&relayBit != 0 {
		mask, r.Priority = ^uint32(0), relayPriority
	}
	return r
}

// address makes an address local to the namespace.
func (w *wiring) address(a netip.Addr) error {
	lo, err := w.link.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := w.link.AddrReplace(lo, &netlink.Addr{IPNet: ipNet(single(a)), Flags: unix.IFA_F_NODAD}); err != nil {
		return err
	}
	return w.answering(a)
}

// noAddress takes it away again.
func (w *wiring) noAddress(a netip.Addr) error {
	lo, err := w.link.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := w.link.AddrDel(lo, &netlink.Addr{IPNet: ipNet(single(a))}); err != nil && !gone(err) {
		return err
	}
	return nil
}

// addresses lists what address made local.
func (w *wiring) addresses() ([]netip.Addr, error) {
	lo, err := w.link.LinkByName("lo")
	if err != nil {
		return nil, err
	}
	list, err := w.link.AddrList(lo, netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	var all []netip.Addr
	for _, a := range list {
		if p, err := fromIPNet(a.IPNet); err == nil && !p.Addr().IsLoopback() {
			all = append(all, p.Addr())
		}
	}
	return all, nil
}

// gone tells whether an error says that what is to be removed is not there.
func gone(err error) bool {
	return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) ||
		errors.Is(err, unix.EADDRNOTAVAIL) || errors.As(err, new(netlink.LinkNotFoundError))
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// aliasWord is one of the words of an alias.
func aliasWord(alias string, i int) string {
	if words := strings.Fields(alias); i < len(words) {
		return words[i]
	}
	return ""
}
