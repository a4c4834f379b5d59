//go:build linux

package qemu

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// DHCP as a guest needs it (RFC 2131, 2132): one client on the wire, one
// address for it, known beforehand.

const (
	portServer = 67
	portClient = 68

	// The parts of a message.
	bootRequest, bootReply = 1, 2
	fixedSize              = 236
	magic                  = 0x63825363

	// Kinds of messages.
	discover, offer, request, decline, ack, nak, inform = 1, 2, 3, 4, 5, 6, 8

	// Options.
	optionMask, optionRouter, optionDNS, optionHost, optionDomain, optionMTU = 1, 3, 6, 12, 15, 26
	optionAddress, optionLease, optionKind, optionServer                     = 50, 51, 53, 54
	optionRenewal, optionRebinding, optionSearch, optionEnd                  = 58, 59, 119, 255
)

const (
	// renewal is how soon a guest asks again, and hears of changed options.
	renewal = 30 * time.Minute
	// leaseTime is how long it may use its address without an answer: machines
	// go on while pileus does not run.
	leaseTime = 365 * 24 * time.Hour
)

// lease is what a guest is told beside its address.
type lease struct {
	Host        string // "ip-10-0-0-5"
	Domain      string
	Search      []string
	Nameservers []netip.Addr
}

// amazonDNS is the cloud's own resolver.
var amazonDNS = netip.MustParseAddr("169.254.169.253")

// leaseOf makes a lease of what a machine is to know of its network.
func leaseOf(hostname string, servers, search []string) lease {
	l := lease{Search: search}
	l.Host, l.Domain, _ = strings.Cut(hostname, ".")
	if len(search) > 0 {
		l.Domain = search[0]
	}
	for _, s := range servers {
		if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
			l.Nameservers = append(l.Nameservers, a)
		}
	}
	if len(servers) == 0 {
		l.Nameservers = []netip.Addr{amazonDNS}
	}
	return l
}

// answer is the frame that answers a frame of the guest's; nil for none.
func (l lease) answer(c card, frame []byte) []byte {
	m, ok := dhcpIn(frame)
	if !ok || len(m) < fixedSize+4 || m[0] != bootRequest || binary.BigEndian.Uint32(m[fixedSize:]) != magic || !c.Address.IsValid() {
		return nil
	}
	if !bytes.Equal(m[28:34], c.hardware()) {
		return nil
	}
	asked := options(m[fixedSize+4:])
	kind := l.reply(c, m, asked)
	if kind == 0 {
		return nil
	}
	return c.wrap(l.message(c, m, kind))
}

// reply is the kind of message that a guest's message is answered with; 0 for
// none.
func (l lease) reply(c card, m []byte, asked map[byte][]byte) byte {
	if len(asked[optionKind]) != 1 {
		return 0
	}
	switch asked[optionKind][0] {
	case discover:
		return offer
	case inform:
		return ack
	case request:
		want := asked[optionAddress]
		if want == nil {
			want = m[12:16] // it has one, and renews it
		}
		if s := asked[optionServer]; s != nil && !bytes.Equal(s, c.router().AsSlice()) {
			return 0 // it takes another server's
		}
		if bytes.Equal(want, c.Address.Addr().AsSlice()) {
			return ack
		}
		return nak
	}
	return 0
}

// message is the answer to m.
func (l lease) message(c card, m []byte, kind byte) []byte {
	b := make([]byte, fixedSize, 512)
	copy(b, m[:fixedSize])
	b[0], b[3] = bootReply, 0
	for _, span := range [][2]int{{8, 10}, {16, 28}, {44, fixedSize}} { // seconds, addresses, names
		clear(b[span[0]:span[1]])
	}
	inform := asksOnly(m)
	b = binary.BigEndian.AppendUint32(b, magic)
	b = option(b, optionKind, kind)
	b = option(b, optionServer, c.router().AsSlice()...)
	if kind == nak {
		clear(b[12:16])
		return append(b, optionEnd)
	}
	if !inform {
		copy(b[16:], c.Address.Addr().AsSlice())
		b = option(b, optionLease, seconds(leaseTime)...)
		b = option(b, optionRenewal, seconds(renewal)...)
		b = option(b, optionRebinding, seconds(leaseTime*7/8)...)
	}
	mask := ^uint32(0) << (32 - c.Address.Bits())
	b = option(b, optionMask, binary.BigEndian.AppendUint32(nil, mask)...)
	b = option(b, optionRouter, c.router().AsSlice()...)
	var servers []byte
	for _, s := range l.Nameservers {
		servers = append(servers, s.AsSlice()...)
	}
	b = option(b, optionDNS, servers...)
	b = option(b, optionHost, []byte(l.Host)...)
	b = option(b, optionDomain, []byte(l.Domain)...)
	b = option(b, optionMTU, binary.BigEndian.AppendUint16(nil, uint16(c.MTU))...)
	if len(l.Search) > 1 {
		b = option(b, optionSearch, names(l.Search)...)
	}
	return append(b, optionEnd)
}

// asksOnly tells whether a guest that has an address asks for the rest.
func asksOnly(m []byte) bool {
	return slices.Equal(options(m[fixedSize+4:])[optionKind], []byte{inform})
}

func seconds(d time.Duration) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(d/time.Second))
}

// option adds one that says something.
func option(b []byte, code byte, value ...byte) []byte {
	if len(value) == 0 || len(value) > 255 {
		return b
	}
	return append(append(b, code, byte(len(value))), value...)
}

// names are domains as DNS writes them (RFC 3397), without compression.
func names(domains []string) (b []byte) {
	for _, d := range domains {
		for label := range strings.SplitSeq(strings.Trim(d, "."), ".") {
			b = append(append(b, byte(len(label))), label...)
		}
		b = append(b, 0)
	}
	return b
}

// options reads those of a message.
func options(b []byte) map[byte][]byte {
	all := map[byte][]byte{}
	for len(b) > 1 && b[0] != optionEnd {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		size := int(b[1])
		if len(b) < 2+size {
			break
		}
		all[b[0]] = b[2 : 2+size]
		b = b[2+size:]
	}
	return all
}

// dhcpIn is the message in a frame.
func dhcpIn(frame []byte) ([]byte, bool) {
	if len(frame) < etherSize+20 || binary.BigEndian.Uint16(frame[12:]) != unix.ETH_P_IP {
		return nil, false
	}
	ip := frame[etherSize:]
	header := int(ip[0]&0xf) * 4
	if ip[9] != unix.IPPROTO_UDP || header < 20 || len(ip) < header+8 || binary.BigEndian.Uint16(ip[header+2:]) != portServer {
		return nil, false
	}
	return ip[header+8:], true
}

// wrap makes a frame of an answer: to all where the guest has no address yet.
func (c card) wrap(answer []byte) []byte {
	to, hardware := netip.AddrFrom4([4]byte(answer[12:16])), []byte(c.hardware())
	if to.IsUnspecified() {
		to, hardware = netip.AddrFrom4([4]byte{255, 255, 255, 255}), []byte{255, 255, 255, 255, 255, 255}
	}
	from := c.router()
	udp := binary.BigEndian.AppendUint16(nil, portServer)
	udp = binary.BigEndian.AppendUint16(udp, portClient)
	udp = binary.BigEndian.AppendUint16(udp, uint16(8+len(answer)))
	udp = append(udp, 0, 0)
	udp = append(udp, answer...)
	pseudo := slices.Concat(from.AsSlice(), to.AsSlice(), []byte{0, unix.IPPROTO_UDP}, udp[4:6])
	sum := checksum(pseudo, udp)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], sum)

	ip := []byte{0x45, 0x10, 0, 0, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0}
	binary.BigEndian.PutUint16(ip[2:], uint16(20+len(udp)))
	ip = append(append(ip, from.AsSlice()...), to.AsSlice()...)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	return slices.Concat(hardware, asker, []byte{0x08, 0x00}, ip, udp)
}

// checksum is that of the internet's protocols. All parts but the last have an
// even length.
func checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, p := range parts {
		for i := 0; i < len(p); i += 2 {
			if i+1 == len(p) {
				sum += uint32(p[i]) << 8
				break
			}
			sum += uint32(binary.BigEndian.Uint16(p[i:]))
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
