//go:build linux

package network

import (
	"golang.org/x/sys/unix"

	"pileus/plane"
)

// acls makes two chains of each network ACL, and maps from subnets to them.
// An ACL sees every packet that enters or leaves a subnet by itself: it
// remembers nothing.
// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html
func (c *compiler) acls() {
	out, in := c.set.set(mapACLOut, kindByGroup), c.set.set(mapACLIn, kindByGroup)
	byID := map[string]plane.ACL{}
	for _, a := range c.vpc.ACLs {
		byID[a.ID] = a
	}
	same := c.set.set(setSameSubnet, kindPair)
	for _, s := range c.vpc.Subnets {
		group := native(c.numbers.group(s))
		same.add(group, group)
		a, ok := byID[s.ACL]
		if !ok {
			continue
		}
		if !c.open(a.Egress) {
			out.put(c.aclChain("ao", a.ID, a.Egress, dest4(), dest6(), chainRejectOut), group)
		}
		if !c.open(a.Ingress) {
			in.put(c.aclChain("ai", a.ID, a.Ingress, source4(), source6(), chainRejectIn), group)
		}
	}
}

// open tells whether the rules allow everything at once, as the default ACL's
// do: then packets need not see them.
func (c *compiler) open(rules []plane.ACLRule) bool {
	families := map[bool]bool{}
	for _, p := range c.vpc.CIDRs {
		families[p.Addr().Is4()] = true
	}
	for _, r := range rules {
		if !r.Allow || r.Match.Protocol >= 0 || r.Match.CIDR.Bits() != 0 {
			break
		}
		delete(families, r.Match.CIDR.Addr().Is4())
	}
	return len(families) == 0
}

func (c *compiler) aclChain(kind, id string, rules []plane.ACLRule, far4, far6 field, reject string) string {
	name := chainName(kind, id)
	if c.set.chains[name] != nil {
		return name
	}
	chain := c.set.chain(name)
	for _, r := range rules {
		decision := goOn(reject)
		if r.Allow {
			decision = giveBack()
		}
		chain.add(aclMatch(r.Match, far4, far6), decision)
	}
	chain.add(goOn(reject))
	return name
}

func aclMatch(m plane.Match, far4, far6 field) statement {
	var s statement
	switch {
	case m.CIDR.Addr().Is4():
		s = rule(ipv4(), within(far4, m))
	default:
		s = rule(ipv6(), within(far6, m))
	}
	if m.Protocol >= 0 {
		s = rule(s, isProtocol(byte(m.Protocol)))
	}
	ported := m.Protocol == unix.IPPROTO_TCP || m.Protocol == unix.IPPROTO_UDP || m.Protocol == unix.IPPROTO_SCTP ||
		m.Protocol == unix.IPPROTO_ICMP || m.Protocol == unix.IPPROTO_ICMPV6
	if ports := spanOf(m); ported && ports != (span{0, 0xffff}) {
		s = rule(s, between(packetMark(), portKey(ports.from, 0), portKey(ports.to, 0xff)))
	}
	return s
}

// within matches an address of the rule's prefix.
func within(far field, m plane.Match) statement {
	p := m.CIDR.Masked()
	switch p.Bits() {
	case 0:
		return nil
	case p.Addr().BitLen():
		return is(far, p.Addr().AsSlice())
	}
	return between(far, p.Addr().AsSlice(), lastAddress(p).AsSlice())
}
