//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pileus/plane"
)

// A relay is an interface that is served and sends with the addresses of its
// clients: a network load balancer's node. It becomes one with the first call
// of DialAs. A flow that begins there with a foreign source gets the relay's
// mark as its connection's, and so its answers, which are addressed to the
// client, are routed by a table that leads to nothing but the relay. Its
// namespace takes whatever comes in for its own. A VPC without relays has
// nothing of this.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#client-ip-preservation

const (
	mapRelays    = "relays"      // links to the marks of flows that begin there
	mapRelayedBy = "relay-at"    // and to the addresses that stand for them in groups' rules
	chainRelays  = "relay-marks" // knows flows and their answers

	// A relay's mark is a number above those of subnets, and that of its table.
	// The lowest two bits are left to what groups remember.
	relayBit      = 1 << zoneShift
	relayShift    = 2
	relayMask     = ^uint32(originUntracked | targetUntracked)
	relayPriority = policyPriority - 1
	relayTable    = firstInterfaceTable - 1 // in the relay's own namespace
)

var (
	kindMarks   = setKind{key: nftables.TypeIFName, value: nftables.TypeMark}
	kindStandIn = setKind{key: nftables.TypeIFName, value: nftables.TypeIPAddr}
)

func relayMark(link int) uint32 { return relayBit | uint32(link)<<relayShift }

// DialAs is Dial from an interface that is served, with the address and port of
// somebody else as the source. Answers come back to the interface.
func (n *Network) DialAs(ctx context.Context, vpc string, from netip.Addr, as netip.AddrPort, network string, addr netip.AddrPort) (c net.Conn, err error) {
	if as.Addr().Is4() != addr.Addr().Is4() || from.Is4() != addr.Addr().Is4() {
		return nil, fmt.Errorf("from %v as %v to %v: the addresses are of two families: %w", from, as, addr, plane.ErrUnsupported)
	}
	d := net.Dialer{Control: foreign}
	switch network {
	case "udp":
		d.LocalAddr = net.UDPAddrFromAddrPort(as)
	case "tcp":
		d.LocalAddr = net.TCPAddrFromAddrPort(as)
	default:
		return nil, fmt.Errorf("%s in another's name: %w", network, plane.ErrUnsupported)
	}
	ns, close, err := n.source(vpc, from)
	if err != nil {
		return nil, err
	}
	defer close()
	if err := n.relay(vpc, n.holder(vpc, from)); err != nil {
		return nil, err
	}
	err = ns.do(func() error {
		c, err = d.DialContext(ctx, network, addr.String())
		return err
	})
	return c, err
}

// foreign lets a socket have an address that is not of its namespace, and share
// a client's port with the sockets that go to other targets.
func foreign(network, _ string, raw syscall.RawConn) error {
	level, option := unix.SOL_IP, unix.IP_TRANSPARENT
	if network == "tcp6" || network == "udp6" {
		level, option = unix.SOL_IPV6, unix.IPV6_TRANSPARENT
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = errors.Join(unix.SetsockoptInt(int(fd), level, option, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	})
	return errors.Join(err, failed)
}

// relay makes a served interface a relay.
func (n *Network) relay(vpc, id string) error {
	if _, ok := n.relays.Load(id); ok {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.relays.Load(id); ok {
		return nil
	}
	r, err := n.applied(vpc)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(r.vpc.Interfaces, func(e plane.Interface) bool { return e.ID == id && e.Served && e.Machine == "" })
	l := r.links[linkName(linkInterface, id)]
	if i < 0 || l == nil {
		return fmt.Errorf("%s sends for itself only: %w", id, plane.ErrUnsupported)
	}
	e := r.vpc.Interfaces[i]
	s := r.vpc.Subnets[slices.IndexFunc(r.vpc.Subnets, func(s plane.Subnet) bool { return s.ID == e.Subnet })]
	n.relays.Store(id, true)
	if err = r.plugInterface(e, s, l.name, l.alias); err == nil {
		if err = r.routeAll(); err == nil {
			err = r.filter()
		}
	}
	if err != nil {
		n.relays.Delete(id)
		return fmt.Errorf("relay at %s: %w", id, err)
	}
	return nil
}

// relays are the links, by index, of the VPC's interfaces that are relays.
func (r *router) relays() map[string]int {
	all := map[string]int{}
	for _, e := range r.vpc.Interfaces {
		if _, ok := r.n.relays.Load(e.ID); !ok {
			continue
		}
		if l := r.links[linkName(linkInterface, e.ID)]; l != nil {
			all[e.ID] = l.index
		}
	}
	return all
}

// relayRoutes lead the answers of relays' flows to where those began.
func (r *router) relayRoutes(want map[routeKey]nextHop, marks map[policy]bool) {
	for id, link := range r.relays() {
		mark := relayMark(link)
		want[routeKey{mark, all4}] = r.interfaceHop(id, true)
		marks[policy{unix.AF_INET, mark}] = true
		if r.n.ipv6 {
			want[routeKey{mark, all6}] = r.interfaceHop(id, false)
			marks[policy{unix.AF_INET6, mark}] = true
		}
	}
}

// takeAll has a relay's namespace take what comes in by a link for its own,
// whoever it is addressed to.
func (ns *namespace) takeAll(eth string, ipv6 bool) error {
	// A client may use its port again after a second, as it may towards one who
	// knows it by its own connections.
	if err := ns.set(setting{"ipv4.tcp_tw_reuse", "1"}); err != nil {
		return err
	}
	lo, err := ns.link.LinkByName("lo")
	if err != nil {
		return err
	}
	every := []netip.Prefix{all4}
	if ipv6 {
		every = append(every, all6)
	}
	for _, to := range every {
		err := ns.link.RouteReplace(&netlink.Route{
			Family: familyOf(to.Addr()), Table: relayTable, Dst: ipNet(to), Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST, LinkIndex: lo.Attrs().Index})
		if err != nil {
			return fmt.Errorf("route of answers: %w", err)
		}
		rule := netlink.NewRule()
		rule.Family, rule.IifName, rule.Table, rule.Priority = familyOf(to.Addr()), eth, relayTable, relayTable
		if err := ns.link.RuleAdd(rule); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("rule of answers: %w", err)
		}
	}
	return nil
}

// relaying marks flows that begin at a relay in another's name, and sends their
// answers back there.
func (c *compiler) relaying() {
	if len(c.relays) == 0 {
		return
	}
	const original, reply = 0, 1
	marks, standIns := c.set.set(mapRelays, kindMarks), c.set.set(mapRelayedBy, kindStandIn)
	goesOut, goesIn, anySource := c.set.sets[setGoesOut], c.set.sets[setGoesIn], c.set.sets[setAnySource]
	for _, e := range c.vpc.Interfaces {
		link, ok := c.relays[e.ID]
		if !ok {
			continue
		}
		mark, name := relayMark(link), ifname(c.links[e.ID])
		anySource.add(name)
		marks.put(string(native(mark)), name)
		standIns.put(string(e.Primary.AsSlice()), name)
		for _, untracked := range []uint32{0, targetUntracked} {
			goesOut.add([]byte{original}, native(mark|untracked))
			goesIn.add([]byte{reply}, native(mark|untracked))
		}
		for _, untracked := range []uint32{0, originUntracked} {
			goesOut.add([]byte{reply}, native(mark|untracked))
			goesIn.add([]byte{original}, native(mark|untracked))
		}
	}
	// After connection tracking, and before packets are routed.
	h := hook{nftables.ChainTypeFilter, *nftables.ChainHookPrerouting, *nftables.ChainPriorityMangle, nftables.ChainPolicyAccept}
	began := rule(translate(mapRelays, inName()), statement{&expr.Ct{Key: expr.CtKeyMARK, Register: firstRegister, SourceRegister: true}})
	c.set.hooked(chainRelays, h,
		rule(is(track(expr.CtKeyDIRECTION), []byte{reply}), isNot(masked(track(expr.CtKeyMARK), relayMask), native(0)),
			setMark(masked(track(expr.CtKeyMARK), relayMask)), accept()),
		rule(state(ctNew), ipv4(), notIn(setOwned4, inName(), source4()), began),
		rule(state(ctNew), ipv6(), notIn(setOwned6, inName(), source6()), began))
}

// standIn is the address of the relay that a packet comes from, whatever its
// source; the rule ends where it comes from none.
func standIn() field {
	return field{1, func(r uint32) []expr.Any {
		return append(inName().load(r), &expr.Lookup{SourceRegister: r, DestRegister: r, IsDestRegSet: true, SetName: mapRelayedBy})
	}}
}

// relayed admits to a group's members what comes from relays that its rules
// refer to by their groups: for these the client's address does not tell.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html
func (c *compiler) relayed(chain *chain, id string, rules []plane.Match) {
	members := map[string][]netip.Prefix{}
	for _, e := range c.vpc.Interfaces {
		if _, ok := c.relays[e.ID]; ok {
			for _, g := range e.Groups {
				members[g] = append(members[g], single(e.Primary))
			}
		}
	}
	boxes := map[int][]box{}
	for _, m := range rules {
		for _, p := range members[m.Group] {
			boxes[m.Protocol] = append(boxes[m.Protocol], box{p, spanOf(m)})
		}
	}
	names := map[string]bool{}
	for protocol, list := range boxes {
		for _, b := range disjoint(list) {
			if protocol < 0 {
				names[c.box("ira", id, kindRules4, 0, 255, b)] = true
			} else {
				names[c.box("ir", id, kindRules4, byte(protocol), byte(protocol), b)] = true
			}
		}
	}
	for _, s := range sorted(names) {
		chain.add(in(s, protocol(), packetMark(), standIn()), giveBack())
	}
}
