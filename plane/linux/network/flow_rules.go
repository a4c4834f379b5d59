//go:build linux

package network

import (
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// Flow logs are counted by the kernel: where a packet is accepted or
// rejected, the element of its flow grows. Nothing is copied to us, and
// without flow logs the rules are not there.
const (
	setFlows4 = "flows4"
	setFlows6 = "flows6"

	flowLife  = time.Minute // without packets; readers come every second or so
	flowLimit = 1 << 18
)

// A flow's key: a word that says where it was counted, the link, protocol,
// TCP flags, addresses, ports.
const (
	flowOut = iota
	flowOutRejected
	flowIn
	flowInRejected
)

func flowKind(address int) setKind {
	return setKind{key: nftables.SetDatatype{Name: "flow", Bytes: uint32(5*4 + 2*address)}, dynamic: true}
}

// flows adds the counting rules at the four places where a packet's fate is
// known.
func (c *compiler) flows() {
	c.set.set(setFlows4, kindFlows4)
	c.set.set(setFlows6, kindFlows6)
	for _, at := range []struct {
		chain string
		where uint32
		link  field
	}{
		{"accept-out", flowOut, inIndex()}, {chainRejectOut, flowOutRejected, inIndex()},
		{"accept-in", flowIn, outIndex()}, {chainRejectIn, flowInRejected, outIndex()},
	} {
		chain := c.set.chains[at.chain]
		last := chain.rules
		chain.rules = nil
		none := constant(native(0))
		for _, f := range []struct {
			family   statement
			set      string
			from, to field
		}{{ipv4(), setFlows4, source4(), dest4()}, {ipv6(), setFlows6, source6(), dest6()}} {
			where := constant(native(at.where))
			chain.add(f.family, isProtocol(unix.IPPROTO_TCP),
				count(f.set, where, at.link, protocol(), transport(13, 1), f.from, f.to, transport(0, 4)))
			chain.add(f.family, isProtocol(unix.IPPROTO_UDP),
				count(f.set, where, at.link, protocol(), none, f.from, f.to, transport(0, 4)))
			chain.add(f.family, isNot(protocol(), []byte{unix.IPPROTO_TCP}), isNot(protocol(), []byte{unix.IPPROTO_UDP}),
				count(f.set, where, at.link, protocol(), none, f.from, f.to, none))
		}
		chain.rules = append(chain.rules, last...)
	}
}
