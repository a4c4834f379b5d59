package vpc

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"pileus/cloud"
	"pileus/store"
)

// TestAddressesAreNobodysTwice takes and gives back addresses at random and
// holds the pool to what a map says.
func TestAddressesAreNobodysTwice(t *testing.T) {
	w := newWorld(t)
	vpc := w.vpc("10.0.0.0/16")
	id := w.subnet(vpc, "10.0.0.32/28", "us-east-1a")
	const room = 16 - reservedFirst - reservedLast
	dice := rand.New(rand.NewPCG(1, 2))
	have := map[netip.Addr]bool{}
	for step := range 400 {
		var taken netip.Addr
		var takeErr error
		take := dice.IntN(2) == 0
		var back netip.Addr
		for a := range have {
			back = a
			break
		}
		err := w.update(func(c *cloud.Call, tx store.Tx) error {
			s, err := FindSubnet(c, tx, id)
			if err != nil {
				return err
			}
			switch {
			case take:
				taken, takeErr = takeAddress(c, tx, s, "eni-1", netip.Addr{})
			case back.IsValid():
				releaseAddress(tx, c.Account, c.Region, id, back)
			}
			return nil
		})
		switch {
		case err != nil:
			t.Fatal(err)
		case take && len(have) == room:
			wantCode(t, takeErr, "InsufficientFreeAddressesInSubnet")
		case take && takeErr != nil:
			t.Fatalf("step %d, %d of %d in use: %v", step, len(have), room, takeErr)
		case take && (have[taken] || !usable(netip.MustParsePrefix("10.0.0.32/28"), taken)):
			t.Fatalf("step %d: got %s, which is not to be had", step, taken)
		case take:
			have[taken] = true
		default:
			delete(have, back)
		}
		w.View(func(r store.Reader) {
			s, _ := subnets.Get(r, w.Call().Account, w.Call().Region, id)
			if n := freeAddresses(r, s); n != room-len(have) {
				t.Fatalf("step %d: %d addresses are free, want %d", step, n, room-len(have))
			}
		})
	}
}

func TestReservedAddresses(t *testing.T) {
	p := netip.MustParsePrefix("10.0.1.0/24")
	for a, want := range map[string]bool{
		"10.0.1.0": false, "10.0.1.1": false, "10.0.1.2": false, "10.0.1.3": false, "10.0.1.4": true,
		"10.0.1.254": true, "10.0.1.255": false, "10.0.2.4": false, "2001:db8::1": false,
	} {
		if got := usable(p, netip.MustParseAddr(a)); got != want {
			t.Errorf("usable(%s) is %t", a, got)
		}
	}
}

// TestPublicAddressesAreUnique takes public addresses in two accounts.
func TestPublicAddressesAreUnique(t *testing.T) {
	w := newWorld(t)
	seen := map[netip.Addr]bool{}
	for n := range 300 {
		var got netip.Addr
		err := w.update(func(c *cloud.Call, tx store.Tx) error {
			if n%2 == 0 {
				c = c.In("111111111111", "eu-west-1")
			}
			var err error
			got, err = takePublic(c, tx, "x")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if seen[got] {
			t.Errorf("%s was given out twice", got)
		}
		seen[got] = true
	}
}
