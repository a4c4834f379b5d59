//go:build linux

package network

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestDisjoint compares boxes with what they were made of, address by address
// and port by port, in a small world.
func TestDisjoint(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 500 {
		var given []box
		for range 1 + r.IntN(8) {
			from := uint16(r.IntN(12))
			bits := 28 + r.IntN(5)
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(16))}), bits)
			given = append(given, box{p, span{from, from + uint16(r.IntN(6))}})
		}
		made := disjoint(given)
		for host := range 16 {
			for port := range uint16(20) {
				a := netip.AddrFrom4([4]byte{10, 0, 0, byte(host)})
				if want, got := covers(given, a, port), covers(made, a, port); (want > 0) != (got > 0) || got > 1 {
					t.Fatalf("round %d: %v port %d is in %d of %v and in %d of %v", round, a, port, want, given, got, made)
				}
			}
		}
	}
}

func covers(boxes []box, a netip.Addr, port uint16) (n int) {
	for _, b := range boxes {
		if b.prefix.Contains(a) && b.ports.from <= port && port <= b.ports.to {
			n++
		}
	}
	return n
}

func TestNthAddress(t *testing.T) {
	for _, test := range []struct {
		prefix string
		n      int
		want   string
	}{
		{"10.0.0.0/24", 1, "10.0.0.1"}, {"10.0.0.0/16", 256, "10.0.1.0"}, {"10.0.0.255/32", 1, "10.0.1.0"},
		{"10.0.0.0/24", -1, "10.0.0.255"}, {"198.18.0.0/15", -2, "198.19.255.254"}, {"10.0.0.0/16", -257, "10.0.254.255"},
		{"2001:db8::/32", -1, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"}, {"2001:db8::/64", 2, "2001:db8::2"},
	} {
		if got := nthAddress(netip.MustParsePrefix(test.prefix), test.n).String(); got != test.want {
			t.Errorf("address %d of %s: %s, want %s", test.n, test.prefix, got, test.want)
		}
	}
}

func TestNumbersStay(t *testing.T) {
	ids := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprint("subnet-", i))
		}
		return all
	}
	of := func(h uint32) uint32 { return h % 64 } // clashes often
	few := number(ids(20), nil, map[string]uint32{}, of)
	many := number(ids(60), few, map[string]uint32{}, of)
	taken := map[uint32]string{}
	for id, v := range many {
		if other, ok := taken[v]; ok {
			t.Errorf("%s and %s are both %d", id, other, v)
		}
		taken[v] = id
		if before, ok := few[id]; ok && before != v {
			t.Errorf("%s was %d and is %d", id, before, v)
		}
	}
}
