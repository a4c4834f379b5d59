package vpc

import (
	"encoding/binary"
	"net/netip"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// public is a public address that is given out. There is one internet, so
// addresses are unique among all accounts and regions.
type public struct {
	Addr  netip.Addr
	Owner string // id of what has it: an allocation or an interface
}

var publics = &store.Table[public]{
	Name: "ec2.public",
	Key:  func(p *public) store.Key { return store.K(p.Addr.AsSlice()) },
}

// takePublic gives a public address out.
func takePublic(c *cloud.Call, tx store.Tx, owner string) (netip.Addr, error) {
	free := func(a netip.Addr) bool { return !publics.Has(tx, a.AsSlice()) }
	// The first and last addresses of the range are the data plane's own.
	a, ok := pickAddress(c, plane.Elastic, nil, free)
	if !ok {
		return a, errPublicFull
	}
	publics.Insert(tx, &public{Addr: a, Owner: owner})
	return a, nil
}

func releasePublic(tx store.Tx, a netip.Addr) { publics.Delete(tx, a.AsSlice()) }

// amazonIPv6 is where Amazon's IPv6 ranges are taken from: the range for
// documentation, which is nobody's.
var amazonIPv6 = netip.MustParsePrefix("2001:db8::/32")

// vpcIPv6Bits is the length of the range that a VPC gets from Amazon.
const vpcIPv6Bits = 56

// takeIPv6Range gives a /56 out.
func takeIPv6Range(c *cloud.Call, tx store.Tx, vpc string) netip.Prefix {
	for {
		b := amazonIPv6.Addr().As16()
		binary.BigEndian.PutUint32(b[4:], uint32(c.Rand().Uint64())&^0xff)
		p := netip.PrefixFrom(netip.AddrFrom16(b), vpcIPv6Bits)
		if !publics.Has(tx, p.Addr().AsSlice()) {
			publics.Insert(tx, &public{Addr: p.Addr(), Owner: vpc})
			return p
		}
	}
}
