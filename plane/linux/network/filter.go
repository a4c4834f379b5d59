//go:build linux

package network

import (
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"pileus/plane"
)

// Names in the table of a VPC.
const (
	tableName = "pileus"

	setDark       = "dark"        // zones that are cut
	setGoesOut    = "goes-out"    // directions and marks of connections whose sender's groups need no look
	setGoesIn     = "goes-in"     // the same of the receiver's
	setOwned4     = "owned4"      // links and the addresses behind them
	setOwned6     = "owned6"      //
	setDelegated4 = "delegated4"  // links and the prefixes behind them
	setDelegated6 = "delegated6"  //
	setAnySource  = "any-source"  // links without source/destination check
	setLocal4     = "local4"      // the VPC's own ranges
	setLocal6     = "local6"      //
	setSameSubnet = "same-subnet" // pairs of groups
	setSameZone   = "same-zone"
	setServed4    = "served4" // addresses that this process serves in the router
	setServed6    = "served6"
	setSpeaking   = "speaking"  // inside addresses of tunnels whose ends speak BGP
	setInterZone  = "bill-zone" // bytes by sender, to other zones
	setInternet   = "bill-net"  // and through the internet gateway
	setErrors     = "icmp-errors"
	mapPorts      = "ports"  // protocols to the chain that reads their ports
	mapPublic     = "public" // public addresses to private ones
	mapPrivate    = "private"
	mapArrive     = "arrive" // gateways' groups to chains
	mapEnter      = "enter"
	mapLeave      = "leave"
	mapACLOut     = "acl-out"
	mapACLIn      = "acl-in"
	mapOut        = "out" // interfaces to their groups' chains
	mapIn         = "in"

	chainRejectOut = "reject-out"
	chainRejectIn  = "reject-in"

	ctNew  = expr.CtStateBitNEW
	ctGoes = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
)

// compiler turns a VPC into its ruleset.
type compiler struct {
	vpc     plane.VPC
	numbers *numbering
	links   map[string]string // of interfaces that are plugged in
	dark    map[string]bool   // zones
	slow    []plane.SlowZone
	served  map[netip.Addr]bool
	relays  map[string]int // links by interface
	set     *ruleset
}

func (c *compiler) compile() *ruleset {
	c.set = newRuleset()
	c.basics()
	c.addresses()
	c.relaying()
	c.acls()
	c.groups()
	c.bills()
	c.arrival()
	c.forward()
	c.departure()
	c.own()
	if c.vpc.FlowLogs {
		c.flows()
	}
	return c.set
}

// basics are the sets that hold little.
func (c *compiler) basics() {
	dark := c.set.set(setDark, kindZone)
	for zone, n := range c.numbers.zones {
		if c.dark[zone] {
			dark.add(native(n << zoneShift))
		}
	}
	goesOut, goesIn := c.set.set(setGoesOut, kindSkip), c.set.set(setGoesIn, kindSkip)
	const original, reply = 0, 1
	for _, mark := range []uint32{0, targetUntracked} {
		goesOut.add([]byte{original}, native(mark))
		goesIn.add([]byte{reply}, native(mark))
	}
	for _, mark := range []uint32{0, originUntracked} {
		goesOut.add([]byte{reply}, native(mark))
		goesIn.add([]byte{original}, native(mark))
	}
	ports := c.set.set(mapPorts, kindByProto)
	for _, p := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP, unix.IPPROTO_DCCP, unix.IPPROTO_UDPLITE} {
		ports.put("port", []byte{p})
	}
	for _, p := range []byte{unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6} {
		ports.put("icmp", []byte{p})
	}
	errors := c.set.set(setErrors, kindProtocol)
	const unreachable, exceeded, problem = 3, 11, 12
	for _, t := range []byte{unreachable, exceeded, problem} {
		errors.add([]byte{t})
	}
	c.set.chain("port", setMark(transport(2, 2)))
	c.set.chain("icmp", setMark(transport(0, 2)))
	speaking := c.set.set(setSpeaking, kindAddress4)
	if c.vpc.VPN != nil {
		for _, t := range c.vpc.VPN.Tunnels {
			if t.BGP != nil {
				speaking.add(t.Inside.Addr().AsSlice())
			}
		}
	}
	four, six := c.set.set(setServed4, kindAddress4), c.set.set(setServed6, kindAddress6)
	for a := range c.served {
		if a.Is4() {
			four.add(a.AsSlice())
		} else {
			six.add(a.AsSlice())
		}
	}
}

// addresses are the sets that tell who has which address.
func (c *compiler) addresses() {
	local4, local6 := c.set.set(setLocal4, kindRanges4), c.set.set(setLocal6, kindRanges6)
	for _, p := range c.vpc.CIDRs {
		to := local6
		if p.Addr().Is4() {
			to = local4
		}
		to.add([]byte{0}, p.Masked().Addr().AsSlice(), []byte{255}, lastAddress(p).AsSlice())
	}
	owned4, owned6, anySource := c.set.set(setOwned4, kindOwned4), c.set.set(setOwned6, kindOwned6), c.set.set(setAnySource, kindName)
	ranges4, ranges6 := c.set.set(setDelegated4, kindDelegated4), c.set.set(setDelegated6, kindDelegated6)
	public, private := c.set.set(mapPublic, kindMap4), c.set.set(mapPrivate, kindMap4)
	for _, e := range c.vpc.Interfaces {
		link, ok := c.links[e.ID]
		if !ok {
			continue
		}
		if e.AnySource {
			anySource.add(ifname(link))
		}
		for _, a := range append([]netip.Addr{e.Primary}, e.Others...) {
			if a.Is4() {
				owned4.add(ifname(link), a.AsSlice())
			} else {
				owned6.add(ifname(link), a.AsSlice())
			}
		}
		for _, p := range e.Prefixes {
			ranges := ranges6
			if p.Addr().Is4() {
				ranges = ranges4
			}
			ranges.add(ifname(link), p.Masked().Addr().AsSlice(), ifname(link), lastAddress(p).AsSlice())
		}
		for in, out := range e.Public {
			public.put(string(in.AsSlice()), out.AsSlice())
			private.put(string(out.AsSlice()), in.AsSlice())
		}
	}
}

// owned adds the rules that do what then says with packets whose address is
// the link's: by itself, or of a prefix. Ranges take longer to look up than
// addresses, so they are asked only where somebody has any.
func (c *compiler) owned(to *chain, link, four, six field, then statement) {
	to.add(ipv4(), in(setOwned4, link, four), then)
	to.add(ipv6(), in(setOwned6, link, six), then)
	if len(c.set.sets[setDelegated4].elements) > 0 {
		to.add(ipv4(), in(setDelegated4, link, four), then)
	}
	if len(c.set.sets[setDelegated6].elements) > 0 {
		to.add(ipv6(), in(setDelegated6, link, six), then)
	}
}

// bills are the counters of what costs money.
func (c *compiler) bills() {
	zone, internet := c.set.set(setInterZone, kindBill), c.set.set(setInternet, kindBill)
	for _, e := range c.vpc.Interfaces {
		if link, ok := c.links[e.ID]; ok {
			zone.add(ifname(link))
			internet.add(ifname(link))
		}
	}
	same := c.set.set(setSameZone, kindPair)
	for _, n := range c.numbers.zones {
		z := native(n << zoneShift)
		same.add(z, z)
		same.add(z, native(0))
		same.add(native(0), z)
	}
	same.add(native(0), native(0))
}

// arrival is what every packet passes before it is routed: is it who it says
// to be, where is it for, which route table applies.
func (c *compiler) arrival() {
	a := c.set.hooked("arrival", hook{nftables.ChainTypeFilter, *nftables.ChainHookPrerouting, *nftables.ChainPriorityRaw, nftables.ChainPolicyAccept})
	if c.cut() {
		a.add(in(setDark, masked(inGroup(), zoneMask)), drop())
	}
	a.add(fromInterface(), goOn("sender"))
	a.add(decide(mapArrive, inGroup()))
	sender := c.set.chain("sender", setMark(masked(inGroup(), subnetMask)))
	c.owned(sender, inName(), source4(), source6(), accept())
	sender.add(discovery(), accept())
	sender.add(in(setAnySource, inName()), accept())
	sender.add(drop())
	arrive := c.set.set(mapArrive, kindByGroup)
	arrive.put("from-internet", native(groupInternet))
	arrive.put("from-outside", native(groupEgressOnly))
	arrive.put("from-outside", native(groupPeering))
	arrive.put("from-tunnel", native(groupVPN))
	c.set.chain("from-internet",
		rule(ipv4(), in(setLocal4, protocol(), source4()), drop()),
		rule(ipv4(), isProtocol(unix.IPPROTO_ICMP), isICMPError(), translate(mapPublic, transport(20, 4)), setQuoted4(20)),
		rule(ipv4(), c.ownTable(groupInternet), translate(mapPublic, dest4()), setAddress4(16), accept()),
		rule(ipv6(), c.ownTable(groupInternet), goOn("from-outside")),
		drop())
	c.set.chain("from-tunnel",
		rule(ipv4(), in(setSpeaking, dest4()), accept()),
		rule(c.ownTable(groupVPN), goOn("from-outside")))
	// Through a gateway or a peering comes only what is for this VPC and not
	// from it: it is nobody's way to elsewhere.
	c.set.chain("from-outside",
		rule(ipv4(), notIn(setLocal4, protocol(), source4()), in(setLocal4, protocol(), dest4()), accept()),
		rule(ipv6(), notIn(setLocal6, protocol(), source6()), in(setLocal6, protocol(), dest6()), accept()),
		rule(discovery(), accept()),
		drop())
}

// ownTable has a packet routed by the route table of the gateway that it came in
// by, if that has one.
func (c *compiler) ownTable(group uint32) statement {
	for _, g := range gatewayGroups(&c.vpc) {
		if g == group {
			return markAs(firstGateway + group)
		}
	}
	return nil
}

// discovery matches IPv6 neighbour discovery on a link, which is not filtered:
// what goes to link-local and multicast addresses, and so no further.
func discovery() statement {
	return rule(ipv6(), isProtocol(unix.IPPROTO_ICMPV6), between(transport(0, 1), []byte{133}, []byte{137}),
		between(payload(expr.PayloadBaseNetworkHeader, 24, 2), []byte{0xfe, 0x80}, []byte{0xff, 0xff}))
}

// isICMPError matches ICMP messages that quote a packet.
func isICMPError() statement { return in(setErrors, transport(0, 1)) }

// forward is what a packet passes on its way from one link to another. What a
// VPC has no use for is left out: every rule takes its time from every packet.
func (c *compiler) forward() {
	f := c.set.hooked("forward", hook{nftables.ChainTypeFilter, *nftables.ChainHookForward, *nftables.ChainPriorityFilter, nftables.ChainPolicyDrop})
	if c.cut() {
		f.add(in(setDark, masked(outGroup(), zoneMask)), drop())
	}
	c.slowDown(f)
	f.add(decide(mapPorts, protocol()))
	if c.gated() {
		f.add(decide(mapEnter, inGroup()))
		f.add(decide(mapLeave, outGroup()))
	}
	if c.deviated() {
		f.add(toInterface(), jump("receiver"))
	}
	if len(c.set.sets[mapACLOut].elements) > 0 {
		f.add(notIn(setSameSubnet, inGroup(), outGroup()), decide(mapACLOut, inGroup()))
	}
	f.add(jump("groups-out"))
	if c.vpc.FlowLogs {
		f.add(fromInterface(), jump("accept-out"))
	}
	if len(c.set.sets[mapACLIn].elements) > 0 {
		f.add(notIn(setSameSubnet, inGroup(), outGroup()), decide(mapACLIn, outGroup()))
	}
	f.add(jump("groups-in"))
	if c.vpc.FlowLogs {
		f.add(toInterface(), jump("accept-in"))
	}
	if len(c.numbers.zones) > 1 {
		f.add(notIn(setSameZone, masked(inGroup(), zoneMask), masked(outGroup(), zoneMask)), in(setInterZone, inName()))
	}
	if c.vpc.InternetGateway != "" {
		f.add(toGroup(groupInternet), in(setInternet, inName()))
	}
	f.add(accept())

	// The destination check: a packet for someone else is not delivered.
	receiver := c.set.chain("receiver")
	c.owned(receiver, outName(), dest4(), dest6(), giveBack())
	receiver.add(in(setAnySource, outName()), giveBack())
	receiver.add(drop())
	for _, d := range []struct {
		chain, goes, set string
		link             field
	}{{"groups-out", setGoesOut, mapOut, inName()}, {"groups-in", setGoesIn, mapIn, outName()}} {
		c.set.chain(d.chain,
			rule(state(ctGoes), in(d.goes, track(expr.CtKeyDIRECTION), track(expr.CtKeyMARK)), giveBack()),
			rule(decide(d.set, d.link)))
	}
	for _, name := range []string{"accept-out", "accept-in"} {
		c.set.chain(name)
	}
	for _, name := range []string{chainRejectOut, chainRejectIn} {
		c.set.chain(name, drop())
	}
	c.gates()
}

// cut tells whether a zone of the VPC is dark.
func (c *compiler) cut() bool { return len(c.set.sets[setDark].elements) > 0 }

// gated tells whether there is a way in or out.
func (c *compiler) gated() bool {
	v := &c.vpc
	return v.InternetGateway != "" || v.EgressOnlyGateway != "" || len(v.Peerings)+len(v.GatewayEndpoints) > 0 || v.VPN != nil
}

// deviated tells whether a route leads packets to an interface that they are
// not addressed to.
func (c *compiler) deviated() bool {
	return slices.ContainsFunc(c.vpc.RouteTables, func(t plane.RouteTable) bool {
		return slices.ContainsFunc(t.Routes, func(r plane.Route) bool { return r.Kind == plane.ToInterface })
	})
}

// gates hold what may pass a gateway.
func (c *compiler) gates() {
	enter, leave := c.set.set(mapEnter, kindByGroup), c.set.set(mapLeave, kindByGroup)
	// Nothing new comes in by an egress-only gateway or from an endpoint.
	c.set.chain("answers", rule(state(ctGoes), giveBack()), drop())
	enter.put("answers", native(groupEgressOnly))
	enter.put("answers", native(groupEndpoint))
	// Only the VPC's own addresses leave it, by a peering as by a gateway.
	c.set.chain("own-source",
		rule(ipv4(), in(setLocal4, protocol(), source4()), giveBack()),
		rule(ipv6(), in(setLocal6, protocol(), source6()), giveBack()),
		drop())
	leave.put("own-source", native(groupPeering))
	leave.put("own-source", native(groupVPN))
	leave.put("own-source", native(groupInternet))
	leave.put("own-source", native(groupEndpoint))
	// An answer to what came in elsewhere does not leave by the egress-only gateway.
	c.set.chain("to-egress-only",
		rule(ipv4(), drop()),
		rule(state(ctGoes), is(track(expr.CtKeyDIRECTION), []byte{1}), drop()),
		goOn("own-source"))
	leave.put("to-egress-only", native(groupEgressOnly))
}

// departure gives packets their public address as they leave.
func (c *compiler) departure() {
	c.set.hooked("departure", hook{nftables.ChainTypeFilter, *nftables.ChainHookPostrouting, *nftables.ChainPriorityRef(200), nftables.ChainPolicyAccept},
		rule(toGroup(groupInternet), ipv4(), goOn("to-internet")))
	c.set.chain("to-internet",
		rule(isProtocol(unix.IPPROTO_ICMP), isICMPError(), translate(mapPrivate, transport(24, 4)), setQuoted4(24)),
		rule(translate(mapPrivate, source4()), setAddress4(12), accept()),
		drop())
	if len(c.vpc.GatewayEndpoints) > 0 {
		c.set.hooked("endpoints", hook{nftables.ChainTypeNAT, *nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource, nftables.ChainPolicyAccept},
			rule(toGroup(groupEndpoint), masquerade()))
	}
}

// own is what reaches this process in the router: DNS and metadata, which no
// group and no ACL filters.
func (c *compiler) own() {
	c.set.hooked("own", hook{nftables.ChainTypeFilter, *nftables.ChainHookInput, *nftables.ChainPriorityFilter, nftables.ChainPolicyDrop},
		rule(discovery(), accept()),
		rule(fromInterface(), ipv4(), in(setServed4, dest4()), accept()),
		rule(fromInterface(), ipv6(), in(setServed6, dest6()), accept()),
		rule(is(inGroup(), native(groupVPN)), ipv4(), in(setSpeaking, dest4()), accept()),
		drop())
}
