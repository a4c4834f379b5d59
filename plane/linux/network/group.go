//go:build linux

package network

import (
	"net/netip"
	"slices"
	"strings"

	"pileus/plane"

	"golang.org/x/sys/unix"
)

// A group's rules are sets of ranges: protocol, port and address of the other
// side. A look-up takes the same time for one rule as for a thousand.
//
// A flow is untracked, as AWS has it, where a rule admits TCP or UDP from or
// to everywhere and another one admits every answer. Such a flow ends with its
// rule, while a tracked one goes on. The connection's mark remembers it, one
// bit for the interface at each end.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
const (
	originUntracked = 1 // at the interface that sent the first packet
	targetUntracked = 2
)

// direction is egress or ingress, and what differs between them.
type direction struct {
	letter    string
	far4      func() field // the other side's address
	far6      func() field
	untracked uint32
	reject    string // the chain that drops
}

var (
	outward = direction{"o", dest4, dest6, originUntracked, chainRejectOut}
	inward  = direction{"i", source4, source6, targetUntracked, chainRejectIn}
)

// groupSets are the names of a group's sets in one direction; "" where one
// would be empty.
type groupSets struct {
	rules4, rules6 string // of a given protocol
	all4, all6     string // of all protocols
	open4, open6   string // from or to everywhere
}

// groups compiles the security groups into sets, and the groups of each
// interface into two chains.
func (c *compiler) groups() {
	members := map[string][]netip.Prefix{}
	for _, e := range c.vpc.Interfaces {
		for _, g := range e.Groups {
			members[g] = append(append(members[g], single(e.Primary)), e.Prefixes...)
			for _, a := range e.Others {
				members[g] = append(members[g], single(a))
			}
		}
	}
	out, in := map[string]groupSets{}, map[string]groupSets{}
	byID := map[string]plane.Group{}
	for _, g := range c.vpc.Groups {
		byID[g.ID] = g
		out[g.ID] = c.groupSets(g.ID, outward, g.Egress, members)
		in[g.ID] = c.groupSets(g.ID, inward, g.Ingress, members)
	}
	outMap, inMap := c.set.set(mapOut, kindByName), c.set.set(mapIn, kindByName)
	for _, e := range c.vpc.Interfaces {
		link, ok := c.links[e.ID]
		if !ok || len(e.Groups) == 0 {
			continue
		}
		ids := slices.Sorted(slices.Values(e.Groups))
		ids = slices.Compact(ids)
		outMap.put(c.groupChain(outward, ids, out, byID), ifname(link))
		inMap.put(c.groupChain(inward, ids, in, byID), ifname(link))
	}
}

// groupSets makes the sets of one group's rules of one direction.
func (c *compiler) groupSets(id string, d direction, rules []plane.Match, members map[string][]netip.Prefix) groupSets {
	boxes := map[int][]box{}
	for _, m := range rules {
		for _, p := range others(m, members) {
			boxes[m.Protocol] = append(boxes[m.Protocol], box{p, spanOf(m)})
		}
	}
	var s groupSets
	for protocol, list := range boxes {
		for _, b := range disjoint(list) {
			four := b.prefix.Addr().Is4()
			switch {
			case protocol < 0 && four:
				s.all4 = c.box(d.letter+"a4", id, kindRules4, 0, 255, b)
			case protocol < 0:
				s.all6 = c.box(d.letter+"a6", id, kindRules6, 0, 255, b)
			case four:
				s.rules4 = c.box(d.letter+"4", id, kindRules4, byte(protocol), byte(protocol), b)
			default:
				s.rules6 = c.box(d.letter+"6", id, kindRules6, byte(protocol), byte(protocol), b)
			}
			if b.prefix.Bits() != 0 {
				continue
			}
			for _, p := range []int{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
				switch {
				case protocol != p && protocol >= 0:
				case four:
					s.open4 = c.openBox(d.letter+"w4", id, kindRules4, byte(p), protocol, b)
				default:
					s.open6 = c.openBox(d.letter+"w6", id, kindRules6, byte(p), protocol, b)
				}
			}
		}
	}
	return s
}

// openBox adds a box to a group's set of rules for everywhere. What all
// protocols have covers every port, so that a rule of one protocol must not
// come on top.
func (c *compiler) openBox(kind, id string, k setKind, protocol byte, of int, b box) string {
	name := chainName(kind, id)
	s := c.set.sets[name]
	if s == nil {
		s = c.set.set(name, k)
	}
	everything := rangeKey(protocol, protocol, box{b.prefix, span{0, 0xffff}})
	if _, ok := s.elements[everything]; ok {
		return name
	}
	if of < 0 {
		for key := range s.elements {
			if key[0] == protocol {
				delete(s.elements, key)
			}
		}
		s.elements[everything] = ""
		return name
	}
	return c.box(kind, id, k, protocol, protocol, b)
}

func (c *compiler) box(kind, id string, k setKind, from, to byte, b box) string {
	name := chainName(kind, id)
	s := c.set.sets[name]
	if s == nil {
		s = c.set.set(name, k)
	}
	s.elements[rangeKey(from, to, b)] = ""
	return name
}

// rangeKey is the key of an element of kindRules4 and kindRules6.
func rangeKey(from, to byte, b box) string {
	return key([]byte{from}, portKey(b.ports.from, 0), b.prefix.Addr().AsSlice(),
		[]byte{to}, portKey(b.ports.to, 0xff), lastAddress(b.prefix).AsSlice())
}

// portKey is a port, or an ICMP type and code, as it stands in the packet's
// mark while it is filtered: two bytes of the header, then two of no meaning.
// The mark of other protocols has no meaning at all; their rules take any.
func portKey(port uint16, rest byte) []byte {
	return append(bigEndian16(port), rest, rest)
}

// spanOf is a rule's ports as port keys.
func spanOf(m plane.Match) span {
	switch m.Protocol {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP:
		if m.FromPort < 0 {
			return span{0, 0xffff}
		}
		return span{uint16(m.FromPort), uint16(m.ToPort)}
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		if m.FromPort < 0 {
			return span{0, 0xffff}
		}
		kind := uint16(m.FromPort) << 8
		if m.ToPort < 0 {
			return span{kind, kind | 0xff}
		}
		return span{kind | uint16(m.ToPort), kind | uint16(m.ToPort)}
	}
	return span{0, 0xffff}
}

// others are the addresses of the other side of a group's rule.
func others(m plane.Match, members map[string][]netip.Prefix) []netip.Prefix {
	if m.Group == "" {
		return []netip.Prefix{m.CIDR}
	}
	all := slices.Clone(members[m.Group])
	for _, a := range m.Peers {
		if a.IsValid() {
			all = append(all, single(a))
		}
	}
	return all
}

// groupChain makes the chain for interfaces that are in the groups: it returns
// where one of them allows, and drops else.
func (c *compiler) groupChain(d direction, ids []string, sets map[string]groupSets, groups map[string]plane.Group) string {
	name := chainName("g"+d.letter, strings.Join(ids, " "))
	if c.set.chains[name] != nil {
		return name
	}
	chain := c.set.chain(name)
	for _, f := range []struct {
		family statement
		far    field
		every  netip.Prefix
		pick   func(groupSets) (rules, all, open string)
	}{
		{ipv4(), d.far4(), all4, func(s groupSets) (string, string, string) { return s.rules4, s.all4, s.open4 }},
		{ipv6(), d.far6(), all6, func(s groupSets) (string, string, string) { return s.rules6, s.all6, s.open6 }},
	} {
		for _, id := range ids {
			rules, all, open := f.pick(sets[id])
			if open != "" {
				for _, p := range answered(d, ids, groups, f.every) {
					chain.add(f.family, isProtocol(p), state(ctNew), in(open, protocol(), packetMark(), f.far), addConnectionMark(d.untracked), giveBack())
				}
			}
			// The packets of untracked flows come here each time. They are found
			// in the small set, whatever the size of the large one.
			for _, s := range []string{open, all, rules} {
				if s != "" {
					chain.add(f.family, in(s, protocol(), packetMark(), f.far), giveBack())
				}
			}
		}
	}
	if d.letter == inward.letter && len(c.relays) > 0 {
		for _, id := range ids {
			c.relayed(chain, id, groups[id].Ingress)
		}
	}
	chain.add(goOn(d.reject))
	return name
}

// answered lists the protocols of which the groups admit every packet in the
// other direction.
func answered(d direction, ids []string, groups map[string]plane.Group, every netip.Prefix) (protocols []byte) {
	for _, p := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		if slices.ContainsFunc(ids, func(id string) bool {
			back := groups[id].Egress
			if d.letter == outward.letter {
				back = groups[id].Ingress
			}
			return slices.ContainsFunc(back, func(m plane.Match) bool {
				return m.Group == "" && m.CIDR == every && (m.Protocol < 0 || m.Protocol == int(p)) && spanOf(m) == span{0, 0xffff}
			})
		}) {
			protocols = append(protocols, p)
		}
	}
	return protocols
}
