//go:build linux

package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pileus/plane"
)

// internet is the namespace that stands for the internet: every gateway leads
// there, the host is part of it, and so are the cloud's own services.
type internet struct {
	*wiring
	n *Network
	// addresses of VPCs by the link of their gateway endpoint: as they appear
	// to the services.
	endpoints map[string]netip.Addr
}

// Reserved is the part of a cloud's range of public addresses that belongs to
// the network itself: its last eighth.
func Reserved(public netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(lastAddress(public), public.Bits()+3).Masked()
}

// The host's end of the link and the internet's have the last addresses of the
// ranges.
func (n *Network) hostAddress(p netip.Prefix) netip.Addr     { return nthAddress(p, -2) }
func (n *Network) internetAddress(p netip.Prefix) netip.Addr { return nthAddress(p, -3) }

const internetHostLink = "host"

func (n *Network) ranges() []netip.Prefix {
	if n.ipv6 {
		return []netip.Prefix{n.opt.Range, n.opt.Range6}
	}
	return []netip.Prefix{n.opt.Range}
}

// openInternet finds or makes the internet and its link to the host.
func (n *Network) openInternet() (*internet, error) {
	ns, _, err := makeNamespace(n.namespacePath(internetID), func(ns *namespace) error { return ns.set(routerSettings...) })
	if err != nil {
		return nil, err
	}
	w, err := openWiring(ns)
	if err != nil {
		ns.close()
		return nil, err
	}
	i := &internet{wiring: w, n: n, endpoints: map[string]netip.Addr{}}
	for k, hop := range w.routes {
		for name, l := range w.links {
			if l.index == hop.link && strings.HasPrefix(name, linkEndpoint) {
				i.endpoints[name] = k.to.Addr()
				n.origins.Store(k.to.Addr(), l.alias)
			}
		}
	}
	if err := i.joinHost(); err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

// joinHost links the internet with the host: the host reaches the public
// addresses, and with an uplink the internet goes on behind it.
func (i *internet) joinHost() error {
	n := i.n
	if i.links[internetHostLink] == nil {
		if err := n.host.unplug(n.hostLink()); err != nil {
			return err
		}
	}
	err := i.join(n.host, cable{
		name: internetHostLink, alias: "host", mtu: internetMTU, farName: n.hostLink(), farAlias: "pileus " + n.opt.Cloud})
	if err != nil {
		return fmt.Errorf("link with the host: %w", err)
	}
	near, far := i.links[internetHostLink], n.host.links[n.hostLink()]
	link, err := n.host.link.LinkByName(n.hostLink())
	if err != nil {
		return err
	}
	want := map[routeKey]nextHop{}
	for _, p := range n.ranges() {
		via := next4
		if p.Addr().Is6() {
			via = next6
		}
		host := n.hostAddress(p)
		if err := n.host.link.AddrReplace(link, &netlink.Addr{IPNet: ipNet(single(host)), Flags: unix.IFA_F_NODAD}); err != nil {
			return fmt.Errorf("the host's address %v: %w", host, err)
		}
		if err := i.address(n.internetAddress(p)); err != nil {
			return err
		}
		if err := n.hostRoute(p, nextHop{kind: unix.RTN_UNICAST, link: far.index, via: via}, host); err != nil {
			return fmt.Errorf("the host's route to %v: %w", p, err)
		}
		want[routeKey{unix.RT_TABLE_MAIN, p}] = nextHop{kind: unix.RTN_BLACKHOLE}
		want[routeKey{unix.RT_TABLE_MAIN, single(host)}] = nextHop{kind: unix.RTN_UNICAST, link: near.index, via: via}
		everything := nextHop{kind: unix.RTN_BLACKHOLE}
		if n.opt.Uplink {
			everything = nextHop{kind: unix.RTN_UNICAST, link: near.index, via: via}
		}
		if p.Addr().Is4() {
			want[routeKey{unix.RT_TABLE_MAIN, all4}] = everything
		}
		if p.Addr().Is6() {
			want[routeKey{unix.RT_TABLE_MAIN, all6}] = everything
		}
	}
	if err := i.route(want, func(k routeKey, hop nextHop) bool { return k.to.Bits() == 0 }); err != nil {
		return err
	}
	if err := i.guardHost(); err != nil {
		return err
	}
	if err := i.settle(); err != nil {
		return err
	}
	return n.uplink()
}

// hostRoute has the host reach a range of public addresses. Where it reaches
// that elsewhere already, another cloud was first: then it is told of each
// address that is in use, by mirror.
func (n *Network) hostRoute(p netip.Prefix, hop nextHop, source netip.Addr) error {
	routes, err := n.host.link.RouteListFiltered(familyOf(source), &netlink.Route{Dst: ipNet(p)}, netlink.RT_FILTER_DST)
	if err != nil {
		return err
	}
	c := plane.Capability{Name: hostReaches(p), Works: true}
	if n.opt.Rootless {
		c.Works, c.Reason = false, noHost
	}
	n.caps = append(n.caps, c)
	if slices.ContainsFunc(routes, func(r netlink.Route) bool { return r.LinkIndex != hop.link }) {
		n.log.Info("the host has another route to the public addresses: it is told of each that this cloud uses", "range", p)
		n.shared = append(n.shared, p)
		return nil
	}
	route := routeKey{unix.RT_TABLE_MAIN, p}.netlink(hop)
	route.Src = source.AsSlice()
	return n.host.link.RouteReplace(route)
}

// noHost is why the host has no way to public addresses without root.
const noHost = "the host's network belongs to root: use the cloud's port as a SOCKS 5 proxy, `pileus connect`, or `pileus ssh`"

// RootlessLimits is what a network without root cannot do, whatever the kernel.
func RootlessLimits(uplink bool) []plane.Capability {
	list := []plane.Capability{
		{Name: hostReaches(plane.Internet), Reason: noHost},
		{Name: hostReaches(plane.Internet6), Reason: noHost},
	}
	if uplink {
		list = append(list, plane.Capability{Name: outboundLimits, Reason: carried})
	}
	return list
}

func hostReaches(p netip.Prefix) string { return "the host reaches " + p.String() }

// guardHost keeps instances from reaching what the host itself listens on: the
// host begins conversations, and only answers return.
func (i *internet) guardHost() error {
	r := newRuleset()
	hosts4, hosts6 := r.set("host4", kindAddress4), r.set("host6", kindAddress6)
	for _, p := range i.n.ranges() {
		if a := i.n.hostAddress(p); a.Is4() {
			hosts4.add(a.AsSlice())
		} else {
			hosts6.add(a.AsSlice())
		}
	}
	toHost := is(outName(), ifname(internetHostLink))
	r.hooked("guard", hook{nftables.ChainTypeFilter, *nftables.ChainHookForward, *nftables.ChainPriorityFilter, nftables.ChainPolicyAccept},
		rule(toHost, state(ctGoes), accept()),
		rule(toHost, ipv4(), in("host4", dest4()), drop()),
		rule(toHost, ipv6(), in("host6", dest6()), drop()))
	have, err := readRuleset(i.namespace)
	if err != nil {
		return err
	}
	return commit(i.namespace, have, r)
}

// uplink has the host pass on what instances send to the real internet, with
// the host's own address; or not. Without root this process does it.
func (n *Network) uplink() error {
	if n.opt.Uplink && n.opt.Rootless {
		if err := n.openOutbound(); err != nil {
			return err
		}
	}
	return n.host.transact(func(conn *nftables.Conn, _ *nftables.Table) error {
		t := &nftables.Table{Family: nftables.TableFamilyINet, Name: n.prefix() + "uplink"}
		conn.AddTable(t)
		conn.DelTable(t)
		if !n.opt.Uplink {
			return nil
		}
		if n.opt.Rootless {
			r := newRuleset()
			n.outbound.addRules(r)
			return difference(conn, t, newRuleset(), r)
		}
		if err := n.host.set(setting{"ipv4.ip_forward", "1"}); err != nil {
			return err
		}
		r := newRuleset()
		link := ifname(n.hostLink())
		r.hooked("uplink", hook{nftables.ChainTypeNAT, *nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource, nftables.ChainPolicyAccept},
			rule(is(inName(), link), isNot(outName(), link), masquerade()))
		return difference(conn, t, newRuleset(), r)
	})
}

// plug makes the links of a VPC with the internet: one for each kind of
// gateway that it has.
func (i *internet) plug(r *router) error {
	for _, l := range []struct {
		kind, id string
		group    uint32
		mtu      int
	}{
		{linkInternet, r.vpc.InternetGateway, groupInternet, internetMTU},
		{linkEgressOnly, r.vpc.EgressOnlyGateway, groupEgressOnly, internetMTU},
		{linkEndpoint, endpointID(r), groupEndpoint, interfaceMTU},
	} {
		name := linkName(l.kind, r.id)
		near := r.links[name]
		if l.id == "" && near != nil {
			if err := r.unplug(name); err != nil {
				return err
			}
			i.lose(name)
		}
		if l.id == "" {
			continue
		}
		err := r.join(i.wiring, cable{name: name, alias: l.id, group: l.group, mtu: l.mtu, farName: name, farAlias: r.id})
		if err != nil {
			return err
		}
	}
	return nil
}

func endpointID(r *router) string {
	if len(r.vpc.GatewayEndpoints) == 0 {
		return ""
	}
	return r.vpc.GatewayEndpoints[0].ID
}

// reach brings the internet's routes to a VPC up to date: its public
// addresses, its IPv6 ranges, and the address by which the services know it.
func (i *internet) reach(r *router) error {
	want := map[routeKey]nextHop{}
	links := map[int]bool{}
	through := func(kind string, p netip.Prefix) {
		l := i.links[linkName(kind, r.id)]
		if l == nil {
			return
		}
		via := next4
		if p.Addr().Is6() {
			via = next6
		}
		want[routeKey{unix.RT_TABLE_MAIN, p}] = nextHop{kind: unix.RTN_UNICAST, link: l.index, via: via}
	}
	for _, kind := range []string{linkInternet, linkEgressOnly, linkEndpoint} {
		if l := i.links[linkName(kind, r.id)]; l != nil {
			links[l.index] = true
		}
	}
	for _, e := range r.vpc.Interfaces {
		if r.links[linkName(linkInterface, e.ID)] == nil {
			continue
		}
		for _, public := range e.Public {
			if public.Is4() {
				through(linkInternet, single(public))
			}
		}
	}
	for _, p := range r.vpc.CIDRs {
		if p.Addr().Is6() && i.n.ipv6 {
			through(linkEgressOnly, p.Masked())
			through(linkInternet, p.Masked())
		}
	}
	if a, err := i.endpointAddress(r); err != nil {
		return err
	} else if a.IsValid() {
		through(linkEndpoint, single(a))
	}
	if err := i.route(want, func(_ routeKey, hop nextHop) bool { return links[hop.link] }); err != nil {
		return err
	}
	return i.mirror()
}

// mirror has the host reach what the internet has routes to, one by one, within
// the ranges that the host has another's route to.
func (i *internet) mirror() error {
	far := i.n.host.links[i.n.hostLink()]
	near := i.links[internetHostLink]
	if far == nil || near == nil {
		return nil
	}
	want := map[routeKey]nextHop{}
	for k, hop := range i.routes {
		within := func(p netip.Prefix) bool { return p.Contains(k.to.Addr()) && p.Bits() < k.to.Bits() }
		if hop.kind != unix.RTN_UNICAST || hop.link == near.index || !slices.ContainsFunc(i.n.shared, within) {
			continue
		}
		want[k] = nextHop{kind: unix.RTN_UNICAST, link: far.index, via: hop.via}
	}
	whole := i.n.ranges()
	return i.n.host.route(want, func(k routeKey, hop nextHop) bool { return hop.link == far.index && !slices.Contains(whole, k.to) })
}

// endpointAddress gives the VPC's endpoints an address of the reserved range.
func (i *internet) endpointAddress(r *router) (netip.Addr, error) {
	name := linkName(linkEndpoint, r.id)
	l := r.links[name]
	if l == nil {
		return netip.Addr{}, nil
	}
	a, ok := i.endpoints[name]
	if !ok {
		taken := map[netip.Addr]bool{}
		for _, t := range i.endpoints {
			taken[t] = true
		}
		// The first half of what is reserved; the host's end has the last ones.
		reserved := Reserved(i.n.opt.Range)
		reserved = netip.PrefixFrom(reserved.Addr(), reserved.Bits()+1)
		for a = nthAddress(reserved, 1); taken[a]; a = a.Next() {
		}
		if !reserved.Contains(a) {
			return netip.Addr{}, fmt.Errorf("no address left in %v for gateway endpoints", reserved)
		}
		i.endpoints[name] = a
		i.n.origins.Store(a, r.id)
	}
	link, err := r.link.LinkByName(name)
	if err != nil {
		return a, err
	}
	return a, r.link.AddrReplace(link, &netlink.Addr{IPNet: ipNet(single(a))})
}

// forgetVPC drops what is known of a VPC that is gone.
func (i *internet) forgetVPC(id string) {
	for _, kind := range []string{linkInternet, linkEgressOnly, linkEndpoint} {
		i.lose(linkName(kind, id))
	}
}

// lose drops what is known of a link that is gone.
func (i *internet) lose(name string) {
	i.forget(name)
	if a, ok := i.endpoints[name]; ok {
		i.n.origins.Delete(a)
		delete(i.endpoints, name)
	}
}

// remove ends the internet and takes what it left in the host.
func (i *internet) remove() error {
	i.n.opt.Uplink = false
	err := i.n.uplink()
	err = errors.Join(err, i.n.host.unplug(i.n.hostLink()))
	return errors.Join(err, removeNamespace(i.path))
}
