package vpc

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// taken is a private address, or the base of a prefix, that an interface has.
// It is a row of its own so that launching into one subnet many times at once
// does not make the launches conflict.
type taken struct {
	Account, Region, Subnet string
	Addr                    netip.Addr
	Interface               string
}

var takens = &store.Table[taken]{
	Name: "ec2.taken",
	Key: func(t *taken) store.Key {
		return store.K(t.Account, t.Region, t.Subnet, t.Addr.AsSlice())
	},
}

const (
	// reservedFirst and reservedLast are the addresses of each subnet that are
	// nobody's: the network, the router, DNS, one for the future; and the last.
	// https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
	reservedFirst = 4
	reservedLast  = 1

	maxGroupsOfInterface = 5
)

// size is how many addresses an IPv4 range has.
func size(p netip.Prefix) int { return 1 << (32 - p.Bits()) }

// nth is the address n places after the first of a range.
func nth(p netip.Prefix, n int) netip.Addr {
	b := p.Masked().Addr().As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(n))
	return netip.AddrFrom4(b)
}

// offset is the inverse of nth.
func offset(p netip.Prefix, a netip.Addr) int {
	base, at := p.Masked().Addr().As4(), a.As4()
	return int(binary.BigEndian.Uint32(at[:]) - binary.BigEndian.Uint32(base[:]))
}

// usable tells whether an address of the subnet may be given to anybody.
func usable(p netip.Prefix, a netip.Addr) bool {
	if !a.Is4() || !p.Contains(a) {
		return false
	}
	n := offset(p, a)
	return n >= reservedFirst && n < size(p)-reservedLast
}

// takeAddress gives an IPv4 address of the subnet to an interface: the one that
// is wanted, or any that is free and in none of the ranges to leave.
func takeAddress(c *cloud.Call, tx store.Tx, s *Subnet, eni string, want netip.Addr, leave ...netip.Prefix) (netip.Addr, error) {
	free := func(a netip.Addr) bool { return !takens.Has(tx, c.Account, c.Region, s.ID, a.AsSlice()) }
	if want.IsValid() {
		if !s.CIDR.Contains(want) {
			return want, resource.Errorf("InvalidParameterValue", "Address %s does not fall within the subnet's address range", want)
		}
		if !usable(s.CIDR, want) {
			return want, resource.Errorf("InvalidParameterValue", "Address %s is in subnet's reserved address range", want)
		}
		if !free(want) {
			return want, errAddressInUse
		}
	} else {
		var ok bool
		if want, ok = pickAddress(c, s.CIDR, append(reservations(c, tx, s.ID), leave...), free); !ok {
			return want, errNoAddresses(s.ID)
		}
	}
	takens.Insert(tx, &taken{Account: c.Account, Region: c.Region, Subnet: s.ID, Addr: want, Interface: eni})
	return want, nil
}

// pickAddress finds a free address at random; where the subnet is nearly full
// and luck fails, the first that is free from a random one on. What is reserved
// is left out.
func pickAddress(c *cloud.Call, p netip.Prefix, reserved []netip.Prefix, free func(netip.Addr) bool) (netip.Addr, bool) {
	n := size(p) - reservedFirst - reservedLast
	good := func(a netip.Addr) bool {
		for _, r := range reserved {
			if r.Contains(a) {
				return false
			}
		}
		return free(a)
	}
	const tries = 24
	var start int
	for range tries {
		start = int(c.Rand().Uint64() % uint64(n))
		if a := nth(p, reservedFirst+start); good(a) {
			return a, true
		}
	}
	for k := range n {
		if a := nth(p, reservedFirst+(start+k)%n); good(a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// takePrefix gives sixteen addresses in a row, a /28, to an interface.
func takePrefix(c *cloud.Call, tx store.Tx, s *Subnet, eni string, want netip.Prefix) (netip.Prefix, error) {
	free := func(p netip.Prefix) bool {
		for k := range size(p) {
			if a := nth(p, k); !usable(s.CIDR, a) || takens.Has(tx, c.Account, c.Region, s.ID, a.AsSlice()) {
				return false
			}
		}
		return true
	}
	if want.IsValid() {
		if want.Bits() != 28 || want != want.Masked() || !s.CIDR.Contains(want.Addr()) {
			return want, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter Ipv4Prefix is invalid.", want)
		}
		if !free(want) {
			return want, errAddressInUse
		}
	} else {
		for k := 0; k < size(s.CIDR); k += 16 {
			if p := netip.PrefixFrom(nth(s.CIDR, k), 28); free(p) {
				want = p
				break
			}
		}
		if !want.IsValid() {
			return want, resource.Errorf("InsufficientCidrBlocks", "There are not enough available CIDR blocks in subnet '%s'.", s.ID)
		}
	}
	for k := range size(want) {
		takens.Insert(tx, &taken{Account: c.Account, Region: c.Region, Subnet: s.ID, Addr: nth(want, k), Interface: eni})
	}
	return want, nil
}

// takeIPv6 gives an IPv6 address of the subnet to an interface.
func takeIPv6(c *cloud.Call, tx store.Tx, s *Subnet, eni string, want netip.Addr) (netip.Addr, error) {
	if len(s.IPv6) == 0 {
		return want, resource.Errorf("InvalidParameterValue", "Subnet '%s' does not have IPv6 CIDR blocks.", s.ID)
	}
	p := s.IPv6[0].Prefix
	has := func(a netip.Addr) bool { return takens.Has(tx, c.Account, c.Region, s.ID, a.AsSlice()) }
	if want.IsValid() {
		if !want.Is6() || !p.Contains(want) {
			return want, resource.Errorf("InvalidParameterValue", "Address %s does not fall within the subnet's address range", want)
		}
		if has(want) {
			return want, errAddressInUse
		}
	} else {
		want = randomIn(c, p)
		for has(want) {
			want = randomIn(c, p)
		}
	}
	takens.Insert(tx, &taken{Account: c.Account, Region: c.Region, Subnet: s.ID, Addr: want, Interface: eni})
	return want, nil
}

// randomIn is an address of an IPv6 range, its last 64 bits at random.
func randomIn(c *cloud.Call, p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As16()
	binary.BigEndian.PutUint64(b[8:], c.Rand().Uint64())
	return netip.AddrFrom16(b)
}

// takeIPv6Prefix gives an /80 of the subnet to an interface.
func takeIPv6Prefix(c *cloud.Call, tx store.Tx, s *Subnet, eni string, want netip.Prefix) (netip.Prefix, error) {
	if len(s.IPv6) == 0 {
		return want, resource.Errorf("InvalidParameterValue", "Subnet '%s' does not have IPv6 CIDR blocks.", s.ID)
	}
	has := func(p netip.Prefix) bool {
		return takens.Has(tx, c.Account, c.Region, s.ID, p.Masked().Addr().AsSlice())
	}
	if want.IsValid() {
		if want.Bits() != 80 || !s.IPv6[0].Prefix.Contains(want.Addr()) {
			return want, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter Ipv6Prefix is invalid.", want)
		}
		if has(want) {
			return want, errAddressInUse
		}
	} else {
		for !want.IsValid() || has(want) {
			want = netip.PrefixFrom(randomIn(c, s.IPv6[0].Prefix), 80).Masked()
		}
	}
	want = want.Masked()
	takens.Insert(tx, &taken{Account: c.Account, Region: c.Region, Subnet: s.ID, Addr: want.Addr(), Interface: eni})
	return want, nil
}

// releaseAddress gives an address, or the base of an IPv6 prefix, back.
func releaseAddress(tx store.Tx, account, region, subnet string, a netip.Addr) {
	takens.Delete(tx, account, region, subnet, a.AsSlice())
}

// releasePrefix gives a prefix back.
func releasePrefix(tx store.Tx, account, region, subnet string, p netip.Prefix) {
	if p.Addr().Is6() {
		releaseAddress(tx, account, region, subnet, p.Addr())
		return
	}
	for k := range size(p) {
		releaseAddress(tx, account, region, subnet, nth(p, k))
	}
}

// freeAddresses counts the IPv4 addresses of a subnet that nobody has.
func freeAddresses(r store.Reader, s *Subnet) int {
	if !s.CIDR.IsValid() {
		return 0
	}
	n := size(s.CIDR) - reservedFirst - reservedLast
	prefix := store.K(s.Account, s.Region, s.ID)
	for t := range takens.Glance(r, prefix, prefix) {
		if t.Addr.Is4() {
			n--
		}
	}
	return n
}

// newMAC makes a hardware address: local, unicast.
func newMAC(c *cloud.Call) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], c.Rand().Uint64())
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", b[0]&0x1c|0x02, b[1], b[2], b[3], b[4], b[5])
}
