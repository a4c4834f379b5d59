//go:build linux

package network

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"pileus/plane"
)

// Everything that we make has the cloud's name: namespaces as
// pileus-<cloud>-<id>, the one interface in the host as pl-<cloud>. What is
// inside of a namespace of ours needs no more than a name that is unique
// there.

var cloudName = regexp.MustCompile(`^[a-z0-9]{1,8}$`)

func (n *Network) namespacePath(id string) string {
	return filepath.Join(runNetNS, n.prefix()+id)
}

func (n *Network) prefix() string { return "pileus-" + n.opt.Cloud + "-" }

const internetID = "internet"

func (n *Network) hostLink() string { return "pl-" + n.opt.Cloud }

// linkName is a name that fits the 15 bytes of the kernel: a letter for the
// kind, and of the id what keeps it apart from others.
func linkName(kind, id string) string {
	sum := sha256.Sum256([]byte(id))
	return kind + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:12])
}

// ifname is a link's name as nftables compares it.
func ifname(name string) []byte {
	b := make([]byte, 16)
	copy(b, name)
	return b
}

// chainName is a name for a set or chain about id.
func chainName(kind, id string) string {
	sum := sha256.Sum256([]byte(id))
	return kind + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:16])
}

// Links carry a group: small numbers for gateways, and for interfaces a word
// that tells zone and subnet. Rules for thousands of interfaces so become a
// look-up of one number.
const (
	groupInternet   = 1 // the internet gateway
	groupEgressOnly = 2
	groupEndpoint   = 3 // gateway endpoints
	groupPeering    = 4
	groupVPN        = 5

	interfaceBit = 1 << 31
	zoneShift    = 24
	zoneMask     = 0x7f << zoneShift
	subnetMask   = 1<<zoneShift - 1
	firstSubnet  = 1000 // numbers below are tables of the kernel, and gateways
	firstGateway = 100  // the table of a gateway's own is this plus its group
)

// numbering gives subnets and zones the numbers by which the kernel knows
// them: always the same for the same ids, but for the rare clash.
type numbering struct {
	subnets map[string]uint32
	zones   map[string]uint32
}

// learn numbers what v has, keeping what had a number before.
func (n *numbering) learn(v plane.VPC) {
	subnets, zones := map[string]uint32{}, map[string]uint32{}
	var ids, names []string
	for _, s := range v.Subnets {
		ids, names = append(ids, s.ID), append(names, s.Zone)
	}
	slices.Sort(ids)
	slices.Sort(names)
	n.subnets = number(ids, n.subnets, subnets, func(h uint32) uint32 { return firstSubnet + h%(subnetMask-firstSubnet) })
	n.zones = number(names, n.zones, zones, func(h uint32) uint32 { return 1 + h%126 })
}

func number(ids []string, before, now map[string]uint32, of func(hash uint32) uint32) map[string]uint32 {
	taken := map[uint32]bool{}
	for _, id := range ids {
		if v, ok := before[id]; ok {
			now[id], taken[v] = v, true
		}
	}
	for _, id := range ids {
		if _, ok := now[id]; ok {
			continue
		}
		sum := sha256.Sum256([]byte(id))
		h := binary.BigEndian.Uint32(sum[:])
		for taken[of(h)] {
			h++
		}
		now[id], taken[of(h)] = of(h), true
	}
	return now
}

func (n *numbering) group(s plane.Subnet) uint32 {
	return interfaceBit | n.zones[s.Zone]<<zoneShift | n.subnets[s.ID]
}

// The ends of every veth between namespaces of ours have these hardware
// addresses; who sends knows the other end without asking.
var (
	routerMAC = net.HardwareAddr{0x0e, 0x50, 0x49, 0x4c, 0x00, 0x01}
	farMAC    = net.HardwareAddr{0x0e, 0x50, 0x49, 0x4c, 0x00, 0x02}
	// The next hops on such a veth, which nobody has as an address.
	next4 = netip.MustParseAddr("169.254.0.1")
	next6 = netip.MustParseAddr("fe80::1")
)

// nthAddress is the i-th address of a prefix; negative numbers count from its
// end, which is -1.
func nthAddress(p netip.Prefix, i int) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	if i < 0 {
		for bit := p.Bits(); bit < len(b)*8; bit++ {
			b[bit/8] |= 0x80 >> (bit % 8)
		}
		i++
	}
	for at := len(b) - 1; at >= 0 && i != 0; at-- {
		v := int(b[at]) + i
		b[at] = byte(v)
		i = v >> 8
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// lastAddress is the highest address of a prefix.
func lastAddress(p netip.Prefix) netip.Addr { return nthAddress(p, -1) }

// single is the prefix of one address.
func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func fromIPNet(n *net.IPNet) (netip.Prefix, error) {
	a, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, fmt.Errorf("%v is no prefix", n)
	}
	bits, size := n.Mask.Size()
	if size == 32 {
		a = a.Unmap()
	}
	return netip.PrefixFrom(a, bits), nil
}

// all4 and all6 are the prefixes of everything.
var (
	all4 = netip.MustParsePrefix("0.0.0.0/0")
	all6 = netip.MustParsePrefix("::/0")
)
